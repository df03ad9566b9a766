/* SPDX-License-Identifier: MIT */
/* Faults on demand (build variant `--sanitize`; empty otherwise). Values pass through `opaque`, so that the compiler cannot see what goes wrong. */
#include "mem/sanitizeprobe.h"
#if CONFIG_SANITIZE
#include "arch/context.h"
#include "arch/mmu.h"
#include "core/klog.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/kasan.h"
#include "mem/slab.h"
#include "mem/vmap.h"

struct thing { uint32_t word[5]; };
static SLAB_CACHE(thing_cache, thing);
static volatile unsigned long sink;

static __noinline unsigned long opaque(unsigned long v)
{
	__asm__ volatile("" : "+r"(v));
	return v;
}

static char *make(size_t bytes) { return (char *)opaque((unsigned long)kmalloc(bytes, 0)); }

/* ---- memory ---- */

static void behind_object(void) { make(100)[opaque(100)] = 1; }
static void before_object(void) { make(128)[(long)opaque(0) - 1] = 1; }
static void read_behind(void) { sink = *(uint32_t *)(make(30) + opaque(28)); }
static void behind_frames(void) { make(5000)[opaque(5000)] = 1; }

static void behind_cached(void)
{
	struct thing *t = (struct thing *)opaque((unsigned long)slab_alloc(&thing_cache, 0));

	t[0].word[0] = 1;
	sink = *(&t->word[0] + opaque(5));
}

static void freed_object(void)
{
	char *p = make(64);

	kfree(p);
	kfree(make(64)); /* another one in between: it does not come back at once */
	sink = (unsigned long)p[opaque(8)];
}

static void freed_twice(void)
{
	char *p = make(64);

	kfree(p);
	kfree(p);
}

static void freed_frame(void)
{
	struct page *p = frame_alloc(0, PAGE_KERNEL, FRAME_DIRECT);
	volatile char *va = arch_direct(page_phys(p));

	frame_free(p);
	va[opaque(100)] = 1;
}

static void freed_stack(void)
{
	volatile char *s = vmap_stack_alloc(ARCH_KSTACK_PAGES);

	vmap_stack_free((void *)s, ARCH_KSTACK_PAGES);
	s[opaque(2000)] = 1;
}

static void copied_behind(void)
{
	char *p = make(40);

	memset(p, 0, opaque(41));
}

static void copied_from_behind(void)
{
	char *p = make(40), *q = make(80);

	memcpy(q, p, opaque(60));
}

static __noinline void write_at(volatile char *p, unsigned long i) { p[i] = 1; }

static void behind_variable(void)
{
	char text[10];

	write_at(text, opaque(10));
	sink = (unsigned long)text[opaque(1)];
}

static void ended_variable(void)
{
	volatile char *p = NULL;

	for (unsigned i = 0; i < opaque(1); i++) {
		char text[16];

		write_at(text, i);
		p = text;
	}
	p = (volatile char *)opaque((unsigned long)p);
	sink = (unsigned long)p[0];
}

static void user_memory(void) { sink = *(volatile char *)opaque(0x08048000ul); }
static void no_memory(void) { sink = *(volatile char *)(opaque(ARCH_VMAP_START) - 4096 * 4096); }

/* ---- undefined behaviour ---- */

static void overflow(void) { sink = (unsigned long)((int)opaque(0x7fffffff) + (int)opaque(1)); }
static void shift(void) { sink = 1ul << opaque(8 * sizeof(long)); }
static void shift_negative(void) { sink = (unsigned long)((long)opaque(~0ul) << opaque(1)); }
static void division(void) { sink = opaque(5) / opaque(0); }
static void misaligned(void) { sink = *(uint32_t *)(make(16) + opaque(1)); }
static void null(void) { sink = ((struct thing *)opaque(0))->word[0]; }
static void no_bool(void)
{
	unsigned char c = (unsigned char)opaque(2);

	sink = *(volatile bool *)&c;
}

static void array(void)
{
	static volatile struct thing t;

	sink = t.word[opaque(5)];
}

static const struct { const char *name; void (*act)(void); } probes[] = {
	{ "behind_object", behind_object }, { "before_object", before_object }, { "read_behind", read_behind }, { "behind_frames", behind_frames },
	{ "behind_cached", behind_cached }, { "freed_object", freed_object }, { "freed_twice", freed_twice }, { "freed_frame", freed_frame },
	{ "freed_stack", freed_stack }, { "copied_behind", copied_behind }, { "copied_from_behind", copied_from_behind },
	{ "behind_variable", behind_variable }, { "ended_variable", ended_variable }, { "user_memory", user_memory }, { "no_memory", no_memory },
	{ "overflow", overflow }, { "shift", shift }, { "shift_negative", shift_negative }, { "division", division }, { "misaligned", misaligned },
	{ "null", null }, { "no_bool", no_bool }, { "array", array },
};

void sanitize_probe(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(probes); i++)
		if (!strcmp(name, probes[i].name)) {
			probes[i].act();
			klog_err("sanitize_probe: %s was not found", name);
		}
}
#endif
