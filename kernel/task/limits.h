/* SPDX-License-Identifier: MIT */
/* Resource limits and usage. */
#ifndef TASK_LIMITS_H
#define TASK_LIMITS_H

#include "lib/types.h"

enum { RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS,
       RLIMIT_LOCKS, RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_RTTIME, RLIM_COUNT };
#define RLIM_INFINITY64 (~0ull)

struct rlimits {
	uint64_t cur[RLIM_COUNT], max[RLIM_COUNT]; /* RLIM_INFINITY64: none */
};
/* Do they bound CPU time, so that it must be looked at? */
static inline bool rlimits_watch_cpu(const struct rlimits *r)
{
	return r->cur[RLIMIT_CPU] != RLIM_INFINITY64 || r->cur[RLIMIT_RTTIME] != RLIM_INFINITY64;
}
/* Linux's defaults for init. */
void rlimits_init(struct rlimits *r);

/* What calls have moved, and how many there were that moved something. */
struct io_usage { uint64_t read_bytes, written_bytes, reads, writes; };

struct usage { /* sums; process lock */
	uint64_t user_ns, system_ns;
	uint64_t minflt, majflt, nvcsw, nivcsw;
	unsigned long maxrss_pages;
	struct io_usage io;
};
void io_usage_add(struct io_usage *to, const struct io_usage *from);
void usage_add(struct usage *to, const struct usage *from);

#endif
