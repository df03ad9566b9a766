/* SPDX-License-Identifier: MIT */
/*
 * Who must forget which translations.
 *
 * What is kept:
 *   as->cpu_mask    CPUs that have the root of as loaded, or are about to. Atomic; a CPU changes only its own bit.
 *   loaded          for each CPU, the space whose root it has loaded, NULL for the kernel's own. Its CPU only, interrupts off.
 *   state           for each CPU, about what it has loaded. Atomic.
 *                     IN_USE   a thread of that space runs here: flushes interrupt it
 *                     LAZY     what runs here uses no user address: a thread without a space (idle, kernel threads), or one that is kernel_only, in
 *                              the middle of a page fault or of giving pages up. Flushes do not interrupt it
 *                     STALE    as LAZY, and somebody flushed meanwhile: all is to be flushed before the space is used again
 *
 * Who flushes                                      Who loads space A (interrupts off)
 *   1 changes the page tables (under pt_lock)        1 sets its bit in A's mask (full barrier)
 *   2 full barrier                                   2 loaded = A; state := IN_USE by an exchange
 *   3 reads the mask; for each CPU in it:            3 loads the root, which forgets all user translations
 *       state LAZY -> STALE by compare-exchange;     4 clears its bit in the mask of what it had before (release)
 *       done if it was LAZY or STALE and no table
 *       was taken out; else it is called           Who comes back to A, which is still loaded
 *   4 the calls: a CPU that has A loaded             1 exchanges state for IN_USE; flushes all if it was STALE
 *       flushes when IN_USE, else becomes STALE,   Who goes on without a space
 *       or loads the kernel's root if tables go      1 state := LAZY (release)
 *   5 waits for all of them; frees
 *
 * Why it is enough. A flusher that does not see the bit of a CPU read the mask before that CPU set it: then the root is loaded after the change
 * of the tables, and what is walked from then on is the new state. If it sees the bit and the state IN_USE, it calls; the call runs
 * either before the root is loaded (harmless, the load forgets all) or after, when it flushes: the load is done with interrupts off. If it sees
 * LAZY, the CPU uses no user address until its exchange, which comes after the compare-exchange in the order of that one word, finds
 * STALE. The state may be about another space by then: that costs a call or a flush too many. So does the compare-exchange that finds a
 * CPU's state between the steps 1 and 2 of its loading, since step 3 follows.
 *
 * A thread that is kernel_only and goes on with user addresses is one that comes back, on whatever CPU it is by then. If it is switched away from, another
 * thread of its space is, too: so the switch looks at the flag, and an idle thread that follows leaves LAZY or STALE as it is.
 *
 * Tables. A lazy CPU uses no user address, but the processor may walk its tables ahead of time and set accessed bits in them. So before a table
 * is freed, or given up to another space that may change or free it, lazy CPUs are called too, and load the kernel's root: then they
 * are out of the mask, and what is unmapped next costs them nothing. (The other way, the kernel's root whenever a CPU goes idle, makes each
 * sleep and wake-up of a lone thread lose its translations.) One whose thread is kernel_only keeps it, and flushes.
 *
 * Entries that permit more, or were not present, are not flushed elsewhere: the processor keeps no translation of what is not present, and a CPU
 * with the lesser one faults, finds nothing to do, forgets that page and tries again. Accessed and dirty bits that the hardware sets
 * while an entry is being changed may get lost: nobody reads them here. That a page of a file was written is noted when it is made writable.
 */
#include "vm/tlb.h"
#include "arch/irqflag.h"
#include "arch/mmu.h"
#include "core/ipi.h"
#include "lib/atomic.h"
#include "mem/frame.h"

/* Looks at other CPUs' states: they take about as long as a call where that is quick. */
#define LOOKS 3000
#define LOOKS_ATOMIC 300 /* preemption is off */

enum tlb_state { TLB_IN_USE, TLB_LAZY, TLB_STALE };

static struct tlb_cpu {
	struct aspace *loaded;
	uint32_t state; /* enum tlb_state */
} __aligned(64) tlb_cpus[MAX_CPUS];

/* What the CPUs are asked to forget. */
struct request {
	struct aspace *as;
	bool all, tables;
	unsigned count;
	const uaddr_t *addrs;
};

static inline struct tlb_cpu *mine(void) { return &tlb_cpus[this_cpu()->id]; }

static inline uint32_t exchange_state(struct tlb_cpu *t, enum tlb_state s) { return __atomic_exchange_n(&t->state, (uint32_t)s, __ATOMIC_SEQ_CST); }

void tlb_switch(struct aspace *as)
{
	struct tlb_cpu *t = mine();
	struct aspace *old = t->loaded;
	uint32_t bit;

	if (old == as) {
		if (as && exchange_state(t, TLB_IN_USE) == TLB_STALE)
			arch_tlb_flush_user();
		return;
	}
	bit = CPU_BIT((unsigned)(t - tlb_cpus));
	if (as)
		__atomic_fetch_or(&as->cpu_mask, bit, __ATOMIC_SEQ_CST);
	t->loaded = as;
	exchange_state(t, TLB_IN_USE);
	arch_root_load(as ? page_pfn(as->root) : arch_kernel_root());
	arch_space_load(as ? &as->arch : NULL);
	if (old)
		__atomic_fetch_and(&old->cpu_mask, ~bit, __ATOMIC_RELEASE);
}

void tlb_lazy(void)
{
	struct tlb_cpu *t = mine();

	if (__atomic_load_n(&t->state, __ATOMIC_RELAXED) == TLB_IN_USE) /* not over STALE */
		__atomic_store_n(&t->state, (uint32_t)TLB_LAZY, __ATOMIC_RELEASE);
}

void tlb_kernel_only(struct thread *me)
{
	unsigned long irq = arch_irq_save();

	me->kernel_only = true;
	tlb_lazy();
	arch_irq_restore(irq);
}

void tlb_user_again(struct thread *me)
{
	unsigned long irq = arch_irq_save();

	me->kernel_only = false;
	tlb_switch(me->aspace);
	arch_irq_restore(irq);
}

/* This CPU, interrupts off; others get here by a call. */
static void forget(void *arg)
{
	const struct request *r = arg;
	struct tlb_cpu *t = mine();

	if (t->loaded != r->as)
		return;
	if (t->state != TLB_IN_USE && !thread_current()->kernel_only) {
		t->state = TLB_STALE;
		if (r->tables)
			tlb_switch(NULL);
	} else if (r->all) {
		arch_tlb_flush_user();
	} else {
		for (unsigned i = 0; i < r->count; i++)
			arch_tlb_flush_page(r->addrs[i]);
	}
}

/* True if the CPU must be called. */
static bool must_call(unsigned cpu, bool tables)
{
	uint32_t seen = TLB_LAZY;

	if (__atomic_compare_exchange_n(&tlb_cpus[cpu].state, &seen, (uint32_t)TLB_STALE, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return tables;
	return seen == TLB_IN_USE || tables;
}

/*
 * A CPU that is called must come out of what it does, and the caller waits for it. Threads that are busy with their memory are in the kernel soon anyway:
 * that much is worth waiting for. Called with preemption off, but the caller may go on on another CPU: what the one that it leaves knew is forgotten already.
 */
static void await_lazy(uint32_t cpus)
{
	unsigned looks = preempt_count() > 1 ? LOOKS_ATOMIC : LOOKS;

	preempt_enable();
	for (; looks && cpus; looks--)
		if (READ_ONCE(tlb_cpus[__builtin_ctz(cpus)].state) != TLB_IN_USE)
			cpus &= cpus - 1;
	preempt_disable();
}

static __noinline void call_others(uint32_t cpus, struct request *r)
{
	uint32_t call = 0;

	if (!r->tables)
		await_lazy(cpus);
	for (; cpus; cpus &= cpus - 1) {
		unsigned n = (unsigned)__builtin_ctz(cpus);

		if (must_call(n, r->tables))
			call |= CPU_BIT(n);
	}
	if (call)
		ipi_call(call, forget, r);
}

static void flush(struct request *r)
{
	unsigned long irq;
	uint32_t others;

	preempt_disable();
	smp_mb();
	others = __atomic_load_n(&r->as->cpu_mask, __ATOMIC_RELAXED) & ~CPU_BIT(this_cpu()->id);
	irq = arch_irq_save();
	forget(r);
	arch_irq_restore(irq);
	if (unlikely(others))
		call_others(others, r);
	preempt_enable();
}

void tlb_batch_begin(struct tlb_batch *b, struct aspace *as, void (*put_table)(struct page *table))
{
	b->as = as;
	b->put_table = put_table;
	b->page_count = b->addr_count = b->own_count = 0;
	b->own = NULL;
	b->all = b->tables = false;
}

void tlb_batch_addr(struct tlb_batch *b, uaddr_t va)
{
	if (b->addr_count < TLB_PAGE_MAX)
		b->addrs[b->addr_count++] = va;
	else
		b->all = true;
}

void tlb_batch_page(struct tlb_batch *b, struct page *p)
{
	if (!p)
		return;
	debug_assert(!tlb_batch_full(b));
	if (p->kind == PAGE_ANON && page_count(p) == 1) { /* others come to a page by its entry only, which is gone */
		p->link.next = (struct list *)b->own;
		b->own = p;
		b->own_count++;
		return;
	}
	b->pages[b->page_count++] = p;
	if (p->kind == PAGE_TABLE)
		b->all = b->tables = true;
}

void tlb_batch_flush(struct tlb_batch *b)
{
	struct request r = { b->as, b->all, b->tables, b->addr_count, b->addrs };

	if (b->addr_count || b->all)
		flush(&r);
	b->addr_count = 0;
	b->all = b->tables = false;
}

void tlb_batch_free(struct tlb_batch *b)
{
	while (b->own) {
		struct page *p = b->own;

		b->own = (struct page *)p->link.next;
		frame_free(p);
	}
	b->own_count = 0;
	for (unsigned i = 0; i < b->page_count; i++) {
		if (b->pages[i]->kind == PAGE_TABLE)
			b->put_table(b->pages[i]);
		else
			page_put(b->pages[i]);
	}
	b->page_count = 0;
}

void tlb_flush_page(struct aspace *as, uaddr_t va)
{
	struct request r = { .as = as, .count = 1, .addrs = &va };

	flush(&r);
}

void tlb_flush_page_here(struct aspace *as, uaddr_t va)
{
	unsigned long irq = arch_irq_save();

	if (mine()->loaded == as)
		arch_tlb_flush_page(va);
	arch_irq_restore(irq);
}

/* Flushing any page makes the processor forget all upper entries that it keeps. */
void tlb_flush_table(struct aspace *as, uaddr_t va)
{
	struct request r = { .as = as, .tables = true, .count = 1, .addrs = &va };

	flush(&r);
}

void tlb_flush_aspace(struct aspace *as)
{
	struct request r = { .as = as, .all = true };

	flush(&r);
}

/* What still has it loaded is lazy, or about to load something else. */
static void leave(void *as)
{
	if (mine()->loaded == as)
		tlb_switch(NULL);
}

static void reload_arch(void *space)
{
	struct aspace *as = space;

	if (mine()->loaded == as)
		arch_space_load(&as->arch);
}

/* Who loads the space sets its bit first and reads as->arch then; here it is the other way round. */
void tlb_reload_arch(struct aspace *as)
{
	smp_mb();
	ipi_call(__atomic_load_n(&as->cpu_mask, __ATOMIC_RELAXED), reload_arch, as);
}

void tlb_forget(struct aspace *as)
{
	unsigned long irq = arch_irq_save();
	uint32_t others;

	leave(as);
	arch_irq_restore(irq);
	others = __atomic_load_n(&as->cpu_mask, __ATOMIC_ACQUIRE);
	if (unlikely(others))
		ipi_call(others, leave, as);
}
