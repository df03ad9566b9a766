/* SPDX-License-Identifier: MIT */
/*
 * What the torture programs share: how often, with which random numbers, with how many processes and threads.
 *
 *   rounds(n)            n, times TORTURE from the environment (words NAME=VALUE of the kernel's command line come there)
 *   in_time()            false when the test has had 10 s (times TORTURE): on a busy host there are fewer rounds
 *   torture_seed()       the seed of this test, printed; SEED=N from the environment repeats one
 *   draw(&s, n)          a number below n from the state s
 *   crowd(n, fn)         n processes run fn(0..n-1) at once; all must end well
 *   gang(n, fn)          n threads of this process run fn(0..n-1) at once
 *   entries(path)        how many names a directory has
 *   shared(bytes)        zeroed memory that children share
 */
#ifndef TORTURE_H
#define TORTURE_H

#include "guest.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>

#define CROWD_MAX 64

static UNUSED int rounds(int n)
{
	return n * (int)guest_scale();
}

static UNUSED int entries(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d));)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

static UNUSED bool in_time(void)
{
	static volatile int began; /* seconds; the first to ask begins, children begin anew unless it was before */
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!began)
		began = (int)now.tv_sec + 1;
	return now.tv_sec + 1 - began < 10 * (int)guest_scale();
}

static UNUSED uint32_t torture_seed(void)
{
	const char *text = getenv("SEED");
	struct timespec now;
	uint32_t seed;

	clock_gettime(CLOCK_MONOTONIC, &now);
	seed = text ? (uint32_t)strtoul(text, NULL, 0) : (uint32_t)now.tv_nsec * 2654435761u ^ (uint32_t)now.tv_sec;
	dprintf(1, "# seed %u\n", seed);
	return seed | 1;
}

/* Each worker has its own state, made from the seed and its number. */
static UNUSED uint32_t draw_start(uint32_t seed, int i)
{
	return (seed + (uint32_t)i * 0x9e3779b9u) | 1;
}

static UNUSED uint32_t draw(uint32_t *s, uint32_t below)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	*s ^= *s << 5;
	return (*s >> 3) % below;
}

static UNUSED void spin_for(uint32_t n)
{
	for (volatile uint32_t i = 0; i < n; i++)
		;
}

static UNUSED void crowd(int n, void (*fn)(int))
{
	pid_t pid[CROWD_MAX];

	for (int i = 0; i < n; i++)
		FORK(pid[i])
			fn(i);
	for (int i = 0; i < n; i++)
		reap_ok(pid[i]);
}

struct gang_member {
	pthread_t thread;
	void (*fn)(int);
	int i;
};

static UNUSED void *gang_run(void *arg)
{
	struct gang_member *m = arg;

	m->fn(m->i);
	return NULL;
}

static UNUSED void gang_start(struct gang_member *m, int n, void (*fn)(int))
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (int i = 0; i < n; i++) {
		m[i].fn = fn;
		m[i].i = i;
		CHECK_EQ(pthread_create(&m[i].thread, &attr, gang_run, &m[i]), 0);
	}
	pthread_attr_destroy(&attr);
}

static UNUSED void gang_join(struct gang_member *m, int n)
{
	for (int i = 0; i < n; i++)
		CHECK_EQ(pthread_join(m[i].thread, NULL), 0);
}

static UNUSED void gang(int n, void (*fn)(int))
{
	struct gang_member m[CROWD_MAX];

	gang_start(m, n, fn);
	gang_join(m, n);
}

static UNUSED void *shared(size_t bytes)
{
	return map_anon(bytes, PROT_READ | PROT_WRITE, MAP_SHARED);
}

/* No child is left, neither running nor as a zombie. */
static UNUSED void no_children(void)
{
	CHECK_ERR(waitpid(-1, NULL, WNOHANG), ECHILD);
}

static UNUSED long add(volatile int *p, int n) { return __atomic_add_fetch(p, n, __ATOMIC_SEQ_CST); }
static UNUSED int get(volatile int *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
static UNUSED void put(volatile int *p, int v) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }
static UNUSED long futex(volatile int *p, int op, int v) { return syscall(SYS_futex, p, op, v, NULL, NULL, 0); }

#endif
