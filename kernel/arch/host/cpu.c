/* SPDX-License-Identifier: MIT */
/*
 * The pretend CPU: its base, the interrupt flag, interrupts that tests make, and time.
 *
 * Nothing here is asynchronous. A timer goes off inside host_clock_advance or arch_idle, in the order of its due time, so that a test that is
 * run twice does the same thing twice.
 */
#include "arch/cpu.h"
#include "arch/boot.h"
#include "arch/clock.h"
#include "arch/irqflag.h"
#include "arch/mmu.h"
#include "arch/platform.h"
#include "arch/trap.h"
#include "core/percpu.h"
#include "lib/check.h"
#include <stdio.h>
#include <stdlib.h>

void *host_cpu_base;
bool host_irqs_on;
uint64_t host_cycles, host_rtc;
const struct trap_ops *host_trap_ops;
bool host_in_user;

/* The CPU's that runs. */
static struct {
	bool armed;
	uint64_t when;
} timers[MAX_CPUS];
#define my_timer timers[this_cpu()->id]

void host_machine_init(unsigned long total_frames, unsigned long direct_frames)
{
	host_cpu_base = &cpus[0];
	host_irqs_on = true;
	percpu_init_boot();
	host_ram_init(total_frames, direct_frames);
}

void arch_trap_init(const struct trap_ops *ops)
{
	host_trap_ops = ops;
}

bool host_interrupt(void (*fn)(void))
{
	if (!host_irqs_on)
		return false;
	host_irqs_on = false;
	if (host_trap_ops && host_trap_ops->irq_enter)
		host_trap_ops->irq_enter();
	fn();
	if (host_trap_ops && host_trap_ops->irq_exit)
		host_trap_ops->irq_exit(host_in_user, true);
	host_irqs_on = true;
	return true;
}

void arch_timer_arm(uint64_t delta_ns)
{
	my_timer.armed = true;
	my_timer.when = host_cycles + delta_ns;
}

void arch_timer_stop(void)
{
	my_timer.armed = false;
}

bool host_timer_armed(uint64_t *when)
{
	if (my_timer.armed && when)
		*when = my_timer.when;
	return my_timer.armed;
}

static void timer_goes_off(void)
{
	my_timer.armed = false;
	host_trap_ops->timer();
}

void host_clock_advance(uint64_t ns)
{
	uint64_t end = host_cycles + ns;

	while (my_timer.armed && my_timer.when <= end && host_irqs_on) {
		if (my_timer.when > host_cycles)
			host_cycles = my_timer.when;
		host_interrupt(timer_goes_off);
	}
	if (end > host_cycles)
		host_cycles = end;
}

bool host_timer_due(unsigned cpu, uint64_t at) { return timers[cpu].armed && timers[cpu].when <= at; }
uint64_t host_timer_when(unsigned cpu) { return timers[cpu].armed ? timers[cpu].when : UINT64_MAX; }
bool host_timer_fire(void) { return host_interrupt(timer_goes_off); }

void arch_idle(void)
{
	if (host_interleaving) {
		host_wait_interrupt();
		return;
	}
	host_irqs_on = true;
	if (!my_timer.armed) {
		fprintf(stderr, "host: every thread waits and no timer is armed: deadlock\n");
		abort();
	}
	host_clock_advance(my_timer.when > host_cycles ? my_timer.when - host_cycles : 0);
}

void arch_halt(void)
{
	fprintf(stderr, "host: halted\n");
	abort();
}

void arch_power(enum power_action what)
{
	fprintf(stderr, "host: power action %d\n", (int)what);
	abort();
}

void arch_debug_exit(unsigned port, uint32_t value)
{
	(void)port;
	exit((int)value);
}

void arch_platform_init(void)
{
}

void arch_irq_unmask(unsigned line)
{
	(void)line;
}

size_t arch_cpu_describe(unsigned n, char *buf, size_t cap)
{
	return (size_t)snprintf(buf, cap, "processor\t: %u\nmodel name\t: host test\n\n", n);
}

void tf_describe(const struct trapframe *tf, char *buf, size_t cap)
{
	snprintf(buf, cap, "ip %#lx sp %#lx nr %ld", tf->ip, tf->sp, tf->nr);
}

uint32_t host_ipis[MAX_CPUS]; /* bit per kind sent, for tests to look at */

void arch_ipi_send(unsigned n, enum arch_ipi kind)
{
	host_ipis[n] |= 1u << kind;
	host_interleave_ipi(n, kind);
}
