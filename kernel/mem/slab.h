/* SPDX-License-Identifier: MIT */
/*
 * Object caches (one size each), and kmalloc over a row of them; large kmallocs are whole frames. Memory is direct-mapped. Any context.
 * Each CPU keeps some free objects of each cache at hand. Every live object is counted: slab_live() is part of the leak checks.
 */
#ifndef MEM_SLAB_H
#define MEM_SLAB_H

#include "core/spinlock.h"
#include "lib/types.h"

struct page;

struct slab_cache {
	struct spinlock lock;      /* LOCK_SLAB, irqsave; set up by the first allocation */
	const char *name;
	size_t size, align;        /* as declared */
	size_t magazine;           /* offset of each CPU's magazine for this cache in its row; 0: not set up yet */
	unsigned magazine_max;     /* objects that it may hold */
	const struct slab_kept *kept; /* of a stable cache; else NULL */
	/* lock */
	size_t stride;             /* from one object to the next; 0: not set up yet */
	unsigned order;            /* of a slab, when there is memory */
	struct page *partial;      /* slabs with free objects, linked by page.index */
	unsigned long taken;       /* objects taken out of slabs: live, or in a magazine */
	unsigned long slabs, empty; /* slabs in all; of those, without a live object */
};

/*
 * Stable caches: what was an object stays one until every CPU has been seen with preemption on, and while it is free the words of `kept`
 * stay as they were when it was freed. So who found an object without a lock may look at these words with preemption off, take a reference unless the
 * count is zero, and look then whether it is still what was looked for. Neither the object's first word nor one outside `kept` may be trusted.
 */
struct slab_kept { size_t from, to; }; /* ascending; the last one has to == 0 */
/* Waits until then; set by sched/grace, which is above. */
extern void (*slab_grace_hook)(void);

#define SLAB_CACHE(var, type) struct slab_cache var = { .name = #type, .size = sizeof(struct type), .align = _Alignof(struct type) }
#define SLAB_CACHE_STABLE(var, type, words) struct slab_cache var = { .name = #type, .size = sizeof(struct type), .align = _Alignof(struct type), .kept = (words) }
#define SLAB_KEEP(type, member) { offsetof(struct type, member), offsetof(struct type, member) + sizeof(((struct type *)0)->member) }
/* Statically declared caches set themselves up at the first allocation. */

#define ALLOC_ZERO 1u
#define ALLOC_RESERVE 4u /* see FRAME_RESERVE */

void slab_init(void);
void *slab_alloc(struct slab_cache *c, unsigned flags); /* NULL when there is no memory */
void slab_free(struct slab_cache *c, void *obj);
/* At least 8-byte aligned; powers of two to their size up to 64; above 3072 bytes to a page. */
void *kmalloc(size_t bytes, unsigned flags);
void *kzalloc(size_t bytes);
void kfree(void *p); /* NULL is fine */
size_t kmalloc_usable(const void *p);
char *kstrdup(const char *s);
/* Empties all CPUs' magazines, of frames too, and gives empty slabs back; frames that this made available. Sleeps. */
unsigned long slab_reap(void);
unsigned long slab_live(void); /* objects alive in all caches, kmalloc included; exact while nobody allocates */
unsigned long slab_cache_live(const struct slab_cache *c); /* the same, of one cache */
/* Calls fn for each cache (for /proc/slabinfo). fn must not allocate. */
void slab_each(void (*fn)(const struct slab_cache *c, void *ctx), void *ctx);

#endif
