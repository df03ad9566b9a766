/* SPDX-License-Identifier: MIT */
/*
 * A file that is cut and made longer while threads of several spaces, which fork, read and write it through shared and private mappings, on several
 * pretend CPUs that change at any access to memory, as a seed says (arch_target/interleave.h).
 *
 * Each value that is written names its page, who wrote it and a number that only grows. So whatever a thread finds can be judged: it is zero or a value of
 * that page; one that was written in private is seen by its space and those that were forked from it, through private mappings only; what was there
 * when the page was cut off never comes back; and what was written since is there until the page is cut off again.
 */
#include "arch_target/interleave.h"
#include "fs/memfd.h"
#include "lib/bits.h"
#include "lib/check.h"
#include "mem/vmap.h"
#include "sched/kthread.h"
#include "sched/test/cpus.h"
#include "sched/test/crew.h"
#include "sched/test/schedules.h"
#include "vfs/pagecache.h"
#include "vfs/test/machine.h"
#include "vm/fault.h"
#include "vm/mmap.h"
#include "vm/ptshare.h"
#include <unistd.h>

#define CPUS 4u
#define WORKERS 4u /* the first one cuts */
#define STEPS 8u
#define PAGES 6u
#define SPACES 24u /* in one schedule */
#define BATCH 100ul
#define SCHEDULES 1000ul
#define SHARED_AT (pt_span(1) * 8 - 3 * PAGE_SIZE) /* across the border of two tables */
#define PRIVATE_AT (pt_span(1) * 9 - 3 * PAGE_SIZE)

/* A value: number, who wrote it (space of a private copy, or SPACES: into the file), page + 1. */
#define VALUE(n, who, page) ((uint64_t)(n) << 16 | (uint64_t)(who) << 8 | ((page) + 1))

struct space { struct aspace *as; uint32_t ancestors; };

static struct space spaces[SPACES];
static unsigned space_count;
static struct file *file;
static struct {
	uint64_t dead;  /* up to this number nothing may be seen any more */
	uint64_t floor; /* in the file is at least this, unless it is cut */
} pages[PAGES];
static unsigned size, cuts_begun, cuts_done; /* size: the least that the file may have now */
static uint64_t number, writing[WORKERS + 1];
static unsigned long first_seed, last_seed;

struct worker { unsigned id; uint64_t rnd; struct space *in; };
static struct worker workers[WORKERS];

static unsigned rnd(struct worker *w, unsigned n) { return crew_random(&w->rnd, n); }

static uaddr_t addr_of(unsigned page, bool shared) { return (shared ? SHARED_AT : PRIVATE_AT) + page * PAGE_SIZE; }
static uaddr_t speculation(unsigned random) { return addr_of(random / 2 % PAGES, random & 1); }
static bool owns(const struct worker *w, unsigned page) { return w->id && page % (WORKERS - 1) == w->id - 1; }

/* What an access found, which began when the page's figures were these. */
static void judge(const struct space *s, unsigned page, bool shared, uint64_t v, uint64_t dead, uint64_t floor)
{
	unsigned who = (unsigned)(v >> 8 & 0xff);
	uint64_t n = v >> 16;

	if (v) {
		EXPECT((v & 0xff) == page + 1);
		EXPECT(who == SPACES || (!shared && s && (s->ancestors & 1u << who)));
		EXPECT(n > dead && n <= number);
	}
	if (shared && pages[page].floor >= floor) /* not cut meanwhile */
		EXPECT(n >= floor);
}

static void do_read(struct worker *w, unsigned page, bool shared)
{
	uint64_t v = 0, dead = pages[page].dead, floor = pages[page].floor;
	unsigned begun = cuts_begun;
	bool may_fail = cuts_begun != cuts_done || size <= page, ok;

	if (rnd(w, 5))
		ok = user_get(&v, addr_of(page, shared)) == 0;
	else if (rnd(w, 2) || !shared)
		ok = vm_read_foreign(w->in->as, addr_of(page, shared), &v, sizeof(v)) == sizeof(v);
	else
		ok = file_read_kernel(file, &v, sizeof(v), (loff_t)page << PAGE_SHIFT) == sizeof(v);
	EXPECT(ok || may_fail || begun != cuts_begun);
	if (ok)
		judge(w->in, page, shared, v, dead, floor);
}

static void do_write(struct worker *w, unsigned page, bool shared)
{
	unsigned begun = cuts_begun;
	bool quiet = cuts_begun == cuts_done, ok;
	uint64_t n = ++number, v = VALUE(n, shared ? SPACES : (unsigned)(w->in - spaces), page);

	writing[w->id] = n;
	if (rnd(w, 5))
		ok = user_put(addr_of(page, shared), &v) == 0;
	else
		ok = vm_write_foreign(w->in->as, addr_of(page, shared), &v, sizeof(v)) == sizeof(v);
	writing[w->id] = 0;
	EXPECT(ok || !quiet || begun != cuts_begun || size <= page);
	if (ok && shared && quiet && begun == cuts_begun)
		pages[page].floor = n;
}

/* The first worker's: what was written before this began is gone when it ends. */
static void do_cut(struct worker *w)
{
	unsigned to = rnd(w, PAGES + 1);
	uint64_t before = number;

	for (unsigned i = 0; i <= WORKERS; i++)
		if (writing[i] && writing[i] <= before)
			before = writing[i] - 1;
	cuts_begun++;
	size = MIN(size, to);
	for (unsigned i = to; i < PAGES; i++)
		pages[i].floor = 0;
	EXPECT(file_truncate(file->inode, (loff_t)to << PAGE_SHIFT) == 0);
	for (unsigned i = to; i < PAGES; i++)
		pages[i].dead = MAX(pages[i].dead, before);
	if (rnd(w, 4)) {
		EXPECT(file_truncate(file->inode, (loff_t)PAGES << PAGE_SHIFT) == 0);
		to = PAGES;
	}
	size = to;
	cuts_done++;
}

static void map_file(struct aspace *as, unsigned from, unsigned n, bool shared)
{
	struct map_request r = { .addr = addr_of(from, shared), .len = n * PAGE_SIZE, .prot = PROT_READ | PROT_WRITE, .pgoff = from,
				 .flags = MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE), .ops = &mapping_vm_ops, .object = file,
				 .may = VMA_MAYREAD | VMA_MAYWRITE };

	EXPECT(vm_map(as, &r) == r.addr);
}

static void steps(struct worker *w, unsigned n, unsigned depth);

static void do_fork(struct worker *w, unsigned depth)
{
	struct space *parent = w->in, *child = &spaces[space_count];

	if (space_count == SPACES)
		return;
	space_count++;
	child->ancestors = parent->ancestors | 1u << (child - spaces);
	child->as = aspace_fork(parent->as);
	EXPECT(!IS_ERR(child->as));
	w->in = child;
	aspace_activate(child->as);
	steps(w, 2 + rnd(w, 4), depth + 1);
	aspace_activate(parent->as);
	aspace_put(child->as);
	w->in = parent;
}

static void steps(struct worker *w, unsigned n, unsigned depth)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned page = rnd(w, PAGES), kind = rnd(w, 16);
		bool shared = rnd(w, 2);

		if (!w->id && kind < 8)
			do_cut(w);
		else if (kind < 5) { /* the second time through what the first one mapped */
			do_read(w, page, shared);
			do_read(w, page, shared);
		} else if (kind < 12 && (owns(w, page) || (depth && !shared)))
			do_write(w, page, shared);
		else if (kind < 13 && depth)
			map_file(w->in->as, page, 1 + rnd(w, PAGES - page), shared); /* over what is there */
		else if (kind >= 14 && depth < 2)
			do_fork(w, depth);
	}
}

static void work(unsigned id, uint64_t random)
{
	struct worker *w = &workers[id];

	w->rnd = random;
	w->in = &spaces[0];
	aspace_activate(w->in->as);
	steps(w, STEPS, 0);
	thread_current()->aspace = NULL;
	aspace_put(w->in->as);
}

/* With nobody about: what is mapped of the file is what the file has. */
static void check_mapped(struct aspace *as)
{
	for (unsigned i = 0; i < PAGES; i++) {
		pte_t e = ptshare_peek(as, addr_of(i, true), NULL);

		EXPECT(!pte_mapped(e) || ptshare_page(e)->owner == file->inode->mapping);
	}
}

static void check_end(struct worker *d)
{
	struct aspace *as = spaces[0].as;

	ptshare_verify(&as, 1);
	check_mapped(as);
	aspace_activate(as);
	d->in = &spaces[0];
	for (unsigned i = 0; i < 2 * PAGES; i++)
		do_read(d, i / 2, i & 1);
	thread_current()->aspace = NULL;
	aspace_put(as);
	file_put(file);
}

static void one_schedule(unsigned long n)
{
	struct worker d = { .id = WORKERS, .rnd = n * 0x9E3779B97F4A7C15ull + 5 };

	schedule_seed = n;
	host_interleave(n, 1u << n % 10);
	memset(pages, 0, sizeof(pages));
	cuts_begun = cuts_done = 0;
	size = PAGES;
	file = memfd_create("cut", false);
	EXPECT(!IS_ERR(file) && file_truncate(file->inode, (loff_t)PAGES << PAGE_SHIFT) == 0);
	spaces[0] = (struct space){ aspace_new(), 1 };
	space_count = 1;
	map_file(spaces[0].as, 0, PAGES, true);
	map_file(spaces[0].as, 0, PAGES, false);
	d.in = &spaces[0];
	aspace_activate(d.in->as);
	for (unsigned i = 0; i < PAGES; i++)
		do_write(&d, i, true);
	thread_current()->aspace = NULL;
	for (unsigned i = 0; i < WORKERS; i++)
		aspace_get(spaces[0].as);
	crew_run();
	check_end(&d);
}

static unsigned long settled_free(void)
{
	host_interleave(schedule_seed, 1u << 28); /* only where somebody waits */
	for (int i = 0; i < 20; i++)
		sched_yield(); /* what is given back later */
	vmap_reap();
	slab_reap();
	frame_check();
	return frame_free_count();
}

static void director(void *unused)
{
	unsigned long before = 0;

	(void)unused;
	for (unsigned long n = first_seed; n <= last_seed; n++) {
		one_schedule(n);
		if (n == first_seed)
			before = settled_free(); /* the first fills the object caches */
		else if (settled_free() != before)
			schedules_wrong(__FILE__, __LINE__, "frames were lost or gained");
	}
	_exit(0);
}

static void run_batch(unsigned long first, unsigned long last)
{
	first_seed = first;
	last_seed = last;
	test_machine_start(NULL);
	memfd_init();
	check_panic_hook = schedules_wrong;
	host_stuck = schedules_stuck;
	host_speculation = speculation;
	test_cpus_start(CPUS, 1);
	for (unsigned i = 0; i < WORKERS; i++)
		workers[i].id = i;
	crew_start(WORKERS, work);
	kthread_start("director", director, NULL);
	sched_idle_loop();
}

int main(int argc, char **argv)
{
	static const struct schedules truncated = { SCHEDULES, BATCH, run_batch };

	return schedules_main(&truncated, argc, argv);
}
