/* SPDX-License-Identifier: MIT */
/* What the processor has. The floor is a Pentium Pro, so the instruction itself exists. */
#include "arch/x86/cpuid.h"
#include "arch/clock.h"
#include "arch/platform.h"
#include "lib/bits.h"
#include "lib/fmt.h"
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
	if ((r.a & 0xf0f00) != 0x600 || (r.a & 0xf0) >= 0x30 || (r.a & 15) >= 3) /* the first Pentium Pros say so without having it */
		note(X86_SEP, r.d, 11);
	note(X86_PGE, r.d, 13);
	note(X86_FXSR, r.d, 24);
	note(X86_SSE, r.d, 25);
	note(X86_SSE2, r.d, 26);
	note(X86_DEADLINE, r.c, 24);
	note(X86_RDRAND, r.c, 30);
	note(X86_HYPERVISOR, r.c, 31);
	if (cpu_info.max_leaf >= 7) {
		r = x86_cpuid(7, 0);
		note(X86_SMEP, r.b, 7);
		note(X86_SMAP, r.b, 20);
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

/* Linux's names of the CPUID.1:EDX bits that we look at. */
static const char *const flag_names[] = { [X86_PSE] = "pse", [X86_TSC] = "tsc", [X86_MSR] = "msr", [X86_APIC] = "apic", [X86_SEP] = "sep", [X86_PGE] = "pge",
					  [X86_FXSR] = "fxsr", [X86_SSE] = "sse", [X86_SSE2] = "sse2", [X86_SMEP] = "smep", [X86_UMIP] = "umip",
					  [X86_RDRAND] = "rdrand", [X86_SMAP] = "smap", [X86_DEADLINE] = "tsc_deadline_timer",
					  [X86_HYPERVISOR] = "hypervisor" };

size_t arch_cpu_describe(unsigned n, char *buf, size_t cap)
{
	uint32_t sig = x86_signature(), family = sig >> 8 & 15, model = sig >> 4 & 15;
	uint64_t khz = arch_cycles_hz() / 1000;
	size_t len;

	if (family == 6 || family == 15)
		model |= (sig >> 16 & 15) << 4;
	if (family == 15)
		family += sig >> 20 & 255;
	len = fmt_buf(buf, cap, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n"
		      "cpu MHz\t\t: %u.%03u\nfpu\t\t: yes\nflags\t\t: fpu", n, x86_vendor(), family, model, x86_brand(), sig & 15,
		      (unsigned)(khz / 1000), (unsigned)(khz % 1000));
	for (unsigned i = 0; i < X86_FEATURES && len < cap; i++)
		if (x86_cpu_has(i))
			len += fmt_buf(buf + len, cap - len, " %s", flag_names[i]);
	if (len < cap)
		len += fmt_buf(buf + len, cap - len, "\n\n");
	return len;
}
