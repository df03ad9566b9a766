/* SPDX-License-Identifier: MIT */
/*
 * Physical frames: a buddy allocator with two zones (direct-mapped and high) and a small cache per CPU for single frames. Any
 * context. An allocation that fails returns NULL; it never sleeps: faults try again when somebody was killed (vm/fault), system calls when what was only cached is back (abi/dispatch).
 */
#ifndef MEM_FRAME_H
#define MEM_FRAME_H

#include "lib/atomic.h"
#include "mem/page.h"

#define FRAME_MAX_ORDER 10 /* 4 MiB blocks */

#define FRAME_ANY 0u      /* any frame, high ones first: user pages, page cache */
#define FRAME_DIRECT 1u   /* in the direct map: arch_direct works on it */
#define FRAME_ZERO 2u     /* cleared */
#define FRAME_RESERVE 4u  /* may use the last frames (kernel's own progress, OOM victims) */

void frame_init(void);
/* 2^order frames, count 1, kind as given (page->order = order), flags, level, owner and index 0. NULL if there are none. */
struct page *frame_alloc(unsigned order, enum page_kind kind, unsigned flags);
/* Gives back what frame_alloc gave; count must have reached zero or be the caller's last one. */
void frame_free(struct page *p);
/* The same for a single frame that holds nothing but zeros: some are kept for FRAME_ZERO, which then has nothing to do. */
void frame_free_clean(struct page *p);
/* Gives RAM that was reserved at boot (initrd, init sections) to the allocator: the whole frames in [start, end), once. */
void frame_release_range(paddr_t start, paddr_t end);
/* Brings the frames in all CPUs' caches back to the zones; how many were another CPU's, which this one could not have had. Not in interrupts. */
unsigned long frame_drain(void);
/* Contents of single frames. Not in interrupts for high frames. */
void frame_zero(struct page *p);
void frame_copy(struct page *dst, struct page *src);

struct frame_stats {
	unsigned long total, free;        /* frames; free includes the per-CPU caches */
	unsigned long direct_total, direct_free;
	unsigned long by_kind[PAGE_KIND_COUNT];
};
/* Exact while nobody allocates; by_kind is found by looking at every frame. */
void frame_stats(struct frame_stats *s);
unsigned long frame_free_count(void);
unsigned long frame_total(void); /* frames that the allocator owns, used or free */
/* Watermark: frames that only FRAME_RESERVE may use. */
unsigned long frame_reserve(void);
/*
 * Are so few frames left that only what exists should have them, and nothing new come to life? Frames that a CPU keeps at hand are not counted, since
 * another one cannot have them: frame_drain may make it false.
 */
bool frame_scarce(void);
/* Verifies lists and counts; panics on damage (tests, debug). */
void frame_check(void);

#ifdef HOST_TEST
/* Makes the pretend machine with that many frames, all direct-mapped, and initialises mem. Once in a process. */
void frame_init_host(unsigned long frames);
#endif
/* Failure injection (debug builds, tests): the n-th allocation from now fails, once; 0 is off. Also for slab_alloc/kmalloc. */
extern atomic_long_t alloc_fail_after;
static inline bool alloc_should_fail(void)
{
	return unlikely(atomic_read(&alloc_fail_after) != 0) && atomic_sub_return(&alloc_fail_after, 1) == 0;
}

#endif
