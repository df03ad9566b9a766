/* SPDX-License-Identifier: MIT */
/*
 * Segments and the task state of each CPU. Selectors are laid out as SYSENTER/SYSEXIT demand: kernel code, kernel data, user code, user data.
 */
#ifndef X86_GDT_H
#define X86_GDT_H

#include "core/percpu.h"

#define GDT_PERCPU 3
#define GDT_TSS 4
#define GDT_FAULT_TSS 5
#define GDT_TLS_FIRST 6
#define GDT_LDT 9
#define GDT_KERNEL_CODE 12
#define GDT_KERNEL_DATA 13
#define GDT_USER_CODE 14
#define GDT_USER_DATA 15
#define SELECTOR(i, rpl) ((uint16_t)((i) << 3 | (rpl)))

/* Loads GDT, TSS and %fs for this CPU; c->self is set. */
void x86_gdt_init(struct cpu *c);
/* Kernel stack for entries from user mode. */
static inline void x86_set_kernel_stack(struct cpu *c, uint32_t top) { c->arch.tss.esp0 = top; }
/* The root that the task of double faults runs on, once the kernel has its final one. */
void x86_fault_task_use_root(struct cpu *c, uint32_t cr3);
/* Makes t, with what lies behind it in so many bytes in all, this CPU's task state. Interrupts off. */
void x86_load_task(struct cpu *c, const struct tss *t, uint32_t bytes);
void x86_load_gs(uint32_t selector);
static inline void x86_lldt(uint16_t selector) { __asm__ volatile("lldt %w0" :: "r"((uint32_t)selector)); }
uint64_t x86_segment(uint32_t base, uint32_t limit_pages, uint8_t access, uint8_t flags);

#endif
