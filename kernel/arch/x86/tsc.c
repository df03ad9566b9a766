/* SPDX-License-Identifier: MIT */
/*
 * Clocks are read together at both ends of a few milliseconds. A virtual machine may be held up between any two instructions; of several
 * readings the one that took the shortest time is used.
 */
#include "arch/x86/tsc.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/lapic.h"
#include "arch/x86/pit.h"
#include "arch/x86/regs.h"
#include "lib/div64.h"
#include "lib/string.h"

#define WINDOW_TICKS 8352u /* 7 ms */
#define WINDOW_MAX (1ull << 31) /* cycles: there is no PIT */
#define READINGS 12
#define MEASUREMENTS_MAX 100 /* each is in vain only if the machine is held up for most of 54 ms meanwhile */
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

struct reading { uint64_t tsc, took; uint32_t pit, lapic; };

static struct reading read_once(bool lapic)
{
	struct reading r;
	uint64_t start = x86_rdtsc(), latched;

	x86_pit_count_latch();
	latched = x86_rdtsc();
	r.lapic = lapic ? x86_lapic_timer_count() : 0;
	r.took = x86_rdtsc() - start;
	r.tsc = start + (latched - start) / 2;
	r.pit = x86_pit_count_read();
	return r;
}

static struct reading read_best(bool lapic)
{
	struct reading best = read_once(lapic);

	for (unsigned i = 1; i < READINGS; i++) {
		struct reading r = read_once(lapic);

		if (r.took < best.took)
			best = r;
	}
	return best;
}

enum outcome { MEASURED, HELD_UP, NO_PIT };

/* HELD_UP: so long that the PIT has come to the end of its count. */
static enum outcome measure(uint64_t *tsc_hz, uint64_t *lapic_hz, bool lapic)
{
	struct reading first, last;
	uint32_t ticks;

	x86_pit_count_start();
	first = read_best(lapic);
	do
		last = read_once(lapic);
	while (last.pit - first.pit < WINDOW_TICKS && last.tsc - first.tsc < WINDOW_MAX);
	last = read_best(lapic);
	ticks = last.pit - first.pit;
	if (ticks && x86_pit_count_ended())
		return HELD_UP;
	if (ticks < WINDOW_TICKS)
		return NO_PIT;
	*tsc_hz = (last.tsc - first.tsc) * PIT_HZ;
	div64_32(tsc_hz, ticks);
	*lapic_hz = (uint64_t)(last.lapic - first.lapic) * PIT_HZ;
	div64_32(lapic_hz, ticks);
	return MEASURED;
}

struct x86_rates x86_rates_find(bool lapic)
{
	struct x86_rates r = { .tsc_hz = hz_from_cpuid(), .source = "CPUID" };
	uint64_t tsc = 0;
	enum outcome how = HELD_UP;

	if (!r.tsc_hz)
		r.tsc_hz = hz_from_hypervisor();
	if (r.tsc_hz && !lapic)
		return r;
	if (lapic)
		x86_lapic_timer_count_start();
	for (unsigned i = 0; i < MEASUREMENTS_MAX && how == HELD_UP; i++)
		how = measure(&tsc, &r.lapic_hz, lapic);
	if (lapic)
		x86_lapic_timer_oneshot(0);
	if (!r.tsc_hz) {
		r.tsc_hz = how == MEASURED && tsc ? tsc : FALLBACK_HZ;
		r.source = how == MEASURED ? "PIT" : "guess";
	}
	return r;
}
