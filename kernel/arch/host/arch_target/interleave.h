/* SPDX-License-Identifier: MIT */
/*
 * Host: several pretend CPUs on one host thread, with every change from one to another chosen by a seed.
 *
 * In a program whose kernel sources are compiled with -fsanitize=thread (but linked without its library), the compiler's calls before each access to
 * memory and in place of each atomic operation are the points where the CPU that runs may change: see points.c. Between two points
 * nothing else runs, so the same seed gives the same run. Memory is sequentially consistent here; store buffers are the models' matter.
 *
 * An interrupt arrives at a point where the interrupted CPU has them on. Time moves a little at each change of CPUs.
 */
#ifndef ARCH_TARGET_INTERLEAVE_H
#define ARCH_TARGET_INTERLEAVE_H

#include "lib/types.h"

#define HOST_ONE_STEP __attribute__((no_sanitize("thread"))) /* no point inside: one instruction on a real machine */

extern bool host_interleaving; /* false: one CPU, nothing changes hands */

/* CPU n (1, 2, ...) will run entry on a stack of its own. Its struct cpu is prepared (percpu_init_cpu). */
void host_cpu_add(unsigned n, void (*entry)(void));
/* From here on the CPUs change at points, about once in each `period` of their weights. */
void host_interleave(uint64_t seed, unsigned period);
/* A point: others may run now. Tables are scanned with many reads, of which most do not matter; so writes and atomics weigh more. */
enum { HOST_READ = 1, HOST_WRITE = 16, HOST_ATOMIC = 16 };
void host_point(unsigned weight);
/* This CPU waits for others to do something: one of them runs now. */
void host_pause(void);
/* How far host_pause moves the clock, ns; 0: as the seed says. */
extern uint64_t host_pause_ns;
/* Until an interrupt was taken. Interrupts are on then. If no CPU can run and no timer is armed, host_stuck is called. */
void host_wait_interrupt(void);
/*
 * The processor looks up translations ahead of time, whatever its CPU does, in the root that is loaded there: of addresses that the test names
 * (random: any number). NULL: it does not.
 */
extern uaddr_t (*host_speculation)(unsigned random);
void host_speculate(uaddr_t va);
/* What a test says when nothing goes on any more, or not for a long time. Must not return. */
extern void (*host_stuck)(const char *why);
/* An interrupt for CPU n. Bits: enum arch_ipi. */
void host_interleave_ipi(unsigned n, unsigned kind);
/* Points and changes of CPUs so far. */
extern uint64_t host_points, host_changes;

#endif
