/* SPDX-License-Identifier: MIT */
/* Starting the other CPUs (Intel SDM volume 3A, 8.4): they wake in real mode at a page below 1 MiB. */
#ifndef X86_MP_H
#define X86_MP_H

/* The page that ap_start.S is copied to; boot memory keeps it free. */
#define X86_AP_PAGE 0x8000

#ifndef __ASSEMBLER__
struct cpu;
/* What ap_start.S calls on a CPU that has come up, with the kernel's page tables and a stack of its own. */
void x86_ap_main(struct cpu *c);
#endif

#endif
