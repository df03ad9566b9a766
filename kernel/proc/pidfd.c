/* SPDX-License-Identifier: MIT */
/* A file that holds a process, and is readable once that has ended. */
#include "proc/pidfd.h"

#include "lib/fmt.h"
#include "vfs/anonfile.h"

static unsigned pidfd_poll(struct file *f, struct poll_table *t)
{
	struct process *p = f->data;

	poll_wait(t, &p->exit_wait);
	return READ_ONCE(p->state) != PROCESS_RUNNING ? POLLIN | POLLRDNORM : 0;
}

static void pidfd_release(struct file *f) { process_put(f->data); }

static size_t pidfd_describe(struct file *f, char *buf, size_t cap)
{
	const struct process *p = f->data;
	pid_t pid = READ_ONCE(p->state) == PROCESS_REAPED ? -1 : p->pid;

	return fmt_buf(buf, cap, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static const struct file_ops pidfd_ops = { .describe = pidfd_describe, .poll = pidfd_poll, .release = pidfd_release };

struct file *pidfd_create(struct process *p, unsigned flags)
{
	struct file *f = anonfile_new("anon_inode:[pidfd]", &pidfd_ops, flags, p);

	if (!IS_ERR(f))
		process_get(p);
	return f;
}

struct process *pidfd_process(const struct file *f) { return f->ops == &pidfd_ops ? f->data : NULL; }
