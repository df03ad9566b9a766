/* SPDX-License-Identifier: MIT */
/*
 * kcmp(2): do two threads share something? The answer is an order of what they have, 0 for the same, so that many can be sorted by it. It is that of
 * the addresses, which nobody is to learn: each kind has a secret mapping of addresses to numbers.
 */
#include "dev/random.h"
#include "lib/errno.h"
#include "proc/sysvsem.h"
#include "syscall_protos.h"
#include "task/pid.h"
#include "vfs/epoll.h"
#include "vfs/fdtable.h"
#include "vm/usercopy.h"

enum { KCMP_FILE, KCMP_VM, KCMP_FILES, KCMP_FS, KCMP_SIGHAND, KCMP_IO, KCMP_SYSVSEM, KCMP_EPOLL_TFD, KCMP_TYPES };

struct u_epoll_slot { uint32_t epoll, target, skip; };

/* A thread that is compared, and its process; task NULL: a process that has ended and is not reaped. Both with references. */
struct subject {
	struct task *task;
	struct process *process;
};

/* A word that is odd and the same for ever, made when it is first asked for. */
static uintptr_t secret(uintptr_t *word)
{
	uintptr_t now = READ_ONCE(*word), fresh;

	if (now)
		return now;
	random_bytes(&fresh, sizeof(fresh));
	fresh |= 1;
	return __atomic_compare_exchange_n(word, &now, fresh, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ? fresh : now;
}

/* 0: the same, 1: a is before b, 2: behind. A product with an odd number is different for different words. */
static long order(const void *a, const void *b, int type)
{
	static struct { uintptr_t flip, factor; } secrets[KCMP_TYPES];
	uintptr_t flip = secret(&secrets[type].flip), factor = secret(&secrets[type].factor);
	uintptr_t x = ((uintptr_t)a ^ flip) * factor, y = ((uintptr_t)b ^ flip) * factor;

	return x < y ? 1 : x > y ? 2 : 0;
}

/* What a thread has of a kind, or NULL. Only its address is used: it may be gone, as whoever asks about others has to stop them first. */
static const void *part(const struct subject *s, int type)
{
	const struct task *t = s->task;
	const void *what = NULL;
	unsigned long irq;

	irq = sighand_lock(s->process);
	switch (type) {
	case KCMP_VM:
		what = s->process->aspace;
		break;
	case KCMP_FILES:
		what = t ? t->files : NULL;
		break;
	case KCMP_FS:
		what = t ? t->fs : NULL;
		break;
	case KCMP_SIGHAND:
		what = s->process->sighand;
		break;
	case KCMP_IO: /* who has set a priority for input and output, or has it from its parent, has one of its own; the others have none */
		what = t && READ_ONCE(t->ioprio) ? t : NULL;
		break;
	case KCMP_SYSVSEM:
		what = t ? READ_ONCE(t->sem_undo) : NULL;
		break;
	}
	sighand_unlock(s->process, irq);
	return what;
}

/* An open file of a thread, with a reference, or NULL. */
static struct file *file_of(const struct subject *s, unsigned fd)
{
	struct fdtable *t = s->task ? fdtable_of_task(s->task) : NULL;
	struct file *f;

	if (!t)
		return NULL;
	f = fd_get(t, fd, true);
	fdtable_look_end(t);
	return f;
}

static long compare_files(const struct subject *s, const unsigned long *fd)
{
	struct file *a = file_of(&s[0], (unsigned)fd[0]), *b = file_of(&s[1], (unsigned)fd[1]);
	long r = a && b ? order(a, b, KCMP_FILE) : -EBADF;

	file_put(a);
	file_put(b);
	return r;
}

/* A file of the first with what an epoll descriptor of the second watches. */
static long compare_target(const struct subject *s, unsigned fd, uaddr_t user)
{
	struct u_epoll_slot slot;
	struct file *f, *epoll;
	const void *target;
	long r = -EBADF;

	if (user_get(&slot, user))
		return -EFAULT;
	f = file_of(&s[0], fd);
	epoll = f ? file_of(&s[1], slot.epoll) : NULL;
	if (epoll && !epoll_is(epoll)) {
		r = -EINVAL;
	} else if (epoll) {
		target = epoll_target(epoll, (int)slot.target, slot.skip);
		r = target ? order(f, target, KCMP_FILE) : -ENOENT;
	}
	file_put(epoll);
	file_put(f);
	return r;
}

static long compare(const struct subject *s, int type, const unsigned long *index)
{
	if (!process_may_attach(s[0].process, false) || !process_may_attach(s[1].process, false))
		return -EPERM;
	switch (type) {
	case KCMP_FILE:
		return compare_files(s, index);
	case KCMP_EPOLL_TFD:
		return compare_target(s, (unsigned)index[0], (uaddr_t)index[1]);
	case KCMP_IO:
	case KCMP_VM:
	case KCMP_FILES:
	case KCMP_FS:
	case KCMP_SIGHAND:
	case KCMP_SYSVSEM:
		return order(part(&s[0], type), part(&s[1], type), type);
	default:
		return -EINVAL;
	}
}

static bool find(pid_t tid, struct subject *s)
{
	s->task = tid > 0 ? pid_task(tid) : NULL;
	s->process = s->task ? s->task->process : tid > 0 ? pid_process(tid) : NULL;
	if (s->task)
		process_get(s->process);
	return s->process;
}

static void let_go(const struct subject *s)
{
	if (s->task)
		task_put(s->task);
	if (s->process)
		process_put(s->process);
}

long sys_kcmp(int pid1, int pid2, int type, unsigned long index1, unsigned long index2)
{
	const unsigned long index[2] = { index1, index2 };
	struct subject s[2];
	bool first = find(pid1, &s[0]), second = find(pid2, &s[1]);
	long r = first && second ? compare(s, type, index) : -ESRCH;

	let_go(&s[0]);
	let_go(&s[1]);
	return r;
}
