/* SPDX-License-Identifier: MIT */
/* Life of an address space. */
#include "vm/commit.h"
#include "vm/aspace.h"
#include "arch/irqflag.h"
#include "lib/check.h"
#include "lib/errno.h"
#include "mem/frame.h"
#include "mem/slab.h"
#include "vm/anon.h"
#include "vm/ptshare.h"
#include "vm/tlb.h"

static SLAB_CACHE(aspace_cache, aspace);
void (*aspace_exe_put_hook)(void *exe);

struct aspace *aspace_new(void)
{
	struct aspace *as = slab_alloc(&aspace_cache, ALLOC_ZERO);

	if (!as)
		return NULL;
	as->root = ptshare_root_new();
	if (!as->root) {
		slab_free(&aspace_cache, as);
		return NULL;
	}
	refcount_set(&as->refs, 1);
	rwlock_init(&as->lock, LOCK_ASPACE);
	spin_init(&as->pt_lock, LOCK_PAGETABLE);
	rb_init(&as->vmas);
	list_init(&as->removed);
	as->mmap_base = ARCH_USER_TOP;
	as->limit_as = as->limit_data = as->limit_stack = as->limit_memlock = ~0ul;
	return as;
}

void aspace_write_lock(struct aspace *as)
{
	bool wait = unlikely(rwlock_seems_taken(&as->lock));

	if (wait)
		tlb_kernel_begin(); /* others' flushes need not wait for one that waits */
	rwlock_write_lock(&as->lock);
	if (wait)
		tlb_kernel_end();
	seq_write_begin(&as->changes);
}

/* Small spaces after each change; the more regions, the more rarely, so that it costs a change about the same. */
static bool verify_now(const struct aspace *as) { return CONFIG_DEBUG && (as->vma_count <= 16 || as->changes.n / 2 % as->vma_count == 0); }

static void end_changes(struct aspace *as)
{
	if (verify_now(as))
		vma_verify(as);
	assert(as->changes.n & 1); /* the lock was taken by aspace_write_lock */
	seq_write_end(&as->changes);
}

void aspace_write_unlock(struct aspace *as)
{
	struct list removed = LIST_INIT(removed);

	end_changes(as);
	list_splice_back(&removed, &as->removed);
	rwlock_write_unlock(&as->lock);
	vma_free_list(&removed);
}

void aspace_downgrade(struct aspace *as, struct list *removed)
{
	list_init(removed);
	list_splice_back(removed, &as->removed);
	end_changes(as);
	rwlock_downgrade(&as->lock);
}

void aspace_put(struct aspace *as)
{
	if (!as || !refcount_put(&as->refs))
		return;
	tlb_forget(as);
	arch_space_free(&as->arch);
	vma_remove_all(as);
	ptshare_put(as->root);
	vma_free_list(&as->removed);
	if (as->exe)
		aspace_exe_put_hook(as->exe);
	slab_free(&aspace_cache, as);
}

/* What a child takes over besides tables and regions. */
static void copy_layout(struct aspace *to, const struct aspace *from)
{
	to->brk_start = from->brk_start;
	to->brk = from->brk;
	to->mmap_base = from->mmap_base;
	to->stack_top = from->stack_top;
	to->code_start = from->code_start;
	to->code_end = from->code_end;
	to->data_start = from->data_start;
	to->data_end = from->data_end;
	to->arg_start = from->arg_start;
	to->arg_end = from->arg_end;
	to->env_start = from->env_start;
	to->env_end = from->env_end;
	to->vdso = from->vdso;
	to->auxv_words = from->auxv_words;
	for (unsigned i = 0; i < from->auxv_words; i++)
		to->auxv[i] = from->auxv[i];
	to->limit_as = from->limit_as;
	to->limit_data = from->limit_data;
	to->limit_stack = from->limit_stack;
	to->limit_memlock = from->limit_memlock;
}

/* Pages of regions that the parent asked not to hand on, or to hand on empty: what the child shares of them goes. */
static int drop_unforked(struct aspace *child)
{
	int err = 0;

	for (struct vma *v = vma_first(child); v && !err; v = vma_next(v))
		if (v->flags & VMA_DONTFORK)
			err = vm_drop_regions(child, v->start, v->end);
		else if (v->flags & VMA_WIPEONFORK)
			err = vm_drop_pages(child, v->start, v->end);
	return err;
}

static void remove_unforked(struct aspace *child)
{
	struct vma *v, *next;

	aspace_write_lock(child);
	for (v = vma_first(child); v; v = next) {
		next = vma_next(v);
		if (v->flags & VMA_DONTFORK)
			vma_remove(v);
	}
	aspace_write_unlock(child);
}

struct aspace *aspace_fork(struct aspace *parent)
{
	struct aspace *child = aspace_new();
	uint32_t any_flags = 0;
	int err;

	if (!child)
		return ERR_PTR(-ENOMEM);
	rwlock_write_lock(&parent->lock); /* the parent's regions do not change: its other threads may fault meanwhile */
	copy_layout(child, parent);
	if (unlikely(READ_ONCE(vm_overcommit) == OVERCOMMIT_NEVER) && !vm_may_commit(NULL, parent->data_pages + parent->stack_pages))
		err = -ENOMEM;
	else
		err = vma_copy_all(child, parent, &any_flags);
	if (!err)
		err = arch_space_copy(&child->arch, &parent->arch);
	if (!err) {
		spin_lock(&parent->pt_lock);
		spin_lock_nested(&child->pt_lock); /* a truncate may know the child's regions already; it takes one of the two at a time */
		ptshare_fork(parent, child);
		spin_unlock(&child->pt_lock);
		spin_unlock(&parent->pt_lock);
		if (unlikely(any_flags & (VMA_DONTFORK | VMA_WIPEONFORK)))
			err = drop_unforked(child);
	}
	rwlock_write_unlock(&parent->lock);
	if (!err && unlikely(any_flags & VMA_DONTFORK))
		remove_unforked(child);
	if (err) {
		aspace_put(child);
		return ERR_PTR(err);
	}
	return child;
}

void aspace_activate(struct aspace *as)
{
	unsigned long irq = arch_irq_save();

	thread_current()->aspace = as;
	tlb_switch(as);
	arch_irq_restore(irq);
}

static void switch_hook(void *prev, void *next)
{
	(void)prev;
	if (next)
		tlb_switch(next);
	else
		tlb_lazy(); /* kernel threads keep what is loaded */
}

void aspace_init(void)
{
	anon_init();
	sched_switch_aspace = switch_hook;
}

static unsigned long count_tables(struct page *t, unsigned level)
{
	const pte_t *e = arch_direct(page_phys(t));
	unsigned long n = 1;

	if (level == 0)
		return n;
	for (unsigned long i = 0; i < (level == ARCH_PT_LEVELS - 1 ? ARCH_USER_ROOT_ENTRIES : ARCH_PT_ENTRIES); i++)
		if (pte_present(e[i]))
			n += count_tables(pfn_page(pte_pfn(e[i])), level - 1);
	return n;
}

void aspace_rss(struct aspace *as, struct aspace_rss *r)
{
	spin_lock(&as->pt_lock);
	*r = (struct aspace_rss){ (unsigned long)as->rss_anon, (unsigned long)as->rss_file, count_tables(as->root, ARCH_PT_LEVELS - 1) };
	spin_unlock(&as->pt_lock);
}

bool (*vm_lock_free_hook)(void);

bool vm_may_lock(const struct aspace *as, unsigned long len, uint32_t flags)
{
	unsigned long limit = as->limit_memlock;

	return !(flags & VMA_LOCKED) || limit == ~0ul || as->locked_pages + (len >> PAGE_SHIFT) <= limit >> PAGE_SHIFT 
	       || (vm_lock_free_hook && vm_lock_free_hook());
}
