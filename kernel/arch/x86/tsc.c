/* SPDX-License-Identifier: MIT */
/*
 * A measurement lasts 2 ms. A virtual machine may be held up between any two instructions, which makes one too long or too short; the median
 * of three is taken.
 */
#include "arch/x86/tsc.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/lapic.h"
#include "arch/x86/pit.h"
#include "arch/x86/regs.h"
#include "lib/string.h"

#define WINDOW_TICKS 2386u /* 2 ms */
#define WINDOW_MAX (1ull << 33) /* cycles: there is no PIT */
#define MEASUREMENTS 3
#define LEAF_TSC 0x15
#define LEAF_FREQUENCY 0x16
#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_TIMING 0x40000010u
#define FALLBACK_HZ 1000000000ull

/* KVM and VMware tell the guest's frequency in kHz; other hypervisors use this leaf for other things. */
static uint64_t hz_from_hypervisor(void)
{
	struct x86_cpuid r;
	char name[13] = "";

	if (!x86_cpu_has(X86_HYPERVISOR))
		return 0;
	r = x86_cpuid(LEAF_HYPERVISOR, 0);
	memcpy(name, &r.b, 4);
	memcpy(name + 4, &r.c, 4);
	memcpy(name + 8, &r.d, 4);
	if (r.a < LEAF_TIMING || (strcmp(name, "KVMKVMKVM") && strcmp(name, "VMwareVMware")))
		return 0;
	return (uint64_t)x86_cpuid(LEAF_TIMING, 0).a * 1000;
}

static uint64_t hz_from_cpuid(void)
{
	struct x86_cpuid r;

	if (x86_max_leaf() < LEAF_TSC)
		return 0;
	r = x86_cpuid(LEAF_TSC, 0);
	if (!r.a || !r.b)
		return 0;
	if (r.c)
		return (uint64_t)r.c * r.b / r.a;
	return x86_max_leaf() >= LEAF_FREQUENCY ? (uint64_t)(x86_cpuid(LEAF_FREQUENCY, 0).a & 0xffff) * 1000000 : 0;
}

static bool measure(uint64_t *tsc, uint64_t *lapic, bool with_lapic)
{
	uint64_t start, now;
	uint32_t lapic_start;

	x86_pit_window_start(WINDOW_TICKS);
	start = now = x86_rdtsc();
	lapic_start = with_lapic ? x86_lapic_timer_count() : 0;
	while (!x86_pit_window_done() && now - start < WINDOW_MAX)
		now = x86_rdtsc();
	*tsc = x86_rdtsc() - start;
	*lapic = with_lapic ? x86_lapic_timer_count() - lapic_start : 0;
	return now - start < WINDOW_MAX;
}

static uint64_t median(const uint64_t *v)
{
	uint64_t low = v[0] < v[1] ? v[0] : v[1], high = v[0] < v[1] ? v[1] : v[0];

	return v[2] < low ? low : v[2] > high ? high : v[2];
}

struct x86_rates x86_rates_find(bool lapic)
{
	struct x86_rates r = { .tsc_hz = hz_from_cpuid(), .source = "CPUID" };
	uint64_t tsc[MEASUREMENTS], count[MEASUREMENTS];
	bool measured = true;

	if (!r.tsc_hz)
		r.tsc_hz = hz_from_hypervisor();
	if (r.tsc_hz && !lapic)
		return r;
	if (lapic)
		x86_lapic_timer_count_start();
	for (unsigned i = 0; i < MEASUREMENTS && measured; i++)
		measured = measure(&tsc[i], &count[i], lapic);
	if (lapic)
		x86_lapic_timer_oneshot(0);
	if (measured)
		r.lapic_hz = median(count) * PIT_HZ / WINDOW_TICKS;
	if (!r.tsc_hz) {
		r.tsc_hz = measured ? median(tsc) * PIT_HZ / WINDOW_TICKS : 0;
		r.source = "PIT";
	}
	if (!r.tsc_hz) {
		r.tsc_hz = FALLBACK_HZ;
		r.source = "guess";
	}
	return r;
}
