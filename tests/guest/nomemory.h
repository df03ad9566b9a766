/* SPDX-License-Identifier: MIT */
/* An operation again and again, each time with another of its allocations failing. */
#ifndef NOMEMORY_H
#define NOMEMORY_H

#include "guest.h"

#define MOST_STEPS 1000 /* an operation that makes more allocations than this is not tested to its end: a failure */
#define NOT_REACHED 77   /* what the program that was started ends with when no allocation has failed */
#define START_FAILED 127 /* what the C library ends a program with that it cannot set up */

static int knob = -1;
static bool armed;
static int step; /* the allocation that is to fail */
static bool *reached; /* in memory that the steps share: an allocation has failed in this one */

static void fail_after(int n)
{
	char text[12];
	int len = snprintf(text, sizeof(text), "%d", n);

	armed = n > 0;
	if (write(knob, text, (size_t)len) != len)
		_exit(90);
}

/* Nothing fails any more. What the knob shows is what was left: nothing when the failure has come. Showing it takes an allocation, too. */
static void stop(void)
{
	char text[24] = "";

	if (armed && pread(knob, text, sizeof(text) - 1, 0) > 0)
		*reached |= atol(text) <= 0;
	fail_after(0);
}

static void expect(long r)
{
	int e = errno;

	stop();
	if (r < 0 && e != ENOMEM && e != ENOSPC && e != EAGAIN && e != ENOLCK && e != ENFILE)
		FAIL("unexpected error %s", strerrorname_np(e));
}

/* Runs op in a child, its n-th allocation failing, for n from 1 on until it has no n-th; the child is the largest process, should somebody have to go. */
static void each_step(void (*prepare)(void), void (*op)(void))
{
	if (knob < 0)
		knob = open("/proc/perigee/fail_after", O_RDWR | O_CLOEXEC);
	if (knob < 0 || write(knob, "0", 1) != 1)
		SKIP("allocations cannot be made to fail");
	reached = map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	*reached = true;
	for (step = 1; *reached; step++) {
		int status;
		pid_t pid;

		CHECK(step <= MOST_STEPS);
		*reached = false;
		FORK(pid) {
			memset(map_rw(256 * PAGE), 1, 256 * PAGE);
			if (prepare)
				prepare();
			fail_after(step);
			op();
			stop();
		}
		status = reap(pid);
		fail_after(0);
		if (status == NOT_REACHED << 8)
			break;
		*reached |= status != 0;
		if (status != 0 && status != START_FAILED << 8 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
			FAIL("step %d: the child ended with status %#x", step, status);
	}
}

#endif
