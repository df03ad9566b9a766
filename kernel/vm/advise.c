/* SPDX-License-Identifier: MIT */
/* madvise, mincore, msync, mlock, mremap: what is said about ranges that are mapped already. */
#include "arch/mmu.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "mem/frame.h"
#include "sched/waitq.h"
#include "vm/mmap.h"
#include "vm/ptshare.h"
#include "vm/tlb.h"
#include "vm/usercopy.h"

enum { MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_FREE = 8, MADV_DONTFORK = 10, MADV_DOFORK, MADV_MERGEABLE,
       MADV_UNMERGEABLE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP, MADV_WIPEONFORK, MADV_KEEPONFORK };

static bool range_ok(uaddr_t addr, unsigned long *len)
{
	*len = PAGE_UP(*len);
	return *len <= ARCH_USER_TOP && addr <= ARCH_USER_TOP - *len;
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

static int advise_region(struct vma *v, uaddr_t from, uaddr_t to, int advice)
{
	if (advice == MADV_DONTNEED || advice == MADV_FREE) {
		if (v->flags & VMA_LOCKED || (advice == MADV_FREE && (v->ops || v->flags & VMA_SHARED)))
			return -EINVAL;
		return vm_drop_pages(v->aspace, from, to);
	}
	if (advice == MADV_WIPEONFORK && (v->ops || v->flags & VMA_SHARED))
		return -EINVAL;
	return 0;
}

static int flag_region(struct aspace *as, uaddr_t start, uaddr_t end, uint32_t set, uint32_t clear)
{
	int err = vma_split_range(as, start, end);

	for (struct vma *v = err ? NULL : vma_find(as, start); v && v->start < end; v = vma_next(v)) {
		vma_set_flags(v, (v->flags | set) & ~clear);
		v = vma_merge(v);
	}
	return err;
}

/* Advice that is kept with the region: what it sets and clears; NULL for other advice. */
static const struct advice_flags { int advice; uint32_t set, clear; } *flags_of(int advice)
{
	static const struct advice_flags flags[] = {
		{ MADV_DONTFORK, VMA_DONTFORK, 0 }, { MADV_DOFORK, 0, VMA_DONTFORK },
		{ MADV_WIPEONFORK, VMA_WIPEONFORK, 0 }, { MADV_KEEPONFORK, 0, VMA_WIPEONFORK },
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (flags[i].advice == advice)
			return &flags[i];
	return NULL;
}

int vm_advise(struct aspace *as, uaddr_t addr, unsigned long len, int advice)
{
	const struct advice_flags *f;
	int err;

	if (addr & ~PAGE_MASK || !range_ok(addr, &len) || advice < 0 || (advice > MADV_WILLNEED && advice != MADV_DONTNEED && advice != MADV_FREE
	    && (advice < MADV_DONTFORK || advice > MADV_KEEPONFORK)))
		return -EINVAL;
	if (!len)
		return 0;
	f = flags_of(advice);
	if (!f) { /* the regions stay as they are: other threads may fault meanwhile */
		rwlock_read_lock(&as->lock);
		err = each_region(as, addr, addr + len, advise_region, advice);
		rwlock_read_unlock(&as->lock);
		return err;
	}
	rwlock_write_lock(&as->lock);
	err = each_region(as, addr, addr + len, advise_region, advice);
	if (!err)
		err = flag_region(as, addr, addr + len, f->set, f->clear);
	aspace_write_unlock(as);
	return err;
}

static int nothing(struct vma *v, uaddr_t from, uaddr_t to, int arg)
{
	(void)v, (void)from, (void)to, (void)arg;
	return 0;
}

int vm_mincore(struct aspace *as, uaddr_t addr, unsigned long len, uaddr_t vec)
{
	int err;

	if (addr & ~PAGE_MASK)
		return -EINVAL;
	if (!range_ok(addr, &len))
		return -ENOMEM;
	rwlock_read_lock(&as->lock);
	err = len ? each_region(as, addr, addr + len, nothing, 0) : 0;
	rwlock_read_unlock(&as->lock);
	for (unsigned long i = 0; i < len >> PAGE_SHIFT && !err; i++) {
		unsigned char in;

		spin_lock(&as->pt_lock);
		in = pte_mapped(ptshare_peek(as, addr + i * PAGE_SIZE, NULL));
		spin_unlock(&as->pt_lock);
		err = user_put(vec + i, &in);
	}
	return err;
}

#define MS_ASYNC 1
#define MS_INVALIDATE 2
#define MS_SYNC 4

int vm_sync(struct aspace *as, uaddr_t addr, unsigned long len, int flags)
{
	int err;

	if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || addr & ~PAGE_MASK || (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	if (!range_ok(addr, &len))
		return -ENOMEM;
	rwlock_read_lock(&as->lock);
	err = len ? each_region(as, addr, addr + len, nothing, 0) : 0;
	rwlock_read_unlock(&as->lock);
	return err; /* files live in their pages: there is nothing to write back */
}

static int lock_region(struct aspace *as, uaddr_t start, unsigned long len, bool lock, unsigned long limit_pages)
{
	int err;

	rwlock_write_lock(&as->lock);
	err = lock && limit_pages != ~0ul && as->locked_pages + (len >> PAGE_SHIFT) > limit_pages ? -ENOMEM : 0;
	if (!err)
		err = each_region(as, start, start + len, nothing, 0);
	if (!err)
		err = flag_region(as, start, start + len, lock ? VMA_LOCKED : 0, lock ? 0 : VMA_LOCKED);
	aspace_write_unlock(as);
	return err;
}

static int lock_range(struct aspace *as, uaddr_t addr, unsigned long len, bool lock, unsigned long limit_pages)
{
	uaddr_t start = PAGE_DOWN(addr);

	len += addr - start;
	if (!range_ok(start, &len))
		return len < (addr & ~PAGE_MASK) ? -EINVAL : -ENOMEM;
	return len ? lock_region(as, start, len, lock, limit_pages) : 0;
}

int vm_lock(struct aspace *as, uaddr_t addr, unsigned long len, unsigned long limit_pages)
{
	int err = lock_range(as, addr, len, true, limit_pages);

	if (!err && vm_populate(as, addr, len, false) == -ENOMEM)
		err = -EAGAIN;
	return err;
}

int vm_unlock(struct aspace *as, uaddr_t addr, unsigned long len) { return lock_range(as, addr, len, false, 0); }

static void flag_all(struct aspace *as, bool lock)
{
	for (struct vma *v = vma_first(as); v; v = vma_next(v))
		vma_set_flags(v, lock ? v->flags | VMA_LOCKED : v->flags & ~VMA_LOCKED);
}

/* Populates region after region; each is looked up anew, for they may change meanwhile. */
static void populate_all(struct aspace *as)
{
	uaddr_t at = 0, end;
	struct vma *v;

	do {
		rwlock_read_lock(&as->lock);
		v = vma_find(as, at);
		at = v ? MAX(at, v->start) : 0;
		end = v ? v->end : 0;
		rwlock_read_unlock(&as->lock);
		if (v)
			vm_populate(as, at, end - at, false);
		at = end;
	} while (v && !waitq_interrupted(WAIT_KILLABLE));
}

int vm_lock_all(struct aspace *as, bool now, bool future, bool populate, unsigned long limit_pages)
{
	int err = 0;

	rwlock_write_lock(&as->lock);
	if (now && as->total_pages > limit_pages)
		err = -ENOMEM;
	if (!err && now)
		flag_all(as, true);
	if (!err)
		as->new_flags = future ? VMA_LOCKED : 0;
	aspace_write_unlock(as);
	if (!err && now && populate)
		populate_all(as);
	return err;
}

void vm_unlock_all(struct aspace *as)
{
	rwlock_write_lock(&as->lock);
	flag_all(as, false);
	as->new_flags = 0;
	aspace_write_unlock(as);
}
