/* SPDX-License-Identifier: MIT */
/* The vector table. Vectors: 0-31 exceptions, 32-95 interrupt lines (ISA 0-15 first), 0x80 system calls, 0xf0.. this CPU's own. */
#ifndef X86_IDT_H
#define X86_IDT_H

#define VECTOR_NMI 2u
#define VECTOR_DOUBLE_FAULT 8u
#define VECTOR_MACHINE_CHECK 18u
#define VECTOR_IRQ 0x20u
#define VECTOR_TIMER 0xf0u
#define VECTOR_IPI_WAKE 0xf1u
#define VECTOR_IPI_CALL 0xf2u
#define VECTOR_SPURIOUS 0xffu

void x86_idt_init(void); /* fills the table, once, and loads it */
void x86_idt_load(void); /* on another CPU */

#endif
