/* SPDX-License-Identifier: MIT */
/* Regions of an address space. */
#include "vm/vma.h"
#include "arch/mmu.h"
#include "lib/check.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "vm/space.h"

static SLAB_CACHE(vma_cache, vma);

static struct vma *of(struct rbnode *n) { return n ? rb_entry(n, struct vma, node) : NULL; }

static int by_start(const struct rbnode *a, const struct rbnode *b)
{
	const struct vma *x = rb_entry(a, const struct vma, node), *y = rb_entry(b, const struct vma, node);

	return x->start < y->start ? -1 : x->start > y->start;
}

struct vma *vma_find(struct aspace *as, uaddr_t addr)
{
	struct rbnode *n = as->vmas.root;
	struct vma *best = NULL;

	while (n) {
		struct vma *v = of(n);

		if (addr < v->end) {
			best = v;
			if (addr >= v->start)
				break;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

/*
 * A node that was in the tree when its address had been read may be freed by now, and its memory be somebody else's: reading it does no harm, for the
 * direct map always has it, and what it says is not followed before it is known that nothing has changed.
 */
__unchecked bool vma_glimpse(struct aspace *as, uaddr_t addr, struct vma_glimpse *g)
{
	const struct rbnode *n;

	if (!seq_read_try(&as->changes, &g->seen))
		return false;
	n = READ_ONCE(as->vmas.root);
	while (n && !seq_read_retry(&as->changes, g->seen)) {
		const struct vma *v = rb_entry(n, const struct vma, node);

		if (addr >= READ_ONCE(v->end)) {
			n = READ_ONCE(n->right);
		} else if (addr < READ_ONCE(v->start)) {
			n = READ_ONCE(n->left);
		} else {
			g->flags = READ_ONCE(v->flags);
			g->ops = READ_ONCE(v->ops);
			return true;
		}
	}
	return false;
}

struct vma *vma_first(struct aspace *as) { return of(rb_first(&as->vmas)); }
struct vma *vma_next(struct vma *v) { return of(rb_next(&v->node)); }
struct vma *vma_prev(struct vma *v) { return of(rb_prev(&v->node)); }

static void count(struct vma *v, long sign)
{
	unsigned long n = (unsigned long)sign * vma_pages(v);
	struct aspace *as = v->aspace;

	as->total_pages += n;
	if (v->flags & VMA_GROWSDOWN)
		as->stack_pages += n;
	else if ((v->flags & (VMA_WRITE | VMA_SHARED)) == VMA_WRITE)
		as->data_pages += n;
	if (v->flags & VMA_EXEC && !(v->flags & VMA_WRITE))
		as->exec_pages += n;
	if (v->flags & VMA_LOCKED)
		as->locked_pages += n;
}

static struct vma *copy_of(const struct vma *proto, struct aspace *as)
{
	struct vma *v = slab_alloc(&vma_cache, 0);

	assert(proto->start < proto->end && proto->end <= ARCH_USER_TOP); /* beyond is the kernel's: a region there must never be */
	if (!v)
		return NULL;
	*v = *proto;
	v->aspace = as;
	list_init(&v->link);
	if (v->ops && v->ops->get)
		v->ops->get(v->object);
	return v;
}

static void added(struct aspace *as, struct vma *v)
{
	as->vma_count++;
	count(v, 1);
	if (v->ops && v->ops->link)
		v->ops->link(v);
}

struct vma *vma_insert(struct aspace *as, const struct vma *proto)
{
	struct vma *v = copy_of(proto, as);

	if (v) {
		rb_insert(&as->vmas, &v->node, by_start);
		added(as, v);
	}
	return v;
}

struct vma *vma_append(struct aspace *as, struct vma *last, const struct vma *proto, uint32_t without)
{
	struct vma *v = copy_of(proto, as);

	if (v) {
		v->flags &= ~without;
		debug_assert(last ? last->end <= v->start && !last->node.right : rb_empty(&as->vmas));
		rb_link(&as->vmas, last ? &last->node : NULL, last ? &last->node.right : &as->vmas.root, &v->node);
		added(as, v);
	}
	return v;
}

void vma_remove_all(struct aspace *as)
{
	struct rbnode *n = rb_first_postorder(&as->vmas);

	while (n) {
		struct vma *v = of(n);

		n = rb_next_postorder(n);
		if (v->ops && v->ops->unlink)
			v->ops->unlink(v);
		if (v->ops && v->ops->put)
			list_push_back(&as->removed, &v->link);
		else
			slab_free(&vma_cache, v);
	}
	rb_init(&as->vmas);
}

void vma_remove(struct vma *v)
{
	if (v->ops && v->ops->unlink)
		v->ops->unlink(v);
	count(v, -1);
	rb_erase(&v->aspace->vmas, &v->node);
	v->aspace->vma_count--;
	if (v->ops && v->ops->put)
		list_push_back(&v->aspace->removed, &v->link);
	else
		slab_free(&vma_cache, v);
}

void vma_free_list(struct list *removed)
{
	struct vma *v, *next;

	list_for_each_entry_safe(v, next, removed, link) {
		v->ops->put(v->object);
		slab_free(&vma_cache, v);
	}
}

void vma_resize(struct vma *v, uaddr_t start, uaddr_t end)
{
	bool locked = v->ops && v->ops->link_lock;

	count(v, -1);
	if (locked)
		v->ops->link_lock(v->object);
	if (start >= v->start)
		v->pgoff += (start - v->start) >> PAGE_SHIFT;
	else
		v->pgoff -= (v->start - start) >> PAGE_SHIFT;
	v->start = start;
	v->end = end;
	if (locked)
		v->ops->link_unlock(v->object);
	count(v, 1);
}

/* The upper part is there before the lower one shrinks: whoever zaps the object's pages finds all of them mapped by some region. */
int vma_split(struct vma *v, uaddr_t addr)
{
	struct vma upper = *v;

	upper.start = addr;
	upper.pgoff = vma_pgoff(v, addr);
	if (!vma_insert(v->aspace, &upper))
		return -ENOMEM;
	vma_resize(v, v->start, addr);
	return 0;
}

void vma_set_flags(struct vma *v, uint32_t flags)
{
	count(v, -1);
	v->flags = flags;
	count(v, 1);
}

int vma_split_range(struct aspace *as, uaddr_t start, uaddr_t end)
{
	struct vma *v = vma_find(as, start);
	int err = 0;

	if (v && v->start < start && v->end > end && as->vma_count >= MAP_COUNT_MAX) /* the one case in which taking them out makes more */
		return -ENOMEM;
	if (v && v->start < start)
		err = vma_split(v, start);
	v = err ? NULL : vma_find(as, end - 1);
	if (v && v->start < end && v->end > end)
		err = vma_split(v, end);
	return err;
}

int vma_split_to_keep(struct aspace *as, uaddr_t start, uaddr_t end)
{
	const struct vma *first = vma_find(as, start), *last = vma_find(as, end - 1);
	unsigned long more = (first && first->start < start) + (last && last->start < end && last->end > end);

	return more && as->vma_count + more > MAP_COUNT_MAX ? -ENOMEM : vma_split_range(as, start, end);
}

static bool continues(const struct vma *a, const struct vma *b)
{
	return a && b && a->end == b->start && a->flags == b->flags && !(a->flags & (VMA_SPECIAL | VMA_GROWSDOWN)) && a->ops == b->ops && a->object == b->object
	       && a->name == b->name && (!a->ops || vma_pgoff(a, a->end) == b->pgoff);
}

static struct vma *join(struct vma *a, struct vma *b)
{
	uaddr_t end = b->end;

	vma_resize(a, a->start, end);
	vma_remove(b);
	return a;
}

struct vma *vma_merge(struct vma *v)
{
	struct vma *prev = vma_prev(v), *next = vma_next(v);

	if (continues(v, next))
		v = join(v, next);
	if (continues(prev, v))
		v = join(prev, v);
	return v;
}

int vma_flag_range(struct aspace *as, uaddr_t start, uaddr_t end, uint32_t set, uint32_t clear)
{
	int err = vma_split_to_keep(as, start, end);

	for (struct vma *v = err ? NULL : vma_find(as, start); v && v->start < end; v = vma_next(v)) {
		vma_set_flags(v, (v->flags | set) & ~clear);
		v = vma_merge(v);
	}
	return err;
}
