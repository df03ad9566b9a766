/* SPDX-License-Identifier: MIT */
/*
 * Regions of an address space: a red-black tree in the order of their addresses. Each knows the free bytes right below it, and the largest such gap
 * in its subtree, so that finding room is one way down the tree.
 */
#include "vm/vma.h"
#include "arch/mmu.h"
#include "lib/bits.h"
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

static bool update_gaps(struct rbnode *n)
{
	struct vma *v = of(n);
	unsigned long largest = v->gap, before = v->largest_gap;

	if (n->left)
		largest = MAX(largest, of(n->left)->largest_gap);
	if (n->right)
		largest = MAX(largest, of(n->right)->largest_gap);
	v->largest_gap = largest;
	return largest != before;
}

uaddr_t vma_floor(const struct vma *v)
{
	unsigned long gap = v->flags & VMA_GROWSDOWN ? VM_STACK_GUARD : 0;

	return v->start > gap ? v->start - gap : 0;
}

static unsigned long gap_above(const struct vma *prev, uaddr_t top)
{
	uaddr_t from = prev ? MAX(prev->end, VM_MIN_ADDR) : VM_MIN_ADDR;

	return top > from ? top - from : 0;
}

/* After a change of v's start, or of where prev, the region before it, ends. */
static void set_gap(struct vma *v, const struct vma *prev)
{
	unsigned long gap = gap_above(prev, vma_floor(v));

	if (gap == v->gap)
		return;
	v->gap = gap;
	rb_propagate(&v->node, update_gaps);
}

/* The last region of a subtree that has such a gap below it; there is one. */
static struct vma *last_with_gap(struct vma *v, unsigned long len)
{
	for (;;) {
		struct vma *right = of(v->node.right);

		if (right && right->largest_gap >= len)
			v = right;
		else if (v->gap >= len)
			return v;
		else
			v = of(v->node.left);
	}
}

/* The last region before v with such a gap below it, or NULL. */
static struct vma *gap_before(struct vma *v, unsigned long len)
{
	for (;;) {
		struct rbnode *below = v->node.left, *n = &v->node;

		if (below && of(below)->largest_gap >= len)
			return last_with_gap(of(below), len);
		while (n->parent && n->parent->left == n)
			n = n->parent;
		v = of(n->parent);
		if (!v || v->gap >= len)
			return v;
	}
}

uaddr_t vma_find_gap(struct aspace *as, unsigned long len, uaddr_t top)
{
	struct vma *v = vma_find(as, top - 1), *last = v ? vma_prev(v) : vma_last(as);

	if (v)
		top = MIN(top, vma_floor(v));
	if (gap_above(last, top) >= len)
		return top - len;
	if (v)
		v = gap_before(v, len);
	else if (last && of(as->vmas.root)->largest_gap >= len)
		v = last_with_gap(of(as->vmas.root), len);
	return v ? vma_floor(v) - len : 0;
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
			g->end = READ_ONCE(v->end);
			return true;
		}
	}
	return false;
}

struct vma *vma_first(struct aspace *as) { return of(rb_first(&as->vmas)); }
struct vma *vma_last(struct aspace *as) { return of(rb_last(&as->vmas)); }
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

struct vma *vma_insert(struct aspace *as, const struct vma *proto)
{
	struct rbnode **link = &as->vmas.root, *parent = NULL;
	struct vma *v = copy_of(proto, as), *prev = NULL, *next = NULL;

	if (!v)
		return NULL;
	while (*link) {
		parent = *link;
		if (v->start < of(parent)->start) {
			next = of(parent);
			link = &parent->left;
		} else {
			prev = of(parent);
			link = &parent->right;
		}
	}
	v->gap = gap_above(prev, vma_floor(v));
	rb_link_updating(&as->vmas, parent, link, &v->node, update_gaps);
	if (next)
		set_gap(next, v);
	as->vma_count++;
	count(v, 1);
	if (v->ops && v->ops->link)
		v->ops->link(v);
	return v;
}

/* The copy of a node, in the place that the original has in its tree; NULL without memory. */
static struct rbnode *copy_node(struct aspace *to, const struct rbnode *n, struct rbnode *parent, struct rbnode **link)
{
	struct vma *v = copy_of(rb_entry(n, struct vma, node), to);

	if (!v)
		return NULL;
	v->flags &= ~VMA_LOCKED;
	v->node = (struct rbnode){ .parent = parent, .red = n->red };
	*link = &v->node;
	if (v->ops && v->ops->link)
		v->ops->link(v);
	return &v->node;
}

static int copy_tree(struct aspace *to, const struct aspace *from, uint32_t *any_flags)
{
	const struct rbnode *n = from->vmas.root;
	struct rbnode *copy = NULL, **link = &to->vmas.root;

	while (n) {
		*any_flags |= rb_entry(n, struct vma, node)->flags;
		copy = copy_node(to, n, copy, link);
		if (!copy)
			return -ENOMEM;
		if (n->left) {
			n = n->left;
			link = &copy->left;
			continue;
		}
		while (n && (!n->right || copy->right)) { /* up to where there is something on the right that is not copied yet */
			n = n->parent;
			copy = copy->parent;
		}
		if (n) {
			n = n->right;
			link = &copy->right;
		}
	}
	return 0;
}

int vma_copy_all(struct aspace *to, const struct aspace *from, uint32_t *any_flags)
{
	*any_flags = 0;
	to->vma_count = from->vma_count;
	to->total_pages = from->total_pages;
	to->data_pages = from->data_pages;
	to->stack_pages = from->stack_pages;
	to->exec_pages = from->exec_pages;
	return copy_tree(to, from, any_flags);
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
	struct vma *next = vma_next(v);

	if (v->ops && v->ops->unlink)
		v->ops->unlink(v);
	count(v, -1);
	if (next)
		next->gap = gap_above(vma_prev(v), vma_floor(next));
	rb_erase_updating(&v->aspace->vmas, &v->node, update_gaps);
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
	bool locked = v->ops && v->ops->link_lock, from = start != v->start, to = end != v->end;
	struct vma *next = to ? vma_next(v) : NULL;

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
	if (from)
		set_gap(v, vma_prev(v));
	if (next)
		set_gap(next, v);
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
	debug_assert(!((v->flags ^ flags) & VMA_GROWSDOWN)); /* the gap below would change */
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

int vma_split_around(struct aspace *as, uaddr_t start, uaddr_t end)
{
	struct vma *v = vma_find(as, start);

	if (!v || v->start >= start || v->end <= end)
		return 0;
	return as->vma_count >= MAP_COUNT_MAX ? -ENOMEM : vma_split(v, end); /* the one case in which taking something out makes more */
}

void vma_cut(struct aspace *as, uaddr_t start, uaddr_t end)
{
	struct vma *v, *next;

	for (v = vma_find(as, start); v && v->start < end; v = next) {
		next = vma_next(v);
		debug_assert(v->start >= start || v->end <= end);
		if (v->start < start)
			vma_resize(v, v->start, start);
		else if (v->end > end)
			vma_resize(v, end, v->end);
		else
			vma_remove(v);
	}
}

int vma_split_to_keep(struct aspace *as, uaddr_t start, uaddr_t end)
{
	const struct vma *first = vma_find(as, start), *last = first && first->end >= end ? first : vma_find(as, end - 1);
	unsigned long more = (first && first->start < start) + (last && last->start < end && last->end > end);

	if (!more)
		return 0;
	return as->vma_count + more > MAP_COUNT_MAX ? -ENOMEM : vma_split_range(as, start, end);
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

struct vma *vma_extend(struct aspace *as, const struct vma *proto)
{
	struct vma *next = vma_find(as, proto->start), *prev = next ? vma_prev(next) : of(rb_last(&as->vmas));

	if (continues(prev, proto)) {
		vma_resize(prev, prev->start, proto->end);
		return continues(prev, next) ? join(prev, next) : prev;
	}
	if (!continues(proto, next))
		return NULL;
	vma_resize(next, proto->start, next->end);
	return next;
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

void vma_verify(struct aspace *as)
{
	struct vma *prev = NULL;
	unsigned long pages = 0;

	assert(rb_check(&as->vmas, by_start) == as->vma_count);
	for (struct vma *v = vma_first(as); v; prev = v, v = vma_next(v)) {
		assert(v->start < v->end && (!prev || prev->end <= v->start));
		assert(v->gap == gap_above(prev, vma_floor(v)));
		assert(!update_gaps(&v->node));
		pages += vma_pages(v);
	}
	assert(pages == as->total_pages);
}
