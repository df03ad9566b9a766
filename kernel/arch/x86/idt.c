/* SPDX-License-Identifier: MIT */
/* The vector table (Intel SDM volume 3A, 6.11). All are interrupt gates: the handlers turn interrupts on when they may. */
#include "arch/x86/idt.h"
#include "arch/trap.h"
#include "arch/x86/gdt.h"

#define GATE_INTERRUPT 0x8e00u
#define GATE_TASK 0x8500u
#define GATE_USER 0x6000u

extern const uint32_t x86_stubs[256];
extern char x86_syscall_int80[], x86_nmi_entry[];
static uint64_t idt[256] __aligned(8);

static uint64_t gate(uint32_t target, uint32_t flags)
{
	return (uint64_t)(target & 0xffff0000u) << 32 | (uint64_t)flags << 32 | (uint32_t)SELECTOR(GDT_KERNEL_CODE, 0) << 16 | (target & 0xffff);
}

void x86_idt_load(void)
{
	struct { uint16_t limit; uint32_t base; } __packed idtr = { sizeof(idt) - 1, (uint32_t)idt };

	__asm__ volatile("lidt %0" :: "m"(idtr));
}

void x86_idt_init(void)
{
	for (unsigned i = 0; i < 256; i++)
		idt[i] = gate(x86_stubs[i], GATE_INTERRUPT);
	idt[3] |= (uint64_t)GATE_USER << 32;  /* int3 */
	idt[4] |= (uint64_t)GATE_USER << 32;  /* into */
	idt[VECTOR_SYSCALL] = gate((uint32_t)x86_syscall_int80, GATE_INTERRUPT | GATE_USER);
	idt[VECTOR_DOUBLE_FAULT] = (uint64_t)GATE_TASK << 32 | (uint32_t)SELECTOR(GDT_FAULT_TSS, 0) << 16;
	idt[VECTOR_NMI] = gate((uint32_t)x86_nmi_entry, GATE_INTERRUPT);
	x86_idt_load();
}
