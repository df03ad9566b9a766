/* SPDX-License-Identifier: MIT */
/* process_madvise(2): advice about another process's memory. */
#include "abi/convert.h"
#include "arch/mmu.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "proc/pidfd.h"
#include "syscall_protos.h"
#include "vfs/fdtable.h"
#include "vm/mmap.h"

/* The advice that one may give to others: it costs them time at most. */
enum { MADV_WILLNEED = 3, MADV_COLD = 20, MADV_PAGEOUT = 21 };

static bool advice_allowed(int advice) { return advice == MADV_WILLNEED || advice == MADV_COLD || advice == MADV_PAGEOUT; }

/* The memory of the process, with a reference; ERR_PTR. */
static struct aspace *memory_of(struct process *p)
{
	struct aspace *as;

	if (READ_ONCE(p->state) == PROCESS_REAPED)
		return ERR_PTR(-ESRCH);
	as = process_aspace_get(p);
	if (!as)
		return ERR_PTR(-ESRCH);
	if (as == aspace_current() || process_may_attach(p, true))
		return as;
	aspace_put(as);
	return ERR_PTR(-EACCES);
}

/* Bytes that were advised about, or the error if there are none. */
static long advise_all(struct aspace *as, const struct uio_seg *segs, unsigned long count, size_t total, int advice)
{
	size_t done = 0;
	int err = 0;

	for (unsigned long i = 0; i < count && done < total && !err; i++) {
		err = vm_advise(as, segs[i].base, segs[i].len, advice);
		if (!err)
			done += segs[i].len;
	}
	return done ? (long)done : err;
}

static long advise_process(struct process *p, const struct uio_seg *segs, unsigned long count, size_t total, int advice)
{
	struct aspace *as;
	long r;

	if (READ_ONCE(p->state) == PROCESS_REAPED)
		return -ESRCH;
	if (!advice_allowed(advice))
		return -EINVAL;
	as = memory_of(p);
	if (IS_ERR(as))
		return PTR_ERR(as);
	r = capable(CAP_SYS_NICE) ? advise_all(as, segs, count, total, advice) : -EPERM;
	aspace_put(as);
	return r;
}

static bool ranges_ok(const struct uio_seg *segs, unsigned long count)
{
	for (unsigned long i = 0; i < count; i++)
		if (!user_range_ok(segs[i].base, segs[i].len))
			return false;
	return true;
}

long sys_process_madvise(int pidfd, uaddr_t iov, unsigned long count, int advice, unsigned flags)
{
	struct uio_seg *segs;
	struct file *f;
	size_t total;
	long r = -EBADF;

	if (flags)
		return -EINVAL;
	segs = iovec_from_user(iov, count, &total);
	if (IS_ERR(segs))
		return PTR_ERR(segs);
	f = fd_get(fdtable_current(), (unsigned)pidfd, false);
	if (!ranges_ok(segs, count))
		r = -EFAULT;
	else if (f && pidfd_process(f))
		r = advise_process(pidfd_process(f), segs, count, total, advice);
	file_put(f);
	kfree(segs);
	return r;
}
