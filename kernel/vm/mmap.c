/* SPDX-License-Identifier: MIT */
/* Making, removing and protecting regions. */
#include "vm/mmap.h"
#include "arch/mmu.h"
#include "core/cmdline.h"
#include "core/clock.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "mem/frame.h"
#include "vm/commit.h"
#include "vm/mlock.h"
#include "vm/ptshare.h"
#include "vm/tlb.h"

#define STACK_GAP_MIN (128ul << 20)

int (*vm_shared_anon_hook)(unsigned long bytes, const struct vm_ops **ops, void **object);

static uint32_t prot_flags(int prot)
{
	return (prot & PROT_READ ? VMA_READ : 0) | (prot & PROT_WRITE ? VMA_WRITE : 0) | (prot & PROT_EXEC ? VMA_EXEC : 0);
}

int vm_unmap_locked(struct aspace *as, uaddr_t start, uaddr_t end)
{
	struct vma *v = vma_find(as, start);
	int err;

	if (!v || v->start >= end)
		return 0;
	err = vma_split_around(as, start, end);
	if (!err)
		err = vm_drop_regions(as, start, end);
	if (!err)
		vma_cut(as, start, end);
	return err;
}

/* Takes the regions out of [start, end) and gathers what dropping their pages can lack: -ENOMEM. *any: there were some. */
static int begin_unmap(struct aspace *as, uaddr_t start, uaddr_t end, struct pt_reserve *r, bool *any)
{
	struct vma *v = vma_find(as, start);
	int err;

	*any = v && v->start < end;
	if (!*any)
		return 0;
	err = vma_split_around(as, start, end);
	if (!err)
		err = vm_drop_regions_prepare(as, start, end, r);
	if (!err)
		vma_cut(as, start, end);
	return err;
}

/* The pages go when the regions are gone, under the lock for reading: other threads may fault meanwhile, though not map anything there. */
int vm_unmap(struct aspace *as, uaddr_t addr, unsigned long len)
{
	struct pt_reserve r = { 0 };
	struct tlb_batch b;
	struct list removed;
	bool any;
	int err;

	if (addr & ~PAGE_MASK || len > ARCH_USER_TOP || addr > ARCH_USER_TOP - len || !len)
		return -EINVAL;
	len = PAGE_UP(len);
	aspace_write_lock(as);
	err = begin_unmap(as, addr, addr + len, &r, &any);
	if (err || !any) {
		aspace_write_unlock(as);
		return err;
	}
	aspace_downgrade(as, &removed);
	tlb_kernel_begin(); /* most of a munmap, and of the time that it waits for others, is here */
	vm_drop_regions_prepared(&b, as, addr, addr + len, &r);
	rwlock_read_unlock(&as->lock);
	tlb_batch_free(&b);
	tlb_kernel_end();
	vma_free_list(&removed);
	return 0;
}

uaddr_t vm_find_gap(struct aspace *as, unsigned long len)
{
	uaddr_t a = vma_find_gap(as, len, as->mmap_base);

	return a ? a : vma_find_gap(as, len, ARCH_USER_TOP - PAGE_SIZE);
}

uaddr_t vm_place(struct aspace *as, uaddr_t hint, unsigned long len)
{
	struct vma *v;

	hint = PAGE_DOWN(hint);
	if (hint >= VM_MIN_ADDR && hint < ARCH_USER_TOP && len <= ARCH_USER_TOP - hint) {
		v = vma_find(as, hint);
		if (!v || vma_floor(v) >= hint + len)
			return hint;
	}
	return vm_find_gap(as, len);
}

int vm_check_room(struct aspace *as, unsigned long len, uint32_t flags)
{
	unsigned long pages = len >> PAGE_SHIFT;

	if (as->vma_count >= MAP_COUNT_MAX)
		return -ENOMEM;
	if (as->limit_as != ~0ul && as->total_pages + pages > as->limit_as >> PAGE_SHIFT)
		return -ENOMEM;
	if ((flags & (VMA_SHARED | VMA_WRITE | VMA_GROWSDOWN)) != VMA_WRITE)
		return 0;
	if (as->limit_data != ~0ul && as->data_pages + pages > as->limit_data >> PAGE_SHIFT)
		return -ENOMEM;
	return flags & VMA_NORESERVE && READ_ONCE(vm_overcommit) != OVERCOMMIT_NEVER ? 0 : vm_may_commit(as, pages) ? 0 : -ENOMEM;
}

static int check_request(const struct map_request *r, unsigned long len)
{
	bool fixed = r->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);

	if (!r->len)
		return -EINVAL;
	if (!len || len > ARCH_USER_TOP)
		return -ENOMEM;
	if (fixed && r->addr & ~PAGE_MASK)
		return -EINVAL;
	if (fixed && r->addr > ARCH_USER_TOP - len)
		return -ENOMEM;
	if (fixed && r->addr < VM_MIN_ADDR)
		return -EPERM;
	if (r->pgoff + (len >> PAGE_SHIFT) < r->pgoff)
		return -EOVERFLOW;
	return 0;
}

static unsigned long map_locked(struct aspace *as, const struct map_request *r, unsigned long len)
{
	struct vma proto = { .flags = prot_flags(r->prot) | r->may | r->extra | as->new_flags | (r->flags & MAP_SHARED ? VMA_SHARED : 0),
			     .ops = r->ops, .object = r->object, .pgoff = r->pgoff, .name = r->name };
	uaddr_t at = r->addr;
	struct vma *v;
	int err;

	if (r->flags & MAP_NORESERVE && READ_ONCE(vm_overcommit) != OVERCOMMIT_NEVER)
		proto.flags |= VMA_NORESERVE;
	err = vm_check_room(as, len, proto.flags);

	if (r->flags & MAP_LOCKED)
		proto.flags |= VMA_LOCKED;
	if (!err && !vm_may_lock(as, len, proto.flags))
		err = -EAGAIN;
	if (err)
		return (unsigned long)err;
	if (r->flags & MAP_FIXED_NOREPLACE) {
		v = vma_find(as, at);
		if (v && v->start < at + len)
			return (unsigned long)-EEXIST;
	} else if (r->flags & MAP_FIXED) {
		err = vm_unmap_locked(as, at, at + len);
	} else {
		at = vm_place(as, r->addr, len);
		err = at ? 0 : -ENOMEM;
	}
	if (err)
		return (unsigned long)err;
	if (r->flags & MAP_GROWSDOWN)
		proto.flags |= VMA_GROWSDOWN;
	proto.start = at;
	proto.end = at + len;
	if (!proto.ops)
		proto.pgoff = at >> PAGE_SHIFT;
	return vma_extend(as, &proto) || vma_insert(as, &proto) ? at : (unsigned long)-ENOMEM;
}

unsigned long vm_map(struct aspace *as, const struct map_request *r)
{
	unsigned long len = PAGE_UP(r->len), at;
	struct map_request shared = *r;
	int err = check_request(r, len);
	bool fill;

	if (err)
		return (unsigned long)err;
	if (r->flags & MAP_SHARED && !r->ops) {
		err = vm_shared_anon_hook(len, &shared.ops, &shared.object);
		if (err)
			return (unsigned long)err;
		shared.pgoff = 0;
	}
	aspace_write_lock(as);
	at = map_locked(as, &shared, len);
	fill = as->new_flags & VMA_LOCKED || (r->flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE || r->flags & MAP_LOCKED;
	aspace_write_unlock(as);
	if (shared.ops != r->ops)
		shared.ops->put(shared.object); /* the region has its own reference */
	if (fill && !IS_ERR_VALUE(at))
		vm_populate(as, at, len);
	return at;
}

/* The region that maps [start, end) of one file in one way, as regions that follow each other do; NULL if there is none. as->lock held. */
static struct vma *same_file(struct aspace *as, uaddr_t start, uaddr_t end)
{
	struct vma *v = vma_find(as, start), *n = v;

	if (!v || v->start > start || !(v->flags & VMA_SHARED))
		return NULL;
	for (; n->end < end; n = vma_next(n)) {
		struct vma *next = vma_next(n);

		if (!next || next->start != n->end || next->object != v->object || next->ops != v->ops || next->flags != v->flags)
			return NULL;
	}
	return v;
}

int vm_remap_file_pages(struct aspace *as, uaddr_t start, unsigned long size, unsigned long pgoff, int flags)
{
	struct map_request r = { .addr = PAGE_DOWN(start), .len = PAGE_DOWN(size), .pgoff = pgoff, .flags = MAP_SHARED | MAP_FIXED };
	unsigned long at = (unsigned long)-EINVAL;
	struct vma *v;

	if (r.addr + r.len <= r.addr || pgoff + (r.len >> PAGE_SHIFT) < pgoff)
		return -EINVAL;
	aspace_write_lock(as);
	v = same_file(as, r.addr, r.addr + r.len);
	if (v) {
		r.prot = (v->flags & VMA_READ ? PROT_READ : 0) | (v->flags & VMA_WRITE ? PROT_WRITE : 0) | (v->flags & VMA_EXEC ? PROT_EXEC : 0);
		r.may = v->flags & (VMA_MAYREAD | VMA_MAYWRITE | VMA_MAYEXEC);
		r.extra = v->flags & VMA_LOCKED;
		r.ops = v->ops; /* the regions that go keep the object until the lock is given up */
		r.object = v->object;
		at = map_locked(as, &r, r.len);
	}
	aspace_write_unlock(as);
	if (!IS_ERR_VALUE(at) && !(flags & MAP_NONBLOCK))
		vm_populate(as, at, r.len);
	return IS_ERR_VALUE(at) ? (int)(long)at : 0;
}

/* One table's part: what is mapped there keeps no right that flags lack. */
static void restrict_entries(pte_t *e, unsigned long n, uint32_t flags)
{
	unsigned long clear = flags & VMA_WRITE ? 0 : PTE_WRITE, set = flags & VMA_EXEC ? 0 : PTE_NOEXEC;

	if (!(flags & (VMA_READ | VMA_WRITE | VMA_EXEC))) {
		clear = PTE_PRESENT | PTE_WRITE;
		set = PTE_HIDDEN;
	}
	for (pte_t *end = e + n; e < end; e++)
		if (pte_mapped(*e))
			*e = pte_set(pte_clear(*e, clear), set);
}

/* Where va's span, or the range, ends: the first of the two. */
static uaddr_t span_end(uaddr_t va, uaddr_t end, unsigned long span) { return MIN(ALIGN_DOWN(va, span) + (span - 1), end - 1) + 1; }

/*
 * Brings the present entries of a range in line with fewer rights, a table at a time; more rights come back by faults. pt_lock is taken inside. Tables
 * are gathered where one turns out to be shared.
 */
static int protect_pages(struct aspace *as, uaddr_t start, uaddr_t end, uint32_t flags, struct pt_reserve *r)
{
	for (uaddr_t va = start; va < end;) {
		unsigned long missing = 0;
		uaddr_t stop = va;
		pte_t *e;

		spin_lock(&as->pt_lock);
		e = ptshare_path(as, va, r, false, &missing);
		if (e || missing)
			stop = span_end(va, end, e ? pt_span(1) : missing);
		if (e)
			restrict_entries(e, (stop - va) >> PAGE_SHIFT, flags);
		spin_unlock(&as->pt_lock);
		if (stop == va && !pt_reserve_fill(r, ARCH_PT_LEVELS - 1))
			return -ENOMEM;
		va = stop;
	}
	return 0;
}

/* Pages that become data by mprotect. */
static int check_data(struct aspace *as, unsigned long pages, uint32_t flags)
{
	unsigned long limit = as->limit_data >> PAGE_SHIFT;

	if (as->limit_data != ~0ul && as->data_pages + pages > limit)
		return -ENOMEM;
	return flags & VMA_NORESERVE || vm_may_commit(as, pages) ? 0 : -ENOMEM;
}

/* How far from start the rights may be had: *end comes down to the first hole (-ENOMEM) or refusal (-EACCES), as Linux changes what is before. */
static int check_protect(struct aspace *as, uaddr_t start, uaddr_t *end, uint32_t flags)
{
	uaddr_t at = start;
	int err = 0;

	for (struct vma *v = vma_find(as, start); at < *end; v = vma_next(v)) {
		if (!v || v->start > at)
			err = -ENOMEM;
		else if (flags & ~(v->flags >> 4) & (VMA_READ | VMA_WRITE | VMA_EXEC))
			err = -EACCES;
		else if (flags & ~v->flags & VMA_WRITE && !(v->flags & (VMA_SHARED | VMA_GROWSDOWN)))
			err = check_data(as, (MIN(v->end, *end) - at) >> PAGE_SHIFT, v->flags);
		if (err) {
			*end = at;
			return err;
		}
		at = v->end;
	}
	return 0;
}

static int protect_locked(struct aspace *as, uaddr_t start, uaddr_t end, uint32_t flags)
{
	struct pt_reserve r = { 0 };
	int refused = check_protect(as, start, &end, flags), err;
	bool fewer = false;

	if (start >= end)
		return refused;
	err = vma_split_to_keep(as, start, end);
	for (struct vma *v = err ? NULL : vma_find(as, start); v && v->start < end && !err; v = vma_next(v)) {
		uint32_t want = (v->flags & ~(VMA_READ | VMA_WRITE | VMA_EXEC)) | flags;

		if (v->flags & ~want) {
			fewer = true;
			err = protect_pages(as, v->start, v->end, want, &r);
		}
		if (err)
			break;
		if (v->flags != want)
			vma_set_flags(v, want);
		v = vma_merge(v);
	}
	if (fewer)
		tlb_flush_aspace(as);
	pt_reserve_drop(&r);
	return err ? err : refused;
}

/* PROT_GROWSDOWN: from the start of the region on, which must be a stack. Nothing grows up. */
static int growing_start(struct aspace *as, uaddr_t *addr, unsigned long *len, int prot)
{
	struct vma *v = vma_find(as, *addr);

	if (!v || v->start >= *addr + *len || (prot & PROT_GROWSUP && v->start > *addr))
		return -ENOMEM;
	if (prot & PROT_GROWSUP || !(v->flags & VMA_GROWSDOWN))
		return -EINVAL;
	*len += *addr - v->start; /* less, if the region begins above */
	*addr = v->start;
	return 0;
}

int vm_protect(struct aspace *as, uaddr_t addr, unsigned long len, int prot)
{
	int err;

	if (addr & ~PAGE_MASK || (prot & PROT_GROWSDOWN && prot & PROT_GROWSUP))
		return -EINVAL;
	if (!len)
		return 0;
	len = PAGE_UP(len);
	if (!len || len > ARCH_USER_TOP || addr > ARCH_USER_TOP - len)
		return -ENOMEM;
	if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP))
		return -EINVAL;
	aspace_write_lock(as);
	err = prot & (PROT_GROWSDOWN | PROT_GROWSUP) ? growing_start(as, &addr, &len, prot) : 0;
	if (!err)
		err = protect_locked(as, addr, addr + len, prot_flags(prot));
	aspace_write_unlock(as);
	return err;
}

static uaddr_t grow_brk(struct aspace *as, uaddr_t old_end, uaddr_t new_end)
{
	struct map_request r = { .addr = old_end, .len = new_end - old_end, .prot = PROT_READ | PROT_WRITE, .flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE,
				 .may = VMA_MAYREAD | VMA_MAYWRITE | VMA_MAYEXEC, .name = "[heap]" };
	struct vma *above = vma_find(as, old_end);

	if (above && above->start < new_end + PAGE_SIZE)
		return (uaddr_t)-ENOMEM;
	return map_locked(as, &r, r.len);
}

uaddr_t vm_brk(struct aspace *as, uaddr_t brk)
{
	uaddr_t old_end, new_end;
	bool fill;

	aspace_write_lock(as);
	old_end = PAGE_UP(as->brk);
	new_end = PAGE_UP(brk);
	if (brk < as->brk_start || brk >= ARCH_USER_TOP || new_end < brk)
		goto out;
	if (as->limit_data != ~0ul && brk - as->brk_start + (as->data_end - as->data_start) > as->limit_data)
		goto out;
	if (new_end > old_end && IS_ERR_VALUE(grow_brk(as, old_end, new_end)))
		goto out;
	if (new_end < old_end && vm_unmap_locked(as, new_end, old_end))
		goto out;
	as->brk = brk;
out:
	fill = as->brk == brk && new_end > old_end && as->new_flags & VMA_LOCKED;
	brk = as->brk;
	aspace_write_unlock(as);
	if (fill)
		vm_populate(as, old_end, new_end - old_end);
	return brk;
}

static unsigned long random_pages(unsigned bits)
{
	static uint32_t state;

	if (cmdline_has("norandmaps"))
		return 0;
	state = state * 1664525u + (uint32_t)clock_now();
	return state >> (32 - bits);
}

void vm_layout_init(struct aspace *as, unsigned long stack_limit)
{
	unsigned long gap = MAX(MIN(stack_limit, ARCH_USER_TOP / 6 * 5), STACK_GAP_MIN);

	as->stack_top = ARCH_USER_TOP - PAGE_SIZE - (random_pages(11) << PAGE_SHIFT);
	as->mmap_base = PAGE_DOWN(ARCH_USER_TOP - gap - (2049ul << PAGE_SHIFT)) - (random_pages(8) << PAGE_SHIFT);
}
