/* SPDX-License-Identifier: MIT */
/* madvise, mincore, msync: what is said about ranges that are mapped already. */
#include "arch/mmu.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "mem/frame.h"
#include "sched/waitq.h"
#include "vm/fault.h"
#include "vm/mmap.h"
#include "vm/ptshare.h"
#include "vm/usercopy.h"

enum { MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_FREE = 8, MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK, MADV_MERGEABLE,
       MADV_UNMERGEABLE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP, MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT,
       MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_DONTNEED_LOCKED };

/* *len becomes whole pages. */
static bool range_ok(uaddr_t addr, unsigned long *len)
{
	bool none = !*len;

	*len = PAGE_UP(*len);
	return (none || *len) && *len <= ARCH_USER_TOP && addr <= ARCH_USER_TOP - *len;
}

/* Calls fn for each region in the range, cut to it; -ENOMEM at the end if there was a hole. as->lock held. */
static int each_region(struct aspace *as, uaddr_t start, uaddr_t end, int (*fn)(struct vma *v, uaddr_t from, uaddr_t to, int arg), int arg)
{
	uaddr_t at = start;
	int err = 0, hole = 0;

	for (struct vma *v = vma_find(as, start); v && v->start < end && !err; v = vma_next(v)) {
		if (v->start > at)
			hole = -ENOMEM;
		err = fn(v, MAX(v->start, start), MIN(v->end, end), arg);
		at = v->end;
	}
	return err ? err : at < end ? -ENOMEM : hole;
}

static bool anonymous(const struct vma *v) { return !v->ops && !(v->flags & VMA_SHARED); }

/* What one region says to advice. Pages that are given back by MADV_FREE read as zeroes at once: it may be so. */
static int advise_region(struct vma *v, uaddr_t from, uaddr_t to, int advice)
{
	bool locked = v->flags & VMA_LOCKED;

	switch (advice) {
	case MADV_DONTNEED:
		return locked ? -EINVAL : vm_drop_pages(v->aspace, from, to);
	case MADV_DONTNEED_LOCKED:
		return vm_drop_pages(v->aspace, from, to);
	case MADV_FREE:
		return locked || !anonymous(v) ? -EINVAL : vm_drop_pages(v->aspace, from, to);
	case MADV_COLD:
	case MADV_PAGEOUT:
		return locked ? -EINVAL : 0;
	case MADV_WIPEONFORK:
		return anonymous(v) ? 0 : -EINVAL;
	case MADV_DODUMP:
		return v->flags & VMA_SPECIAL ? -EINVAL : 0;
	default:
		return 0;
	}
}

/* Advice that is kept with the region: what it sets and clears; NULL for other advice. */
static const struct advice_flags { int advice; uint32_t set, clear; } *flags_of(int advice)
{
	static const struct advice_flags flags[] = {
		{ MADV_DONTFORK, VMA_DONTFORK, 0 }, { MADV_DOFORK, 0, VMA_DONTFORK },
		{ MADV_WIPEONFORK, VMA_WIPEONFORK, 0 }, { MADV_KEEPONFORK, 0, VMA_WIPEONFORK },
		{ MADV_DONTDUMP, VMA_DONTDUMP, 0 }, { MADV_DODUMP, 0, VMA_DONTDUMP },
		{ MADV_NOHUGEPAGE, VMA_SINGLE_PAGES, 0 }, { MADV_HUGEPAGE, 0, VMA_SINGLE_PAGES },
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (flags[i].advice == advice)
			return &flags[i];
	return NULL;
}

/* A hole is told at the end, but what lies around it is changed. */
static int advise_flags(struct aspace *as, uaddr_t start, uaddr_t end, const struct advice_flags *f)
{
	int err, no_memory = 0;

	aspace_write_lock(as);
	err = each_region(as, start, end, advise_region, f->advice);
	if (!err || err == -ENOMEM)
		no_memory = vma_flag_range(as, start, end, f->set, f->clear);
	aspace_write_unlock(as);
	return no_memory ? -EAGAIN : err;
}

/* The pages as by touching them, region by region: the first refusal ends it. */
static int advise_populate(struct aspace *as, uaddr_t start, uaddr_t end, bool write)
{
	enum fault_result r = FAULT_OK;

	for (uaddr_t va = start; va < end && r == FAULT_OK; va += PAGE_SIZE) {
		if (waitq_interrupted(WAIT_KILLABLE))
			return -EINTR;
		r = vm_fault(as, va, write ? FAULT_WRITE : FAULT_READ, true);
	}
	switch (r) {
	case FAULT_OK:
		return 0;
	case FAULT_ACCERR:
		return -EINVAL;
	case FAULT_BUS:
		return -EFAULT;
	case FAULT_KILLED:
		return -EINTR;
	default:
		return -ENOMEM;
	}
}

/* The part of the object that the region at *at maps, up to end, for the object to remove; *at goes on to the end of that. */
static int remove_next(struct aspace *as, uaddr_t *at, uaddr_t end)
{
	const struct vm_ops *ops = NULL;
	unsigned long pgoff = 0, pages = 0;
	void *object = NULL;
	struct vma *v;
	int err = 0;

	rwlock_read_lock(&as->lock);
	v = vma_find(as, *at);
	if (!v || v->start > *at) {
		err = -ENOMEM;
		*at = v ? MIN(v->start, end) : end;
	} else if (v->flags & VMA_LOCKED || !v->ops || !v->ops->remove) {
		err = -EINVAL;
	} else if ((v->flags & (VMA_SHARED | VMA_WRITE)) != (VMA_SHARED | VMA_WRITE)) {
		err = -EACCES;
	} else {
		ops = v->ops;
		object = v->object;
		ops->get(object);
		pgoff = vma_pgoff(v, *at);
		pages = (MIN(v->end, end) - *at) >> PAGE_SHIFT;
		*at += pages << PAGE_SHIFT;
	}
	rwlock_read_unlock(&as->lock);
	if (ops) {
		err = ops->remove(object, pgoff, pages);
		ops->put(object);
	}
	return err;
}

static int advise_remove(struct aspace *as, uaddr_t start, uaddr_t end)
{
	int err = 0, hole = 0;

	for (uaddr_t at = start; at < end && !err;) {
		err = remove_next(as, &at, end);
		if (err == -ENOMEM) {
			hole = err;
			err = 0;
		}
	}
	return err ? err : hole;
}

static bool advice_known(int advice)
{
	return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) || (advice >= MADV_FREE && advice <= MADV_DONTNEED_LOCKED);
}

int vm_advise(struct aspace *as, uaddr_t addr, unsigned long len, int advice)
{
	const struct advice_flags *f = flags_of(advice);
	uaddr_t end;
	int err;

	if (addr & ~PAGE_MASK || !range_ok(addr, &len) || !advice_known(advice))
		return -EINVAL;
	end = addr + len;
	if (!len)
		return 0;
	if (f)
		return advise_flags(as, addr, end, f);
	if (advice == MADV_REMOVE)
		return advise_remove(as, addr, end);
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
		return advise_populate(as, addr, end, advice == MADV_POPULATE_WRITE);
	rwlock_read_lock(&as->lock); /* the regions stay as they are: other threads may fault meanwhile */
	err = each_region(as, addr, end, advise_region, advice);
	rwlock_read_unlock(&as->lock);
	return err;
}

/* Which of n pages at addr are in memory, the object's as well that are not mapped here; how many were asked before a hole. */
static unsigned look_at_pages(struct aspace *as, uaddr_t addr, unsigned n, unsigned char *in)
{
	struct vma *v = vma_find(as, addr);
	unsigned i;

	for (i = 0; i < n; i++) {
		uaddr_t va = addr + i * PAGE_SIZE;
		struct page *p;

		if (v && va >= v->end)
			v = vma_next(v);
		if (!v || va < v->start)
			break;
		spin_lock(&as->pt_lock);
		in[i] = pte_mapped(ptshare_peek(as, va, NULL));
		spin_unlock(&as->pt_lock);
		p = in[i] || !v->ops || !v->ops->peek ? NULL : v->ops->peek(v->object, vma_pgoff(v, va));
		if (p) {
			in[i] = 1;
			page_put(p);
		}
	}
	return i;
}

int vm_mincore(struct aspace *as, uaddr_t addr, unsigned long len, uaddr_t vec)
{
	unsigned char in[128];

	if (addr & ~PAGE_MASK)
		return -EINVAL;
	if (!range_ok(addr, &len))
		return -ENOMEM;
	for (unsigned long done = 0, pages = len >> PAGE_SHIFT; done < pages;) {
		unsigned n = (unsigned)MIN(pages - done, sizeof(in)), got;

		rwlock_read_lock(&as->lock);
		got = look_at_pages(as, addr + (done << PAGE_SHIFT), n, in);
		rwlock_read_unlock(&as->lock);
		if (user_write(vec + done, in, got))
			return -EFAULT;
		if (got < n)
			return -ENOMEM;
		if (waitq_interrupted(WAIT_KILLABLE))
			return -EINTR;
		done += n;
	}
	return 0;
}

#define MS_ASYNC 1
#define MS_INVALIDATE 2
#define MS_SYNC 4

static int sync_region(struct vma *v, uaddr_t from, uaddr_t to, int flags)
{
	(void)from, (void)to;
	return flags & MS_INVALIDATE && v->flags & VMA_LOCKED ? -EBUSY : 0;
}

int vm_sync(struct aspace *as, uaddr_t addr, unsigned long len, int flags)
{
	int err;

	if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || addr & ~PAGE_MASK || (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	if (len && !PAGE_UP(len)) /* as on Linux: so much is nothing */
		return 0;
	if (!range_ok(addr, &len))
		return -ENOMEM;
	rwlock_read_lock(&as->lock);
	err = len ? each_region(as, addr, addr + len, sync_region, flags) : 0;
	rwlock_read_unlock(&as->lock);
	return err; /* files live in their pages: there is nothing to write back */
}
