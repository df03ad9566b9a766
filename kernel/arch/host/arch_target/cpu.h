/* SPDX-License-Identifier: MIT */
/*
 * Host: pretend CPUs; the struct cpu of the one that runs is found through a pointer. There is one unless a test adds others (interleave.h). Only
 * one host thread runs, so plain accesses are "one instruction".
 */
#ifndef ARCH_TARGET_CPU_H
#define ARCH_TARGET_CPU_H

#include "arch_target/interleave.h"
#include <string.h>

struct arch_cpu {
	unsigned ipis; /* interrupts that other CPUs would have got */
};

/* struct cpu of the CPU that runs; set by host_machine_init. */
extern void *host_cpu_base;
/* For tests: CPU 0, its memory (frames; host_ram_init), the interrupt flag on. Once in a process. */
void host_machine_init(unsigned long total_frames, unsigned long direct_frames);

HOST_ONE_STEP static inline void *arch_cpu_base(void) { return host_cpu_base; }

HOST_ONE_STEP static inline unsigned long arch_percpu_read(size_t off)
{
	unsigned long v;

	memcpy(&v, (char *)host_cpu_base + off, sizeof(v));
	return v;
}
HOST_ONE_STEP static inline void arch_percpu_write(size_t off, unsigned long v)
{
	memcpy((char *)host_cpu_base + off, &v, sizeof(v));
}
HOST_ONE_STEP static inline uint32_t *host_percpu32(size_t off) { return (uint32_t *)((char *)host_cpu_base + off); }
HOST_ONE_STEP static inline int arch_percpu_add32_zero(size_t off, int n) { return (*host_percpu32(off) += (uint32_t)n) == 0; }
HOST_ONE_STEP static inline void arch_percpu_and32(size_t off, uint32_t m) { *host_percpu32(off) &= m; }
HOST_ONE_STEP static inline void arch_percpu_or32(size_t off, uint32_t m) { *host_percpu32(off) |= m; }

static inline void arch_pause(void) { host_pause(); }
/* Nothing can run: time jumps to the next timer. With no timer armed the test has deadlocked, and is told so. */
void arch_idle(void);
__noreturn void arch_halt(void);

#endif
