/* SPDX-License-Identifier: MIT */
/* i386: the local descriptor table. */
#ifndef ARCH_TARGET_SPACE_H
#define ARCH_TARGET_SPACE_H

#include "arch/cpu.h"
#include "lib/atomic.h"
#include "lib/compiler.h"

struct x86_ldt;

#define X86_CPU_LDT 36 /* offset of arch.ldt in struct cpu */

struct arch_space { struct x86_ldt *ldt; }; /* NULL: none */

void x86_ldt_load(const struct x86_ldt *ldt);

static inline void arch_space_load(const struct arch_space *s)
{
	const struct x86_ldt *ldt = s ? READ_ONCE(s->ldt) : NULL;

	if (unlikely((unsigned long)ldt != arch_percpu_read(X86_CPU_LDT)))
		x86_ldt_load(ldt);
}

#endif
