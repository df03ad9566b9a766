/* SPDX-License-Identifier: MIT */
/* Waiting for several descriptors: poll, select and their forms with a mask and a finer time. */
#include "abi/convert.h"
#include "abi/sigmask.h"
#include "core/clock.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/signal.h"
#include "syscall_protos.h"
#include "task/process.h"
#include "vfs/fdtable.h"
#include "vfs/pollset.h"

#define POLL_STACK 60 /* descriptors that need no allocation */
#define SELECT_MAX 1048576u
#define SELECT_STACK 64u /* the same of select, which looks at the numbers below, */
#define SELECT_FDS 16u   /* if no more of them are in its sets */

_Static_assert(sizeof(struct pollset_fd) == sizeof(struct u_pollfd) && offsetof(struct pollset_fd, fd) == offsetof(struct u_pollfd, fd) &&
	       offsetof(struct pollset_fd, events) == offsetof(struct u_pollfd, events), "copied as they are");

static long poll_again(struct task *t);

/* -EINTR when a signal came. */
static long do_poll(uaddr_t user, unsigned n, ktime_t deadline)
{
	struct pollset_fd few[POLL_STACK], *fds = few;
	long r = -EFAULT;

	if (n > fd_limit())
		return -EINVAL;
	if (n > POLL_STACK)
		fds = kmalloc(n * sizeof(*fds), 0);
	if (!fds)
		return -ENOMEM;
	if (!n || !user_read(fds, user, n * sizeof(*fds)))
		r = pollset_wait(fds, n, deadline);
	if (r >= 0 && !user_range_ok(user, n * sizeof(*fds))) /* of no descriptors, too */
		r = -EFAULT;
	if (r >= 0 && user_put16_each(user + offsetof(struct u_pollfd, revents), sizeof(struct u_pollfd), &fds->revents, sizeof(*fds), n))
		r = -EFAULT;
	if (fds != few)
		kfree(fds);
	return r;
}

static long poll_restartable(uaddr_t fds, unsigned n, ktime_t deadline)
{
	struct task *t = task_current();
	long r = do_poll(fds, n, deadline);

	if (r != -EINTR)
		return r;
	t->restart.fn = poll_again;
	t->restart.a[0] = fds;
	t->restart.a[1] = n;
	t->restart.a[2] = deadline;
	return -ERESTART_RESTARTBLOCK;
}

static long poll_again(struct task *t) { return poll_restartable((uaddr_t)t->restart.a[0], (unsigned)t->restart.a[1], t->restart.a[2]); }

long sys_poll(uaddr_t fds, unsigned n, int timeout)
{
	ktime_t deadline = timeout < 0 ? WAIT_FOREVER : timeout == 0 ? 0 : deadline_after((uint64_t)timeout * NSEC_PER_MSEC);

	return poll_restartable(fds, n, deadline);
}

/* A time limit from user space, and the way of telling what is left of it. */
struct limit {
	uaddr_t user;
	enum { LIMIT_TIMEVAL, LIMIT_TIMESPEC, LIMIT_TIMESPEC64 } form;
	ktime_t deadline;
};

/* As select(2) takes it: there may be more than a second of microseconds. */
static long long_timeval_from_user(uaddr_t from, uint64_t *ns)
{
	struct u_timeval tv;

	if (user_get(&tv, from))
		return -EFAULT;
	if (tv.sec < 0 || tv.usec < 0)
		return -EINVAL;
	*ns = (uint64_t)tv.sec * NSEC_PER_SEC + (uint64_t)tv.usec * 1000;
	return 0;
}

static long limit_read(struct limit *l)
{
	uint64_t ns;
	long err;

	l->deadline = WAIT_FOREVER;
	if (!l->user)
		return 0;
	err = l->form == LIMIT_TIMEVAL ? long_timeval_from_user(l->user, &ns) : time_from_user(l->user, l->form == LIMIT_TIMESPEC64, &ns);
	if (!err)
		l->deadline = ns ? deadline_after(ns) : 0;
	return err;
}

/* As Linux: a limit that cannot be written is no error. */
static void limit_write(const struct limit *l)
{
	ktime_t now = clock_now();
	uint64_t left = l->deadline > now ? l->deadline - now : 0;
	struct u_timeval tv;
	long ignored;

	if (!l->user || l->deadline == WAIT_FOREVER)
		return;
	if (l->form == LIMIT_TIMEVAL) {
		timeval_from_ns(&tv, left);
		ignored = user_put(l->user, &tv);
	} else {
		ignored = time_to_user(l->user, l->form == LIMIT_TIMESPEC64, left);
	}
	(void)ignored;
}

static long ppoll(uaddr_t fds, unsigned n, struct limit *l, uaddr_t mask, size_t size)
{
	long r = limit_read(l);

	if (!r)
		r = mask_from_user(mask, size);
	if (r)
		return r;
	r = do_poll(fds, n, l->deadline);
	limit_write(l);
	return r == -EINTR ? -ERESTARTNOHAND : r;
}

long sys_ppoll(uaddr_t fds, unsigned n, uaddr_t ts, uaddr_t mask, size_t size)
{
	return ppoll(fds, n, &(struct limit){ .user = ts, .form = LIMIT_TIMESPEC }, mask, size);
}

long sys_ppoll_time64(uaddr_t fds, unsigned n, uaddr_t ts, uaddr_t mask, size_t size)
{
	return ppoll(fds, n, &(struct limit){ .user = ts, .form = LIMIT_TIMESPEC64 }, mask, size);
}

/* select's three sets, as bitmaps of n bits; what poll's events each stands for is Linux's table. */
static const unsigned set_events[3] = { POLLIN | POLLRDNORM | POLLRDBAND, POLLOUT | POLLWRNORM | POLLWRBAND, POLLPRI };
static const unsigned set_results[3] = { POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR, POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR, POLLPRI };

struct selection {
	unsigned n;              /* descriptors looked at */
	size_t bytes;            /* of one set */
	uaddr_t user[3];
	unsigned char *bits;     /* three sets, and room for what was asked */
	struct pollset_fd *fds;
	unsigned used;           /* entries of fds */
	struct pollset_fd few[SELECT_FDS];
	unsigned long few_bits[6 * SELECT_STACK / BITS_PER_WORD];
};

static bool in_set(const struct selection *s, unsigned set, unsigned fd) { return s->bits[set * s->bytes + fd / 8] >> (fd % 8) & 1; }

static unsigned wanted(const struct selection *s, unsigned fd)
{
	unsigned ev = 0;

	for (unsigned set = 0; set < 3; set++)
		ev |= in_set(s, set, fd) ? set_events[set] : 0;
	return ev;
}

static long selection_read(struct selection *s)
{
	unsigned count = 0;

	for (unsigned set = 0; set < 3; set++)
		if (s->user[set] && user_read(s->bits + set * s->bytes, s->user[set], s->bytes))
			return -EFAULT;
	for (unsigned fd = 0; fd < s->n; fd++)
		count += wanted(s, fd) != 0;
	s->fds = count <= SELECT_FDS ? s->few : kmalloc(count * sizeof(*s->fds), 0);
	if (!s->fds)
		return -ENOMEM;
	for (unsigned fd = 0; fd < s->n; fd++)
		if (wanted(s, fd))
			s->fds[s->used++] = (struct pollset_fd){ .fd = (int)fd, .events = (uint16_t)wanted(s, fd) };
	return 0;
}

static long selection_write(struct selection *s)
{
	unsigned char *asked = s->bits + 3 * s->bytes;
	long total = 0;

	memcpy(asked, s->bits, 3 * s->bytes);
	memset(s->bits, 0, 3 * s->bytes);
	for (unsigned i = 0; i < s->used; i++) {
		unsigned fd = (unsigned)s->fds[i].fd;

		if (s->fds[i].revents & POLLNVAL)
			return -EBADF;
		for (unsigned set = 0; set < 3; set++)
			if (asked[set * s->bytes + fd / 8] >> (fd % 8) & 1 && s->fds[i].revents & set_results[set]) {
				s->bits[set * s->bytes + fd / 8] |= (unsigned char)(1u << (fd % 8));
				total++;
			}
	}
	for (unsigned set = 0; set < 3; set++)
		if (s->user[set] && user_write(s->user[set], s->bits + set * s->bytes, s->bytes))
			return -EFAULT;
	return total;
}

/* A bad descriptor is told at once, before anything waits. */
static bool has_bad_fd(const struct selection *s)
{
	struct fdtable *t = fdtable_current();

	for (unsigned i = 0; i < s->used; i++)
		if (fd_get_cloexec(t, (unsigned)s->fds[i].fd) < 0)
			return true;
	return false;
}

static long select_sets(struct selection *s, struct limit *l)
{
	long r = selection_read(s);

	if (!r && has_bad_fd(s))
		r = -EBADF;
	if (!r) {
		r = pollset_wait(s->fds, s->used, l->deadline);
		limit_write(l);
	}
	if (r >= 0)
		r = selection_write(s);
	if (s->fds != s->few)
		kfree(s->fds);
	return r == -EINTR ? -ERESTARTNOHAND : r;
}

static long do_select(int n, uaddr_t in, uaddr_t out, uaddr_t ex, struct limit *l)
{
	struct selection s;
	long r;

	if (n < 0)
		return -EINVAL;
	s.user[0] = in;
	s.user[1] = out;
	s.user[2] = ex;
	s.used = 0;
	s.fds = s.few;
	s.n = MIN(MIN((unsigned)n, SELECT_MAX), READ_ONCE(fdtable_current()->cap));
	s.bytes = ALIGN_UP((size_t)s.n, BITS_PER_WORD) / 8;
	s.bits = s.n <= SELECT_STACK ? (unsigned char *)s.few_bits : kmalloc(6 * s.bytes, 0);
	if (!s.bits)
		return -ENOMEM;
	memset(s.bits, 0, 3 * s.bytes);
	r = select_sets(&s, l);
	if (s.bits != (unsigned char *)s.few_bits)
		kfree(s.bits);
	return r;
}

long sys_select(int n, uaddr_t in, uaddr_t out, uaddr_t ex, uaddr_t tv)
{
	struct limit l = { .user = tv, .form = LIMIT_TIMEVAL };
	long err = limit_read(&l);

	return err ? err : do_select(n, in, out, ex, &l);
}

long sys_old_select(uaddr_t args)
{
	uint32_t a[5];

	if (user_read(a, args, sizeof(a)))
		return -EFAULT;
	return sys_select((int)a[0], a[1], a[2], a[3], a[4]);
}

static long pselect(int n, uaddr_t in, uaddr_t out, uaddr_t ex, struct limit *l, uaddr_t sig)
{
	unsigned long pack[2] = { 0, 0 }; /* mask and its size */
	long err = limit_read(l);

	if (!err && sig && user_read(pack, sig, sizeof(pack)))
		err = -EFAULT;
	if (!err)
		err = mask_from_user(pack[0], pack[1]);
	return err ? err : do_select(n, in, out, ex, l);
}

long sys_pselect6(int n, uaddr_t in, uaddr_t out, uaddr_t ex, uaddr_t ts, uaddr_t sig)
{
	return pselect(n, in, out, ex, &(struct limit){ .user = ts, .form = LIMIT_TIMESPEC }, sig);
}

long sys_pselect6_time64(int n, uaddr_t in, uaddr_t out, uaddr_t ex, uaddr_t ts, uaddr_t sig)
{
	return pselect(n, in, out, ex, &(struct limit){ .user = ts, .form = LIMIT_TIMESPEC64 }, sig);
}
