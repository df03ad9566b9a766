/* SPDX-License-Identifier: MIT */
/*
 * Contract: this CPU.
 *
 * arch_target/cpu.h provides:
 *   void *arch_cpu_base(void)                    base of this CPU's struct cpu (core/percpu.h); valid while preemption is off
 *   arch_percpu_read(off)                        word at byte offset "off" of this CPU's struct cpu, in one instruction
 *   arch_percpu_write(off, word)                 the same, store
 *   int arch_percpu_add32_zero(off, n)           adds n to the 32-bit word at off in one instruction; true if it became zero
 *   void arch_percpu_and32/or32(off, mask)       one instruction, atomic against interrupts of this CPU
 *   void arch_pause(void)                        spin-wait hint
 *   void arch_idle(void)                         called with interrupts off; enables them and halts until one comes, without
 *                                                losing one that came before; returns with interrupts on
 *   void arch_halt(void) __noreturn              interrupts off, for ever
 *   struct arch_cpu                              what the architecture keeps per CPU (TSS, GDT, APIC id), embedded in struct cpu
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H
#include "lib/compiler.h"
#include "lib/types.h"

/*
 * Debug builds: told where a section begins (just after) and ends (just before) in which this CPU's preemption, or its interrupts, are off. NULL: nobody
 * wants to know. It is called by a function with a frame, takes no lock and changes neither.
 */
enum arch_section { SECTION_PREEMPT, SECTION_IRQ };
extern void (*arch_section_hook)(enum arch_section s, bool begins);
static inline void arch_section(enum arch_section s, bool begins)
{
	void (*hook)(enum arch_section, bool) = READ_ONCE(arch_section_hook);

	if (hook)
		hook(s, begins);
}

#include "arch_target/cpu.h"

struct cpu;

/* What one CPU can tell another. */
enum arch_ipi {
	ARCH_IPI_WAKE, /* look at your run queue */
	ARCH_IPI_CALL, /* somebody left a call for you */
	ARCH_IPI_NMI,  /* stop whatever you do; comes even with interrupts off */
};
/* Sends it to CPU n, which runs; trap_ops.ipi is called there (not for NMI). Any context. */
void arch_ipi_send(unsigned n, enum arch_ipi kind);
/* CPUs that the machine has, the boot CPU among them. After arch_platform_init. */
unsigned arch_cpus_present(void);
/* Does a hypervisor run them, which may stop each at any time? */
bool arch_cpus_virtual(void);
/*
 * Starts the CPU of c->id, prepared by percpu_init_cpu: it calls entry on the stack with interrupts off. Waits until it has come up; false if it
 * does not, or there is none. Boot CPU, one at a time, after arch_clock_init.
 */
bool arch_cpu_start(struct cpu *c, void *stack_top, void (*entry)(void));
#endif
