/* SPDX-License-Identifier: MIT */
#include "proc/rseq.h"
#include "arch/trap.h"
#include "lib/errno.h"
#include "task/sigqueue.h"
#include "vm/usercopy.h"

#define UNREGISTER 1
#define CPU_UNINITIALIZED 0xffffffffu

/* Linux's struct rseq. */
struct area {
	uint32_t cpu_start, cpu;
	uint64_t section; /* address of a struct section, 0: in none */
	uint32_t flags, unused[3];
};
_Static_assert(sizeof(struct area) == RSEQ_AREA_SIZE, "struct rseq of Linux 6.1");

/* struct rseq_cs */
struct section {
	uint32_t version, flags;
	uint64_t start, length, abort;
};

static const uint64_t no_section;

/* Puts the number of its CPU into its area; a move that comes later sees what it was told. */
static int tell_cpu(struct task *t)
{
	uint32_t told[2];

	preempt_disable();
	told[0] = told[1] = this_cpu()->id;
	t->thread.told_cpu = (uint16_t)(told[0] + 1);
	preempt_enable();
	return user_put(t->rseq.area, &told);
}

void rseq_exec(void)
{
	struct task *t = task_current();

	t->thread.told_cpu = 0;
	t->rseq.area = 0;
	t->rseq.signature = 0;
}

static long unregister(struct task *t)
{
	static const uint32_t nowhere[2] = { 0, CPU_UNINITIALIZED };

	if (user_put(t->rseq.area, &nowhere))
		return -EFAULT;
	rseq_exec();
	return 0;
}

long rseq_call(uaddr_t area, uint32_t len, int flags, uint32_t signature)
{
	struct task *t = task_current();
	bool registered = t->thread.told_cpu, off = flags == UNREGISTER;

	if ((flags && !off) || (off && !registered))
		return -EINVAL;
	if (registered) {
		if (t->rseq.area != area || len != RSEQ_AREA_SIZE)
			return -EINVAL;
		if (t->rseq.signature != signature)
			return -EPERM;
		return off ? unregister(t) : -EBUSY;
	}
	if (area % RSEQ_AREA_SIZE || len != RSEQ_AREA_SIZE)
		return -EINVAL;
	if (!user_range_ok(area, len))
		return -EFAULT;
	if (user_put(area + offsetof(struct area, section), &no_section)) /* a thread before may have left one in its area */
		return -EFAULT;
	if (!area) /* as on Linux, such a one is none */
		return 0;
	t->rseq.area = area;
	t->rseq.signature = signature;
	if (!tell_cpu(t))
		return 0;
	rseq_exec();
	return -EFAULT;
}

/* The child may begin on another CPU than the copied words say: the scheduler finds that out when it places it. */
void rseq_fork(struct task *child, bool shares_memory)
{
	const struct task *t = task_current();

	if (shares_memory)
		return;
	child->rseq = t->rseq;
	child->thread.told_cpu = t->thread.told_cpu;
	child->thread.work |= t->thread.work & WORK_RSEQ;
}

static bool is_user(uint64_t a) { return a < ARCH_USER_TOP; }

/* Reads the section at a; what it says is sound then: within user space, and its abort, which lies outside, is marked with the signature. */
static int section_read(struct section *s, uint64_t a, uint32_t signature)
{
	uint32_t mark;

	if (!is_user(a))
		return -EINVAL;
	if (user_get(s, (uaddr_t)a))
		return -EFAULT;
	if (s->version || !is_user(s->start) || !is_user(s->start + s->length) || !is_user(s->abort))
		return -EINVAL;
	if (s->start + s->length < s->start || s->abort - s->start < s->length)
		return -EINVAL;
	if (user_get(&mark, (uaddr_t)s->abort - sizeof(mark)))
		return -EFAULT;
	return mark == signature ? 0 : -EINVAL;
}

/* The thread leaves the section that its area names: to its abort if it is in it, and so that no name is left in any case. */
static int leave_section(struct trapframe *tf, const struct task *t, uint64_t at)
{
	struct section s;
	uint32_t flags;
	bool inside;
	int err = section_read(&s, at, t->rseq.signature);

	if (err)
		return err;
	inside = tf_ip(tf) - s.start < s.length;
	if (inside) {
		if (user_get(&flags, t->rseq.area + offsetof(struct area, flags)))
			return -EFAULT;
		if (s.flags | flags) /* there were flags that let a section go on; they are refused by now */
			return -EINVAL;
	}
	if (user_put(t->rseq.area + offsetof(struct area, section), &no_section))
		return -EFAULT;
	if (inside)
		tf_set_ip(tf, (uaddr_t)s.abort);
	return 0;
}

int rseq_handler(struct trapframe *tf)
{
	const struct task *t = task_current();
	uint64_t at;

	if (user_get(&at, t->rseq.area + offsetof(struct area, section)))
		return -EFAULT;
	return unlikely(at) ? leave_section(tf, t, at) : 0;
}

static int restart(struct trapframe *tf)
{
	struct task *t = task_current();
	int err;

	/* from here on the next switch, or move, is another event: it brings the thread here once more */
	thread_clear_work(&t->thread, WORK_RSEQ);
	err = rseq_handler(tf);
	return err ? err : tell_cpu(t);
}

void rseq_work(struct trapframe *tf)
{
	struct thread *t = thread_current();

	if (!t->told_cpu)
		thread_clear_work(t, WORK_RSEQ);
	else if (restart(tf))
		signal_force(&(struct siginfo){ .signo = SIGSEGV, .code = SI_KERNEL });
}

void rseq_interrupt(void *aspace)
{
	struct thread *t = thread_current();

	if (t->aspace == aspace)
		thread_note_leaving(t);
}
