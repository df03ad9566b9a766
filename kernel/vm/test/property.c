/* SPDX-License-Identifier: MIT */
/*
 * Random histories of several address spaces against a model that copies everything. The model knows for each page of an arena what is mapped there
 * and one value, which stands at both ends of the page. After every step the invariants of the tables are verified, and pages are compared: those
 * that a table maps by looking, without faulting anything in, and one by a real access. Memory runs out at random allocations.
 *
 * SEED=n in the environment runs that one history; TRACE=1 prints its steps. HISTORIES=n says how many (2000).
 */
#include "fixture.h"
#include "lib/bits.h"
#include "lib/test/history.h"
#include "mem/kmap.h"
#include "mem/slab.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PROCS 6u
#define TABLE_PAGES ARCH_PT_ENTRIES
#define ARENA_PAGES (3 * TABLE_PAGES)
/* Across the border of a root entry's span, whatever the levels. */
#define ARENA (pt_span(ARCH_PT_LEVELS - 1) * 16 - pt_span(1))
#define STEPS 100u

struct mpage {
	bool mapped, shared, cowed, dontfork, wipe;
	uint8_t prot;
	struct test_file *file; /* NULL: anonymous */
	unsigned pgoff;
	uint64_t value;         /* of anonymous memory and of private copies */
};

struct proc {
	struct aspace *as;
	struct mpage pages[ARENA_PAGES];
};

static struct proc procs[PROCS];
static struct test_file *files[2];
static unsigned hot[6]; /* where most of this history happens */
static bool was_starved;    /* of this history: regions may be split where the model sees none */

static uaddr_t addr_of(unsigned page) { return ARENA + ((uaddr_t)page << PAGE_SHIFT); }
static bool beyond(const struct mpage *m) { return m->file && m->pgoff >= m->file->size; }
static uint64_t value_of(const struct mpage *m) { return m->file && !m->cowed ? m->file->values[m->pgoff] : m->value; }

/* What a table maps must have the model's value; what it does not map must be zero or the file's. */
static void check_page(struct proc *p, unsigned page)
{
	const struct mpage *m = &p->pages[page];
	pte_t e = ptshare_peek(p->as, addr_of(page), NULL);
	struct page *frame;
	char *va;
	uint64_t head, tail;

	if (!pte_mapped(e)) {
		EXPECT(!m->mapped || !(m->file ? m->cowed : m->value != 0));
		return;
	}
	EXPECT(m->mapped && !beyond(m));
	frame = ptshare_page(e);
	va = kmap_local(frame);
	memcpy(&head, va, sizeof(head));
	memcpy(&tail, va + PAGE_SIZE - sizeof(tail), sizeof(tail));
	kunmap_local(va);
	EXPECT(head == value_of(m));
	EXPECT(tail == value_of(m));
	EXPECT(!pte_writable(e) || m->prot & PROT_WRITE);
}

static void check_all(bool thorough)
{
	struct aspace *spaces[PROCS];
	unsigned n = 0;

	for (unsigned i = 0; i < PROCS; i++) {
		if (!procs[i].as)
			continue;
		spaces[n++] = procs[i].as;
		for (unsigned k = 0; k < (thorough ? ARENA_PAGES : 24); k++)
			check_page(&procs[i], thorough ? k : (unsigned)rnd(ARENA_PAGES));
	}
	ptshare_verify(spaces, n);
}

static struct proc *pick(void)
{
	struct proc *p;

	do {
		p = &procs[rnd(PROCS)];
	} while (!p->as);
	return p;
}

/* Ranges like programs have, and every now and then whole tables. */
static void pick_range(unsigned *from, unsigned *n)
{
	if (!rnd(6)) {
		*from = (unsigned)(rnd(3) * TABLE_PAGES);
		*n = (unsigned)(TABLE_PAGES * (1 + rnd(3 - *from / TABLE_PAGES)));
		return;
	}
	*from = rnd(4) ? hot[rnd(ARRAY_SIZE(hot))] + (unsigned)rnd(8) : (unsigned)rnd(ARENA_PAGES);
	*n = 1 + (unsigned)rnd(rnd(4) ? 12 : 300);
	*n = MIN(*n, (unsigned)ARENA_PAGES - *from);
}

static void do_write(struct proc *p, unsigned page, bool foreign)
{
	struct mpage *m = &p->pages[page];
	uint64_t v = rnd_state | 1;
	bool may = m->mapped && m->prot & PROT_WRITE && !beyond(m);
	bool ok;

	if (foreign) {
		ok = vm_write_foreign(p->as, addr_of(page), &v, sizeof(v)) == sizeof(v);
	} else {
		test_enter(p->as);
		ok = user_put(addr_of(page), &v) == 0;
	}
	SAY("  write %u: %d\n", page, ok);
	EXPECT(ok == may || (may && alloc_fail_after.v == 0));
	if (!ok)
		return;
	if (foreign)
		EXPECT(vm_write_foreign(p->as, addr_of(page + 1) - sizeof(v), &v, sizeof(v)) == sizeof(v));
	else
		EXPECT(user_put(addr_of(page + 1) - sizeof(v), &v) == 0);
	if (m->file && m->shared) {
		m->file->values[m->pgoff] = v;
	} else {
		m->value = v;
		m->cowed = true;
	}
}

static void do_read(struct proc *p, unsigned page, bool foreign)
{
	const struct mpage *m = &p->pages[page];
	bool may = m->mapped && m->prot && !beyond(m), ok;
	uint64_t v = 0;

	if (foreign) {
		ok = vm_read_foreign(p->as, addr_of(page), &v, sizeof(v)) == sizeof(v);
	} else {
		test_enter(p->as);
		ok = user_get(&v, addr_of(page)) == 0;
	}
	SAY("  read %u: %d\n", page, ok);
	EXPECT(ok == may || (may && alloc_fail_after.v == 0));
	EXPECT(!ok || v == value_of(m));
}

static void do_access(struct proc *p)
{
	bool run = !rnd(3), foreign = !run && !rnd(4); /* a run: one page after the other, so that some come ahead */
	unsigned from, n;

	pick_range(&from, &n);
	n = MIN(n, 1 + (unsigned)rnd(16));
	for (unsigned i = from; i < from + n; i++) {
		if (!run && rnd(2))
			do_read(p, i, foreign && rnd(2));
		if (run || rnd(3))
			do_write(p, i, foreign);
		if (foreign && rnd(2))
			do_read(p, i, false);
	}
}

/* After a failure that may have been partial the model takes over what is mapped: never anything new, at most less. */
static void resync(struct proc *p, unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++) {
		struct vma *v = vma_find(p->as, addr_of(i));
		struct mpage *m = &p->pages[i];

		if (!v || v->start > addr_of(i)) {
			*m = (struct mpage){ 0 };
			continue;
		}
		EXPECT(m->mapped);
		m->prot = v->flags & 7;
		m->dontfork = v->flags & VMA_DONTFORK;
		m->wipe = v->flags & VMA_WIPEONFORK;
		if (!pte_mapped(ptshare_peek(p->as, addr_of(i), NULL))) {
			m->cowed = false;
			m->value = 0;
		}
	}
}

static int random_prot(void)
{
	static const int prots[] = { PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE | PROT_EXEC, PROT_READ, PROT_NONE, PROT_WRITE };

	return prots[rnd(6)];
}

static void do_map(struct proc *p)
{
	struct map_request r = { .prot = random_prot(), .may = VMA_MAYREAD | VMA_MAYWRITE | VMA_MAYEXEC };
	unsigned from, n, what = (unsigned)rnd(5);
	unsigned long at;

	pick_range(&from, &n);
	if (what >= 2) {
		n = MIN(n, 40u);
		r.flags = rnd(2) ? MAP_SHARED : MAP_PRIVATE;
	} else {
		r.flags = MAP_PRIVATE | MAP_ANONYMOUS;
	}
	if (what == 2)
		r.flags = MAP_SHARED | MAP_ANONYMOUS;
	if (what > 2) {
		r.object = files[rnd(2)];
		r.ops = &test_file_ops;
		r.pgoff = rnd(FILE_PAGES - n);
	}
	r.addr = addr_of(from);
	r.len = (unsigned long)n << PAGE_SHIFT;
	r.flags |= MAP_FIXED;
	at = vm_map(p->as, &r);
	SAY("  map %u+%u kind %u flags %x prot %d pgoff %lu: %ld\n", from, n, what, r.flags, r.prot, r.pgoff, (long)at);
	if (IS_ERR_VALUE(at)) {
		EXPECT((long)at == -ENOMEM && alloc_fail_after.v == 0);
		resync(p, from, n);
		return;
	}
	EXPECT(at == r.addr);
	for (unsigned i = 0; i < n; i++)
		p->pages[from + i] = (struct mpage){ .mapped = true, .shared = r.flags & MAP_SHARED, .prot = (uint8_t)r.prot, .pgoff = (unsigned)r.pgoff + i,
			.file = what > 2 ? r.object : what == 2 ? test_last_shared : NULL };
}

static void do_unmap(struct proc *p)
{
	unsigned from, n;
	int err;

	pick_range(&from, &n);
	err = vm_unmap(p->as, addr_of(from), (unsigned long)n << PAGE_SHIFT);
	SAY("  unmap %u+%u: %d\n", from, n, err);
	EXPECT(!err || (err == -ENOMEM && alloc_fail_after.v == 0));
	if (!err)
		memset(&p->pages[from], 0, n * sizeof(struct mpage));
}

static void do_protect(struct proc *p)
{
	unsigned from, n, end;
	int prot = random_prot(), err;

	pick_range(&from, &n);
	for (end = from; end < from + n && p->pages[end].mapped; end++)
		;
	do_write(p, from, false); /* so that a translation is remembered */
	err = vm_protect(p->as, addr_of(from), (unsigned long)n << PAGE_SHIFT, prot);
	SAY("  protect %u+%u %d: %d\n", from, n, prot, err);
	if (err) {
		EXPECT(err == -ENOMEM && (end < from + n || alloc_fail_after.v == 0));
		resync(p, from, n);
		return;
	}
	EXPECT(end == from + n);
	for (unsigned i = from; i < end; i++)
		p->pages[i].prot = (uint8_t)prot;
	do_write(p, from, false);
}

static bool same_region(const struct mpage *a, const struct mpage *b, unsigned distance)
{
	return b->mapped && a->shared == b->shared && a->prot == b->prot && a->dontfork == b->dontfork && a->wipe == b->wipe && a->file == b->file
	       && (!a->file || b->pgoff == a->pgoff + distance);
}

static void do_remap(struct proc *p)
{
	unsigned from, n, to, k, new_n;
	struct mpage moved[ARENA_PAGES];
	unsigned long at;

	pick_range(&from, &n);
	pick_range(&to, &new_n);
	if (rnd(2))
		new_n = MIN(n, (unsigned)ARENA_PAGES - to);
	for (k = 1; p->pages[from].mapped && k < n && same_region(&p->pages[from], &p->pages[from + k], k); k++)
		;
	if (!p->pages[from].mapped || k < n || (p->pages[from].file && new_n > n)) {
		n = k;
		new_n = MIN(new_n, n);
	}
	at = vm_remap(p->as, addr_of(from), (unsigned long)n << PAGE_SHIFT, (unsigned long)new_n << PAGE_SHIFT, MREMAP_MAYMOVE | MREMAP_FIXED, addr_of(to));
	SAY("  remap %u+%u to %u+%u: %ld\n", from, n, to, new_n, (long)at);
	if (from < to + new_n && to < from + n) {
		EXPECT((long)at == -EINVAL);
		return;
	}
	if (!p->pages[from].mapped) {
		EXPECT((long)at == -EFAULT);
		return;
	}
	if (IS_ERR_VALUE(at)) {
		EXPECT(((long)at == -ENOMEM && alloc_fail_after.v == 0) || was_starved);
		resync(p, to, new_n);
		resync(p, from, n);
		return;
	}
	memcpy(moved, &p->pages[from], n * sizeof(struct mpage));
	memset(&p->pages[from], 0, n * sizeof(struct mpage));
	for (unsigned i = n; i < new_n; i++) {
		moved[i] = moved[0];
		moved[i].cowed = false;
		moved[i].value = 0;
	}
	memcpy(&p->pages[to], moved, new_n * sizeof(struct mpage));
}

static void do_advise(struct proc *p)
{
	static const struct { int advice; bool flag; } kinds[] = { { 4, false }, { 4, false }, { 10, true }, { 11, true }, { 18, true }, { 19, true } };
	unsigned from, n, k = (unsigned)rnd(ARRAY_SIZE(kinds));
	int err;

	pick_range(&from, &n);
	err = vm_advise(p->as, addr_of(from), (unsigned long)n << PAGE_SHIFT, kinds[k].advice);
	SAY("  advise %u+%u %d: %d\n", from, n, kinds[k].advice, err);
	EXPECT(!err || err == -ENOMEM || err == -EAGAIN || (err == -EINVAL && kinds[k].advice == 18));
	if (kinds[k].flag || (err && alloc_fail_after.v == 0)) {
		resync(p, from, n);
		return;
	}
	for (unsigned i = from; i < from + n; i++) {
		p->pages[i].cowed = false;
		p->pages[i].value = 0;
	}
}

static void do_fork(struct proc *p)
{
	struct proc *c = procs;
	struct aspace *as;

	while (c < procs + PROCS && c->as)
		c++;
	if (c == procs + PROCS)
		return;
	as = aspace_fork(p->as);
	SAY("  fork %u -> %u: %d\n", (unsigned)(p - procs), (unsigned)(c - procs), IS_ERR(as) ? (int)PTR_ERR(as) : 0);
	if (IS_ERR(as)) {
		EXPECT(PTR_ERR(as) == -ENOMEM && alloc_fail_after.v == 0);
		return;
	}
	*c = *p;
	c->as = as;
	for (unsigned i = 0; i < ARENA_PAGES; i++) {
		struct mpage *m = &c->pages[i];

		if (m->dontfork)
			*m = (struct mpage){ 0 };
		if (m->wipe)
			m->value = 0;
	}
}

static void do_exit(struct proc *p, bool exec)
{
	SAY("  %s %u\n", exec ? "exec" : "exit", (unsigned)(p - procs));
	test_enter(NULL);
	aspace_put(p->as);
	memset(p, 0, sizeof(*p));
	if (exec)
		p->as = aspace_new();
}

static unsigned alive(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PROCS; i++)
		n += procs[i].as != NULL;
	return n;
}

static void do_truncate(void)
{
	struct test_file *f = files[rnd(2)];
	unsigned long size = rnd(FILE_PAGES);

	SAY("  truncate %d to %lu\n", f == files[1], size);
	alloc_fail_after.v = 0;
	test_file_truncate(f, size);
	for (unsigned i = 0; i < PROCS; i++)
		for (unsigned k = 0; procs[i].as && k < ARENA_PAGES; k++)
			if (procs[i].pages[k].file == f && procs[i].pages[k].pgoff >= size)
				procs[i].pages[k].cowed = false, procs[i].pages[k].value = 0;
}

static void one_step(void)
{
	struct proc *p = pick();
	unsigned long kind = rnd(100);

	SAY("%u: process %u\n", step, (unsigned)(p - procs));
	alloc_fail_after.v = rnd(8) ? -1 : (long)(1 + rnd(8));
	if (kind < 40)
		do_access(p);
	else if (kind < 54)
		do_map(p);
	else if (kind < 60)
		do_unmap(p);
	else if (kind < 68)
		do_protect(p);
	else if (kind < 74)
		do_remap(p);
	else if (kind < 80)
		do_advise(p);
	else if (kind < 92)
		do_fork(p);
	else if (kind < 97 && alive() > 1)
		do_exit(p, false);
	else if (kind < 98 && alloc_fail_after.v < 0)
		do_exit(p, true);
	else
		do_truncate();
	was_starved |= alloc_fail_after.v == 0;
	alloc_fail_after.v = 0;
}

/* A program with everything mapped, so that whole tables get shared. */
static void map_arena(struct proc *p)
{
	test_map_anon(p->as, ARENA, ARENA_PAGES, PROT_READ | PROT_WRITE, 0);
	for (unsigned i = 0; i < ARENA_PAGES; i++)
		p->pages[i] = (struct mpage){ .mapped = true, .prot = PROT_READ | PROT_WRITE, .pgoff = i };
}

static void one_history(unsigned long n)
{
	history_begin(n);
	was_starved = false;
	files[0] = test_file_new(FILE_PAGES / 2);
	files[1] = test_file_new(FILE_PAGES);
	procs[0].as = aspace_new();
	for (unsigned i = 0; i < ARRAY_SIZE(hot); i++)
		hot[i] = (unsigned)rnd(ARENA_PAGES - 8);
	if (rnd(2))
		map_arena(&procs[0]);
	for (step = 0; step < STEPS; step++) {
		one_step();
		check_all(step % 16 == 15);
	}
	check_all(true);
	for (unsigned i = 0; i < PROCS; i++)
		if (procs[i].as)
			do_exit(&procs[i], false);
	test_file_put(files[0]);
	test_file_put(files[1]);
	for (unsigned i = 0; i < FILES_MAX; i++)
		EXPECT(test_files[i].refs == 0);
}

static void test_histories(void **state)
{
	const char *one = getenv("SEED"), *many = getenv("HISTORIES");
	unsigned long count = many ? strtoul(many, NULL, 0) : 2000, before;

	(void)state;
	if (one) {
		one_history(strtoul(one, NULL, 0));
		return;
	}
	one_history(0); /* fills the object caches */
	before = test_settled_free();
	for (unsigned long i = 1; i <= count; i++) {
		one_history(i);
		if (test_settled_free() != before)
			wrong("frames leaked", __LINE__);
	}
	printf("%lu histories of %u steps, %u levels; seeds 1 to %lu\n", count, STEPS, ARCH_PT_LEVELS, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_histories) };

	return cmocka_run_group_tests(tests, test_machine, NULL);
}
