/* SPDX-License-Identifier: MIT */
/* mlock and mlockall. Pages stay in memory anyway: locking makes them present, and is counted against RLIMIT_MEMLOCK. */
#include "vm/mlock.h"
#include "arch/mmu.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "sched/waitq.h"
#include "vm/fault.h"

/* Pages of the range that are locked already. */
static unsigned long locked_in(struct aspace *as, uaddr_t start, uaddr_t end)
{
	unsigned long n = 0;

	for (struct vma *v = vma_find(as, start); v && v->start < end; v = vma_next(v))
		if (v->flags & VMA_LOCKED)
			n += (MIN(v->end, end) - MAX(v->start, start)) >> PAGE_SHIFT;
	return n;
}

/* What has no hole of the range before it gets the flags; -ENOMEM at the hole, as Linux. */
static int flag_to_hole(struct aspace *as, uaddr_t start, uaddr_t end, uint32_t flags)
{
	uaddr_t at = start;
	int err;

	for (struct vma *v = vma_find(as, start); v && v->start <= at && at < end; v = vma_next(v))
		at = MIN(v->end, end);
	err = at > start ? vma_flag_range(as, start, at, flags, (VMA_LOCKED | VMA_ONFAULT) & ~flags) : 0;
	return err ? err : at < end ? -ENOMEM : 0;
}

static int lock_region(struct aspace *as, uaddr_t start, unsigned long len, uint32_t flags, unsigned long limit_pages)
{
	int err = 0;

	aspace_write_lock(as);
	if (flags && limit_pages != ~0ul && as->locked_pages + (len >> PAGE_SHIFT) - locked_in(as, start, start + len) > limit_pages)
		err = -ENOMEM;
	if (!err)
		err = flag_to_hole(as, start, start + len, flags);
	aspace_write_unlock(as);
	return err;
}

/* *addr and *len become whole pages. flags 0: unlock. */
static int lock_range(struct aspace *as, uaddr_t *addr, unsigned long *len, uint32_t flags, unsigned long limit_pages)
{
	*len = PAGE_UP(*len + (*addr & ~PAGE_MASK)); /* a sum that runs over is short, here and in Linux */
	*addr = PAGE_DOWN(*addr);
	if (*addr + *len < *addr)
		return -EINVAL;
	if (*addr + *len > ARCH_USER_TOP)
		return -ENOMEM;
	return *len ? lock_region(as, *addr, *len, flags, limit_pages) : 0;
}

int vm_lock(struct aspace *as, uaddr_t addr, unsigned long len, bool on_fault, unsigned long limit_pages)
{
	int err = lock_range(as, &addr, &len, on_fault ? VMA_LOCKED | VMA_ONFAULT : VMA_LOCKED, limit_pages);

	if (err)
		return err;
	err = vm_populate(as, addr, len);
	return err == -ENOMEM ? -EAGAIN : err == -EFAULT ? -ENOMEM : err;
}

int vm_unlock(struct aspace *as, uaddr_t addr, unsigned long len) { return lock_range(as, &addr, &len, 0, 0); }

static void flag_all(struct aspace *as, uint32_t flags)
{
	for (struct vma *v = vma_first(as); v; v = vma_next(v)) {
		vma_set_flags(v, (v->flags & ~(VMA_LOCKED | VMA_ONFAULT)) | flags);
		v = vma_merge(v);
	}
}

int vm_lock_all(struct aspace *as, bool now, bool future, bool on_fault, unsigned long limit_pages)
{
	uint32_t flags = on_fault ? VMA_LOCKED | VMA_ONFAULT : VMA_LOCKED;
	int err = 0;

	aspace_write_lock(as);
	if (now && as->total_pages > limit_pages)
		err = -ENOMEM;
	if (!err && now)
		flag_all(as, flags);
	if (!err)
		as->new_flags = future ? flags : 0;
	aspace_write_unlock(as);
	if (!err && now)
		vm_populate_all(as);
	return err;
}

void vm_unlock_all(struct aspace *as)
{
	aspace_write_lock(as);
	flag_all(as, 0);
	as->new_flags = 0;
	aspace_write_unlock(as);
}

/* The region at *at or the next one above, up to end: *at moves to its start. false: there is none. *stop: its end; *how: 0 skip, 1 read, 2 write. */
static bool next_to_fill(struct aspace *as, uaddr_t *at, uaddr_t end, uaddr_t *stop, int *how)
{
	struct vma *v;

	rwlock_read_lock(&as->lock);
	v = vma_find(as, *at);
	if (v && v->start < end) {
		*at = MAX(*at, v->start);
		*stop = MIN(v->end, end);
		*how = v->flags & VMA_ONFAULT ? 0 : (v->flags & (VMA_WRITE | VMA_SHARED)) == VMA_WRITE ? 2 : 1;
	} else {
		v = NULL;
	}
	rwlock_read_unlock(&as->lock);
	return v;
}

static int fill(struct aspace *as, uaddr_t start, uaddr_t end, bool write)
{
	for (uaddr_t va = start; va < end; va += PAGE_SIZE) {
		enum fault_result r = vm_fault(as, va, write ? FAULT_WRITE : FAULT_READ, write);

		if (waitq_interrupted(WAIT_KILLABLE))
			return -EINTR;
		if (r != FAULT_OK)
			return r == FAULT_OOM ? -ENOMEM : -EFAULT;
	}
	return 0;
}

/* Regions are looked up one after the other, for they may change meanwhile. */
static int populate(struct aspace *as, uaddr_t start, uaddr_t end, bool go_on)
{
	uaddr_t at = start, stop;
	int how, err = 0;

	while (at < end && next_to_fill(as, &at, end, &stop, &how)) {
		err = how ? fill(as, at, stop, how == 2) : 0;
		if (err == -EINTR || (err && !go_on))
			return err;
		at = stop;
	}
	return 0;
}

int vm_populate(struct aspace *as, uaddr_t addr, unsigned long len) { return populate(as, addr, addr + len, false); }
void vm_populate_all(struct aspace *as) { populate(as, 0, ARCH_USER_TOP, true); }
