/* SPDX-License-Identifier: MIT */
/*
 * Signals as a file. A reader waits where sigtimedwait does, in the queue of its process. Who polls may not: a descriptor that is shared, and
 * watched by an epoll, can outlive the process whose thread asked. So the pollers wait in the descriptor's own queue, and a link for each
 * process that ever asked passes the wake-ups on, until one of the two goes.
 */
#include "vfs/signalfd.h"

#include "lib/bits.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "vfs/anonfile.h"

#define TICK_NS 10000000u /* in which times are told */

struct signalfd {
	sigset64 set;           /* sighand locks do not matter: a change while somebody waits is seen at the next signal, or wakes */
	struct waitq pollers;
	struct signalfd_link *links; /* links_lock */
};

struct signalfd_link {
	struct waiter w;        /* in process->signal_wait */
	struct signalfd *s;
	struct process *process;
	struct signalfd_link *next_of_fd, *next_of_process; /* links_lock */
};

/* As user space has it. */
struct signalfd_siginfo {
	uint32_t signo;
	int32_t err, code;
	uint32_t pid, uid;
	int32_t fd;
	uint32_t tid, band, overrun, trapno;
	int32_t status, value;
	uint64_t ptr, utime, stime, addr;
	uint8_t pad[48];
};

_Static_assert(sizeof(struct signalfd_siginfo) == 128, "struct signalfd_siginfo");

static SLAB_CACHE(signalfd_cache, signalfd);
static SLAB_CACHE(signalfd_link_cache, signalfd_link);
static struct mutex links_lock = MUTEX_INIT(links_lock, LOCK_SIGNALFD);
static struct spinlock set_lock = SPINLOCK_INIT(LOCK_EVENT); /* sets, which do not fit into a word */
static const struct file_ops signalfd_ops;

static sigset64 set_of(const struct signalfd *s)
{
	unsigned long irq = spin_lock_irqsave(&set_lock);
	sigset64 set = s->set;

	spin_unlock_irqrestore(&set_lock, irq);
	return set;
}

static bool pass_on(struct waiter *w, unsigned long key)
{
	(void)key;
	waitq_wake_nested(&container_of(w, struct signalfd_link, w)->s->pollers, 1, POLLIN);
	return false;
}

/* The process's link to the descriptor, made if there is none. links_lock held. */
static bool link_to(struct signalfd *s, struct process *p)
{
	struct signalfd_link *l;

	for (l = s->links; l; l = l->next_of_fd)
		if (l->process == p)
			return true;
	l = slab_alloc(&signalfd_link_cache, ALLOC_ZERO);
	if (!l)
		return false;
	*l = (struct signalfd_link){ .w = { .wake = pass_on }, .s = s, .process = p, .next_of_fd = s->links, .next_of_process = p->signalfds };
	s->links = p->signalfds = l;
	waitq_add(&p->signal_wait, &l->w);
	return true;
}

/* Out of both lists; links_lock held. */
static void unlink(struct signalfd_link *l)
{
	struct signalfd_link **at;

	waitq_remove(&l->process->signal_wait, &l->w);
	for (at = &l->s->links; *at != l; at = &(*at)->next_of_fd)
		;
	*at = l->next_of_fd;
	for (at = &l->process->signalfds; *at != l; at = &(*at)->next_of_process)
		;
	*at = l->next_of_process;
	slab_free(&signalfd_link_cache, l);
}

void signalfd_exit(struct process *p)
{
	if (!p->signalfds)
		return;
	mutex_lock(&links_lock);
	while (p->signalfds)
		unlink(p->signalfds);
	mutex_unlock(&links_lock);
}

static void signalfd_release(struct file *f)
{
	struct signalfd *s = f->data;

	mutex_lock(&links_lock);
	while (s->links)
		unlink(s->links);
	mutex_unlock(&links_lock);
	slab_free(&signalfd_cache, s);
}

static bool any_pending(sigset64 set)
{
	struct task *t = task_current();
	unsigned long irq = sighand_lock(t->process);
	bool any = (t->pending.set | t->process->pending.set) & set;

	sighand_unlock(t->process, irq);
	return any;
}

static unsigned signalfd_poll(struct file *f, struct poll_table *t)
{
	struct signalfd *s = f->data;

	if (t) {
		bool linked;

		mutex_lock(&links_lock);
		linked = link_to(s, process_current());
		mutex_unlock(&links_lock);
		if (!linked)
			t->failed = true;
		poll_wait(t, &s->pollers);
	}
	return any_pending(set_of(s)) ? POLLIN : 0;
}

static int take(const struct signalfd *s, struct siginfo *info)
{
	struct task *t = task_current();
	sigset64 set = set_of(s);
	unsigned long irq = sighand_lock(t->process);
	int signo = signal_dequeue(t, ~set, info);

	sighand_unlock(t->process, irq);
	return signo;
}

static void lay_out(struct signalfd_siginfo *u, const struct siginfo *i)
{
	*u = (struct signalfd_siginfo){ .signo = (uint32_t)i->signo, .err = i->err, .code = i->code };
	if (i->signo == SIGCHLD && i->code > 0) {
		u->pid = (uint32_t)i->pid;
		u->uid = i->uid;
		u->status = i->status;
		u->utime = i->utime / TICK_NS;
		u->stime = i->stime / TICK_NS;
	} else if (i->code == SI_TIMER) {
		u->tid = (uint32_t)i->timer_id;
		u->overrun = (uint32_t)i->overrun;
		u->ptr = i->value;
		u->value = (int32_t)i->value;
	} else if (i->code > 0 && i->code != SI_KERNEL) {
		u->addr = i->addr;
	} else {
		u->pid = (uint32_t)i->pid;
		u->uid = i->uid;
		if (i->code < 0) {
			u->ptr = i->value;
			u->value = (int32_t)i->value;
		}
	}
}

/* As many as fit; waits for the first only. */
static ssize_t signalfd_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct signalfd *s = f->data;
	struct signalfd_siginfo out;
	struct siginfo info;
	ssize_t done = 0;
	int err, signo;

	(void)pos;
	if (u->left < sizeof(out))
		return -EINVAL;
	while (u->left >= sizeof(out)) {
		signo = take(s, &info);
		if (!signo && !done && f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (!signo && !done) {
			err = waitq_wait(&process_current()->signal_wait, (signo = take(s, &info)) != 0, WAIT_INTERRUPTIBLE);
			if (!signo)
				return err;
		}
		if (!signo)
			break;
		lay_out(&out, &info);
		if (uio_put(u, &out, sizeof(out)) != sizeof(out))
			return done ? done : -EFAULT;
		done += (ssize_t)sizeof(out);
	}
	return done;
}

static size_t signalfd_describe(struct file *f, char *buf, size_t cap)
{
	const struct signalfd *s = f->data;
	unsigned long irq = spin_lock_irqsave(&set_lock);
	sigset64 set = s->set;

	spin_unlock_irqrestore(&set_lock, irq);
	return fmt_buf(buf, cap, "sigmask:\t%016llx\n", (unsigned long long)set);
}

static const struct file_ops signalfd_ops = { .describe = signalfd_describe, .read = signalfd_read, .poll = signalfd_poll, .release = signalfd_release };

int signalfd_change(struct file *f, sigset64 set)
{
	struct signalfd *s = f->data;
	unsigned long irq;

	if (f->ops != &signalfd_ops)
		return -EINVAL;
	irq = spin_lock_irqsave(&set_lock);
	s->set = set & ~SIG_UNBLOCKABLE;
	spin_unlock_irqrestore(&set_lock, irq);
	waitq_wake_all(&process_current()->signal_wait);
	return 0;
}

struct file *signalfd_create(sigset64 set, unsigned flags)
{
	struct signalfd *s = slab_alloc(&signalfd_cache, ALLOC_ZERO);
	struct file *f;

	if (!s)
		return ERR_PTR(-ENOMEM);
	s->set = set & ~SIG_UNBLOCKABLE;
	waitq_init(&s->pollers);
	f = anonfile_new("anon_inode:[signalfd]", &signalfd_ops, flags, s);
	if (IS_ERR(f))
		slab_free(&signalfd_cache, s);
	return f;
}
