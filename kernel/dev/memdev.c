/* SPDX-License-Identifier: MIT */
/* null, zero, full, random, urandom (null(4), full(4), random(4)). */
#include "dev/memdev.h"

#include "dev/random.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "vfs/chrdev.h"
#include "vfs/fasync.h"
#include "vfs/file.h"

static int mem_open(struct inode *i, struct file *f)
{
	(void)i;
	f->mode |= FMODE_NO_POS;
	return 0;
}

static ssize_t null_read(struct file *f, struct uio *u, loff_t *pos)
{
	(void)f, (void)u, (void)pos;
	return 0;
}

static ssize_t null_write(struct file *f, struct uio *u, loff_t *pos)
{
	(void)f, (void)pos;
	return (ssize_t)u->left;
}

static ssize_t zero_read(struct file *f, struct uio *u, loff_t *pos)
{
	size_t done = 0;

	(void)f, (void)pos;
	do {
		size_t n = MIN(u->left, 65536ul), moved = uio_put_zero(u, n);

		done += moved;
		if (moved < n)
			return done ? (ssize_t)done : -EFAULT;
	} while (u->left && !waitq_interrupted(WAIT_KILLABLE));
	return (ssize_t)done;
}

static ssize_t full_write(struct file *f, struct uio *u, loff_t *pos)
{
	(void)f, (void)pos;
	return u->left ? -ENOSPC : 0;
}

static ssize_t random_read(struct file *f, struct uio *u, loff_t *pos)
{
	char bytes[64];
	size_t done = 0;

	(void)f, (void)pos;
	while (u->left && !waitq_interrupted(WAIT_KILLABLE)) {
		size_t n = MIN(u->left, sizeof(bytes)), moved;

		random_bytes(bytes, n);
		moved = uio_put(u, bytes, n);
		done += moved;
		if (moved < n)
			return done ? (ssize_t)done : -EFAULT;
	}
	return (ssize_t)done;
}

static ssize_t random_write(struct file *f, struct uio *u, loff_t *pos)
{
	char bytes[64];
	size_t done = 0;

	(void)f, (void)pos;
	while (u->left) {
		size_t n = MIN(u->left, sizeof(bytes)), moved = uio_get(u, bytes, n);

		random_stir(bytes, moved);
		done += moved;
		if (moved < n)
			return done ? (ssize_t)done : -EFAULT;
	}
	return (ssize_t)done;
}

/* There is no place but the beginning: wherever to, even before it. */
static loff_t seek_nowhere(struct file *f, loff_t off, int whence)
{
	(void)f, (void)off;
	return (unsigned)whence > 4 ? -EINVAL : 0;
}

/* A mapping of /dev/zero is anonymous memory, a shared one is shared with children only. */
static int zero_mmap(struct file *f, struct map_request *r)
{
	r->ops = NULL;
	r->object = NULL;
	r->may = VMA_MAYREAD | VMA_MAYEXEC | (r->flags & MAP_SHARED && !(f->mode & FMODE_WRITE) ? 0 : VMA_MAYWRITE);
	return 0;
}

/* It is ready from the start, so there is nothing to be told. */
static int random_async(struct file *f, struct fasync *lists[FILE_LISTS])
{
	static struct fasync never;

	(void)f;
	lists[0] = &never;
	return 1;
}

static const struct file_ops null_ops = { .open = mem_open, .read = null_read, .write = null_write, .seek = seek_nowhere };
static const struct file_ops zero_ops = { .open = mem_open, .read = zero_read, .write = null_write, .seek = seek_nowhere, .mmap = zero_mmap };
static const struct file_ops full_ops = { .open = mem_open, .read = zero_read, .write = full_write, .seek = seek_nowhere };
static const struct file_ops random_ops = { .open = mem_open, .read = random_read, .write = random_write, .seek = seek_nowhere, .async = random_async };

void memdev_init(void)
{
	chrdev_register(MEM_MAJOR, 3, 1, &null_ops, "mem");
	chrdev_register(MEM_MAJOR, 5, 1, &zero_ops, "mem");
	chrdev_register(MEM_MAJOR, 7, 1, &full_ops, "mem");
	chrdev_register(MEM_MAJOR, 8, 2, &random_ops, "mem");
}
