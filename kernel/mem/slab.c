/* SPDX-License-Identifier: MIT */
/*
 * Object caches.
 *
 * A slab is a block of frames cut into objects; its first struct page holds the list of free objects and the number of used ones, and every one
 * of its struct pages says which cache and which order, so that an address leads to its slab.
 *
 * In front of the slabs each CPU has a magazine for each cache, a short list of free objects, used with interrupts off and without a lock. An empty
 * one is filled from the slabs, a full one emptied to a half, under the cache's lock; whoever frees an object need not be the CPU that
 * allocated it. Another CPU never touches a magazine: slab_reap asks each CPU, by a call, to lay its magazines down where they are collected.
 * Such a call may come while this CPU waits for a cache's lock, so magazines are looked at anew once the lock is held.
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
#include "core/ipi.h"
#include "core/panic.h"
#include "lib/bits.h"
#include "lib/atomic.h"
#include "lib/check.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/kasan.h"

#define MIN_STRIDE 8ul
#define ORDER_MAX 3u
#define GOOD_CAPACITY 8ul /* objects that a slab should have if order ORDER_MAX allows it */
#define CACHES_MAX 64u
#define MAGAZINE_MAX 32u
#define MAGAZINE_BYTES 8192ul /* big objects: fewer of them */
#define SWEEP_STEP 32u        /* slabs freed without a break */
#define TRIM_STEP 512u        /* slabs looked at without a break */
#define POISON 0x6b
#define GUARD_LIVE 0x11fe0b5eul
#define GUARD_FREE 0xf4eeb10cul
#define GUARD_SIZE (CONFIG_DEBUG ? sizeof(unsigned long) : 0)

static struct spinlock all_lock = SPINLOCK_INIT(LOCK_SLAB); /* for one more cache; taken inside a cache's lock */
static struct slab_cache *all_caches[CACHES_MAX]; /* from 1 on; never taken out */
static unsigned caches_used = 1; /* written after the cache is in */

/* The first of each row is nobody's and stays empty: that of caches not set up. */
struct magazine {
	void *top; /* linked through their first words */
	unsigned count;
#if CONFIG_SANITIZE
	void *last; /* if there is a top */
#endif
};
static struct magazine magazines[MAX_CPUS][CACHES_MAX] __aligned(64);
static void *laid_down[MAX_CPUS][CACHES_MAX]; /* what slab_reap collects; atomic: a CPU fills its empty places, anyone takes */

/* This CPU's, interrupts off. */
static inline struct magazine *my_magazine(const struct slab_cache *c)
{
	return (struct magazine *)(arch_percpu_read(offsetof(struct cpu, slab_magazines)) + c->magazine);
}

static struct page *slab_of(const void *obj)
{
	struct page *p = pfn_page(arch_direct_phys(obj) >> PAGE_SHIFT);

	return pfn_page(page_pfn(p) & ~(BIT(p->order) - 1));
}

/* ---- debug checks ---- */

static unsigned long *guard_of(const struct slab_cache *c, void *obj)
{
	return (unsigned long *)((char *)obj + c->stride - sizeof(unsigned long));
}

static bool is_kept(const struct slab_cache *c, size_t at)
{
	const struct slab_kept *k = c->kept;

	while (k && k->to && k->to <= at)
		k++;
	return k && k->to && at >= k->from;
}

static void debug_make_free(const struct slab_cache *c, void *obj)
{
	size_t at = 0;

	if (!CONFIG_DEBUG)
		return;
	for (const struct slab_kept *k = c->kept; k && k->to; k++) {
		memset((char *)obj + at, POISON, k->from - at);
		at = k->to;
	}
	memset((char *)obj + at, POISON, c->stride - sizeof(unsigned long) - at);
	*guard_of(c, obj) = GUARD_FREE;
}

static bool grain_is_kept(const struct slab_cache *c, size_t at)
{
	for (size_t i = at; i < at + 8; i++)
		if (is_kept(c, i))
			return true;
	return false;
}

/* Sanitized builds: a free object is nobody's, but what of it may still be read. */
static void poison_free(const struct slab_cache *c, void *obj)
{
	if (!c->kept)
		kasan_poison(obj, c->stride, KASAN_FREE_OBJECT);
	else
		for (size_t i = 0; CONFIG_SANITIZE && i < c->stride; i += 8)
			if (!grain_is_kept(c, i))
				kasan_poison((char *)obj + i, 8, KASAN_FREE_OBJECT);
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
		if (b[i] != POISON && !is_kept(c, i))
			panic("slab %s: object %p was written after its free", c->name, obj);
	*guard_of(c, obj) = GUARD_LIVE;
}

static void debug_check_free(const struct slab_cache *c, void *obj)
{
	struct page *slab = slab_of(obj);
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
	c->magazine_max = (unsigned)MAX(MIN(MAGAZINE_BYTES / c->stride, (unsigned long)MAGAZINE_MAX), 4ul);
	spin_lock_nested(&all_lock);
	assert(caches_used < CACHES_MAX);
	all_caches[caches_used] = c;
	c->magazine = caches_used * sizeof(struct magazine);
	store_release(&caches_used, caches_used + 1);
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
	for (n = 0; CONFIG_SANITIZE && n < slab->slab.capacity; n++)
		poison_free(c, base + n * c->stride);
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

static void *take_object(struct slab_cache *c)
{
	struct page *slab = c->partial;
	void *obj = slab->slab.free;

	slab->slab.free = *(void **)obj;
	if (slab->slab.used++ == 0)
		c->empty--;
	if (!slab->slab.free)
		c->partial = (struct page *)slab->index;
	c->taken++;
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
	c->taken--;
}

/*
 * Takes up to SWEEP_STEP empty slabs off the head of a list and moves those that are not empty to the cache's; what is left of the list. The empty
 * ones are freed, those of a stable cache put into *late.
 */
static struct page *sweep(struct slab_cache *c, struct page *slab, unsigned long *frames, struct page **late)
{
	for (unsigned i = 0; slab && i < SWEEP_STEP; i++) {
		struct page *next = (struct page *)slab->index;

		if (slab->slab.used) {
			slab->index = (unsigned long)c->partial;
			c->partial = slab;
		} else {
			*frames += BIT(slab->order);
			c->slabs--;
			c->empty--;
			if (c->kept) {
				slab->index = (unsigned long)*late;
				*late = slab;
			} else {
				frame_free(slab);
			}
		}
		slab = next;
	}
	return slab;
}

/* Too many are empty: those among the first in the list go, but for one. */
static void trim(struct slab_cache *c)
{
	struct page **link = &c->partial, *slab;
	unsigned freed = 0;

	for (unsigned i = 0; i < TRIM_STEP && freed < SWEEP_STEP && c->empty > 1 && (slab = *link) != NULL; i++) {
		if (slab->slab.used) {
			link = (struct page **)&slab->index;
			continue;
		}
		freed++;
		*link = (struct page *)slab->index;
		c->slabs--;
		c->empty--;
		frame_free(slab);
	}
}

/* ---- magazines; interrupts are off ---- */

#if CONFIG_SANITIZE
/* Taken out in the order in which they came, not last in first out: the longer an object stays free, the more uses after the free are found. */
static inline void load(struct magazine *m, void *obj)
{
	*(void **)obj = NULL;
	*(void **)(m->top ? m->last : &m->top) = obj;
	m->last = obj;
	m->count++;
}
#else
static inline void load(struct magazine *m, void *obj)
{
	*(void **)obj = m->top;
	m->top = obj;
	m->count++;
}
#endif

static inline void *unload(struct magazine *m)
{
	void *obj = m->top;

	if (likely(obj)) {
		m->top = *(void **)obj;
		m->count--;
	}
	return obj;
}

/* An object for a CPU whose magazine is empty, which is filled to a half. */
static __noinline void *refill(struct slab_cache *c, unsigned flags)
{
	struct magazine *m;
	void *obj;

	if (unlikely(!c->lock.class))
		c->lock.class = LOCK_SLAB;
	spin_lock(&c->lock);
	if (unlikely(!c->stride))
		setup(c);
	m = my_magazine(c);
	while (m->count < c->magazine_max / 2 && (c->partial || (!m->count && grow(c, flags))))
		load(m, take_object(c));
	obj = unload(m);
	spin_unlock(&c->lock);
	return obj;
}

static __noinline void unburden(struct slab_cache *c)
{
	struct magazine *m;

	spin_lock(&c->lock);
	m = my_magazine(c);
	while (m->count > c->magazine_max / 2) {
		void *obj = unload(m);

		give_object(c, slab_of(obj), obj);
	}
	if (unlikely(c->empty > 2 + c->slabs / 8) && !c->kept)
		trim(c);
	spin_unlock(&c->lock);
}

void slab_init(void)
{
	for (unsigned i = 0; i < MAX_CPUS; i++)
		cpus[i].slab_magazines = magazines[i];
}

void *slab_alloc(struct slab_cache *c, unsigned flags)
{
	unsigned long irq;
	void *obj;

	if (alloc_should_fail())
		return NULL;
	irq = arch_irq_save();
	obj = unload(my_magazine(c));
	if (unlikely(!obj))
		obj = refill(c, flags);
	arch_irq_restore(irq);
	if (CONFIG_SANITIZE && obj) {
		if (!c->kept)
			kasan_poison(obj, c->stride, KASAN_BEHIND);
		kasan_unpoison(obj, c->size);
	}
	if (CONFIG_DEBUG && obj)
		debug_check_alloc(c, obj);
	if (obj && flags & ALLOC_ZERO)
		memset(obj, 0, c->size);
	return obj;
}

void slab_free(struct slab_cache *c, void *obj)
{
	struct page *p = pfn_page(arch_direct_phys(obj) >> PAGE_SHIFT);
	struct magazine *m;
	unsigned long irq;

	assert(p->kind == PAGE_SLAB && p->owner == c);
	kasan_check_live(obj);
	debug_check_free(c, obj);
	kasan_unpoison(obj, c->stride); /* to be filled */
	debug_make_free(c, obj);
	if (!c->kept) /* one that somebody may still look at */
		poison_free(c, obj);
	irq = arch_irq_save();
	m = my_magazine(c);
	load(m, obj);
	if (unlikely(m->count > c->magazine_max))
		unburden(c);
	arch_irq_restore(irq);
}

/* ---- all CPUs ---- */

/* A place that is still full keeps its content, and the magazine its own. */
static void lay_down(void *unused)
{
	unsigned cpu = this_cpu()->id;

	(void)unused;
	for (unsigned i = 1; i < CACHES_MAX; i++) {
		struct magazine *m = &magazines[cpu][i];

		if (m->top && !load_acquire(&laid_down[cpu][i])) {
			store_release(&laid_down[cpu][i], m->top);
			*m = (struct magazine){ 0 };
		}
	}
}

static void collect(struct slab_cache *c, unsigned cpu)
{
	void *obj = __atomic_exchange_n(&laid_down[cpu][c->magazine / sizeof(struct magazine)], NULL, __ATOMIC_ACQUIRE), *next;
	unsigned long irq;

	if (!obj)
		return;
	irq = spin_lock_irqsave(&c->lock);
	for (; obj; obj = next) {
		next = *(void **)obj;
		give_object(c, slab_of(obj), obj);
	}
	spin_unlock_irqrestore(&c->lock, irq);
}

void (*slab_grace_hook)(void);

static void free_late(struct page *slab)
{
	struct page *next;

	if (slab && slab_grace_hook)
		slab_grace_hook();
	for (; slab; slab = next) {
		next = (struct page *)slab->index;
		frame_free(slab);
	}
}

/* The list is taken away and comes back a piece at a time: meanwhile objects of its slabs may be freed, but none allocated. */
static unsigned long reap(struct slab_cache *c)
{
	unsigned long irq = spin_lock_irqsave(&c->lock), frames = 0;
	struct page *rest = c->partial, *late = NULL;

	c->partial = NULL;
	while ((rest = sweep(c, rest, &frames, &late)) != NULL) {
		spin_unlock_irqrestore(&c->lock, irq);
		irq = spin_lock_irqsave(&c->lock);
	}
	spin_unlock_irqrestore(&c->lock, irq);
	free_late(late);
	return frames;
}

unsigned long slab_reap(void)
{
	unsigned caches = load_acquire(&caches_used);
	unsigned long frames = 0;

	ipi_call(READ_ONCE(cpus_online), lay_down, NULL);
	for (unsigned i = 1; i < caches; i++) {
		for (unsigned cpu = 0; cpu < cpu_count; cpu++)
			collect(all_caches[i], cpu);
		frames += reap(all_caches[i]);
	}
	return frames + frame_drain();
}

unsigned long slab_cache_live(const struct slab_cache *c)
{
	unsigned long n = READ_ONCE(c->taken);

	for (unsigned cpu = 0; cpu < cpu_count; cpu++)
		n -= READ_ONCE(magazines[cpu][c->magazine / sizeof(struct magazine)].count);
	return n;
}

void slab_each(void (*fn)(const struct slab_cache *c, void *ctx), void *ctx)
{
	unsigned caches = load_acquire(&caches_used);

	for (unsigned i = 1; i < caches; i++)
		fn(all_caches[i], ctx);
}
