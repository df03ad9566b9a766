/* SPDX-License-Identifier: MIT */
/* Threads that work through every schedule of a test (schedules.h) together, each by random numbers that follow from the schedule's number and its own. */
#ifndef SCHED_TEST_CREW_H
#define SCHED_TEST_CREW_H

#include "lib/types.h"

/* Starts `count` threads. Each calls work once a schedule, with its number, from 0 on, and a state for crew_random. */
void crew_start(unsigned count, void (*work)(unsigned id, uint64_t random));
/* Lets all of them work through schedule_seed's schedule, and waits until the last has done so. */
void crew_run(void);
/* The next random number, below n. */
unsigned crew_random(uint64_t *state, unsigned n);

#endif
