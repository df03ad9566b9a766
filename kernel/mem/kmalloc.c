/* SPDX-License-Identifier: MIT */
/*
 * Memory of any size (declared in mem/slab.h): a row of object caches with two sizes for each power of two (2^n and 3/4 of it), and whole
 * frames above the largest. Which of the two an address belongs to is written in its struct page.
 */
#include "arch/mmu.h"
#include "lib/bits.h"
#include "lib/check.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/kasan.h"
#include "mem/slab.h"

#define SIZE(n, a) { .name = "kmalloc-" #n, .size = n, .align = a }
static struct slab_cache sizes[] = {
	SIZE(16, 16), SIZE(24, 8), SIZE(32, 32), SIZE(48, 16), SIZE(64, 64), SIZE(96, 32), SIZE(128, 64), SIZE(192, 64), SIZE(256, 64),
	SIZE(384, 64), SIZE(512, 64), SIZE(768, 64), SIZE(1024, 64), SIZE(1536, 64), SIZE(2048, 64), SIZE(3072, 64),
};
#define LARGEST 3072ul
static atomic_long_t large_live; /* blocks of whole frames */

/*
 * Index of the smallest size that holds it. The sizes are 16 * 2^k and 24 * 2^k, so 2k + (1 if the upper half is needed):
 *     1..16 -> 0, 17..24 -> 1, 25..32 -> 2, 33..48 -> 3, 49..64 -> 4, ...
 */
static unsigned size_index(size_t bytes)
{
	unsigned up;

	if (bytes <= 16)
		return 0;
	up = log2_up(bytes); /* 2^(up-1) < bytes <= 2^up */
	return 2 * (up - 4) - (bytes <= 3ul << (up - 2));
}

/* What the cache or the frames have beyond the bytes asked for is nobody's. */
static void *exactly(void *p, size_t bytes, size_t have)
{
	size_t whole = ALIGN_UP(MAX(bytes, 1ul), 8ul);

	if (CONFIG_SANITIZE && p && whole <= have) {
		kasan_poison((char *)p + whole, have - whole, KASAN_BEHIND);
		kasan_unpoison(p, MAX(bytes, 1ul));
	}
	return p;
}

static void *large_alloc(size_t bytes, unsigned flags)
{
	unsigned order = log2_up(PAGE_UP(bytes) >> PAGE_SHIFT);
	struct page *p;

	if (bytes > PAGE_SIZE << FRAME_MAX_ORDER)
		return NULL;
	p = frame_alloc(order, PAGE_KERNEL, FRAME_DIRECT | (flags & ALLOC_ZERO ? FRAME_ZERO : 0) | (flags & ALLOC_RESERVE ? FRAME_RESERVE : 0));
	if (!p)
		return NULL;
	atomic_inc(&large_live);
	return exactly(arch_direct(page_phys(p)), bytes, PAGE_SIZE << order);
}

void *kmalloc(size_t bytes, unsigned flags)
{
	struct slab_cache *c;
	void *p;

	if (bytes > LARGEST)
		return large_alloc(bytes, flags);
	c = &sizes[size_index(bytes)];
	p = exactly(slab_alloc(c, flags & ~ALLOC_ZERO), bytes, c->size);
	if (p && flags & ALLOC_ZERO)
		memset(p, 0, bytes);
	return p;
}

void *kzalloc(size_t bytes)
{
	return kmalloc(bytes, ALLOC_ZERO);
}

static struct page *page_of(const void *p)
{
	return pfn_page(arch_direct_phys(p) >> PAGE_SHIFT);
}

void kfree(void *p)
{
	struct page *page;

	if (!p)
		return;
	page = page_of(p);
	if (page->kind == PAGE_SLAB) {
		slab_free(page->owner, p);
		return;
	}
	assert(page->kind == PAGE_KERNEL && IS_ALIGNED((vaddr_t)p, PAGE_SIZE));
	atomic_dec(&large_live);
	frame_free(page);
}

size_t kmalloc_usable(const void *p)
{
	struct page *page = page_of(p);

	return page->kind == PAGE_SLAB ? ((struct slab_cache *)page->owner)->size : PAGE_SIZE << page->order;
}

char *kstrdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = kmalloc(n, 0);

	return copy ? memcpy(copy, s, n) : NULL;
}

static void add_live(const struct slab_cache *c, void *sum)
{
	*(unsigned long *)sum += slab_cache_live(c);
}

unsigned long slab_live(void)
{
	unsigned long n = (unsigned long)atomic_read(&large_live);

	slab_each(add_live, &n);
	return n;
}
