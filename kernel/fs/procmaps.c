/* SPDX-License-Identifier: MIT */
/* Memory of a process in /proc/PID, region by region. Who may open the files was looked at when they were opened. */
#include "fs/procmaps.h"
#include "fs/proclook.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "vfs/pagecache.h"
#include "vm/anon.h"
#include "vm/aspace.h"
#include "vm/ptlook.h"
#include "vm/ptshare.h"
#include "vm/tlb.h"

#define NAME_COLUMN 49
#define PAGE_KIB (PAGE_SIZE / 1024)
#define PSS_SHIFT 12
#define PAGEMAP_BATCH 256u
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_FILE (1ull << 61)
#define PAGEMAP_ALONE (1ull << 56)

static void print_region(struct text *t, const struct vma *v)
{
	const struct file *f = v->ops == &mapping_vm_ops ? v->object : NULL;
	const char *name = !f && v->name ? v->name : !f && !v->ops && v->flags & VMA_GROWSDOWN ? "[stack]" : NULL;
	uint64_t dev = f ? f->inode->sb->dev : 0, ino = f ? f->inode->ino : 0;
	size_t start = t->len;

	text_printf(t, "%08lx-%08lx %c%c%c%c %08llx %02x:%02x %llu ", v->start, v->end, v->flags & VMA_READ ? 'r' : '-', v->flags & VMA_WRITE ? 'w' : '-',
		    v->flags & VMA_EXEC ? 'x' : '-', v->flags & VMA_SHARED ? 's' : 'p', f ? (unsigned long long)v->pgoff << PAGE_SHIFT : 0ull, MAJOR(dev), MINOR(dev),
		    (unsigned long long)ino);
	while ((f || name) && !t->failed && t->len - start < NAME_COLUMN)
		text_add(t, " ", 1);
	if (f)
		proclook_path(t, &f->path);
	else if (name)
		text_printf(t, "%s", name);
	text_add(t, "\n", 1);
}

int procmaps_maps(struct text *t, struct process *p)
{
	int err = proclook_allowed(p); /* where things lie is half of an attack */
	struct aspace *as = err ? NULL : proclook_aspace(p, t->task);

	if (!as)
		return err;
	rwlock_read_lock(&as->lock);
	for (struct vma *v = vma_first(as); v; v = vma_next(v))
		print_region(t, v);
	rwlock_read_unlock(&as->lock);
	aspace_put(as);
	return 0;
}

/* ---- smaps ---- */

struct sums { unsigned long size, rss, shared_clean, shared_dirty, private_clean, private_dirty, referenced, anonymous, locked; uint64_t pss, pss_dirty; };

static void add_page(uaddr_t va, pte_t e, uint32_t sharers, void *ctx)
{
	struct page *p = ptshare_page(e);
	uint32_t users = ptlook_users(e, sharers);
	bool dirty = e.v & PTE_DIRTY;
	struct sums *s = ctx;
	uint64_t share;

	(void)va;
	if (!p || p == anon_zero_page())
		return;
	share = ((uint64_t)PAGE_SIZE << PSS_SHIFT) / users;
	dirty = dirty || p->kind == PAGE_ANON;
	s->rss++;
	s->pss += share;
	s->pss_dirty += dirty ? share : 0;
	s->referenced += (e.v & PTE_ACCESSED) != 0;
	s->anonymous += p->kind == PAGE_ANON;
	if (users > 1)
		*(dirty ? &s->shared_dirty : &s->shared_clean) += 1;
	else
		*(dirty ? &s->private_dirty : &s->private_clean) += 1;
}

static void print_sums(struct text *t, const struct sums *s, unsigned long locked)
{
	text_printf(t, "Rss:            %8lu kB\nPss:            %8llu kB\nPss_Dirty:      %8llu kB\n", s->rss * PAGE_KIB, (unsigned long long)(s->pss >> (PSS_SHIFT + 10)),
		    (unsigned long long)(s->pss_dirty >> (PSS_SHIFT + 10)));
	text_printf(t, "Shared_Clean:   %8lu kB\nShared_Dirty:   %8lu kB\nPrivate_Clean:  %8lu kB\nPrivate_Dirty:  %8lu kB\n", s->shared_clean * PAGE_KIB,
		    s->shared_dirty * PAGE_KIB, s->private_clean * PAGE_KIB, s->private_dirty * PAGE_KIB);
	text_printf(t, "Referenced:     %8lu kB\nAnonymous:      %8lu kB\nLazyFree:       %8u kB\nAnonHugePages:  %8u kB\nSwap:           %8u kB\n", s->referenced * PAGE_KIB,
		    s->anonymous * PAGE_KIB, 0, 0, 0);
	text_printf(t, "SwapPss:        %8u kB\nLocked:         %8lu kB\n", 0, locked * PAGE_KIB);
}

static void print_flags(struct text *t, const struct vma *v)
{
	static const struct { uint32_t flag; const char *name; } names[] = {
		{ VMA_READ, "rd" }, { VMA_WRITE, "wr" }, { VMA_EXEC, "ex" }, { VMA_SHARED, "sh" }, { VMA_MAYREAD, "mr" }, { VMA_MAYWRITE, "mw" },
		{ VMA_MAYEXEC, "me" }, { VMA_GROWSDOWN, "gd" }, { VMA_LOCKED, "lo" }, { VMA_DONTFORK, "dc" }, { VMA_WIPEONFORK, "wf" },
		{ VMA_DONTDUMP, "dd" }, { VMA_NORESERVE, "nr" }, { VMA_SINGLE_PAGES, "nh" },
	};

	text_printf(t, "VmFlags: ");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (v->flags & names[i].flag)
			text_printf(t, "%s ", names[i].name);
	text_add(t, "\n", 1);
}

int procmaps_smaps(struct text *t, struct process *p)
{
	int err = proclook_allowed(p);
	struct aspace *as = err ? NULL : proclook_aspace(p, t->task);

	if (!as)
		return err;
	rwlock_read_lock(&as->lock);
	for (struct vma *v = vma_first(as); v && !t->failed; v = vma_next(v)) {
		struct sums s = { .size = vma_pages(v) };

		ptlook_pages(as, v->start, v->end, add_page, &s);
		print_region(t, v);
		text_printf(t, "Size:           %8lu kB\nKernelPageSize: %8lu kB\nMMUPageSize:    %8lu kB\n", s.size * PAGE_KIB, PAGE_KIB, PAGE_KIB);
		print_sums(t, &s, v->flags & VMA_LOCKED ? s.rss : 0);
		print_flags(t, v);
	}
	rwlock_read_unlock(&as->lock);
	aspace_put(as);
	return 0;
}

int procmaps_rollup(struct text *t, struct process *p)
{
	int err = proclook_allowed(p);
	struct aspace *as = err ? NULL : proclook_aspace(p, t->task);
	struct sums s = { .size = 0 };
	uaddr_t start = 0, end = 0;

	if (!as)
		return err ? err : -ESRCH;
	rwlock_read_lock(&as->lock);
	for (struct vma *v = vma_first(as); v; v = vma_next(v)) {
		unsigned long before = s.rss;

		ptlook_pages(as, v->start, v->end, add_page, &s);
		s.locked += v->flags & VMA_LOCKED ? s.rss - before : 0;
		start = end ? start : v->start;
		end = v->end;
	}
	rwlock_read_unlock(&as->lock);
	aspace_put(as);
	text_printf(t, "%08lx-%08lx ---p 00000000 00:00 0                          [rollup]\n", start, end);
	print_sums(t, &s, s.locked);
	return 0;
}

/* ---- pgtables ---- */

int procmaps_pgtables(struct text *t, struct process *p)
{
	int err = proclook_allowed(p);
	struct aspace *as = err ? NULL : proclook_aspace(p, t->task);
	unsigned long tables[2] = { 0, 0 }, pages[2] = { 0, 0 }; /* own, shared */
	struct ptlook_table table;

	if (!as)
		return err;
	for (uaddr_t va = 0; ptlook_table(as, va, &table); va = table.last + 1) {
		tables[table.parents > 1]++;
		pages[table.parents > 1] += table.pages;
		text_printf(t, "%08lx-%08lx parents %u pages %lu file %lu\n", table.start, table.last + 1, table.parents, table.pages, table.file_pages);
	}
	text_printf(t, "tables own %lu shared %lu\npages own %lu shared %lu\n", tables[0], tables[1], pages[0], pages[1]);
	aspace_put(as);
	return 0;
}

/* ---- pagemap: a number of 64 bits for each page of the address space ---- */

static int pagemap_open(struct inode *i, struct file *f)
{
	(void)f;
	return proclook_allowed(proc_inode_of(i)->process);
}

struct batch { uint64_t *entries; uaddr_t start; bool frames; };

static void add_entry(uaddr_t va, pte_t e, uint32_t sharers, void *ctx)
{
	struct batch *b = ctx;
	struct page *p = ptshare_page(e);
	uint64_t n = PAGEMAP_PRESENT | (b->frames ? pte_pfn(e) : 0);

	if (p && p->kind == PAGE_CACHE)
		n |= PAGEMAP_FILE;
	if (ptlook_users(e, sharers) == 1 && p != anon_zero_page())
		n |= PAGEMAP_ALONE;
	b->entries[(va - b->start) >> PAGE_SHIFT] = n;
}

static ssize_t pagemap_read(struct file *f, struct uio *u, loff_t *pos)
{
	const struct proc_inode *i = proc_inode_of(f->inode);
	struct aspace *as = proclook_allowed(i->process) ? NULL : proclook_aspace(i->process, i->task); /* it may run another program since the file was opened */
	loff_t end = (loff_t)(ARCH_USER_TOP >> PAGE_SHIFT) * (loff_t)sizeof(uint64_t);
	struct batch b = { .frames = cred_capable(f->cred, CAP_SYS_ADMIN) };
	ssize_t done = 0;

	b.entries = as ? kmalloc(PAGEMAP_BATCH * sizeof(uint64_t), 0) : NULL;
	if (as && !b.entries)
		done = -ENOMEM;
	else if (as && (*pos % (loff_t)sizeof(uint64_t) || u->left % sizeof(uint64_t)))
		done = -EINVAL;
	while (as && done >= 0 && u->left && *pos < end) {
		size_t n = MIN(MIN(u->left, (size_t)PAGEMAP_BATCH * sizeof(uint64_t)), (size_t)(end - *pos)), put;

		b.start = (uaddr_t)(*pos / (loff_t)sizeof(uint64_t)) << PAGE_SHIFT;
		memset(b.entries, 0, n);
		rwlock_read_lock(&as->lock);
		ptlook_pages(as, b.start, b.start + (n / sizeof(uint64_t) << PAGE_SHIFT), add_entry, &b);
		rwlock_read_unlock(&as->lock);
		put = uio_put(u, b.entries, n);
		*pos += (loff_t)put;
		done = put || done ? done + (ssize_t)put : -EFAULT;
		if (put < n || waitq_interrupted(WAIT_KILLABLE))
			break;
	}
	kfree(b.entries);
	if (as)
		aspace_put(as);
	return done;
}

const struct file_ops procmaps_pagemap_ops = { .open = pagemap_open, .read = pagemap_read };

/* ---- clear_refs ---- */

enum { CLEAR_ALL = 1, CLEAR_ANONYMOUS, CLEAR_MAPPED, CLEAR_SOFT_DIRTY, CLEAR_PEAK, CLEAR_END };

static void clear_referenced(struct aspace *as, int what)
{
	rwlock_read_lock(&as->lock);
	for (struct vma *v = vma_first(as); v; v = vma_next(v)) {
		bool mapped = v->ops == &mapping_vm_ops;

		if (what == CLEAR_ALL || (what == CLEAR_MAPPED) == mapped)
			ptlook_clear_accessed(as, v->start, v->end);
	}
	rwlock_read_unlock(&as->lock);
	tlb_flush_aspace(as);
}

static void clear_peak(struct aspace *as)
{
	spin_lock(&as->pt_lock);
	as->rss_peak = as->rss_anon + as->rss_file;
	spin_unlock(&as->pt_lock);
}

long procmaps_clear_refs(struct process *p, struct task *t, const char *s, size_t len)
{
	struct aspace *as;
	long long what;

	if (!text_number(s, len, &what) || what < CLEAR_ALL || what >= CLEAR_END)
		return -EINVAL;
	as = proclook_aspace(p, t);
	if (!as)
		return 0; /* it has ended */
	if (what == CLEAR_PEAK)
		clear_peak(as);
	else if (what != CLEAR_SOFT_DIRTY)
		clear_referenced(as, (int)what);
	aspace_put(as);
	return 0;
}
