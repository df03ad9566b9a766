/* SPDX-License-Identifier: MIT */
/*
 * Kernel address ranges. One bit for each page of the range says "taken". A stack takes its pages and the guard page below them:
 *
 *     | guard | page 0 | page 1 | guard | page 0 | page 1 | device | device | ...
 *
 * A stack that is given back keeps its mapping and waits for the next thread, so that fork and exit touch no kernel page table: one on each CPU, which
 * takes no lock, and the others in a list. When the list is long, a batch of them is unmapped: their addresses and frames are given back after every CPU has forgotten the
 * translations, which it is asked to by one call for the batch.
 */
#include "mem/vmap.h"
#include "arch/context.h"
#include "core/ipi.h"
#include "core/panic.h"
#include "lib/bitmap.h"
#include "lib/bits.h"
#include "lib/check.h"
#include "lib/list.h"
#include "mem/frame.h"
#include "mem/kasan.h"
#include "mem/slab.h"

#define STACK_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NOEXEC)
#define STACK_PAGES_MAX 16
#define BATCH_MAX 16u /* by who ends a thread, with interrupts off */
/* So many free stacks stay mapped, when a batch is unmapped, as a share of memory has place for. */
#define CACHE_SHARE 256
#define CACHE_MIN 16ul
#define CACHE_MAX 256ul

/*
 * Every stack describes itself in its own lowest bytes, which a thread that keeps within its stack never reaches; one that did not is found
 * out by the magic when the stack is given back.
 */
#define STACK_MAGIC 0x57acced5u
#define STACK_PATTERN 0x57ac0f1eul
struct stack_head {
	uint32_t magic;
	uint32_t pages;
	struct stack_head *next; /* while free */
	struct list live;        /* while in use; debug builds */
	struct page *page[];     /* its frames */
};

static struct {
	struct spinlock lock; /* LOCK_VMAP, irqsave */
	unsigned long *taken;
	unsigned long *guard;
	unsigned long pages;
	unsigned long hint; /* where the last search ended */
	struct stack_head *cache; /* free stacks, still mapped */
	unsigned cached, cache_max;
	struct list live;         /* debug builds: the stacks in use ... */
	unsigned long live_count;
	unsigned long least_left; /* ... and how much of one was left at the deepest, so far */
} vmap = { .lock = SPINLOCK_INIT(LOCK_VMAP), .live = LIST_INIT(vmap.live), .least_left = ~0ul };

/* A free stack for the next thread that this CPU makes; or NULL. Atomic. */
static struct spare {
	struct stack_head *stack;
} __aligned(64) spares[MAX_CPUS];

static inline struct stack_head **my_spare(void) { return &spares[this_cpu()->id].stack; }

void vmap_init(void)
{
	vmap.pages = (arch_vmap_end() - ARCH_VMAP_START) >> PAGE_SHIFT;
	vmap.taken = kzalloc(BITMAP_WORDS(vmap.pages) * sizeof(unsigned long));
	vmap.guard = kzalloc(BITMAP_WORDS(vmap.pages) * sizeof(unsigned long));
	if (!vmap.taken || !vmap.guard)
		panic("vmap: no memory for the bitmaps");
	vmap.cache_max = (unsigned)MIN(CACHE_MAX, MAX(CACHE_MIN, frame_total() / CACHE_SHARE / ARCH_KSTACK_PAGES));
}

/*
 * ---- how deep ---- debug builds: a stack is filled with a pattern while nobody uses it, and what still has the pattern has never been used
 */

static unsigned long *lowest_word(struct stack_head *s) { return (unsigned long *)ALIGN_UP((vaddr_t)&s->page[s->pages], sizeof(long)); }
static unsigned long *stack_end(struct stack_head *s) { return (unsigned long *)((vaddr_t)s + s->pages * PAGE_SIZE); }

__any_stack static void fill_pattern(unsigned long *from, unsigned long *to)
{
	if (CONFIG_DEBUG)
		while (from < to)
			*from++ = STACK_PATTERN;
}

/* The lowest word that was used. Others may use the stack meanwhile. Lock held. */
__any_stack static unsigned long *look_depth(struct stack_head *s)
{
	unsigned long *w = lowest_word(s);

	while (w < stack_end(s) && READ_ONCE(*w) == STACK_PATTERN)
		w++;
	vmap.least_left = MIN(vmap.least_left, (unsigned long)((vaddr_t)w - (vaddr_t)s));
	return w;
}

static void begin_use(struct stack_head *s)
{
	unsigned long flags;

	if (!CONFIG_DEBUG)
		return;
	flags = spin_lock_irqsave(&vmap.lock);
	list_push_back(&vmap.live, &s->live);
	vmap.live_count++;
	spin_unlock_irqrestore(&vmap.lock, flags);
}

static void end_use(struct stack_head *s)
{
	unsigned long flags, *used;

	if (!CONFIG_DEBUG)
		return;
	flags = spin_lock_irqsave(&vmap.lock);
	used = look_depth(s);
	list_del(&s->live);
	vmap.live_count--;
	spin_unlock_irqrestore(&vmap.lock, flags);
	fill_pattern(used, stack_end(s));
}

unsigned long vmap_stack_least_left(void)
{
	unsigned long n = READ_ONCE(vmap.live_count);

	while (CONFIG_DEBUG && n--) { /* one under each hold of the lock; those that come meanwhile have not been deep */
		unsigned long flags = spin_lock_irqsave(&vmap.lock);

		if (!list_empty(&vmap.live)) {
			struct stack_head *s = list_first(&vmap.live, struct stack_head, live);

			look_depth(s);
			list_del(&s->live);
			list_push_back(&vmap.live, &s->live);
		}
		spin_unlock_irqrestore(&vmap.lock, flags);
	}
	return READ_ONCE(vmap.least_left);
}

/* ---- addresses ---- */

static vaddr_t page_addr(unsigned long i)
{
	return ARCH_VMAP_START + (i << PAGE_SHIFT);
}

/* Takes a run of n pages, the first of them a guard if asked; index or BITMAP_NONE. */
static unsigned long take_run(unsigned long n, bool guard)
{
	unsigned long flags = spin_lock_irqsave(&vmap.lock);
	unsigned long i = bitmap_find_clear_run(vmap.taken, vmap.pages, vmap.hint, n);

	if (i == BITMAP_NONE)
		i = bitmap_find_clear_run(vmap.taken, vmap.pages, 0, n);
	if (i != BITMAP_NONE) {
		bitmap_set_run(vmap.taken, i, n);
		if (guard)
			bitmap_set(vmap.guard, i);
		vmap.hint = i + n;
	}
	spin_unlock_irqrestore(&vmap.lock, flags);
	return i;
}

static void give_run(unsigned long i, unsigned long n)
{
	unsigned long flags = spin_lock_irqsave(&vmap.lock);

	bitmap_clear_run(vmap.taken, i, n);
	bitmap_clear_run(vmap.guard, i, n);
	if (i < vmap.hint)
		vmap.hint = i;
	spin_unlock_irqrestore(&vmap.lock, flags);
}

static void free_frames(struct page **frames, size_t n)
{
	while (n--)
		frame_free(frames[n]);
}

static bool gather_frames(struct page **frames, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		frames[i] = frame_alloc(0, PAGE_KERNEL, FRAME_ANY);
		if (!frames[i]) {
			free_frames(frames, i);
			return false;
		}
	}
	return true;
}

static struct stack_head *pop_cached(size_t pages)
{
	unsigned long flags = spin_lock_irqsave(&vmap.lock);
	struct stack_head **link = &vmap.cache, *s;

	while ((s = *link) && s->pages != pages)
		link = &s->next;
	if (s) {
		*link = s->next;
		vmap.cached--;
	}
	spin_unlock_irqrestore(&vmap.lock, flags);
	return s;
}

/* True if there are too many now. */
static bool push_cached(struct stack_head *s)
{
	unsigned long flags = spin_lock_irqsave(&vmap.lock);
	bool many;

	s->next = vmap.cache;
	vmap.cache = s;
	many = ++vmap.cached >= vmap.cache_max + BATCH_MAX;
	spin_unlock_irqrestore(&vmap.lock, flags);
	return many;
}

static struct stack_head *pop_spare(size_t pages)
{
	struct stack_head *s = __atomic_exchange_n(my_spare(), NULL, __ATOMIC_ACQUIRE);

	if (likely(s && s->pages == pages))
		return s;
	if (s)
		push_cached(s);
	return pop_cached(pages);
}

/* True if too many are free now. */
static bool push_spare(struct stack_head *s)
{
	struct stack_head *none = NULL;

	return !__atomic_compare_exchange_n(my_spare(), &none, s, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED) && push_cached(s);
}

static struct stack_head *map_stack(unsigned long run, struct page **frames, size_t pages)
{
	struct stack_head *s = (struct stack_head *)page_addr(run + 1);

	kasan_unpoison(s, pages * PAGE_SIZE);
	for (size_t i = 0; i < pages; i++)
		arch_kernel_map(page_addr(run + 1 + i), page_pfn(frames[i]), STACK_FLAGS);
	s->magic = STACK_MAGIC;
	s->pages = (uint32_t)pages;
	for (size_t i = 0; i < pages; i++)
		s->page[i] = frames[i];
	fill_pattern(lowest_word(s), stack_end(s));
	begin_use(s);
	return s;
}

/* Stacks that are about to cease to be mapped. */
struct batch {
	unsigned count;
	struct stack_head *stack[BATCH_MAX];
	uint32_t pages[BATCH_MAX]; /* that the heads, once unmapped, can no longer tell */
	struct page *frames;       /* linked by their lists */
};

static void pop_batch(struct batch *b)
{
	unsigned long flags = spin_lock_irqsave(&vmap.lock);

	for (b->count = 0; b->count < BATCH_MAX && vmap.cache; vmap.cached--) {
		b->stack[b->count++] = vmap.cache;
		vmap.cache = vmap.cache->next;
	}
	spin_unlock_irqrestore(&vmap.lock, flags);
}

static void forget_batch(void *arg)
{
	const struct batch *b = arg;

	for (unsigned i = 0; i < b->count; i++)
		for (uint32_t k = 0; k < b->pages[i]; k++)
			arch_tlb_flush_page((vaddr_t)b->stack[i] + k * PAGE_SIZE);
}

static void unmap_batched(struct batch *b, unsigned i)
{
	struct stack_head *s = b->stack[i];
	uint32_t pages = b->pages[i] = s->pages;

	for (uint32_t k = 0; k < pages; k++) {
		s->page[k]->link.next = (struct list *)b->frames;
		b->frames = s->page[k];
	}
	while (pages--)
		arch_kernel_unmap((vaddr_t)s + pages * PAGE_SIZE);
}

/* Gives up to BATCH_MAX of the free stacks back; frames freed. */
static unsigned long unmap_some(void)
{
	struct batch b = { 0 };
	unsigned long freed = 0;

	pop_batch(&b);
	for (unsigned i = 0; i < b.count; i++)
		unmap_batched(&b, i);
	if (b.count)
		ipi_call(READ_ONCE(cpus_online), forget_batch, &b);
	while (b.frames) {
		struct page *p = b.frames;

		b.frames = (struct page *)p->link.next;
		frame_free(p);
		freed++;
	}
	for (unsigned i = 0; i < b.count; i++)
		give_run((((vaddr_t)b.stack[i] - ARCH_VMAP_START) >> PAGE_SHIFT) - 1, b.pages[i] + 1);
	return freed;
}

void *vmap_stack_alloc(size_t pages)
{
	struct page *frames[STACK_PAGES_MAX];
	struct stack_head *s;
	unsigned long run;

	assert(pages && pages <= STACK_PAGES_MAX);
	if (alloc_should_fail())
		return NULL;
	s = pop_spare(pages);
	if (s) {
		kasan_unpoison(s, pages * PAGE_SIZE); /* a thread that ends leaves its last functions for good */
		begin_use(s);
		return s;
	}
	if (!gather_frames(frames, pages))
		return NULL;
	run = take_run(pages + 1, true);
	if (run == BITMAP_NONE) {
		free_frames(frames, pages);
		return NULL;
	}
	return map_stack(run, frames, pages);
}

void vmap_stack_free(void *stack, size_t pages)
{
	struct stack_head *s = stack;

	assert(s->magic == STACK_MAGIC && s->pages == pages);
	kasan_unpoison(s, pages * PAGE_SIZE);
	end_use(s);
	kasan_poison(s, pages * PAGE_SIZE, KASAN_FREE_STACK);
	if (push_spare(s))
		unmap_some();
}

unsigned long vmap_reap(void)
{
	unsigned long freed = 0, n;

	for (unsigned i = 0; i < MAX_CPUS; i++) {
		struct stack_head *s = __atomic_exchange_n(&spares[i].stack, NULL, __ATOMIC_ACQUIRE);

		if (s)
			push_cached(s);
	}
	while ((n = unmap_some()) > 0)
		freed += n;
	return freed;
}

void *vmap_device(paddr_t phys, size_t bytes)
{
	unsigned long pages = (PAGE_UP(phys + bytes) - PAGE_DOWN(phys)) >> PAGE_SHIFT;
	unsigned long run = bytes ? take_run(pages, false) : BITMAP_NONE;

	if (run == BITMAP_NONE)
		return NULL;
	for (unsigned long i = 0; i < pages; i++)
		arch_kernel_map(page_addr(run + i), (phys >> PAGE_SHIFT) + i, PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY |
				PTE_NOEXEC | PTE_NOCACHE);
	kasan_unpoison((void *)page_addr(run), pages * PAGE_SIZE);
	return (void *)(page_addr(run) + (phys & ~PAGE_MASK));
}

bool vmap_is_guard(vaddr_t va)
{
	return vmap.guard && va >= ARCH_VMAP_START && va < arch_vmap_end() &&
	       bitmap_test(vmap.guard, (va - ARCH_VMAP_START) >> PAGE_SHIFT);
}
