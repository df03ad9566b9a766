/* SPDX-License-Identifier: MIT */
/*
 * Random histories of files that are read, written, cut, and mapped at the same time by several address spaces, against a model with one value for
 * each page of a file and each private copy. All views must agree after every step, also when memory runs out; at the end no frame may be lost.
 *
 * SEED=n in the environment runs that one history; TRACE=1 prints its steps. HISTORIES=n says how many (6000).
 */
#include "lib/bits.h"
#include "lib/test/history.h"
#include "vfs/test/machine.h"
#include "vm/aspace.h"
#include "vm/fault.h"
#include "vm/mmap.h"
#include "vm/tlb.h"

#define SPACES 4u
#define FILES 2u
#define FILE_PAGES 20u
#define ARENA_PAGES 48u
#define ARENA (pt_span(1) * 8 - 16 * PAGE_SIZE) /* across the border of two tables */
#define STEPS 120u

struct mpage {
	bool mapped, shared, copied, writable;
	unsigned file, pgoff;
	uint64_t value; /* of a private copy */
};

static struct { struct file *f; unsigned size; uint64_t values[FILE_PAGES]; } files[FILES]; /* size: pages */
static struct { struct aspace *as; struct mpage pages[ARENA_PAGES]; } spaces[SPACES];
static bool injected;

static uaddr_t addr_of(unsigned page) { return ARENA + ((uaddr_t)page << PAGE_SHIFT); }
static bool starved(void) { return injected && atomic_read(&alloc_fail_after) == 0; }
static bool inside(const struct mpage *m) { return m->pgoff < files[m->file].size; }
static uint64_t value_of(const struct mpage *m) { return m->copied ? m->value : files[m->file].values[m->pgoff]; }

static void enter(struct aspace *as)
{
	if (as) {
		aspace_activate(as);
		return;
	}
	thread_current()->aspace = NULL;
	tlb_switch(NULL);
}

/* ---- comparing ---- */

static void check_mapped(unsigned s, unsigned page)
{
	const struct mpage *m = &spaces[s].pages[page];
	uint64_t head = 0, tail = 0;
	bool ok = vm_read_foreign(spaces[s].as, addr_of(page), &head, 8) == 8;

	EXPECT(ok == (m->mapped && inside(m)));
	if (!ok)
		return;
	EXPECT(vm_read_foreign(spaces[s].as, addr_of(page + 1) - 8, &tail, 8) == 8);
	EXPECT(head == value_of(m) && tail == value_of(m));
}

static void check_file(unsigned f, unsigned page)
{
	uint64_t head, tail;
	ssize_t n = file_read_kernel(files[f].f, &head, 8, (loff_t)page << PAGE_SHIFT);

	EXPECT(n == (page < files[f].size ? 8 : 0));
	if (!n)
		return;
	EXPECT(file_read_kernel(files[f].f, &tail, 8, ((loff_t)(page + 1) << PAGE_SHIFT) - 8) == 8);
	EXPECT(head == files[f].values[page] && tail == files[f].values[page]);
}

static void check(unsigned pages)
{
	injected = false;
	atomic_set(&alloc_fail_after, 0);
	for (unsigned f = 0; f < FILES; f++) {
		EXPECT(files[f].f->inode->size == (loff_t)files[f].size << PAGE_SHIFT);
		for (unsigned i = 0; i < FILE_PAGES; i++)
			if (pages >= ARENA_PAGES || !rnd(4))
				check_file(f, i);
	}
	for (unsigned s = 0; s < SPACES; s++)
		for (unsigned i = 0; spaces[s].as && i < pages; i++)
			check_mapped(s, pages < ARENA_PAGES ? rnd(ARENA_PAGES) : i);
}

/* ---- steps ---- */

static bool write_at(unsigned f, loff_t pos, uint64_t v)
{
	EXPECT(file_seek(files[f].f, pos, 0) == pos);
	return test_write(files[f].f, &v, 8) == 8;
}

/* The tail first: it decides on the size. */
static void do_write(void)
{
	unsigned f = rnd(FILES), page = rnd(FILE_PAGES);
	uint64_t v = rnd_state | 1;

	if (!write_at(f, ((loff_t)(page + 1) << PAGE_SHIFT) - 8, v)) {
		EXPECT(starved());
		return;
	}
	injected = false;
	atomic_set(&alloc_fail_after, 0);
	SAY("%u: write file %u page %u\n", step, f, page);
	EXPECT(write_at(f, (loff_t)page << PAGE_SHIFT, v));
	files[f].size = MAX(files[f].size, page + 1);
	files[f].values[page] = v;
}

static void do_truncate(void)
{
	unsigned f = rnd(FILES), size = rnd(FILE_PAGES + 1);

	atomic_set(&alloc_fail_after, 0);
	SAY("%u: truncate file %u to %u\n", step, f, size);
	EXPECT(file_truncate(files[f].f->inode, (loff_t)size << PAGE_SHIFT) == 0);
	for (unsigned i = size; i < FILE_PAGES; i++)
		files[f].values[i] = 0;
	files[f].size = size;
	for (unsigned s = 0; s < SPACES; s++)
		for (unsigned i = 0; i < ARENA_PAGES; i++)
			if (spaces[s].pages[i].mapped && spaces[s].pages[i].file == f && spaces[s].pages[i].pgoff >= size)
				spaces[s].pages[i].copied = false; /* private copies of what is cut off go as well */
}

static void do_map(unsigned s)
{
	unsigned f = rnd(FILES), n = 1 + rnd(12), from = rnd(ARENA_PAGES - n), pgoff = rnd(FILE_PAGES - n);
	bool shared = rnd(2), writable = rnd(4);
	struct map_request r = { .addr = addr_of(from), .len = (unsigned long)n << PAGE_SHIFT, .prot = PROT_READ | (writable ? PROT_WRITE : 0),
				 .flags = MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE), .pgoff = pgoff, .may = VMA_MAYREAD | VMA_MAYWRITE | VMA_MAYEXEC };
	unsigned long at;

	EXPECT(files[f].f->ops->mmap(files[f].f, &r) == 0);
	at = vm_map(spaces[s].as, &r);
	SAY("%u: space %u maps %u+%u file %u pgoff %u %s: %ld\n", step, s, from, n, f, pgoff, shared ? "shared" : "private", (long)at);
	if (at != r.addr) { /* what was there may be gone, or not: all of it is taken out */
		EXPECT((long)at == -ENOMEM && starved());
		atomic_set(&alloc_fail_after, 0);
		EXPECT(vm_unmap(spaces[s].as, r.addr, r.len) == 0);
		memset(&spaces[s].pages[from], 0, n * sizeof(struct mpage));
		return;
	}
	for (unsigned i = 0; i < n; i++)
		spaces[s].pages[from + i] = (struct mpage){ .mapped = true, .shared = shared, .writable = writable, .file = f, .pgoff = pgoff + i };
}

static void do_unmap(unsigned s)
{
	unsigned n = 1 + rnd(12), from = rnd(ARENA_PAGES - n);
	int err = vm_unmap(spaces[s].as, addr_of(from), (unsigned long)n << PAGE_SHIFT);

	SAY("%u: space %u unmaps %u+%u: %d\n", step, s, from, n, err);
	if (err)
		EXPECT(err == -ENOMEM && starved());
	else
		memset(&spaces[s].pages[from], 0, n * sizeof(struct mpage));
}

static void do_store(unsigned s)
{
	unsigned page = rnd(ARENA_PAGES);
	struct mpage *m = &spaces[s].pages[page];
	uint64_t v = rnd_state | 1;
	bool ok, may = m->mapped && m->writable && inside(m);

	enter(spaces[s].as);
	ok = user_put(addr_of(page), &v) == 0;
	SAY("%u: space %u stores to %u: %d\n", step, s, page, ok);
	EXPECT(ok == may || (may && starved()));
	if (ok) {
		injected = false;
		atomic_set(&alloc_fail_after, 0);
		EXPECT(user_put(addr_of(page + 1) - 8, &v) == 0);
		if (m->shared)
			files[m->file].values[m->pgoff] = v;
		else
			m->value = v;
		m->copied = !m->shared;
	}
	enter(NULL);
}

static void do_load(unsigned s)
{
	unsigned page = rnd(ARENA_PAGES);
	const struct mpage *m = &spaces[s].pages[page];
	bool ok, may = m->mapped && inside(m);
	uint64_t v = 0;

	enter(spaces[s].as);
	ok = user_get(&v, addr_of(page)) == 0;
	EXPECT(ok == may || (may && starved()));
	EXPECT(!ok || v == value_of(m));
	enter(NULL);
}

static void do_forget(unsigned s)
{
	unsigned n = 1 + rnd(12), from = rnd(ARENA_PAGES - n);
	int err = vm_advise(spaces[s].as, addr_of(from), (unsigned long)n << PAGE_SHIFT, 4);

	SAY("%u: space %u forgets %u+%u: %d\n", step, s, from, n, err);
	EXPECT(!err || err == -ENOMEM);
	if (err && starved()) { /* what is left of the copies cannot be told */
		atomic_set(&alloc_fail_after, 0);
		err = vm_advise(spaces[s].as, addr_of(from), (unsigned long)n << PAGE_SHIFT, 4);
	}
	for (unsigned i = from; i < from + n; i++)
		spaces[s].pages[i].copied = false;
}

static void do_fork(unsigned s)
{
	unsigned c = rnd(SPACES);
	struct aspace *as;

	if (spaces[c].as) {
		if (c == s)
			return;
		aspace_put(spaces[c].as);
		spaces[c].as = NULL;
		SAY("%u: space %u goes\n", step, c);
	}
	as = aspace_fork(spaces[s].as);
	SAY("%u: space %u forks %u: %d\n", step, s, c, IS_ERR(as));
	if (IS_ERR(as)) {
		EXPECT(starved());
		return;
	}
	spaces[c] = spaces[s];
	spaces[c].as = as;
}

static void one_step(void)
{
	unsigned kind = rnd(100), s;

	do {
		s = rnd(SPACES);
	} while (!spaces[s].as);
	injected = !rnd(6);
	atomic_set(&alloc_fail_after, injected ? 1 + (long)rnd(6) : 0);
	if (kind < 15)
		do_write();
	else if (kind < 23)
		do_truncate();
	else if (kind < 40)
		do_map(s);
	else if (kind < 46)
		do_unmap(s);
	else if (kind < 70)
		do_store(s);
	else if (kind < 85)
		do_load(s);
	else if (kind < 91)
		do_forget(s);
	else
		do_fork(s);
	check(step % 16 == 15 ? ARENA_PAGES : 4);
}

static void one_history(unsigned long n)
{
	static const char *const names[FILES] = { "/f0", "/f1" };

	history_begin(n);
	memset(spaces, 0, sizeof(spaces));
	memset(files, 0, sizeof(files));
	for (unsigned f = 0; f < FILES; f++) {
		files[f].f = file_open(AT_FDCWD, names[f], O_RDWR | O_CREAT | O_EXCL, 0644);
		EXPECT(!IS_ERR(files[f].f));
	}
	spaces[0].as = aspace_new();
	for (step = 0; step < STEPS; step++)
		one_step();
	for (unsigned f = 0; f < FILES; f++) {
		file_put(files[f].f);
		EXPECT(path_unlink(AT_FDCWD, names[f]) == 0); /* what is mapped lives on */
	}
	for (unsigned s = 0; s < SPACES; s++)
		if (spaces[s].as)
			aspace_put(spaces[s].as);
}

static unsigned long settled_free(void)
{
	dentry_shrink(0);
	slab_reap();
	frame_check();
	return frame_free_count();
}

static void test_histories_of_mapped_files(void)
{
	const char *one = getenv("SEED"), *many = getenv("HISTORIES");
	unsigned long count = many ? strtoul(many, NULL, 0) : 6000, before;

	if (one) {
		one_history(strtoul(one, NULL, 0));
		return;
	}
	one_history(0); /* fills the object caches */
	before = settled_free();
	for (unsigned long i = 1; i <= count; i++) {
		one_history(i);
		if (settled_free() != before)
			wrong("frames leaked", __LINE__);
	}
	printf("%lu histories of %u steps; seeds 1 to %lu\n", count, STEPS, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = { CASE(test_histories_of_mapped_files) };

	return cmocka_run_group_tests_name("mapped", tests, test_machine_start, NULL);
}
