/* SPDX-License-Identifier: MIT */
/* SYSENTER, which the width's own folder sets up. */
#ifndef X86_SYSENTER_H
#define X86_SYSENTER_H

struct cpu;
/* Sets up that of c, the CPU that calls; the command line is known. */
void x86_sysenter_init(struct cpu *c);

#endif
