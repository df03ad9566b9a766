/* SPDX-License-Identifier: MIT */
/* What the processor has, asked once (Intel SDM volume 2A, CPUID). */
#ifndef X86_CPUID_H
#define X86_CPUID_H

#include "lib/types.h"

enum x86_feature { X86_PSE, X86_TSC, X86_MSR, X86_APIC, X86_SEP, X86_PGE, X86_FXSR, X86_SSE, X86_SSE2, X86_SMEP, X86_UMIP, X86_RDRAND, X86_SMAP, X86_DEADLINE,
		   X86_HYPERVISOR, X86_FEATURES };

struct x86_cpuid { uint32_t a, b, c, d; };

void x86_cpuid_init(void);
bool x86_cpu_has(enum x86_feature f);
struct x86_cpuid x86_cpuid(uint32_t leaf, uint32_t sub);
/* CPUID.1:EDX as AT_HWCAP reports it; family, model, stepping; vendor and brand strings. */
uint32_t x86_hwcap(void);
const char *x86_vendor(void), *x86_brand(void);
uint32_t x86_signature(void);
uint32_t x86_max_leaf(void);

#endif
