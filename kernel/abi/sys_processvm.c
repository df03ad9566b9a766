/* SPDX-License-Identifier: MIT */
/* process_vm_readv(2), process_vm_writev(2): bytes from one process's memory to another's, without files. */
#include "abi/convert.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "syscall_protos.h"
#include "task/pid.h"
#include "task/process.h"
#include "vm/fault.h"

/* Moves what the two sides have in common; bytes moved, or -errno if there were none. */
static ssize_t move_all(struct aspace *as, struct uio *local, const struct uio_seg *remote, unsigned long count, char *buf, bool write)
{
	ssize_t total = 0, n = 0;
	size_t done = 0; /* of remote[0] */

	while (count && local->left) {
		uaddr_t at = remote->base + done;
		size_t some = MIN(MIN(local->left, remote->len - done), (size_t)PAGE_SIZE - (at & ~PAGE_MASK));

		if (!some) {
			remote++, count--, done = 0;
			continue;
		}
		n = write ? (ssize_t)uio_get(local, buf, some) : vm_read_foreign(as, at, buf, some);
		if (n > 0)
			n = write ? vm_write_foreign(as, at, buf, (size_t)n) : (ssize_t)uio_put(local, buf, (size_t)n);
		if (n <= 0)
			break;
		total += n;
		done += (size_t)n;
		if ((size_t)n < some || waitq_interrupted(WAIT_KILLABLE))
			break;
	}
	return total ? total : n < 0 || (local->left && count) ? -EFAULT : 0;
}

/* The memory of the process with this number, if the caller might debug it; ERR_PTR. */
static struct aspace *memory_of(int pid)
{
	struct task *t = pid > 0 ? pid_task(pid) : NULL;
	struct aspace *as;

	if (!t)
		return ERR_PTR(-ESRCH);
	as = process_may_attach(t->process, false) ? process_aspace_get(t->process) : ERR_PTR(-EPERM);
	task_put(t);
	return as ? as : ERR_PTR(-ESRCH);
}

static long transfer(int pid, struct uio *local, const struct uio_seg *remote, unsigned long count, bool write)
{
	struct aspace *as = memory_of(pid);
	char *buf;
	long r;

	if (IS_ERR(as))
		return PTR_ERR(as);
	buf = kmalloc(PAGE_SIZE, 0);
	r = buf ? move_all(as, local, remote, count, buf, write) : -ENOMEM;
	kfree(buf);
	aspace_put(as);
	return r;
}

static long process_vm(int pid, uaddr_t liov, unsigned long lcount, uaddr_t riov, unsigned long rcount, unsigned long flags, bool write)
{
	struct uio_seg *local, *remote;
	size_t ltotal, rtotal;
	struct uio u;
	long r = 0;

	if (flags)
		return -EINVAL;
	local = iovec_from_user(liov, lcount, &ltotal);
	if (IS_ERR(local))
		return PTR_ERR(local);
	uio_user_segs(&u, local, (unsigned)lcount, ltotal);
	remote = ltotal ? iovec_from_user(riov, rcount, &rtotal) : NULL;
	if (IS_ERR(remote))
		r = PTR_ERR(remote);
	else if (remote && rtotal)
		r = transfer(pid, &u, remote, rcount, write);
	if (remote && !IS_ERR(remote))
		kfree(remote);
	kfree(local);
	return r;
}

long sys_process_vm_readv(int pid, uaddr_t liov, unsigned long lcount, uaddr_t riov, unsigned long rcount, unsigned long flags)
{
	return process_vm(pid, liov, lcount, riov, rcount, flags, false);
}

long sys_process_vm_writev(int pid, uaddr_t liov, unsigned long lcount, uaddr_t riov, unsigned long rcount, unsigned long flags)
{
	return process_vm(pid, liov, lcount, riov, rcount, flags, true);
}
