/* SPDX-License-Identifier: MIT */
/* The 8259 pair (Intel 8259A data sheet): lines 0-15 at vectors VECTOR_IRQ on, edge triggered. Every register is set, for no BIOS need have run. */
#ifndef X86_PIC_H
#define X86_PIC_H

#include "lib/types.h"

#define PIC_LINES 16u

void x86_pic_init(void);             /* all lines masked */
void x86_pic_unmask(unsigned line);
/* Acknowledges a line's interrupt; false when it was none: lines 7 and 15 also report interrupts that went away. Interrupts off. */
bool x86_pic_ack(unsigned line);

#endif
