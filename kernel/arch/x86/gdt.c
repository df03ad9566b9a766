/* SPDX-License-Identifier: MIT */
/* Segments and task state (Intel SDM volume 3A, 3.4.5 and 7.2). */
#include "arch/x86/gdt.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/regs.h"

#define ACCESS_CODE 0x9b
#define ACCESS_DATA 0x93
#define ACCESS_TSS 0x89
#define ACCESS_USER 0x60
#define FLAGS_PAGES_32 0xc
#define FAULT_STACK (CONFIG_SANITIZE ? 16384 : 4096)

extern char x86_double_fault[];
/* It ends in a panic, so that one serves all CPUs. */
static char fault_stack[FAULT_STACK] __aligned(16);

uint64_t x86_segment(uint32_t base, uint32_t limit, uint8_t access, uint8_t flags)
{
	return (uint64_t)(base >> 24) << 56 | (uint64_t)flags << 52 | (uint64_t)(limit >> 16 & 0xf) << 48 | (uint64_t)access << 40
	       | (uint64_t)(base & 0xffffff) << 16 | (limit & 0xffff);
}

static void load_segments(struct cpu *c)
{
	struct { uint16_t limit; uint32_t base; } __packed gdtr = { sizeof(c->arch.gdt) - 1, (uint32_t)c->arch.gdt };

	__asm__ volatile("lgdt %0; ljmp %1, $1f; 1: movl %2, %%ds; movl %2, %%es; movl %2, %%ss; movl %3, %%fs; movl %4, %%gs; ltr %w5"
			 :: "m"(gdtr), "i"(SELECTOR(GDT_KERNEL_CODE, 0)), "r"((uint32_t)SELECTOR(GDT_KERNEL_DATA, 0)), "r"((uint32_t)SELECTOR(GDT_PERCPU, 0)), "r"(0),
			    "r"((uint32_t)SELECTOR(GDT_TSS, 0)) : "memory");
	x86_lldt(0); /* a processor begins with a table at address 0, where a program might put one */
}

/* A kernel stack that ran into its guard page cannot take the exception: the double fault gets a task of its own. */
static void prepare_task(struct tss *t, const char *entry, char *stack)
{
	*t = (struct tss){ .eip = (uint32_t)entry, .esp = (uint32_t)stack + FAULT_STACK, .eflags = 2, .cs = SELECTOR(GDT_KERNEL_CODE, 0),
			   .ss = SELECTOR(GDT_KERNEL_DATA, 0), .ds = SELECTOR(GDT_KERNEL_DATA, 0), .es = SELECTOR(GDT_KERNEL_DATA, 0),
			   .fs = SELECTOR(GDT_PERCPU, 0), .iomap = sizeof(struct tss), .cr3 = x86_cr3() };
}

void x86_fault_task_use_root(struct cpu *c, uint32_t cr3)
{
	c->arch.fault_tss.cr3 = cr3;
}

void x86_load_task(struct cpu *c, const struct tss *t, uint32_t bytes)
{
	c->arch.gdt[GDT_TSS] = x86_segment((uint32_t)t, bytes - 1, ACCESS_TSS, 0);
	__asm__ volatile("ltr %w0" :: "r"((uint32_t)SELECTOR(GDT_TSS, 0)) : "memory");
}

void x86_gdt_init(struct cpu *c)
{
	uint64_t *g = c->arch.gdt;

	g[GDT_PERCPU] = x86_segment((uint32_t)c, sizeof(*c), ACCESS_DATA, 4);
	g[GDT_TSS] = x86_segment((uint32_t)&c->arch.tss, sizeof(struct tss) - 1, ACCESS_TSS, 0);
	g[GDT_FAULT_TSS] = x86_segment((uint32_t)&c->arch.fault_tss, sizeof(struct tss) - 1, ACCESS_TSS, 0);
	g[GDT_KERNEL_CODE] = x86_segment(0, 0xfffff, ACCESS_CODE, FLAGS_PAGES_32);
	g[GDT_KERNEL_DATA] = x86_segment(0, 0xfffff, ACCESS_DATA, FLAGS_PAGES_32);
	g[GDT_USER_CODE] = x86_segment(0, 0xfffff, ACCESS_CODE | ACCESS_USER, FLAGS_PAGES_32);
	g[GDT_USER_DATA] = x86_segment(0, 0xfffff, ACCESS_DATA | ACCESS_USER, FLAGS_PAGES_32);
	c->arch.tss = (struct tss){ .ss0 = SELECTOR(GDT_KERNEL_DATA, 0), .iomap = sizeof(struct tss) };
	c->arch.loaded_tss = &c->arch.tss;
	prepare_task(&c->arch.fault_tss, x86_double_fault, fault_stack);
	load_segments(c);
}

