/* SPDX-License-Identifier: MIT */
/* One CPU is started at a time, by the boot CPU, which waits until it answers: what it reads on its way lies in three words. */
#include "arch/x86/mp.h"
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/mmu.h"
#include "arch/x86/apics.h"
#include "arch/x86/clock.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/fpu.h"
#include "arch/x86/gdt.h"
#include "arch/x86/harden.h"
#include "arch/x86/idt.h"
#include "arch/x86/intc.h"
#include "arch/x86/lapic.h"
#include "arch/x86/regs.h"
#include "arch/x86/sysenter.h"
#include "arch/x86/trap.h"
#include "core/klog.h"
#include "core/percpu.h"
#include "lib/atomic.h"
#include "lib/div64.h"
#include "lib/string.h"

#define INIT_WAIT_US 10000
#define SIPI_WAIT_US 200
#define ANSWER_WAIT_US 10000000 /* a host may let a virtual one wait for seconds before it runs at all */
#define STEP_US 10
#define PROBE_ROUNDS 4
#define PROBE_SLACK 1000u /* cycles: RDTSC may run ahead of the load before it */

extern const char x86_ap_begin[], x86_ap_end[];

uint32_t x86_ap_root, x86_ap_stack, x86_ap_cpu; /* read by ap_start.S */
static void (*ap_entry)(void);
static bool ap_answers;

bool arch_cpus_virtual(void) { return x86_cpu_has(X86_HYPERVISOR); }

unsigned arch_cpus_present(void)
{
	const struct x86_apics *m = x86_intc_apics();

	return m && m->cpu_count && x86_lapic_present() && x86_clock_per_cpu() ? m->cpu_count : 1;
}

/* The n-th CPU's APIC id; number 0 is the boot CPU, wherever the table has it. */
static bool apic_id_of(unsigned n, uint32_t *id)
{
	const struct x86_apics *m = x86_intc_apics();
	uint32_t boot = x86_lapic_id();
	unsigned at = 0;

	for (unsigned i = 0; m && i < m->cpu_count; i++) {
		if (m->cpu_apic[i] == boot || ++at != n)
			continue;
		*id = m->cpu_apic[i];
		return true;
	}
	return false;
}

void arch_ipi_send(unsigned n, enum arch_ipi kind)
{
	uint32_t id = cpus[n].arch.apic_id;

	if (kind == ARCH_IPI_NMI)
		x86_lapic_send_nmi(id);
	else
		x86_lapic_send(id, kind == ARCH_IPI_WAKE ? VECTOR_IPI_WAKE : VECTOR_IPI_CALL);
}

static void wait_us(unsigned us)
{
	uint64_t cycles = arch_cycles_hz() * us, start = arch_cycles();

	div64_32(&cycles, 1000000);
	while (arch_cycles() - start < cycles)
		arch_pause();
}

static bool wait_answer(unsigned us)
{
	for (unsigned t = 0; t < us && !load_acquire(&ap_answers); t += STEP_US)
		wait_us(STEP_US);
	return load_acquire(&ap_answers);
}

/*
 * The contract wants one counter for all CPUs. A few times, the new CPU's must lie between two readings of this one's; one that does not agree
 * waits for ever.
 */
static struct {
	uint32_t asked, answered; /* rounds */
	uint64_t tsc;             /* of the last round answered */
	bool good;                /* with the last round */
} probe;

static bool clocks_agree(unsigned n)
{
	bool good = true;

	for (uint32_t i = 1; i <= PROBE_ROUNDS; i++) {
		uint64_t before = x86_rdtsc();

		store_release(&probe.asked, i);
		while (load_acquire(&probe.answered) != i)
			arch_pause();
		good &= before <= probe.tsc + PROBE_SLACK && probe.tsc <= x86_rdtsc() + PROBE_SLACK;
	}
	probe.good = good;
	store_release(&probe.asked, PROBE_ROUNDS + 1);
	while (load_acquire(&probe.answered) != PROBE_ROUNDS + 1)
		arch_pause();
	if (!good)
		klog_warn("cpu %u: its time-stamp counter differs from the boot CPU's", n);
	return good;
}

static void answer_probe(void)
{
	bool good = true;

	for (uint32_t i = 1; i <= PROBE_ROUNDS + 1; i++) {
		while (load_acquire(&probe.asked) != i)
			arch_pause();
		good = probe.good;
		probe.tsc = x86_rdtsc();
		store_release(&probe.answered, i);
	}
	if (!good)
		arch_halt();
}

bool arch_cpu_start(struct cpu *c, void *stack_top, void (*entry)(void))
{
	uint32_t id;

	if (!x86_lapic_present() || !apic_id_of(c->id, &id))
		return false;
	cpus[0].arch.apic_id = x86_lapic_id();
	c->arch.apic_id = id;
	x86_ap_root = arch_kernel_root() << PAGE_SHIFT;
	x86_ap_stack = (uint32_t)stack_top;
	x86_ap_cpu = (uint32_t)c;
	ap_entry = entry;
	ap_answers = false;
	probe.asked = probe.answered = 0;
	memcpy(arch_direct(X86_AP_PAGE), x86_ap_begin, (size_t)(x86_ap_end - x86_ap_begin));
	x86_lapic_send_init(id);
	if (!x86_cpu_has(X86_SSE2)) /* the protocol's wait is for processors before the Pentium 4 */
		wait_us(INIT_WAIT_US);
	for (unsigned i = 0; i < 2 && !load_acquire(&ap_answers); i++) {
		x86_lapic_send_startup(id, X86_AP_PAGE);
		wait_answer(SIPI_WAIT_US);
	}
	if (wait_answer(ANSWER_WAIT_US))
		return clocks_agree(c->id);
	x86_lapic_send_init(id); /* it shall not come later */
	return false;
}

void x86_ap_main(struct cpu *c)
{
	const struct x86_apics *m = x86_intc_apics();

	x86_gdt_init(c);
	x86_idt_load();
	x86_fpu_init_cpu();
	x86_harden_cpu();
	if (x86_cpu_has(X86_PGE))
		x86_set_cr4(x86_cr4() | CR4_PGE);
	x86_sysenter_init(c);
	x86_lapic_enable(false, m->nmi_lint, m->nmi_low, m->nmi_level);
	x86_clock_init_cpu();
	store_release(&ap_answers, true);
	answer_probe();
	ap_entry();
	arch_halt();
}
