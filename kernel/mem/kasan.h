/* SPDX-License-Identifier: MIT */
/*
 * Whose memory is it? In the build variant `--sanitize` each eight bytes of the kernel's own addresses have a byte of shadow, and the compiler calls a
 * check before each access. Free frames, free objects, what lies behind an object, and what lies between the variables on a stack must not be
 * touched; nor may user memory, but by the instructions meant for it. In other builds all of this is nothing.
 *
 * Addresses without a shadow (device registers, windows on high frames, the page tables' view of themselves) are not checked.
 */
#ifndef MEM_KASAN_H
#define MEM_KASAN_H

#include "lib/check.h"
#include "lib/types.h"
#include "mem/page.h"

/* What a byte of shadow says: 0 all eight bytes may be used, 1-7 the first so many, others none, and why. */
#define KASAN_NO_MEMORY 0xfe
#define KASAN_FREE_FRAME 0xff
#define KASAN_FREE_OBJECT 0xfb
#define KASAN_BEHIND 0xfc
#define KASAN_FREE_STACK 0xf6

#if CONFIG_SANITIZE
/* From now on accesses are checked. Once, when the whole shadow is there. */
void kasan_start(void);
/* Nobody's; start at a multiple of 8, and the end is rounded up to one. */
void kasan_poison(const void *start, size_t bytes, uint8_t why);
/* Somebody's: exactly that many bytes, and none of what is left of the last eight. */
void kasan_unpoison(const void *start, size_t bytes);
/* A block of frames: the part of it that the direct map has. */
void kasan_poison_frames(struct page *p, unsigned order);
void kasan_unpoison_frames(struct page *p, unsigned order);
/* Panics if the object is free already. */
void kasan_check_live(const void *obj);
/* For what the compiler does not see: assembly. */
void kasan_check_range(const void *p, size_t bytes, bool write);
#else
static inline void kasan_start(void) {}
static inline void kasan_poison(const void *start, size_t bytes, uint8_t why) { (void)start, (void)bytes, (void)why; }
static inline void kasan_unpoison(const void *start, size_t bytes) { (void)start, (void)bytes; }
static inline void kasan_poison_frames(struct page *p, unsigned order) { (void)p, (void)order; }
static inline void kasan_unpoison_frames(struct page *p, unsigned order) { (void)p, (void)order; }
static inline void kasan_check_live(const void *obj) { (void)obj; }
static inline void kasan_check_range(const void *p, size_t bytes, bool write) { (void)p, (void)bytes, (void)write; }
#endif

static inline void kasan_check_copy(const void *to, const void *from, size_t bytes)
{
	kasan_check_range(from, bytes, false);
	kasan_check_range(to, bytes, true);
}

#endif
