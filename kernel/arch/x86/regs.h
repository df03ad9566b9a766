/* SPDX-License-Identifier: MIT */
/* Control registers, model-specific registers, flags (Intel SDM volume 3A, 2.5; volume 4). */
#ifndef X86_REGS_H
#define X86_REGS_H

#include "lib/types.h"

#define CR0_WP 0x10000ul
#define CR0_EM 0x4ul
#define CR0_MP 0x2ul
#define CR0_NE 0x20ul
#define CR0_TS 0x8ul
#define CR4_PSE 0x10ul
#define CR4_PGE 0x80ul
#define CR4_OSFXSR 0x200ul
#define CR4_OSXMMEXCPT 0x400ul
#define CR4_UMIP 0x800ul
#define CR4_SMEP 0x100000ul
#define CR4_SMAP 0x200000ul
#define MSR_APIC_BASE 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176

#define X86_REG_RW(name) \
	static inline unsigned long x86_##name(void) { unsigned long v; __asm__ volatile("mov %%" #name ", %0" : "=r"(v) :: "memory"); return v; } \
	static inline void x86_set_##name(unsigned long v) { __asm__ volatile("mov %0, %%" #name :: "r"(v) : "memory"); }
X86_REG_RW(cr0)
X86_REG_RW(cr2)
X86_REG_RW(cr3)
X86_REG_RW(cr4)
X86_REG_RW(dr0)
X86_REG_RW(dr1)
X86_REG_RW(dr2)
X86_REG_RW(dr3)
X86_REG_RW(dr6)
X86_REG_RW(dr7)

static inline uint64_t x86_rdmsr(uint32_t n)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(n));
	return (uint64_t)hi << 32 | lo;
}
static inline void x86_wrmsr(uint32_t n, uint64_t v) { __asm__ volatile("wrmsr" :: "c"(n), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory"); }
static inline uint64_t x86_rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

#endif
