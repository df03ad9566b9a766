/* SPDX-License-Identifier: MIT */
/*
 * SMEP: the kernel executes no user page. SMAP: it touches user memory only where it says so (useraccess.h). UMIP: programs learn nothing from
 * SGDT and its like. Text and constants are read-only from arch_mmu_init on, for the kernel as well (CR0.WP).
 */
#include "arch/x86/harden.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/regs.h"
#include "lib/string.h"

#define INSTRUCTION_BYTES 3

struct place { uint32_t at, code; };
extern const struct place _user_access_start[], _user_access_end[];

void x86_harden_text(void)
{
	if (!x86_cpu_has(X86_SMAP))
		return;
	for (const struct place *p = _user_access_start; p < _user_access_end; p++)
		memcpy((void *)p->at, &p->code, INSTRUCTION_BYTES);
	x86_cpuid(0, 0); /* serialises: what was fetched before is forgotten (volume 3A, 8.1.3) */
}

void x86_harden_cpu(void)
{
	unsigned long on = (x86_cpu_has(X86_SMEP) ? CR4_SMEP : 0) | (x86_cpu_has(X86_SMAP) ? CR4_SMAP : 0) | (x86_cpu_has(X86_UMIP) ? CR4_UMIP : 0);

	if (on)
		x86_set_cr4(x86_cr4() | on);
}
