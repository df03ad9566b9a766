/* SPDX-License-Identifier: MIT */
/*
 * mremap: a region shrinks, grows where it is, or moves with its pages. Moving takes entries from one path to another, both made own first; when
 * memory runs out half-way what was moved goes back, which needs none, since the old path is own by then.
 */
#include "arch/mmu.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "vm/mlock.h"
#include "vm/mmap.h"
#include "vm/ptshare.h"
#include "vm/tlb.h"

#define MOVE_CHUNK 256 /* pages between two chances for others to run */

struct move {
	struct aspace *as;
	uaddr_t from, to;
	unsigned long len, done; /* bytes */
	struct pt_reserve tables;
};

/* Bytes from va to the end of the span that it lies in, at most max. */
static unsigned long rest_of_span(uaddr_t va, unsigned long span, unsigned long max)
{
	return MIN(span - (va & (span - 1)), max);
}

/*
 * Moves entries until the reserve runs out or a chunk is through. The old addresses are forgotten by all CPUs before the lock is given up: truncate
 * may take the pages from their new ones at once.
 */
static void move_chunk(struct move *m)
{
	spin_lock(&m->as->pt_lock);
	for (unsigned i = 0; i < MOVE_CHUNK && m->done < m->len; i++) {
		unsigned long missing = 0;
		pte_t *src = ptshare_path(m->as, m->from + m->done, &m->tables, false, &missing), *dst, value;

		if (!src && !missing)
			break;
		if (!src) {
			m->done += rest_of_span(m->from + m->done, missing, m->len - m->done);
			continue;
		}
		if (pte_mapped(*src)) {
			dst = ptshare_path(m->as, m->to + m->done, &m->tables, true, NULL);
			if (!dst)
				break;
			value = *src;
			ptshare_set(m->as, src, PTE_NONE);
			ptshare_set(m->as, dst, value);
		}
		m->done += PAGE_SIZE;
	}
	tlb_flush_aspace(m->as);
	spin_unlock(&m->as->pt_lock);
}

/* All of the entries, or none: -ENOMEM. */
static int move_entries(struct aspace *as, uaddr_t from, uaddr_t to, unsigned long len)
{
	struct move m = { .as = as, .from = from, .to = to, .len = len };
	int err = 0;

	while (m.done < m.len && !err) {
		if (pt_reserve_fill(&m.tables, PT_RESERVE_MAX))
			move_chunk(&m);
		else
			err = -ENOMEM;
	}
	if (err) {
		struct move back = { .as = as, .from = to, .to = from, .len = m.done };

		while (back.done < back.len)
			move_chunk(&back);
	}
	pt_reserve_drop(&m.tables);
	return err;
}

/* Moves [old, old + old_len), which lies in one region, to the free range at to. as->lock held for writing. */
static int move_region(struct aspace *as, struct vma *v, uaddr_t old, unsigned long old_len, unsigned long new_len, uaddr_t to, bool unmap)
{
	struct vma proto = *v, *n;
	int err = old_len ? vma_split_range(as, old, old + old_len) : 0;

	if (err)
		return err;
	proto.pgoff = v->ops ? vma_pgoff(&proto, old) : to >> PAGE_SHIFT;
	proto.start = to;
	proto.end = to + new_len;
	n = vma_insert(as, &proto);
	if (!n)
		return -ENOMEM;
	err = move_entries(as, old, to, old_len);
	if (err) {
		vma_remove(n);
		return err;
	}
	if (!unmap)
		vma_flag_range(as, old, old + old_len, 0, VMA_LOCKED | VMA_ONFAULT); /* cannot fail either; where the two meet, n may be gone */
	else if (old_len)
		vm_unmap_locked(as, old, old + old_len); /* cannot fail: cut out and with an own path by now */
	vma_merge(vma_find(as, to));
	return 0;
}

static int check_flags(uaddr_t old, unsigned long new_len, int flags)
{
	if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP) || (flags & ~MREMAP_MAYMOVE && !(flags & MREMAP_MAYMOVE)))
		return -EINVAL;
	return old & ~PAGE_MASK || !new_len ? -EINVAL : 0;
}

/* The region that old_len bytes at old lie in; may it become new_len long? */
static int check_region(struct aspace *as, struct vma *v, uaddr_t old, unsigned long old_len, unsigned long new_len)
{
	if (!v || v->start > old)
		return -EFAULT;
	if (!old_len && !(v->flags & VMA_SHARED))
		return -EINVAL;
	if (old_len > v->end - old)
		return -EFAULT;
	if (new_len <= old_len)
		return 0;
	if (v->flags & VMA_SPECIAL)
		return -EFAULT;
	if (v->ops && vma_pgoff(v, old) + (new_len >> PAGE_SHIFT) < vma_pgoff(v, old))
		return -EINVAL;
	if (!vm_may_lock(as, new_len - old_len, v->flags))
		return -EAGAIN;
	return vm_check_room(as, new_len - old_len, v->flags);
}

/* May the old region stay beside the new one? */
static int check_copy(struct aspace *as, const struct vma *v, unsigned long len)
{
	return v->flags & VMA_SPECIAL ? -EINVAL : vm_check_room(as, len, v->flags);
}

/* To an address that is given, or (MREMAP_DONTUNMAP alone) asked for. */
static unsigned long remap_to(struct aspace *as, uaddr_t old, unsigned long old_len, unsigned long new_len, int flags, uaddr_t to)
{
	int err;

	if (to & ~PAGE_MASK || new_len > ARCH_USER_TOP || to > ARCH_USER_TOP - new_len || (old < to + new_len && to < old + old_len))
		return (unsigned long)-EINVAL;
	if (flags & MREMAP_FIXED && to < VM_MIN_ADDR)
		return (unsigned long)-EPERM;
	err = check_region(as, vma_find(as, old), old, old_len, new_len);
	if (!err && flags & MREMAP_DONTUNMAP)
		err = check_copy(as, vma_find(as, old), new_len);
	if (!err && flags & MREMAP_FIXED)
		err = vm_unmap_locked(as, to, to + new_len);
	else if (!err)
		err = (to = vm_place(as, to, new_len)) ? 0 : -ENOMEM;
	if (!err && old_len > new_len) {
		err = vm_unmap_locked(as, old + new_len, old + old_len);
		old_len = new_len;
	}
	if (!err)
		err = move_region(as, vma_find(as, old), old, old_len, new_len, to, !(flags & MREMAP_DONTUNMAP));
	return err ? (unsigned long)err : to;
}

static unsigned long remap_anywhere(struct aspace *as, uaddr_t old, unsigned long old_len, unsigned long new_len, bool may_move)
{
	struct vma *v = vma_find(as, old), *next;
	uaddr_t to;
	int err;

	if (new_len <= old_len && v && v->start <= old) { /* it may reach over several regions here */
		err = new_len < old_len ? vm_unmap_locked(as, old + new_len, old + old_len) : 0;
		return err ? (unsigned long)err : old;
	}
	err = check_region(as, v, old, old_len, new_len);
	if (err)
		return (unsigned long)err;
	next = vma_next(v);
	if (old_len && v->end == old + old_len && new_len <= ARCH_USER_TOP - old && (!next || next->start >= old + new_len)) {
		vma_resize(v, v->start, old + new_len);
		vma_merge(v);
		return old;
	}
	if (!may_move)
		return (unsigned long)-ENOMEM;
	to = vm_find_gap(as, new_len);
	err = to ? move_region(as, v, old, old_len, new_len, to, true) : -ENOMEM;
	return err ? (unsigned long)err : to;
}

unsigned long vm_remap(struct aspace *as, uaddr_t old, unsigned long old_len, unsigned long new_len, int flags, uaddr_t new_addr)
{
	unsigned long at;
	struct vma *v;
	bool locked;
	int err;

	if (flags & MREMAP_DONTUNMAP && old_len != new_len)
		return (unsigned long)-EINVAL;
	old_len = PAGE_UP(old_len);
	new_len = PAGE_UP(new_len);
	err = check_flags(old, new_len, flags);
	if (err)
		return (unsigned long)err;
	if (new_len > ARCH_USER_TOP || old_len > ARCH_USER_TOP || old > ARCH_USER_TOP - old_len)
		return (unsigned long)(new_len > ARCH_USER_TOP ? -ENOMEM : -EFAULT);
	aspace_write_lock(as);
	if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		at = remap_to(as, old, old_len, new_len, flags, new_addr);
	else
		at = remap_anywhere(as, old, old_len, new_len, flags & MREMAP_MAYMOVE);
	v = IS_ERR_VALUE(at) ? NULL : vma_find(as, at);
	locked = v && v->flags & VMA_LOCKED && new_len > old_len;
	aspace_write_unlock(as);
	if (locked)
		vm_populate(as, at + old_len, new_len - old_len);
	return at;
}
