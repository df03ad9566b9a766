/* SPDX-License-Identifier: MIT */
/* POSIX message queues. */
#include "abi/convert.h"
#include "abi/newfd.h"
#include "fs/mqueue.h"
#include "lib/errno.h"
#include "syscall_protos.h"
#include "task/sighand.h"
#include "vfs/fdtable.h"

enum { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD };
#define COOKIE_BYTES 32

struct u_mq_attr { int32_t flags, max_messages, message_size, messages, reserved[4]; };
struct u_sigevent { uint32_t value; int32_t signo, notify; uint8_t pad[52]; };

_Static_assert(sizeof(struct u_sigevent) == 64, "struct sigevent of i386");

long sys_mq_open(uaddr_t path, unsigned flags, unsigned mode, uaddr_t attr)
{
	struct mq_attr a;
	struct u_mq_attr u;
	struct file *f;
	char *name;

	if (attr && user_get(&u, attr))
		return -EFAULT;
	a = attr ? (struct mq_attr){ u.max_messages, u.message_size, 0 } : (struct mq_attr){ 0, 0, 0 };
	name = path_from_user(path, false);
	if (IS_ERR(name))
		return PTR_ERR(name);
	f = mqueue_open(name, (int)flags, mode, attr ? &a : NULL);
	path_name_free(name);
	return newfd(f, true);
}

long sys_mq_unlink(uaddr_t path)
{
	char *name = path_from_user(path, false);
	long err;

	if (IS_ERR(name))
		return PTR_ERR(name);
	err = mqueue_unlink(name);
	path_name_free(name);
	return err;
}

/* Absolute, on the wall clock. */
static long deadline_from(uaddr_t timeout, bool wide, ktime_t *out)
{
	uint64_t ns;
	long err;

	*out = WAIT_FOREVER;
	if (!timeout)
		return 0;
	err = time_from_user(timeout, wide, &ns);
	if (!err)
		*out = ns > clock_boot_wall() ? ns - clock_boot_wall() : 1;
	return err;
}

/* The queue of a descriptor; its reference is given back by the caller, who looks at .file. */
static struct fdref queue_of(int fd)
{
	struct fdref r = fd_borrow((unsigned)fd, false);

	if (!r.file || mqueue_is(r.file))
		return r;
	fd_return(r);
	return (struct fdref){ .file = NULL };
}

static long send(int fd, uaddr_t text, size_t len, unsigned prio, uaddr_t timeout, bool wide)
{
	ktime_t deadline;
	struct fdref r;
	struct uio u;
	long err = deadline_from(timeout, wide, &deadline);

	if (err)
		return err;
	if (prio >= MQ_PRIO_MAX)
		return -EINVAL;
	r = queue_of(fd);
	uio_user(&u, text, len);
	err = r.file ? mqueue_send(r.file, &u, prio, deadline) : -EBADF;
	fd_return(r);
	return err;
}

static long receive(int fd, uaddr_t text, size_t len, uaddr_t prio, uaddr_t timeout, bool wide)
{
	ktime_t deadline;
	struct fdref r;
	unsigned got = 0;
	struct uio u;
	long n = deadline_from(timeout, wide, &deadline);

	if (n)
		return n;
	r = queue_of(fd);
	uio_user(&u, text, len);
	n = r.file ? mqueue_receive(r.file, &u, &got, deadline) : -EBADF;
	fd_return(r);
	return n >= 0 && prio && user_put(prio, &got) ? -EFAULT : n;
}

long sys_mq_timedsend(int fd, uaddr_t text, size_t len, unsigned prio, uaddr_t timeout) { return send(fd, text, len, prio, timeout, false); }
long sys_mq_timedsend_time64(int fd, uaddr_t text, size_t len, unsigned prio, uaddr_t timeout) { return send(fd, text, len, prio, timeout, true); }
long sys_mq_timedreceive(int fd, uaddr_t text, size_t len, uaddr_t prio, uaddr_t timeout) { return receive(fd, text, len, prio, timeout, false); }
long sys_mq_timedreceive_time64(int fd, uaddr_t text, size_t len, uaddr_t prio, uaddr_t timeout) { return receive(fd, text, len, prio, timeout, true); }

/* SIGEV_THREAD is told through a netlink socket, which there is none of: what signo names is a bad descriptor, or not a socket. */
static long by_thread(const struct u_sigevent *u)
{
	char cookie[COOKIE_BYTES];
	struct fdref r;

	if (user_read(cookie, u->value, sizeof(cookie)))
		return -EFAULT;
	r = fd_borrow((unsigned)u->signo, false);
	fd_return(r);
	return r.file ? -ENOTSOCK : -EBADF;
}

static long notice_from_user(uaddr_t event, struct mq_notice *n)
{
	struct u_sigevent u;

	if (user_get(&u, event))
		return -EFAULT;
	if (u.notify == SIGEV_THREAD)
		return by_thread(&u);
	if ((u.notify != SIGEV_SIGNAL && u.notify != SIGEV_NONE) || (u.notify == SIGEV_SIGNAL && (unsigned)u.signo > NSIG))
		return -EINVAL;
	*n = (struct mq_notice){ .silent = u.notify == SIGEV_NONE, .signo = u.signo, .value = u.value };
	return 0;
}

long sys_mq_notify(int fd, uaddr_t event)
{
	struct mq_notice n;
	struct fdref r;
	long err = event ? notice_from_user(event, &n) : 0;

	if (err)
		return err;
	r = queue_of(fd);
	err = r.file ? mqueue_notify(r.file, event ? &n : NULL) : -EBADF;
	fd_return(r);
	return err;
}

static void set_nonblock(struct file *f, bool on)
{
	if (on)
		__atomic_fetch_or(&f->flags, O_NONBLOCK, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&f->flags, ~(unsigned)O_NONBLOCK, __ATOMIC_RELAXED);
}

long sys_mq_getsetattr(int fd, uaddr_t new, uaddr_t old)
{
	struct u_mq_attr set = { .flags = 0 }, was = { .flags = 0 };
	struct mq_attr a;
	struct fdref r;

	if (new && user_get(&set, new))
		return -EFAULT;
	if (set.flags & ~O_NONBLOCK)
		return -EINVAL;
	r = queue_of(fd);
	if (!r.file)
		return -EBADF;
	mqueue_get(r.file, &a);
	was = (struct u_mq_attr){ .flags = (int32_t)(r.file->flags & O_NONBLOCK), .max_messages = (int32_t)a.max_messages, .message_size = (int32_t)a.message_size,
				  .messages = (int32_t)a.messages };
	if (new)
		set_nonblock(r.file, set.flags);
	fd_return(r);
	return old && user_put(old, &was) ? -EFAULT : 0;
}
