/* SPDX-License-Identifier: MIT */
/* The fuzzer's arguments: of each kind, those that are most likely to hurt, from one sequence of random numbers. */
#ifndef FUZZ_H
#define FUZZ_H

#include "guest.h"

static unsigned long rnd_state;
static unsigned char *room; /* pages: rw, rw, read-only, no access; then nothing */
static pid_t child;         /* the latest */

static unsigned rnd(unsigned below)
{
	rnd_state = rnd_state * 1103515245u + 12345u;
	return (unsigned)(rnd_state >> 8) % below;
}

#define PICK(array) ((array)[rnd(sizeof(array) / sizeof((array)[0]))])

static const char *const names[] = {
	"a", "b", "d", "d/x", "d/../a", "link", "loop", "", "fifo", "/proc/self/stat", "/proc/self/maps", "/proc/self/mem", "/proc/self/fd/3", "/proc/self/exe",
	"/dev/zero", "/dev/null", "/dev/full", ".", "d/", "a/", "//", "nothing/here", "/proc/self/cmdline", "/proc/self/status", "/dev/urandom", "/proc/self",
};

/* A name in user memory: mostly whole, sometimes at the very end of it, cut off, or too long. */
static long any_name(void)
{
	static char text[8][64], huge[5000];
	char *to = text[rnd(8)];
	const char *name = PICK(names);


	switch (rnd(12)) {
	case 0:
		memset(huge, 'x', sizeof(huge));
		huge[rnd(2) ? 255 : rnd(sizeof(huge))] = 0;
		return (long)huge;
	case 1:
		memcpy(room + 2 * PAGE - strlen(name) - 1, name, strlen(name) + 1);
		return (long)(room + 2 * PAGE - strlen(name) - 1);
	case 2:
		return (long)(room + 3 * PAGE - 1);
	default:
		strcpy(to, name);
		return (long)to;
	}
}

static long any_pointer(void)
{
	static const long wild[] = {0, 1, 3, -1, -4, -4096, 0x10000, (long)0xc0000000, (long)0xbffffffc, (long)0xbffff000, 0x7fffffff, (long)0x80000000,
				    (long)0xffc00000, 0x08048000};
	static const unsigned back[] = {0, 1, 2, 3, 4, 8, 12, 16, 24, 64, 128, 256};
	unsigned page = rnd(5);

	switch (rnd(8)) {
	case 0: return PICK(wild);
	case 1: return (long)(room + page * PAGE - PICK(back) * (page > 0));
	case 2: return (long)(room + rnd(5 * PAGE));
	default: return (long)(room + rnd(PAGE) / 8 * 8);
	}
}

static long any_size(void)
{
	static const long sizes[] = {0, 1, 2, 3, 4, 7, 8, 12, 16, 24, 64, 128, 255, 256, 4095, 4096, 4097, 8192, 65536, 0x7fffffff, (long)0x80000000, -1, -4096, 0x7ffff000,
				     0x100000};

	return rnd(3) ? (long)rnd(300) : PICK(sizes);
}

static long any_fd(void)
{
	static const long fds[] = {-1, -100, 31, 32, 63, 64, 1023, 1024, 0x7fffffff, (long)0x80000000};

	return rnd(5) ? (long)rnd(26) : PICK(fds);
}

static long any_flags(void)
{
	static const long some[] = {0, 1, 2, 4, 0x42, 0x241, 0x442, 02000000, 04000, 0200000, 0400000, -1, 0x1000, 0x2000, 0x100, 0x80000000l, 0x22, 0x21, 0x32, 0x31};

	return rnd(3) ? PICK(some) : rnd(4) ? 1l << rnd(32) : (long)(rnd(65536) << 16 | rnd(65536));
}

static long any_number(void)
{
	static const long some[] = {0, 1, -1, 2, 3, 10, 100, 1000, 4096, 65536, 0x7fffffff, (long)0x80000000, 999999999, 1000000000};

	return rnd(2) ? PICK(some) : (long)rnd(70);
}

/* Itself, its child, something that is not there, or its group; never init, never everybody. */
static long any_pid(void)
{
	static const long none[] = {0, 999999, 0x7fffffff, (long)0x80000000};

	return rnd(2) ? (long)getpid() : child && rnd(2) ? (long)child : PICK(none);
}

static long any_signal(void)
{
	static const long mild[] = {SIGUSR1, SIGUSR2, SIGCHLD, SIGCONT, SIGWINCH, SIGALRM, SIGIO, 40, 64, 0, -1, 65, SIGURG};

	return rnd(20) ? PICK(mild) : (long)rnd(65);
}

/* Fills some of the room with what calls expect: small numbers, pointers, times. */
static void stir(void)
{
	for (int i = 0; i < 12; i++) {
		unsigned at = rnd(PAGE / 4);

		((long *)room)[at] = rnd(3) == 0 ? any_pointer() : rnd(2) ? any_number() : rnd(2) ? any_size() : (long)rnd(16);
	}
}

/* Commands that devices, pipes and terminals know. */
static long any_command(void)
{
	static const long some[] = {0x541b, 0x5421, 0x5450, 0x5451, 0x80045430, 0x40045431, 0x5441, 0x80045438, 0x80086601, 0x5206, 0x4b33, 0x560a, 0x80045439};

	return rnd(3) ? 0x5401 + (long)rnd(0x60) : PICK(some);
}

#endif
