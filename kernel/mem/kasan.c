/* SPDX-License-Identifier: MIT */
/*
 * The run-time part of the address sanitizer (build variant `--sanitize`; empty otherwise): the checks that the compiler calls, by the names that it
 * calls them, and the shadow. The compiler itself writes the shadow of variables on stacks, which is why it must be mapped before the first C.
 * The checks are between any two instructions of the kernel, in interrupts as well: they take no lock and are not checked themselves.
 */
#include "mem/kasan.h"
#if CONFIG_SANITIZE
#include "arch/mmu.h"
#include "core/panic.h"

#define GRAIN 8ul
#define SHOWN 8 /* bytes of shadow to both sides of a find */

static vaddr_t span; /* from ARCH_KERNEL_BASE on so many bytes have a shadow; 0 while nothing is checked */

static inline uint8_t *shadow(vaddr_t a) { return (uint8_t *)ARCH_SHADOW_OF(a); }

static inline bool covered(vaddr_t a) { return a - ARCH_KERNEL_BASE < span; }

static const char *reason(vaddr_t a)
{
	uint8_t s;

	if (a < ARCH_KERNEL_BASE)
		return "not the kernel's";
	s = *shadow(a);
	if (s && s < GRAIN)
		s = shadow(a)[1];
	switch (s) {
	case KASAN_NO_MEMORY: return "where no memory is";
	case KASAN_FREE_FRAME: return "in a free frame";
	case KASAN_FREE_OBJECT: return "in a free object";
	case KASAN_BEHIND: return "behind an object";
	case KASAN_FREE_STACK: return "in a free stack";
	case 0xf1: case 0xf2: case 0xf3: case 0xca: case 0xcb: return "beside a variable on a stack";
	case 0xf5: case 0xf8: return "a variable on a stack that is over";
	default: return "behind an object";
	}
}

static __noinline __noreturn void found(vaddr_t a, size_t bytes, bool write, vaddr_t bad, vaddr_t ip)
{
	char hex[3 * (2 * SHOWN + 1) + 1] = "";
	bool shown = covered(bad - SHOWN * GRAIN) && covered(bad + SHOWN * GRAIN);

	span = 0; /* the last words are not checked */
	if (shown)
		for (int i = -SHOWN; i <= SHOWN; i++)
			for (int k = 0; k < 3; k++)
				hex[3 * (i + SHOWN) + k] = k == 2 ? ' ' : "0123456789abcdef"[shadow(bad)[i] >> (k ? 0 : 4) & 15];
	hex[sizeof(hex) - 1] = 0;
	panic("%s of %lu bytes at %#lx, %s (%#lx), by %#lx; shadow: %s", write ? "write" : "read", (unsigned long)bytes, a, reason(bad), bad, ip, hex);
}

/* The first byte of a range that may not be used, or 0. Most are within a grain or two. */
static inline vaddr_t first_bad(vaddr_t a, size_t bytes)
{
	vaddr_t end = a + bytes, at = a;

	while (at < end) {
		vaddr_t grain = at & ~(GRAIN - 1), stop = grain + GRAIN < end ? grain + GRAIN : end;
		uint8_t s = *shadow(at);

		if (s && (s >= GRAIN || stop - grain > s))
			return s >= GRAIN || at - grain >= s ? at : grain + s;
		at = grain + GRAIN;
	}
	return 0;
}

static __noinline void check(vaddr_t a, size_t bytes, bool write, void *ip)
{
	vaddr_t bad = a;

	if (!span || !bytes || (a >= arch_vmap_end() && a + bytes > a))
		return;
	if (covered(a) && bytes <= span - (a - ARCH_KERNEL_BASE))
		bad = first_bad(a, bytes);
	if (unlikely(bad))
		found(a, bytes, write, bad, (vaddr_t)ip);
}

/* What nearly every access comes to: it is inside eight bytes all of which may be used. */
static inline bool surely_good(vaddr_t a, size_t bytes)
{
	return likely(covered(a)) && likely(!*shadow(a)) && likely((a & (GRAIN - 1)) + bytes <= GRAIN);
}

static inline void check_small(vaddr_t a, size_t bytes, bool write, void *ip)
{
	if (!surely_good(a, bytes))
		check(a, bytes, write, ip);
}

#define CHECK(size) \
	SANITIZER_CALL void __asan_load##size##_noabort(void *a); \
	SANITIZER_CALL void __asan_load##size##_noabort(void *a) { check_small((vaddr_t)a, size, false, __builtin_return_address(0)); } \
	SANITIZER_CALL void __asan_store##size##_noabort(void *a); \
	SANITIZER_CALL void __asan_store##size##_noabort(void *a) { check_small((vaddr_t)a, size, true, __builtin_return_address(0)); }

CHECK(1)
CHECK(2)
CHECK(4)
CHECK(8)
CHECK(16)

SANITIZER_CALL void __asan_loadN_noabort(void *a, ptrdiff_t bytes);
SANITIZER_CALL void __asan_loadN_noabort(void *a, ptrdiff_t bytes) { check((vaddr_t)a, (size_t)bytes, false, __builtin_return_address(0)); }
SANITIZER_CALL void __asan_storeN_noabort(void *a, ptrdiff_t bytes);
SANITIZER_CALL void __asan_storeN_noabort(void *a, ptrdiff_t bytes) { check((vaddr_t)a, (size_t)bytes, true, __builtin_return_address(0)); }
/* Before a call that does not return: whoever makes one leaves its stack for good. */
SANITIZER_CALL void __asan_handle_no_return(void);
SANITIZER_CALL void __asan_handle_no_return(void) {}

/* Large variables of inner blocks, whose shadow is not written in place. */
SANITIZER_CALL void __asan_poison_stack_memory(void *a, ptrdiff_t bytes);
SANITIZER_CALL void __asan_poison_stack_memory(void *a, ptrdiff_t bytes) { kasan_poison(a, (size_t)bytes, 0xf8); }
SANITIZER_CALL void __asan_unpoison_stack_memory(void *a, ptrdiff_t bytes);
SANITIZER_CALL void __asan_unpoison_stack_memory(void *a, ptrdiff_t bytes) { kasan_unpoison(a, (size_t)bytes); }

#define SET_SHADOW(value) \
	SANITIZER_CALL void __asan_set_shadow_##value(uint8_t *at, size_t n); \
	SANITIZER_CALL void __asan_set_shadow_##value(uint8_t *at, size_t n) \
	{ \
		for (volatile uint8_t *s = at; s < at + n; s++) \
			*s = 0x##value; \
	}

SET_SHADOW(00)
SET_SHADOW(f1)
SET_SHADOW(f2)
SET_SHADOW(f3)
SET_SHADOW(f5)
SET_SHADOW(f8)

void kasan_check_range(const void *p, size_t bytes, bool write)
{
	check((vaddr_t)p, bytes, write, __builtin_return_address(0));
}

void kasan_start(void)
{
	span = arch_vmap_end() - ARCH_KERNEL_BASE;
}

/* Plain stores: memset is checked. */
static void fill(vaddr_t a, size_t bytes, uint8_t value)
{
	volatile uint8_t *s = shadow(a), *end = s + (bytes + GRAIN - 1) / GRAIN;

	for (; s < end && (vaddr_t)s % sizeof(unsigned long); s++)
		*s = value;
	for (; s + sizeof(unsigned long) <= end; s += sizeof(unsigned long))
		*(volatile unsigned long *)s = value * (~0ul / 255);
	for (; s < end; s++)
		*s = value;
}

void kasan_poison(const void *start, size_t bytes, uint8_t why)
{
	fill((vaddr_t)start, bytes, why);
}

void kasan_unpoison(const void *start, size_t bytes)
{
	vaddr_t a = (vaddr_t)start;

	fill(a, bytes & ~(GRAIN - 1), 0);
	if (bytes % GRAIN)
		*shadow(a + bytes) = (uint8_t)(bytes % GRAIN);
}

static void mark_frames(struct page *p, unsigned order, uint8_t value)
{
	paddr_t pa = page_phys(p);

	if (span && pa < arch_direct_top())
		fill((vaddr_t)arch_direct(pa), PAGE_SIZE << order, value);
}

void kasan_poison_frames(struct page *p, unsigned order) { mark_frames(p, order, KASAN_FREE_FRAME); }
void kasan_unpoison_frames(struct page *p, unsigned order) { mark_frames(p, order, 0); }

void kasan_check_live(const void *obj)
{
	if (*shadow((vaddr_t)obj) >= GRAIN)
		found((vaddr_t)obj, 1, true, (vaddr_t)obj, (vaddr_t)__builtin_return_address(0));
}
#endif
