/* SPDX-License-Identifier: MIT */
/*
 * Object caches.
 *
 * A slab is a block of frames cut into objects; its first struct page holds the list of free objects and the number of used ones, and every one
 * of its struct pages says which cache and which order, so that an address leads to its slab.
 *
 * Slabs with a free object are linked through page.index, last used first. An allocation takes from the first; a slab that becomes full is
 * therefore always the first, and leaves the list in one step. Empty slabs stay in the list; when there are too many of them, one walk
 * takes them out, which costs each freed slab a small constant.
 *
 * Debug builds put a word behind each object that says whether it is live, and fill free objects with a pattern that is checked when they are
 * handed out again: overruns, double frees and writes after a free are found.
 */
#include "mem/slab.h"
#include "arch/mmu.h"
#include "core/panic.h"
#include "lib/bits.h"
#include "lib/check.h"
#include "lib/string.h"
#include "mem/frame.h"

#define MIN_STRIDE 8ul
#define ORDER_MAX 3u
#define GOOD_CAPACITY 8ul /* objects that a slab should have if order ORDER_MAX allows it */
#define POISON 0x6b
#define GUARD_LIVE 0x11fe0b5eul
#define GUARD_FREE 0xf4eeb10cul
#define GUARD_SIZE (CONFIG_DEBUG ? sizeof(unsigned long) : 0)

static struct spinlock all_lock = SPINLOCK_INIT(LOCK_SLAB); /* the list of caches; taken inside a cache's lock */
static struct list all_caches = LIST_INIT(all_caches);

/* ---- debug checks ---- */

static unsigned long *guard_of(const struct slab_cache *c, void *obj)
{
	return (unsigned long *)((char *)obj + c->stride - sizeof(unsigned long));
}

static void debug_make_free(const struct slab_cache *c, void *obj)
{
	if (!CONFIG_DEBUG)
		return;
	memset(obj, POISON, c->stride - sizeof(unsigned long));
	*guard_of(c, obj) = GUARD_FREE;
}

/* The first word is the link of the free list. */
static void debug_check_alloc(const struct slab_cache *c, void *obj)
{
	const unsigned char *b = obj;

	if (!CONFIG_DEBUG)
		return;
	if (*guard_of(c, obj) != GUARD_FREE)
		panic("slab %s: free object %p was overrun", c->name, obj);
	for (size_t i = sizeof(void *); i < c->stride - sizeof(unsigned long); i++)
		if (b[i] != POISON)
			panic("slab %s: object %p was written after its free", c->name, obj);
	*guard_of(c, obj) = GUARD_LIVE;
}

static void debug_check_free(const struct slab_cache *c, struct page *slab, void *obj)
{
	size_t off = (size_t)((char *)obj - (char *)arch_direct(page_phys(slab)));

	if (!CONFIG_DEBUG)
		return;
	if (off % c->stride || off / c->stride >= slab->slab.capacity)
		panic("slab %s: %p is not an object", c->name, obj);
	if (*guard_of(c, obj) != GUARD_LIVE)
		panic("slab %s: object %p was freed twice or overrun", c->name, obj);
}

/* ---- slabs; the cache's lock is held ---- */

static size_t slab_bytes(unsigned order)
{
	return PAGE_SIZE << order;
}

static void setup(struct slab_cache *c)
{
	size_t align = MAX(c->align, MIN_STRIDE);

	c->stride = ALIGN_UP(MAX(c->size, MIN_STRIDE) + GUARD_SIZE, align);
	assert(c->stride <= slab_bytes(ORDER_MAX) && align <= PAGE_SIZE);
	while (c->order < ORDER_MAX && slab_bytes(c->order) / c->stride < GOOD_CAPACITY)
		c->order++;
	spin_lock_nested(&all_lock);
	list_push_back(&all_caches, &c->all);
	spin_unlock(&all_lock);
}

/* Frames for a slab: of the wanted order, or the smallest that holds an object. */
static struct page *slab_frames(const struct slab_cache *c, unsigned flags)
{
	unsigned want = FRAME_DIRECT | (flags & ALLOC_RESERVE ? FRAME_RESERVE : 0);
	struct page *p = frame_alloc(c->order, PAGE_SLAB, want);
	unsigned least = 0;

	while (slab_bytes(least) < c->stride)
		least++;
	return p || least == c->order ? p : frame_alloc(least, PAGE_SLAB, want);
}

static void carve(struct slab_cache *c, struct page *slab)
{
	char *base = arch_direct(page_phys(slab));
	size_t n = slab_bytes(slab->order) / c->stride;

	slab->slab.used = 0;
	slab->slab.capacity = (uint16_t)n;
	slab->slab.free = NULL;
	while (n--) {
		void *obj = base + n * c->stride;

		debug_make_free(c, obj);
		*(void **)obj = slab->slab.free;
		slab->slab.free = obj;
	}
}

static bool grow(struct slab_cache *c, unsigned flags)
{
	struct page *slab = slab_frames(c, flags);

	if (!slab)
		return false;
	for (unsigned long i = 0; i < BIT(slab->order); i++) {
		slab[i].kind = PAGE_SLAB;
		slab[i].order = slab->order;
		slab[i].owner = c;
	}
	carve(c, slab);
	slab->index = (unsigned long)c->partial;
	c->partial = slab;
	c->slabs++;
	c->empty++;
	return true;
}

static struct page *slab_of(const void *obj)
{
	struct page *p = pfn_page(arch_direct_phys(obj) >> PAGE_SHIFT);

	return pfn_page(page_pfn(p) & ~(BIT(p->order) - 1));
}

static void *take_object(struct slab_cache *c)
{
	struct page *slab = c->partial;
	void *obj = slab->slab.free;

	slab->slab.free = *(void **)obj;
	if (slab->slab.used++ == 0)
		c->empty--;
	if (!slab->slab.free)
		c->partial = (struct page *)slab->index;
	c->live++;
	return obj;
}

static void give_object(struct slab_cache *c, struct page *slab, void *obj)
{
	if (!slab->slab.free) {
		slab->index = (unsigned long)c->partial;
		c->partial = slab;
	}
	*(void **)obj = slab->slab.free;
	slab->slab.free = obj;
	if (--slab->slab.used == 0)
		c->empty++;
	c->live--;
}

/* Takes all but "keep" of the empty slabs out of the list and frees them; returns the frames freed. */
static unsigned long sweep(struct slab_cache *c, unsigned long keep)
{
	struct page **link = &c->partial, *slab;
	unsigned long frames = 0;

	while ((slab = *link) != NULL && c->empty > keep) {
		if (slab->slab.used) {
			link = (struct page **)&slab->index;
			continue;
		}
		*link = (struct page *)slab->index;
		frames += BIT(slab->order);
		c->slabs--;
		c->empty--;
		frame_free(slab);
	}
	return frames;
}

void slab_init(void)
{
}

void *slab_alloc(struct slab_cache *c, unsigned flags)
{
	unsigned long irq;
	void *obj = NULL;

	if (alloc_should_fail())
		return NULL;
	if (unlikely(!c->lock.class))
		c->lock.class = LOCK_SLAB;
	irq = spin_lock_irqsave(&c->lock);
	if (unlikely(!c->stride))
		setup(c);
	if (likely(c->partial) || grow(c, flags))
		obj = take_object(c);
	if (CONFIG_DEBUG && obj)
		debug_check_alloc(c, obj);
	spin_unlock_irqrestore(&c->lock, irq);
	if (obj && flags & ALLOC_ZERO)
		memset(obj, 0, c->size);
	return obj;
}

void slab_free(struct slab_cache *c, void *obj)
{
	struct page *slab = slab_of(obj);
	unsigned long irq;

	assert(slab->kind == PAGE_SLAB && slab->owner == c);
	irq = spin_lock_irqsave(&c->lock);
	debug_check_free(c, slab, obj);
	debug_make_free(c, obj);
	give_object(c, slab, obj);
	if (unlikely(c->empty > 2 + c->slabs / 8))
		sweep(c, 1);
	spin_unlock_irqrestore(&c->lock, irq);
}

unsigned long slab_reap(void)
{
	unsigned long frames = 0;
	struct slab_cache *c;

	/* Caches are never taken out of the list, so it can be walked without its lock once its end is seen. */
	list_for_each_entry(c, &all_caches, all) {
		unsigned long irq = spin_lock_irqsave(&c->lock);

		frames += sweep(c, 0);
		spin_unlock_irqrestore(&c->lock, irq);
	}
	return frames;
}

void slab_each(void (*fn)(const struct slab_cache *c, void *ctx), void *ctx)
{
	struct slab_cache *c;

	list_for_each_entry(c, &all_caches, all)
		fn(c, ctx);
}
