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

struct schedules {
	unsigned long count, batch;
	void (*run)(unsigned long first, unsigned long last); /* on a fresh machine; ends the process, with 0 when all was well */
};

int schedules_main(const struct schedules *s, int argc, char **argv);
/* Says, of one that went wrong, how to see it again. */
void schedules_say_again(unsigned long seed);

#endif
