/* SPDX-License-Identifier: MIT */
/* Waiting for children: wait4(2), waitid(2). */
#ifndef PROC_WAIT_H
#define PROC_WAIT_H

#include "task/process.h"

#define WNOHANG 1
#define WUNTRACED 2
#define WSTOPPED 2
#define WEXITED 4
#define WCONTINUED 8
#define WNOWAIT 0x01000000
#define W_NOTHREAD 0x20000000
#define W_ALL 0x40000000
#define W_CLONE 0x80000000u

enum wait_id { WAIT_PID, WAIT_GROUP, WAIT_ALL };

struct wait_result {
	pid_t pid;           /* 0: WNOHANG and nothing to report */
	uid_t uid;
	int status;          /* as wait(2) encodes it */
	int code;            /* CLD_* */
	struct usage usage;
};

/* 0 with *res, -ECHILD, -ERESTARTSYS. options include which events (WEXITED, WSTOPPED, WCONTINUED). */
long proc_wait(enum wait_id what, pid_t id, unsigned options, struct wait_result *res);

#endif
