/* SPDX-License-Identifier: MIT */
/*
 * The buddy allocator.
 *
 * A zone is a range of frame numbers with one list of free blocks for each order. Only the first frame of a free block carries valid data:
 * kind PAGE_FREE and the order. Frames inside a block, free or allocated, are not looked at, which is what lets boot set up a machine
 * of any size by touching one struct page for each 4 MiB. The buddy of a block that is being freed is always the first frame of some
 * block, so its kind and order are valid.
 *
 * Single frames go through a stack per CPU and zone, with interrupts off for a few instructions and no lock. A frame in such a stack is
 * PAGE_FREE with order CACHED, so that it is nobody's buddy. Another CPU may look at it at any time, from the block beside it, and reads kind
 * and order in one load: so a frame that is not in a list must never, between two stores, be PAGE_FREE with a valid order. On the way
 * into a stack the order is written first, on the way out the kind.
 */
#include "mem/frame.h"
#include "arch/pageops.h"
#include "core/ipi.h"
#include "core/panic.h"
#include "lib/bits.h"
#include "lib/check.h"
#include "lib/string.h"
#include "mem/bootmem.h"
#include "mem/kasan.h"
#include "mem/kmap.h"

#define CACHED 0xff
#define CACHE_MAX 256u /* and no more than a 128th of all frames, but for the smallest machines */
#define CACHE_MAX_LEAST 64u
#define CACHE_BATCH 32u
#define CLEAN_MAX 16u
#define SCARCE 4u /* times the floor: with what new processes leave, those that exist end their work */

/* A CPU has a stack for each zone, and one for frames of the direct zone that are known to be zero. */
enum { ZONE_DIRECT, ZONE_HIGH, ZONES, STACK_CLEAN = ZONES, STACKS };

struct zone {
	struct spinlock lock; /* LOCK_FRAMES, irqsave */
	struct list free_list[FRAME_MAX_ORDER + 1];
	unsigned long free;   /* frames in the lists */
	unsigned long total;  /* frames it owns */
	pfn_t start, end;
	unsigned long floor;  /* frames that only FRAME_RESERVE takes */
	unsigned long scarce; /* frame_scarce: fewer are free */
	unsigned long spare;  /* ... and those that what could use another zone leaves, too */
};

/* Own CPU, interrupts off. Stacks linked by page.link.next. */
struct frame_cache {
	struct cache_stack {
		struct page *top;
		unsigned count;
	} stack[STACKS];
} __aligned(64);

atomic_long_t alloc_fail_after;

static struct zone zones[ZONES];
static struct frame_cache caches[MAX_CPUS];
static unsigned any_zone; /* where FRAME_ANY looks first */
static unsigned cache_max; /* frames in a stack; a program that frees what it takes stays within that, and away from the zones' locks */
static struct page *first_high; /* of the high zone, or the end */
_Static_assert(PAGE_FREE < PAGE_RESERVED && PAGE_RESERVED < PAGE_KERNEL, "frame_free's check");

static struct zone *zone_of(pfn_t pfn)
{
	return &zones[pfn >= zones[ZONE_DIRECT].end];
}

/* ---- blocks; the zone's lock is held ---- */

static void block_push(struct zone *z, struct page *p, unsigned order)
{
	p->count = 0;
	p->kind = PAGE_FREE;
	p->order = (uint8_t)order;
	list_push_front(&z->free_list[order], &p->link);
}

static struct page *free_buddy(struct zone *z, pfn_t pfn, unsigned order)
{
	pfn_t b = pfn ^ BIT(order);
	struct page *p;

	if (b < z->start || b + BIT(order) > z->end)
		return NULL;
	p = pfn_page(b);
	return READ_ONCE(p->kind_order) == ((struct page){ .kind = PAGE_FREE, .order = (uint8_t)order }).kind_order ? p : NULL;
}

static void block_free(struct zone *z, struct page *p, unsigned order)
{
	pfn_t pfn = page_pfn(p);
	struct page *buddy;

	z->free += BIT(order);
	while (order < FRAME_MAX_ORDER && (buddy = free_buddy(z, pfn, order)) != NULL) {
		list_del(&buddy->link);
		pfn &= ~BIT(order);
		order++;
	}
	block_push(z, pfn_page(pfn), order);
}

static struct page *block_alloc(struct zone *z, unsigned order)
{
	unsigned o = order;
	struct page *p;

	while (o <= FRAME_MAX_ORDER && list_empty(&z->free_list[o]))
		o++;
	if (o > FRAME_MAX_ORDER)
		return NULL;
	p = list_first(&z->free_list[o], struct page, link);
	list_del(&p->link);
	while (o > order) {
		o--;
		block_push(z, p + BIT(o), o);
	}
	z->free -= BIT(order);
	p->kind = PAGE_RESERVED; /* at once: while it were PAGE_FREE, whoever frees the buddy would merge with it */
	p->order = (uint8_t)order;
	return p;
}

/* ---- caches; interrupts are off ---- */

static inline struct cache_stack *my_stack(unsigned n)
{
	struct frame_cache *c = (struct frame_cache *)arch_percpu_read(offsetof(struct cpu, frame_cache));

	return &c->stack[n];
}

static inline void stack_push(struct cache_stack *s, struct page *p)
{
	WRITE_ONCE(p->order, CACHED);
	store_release(&p->kind, PAGE_FREE);
	p->link.next = (struct list *)s->top;
	s->top = p;
	s->count++;
}

static inline struct page *stack_pop(struct cache_stack *s)
{
	struct page *p = s->top;

	if (p) {
		s->top = (struct page *)p->link.next;
		s->count--;
		WRITE_ONCE(p->kind, PAGE_RESERVED);
	}
	return p;
}

/* Frames that a request with these flags may still take from the zone. */
static unsigned long zone_available(const struct zone *z, unsigned flags)
{
	unsigned long keep = 0;

	if (!(flags & FRAME_RESERVE))
		keep = z->floor + (flags & FRAME_DIRECT ? 0 : z->spare);
	return z->free > keep ? z->free - keep : 0;
}

static void refill(unsigned zone, unsigned flags)
{
	struct zone *z = &zones[zone];
	struct cache_stack *s = my_stack(zone);
	unsigned long n;

	spin_lock(&z->lock);
	n = zone_available(z, flags);
	n = MIN(n, flags & FRAME_RESERVE ? 1ul : (unsigned long)CACHE_BATCH);
	while (n--) {
		struct page *p = block_alloc(z, 0);

		if (!p)
			break;
		stack_push(s, p);
	}
	spin_unlock(&z->lock);
}

static void spill(unsigned zone, unsigned n)
{
	struct zone *z = &zones[zone];
	struct cache_stack *s = my_stack(zone);

	spin_lock(&z->lock);
	while (n-- && s->top)
		block_free(z, stack_pop(s), 0);
	spin_unlock(&z->lock);
}

static struct page *take_single(unsigned zone, unsigned flags)
{
	if (!my_stack(zone)->top)
		refill(zone, flags);
	return stack_pop(my_stack(zone));
}

static struct page *take_whole(unsigned zone, unsigned order, unsigned flags)
{
	struct zone *z = &zones[zone];
	struct page *p = NULL;

	spin_lock(&z->lock);
	if (zone_available(z, flags) >= BIT(order))
		p = block_alloc(z, order);
	spin_unlock(&z->lock);
	return p;
}

/* A block of several frames; frames in this CPU's cache may be what keeps a block from being whole. */
static struct page *take_block(unsigned zone, unsigned order, unsigned flags)
{
	struct page *p = take_whole(zone, order, flags);

	if (unlikely(!p)) {
		spill(zone, CACHE_MAX);
		p = take_whole(zone, order, flags);
	}
	return p;
}

static unsigned first_zone(unsigned flags)
{
	return flags & FRAME_DIRECT ? (unsigned)ZONE_DIRECT : any_zone;
}

/* When this CPU's stack of the preferred zone will not do. */
static __noinline struct page *take_slow(unsigned order, unsigned flags)
{
	unsigned zone = first_zone(flags);
	struct page *p;

	if (alloc_should_fail() || order > FRAME_MAX_ORDER)
		return NULL;
	for (;;) {
		p = order ? take_block(zone, order, flags) : take_single(zone, flags);
		if (p || zone == ZONE_DIRECT)
			break;
		zone = ZONE_DIRECT;
	}
	return p || order ? p : stack_pop(my_stack(STACK_CLEAN));
}

static __noinline void zero_block(struct page *p, unsigned order)
{
	for (unsigned long i = 0; i < BIT(order); i++)
		frame_zero(p + i);
}

static void assert_zero(struct page *p)
{
	const unsigned long *w = arch_direct(page_phys(p));

	for (size_t i = 0; i < PAGE_SIZE / sizeof(*w); i++)
		assert(!w[i]);
}

struct page *frame_alloc(unsigned order, enum page_kind kind, unsigned flags)
{
	unsigned long irq = arch_irq_save();
	struct page *p = NULL;
	bool clean = false;

	if (likely((order | (unsigned long)atomic_read(&alloc_fail_after)) == 0)) {
		if (flags & FRAME_ZERO && first_zone(flags) == ZONE_DIRECT) {
			p = stack_pop(my_stack(STACK_CLEAN));
			clean = p;
		}
		if (!p)
			p = stack_pop(my_stack(first_zone(flags)));
	}
	if (unlikely(!p))
		p = take_slow(order, flags);
	arch_irq_restore(irq);
	if (unlikely(!p))
		return NULL;
	kasan_unpoison_frames(p, order);
	p->count = 1;
	WRITE_ONCE(p->kind, (uint8_t)kind);
	store_release(&p->order, (uint8_t)order); /* after it ceased to be free */
	p->flags = 0;
	p->level = 0;
	p->owner = NULL;
	p->index = 0;
	if (flags & FRAME_ZERO && !clean)
		zero_block(p, order);
	if (CONFIG_DEBUG && clean)
		assert_zero(p);
	return p;
}

static __noinline void free_block(struct page *p)
{
	struct zone *z = zone_of(page_pfn(p));
	unsigned long irq = spin_lock_irqsave(&z->lock);

	block_free(z, p, p->order);
	spin_unlock_irqrestore(&z->lock, irq);
}

void frame_free(struct page *p)
{
	struct cache_stack *s;
	unsigned long irq;
	unsigned zone;

	assert(p->kind > PAGE_RESERVED && p->count <= 1);
	kasan_poison_frames(p, p->order);
	if (unlikely(p->order)) {
		free_block(p);
		return;
	}
	zone = p >= first_high;
	p->count = 0;
	irq = arch_irq_save();
	s = my_stack(zone);
	stack_push(s, p);
	if (unlikely(s->count > cache_max))
		spill(zone, CACHE_BATCH);
	arch_irq_restore(irq);
}

void frame_free_clean(struct page *p)
{
	unsigned long irq;
	struct cache_stack *s;

	assert(p->kind > PAGE_RESERVED && p->count <= 1 && !p->order);
	kasan_poison_frames(p, 0);
	irq = arch_irq_save();
	s = my_stack(STACK_CLEAN);
	if (p < first_high && s->count < CLEAN_MAX) {
		p->count = 0;
		stack_push(s, p);
		p = NULL;
	}
	arch_irq_restore(irq);
	if (p)
		frame_free(p);
}

void page_free_last(struct page *p) { frame_free(p); }

void frame_zero(struct page *p)
{
	void *va = kmap_local(p);

	preempt_disable();
	arch_page_zero(va);
	preempt_enable();
	kunmap_local(va);
}

void frame_copy(struct page *dst, struct page *src)
{
	void *from = kmap_local(src), *to = kmap_local(dst);

	preempt_disable();
	arch_page_copy(to, from);
	preempt_enable();
	kunmap_local(to);
	kunmap_local(from);
}

/* ---- setting up ---- */

/*
 * Adds a run of free frames in the largest aligned blocks. Nothing is merged, since none of these has its buddy in the same run, and the struct
 * pages of what is not yet added are not valid.
 */
static void zone_add(struct zone *z, pfn_t start, pfn_t end)
{
	z->total += end - start;
	z->free += end - start;
	while (start < end) {
		unsigned order = MIN(ilog2(end - start), (unsigned)FRAME_MAX_ORDER);

		if (start)
			order = MIN(order, (unsigned)__builtin_ctzl(start));
		block_push(z, pfn_page(start), order);
		kasan_poison_frames(pfn_page(start), order);
		start += BIT(order);
	}
}

static void add_run(pfn_t start, pfn_t end)
{
	pfn_t border = zones[ZONE_DIRECT].end;

	if (start < border)
		zone_add(&zones[ZONE_DIRECT], start, MIN(end, border));
	if (end > border)
		zone_add(&zones[ZONE_HIGH], MAX(start, border), end);
}

static void mark_reserved(pfn_t start, pfn_t end)
{
	for (; start < end; start++) {
		struct page *p = pfn_page(start);

		memset(p, 0, sizeof(*p));
		p->kind = PAGE_RESERVED;
		p->count = 1;
	}
}

static void zone_setup(unsigned i, pfn_t start, pfn_t end)
{
	struct zone *z = &zones[i];

	*z = (struct zone){ .start = start, .end = end };
	spin_init(&z->lock, LOCK_FRAMES);
	for (unsigned o = 0; o <= FRAME_MAX_ORDER; o++)
		list_init(&z->free_list[o]);
}

/* The floor is one in 128 frames, between 64 KiB and 4 MiB. Where there is high memory, user pages leave a part of the direct map alone. */
static void set_floors(void)
{
	struct zone *d = &zones[ZONE_DIRECT], *h = &zones[ZONE_HIGH];

	d->floor = MIN(MAX(d->total / 128, 16ul), 1024ul);
	d->scarce = SCARCE * d->floor;
	d->spare = h->total ? d->total / 16 : 0;
	any_zone = h->total ? ZONE_HIGH : ZONE_DIRECT;
	cache_max = (unsigned)MIN(MAX((d->total + h->total) / 128, (unsigned long)CACHE_MAX_LEAST), (unsigned long)CACHE_MAX);
}

void frame_init(void)
{
	pfn_t border = MIN(arch_direct_top() >> PAGE_SHIFT, bootmem_end_pfn()), at = 0, start = 0, end;

	page_base_pfn = 0;
	page_end_pfn = bootmem_end_pfn();
	page_array = bootmem_alloc_raw(page_end_pfn * sizeof(struct page), 64);
	zone_setup(ZONE_DIRECT, 0, border);
	zone_setup(ZONE_HIGH, border, page_end_pfn);
	first_high = pfn_page(border);
	for (unsigned i = 0; i < MAX_CPUS; i++)
		cpus[i].frame_cache = &caches[i];
	for (; bootmem_free_run(&start, &end); at = start = end)
		mark_reserved(at, start);
	mark_reserved(at, page_end_pfn);
	for (start = 0; bootmem_free_run(&start, &end); start = end)
		add_run(start, end);
	set_floors();
}

void frame_release_range(paddr_t from, paddr_t to)
{
	pfn_t start = PAGE_UP(from) >> PAGE_SHIFT, end = MIN((pfn_t)(PAGE_DOWN(to) >> PAGE_SHIFT), page_end_pfn);

	for (; start < end; start++) {
		struct zone *z = zone_of(start);
		unsigned long irq;

		if (start == 0 || pfn_page(start)->kind != PAGE_RESERVED)
			continue;
		irq = spin_lock_irqsave(&z->lock);
		z->total++;
		kasan_poison_frames(pfn_page(start), 0);
		pfn_page(start)->kind = PAGE_FREE; /* even where it ends inside a block: it is given once */
		block_free(z, pfn_page(start), 0);
		spin_unlock_irqrestore(&z->lock, irq);
	}
}

/* ---- bringing the caches home ---- */

struct drain {
	struct cache_stack from[MAX_CPUS][STACKS];
};

static void give_stacks(void *arg)
{
	struct drain *d = arg;

	for (unsigned i = 0; i < STACKS; i++) {
		d->from[this_cpu()->id][i] = *my_stack(i);
		*my_stack(i) = (struct cache_stack){ 0 };
	}
}

static void free_stack(struct zone *z, struct cache_stack *s)
{
	while (s->top) {
		unsigned long irq = spin_lock_irqsave(&z->lock);

		for (unsigned i = 0; i < CACHE_BATCH && s->top; i++)
			block_free(z, stack_pop(s), 0);
		spin_unlock_irqrestore(&z->lock, irq);
	}
}

unsigned long frame_drain(void)
{
	struct drain d = { 0 };
	unsigned long n = 0;
	unsigned me;

	preempt_disable();
	me = this_cpu()->id;
	ipi_call(READ_ONCE(cpus_online), give_stacks, &d);
	preempt_enable();
	for (unsigned i = 0; i < MAX_CPUS * STACKS; i++) {
		struct cache_stack *s = &d.from[i / STACKS][i % STACKS];

		n += i / STACKS == me ? 0 : s->count;
		free_stack(&zones[i % STACKS == STACK_CLEAN ? ZONE_DIRECT : i % STACKS], s);
	}
	return n;
}

/* ---- figures ---- */

static unsigned long zone_free(unsigned zone)
{
	unsigned long n = READ_ONCE(zones[zone].free);

	for (unsigned i = 0; i < cpu_count; i++) {
		n += READ_ONCE(caches[i].stack[zone].count);
		if (zone == ZONE_DIRECT)
			n += READ_ONCE(caches[i].stack[STACK_CLEAN].count);
	}
	return n;
}

unsigned long frame_free_count(void)
{
	return zone_free(ZONE_DIRECT) + zone_free(ZONE_HIGH);
}

unsigned long frame_total(void)
{
	return zones[ZONE_DIRECT].total + zones[ZONE_HIGH].total;
}

unsigned long frame_reserve(void)
{
	return zones[ZONE_DIRECT].floor;
}

bool frame_scarce(void)
{
	return unlikely(READ_ONCE(zones[ZONE_DIRECT].free) < zones[ZONE_DIRECT].scarce);
}

void frame_stats(struct frame_stats *s)
{
	pfn_t pfn = page_base_pfn;

	*s = (struct frame_stats){
		.total = frame_total(),
		.free = frame_free_count(),
		.direct_total = zones[ZONE_DIRECT].total,
		.direct_free = zone_free(ZONE_DIRECT),
	};
	while (pfn < page_end_pfn) {
		const struct page *p = pfn_page(pfn);
		unsigned order = p->order == CACHED ? 0 : p->order, kind = p->kind;

		if (kind < PAGE_KIND_COUNT && order <= FRAME_MAX_ORDER) {
			s->by_kind[kind] += BIT(order);
			pfn += BIT(order);
		} else {
			pfn++;
		}
	}
}

static unsigned long check_list(struct zone *z, unsigned order)
{
	unsigned long n = 0;
	struct page *p;

	list_for_each_entry(p, &z->free_list[order], link) {
		pfn_t pfn = page_pfn(p);

		assert(p->kind == PAGE_FREE && p->order == order && p->count == 0);
		assert(IS_ALIGNED(pfn, BIT(order)) && pfn >= z->start && pfn + BIT(order) <= z->end);
		assert(order == FRAME_MAX_ORDER || !free_buddy(z, pfn, order));
		n += BIT(order);
	}
	return n;
}

void frame_check(void)
{
	for (struct zone *z = zones; z < zones + ZONES; z++) {
		unsigned long irq = spin_lock_irqsave(&z->lock), n = 0;

		for (unsigned o = 0; o <= FRAME_MAX_ORDER; o++)
			n += check_list(z, o);
		assert(n == z->free);
		spin_unlock_irqrestore(&z->lock, irq);
	}
}

#ifdef HOST_TEST
void frame_init_host(unsigned long frames)
{
	host_machine_init(frames, frames);
	bootmem_init();
	frame_init();
}
#endif
