/* SPDX-License-Identifier: MIT */
/* For tests whose pretend CPUs change at any access to memory (arch_target/interleave.h). */
#ifndef SCHED_TEST_CPUS_H
#define SCHED_TEST_CPUS_H

/* Starts CPUs 1 to n - 1 of a machine that test_boot made; they look for work. Until the last is there, CPUs change as host_interleave says of period. */
void test_cpus_start(unsigned n, unsigned period);

#endif
