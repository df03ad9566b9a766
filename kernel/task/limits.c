/* SPDX-License-Identifier: MIT */
/* Resource limits and usage: Linux's defaults. */
#include "task/limits.h"
#include "lib/bits.h"
#include "mem/frame.h"

void rlimits_init(struct rlimits *r)
{
	unsigned long procs = MAX(MIN(frame_free_count() / 16, 30000ul), 64ul);

	for (unsigned i = 0; i < RLIM_COUNT; i++)
		r->cur[i] = r->max[i] = RLIM_INFINITY64;
	r->cur[RLIMIT_STACK] = 8ull << 20;
	r->cur[RLIMIT_CORE] = 0;
	r->cur[RLIMIT_NPROC] = r->max[RLIMIT_NPROC] = procs;
	r->cur[RLIMIT_NOFILE] = 1024;
	r->max[RLIMIT_NOFILE] = 4096;
	r->cur[RLIMIT_MEMLOCK] = r->max[RLIMIT_MEMLOCK] = 8ull << 20;
	r->cur[RLIMIT_SIGPENDING] = r->max[RLIMIT_SIGPENDING] = procs;
	r->cur[RLIMIT_MSGQUEUE] = r->max[RLIMIT_MSGQUEUE] = 819200;
	r->cur[RLIMIT_NICE] = r->max[RLIMIT_NICE] = 0;
	r->cur[RLIMIT_RTPRIO] = r->max[RLIMIT_RTPRIO] = 0;
}

void io_usage_add(struct io_usage *to, const struct io_usage *from)
{
	to->read_bytes += from->read_bytes;
	to->written_bytes += from->written_bytes;
	to->reads += from->reads;
	to->writes += from->writes;
}

void usage_add(struct usage *to, const struct usage *from)
{
	to->user_ns += from->user_ns;
	to->system_ns += from->system_ns;
	to->minflt += from->minflt;
	to->majflt += from->majflt;
	to->nvcsw += from->nvcsw;
	to->nivcsw += from->nivcsw;
	io_usage_add(&to->io, &from->io);
	to->maxrss_pages = MAX(to->maxrss_pages, from->maxrss_pages);
}
