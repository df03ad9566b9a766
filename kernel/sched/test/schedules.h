/* SPDX-License-Identifier: MIT */
/*
 * The main function of a test that runs many schedules, each of which follows from its number, the seed:
 *
 *   TEST [--seed N]     SEED=N: that schedule only; HISTORIES=N: how many
 *
 * The machine is made anew for every batch of schedules, in a process of its own whose addresses are always the same: a seed alone says what happens,
 * once those of its batch before it have run.
 */
#ifndef SCHED_TEST_SCHEDULES_H
#define SCHED_TEST_SCHEDULES_H

#include "lib/compiler.h"

struct schedules {
	unsigned long count, batch;
	void (*run)(unsigned long first, unsigned long last); /* on a fresh machine; ends the process, with 0 when all was well */
};

int schedules_main(const struct schedules *s, int argc, char **argv);
/* Of the schedule that runs: the test sets it. */
extern unsigned long schedule_seed;
/* Says how to see again the schedule that runs, which went wrong. */
void schedules_say_again(void);
/* Says what is wrong, and that, and ends the process: a check_panic_hook and a host_stuck. */
__noreturn void schedules_wrong(const char *file, int line, const char *what);
__noreturn void schedules_stuck(const char *why);

#define EXPECT(c) ((c) ? (void)0 : schedules_wrong(__FILE__, __LINE__, #c))

#endif
