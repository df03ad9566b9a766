/* SPDX-License-Identifier: MIT */
/* Several pretend CPUs. The picture is in arch_target/interleave.h. */
#include "arch_target/interleave.h"
#include "arch/clock.h"
#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/irqflag.h"
#include "arch/mmu.h"
#include "arch/trap.h"
#include "core/percpu.h"
#include "lib/bits.h"
#include <stdio.h>
#include <stdlib.h>

#define STAND_ONE_IN 24
#define STAND_MAX 400 /* changes */
#define PAUSES_MAX 20000000u /* in a row, without anybody doing anything else */

bool host_interleaving;
uint64_t host_points, host_changes, host_pause_ns;

static void stuck(const char *why)
{
	fprintf(stderr, "host: %s\n", why);
	abort();
}
uaddr_t (*host_speculation)(unsigned random);
void (*host_stuck)(const char *why) = stuck;

/* What belongs to a CPU and is kept here while another one runs. */
static struct host_cpu {
	struct arch_thread context;
	bool irqs_on, waits;
	pfn_t root;
	uint32_t ipis;
	uint64_t stands_until; /* a count of changes: others go first until then, so that this one stays where it is for long */
} host_cpus[MAX_CPUS];

static unsigned count = 1, now;
static uint64_t rnd_state;
static unsigned rate;
static int left; /* weight of points until the next change */
static unsigned pauses;

static unsigned rnd(unsigned n)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return (unsigned)(rnd_state >> 20) % n;
}

void host_cpu_add(unsigned n, void (*entry)(void))
{
	struct host_cpu *c = &host_cpus[n];
	char *stack = malloc(ARCH_KSTACK_PAGES * PAGE_SIZE);

	/* An entry that never returns has no use for its argument. */
	arch_thread_init(&c->context, stack + ARCH_KSTACK_PAGES * PAGE_SIZE, (void (*)(void *))entry, NULL);
	c->root = arch_kernel_root();
	count = n + 1;
}

void host_interleave(uint64_t seed, unsigned period)
{
	rnd_state = seed * 0x9E3779B97F4A7C15ull + 0x1234567;
	for (int i = 0; i < 8; i++)
		rnd(2);
	rate = period;
	left = 1;
	host_interleaving = true;
}

void host_interleave_ipi(unsigned n, unsigned kind) { host_cpus[n].ipis |= 1u << kind; }

static void take_ipis(void)
{
	uint32_t kinds = host_cpus[now].ipis;

	host_cpus[now].ipis = 0;
	for (unsigned k = ARCH_IPI_WAKE; k <= ARCH_IPI_CALL; k++)
		if (kinds & 1u << k)
			host_trap_ops->ipi((enum arch_ipi)k);
}

/* The interrupts that have come for the CPU that runs. It may be another one, or at another place, when this returns. */
static void take_interrupts(void)
{
	if (host_irqs_on && host_cpus[now].ipis)
		host_interrupt(take_ipis);
	if (host_irqs_on && host_timer_due(now, host_cycles))
		host_timer_fire();
}

static void go_to(unsigned n)
{
	unsigned old = now;

	host_changes++;
	if (n == old)
		return;
	host_cpus[old].irqs_on = host_irqs_on;
	host_cpus[old].root = host_root;
	now = n;
	host_cpu_base = &cpus[n];
	host_irqs_on = host_cpus[n].irqs_on;
	host_root = host_cpus[n].root;
	host_switch(&host_cpus[old].context, &host_cpus[n].context);
}

static bool can_run(unsigned n)
{
	return !host_cpus[n].waits || host_cpus[n].ipis || host_timer_due(n, host_cycles);
}

/* One of the CPUs that can run; one that stands, and this one, only if there is no other. count: none can. */
static unsigned another(void)
{
	unsigned start = rnd(count), standing = can_run(now) ? now : count;

	for (unsigned i = 0; i < count; i++) {
		unsigned n = (start + i) % count;

		if (n == now || !can_run(n))
			continue;
		if (host_changes >= host_cpus[n].stands_until)
			return n;
		standing = n;
	}
	if (can_run(now) && host_changes >= host_cpus[now].stands_until)
		return now;
	return standing;
}

static void pass_time(void)
{
	if (host_pause_ns) {
		host_cycles += host_pause_ns;
		return;
	}
	host_cycles += rnd(256) ? 100 : rnd(2000000);
}

void host_point(unsigned weight)
{
	if (!host_interleaving)
		return;
	host_points++;
	left -= (int)weight;
	if (left > 0)
		return;
	left = 1 + (int)rnd(2 * rate);
	pauses = 0;
	if (!rnd(STAND_ONE_IN))
		host_cpus[now].stands_until = host_changes + 1 + rnd(STAND_MAX);
	pass_time();
	if (host_speculation && rnd(2))
		host_speculate(host_speculation(rnd(1u << 20)));
	go_to(another());
	if (host_speculation && rnd(2))
		host_speculate(host_speculation(rnd(1u << 20)));
	take_interrupts();
}

void host_pause(void)
{
	if (!host_interleaving)
		return;
	if (++pauses > PAUSES_MAX)
		host_stuck("all CPUs wait for one another");
	pass_time();
	go_to(another());
	take_interrupts();
}

/* All wait: the clock goes to when the next timer is due. */
static void skip_time(void)
{
	uint64_t first = UINT64_MAX;

	for (unsigned n = 0; n < count; n++)
		first = MIN(first, host_timer_when(n));
	if (first == UINT64_MAX)
		host_stuck("every CPU waits and no timer is armed");
	if (first > host_cycles)
		host_cycles = first;
}

void host_wait_interrupt(void)
{
	unsigned n, me = now;

	pauses = 0;
	host_cpus[me].waits = true;
	while (!host_cpus[me].ipis && !host_timer_due(me, host_cycles)) {
		while ((n = another()) == count)
			skip_time();
		go_to(n);
		if (host_speculation && rnd(2))
			host_speculate(host_speculation(rnd(1u << 20)));
	}
	host_cpus[me].waits = false;
	host_irqs_on = true;
	take_interrupts();
}
