/* SPDX-License-Identifier: MIT */
/* Making processes and threads: gather what can fail, then commit. clone(2). */
#ifndef PROC_FORK_H
#define PROC_FORK_H

#include "lib/types.h"

struct trapframe;

#define CLONE_VM 0x100ul
#define CLONE_FS 0x200ul
#define CLONE_FILES 0x400ul
#define CLONE_SIGHAND 0x800ul
#define CLONE_PIDFD 0x1000ul
#define CLONE_PTRACE 0x2000ul
#define CLONE_VFORK 0x4000ul
#define CLONE_PARENT 0x8000ul
#define CLONE_THREAD 0x10000ul
#define CLONE_NEWNS 0x20000ul
#define CLONE_SYSVSEM 0x40000ul
#define CLONE_SETTLS 0x80000ul
#define CLONE_PARENT_SETTID 0x100000ul
#define CLONE_CHILD_CLEARTID 0x200000ul
#define CLONE_DETACHED 0x400000ul
#define CLONE_UNTRACED 0x800000ul
#define CLONE_CHILD_SETTID 0x1000000ul
#define CLONE_NEWUSER 0x10000000ul
#define CLONE_IO 0x80000000ul
#define CLONE_NAMESPACES 0x7e020080ul /* all of them: none can be made */

struct clone_request {
	unsigned long flags;
	int exit_signal;
	uaddr_t stack;       /* 0: the parent's */
	uaddr_t parent_tid, child_tid, tls;
	uaddr_t pidfd;       /* CLONE_PIDFD: where its descriptor goes */
	const pid_t *number; /* the child is to have that one; NULL: any */
	bool clear_handlers; /* the child's signals have their default actions, but for the ignored ones */
};

/* For the current thread, whose registers are tf. The child's number, or EAGAIN ENOMEM EINVAL EFAULT; for a chosen number EPERM, EEXIST. */
long proc_clone(const struct clone_request *r, const struct trapframe *tf);

#endif
