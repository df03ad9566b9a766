/* SPDX-License-Identifier: MIT */
#include "sched/test/schedules.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_S 250 /* for a batch */

unsigned long schedule_seed;
static const char *name;

void schedules_say_again(void)
{
	fprintf(stderr, "schedule %lu. Again: %s --seed %lu (TRACE=1 may say more)\n", schedule_seed, name, schedule_seed);
}

void schedules_wrong(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	schedules_say_again();
	_exit(1);
}

void schedules_stuck(const char *why) { schedules_wrong("host", 0, why); }

/* In a process of its own. */
static void batch(char *self, unsigned long first, unsigned long last)
{
	char from[24], to[24];
	char *argv[] = { self, "--batch", from, to, NULL };
	int status;

	snprintf(from, sizeof(from), "%lu", first);
	snprintf(to, sizeof(to), "%lu", last);
	fflush(NULL);
	if (!fork()) {
		alarm(LIMIT_S);
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	wait(&status);
	if (status) {
		fprintf(stderr, "%s: failed in schedules %s to %s (status %#x)\n", name, from, to, (unsigned)status);
		exit(1);
	}
}

int schedules_main(const struct schedules *s, int argc, char **argv)
{
	const char *one = argc == 3 && !strcmp(argv[1], "--seed") ? argv[2] : getenv("SEED"), *many = getenv("HISTORIES");
	unsigned long count = many ? strtoul(many, NULL, 0) : s->count, n;

	name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	if (argc == 4) {
		s->run(strtoul(argv[2], NULL, 0), strtoul(argv[3], NULL, 0));
		return 1;
	}
	personality(ADDR_NO_RANDOMIZE);
	if (one) {
		n = strtoul(one, NULL, 0);
		batch(argv[0], n - n % s->batch, n);
		return 0;
	}
	for (n = 0; n < count; n += s->batch)
		batch(argv[0], n, n + s->batch - 1);
	printf("%s: %lu schedules; seeds 0 to %lu\n", name, n, n - 1);
	return 0;
}
