/* SPDX-License-Identifier: MIT */
/* Frequencies of the time-stamp counter and of the local APIC's timer. */
#ifndef X86_TSC_H
#define X86_TSC_H

#include "lib/types.h"

struct x86_rates {
	uint64_t tsc_hz;
	uint64_t lapic_hz;   /* 0 if it was not asked for or does not count */
	const char *source;  /* of tsc_hz, for the log */
};

/* From CPUID where it tells, else measured against the PIT, in 10 ms at most. tsc_hz is never 0. Boot CPU. */
struct x86_rates x86_rates_find(bool lapic);

#endif
