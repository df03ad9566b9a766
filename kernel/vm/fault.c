/* SPDX-License-Identifier: MIT */
/*
 * A page fault, in phases: check (the region), gather (what can need memory or time, or sleep), then, under pt_lock, unshare the path, resolve,
 * map. The loop is in do_steps: a step that lacks something says what, it is gathered without spinlocks, and the entry is looked at anew. What
 * nearly always lacks is gathered before the first look. vm_fault tries again from the start after a stack has grown or the OOM killer has made
 * room.
 *
 * Most faults need of the region only its flags. These are first looked up without as->lock, and looked at again under pt_lock: if no region has changed
 * meanwhile they hold until pt_lock is given up, since whoever changes a region takes away what it no longer permits under pt_lock, later. For what
 * needs more, or finds no region, or was too late, the lock is taken.
 *
 * Pages are cleared and copied without spinlocks. A copy is good as long as the entry still refers to the page that was copied, without the right
 * to write: the reference that the fault holds meanwhile keeps everybody else from taking that page for theirs alone and writing to it.
 *
 *                      read                         write
 *   anonymous, missing  zero page, read-only         fresh zeroed frame; for who writes page after page, those that follow too
 *   file, missing       the file's page, read-only   private: copy of it; shared: the page itself, writable
 *   present             spurious                     exclusive or shared mapping: write bit; else copy
 *
 * Other CPUs are made to forget a translation only when another frame takes its place; one with fewer rights faults there and is found spurious.
 */
#include "vm/fault.h"
#include "arch/mmu.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/kmap.h"
#include "vm/anon.h"
#include "vm/commit.h"
#include "vm/ptshare.h"
#include "vm/tlb.h"

#define OOM_TRIES 64
#define FAULT_AROUND 16ul /* pages, aligned: so they lie in one table */
#define RUN_LEAST 4ul   /* pages that were written one after the other before more than one comes at a time */
#define PLENTY 16ul     /* times the reserve: with less free memory nothing is mapped that nobody asked for */

enum step { STEP_DONE, STEP_NEED_TABLES, STEP_NEED_COPY, STEP_NEED_ZEROED, STEP_NEED_FILE, STEP_NEED_LOCK, STEP_AGAIN };

struct fault {
	struct aspace *as;
	uaddr_t addr; /* page aligned */
	enum fault_access access;
	bool missing; /* nothing was mapped there, it seems */
	struct vma *v; /* the region, with as->lock held for reading; NULL: it was only looked at */
	struct vma_glimpse region;
	/* gathered */
	struct pt_reserve tables;
	struct page *frame;     /* fresh, private */
	bool frame_zeroed;
	struct page *original;  /* what is to be copied, or was, into frame; with a reference */
	bool copied;
	struct page *file_page; /* with a reference */
	unsigned around_count;  /* neighbours of a file page that are in memory, or what is to come after an anonymous one; with references */
	struct { uaddr_t va; struct page *page; } around[FAULT_AROUND];
};

static void drop_around(struct fault *f)
{
	while (f->around_count)
		page_put(f->around[--f->around_count].page);
}

static void drop_gathered(struct fault *f)
{
	pt_reserve_drop(&f->tables);
	if (f->frame)
		page_put(f->frame);
	if (f->original)
		page_put(f->original);
	if (f->file_page)
		page_put(f->file_page);
	drop_around(f);
}

static unsigned long leaf_flags(const struct fault *f, bool write)
{
	uint32_t flags = f->region.flags;

	return PTE_PRESENT | PTE_USER | PTE_ACCESSED | (flags & VMA_EXEC ? 0 : PTE_NOEXEC) | (write ? PTE_WRITE | PTE_DIRTY : 0) | (flags & VMA_SHARED ? PTE_SHARED : 0);
}

/* Installs the page over whatever the entry held; the entry takes over one reference. */
static void install(struct fault *f, pte_t *e, struct page *p, unsigned long flags)
{
	struct page *old = pte_mapped(*e) ? ptshare_page(*e) : NULL;

	ptshare_set(f->as, e, pte_make(page_pfn(p), flags));
	if (old) {
		tlb_flush_page(f->as, f->addr);
		page_put(old);
	}
}

static void install_frame(struct fault *f, pte_t *e)
{
	install(f, e, f->frame, leaf_flags(f, true));
	f->frame = NULL;
}

/* Does frame hold a copy of p? If not, that is what is needed next. */
static bool have_copy(struct fault *f, struct page *p)
{
	if (f->frame && f->copied && f->original == p)
		return true;
	page_get(p);
	if (f->original)
		page_put(f->original);
	f->original = p;
	f->copied = false;
	return false;
}

static void mark_dirty(struct page *p) { __atomic_fetch_or(&p->flags, PAGE_F_DIRTY, __ATOMIC_RELAXED); }

static enum step resolve_write_present(struct fault *f, pte_t *e)
{
	struct page *old = ptshare_page(*e);

	if (!old || f->region.flags & VMA_SHARED || (old->kind == PAGE_ANON && page_count(old) == 1)) {
		if (old && old->kind == PAGE_CACHE)
			mark_dirty(old);
		*e = pte_set(*e, PTE_WRITE | PTE_DIRTY | PTE_ACCESSED);
		tlb_flush_page_here(f->as, f->addr);
		return STEP_DONE;
	}
	if (old == anon_zero_page()) {
		if (!f->frame || !f->frame_zeroed)
			return STEP_NEED_ZEROED;
	} else if (!have_copy(f, old)) {
		return STEP_NEED_COPY;
	}
	install_frame(f, e);
	return STEP_DONE;
}

/* The page is there: rights that the region gives and the entry does not have yet are handed out here (after mprotect, fork, a read fault). */
static enum step resolve_present(struct fault *f, pte_t *e)
{
	pte_t now = pte_set(pte_clear(*e, PTE_HIDDEN | (f->region.flags & VMA_EXEC ? PTE_NOEXEC : 0)), PTE_PRESENT | PTE_ACCESSED);

	*e = now;
	if (f->access == FAULT_WRITE && !pte_writable(now))
		return resolve_write_present(f, e);
	tlb_flush_page_here(f->as, f->addr); /* even if all is well: another CPU may have made it so since this one looked */
	return STEP_DONE;
}

/*
 * Maps the neighbours too, as far as nothing is mapped there: programs touch them soon. e is the entry of f->addr; v: the region of a file, whose pages they
 * must be still.
 */
static void map_around(struct fault *f, pte_t *e, unsigned long flags, const struct vma *v)
{
	unsigned left = 0;

	for (unsigned i = 0; i < f->around_count; i++) {
		struct page *p = f->around[i].page;
		pte_t *n = e + (long)(f->around[i].va - f->addr) / (long)PAGE_SIZE;

		if (!pte_mapped(*n) && (!v || !v->ops->current_page || v->ops->current_page(v->object, p)))
			ptshare_set(f->as, n, pte_make(page_pfn(p), flags & ~PTE_ACCESSED));
		else
			f->around[left++] = f->around[i];
	}
	f->around_count = left;
}

static enum step resolve_anon_missing(struct fault *f, pte_t *e)
{
	if (f->access != FAULT_WRITE) {
		page_get(anon_zero_page());
		install(f, e, anon_zero_page(), leaf_flags(f, false));
		return STEP_DONE;
	}
	if (!f->frame || !f->frame_zeroed)
		return STEP_NEED_ZEROED;
	install_frame(f, e);
	map_around(f, e, leaf_flags(f, true), NULL);
	return STEP_DONE;
}

static enum step resolve_file_missing(struct fault *f, pte_t *e)
{
	bool private_write = f->access == FAULT_WRITE && !(f->region.flags & VMA_SHARED);
	const struct vma *v = f->v;

	if (!v)
		return STEP_NEED_LOCK;
	if (!f->file_page)
		return STEP_NEED_FILE;
	if (v->ops->current_page && !v->ops->current_page(v->object, f->file_page)) {
		page_put(f->file_page);
		f->file_page = NULL;
		return STEP_AGAIN;
	}
	if (private_write) {
		if (!have_copy(f, f->file_page))
			return STEP_NEED_COPY;
		install_frame(f, e);
		return STEP_DONE;
	}
	if (f->access == FAULT_WRITE)
		mark_dirty(f->file_page);
	install(f, e, f->file_page, leaf_flags(f, f->access == FAULT_WRITE));
	f->file_page = NULL;
	map_around(f, e, leaf_flags(f, false), v);
	return STEP_DONE;
}

/* as->lock is held for reading. Neighbours were those in the region as it was. */
static void fault_in_region(struct fault *f, struct vma *v)
{
	drop_around(f);
	f->v = v;
	f->region.flags = v->flags;
	f->region.ops = v->ops;
	f->region.end = v->end;
}

static enum step resolve_entry(struct fault *f, pte_t *e)
{
	if (pte_mapped(*e))
		return resolve_present(f, e);
	return f->region.ops ? resolve_file_missing(f, e) : resolve_anon_missing(f, e);
}

/* Under pt_lock: regions have changed since this one was looked at. Was it another one? */
static bool glimpse_again(struct fault *f)
{
	struct vma_glimpse now;

	if (!vma_glimpse(f->as, f->addr, &now) || !vma_glimpse_good(f->as, &now))
		return false;
	return now.flags == f->region.flags && now.ops == f->region.ops && now.end == f->region.end;
}

/* One try under pt_lock. */
static enum step resolve(struct fault *f)
{
	enum step s;
	pte_t *e;

	spin_lock(&f->as->pt_lock);
	if (!f->v && unlikely(!vma_glimpse_good(f->as, &f->region)) && !glimpse_again(f)) {
		spin_unlock(&f->as->pt_lock);
		return STEP_NEED_LOCK;
	}
	e = ptshare_path(f->as, f->addr, &f->tables, true, NULL);
	s = e ? resolve_entry(f, e) : STEP_NEED_TABLES;
	spin_unlock(&f->as->pt_lock);
	return s;
}

/* Asked before pt_lock is taken, since the object's own lock comes first. */
static void gather_around(struct fault *f, struct vma *v)
{
	uaddr_t block = ALIGN_DOWN(f->addr, FAULT_AROUND * PAGE_SIZE);
	uaddr_t end = v->end - block > FAULT_AROUND * PAGE_SIZE ? block + FAULT_AROUND * PAGE_SIZE : v->end;

	for (uaddr_t va = MAX(block, v->start); va < end; va += PAGE_SIZE) {
		struct page *p = va == f->addr ? NULL : v->ops->peek(v->object, vma_pgoff(v, va));

		if (p) {
			f->around[f->around_count].va = va;
			f->around[f->around_count++].page = p;
		}
	}
}

static int gather_file(struct fault *f)
{
	struct vma *v = f->v;
	bool shared_write = f->access == FAULT_WRITE && v->flags & VMA_SHARED;
	int err = v->ops->fault(v, vma_pgoff(v, f->addr), shared_write, &f->file_page);

	if (!err && f->access != FAULT_WRITE && v->ops->peek && !f->around_count)
		gather_around(f, v);
	return err;
}

static int gather_frame(struct fault *f, bool zeroed)
{
	if (f->frame && zeroed)
		page_put(f->frame);
	if (!f->frame || zeroed)
		f->frame = frame_alloc(0, PAGE_ANON, zeroed ? FRAME_ZERO : FRAME_ANY);
	f->frame_zeroed = zeroed;
	f->copied = false;
	return f->frame ? 0 : -ENOMEM;
}

/*
 * A thread that writes to one page after the other will write to the next ones, too: they come with this one, ever more of them, but never more than it has
 * written to before, and none that needs another table. How far the run goes is known to the thread alone: nobody's entries are looked at for it.
 */
static unsigned long pages_ahead(struct fault *f)
{
	struct thread *t = thread_current();
	unsigned long run = f->addr == t->fault_next ? t->fault_run : 0;
	unsigned long ahead = run < RUN_LEAST || f->region.flags & VMA_SINGLE_PAGES ? 0 : MIN(run, FAULT_AROUND) - 1;

	ahead = MIN(ahead, (f->region.end - f->addr) / PAGE_SIZE - 1);
	ahead = MIN(ahead, ARCH_PT_ENTRIES - 1 - pt_index(f->addr, 0));
	if (ahead && frame_free_count() < PLENTY * frame_reserve())
		ahead = 0;
	t->fault_run = run + ahead + 1;
	t->fault_next = f->addr + (ahead + 1) * PAGE_SIZE;
	return ahead;
}

static void gather_ahead(struct fault *f)
{
	unsigned long ahead = pages_ahead(f);

	for (unsigned long i = 1; i <= ahead; i++) {
		struct page *p = frame_alloc(0, PAGE_ANON, FRAME_ZERO);

		if (!p)
			return;
		f->around[f->around_count].va = f->addr + i * PAGE_SIZE;
		f->around[f->around_count++].page = p;
	}
}

static int gather_copy(struct fault *f)
{
	int err = gather_frame(f, false);

	if (!err) {
		frame_copy(f->frame, f->original);
		f->copied = true;
	}
	return err;
}

/* Gets what a step asked for. 0, -ENOMEM, or the object's error. */
static int gather(struct fault *f, enum step need)
{
	switch (need) {
	case STEP_NEED_TABLES:
		return pt_reserve_fill(&f->tables, ARCH_PT_LEVELS - 1) ? 0 : -ENOMEM;
	case STEP_NEED_COPY:
		return gather_copy(f);
	case STEP_NEED_ZEROED:
		return gather_frame(f, true);
	case STEP_NEED_FILE:
		return gather_file(f);
	default:
		return 0;
	}
}

/* Where nothing is mapped yet, the first look at the entry would find that this is needed. */
static int gather_first(struct fault *f)
{
	if (f->region.ops)
		return f->file_page ? 0 : gather_file(f);
	if (f->access != FAULT_WRITE || f->frame)
		return 0;
	if (gather_frame(f, true))
		return -ENOMEM;
	gather_ahead(f);
	return 0;
}

static bool access_ok(uint32_t flags, enum fault_access a)
{
	if (a == FAULT_WRITE)
		return flags & VMA_WRITE;
	if (a == FAULT_EXEC && PTE_NOEXEC != 0)
		return flags & VMA_EXEC; /* without such a bit what can be read can be run */
	return flags & (VMA_READ | VMA_WRITE | VMA_EXEC);
}

/* as->lock held for writing. May v, a stack, reach down to addr? A gap is kept to what lies below, unless that is a stack or out of reach too. */
static bool stack_may_reach(struct aspace *as, struct vma *v, uaddr_t addr)
{
	struct vma *below = vma_prev(v);
	unsigned long more = (v->start - addr) >> PAGE_SHIFT;

	if (!(v->flags & VMA_GROWSDOWN) || v->end - addr > as->limit_stack || addr < VM_STACK_GUARD)
		return false;
	if (as->limit_as != ~0ul && as->total_pages + more > as->limit_as >> PAGE_SHIFT)
		return false;
	if (!vm_may_lock(as, more << PAGE_SHIFT, v->flags) || !vm_may_commit(as, more))
		return false;
	return !below || addr - below->end >= VM_STACK_GUARD || below->flags & VMA_GROWSDOWN
	       || !(below->flags & (VMA_READ | VMA_WRITE | VMA_EXEC));
}

/* Lets the stack that begins above addr grow down to it. as->lock is taken for writing. */
static enum fault_result grow_stack(struct aspace *as, uaddr_t addr)
{
	enum fault_result r = FAULT_MAPERR;
	struct vma *v;

	aspace_write_lock(as);
	v = vma_find(as, addr);
	if (v && v->start > addr && stack_may_reach(as, v, addr))
		vma_resize(v, addr, v->end);
	if (v && v->start <= addr)
		r = FAULT_OK;
	aspace_write_unlock(as);
	return r;
}

/* What a step lacks is gathered and the entry looked at again until it is done. FAULT_MAPERR: as->lock is needed. */
static enum fault_result do_steps(struct fault *f)
{
	enum step s;
	int err;

	for (err = f->missing ? gather_first(f) : 0; !err; err = gather(f, s)) {
		s = resolve(f);
		if (s == STEP_DONE)
			return FAULT_OK;
		if (s == STEP_NEED_LOCK)
			return FAULT_MAPERR;
	}
	return err == -ENOMEM ? FAULT_OOM : err == -EINTR ? FAULT_KILLED : FAULT_BUS;
}

/* Without as->lock. False: nothing was done, or something is wrong, and the lock is needed to tell what. */
static bool try_glimpse(struct fault *f)
{
	f->v = NULL;
	if (!vma_glimpse(f->as, f->addr, &f->region) || !access_ok(f->region.flags, f->access) || (f->region.ops && f->missing))
		return false;
	return do_steps(f) == FAULT_OK;
}

/* With the regions locked for reading: they stay. */
static enum fault_result try_region(struct fault *f)
{
	struct vma *v = vma_find(f->as, f->addr);

	if (!v || v->start > f->addr)
		return FAULT_MAPERR;
	if (!access_ok(v->flags, f->access))
		return FAULT_ACCERR;
	fault_in_region(f, v);
	return do_steps(f);
}

static enum fault_result fault_locked(struct fault *f)
{
	struct aspace *as = f->as;
	enum fault_result r;
	unsigned tries = 0;
	bool again;

	do {
		rwlock_read_lock(&as->lock);
		r = try_region(f);
		rwlock_read_unlock(&as->lock);
		again = r == FAULT_MAPERR && grow_stack(as, f->addr) == FAULT_OK;
		if (r == FAULT_OOM && ++tries < OOM_TRIES && !waitq_interrupted(WAIT_KILLABLE))
			again = vm_oom_hook && vm_oom_hook();
	} while (again);
	return r;
}

static void fault_begin(struct fault *f, struct aspace *as, uaddr_t addr, enum fault_access access, bool missing)
{
	f->as = as;
	f->addr = PAGE_DOWN(addr);
	f->access = access;
	f->missing = missing;
	f->tables.count = 0;
	f->tables.urgent = false;
	f->frame = f->original = f->file_page = NULL;
	f->frame_zeroed = f->copied = false;
	f->around_count = 0; /* the array is not cleared: this runs for every fault */
}

enum fault_result vm_fault(struct aspace *as, uaddr_t addr, enum fault_access access, bool missing)
{
	struct fault f;
	enum fault_result r = FAULT_OK;

	if (addr >= ARCH_USER_TOP)
		return FAULT_MAPERR;
	fault_begin(&f, as, addr, access, missing);
	tlb_kernel_begin();
	if (!try_glimpse(&f))
		r = fault_locked(&f);
	drop_gathered(&f);
	tlb_kernel_end();
	return r;
}

/*
 * Moves bytes within one page after making it accessible as a program's own access would. The copy is made under pt_lock: else the page could be
 * replaced by a copy-on-write between the look-up and a write to it, and the write would be lost.
 */
static bool access_page(struct aspace *as, uaddr_t addr, char *buf, size_t n, bool write)
{
	bool done = false, own;

	while (!done) {
		if (vm_fault(as, addr, write ? FAULT_WRITE : FAULT_READ, false) != FAULT_OK)
			return false;
		spin_lock(&as->pt_lock);
		pte_t e = ptshare_peek(as, addr, &own);
		struct page *p = pte_present(e) ? ptshare_page(e) : NULL;
		if (p && (!write || (pte_writable(e) && own))) {
			char *va = kmap_local(p);
			memcpy(write ? va + (addr & ~PAGE_MASK) : buf, write ? buf : va + (addr & ~PAGE_MASK), n);
			kunmap_local(va);
			done = true;
		}
		spin_unlock(&as->pt_lock);
		if (!done && ((pte_present(e) && !p) || waitq_interrupted(WAIT_KILLABLE)))
			return false; /* device memory, or killed */
	}
	return true;
}

typedef bool (*page_access)(struct aspace *as, uaddr_t addr, char *buf, size_t n, bool write);

static ssize_t access_foreign(struct aspace *as, uaddr_t addr, char *buf, size_t len, bool write, page_access access)
{
	size_t done = 0;

	while (done < len && addr + done < ARCH_USER_TOP) {
		size_t n = MIN(len - done, PAGE_SIZE - ((addr + done) & ~PAGE_MASK));

		if (!access(as, addr + done, buf + done, n, write))
			break;
		done += n;
	}
	return done || !len ? (ssize_t)done : -EFAULT;
}

ssize_t vm_read_foreign(struct aspace *as, uaddr_t addr, void *dst, size_t len)
{
	return access_foreign(as, addr, dst, len, false, access_page);
}

ssize_t vm_write_foreign(struct aspace *as, uaddr_t addr, const void *src, size_t len)
{
	return access_foreign(as, addr, (char *)src, len, true, access_page);
}

/* ---- a debugger's access ---- */

/* What the region forbids the program now, but might allow it. What is written to a shared region others would see: its rights hold. */
static bool debug_ok(const struct vma *v, bool write)
{
	if (!write)
		return v->flags & (VMA_READ | VMA_WRITE | VMA_EXEC | VMA_MAYREAD);
	return v->flags & VMA_WRITE || (!(v->flags & VMA_SHARED) && v->flags & VMA_MAYWRITE);
}

/* The entry permits no more than the region does. */
static void restrain(struct fault *f, const struct vma *v, pte_t *e)
{
	pte_t now = v->flags & VMA_WRITE ? *e : pte_clear(*e, PTE_WRITE);

	if (!(v->flags & (VMA_READ | VMA_WRITE | VMA_EXEC)))
		now = pte_set(pte_clear(now, PTE_PRESENT), PTE_HIDDEN);
	if (now.v == e->v)
		return;
	*e = now;
	tlb_flush_page(f->as, f->addr);
}

/* One try: makes the page the program's as its own access would, moves the bytes, and takes back what the program may not do itself. */
static enum step resolve_debug(struct fault *f, struct vma *v, uaddr_t addr, char *buf, size_t n, bool *device)
{
	bool write = f->access == FAULT_WRITE;
	enum step s = STEP_NEED_TABLES;
	struct page *p;
	pte_t *e;

	spin_lock(&f->as->pt_lock);
	e = ptshare_path(f->as, f->addr, &f->tables, true, NULL);
	if (e)
		s = resolve_entry(f, e);
	if (s == STEP_DONE) {
		p = ptshare_page(*e);
		*device = !p;
		if (p) {
			char *va = kmap_local(p);

			memcpy(write ? va + (addr & ~PAGE_MASK) : buf, write ? buf : va + (addr & ~PAGE_MASK), n);
			kunmap_local(va);
		}
		restrain(f, v, e);
	}
	spin_unlock(&f->as->pt_lock);
	return s;
}

static bool debug_page(struct aspace *as, uaddr_t addr, char *buf, size_t n, bool write)
{
	enum step s = STEP_AGAIN;
	bool device = false;
	struct fault f;
	struct vma *v;
	int err = 0;

	fault_begin(&f, as, addr, write ? FAULT_WRITE : FAULT_READ, true);
	rwlock_read_lock(&as->lock);
	v = vma_find(as, f.addr);
	if (!v || v->start > f.addr || !debug_ok(v, write))
		err = -EFAULT;
	else
		fault_in_region(&f, v);
	while (!err && (s = resolve_debug(&f, v, addr, buf, n, &device)) != STEP_DONE) /* no neighbours: they may be forbidden, too */
		err = s == STEP_NEED_FILE ? v->ops->fault(v, vma_pgoff(v, f.addr), write && v->flags & VMA_SHARED, &f.file_page) : gather(&f, s);
	rwlock_read_unlock(&as->lock);
	drop_gathered(&f);
	return !err && !device;
}

ssize_t vm_debug_read(struct aspace *as, uaddr_t addr, void *dst, size_t len)
{
	return access_foreign(as, addr, dst, len, false, debug_page);
}

ssize_t vm_debug_write(struct aspace *as, uaddr_t addr, const void *src, size_t len)
{
	return access_foreign(as, addr, (char *)src, len, true, debug_page);
}
