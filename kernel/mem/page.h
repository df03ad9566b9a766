/* SPDX-License-Identifier: MIT */
/*
 * One struct page for each physical frame of RAM. The kind says who owns it and what one unit of "count" means:
 *
 *   PAGE_FREE      0; in the buddy allocator (order says the block's size, on its first frame)
 *   PAGE_RESERVED  never given out (firmware, kernel image); count 1
 *   PAGE_KERNEL    1: the kernel object that allocated it
 *   PAGE_SLAB      1: the object cache that carved it
 *   PAGE_TABLE     number of parents: upper-table entries (or, for a root, address spaces) that refer to this table
 *   PAGE_ANON      number of leaf entries in distinct tables that map it + kernel references in flight (a shared table is ONE holder)
 *   PAGE_CACHE     the same, + 1 for the page cache's own tree while it is there
 *
 * count is 32 bits and does not saturate in practice (overflow panics in debug builds).
 */
#ifndef MEM_PAGE_H
#define MEM_PAGE_H

#include "core/spinlock.h"
#include "lib/check.h"
#include "lib/list.h"
#include "lib/types.h"

enum page_kind { PAGE_FREE, PAGE_RESERVED, PAGE_KERNEL, PAGE_SLAB, PAGE_TABLE, PAGE_ANON, PAGE_CACHE, PAGE_KIND_COUNT };

struct page {
	uint32_t count;
	union {
		struct {
			uint8_t kind;     /* enum page_kind */
			uint8_t order;    /* of the allocation; on its first frame */
		};
		uint16_t kind_order;      /* both in one load: see mem/frame.c */
	};
	uint8_t flags;    /* PAGE_F_ */
	uint8_t level;    /* PAGE_TABLE: level of the table */
	union {
		struct list link;                   /* FREE: buddy list; owner's use otherwise */
		struct {                            /* PAGE_TABLE */
			uint16_t present;           /* entries present */
			uint32_t blocks;            /* bit n: the n-th of its 32 equal parts may have an entry that is not empty; vm/ptshare */
		} table;
		struct {                            /* PAGE_SLAB */
			void *free;
			uint16_t used, capacity;
		} slab;
		unsigned long room[4];              /* makes the size a power of two */
	};
	void *owner;          /* SLAB: cache; CACHE: struct mapping */
	unsigned long index;  /* CACHE: page number in the file */
};

_Static_assert(sizeof(void *) > 4 || sizeof(struct page) == 32, "frames and their structures are a shift apart");

#define PAGE_F_DIRTY 1
#define PAGE_F_UPTODATE 2

extern struct page *page_array;      /* indexed by pfn - page_base_pfn */
extern pfn_t page_base_pfn, page_end_pfn;

static inline struct page *pfn_page(pfn_t pfn) { return page_array + (pfn - page_base_pfn); }
static inline pfn_t page_pfn(const struct page *p) { return (pfn_t)(p - page_array) + page_base_pfn; }
static inline paddr_t page_phys(const struct page *p) { return (paddr_t)page_pfn(p) << PAGE_SHIFT; }
static inline bool pfn_valid(pfn_t pfn) { return pfn >= page_base_pfn && pfn < page_end_pfn; }

/* References (ANON, CACHE, KERNEL). page_put frees the frame at zero. Any context. */
static inline void page_get(struct page *p) { __atomic_fetch_add(&p->count, 1, __ATOMIC_RELAXED); }
static inline uint32_t page_count(const struct page *p) { return __atomic_load_n(&p->count, __ATOMIC_ACQUIRE); }
void page_free_last(struct page *p); /* page_put's: the last reference is gone */
static inline void page_put(struct page *p)
{
	uint32_t left = __atomic_sub_fetch(&p->count, 1, __ATOMIC_ACQ_REL);

	debug_assert(left != UINT32_MAX);
	if (left == 0)
		page_free_last(p);
}

#endif
