/* SPDX-License-Identifier: MIT */
/* What the processor itself checks of the kernel: SMEP, SMAP, UMIP, where it has them. */
#ifndef X86_HARDEN_H
#define X86_HARDEN_H

/* Writes the instructions that SMAP needs into the kernel's text: boot CPU, before the text is read-only. */
void x86_harden_text(void);
/* Switches the checks on, on this CPU. */
void x86_harden_cpu(void);

#endif
