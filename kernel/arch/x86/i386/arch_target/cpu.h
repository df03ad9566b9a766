/* SPDX-License-Identifier: MIT */
/* i386: this CPU's struct cpu is the base of segment %fs while in the kernel. */
#ifndef ARCH_TARGET_CPU_H
#define ARCH_TARGET_CPU_H

#include "lib/check.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct x86_debugregs;
struct x86_ldt;
struct x86_ports;

struct tss {
	uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t es, cs, ss, ds, fs, gs, ldt;
	uint16_t trap, iomap;
} __packed;

#define GDT_ENTRIES 16

#define ENTRY_STACK_WORDS 128

struct arch_cpu {
	uint32_t sysenter_return; /* where the current thread's SYSENTER returns to, 0: it has no [vdso]; offset frozen for entry.S */
	bool stepped;             /* SYSENTER was single-stepped; from there to the system call, interrupts off; offset frozen */
	struct x86_debugregs *watched; /* what the debug registers hold; NULL: they are off */
	const struct x86_ldt *ldt; /* what is loaded; NULL: none. X86_CPU_LDT */
	uint64_t gdt[GDT_ENTRIES] __aligned(8);
	uint32_t entry_stack[ENTRY_STACK_WORDS]; /* SYSENTER's, for its first instruction: room for a debug exception and an NMI */
	struct tss tss;
	struct tss fault_tss; /* #DF task gate */
	struct tss *loaded_tss; /* tss, or that of a thread with ports */
	struct x86_ports *ports; /* the current thread's; NULL: none */
	uint32_t apic_id;
};

static inline void *arch_cpu_base(void)
{
	void *p;

	__asm__ volatile("movl %%fs:0, %0" : "=r"(p));
	return p;
}

static inline unsigned long arch_percpu_read(size_t off)
{
	unsigned long v;

	__asm__ volatile("movl %%fs:%c1, %0" : "=r"(v) : "i"(off));
	return v;
}

#define arch_percpu_write(off, v) __asm__ volatile("movl %1, %%fs:%c0" :: "i"(off), "r"((unsigned long)(v)) : "memory")

#define arch_percpu_add32_zero(off, n) ({ \
	bool z_; \
	__asm__ volatile("addl %2, %%fs:%c1" : "=@ccz"(z_) : "i"(off), "ri"((uint32_t)(n)) : "memory", "cc"); \
	z_; })
#define arch_percpu_and32(off, m) __asm__ volatile("andl %1, %%fs:%c0" :: "i"(off), "ri"((uint32_t)(m)) : "memory", "cc")
#define arch_percpu_or32(off, m) __asm__ volatile("orl %1, %%fs:%c0" :: "i"(off), "ri"((uint32_t)(m)) : "memory", "cc")

static inline void arch_pause(void) { __asm__ volatile("pause"); }
static inline void arch_idle(void)
{
	if (CONFIG_DEBUG)
		arch_section(SECTION_IRQ, false);
	__asm__ volatile("sti; hlt" ::: "memory");
}
static inline __noreturn void arch_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt" ::: "memory");
}

#endif
