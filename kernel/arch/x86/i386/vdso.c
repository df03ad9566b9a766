/* SPDX-License-Identifier: MIT */
/* The image is linked from vdso/vdso.S; SYSENTER's registers are set where the processor has it (Intel SDM volume 2B). */
#include "arch/vdso.h"
#include "arch/irqflag.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/gdt.h"
#include "arch/x86/regs.h"
#include "arch/x86/sysenter.h"
#include "core/cmdline.h"
#include "lib/string.h"

#define NOP 0x90
#define FAST_BYTES 4 /* of the instructions that only SYSENTER needs */

extern uint8_t x86_vdso_image[], x86_vdso_image_end[];
/* Absolute symbols: their addresses are the offsets. */
extern char x86_vdso_entry_offset[], x86_vdso_sigreturn_offset[], x86_vdso_rt_sigreturn_offset[], x86_vdso_landing_offset[], x86_vdso_fast_offset[];
extern char x86_sysenter_entry[];

_Static_assert(offsetof(struct arch_cpu, tss) == offsetof(struct arch_cpu, entry_stack) + sizeof(((struct arch_cpu *)0)->entry_stack),
	       "entry.S finds the TSS above the stack of SYSENTER");
_Static_assert(offsetof(struct cpu, arch.sysenter_return) == 24 && offsetof(struct cpu, arch.stepped) == 28, "entry.S loads them");

static bool wanted(void) { return cmdline_u64("vdso", 1) != 0; }

void x86_sysenter_init(struct cpu *c)
{
	if (!x86_cpu_has(X86_SEP))
		return;
	x86_wrmsr(MSR_SYSENTER_CS, wanted() ? SELECTOR(GDT_KERNEL_CODE, 0) : 0); /* 0: the instruction faults */
	x86_wrmsr(MSR_SYSENTER_ESP, (uint32_t)&c->arch.tss);
	x86_wrmsr(MSR_SYSENTER_EIP, (uint32_t)x86_sysenter_entry);
}

const void *arch_vdso_image(size_t *bytes)
{
	*bytes = (size_t)(x86_vdso_image_end - x86_vdso_image);
	if (!wanted())
		return NULL;
	if (!x86_cpu_has(X86_SEP))
		memset(x86_vdso_image + (size_t)x86_vdso_fast_offset, NOP, FAST_BYTES); /* the same bytes whoever comes first */
	return x86_vdso_image;
}

uaddr_t arch_vdso_entry(uaddr_t base) { return base + (uaddr_t)x86_vdso_entry_offset; }

uaddr_t arch_vdso_sigreturn(uaddr_t base, bool rt)
{
	return base + (uaddr_t)(rt ? x86_vdso_rt_sigreturn_offset : x86_vdso_sigreturn_offset);
}

void arch_vdso_use(struct arch_thread *current, uaddr_t base)
{
	unsigned long irq = arch_irq_save();

	current->sysenter_return = base ? (uint32_t)(base + (uaddr_t)x86_vdso_landing_offset) : 0;
	this_cpu()->arch.sysenter_return = current->sysenter_return;
	arch_irq_restore(irq);
}
