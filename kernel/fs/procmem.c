/* SPDX-License-Identifier: MIT */
/* /proc/PID/mem. The right to look is asked for again at each access, since the process may run another program by then. */
#include "fs/procmem.h"
#include "fs/proclook.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "mem/frame.h"
#include "mem/slab.h"
#include "task/process.h"
#include "vm/fault.h"

static int mem_open(struct inode *i, struct file *f)
{
	(void)f;
	return process_may_attach(proc_inode_of(i)->process, true) ? 0 : -EACCES;
}

/* Moves at most a page; bytes moved, 0 when the process has no memory any more, or -errno. */
static ssize_t move_some(struct aspace *as, struct uio *u, loff_t pos, char *buf, bool write)
{
	size_t n = MIN(u->left, (size_t)PAGE_SIZE - ((size_t)pos & ~PAGE_MASK));
	ssize_t done;

	if (pos < 0 || pos >= (loff_t)ARCH_USER_TOP)
		return -EIO;
	if (write) {
		n = uio_get(u, buf, n);
		if (!n)
			return -EFAULT;
		done = vm_debug_write(as, (uaddr_t)pos, buf, n);
		return done > 0 ? done : -EIO;
	}
	done = vm_debug_read(as, (uaddr_t)pos, buf, n);
	if (done <= 0)
		return -EIO;
	n = uio_put(u, buf, (size_t)done);
	return n ? (ssize_t)n : -EFAULT;
}

static ssize_t transfer(struct file *f, struct uio *u, loff_t *pos, bool write)
{
	const struct proc_inode *i = proc_inode_of(f->inode);
	struct aspace *as;
	ssize_t total = 0, n;
	char *buf;

	if (!u->left)
		return 0;
	if (!process_may_attach(i->process, true))
		return -EACCES;
	as = proclook_aspace(i->process, i->task);
	if (!as)
		return 0; /* it has ended */
	buf = kmalloc(PAGE_SIZE, 0);
	n = buf ? 0 : -ENOMEM;
	while (!n && u->left) {
		n = move_some(as, u, *pos, buf, write);
		if (n <= 0)
			break;
		*pos += n;
		total += n;
		n = waitq_interrupted(WAIT_KILLABLE) ? -EINTR : 0;
	}
	kfree(buf);
	aspace_put(as);
	return total ? total : n;
}

static ssize_t mem_read(struct file *f, struct uio *u, loff_t *pos) { return transfer(f, u, pos, false); }
static ssize_t mem_write(struct file *f, struct uio *u, loff_t *pos) { return transfer(f, u, pos, true); }

const struct file_ops procmem_ops = { .open = mem_open, .read = mem_read, .write = mem_write };
