/* SPDX-License-Identifier: MIT */
/* The registers are 16 bytes apart and 32 bits wide; each CPU sees its own at the same address. */
#include "arch/x86/lapic.h"
#include "arch/cpu.h"
#include "arch/irqflag.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/idt.h"
#include "arch/x86/mmu.h"
#include "arch/x86/regs.h"

#define APIC_BASE_X2 (1u << 10)
#define APIC_BASE_ENABLE (1u << 11)
#define APIC_BASE_ADDRESS 0xfffff000u

enum { REG_ID = 0x20, REG_VERSION = 0x30, REG_TPR = 0x80, REG_EOI = 0xb0, REG_LDR = 0xd0, REG_DFR = 0xe0, REG_SVR = 0xf0, REG_ESR = 0x280, REG_ICR = 0x300, REG_ICR_HIGH = 0x310,
       REG_LVT_TIMER = 0x320, REG_LVT_THERMAL = 0x330, REG_LVT_PERF = 0x340, REG_LVT_LINT0 = 0x350, REG_LVT_LINT1 = 0x360, REG_LVT_ERROR = 0x370,
       REG_TIMER_INITIAL = 0x380, REG_TIMER_CURRENT = 0x390, REG_TIMER_DIVIDE = 0x3e0 };

#define SVR_ENABLE 0x100u
#define LVT_MASKED 0x10000u
#define LVT_LEVEL 0x8000u
#define LVT_LOW 0x2000u
#define LVT_NMI 0x400u
#define LVT_EXTINT 0x700u
#define LVT_DEADLINE 0x40000u
#define DIVIDE_BY_16 3u
#define ICR_INIT 0x4500u    /* assert */
#define ICR_STARTUP 0x4600u
#define ICR_FIXED 0x4000u
#define ICR_NMI 0x4400u
#define ICR_PENDING 0x1000u
#define ICR_POLLS 100000u

static volatile uint32_t *regs; /* set by the boot CPU before others run */

static uint32_t get(unsigned reg) { return regs[reg / 4]; }
static void set(unsigned reg, uint32_t v) { regs[reg / 4] = v; }

bool x86_lapic_present(void) { return regs != NULL; }
uint32_t x86_lapic_id(void) { return regs ? get(REG_ID) >> 24 : 0; }
void x86_lapic_eoi(void) { set(REG_EOI, 0); }

bool x86_lapic_find(void)
{
	vaddr_t mark = x86_device_mark();
	uint64_t base;

	if (!x86_cpu_has(X86_APIC) || !x86_cpu_has(X86_MSR))
		return false;
	base = x86_rdmsr(MSR_APIC_BASE);
	if (base & APIC_BASE_X2) { /* the way back from x2APIC mode leads through "off" */
		base &= ~(uint64_t)(APIC_BASE_X2 | APIC_BASE_ENABLE);
		x86_wrmsr(MSR_APIC_BASE, base);
	}
	if (base >> 32)
		return false;
	x86_wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
	regs = x86_device_map((paddr_t)base & APIC_BASE_ADDRESS, PAGE_SIZE);
	if (regs && (get(REG_VERSION) & 0xff) >= 0x10 && (get(REG_VERSION) & 0xff) < 0x20)
		return true;
	regs = NULL;
	x86_device_release(mark);
	return false;
}

void x86_lapic_disable(void)
{
	if (x86_cpu_has(X86_APIC) && x86_cpu_has(X86_MSR))
		x86_wrmsr(MSR_APIC_BASE, x86_rdmsr(MSR_APIC_BASE) & ~(uint64_t)(APIC_BASE_ENABLE | APIC_BASE_X2));
	regs = NULL;
}

void x86_lapic_enable(bool through_8259, int nmi_lint, bool nmi_low, bool nmi_level)
{
	unsigned entries = (get(REG_VERSION) >> 16 & 0xff) + 1;
	uint32_t nmi = LVT_NMI | (nmi_low ? LVT_LOW : 0) | (nmi_level ? LVT_LEVEL : 0);

	set(REG_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	set(REG_DFR, ~0u);
	set(REG_LDR, 1u << 24);
	set(REG_TPR, 0);
	set(REG_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	if (entries > 4)
		set(REG_LVT_PERF, LVT_MASKED);
	if (entries > 5)
		set(REG_LVT_THERMAL, LVT_MASKED);
	set(REG_LVT_ERROR, LVT_MASKED | VECTOR_SPURIOUS);
	set(REG_LVT_LINT0, nmi_lint == 0 ? nmi : through_8259 ? LVT_EXTINT : LVT_MASKED | LVT_EXTINT);
	set(REG_LVT_LINT1, nmi_lint == 1 ? nmi : LVT_MASKED | LVT_NMI);
	set(REG_ESR, 0);
	for (unsigned i = 0; i < 8; i++) /* what firmware left in service */
		x86_lapic_eoi();
}

void x86_lapic_timer_divide(void) { set(REG_TIMER_DIVIDE, DIVIDE_BY_16); }

void x86_lapic_timer_count_start(void)
{
	x86_lapic_timer_divide();
	set(REG_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	set(REG_TIMER_INITIAL, ~0u);
}

uint32_t x86_lapic_timer_count(void) { return ~0u - get(REG_TIMER_CURRENT); }

void x86_lapic_timer_oneshot(uint32_t ticks)
{
	set(REG_LVT_TIMER, VECTOR_TIMER);
	set(REG_TIMER_INITIAL, ticks);
}

void x86_lapic_timer_use_deadline(void)
{
	set(REG_TIMER_INITIAL, 0);
	set(REG_LVT_TIMER, LVT_DEADLINE | VECTOR_TIMER);
	__asm__ volatile("mfence" ::: "memory"); /* a store to the register and WRMSR are not ordered otherwise (10.5.4.1) */
}

void x86_lapic_timer_deadline(uint64_t tsc) { x86_wrmsr(MSR_TSC_DEADLINE, tsc); }

static void wait_sent(void)
{
	for (unsigned i = 0; i < ICR_POLLS && get(REG_ICR) & ICR_PENDING; i++)
		arch_pause();
}

/* One interrupt may write the two halves at a time, and the one before must have left. */
static void send(uint32_t id, uint32_t command)
{
	unsigned long irq = arch_irq_save();

	wait_sent();
	set(REG_ICR_HIGH, id << 24);
	set(REG_ICR, command);
	arch_irq_restore(irq);
}

void x86_lapic_send_init(uint32_t id)
{
	send(id, ICR_INIT);
	wait_sent();
}

void x86_lapic_send_startup(uint32_t id, paddr_t page)
{
	send(id, ICR_STARTUP | (uint32_t)(page >> PAGE_SHIFT));
	wait_sent();
}

void x86_lapic_send(uint32_t id, unsigned vector) { send(id, ICR_FIXED | vector); }
void x86_lapic_send_nmi(uint32_t id) { send(id, ICR_NMI); }
