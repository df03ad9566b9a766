/* SPDX-License-Identifier: MIT */
/* What the lines about a process or a thread need, gathered under the locks; printing comes afterwards. */
#ifndef FS_PROCVIEW_H
#define FS_PROCVIEW_H

#include "task/process.h"

struct tty;

struct procview {
	pid_t pid, tid, ppid, pgid, sid, foreground, tracer;
	unsigned tty, threads, cpu;
	char state, comm[16];
	int nice, priority, policy, rt_prio, exit_signal, exit_status;
	uid_t uid[4], gid[4];
	unsigned group_count;
	uint64_t caps[5];
	struct usage usage, child_usage;
	ktime_t start;
	sigset64 pending, shared_pending, blocked, ignored, caught;
	uint64_t voluntary, forced;
	bool waiting;
	uint64_t run_ns;
	bool no_new_privs;
	uint32_t affinity;
	unsigned signals_queued;
	uint64_t signal_limit;
};

/* Of the process, or of its thread t if that is not NULL. Takes PROC_TREE lock. -ESRCH when it is gone. */
int procview_take(struct procview *v, struct process *p, struct task *t);
/* Set by dev/tty: device number (as stat(2) shows it) and foreground group of a terminal; PROC_TREE lock held. */
extern void (*procview_tty_hook)(struct tty *tty, unsigned *dev, pid_t *foreground);

#endif
