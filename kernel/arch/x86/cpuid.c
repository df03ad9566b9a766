/* SPDX-License-Identifier: MIT */
/* What the processor has. The floor is a Pentium Pro, so the instruction itself exists. */
#include "arch/x86/cpuid.h"
#include "arch/platform.h"
#include "lib/bits.h"
#include "lib/string.h"

static struct {
	uint32_t features; /* bit per enum x86_feature */
	uint32_t hwcap, signature, max_leaf;
	char vendor[13], brand[49];
} cpu_info;

struct x86_cpuid x86_cpuid(uint32_t leaf, uint32_t sub)
{
	struct x86_cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
	return r;
}

static void note(enum x86_feature f, uint32_t reg, unsigned bit)
{
	if (reg >> bit & 1)
		cpu_info.features |= 1u << f;
}

static void read_brand(void)
{
	if (x86_cpuid(0x80000000u, 0).a < 0x80000004u)
		return;
	for (uint32_t i = 0; i < 3; i++) {
		struct x86_cpuid r = x86_cpuid(0x80000002u + i, 0);

		memcpy(cpu_info.brand + i * 16, &r, 16);
	}
}

void x86_cpuid_init(void)
{
	struct x86_cpuid r = x86_cpuid(0, 0);

	cpu_info.max_leaf = r.a;
	memcpy(cpu_info.vendor, &r.b, 4);
	memcpy(cpu_info.vendor + 4, &r.d, 4);
	memcpy(cpu_info.vendor + 8, &r.c, 4);
	r = x86_cpuid(1, 0);
	cpu_info.signature = r.a;
	cpu_info.hwcap = r.d;
	note(X86_PSE, r.d, 3);
	note(X86_TSC, r.d, 4);
	note(X86_MSR, r.d, 5);
	note(X86_APIC, r.d, 9);
	note(X86_SEP, r.d, 11);
	note(X86_PGE, r.d, 13);
	note(X86_FXSR, r.d, 24);
	note(X86_SSE, r.d, 25);
	note(X86_SSE2, r.d, 26);
	note(X86_RDRAND, r.c, 30);
	if (cpu_info.max_leaf >= 7) {
		r = x86_cpuid(7, 0);
		note(X86_SMEP, r.b, 7);
		note(X86_UMIP, r.c, 2);
	}
	read_brand();
}

bool x86_cpu_has(enum x86_feature f) { return cpu_info.features >> f & 1; }
uint32_t x86_hwcap(void) { return cpu_info.hwcap; }
uint32_t x86_signature(void) { return cpu_info.signature; }
uint32_t x86_max_leaf(void) { return cpu_info.max_leaf; }
const char *x86_vendor(void) { return cpu_info.vendor; }
const char *x86_brand(void) { return cpu_info.brand; }

unsigned long arch_hwcap(void) { return cpu_info.hwcap; }
