/* SPDX-License-Identifier: MIT */
/*
 * Threads of several address spaces that share page tables, on several pretend CPUs, with every change of CPUs chosen by a seed: at any access to memory that
 * the kernel makes (arch_target/interleave.h). Threads of one space write, read, unmap, map, protect and drop their pages and fork, all at
 * once; who forks goes into the child for a while, checks what it finds and changes it.
 *
 * The model: each page of a space belongs to one thread, which alone changes it and so knows what it must find. Each change is a version of the
 * page; others, and a child that was forked meanwhile, may find any version from the last that was done when they began to the last that was begun
 * when they ended. What a child has found once stays, whatever its parent does. After each schedule the tables are verified, all
 * pages compared, and the frames counted.
 *
 * TRACE=1 prints what the threads do.
 */
#include "fixture.h"
#include "lib/check.h"
#include "mem/kmap.h"
#include "mem/slab.h"
#include "sched/balance.h"
#include "sched/kthread.h"
#include "sched/test/cpus.h"
#include "sched/test/crew.h"
#include "sched/test/schedules.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CPUS 4u
#define WORKERS 3u
#define BATCH 250ul
#define SCHEDULES 2000ul
#define STEPS 6u          /* of one worker */
#define BLOCK_PAGES 4u
#define BLOCKS 3u         /* the first two lie across the border of two tables each; the last is alone in its table, and one worker's */
#define PAGES (BLOCK_PAGES * BLOCKS)
#define VERSIONS 64u
#define SPACES 8u
#define ARENA (pt_span(1) * 16)

/* One state of a page. */
struct version { bool mapped, writable; uint64_t value; };

struct mpage {
	unsigned lo, started; /* the page is as one of these versions says */
	struct version v[VERSIONS];
};

struct space {
	struct aspace *as;
	struct mpage pages[PAGES];
};

static struct space spaces[SPACES];
static struct spinlock spaces_lock = SPINLOCK_INIT(LOCK_LEAF);
static bool trace;
static uint64_t next_value;
static bool starved; /* in this schedule allocations fail now and then */
static unsigned hot; /* first page of the block where most of this schedule happens */

#define SAY(...) (trace ? (void)fprintf(stderr, __VA_ARGS__) : (void)0)

static void died(int sig)
{
	schedules_say_again();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* ---- what a worker does, from its own random numbers ---- */

struct worker {
	unsigned id;
	uint64_t rnd;
	struct space *in; /* where it is now */
	bool alone;       /* in a child: all pages are its own */
};
static struct worker workers[WORKERS];

static unsigned rnd(struct worker *w, unsigned n) { return crew_random(&w->rnd, n); }

static uaddr_t addr_of(unsigned page)
{
	unsigned block = page / BLOCK_PAGES;
	uaddr_t base = block < 2 ? ARENA + (block + 1) * pt_span(1) - BLOCK_PAGES / 2 * PAGE_SIZE : ARENA + 4 * pt_span(1) + 64 * PAGE_SIZE;

	return base + page % BLOCK_PAGES * PAGE_SIZE;
}

/* What the processors look up ahead of time. */
static uaddr_t speculation(unsigned random) { return addr_of(random & 1 ? hot + random / 2 % BLOCK_PAGES : random / 2 % PAGES); }

static bool owns(const struct worker *w, unsigned page)
{
	return w->alone || (page / BLOCK_PAGES == 2 ? w->id == 0 : page % WORKERS == w->id);
}

static bool certain(const struct mpage *m) { return m->lo == m->started; }
static const struct version *latest(const struct mpage *m) { return &m->v[m->started]; }

/* The owner begins a change, and is done with it. */
static void change_begin(struct mpage *m, bool mapped, bool writable, uint64_t value)
{
	EXPECT(m->started + 1 < VERSIONS);
	m->v[m->started + 1] = (struct version){ mapped, writable, value };
	m->started++;
}
static void change_end(struct mpage *m) { m->lo = m->started; }
/* After a change that may have failed, which may have done a part of it: nobody knows then. */
static void change_result(struct mpage *m, unsigned n, long err)
{
	EXPECT(!err || (err == -ENOMEM && starved));
	for (unsigned i = 0; !err && i < n; i++)
		change_end(&m[i]);
}
static void change_undo(struct mpage *m) { m->started--; }

/* An access has found the page so: is there a version from lo to hi that allows it? pin: it stays so from now on. */
static void found(struct mpage *m, unsigned lo, unsigned hi, bool ok, uint64_t value, bool pin)
{
	unsigned matches = 0, which = 0;

	for (unsigned i = lo; i <= hi; i++) {
		if (ok ? m->v[i].mapped && m->v[i].value == value : !m->v[i].mapped) {
			matches++;
			which = i;
		}
	}
	if (!matches) {
		fprintf(stderr, "page %u: found %s %#lx, the versions are:", (unsigned)(((char *)m - (char *)spaces) % sizeof(struct space) / sizeof(*m)), ok ? "value" : "nothing", (unsigned long)value);
		for (unsigned i = lo; i <= hi; i++)
			fprintf(stderr, " %s %#lx;", m->v[i].mapped ? "value" : "nothing", (unsigned long)m->v[i].value);
		fprintf(stderr, "\n");
		abort();
	}
	if (pin && matches == 1)
		m->lo = m->started = which;
}

static void do_read(struct worker *w, unsigned page)
{
	struct mpage *m = &w->in->pages[page];
	unsigned lo = m->lo;
	uint64_t v = 0;
	bool ok;

	if (rnd(w, 6))
		ok = user_get(&v, addr_of(page)) == 0;
	else
		ok = vm_read_foreign(w->in->as, addr_of(page), &v, sizeof(v)) == sizeof(v);
	SAY("%u@%u: read %u in %u: %d %#lx\n", w->id, thread_current()->cpu, page, (unsigned)(w->in - spaces), ok, (unsigned long)v);
	if (ok || !starved)
		found(m, lo, m->started, ok, v, owns(w, page));
}

static void do_write(struct worker *w, unsigned page)
{
	struct mpage *m = &w->in->pages[page];
	uint64_t v = ++next_value;
	bool ok, may = false, must = true;

	for (unsigned i = m->lo; i <= m->started; i++) {
		may |= m->v[i].mapped && m->v[i].writable;
		must &= m->v[i].mapped && m->v[i].writable;
	}
	if (may)
		change_begin(m, true, true, v);
	if (rnd(w, 6))
		ok = user_put(addr_of(page), &v) == 0;
	else
		ok = vm_write_foreign(w->in->as, addr_of(page), &v, sizeof(v)) == sizeof(v);
	SAY("%u: write %u in %u: %d %#lx\n", w->id, page, (unsigned)(w->in - spaces), ok, (unsigned long)v);
	EXPECT(ok ? may : !must || starved);
	if (ok)
		change_end(m);
	else if (may)
		change_undo(m);
}

/* How many pages from this one on are the worker's and adjacent, at most n. */
static unsigned run_of(struct worker *w, unsigned page, unsigned n)
{
	unsigned k = 1;

	while (k < n && (page + k) % BLOCK_PAGES && owns(w, page + k))
		k++;
	return k;
}

static void do_unmap(struct worker *w, unsigned page)
{
	bool whole = page / BLOCK_PAGES == 2 && rnd(w, 2); /* everything that the table spans */
	unsigned first = whole ? 2 * BLOCK_PAGES : page;
	unsigned n = whole ? BLOCK_PAGES : run_of(w, page, 1 + rnd(w, 8));
	uaddr_t at = whole ? ARENA + 4 * pt_span(1) : addr_of(page);

	for (unsigned i = first; i < first + n; i++)
		change_begin(&w->in->pages[i], false, false, 0);
	SAY("%u: unmap %u+%u in %u\n", w->id, first, n, (unsigned)(w->in - spaces));
	change_result(&w->in->pages[first], n, vm_unmap(w->in->as, at, whole ? pt_span(1) : n * PAGE_SIZE));
}

static void do_map(struct worker *w, unsigned page)
{
	unsigned n = run_of(w, page, 1 + rnd(w, 8));
	struct map_request r = test_anon_request(addr_of(page), n * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED);
	bool hole[BLOCK_PAGES];
	unsigned long at;

	/* Over what is mapped it goes through a state without: a fault in between finds nothing. */
	for (unsigned i = 0; i < n; i++) {
		struct mpage *m = &w->in->pages[page + i];

		hole[i] = certain(m) && !latest(m)->mapped;
		if (!hole[i])
			change_begin(m, false, false, 0);
		change_begin(m, true, true, 0);
	}
	SAY("%u: map %u+%u in %u\n", w->id, page, n, (unsigned)(w->in - spaces));
	at = vm_map(w->in->as, &r);
	EXPECT(at == r.addr || IS_ERR_VALUE(at));
	change_result(&w->in->pages[page], n, at == r.addr ? 0 : (long)at);
}

/* Protection and dropping: only where what is there is known. */
static void do_change(struct worker *w, unsigned page)
{
	struct mpage *m = &w->in->pages[page];
	struct version v = *latest(m);

	if (!certain(m) || !v.mapped)
		return;
	if (rnd(w, 2)) {
		change_begin(m, true, !v.writable, v.value);
		SAY("%u: protect %u in %u: writable %d\n", w->id, page, (unsigned)(w->in - spaces), !v.writable);
		change_result(m, 1, vm_protect(w->in->as, addr_of(page), PAGE_SIZE, v.writable ? PROT_READ : PROT_READ | PROT_WRITE));
	} else {
		change_begin(m, true, v.writable, 0);
		SAY("%u: drop %u in %u\n", w->id, page, (unsigned)(w->in - spaces));
		change_result(m, 1, vm_advise(w->in->as, addr_of(page), PAGE_SIZE, 4));
	}
}

/* To another page of the worker's. */
static void do_move(struct worker *w, unsigned page)
{
	struct mpage *from = &w->in->pages[page], *to;
	struct version v = *latest(from);
	unsigned target = rnd(w, PAGES);
	unsigned long at;

	if (!certain(from) || !v.mapped || target == page || !owns(w, target))
		return;
	to = &w->in->pages[target];
	change_begin(from, false, false, 0);
	change_begin(to, false, false, 0);
	change_begin(to, true, v.writable, v.value);
	SAY("%u: move %u to %u in %u\n", w->id, page, target, (unsigned)(w->in - spaces));
	at = vm_remap(w->in->as, addr_of(page), PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, addr_of(target));
	EXPECT(at == addr_of(target) || IS_ERR_VALUE(at));
	change_result(from, 1, at == addr_of(target) ? 0 : (long)at);
	change_result(to, 1, at == addr_of(target) ? 0 : (long)at);
}

static struct space *space_take(void)
{
	struct space *s = spaces;

	spin_lock(&spaces_lock);
	while (s < spaces + SPACES && s->as)
		s++;
	if (s < spaces + SPACES)
		s->as = (struct aspace *)1;
	spin_unlock(&spaces_lock);
	return s < spaces + SPACES ? s : NULL;
}

static void steps(struct worker *w, unsigned n, unsigned depth);

static void leave(struct space *s)
{
	struct aspace *as = s->as;

	thread_current()->aspace = NULL;
	aspace_put(as);
	s->as = NULL;
}

/* Into a child and back. */
static void do_fork(struct worker *w, unsigned depth)
{
	struct space *parent = w->in, *child = space_take();
	bool was_alone = w->alone;
	struct aspace *as;
	unsigned lo[PAGES];

	if (!child)
		return;
	for (unsigned i = 0; i < PAGES; i++)
		lo[i] = parent->pages[i].lo;
	as = aspace_fork(parent->as);
	EXPECT(!IS_ERR(as) || (PTR_ERR(as) == -ENOMEM && starved));
	child->as = IS_ERR(as) ? NULL : as;
	if (IS_ERR(as))
		return;
	memcpy(child->pages, parent->pages, sizeof(child->pages));
	for (unsigned i = 0; i < PAGES; i++)
		child->pages[i].lo = lo[i];
	SAY("%u: fork %u -> %u\n", w->id, (unsigned)(parent - spaces), (unsigned)(child - spaces));
	w->in = child;
	w->alone = true;
	aspace_activate(child->as);
	for (unsigned i = 0; i < PAGES; i++)
		if (rnd(w, 2))
			do_read(w, i);
	steps(w, 1 + rnd(w, 4), depth + 1);
	for (unsigned i = 0; i < PAGES; i++)
		if (rnd(w, 2))
			do_read(w, i);
	aspace_activate(parent->as);
	SAY("%u: exit %u\n", w->id, (unsigned)(child - spaces));
	aspace_put(child->as);
	child->as = NULL;
	w->in = parent;
	w->alone = was_alone;
}

static void steps(struct worker *w, unsigned n, unsigned depth)
{
	for (unsigned i = 0; i < n; i++) {
		if (starved && !rnd(w, 3))
			alloc_fail_after.v = 1 + (int)rnd(w, 6);
		unsigned page = rnd(w, 3) ? hot + rnd(w, BLOCK_PAGES) : rnd(w, PAGES), kind = rnd(w, 20);

		if (kind < 3 || !owns(w, page))
			do_read(w, page);
		else if (kind < 10)
			do_write(w, page);
		else if (kind < 12)
			do_unmap(w, page);
		else if (kind < 14)
			do_map(w, page);
		else if (kind < 16)
			do_change(w, page);
		else if (kind < 17)
			do_move(w, page);
		else if (depth < 2)
			do_fork(w, depth);
	}
}

static void work(unsigned id, uint64_t random)
{
	struct worker *w = &workers[id];

	w->rnd = random;
	w->in = &spaces[0];
	w->alone = false;
	sched_set_affinity(thread_current(), CPU_BIT(schedule_seed % 3 ? CPUS : CPUS / 2) - 1); /* now and then they must share CPUs */
	aspace_activate(w->in->as);
	steps(w, STEPS, 0);
	thread_current()->aspace = NULL;
	aspace_put(w->in->as);
}

/* ---- the director: makes the first space of a schedule, lets the workers go, and looks at what they leave ---- */

static void prepare(struct worker *d)
{
	struct space *s = &spaces[0];

	memset(s->pages, 0, sizeof(s->pages));
	s->as = aspace_new();
	for (unsigned b = 0; b < BLOCKS; b++)
		test_map_anon(s->as, addr_of(b * BLOCK_PAGES), BLOCK_PAGES, PROT_READ | PROT_WRITE, 0);
	for (unsigned i = 0; i < PAGES; i++)
		s->pages[i].v[0] = (struct version){ true, true, 0 };
	d->in = s;
	d->alone = true;
	aspace_activate(s->as);
	for (unsigned i = 0; i < PAGES; i++)
		if (rnd(d, 2))
			do_write(d, i);
	if (rnd(d, 2)) /* so that the workers begin with shared tables, or with some that are theirs again */
		do_fork(d, 2);
	thread_current()->aspace = NULL;
}

static void check_end(struct worker *d)
{
	struct aspace *as = spaces[0].as;

	ptshare_verify(&as, 1);
	aspace_activate(as);
	for (unsigned i = 0; i < PAGES; i++)
		do_read(d, i);
	leave(&spaces[0]);
	for (unsigned i = 0; i < SPACES; i++)
		EXPECT(!spaces[i].as);
}

static void one_schedule(unsigned long n)
{
	struct worker d = { .id = 9, .rnd = n * 0x9E3779B97F4A7C15ull + 5 };

	schedule_seed = n;
	hot = (unsigned)n / 3 % BLOCKS * BLOCK_PAGES;
	SAY("schedule %lu\n", n);
	host_interleave(n, 1u << n % 10);
	prepare(&d);
	for (unsigned i = 0; i < WORKERS; i++)
		aspace_get(spaces[0].as);
	starved = n % 4 == 3;
	crew_run();
	alloc_fail_after.v = 0;
	starved = false;
	check_end(&d);
}

static unsigned long first_seed, last_seed;

static void director(void *unused)
{
	unsigned long before = 0;

	(void)unused;
	for (unsigned long n = first_seed; n <= last_seed; n++) {
		one_schedule(n);
		host_interleave(n, 1u << 28); /* only where somebody waits */
		if (n == first_seed)
			before = test_settled_free(); /* the first fills the object caches */
		else if (test_settled_free() != before)
			schedules_wrong(__FILE__, __LINE__, "frames were lost or gained");
	}
	fprintf(stderr, "%lu points, %lu changes of CPUs\n", host_points, host_changes);
	_exit(0);
}

static void run_batch(unsigned long first, unsigned long last)
{
	first_seed = first;
	last_seed = last;
	trace = getenv("TRACE") != NULL;
	signal(SIGABRT, died);
	signal(SIGSEGV, died);
	signal(SIGILL, died);
	signal(SIGTRAP, died);
	test_machine(NULL);
	host_speculation = speculation;
	test_cpus_start(CPUS, 1);
	while ((READ_ONCE(cpus_idle) | CPU_BIT(0)) != CPU_BIT(CPUS) - 1) /* they count as idle before they have run anything */
		host_pause();
	host_interleaving = false; /* so that all are placed before the first of them runs */
	for (unsigned i = 0; i < WORKERS; i++)
		workers[i].id = i;
	crew_start(WORKERS, work);
	kthread_start("director", director, NULL);
	host_interleaving = true;
	sched_idle_loop();
}

int main(int argc, char **argv)
{
	static const struct schedules interleaved = { SCHEDULES, BATCH, run_batch };

	return schedules_main(&interleaved, argc, argv);
}
