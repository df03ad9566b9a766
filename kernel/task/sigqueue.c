/* SPDX-License-Identifier: MIT */
/*
 * Posting and pending. As many signals may wait as the limit says, so nothing is done to each of them with the lock held: those of one number are a
 * ring, and the queue has the oldest of each.
 */
#include "task/sigqueue.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "task/children.h"

#define DEFAULT_IGNORED (SIGBIT(SIGCHLD) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH) | SIGBIT(SIGCONT))

struct sigentry {
	struct list link;     /* sigpending.queue: of the oldest */
	struct list same;     /* those of one number, by age */
	uint64_t place;       /* by age among all that came to the queue */
	struct siguser *user; /* whom it is charged to; NULL: the timer is */
	struct siginfo info;
};

static SLAB_CACHE(entry_cache, sigentry);

void (*signal_timer_hook)(struct process *p, struct siginfo *info);

static void entry_free(struct sigentry *e)
{
	if (e->user)
		siguser_uncharge(e->user);
	slab_free(&entry_cache, e);
}

static struct sigentry *oldest_of(const struct sigpending *p, int signo)
{
	struct sigentry *e;

	list_for_each_entry(e, &p->queue, link)
		if (e->info.signo == signo)
			return e;
	return NULL;
}

static void entry_add(struct sigpending *to, struct sigentry *e)
{
	struct sigentry *oldest = oldest_of(to, e->info.signo);

	e->place = ++to->last;
	list_init(&e->same);
	if (oldest)
		list_push_back(&oldest->same, &e->same);
	else
		list_push_back(&to->queue, &e->link);
}

/* Takes off the oldest of a number; is there another? */
static bool entry_remove(struct sigpending *from, struct sigentry *e)
{
	bool more = !list_empty(&e->same);

	list_del(&e->link);
	if (more)
		list_push_back(&from->queue, &list_first(&e->same, struct sigentry, same)->link);
	list_del(&e->same);
	return more;
}

void sigpending_flush(struct sigpending *p, sigset64 which, struct list *dead)
{
	struct sigentry *e, *tmp;

	list_for_each_entry_safe(e, tmp, &p->queue, link) {
		if (which & SIGBIT(e->info.signo)) {
			list_del(&e->link);
			list_push_back(dead, &e->link);
		}
	}
	p->set &= ~which;
}

void sigpending_free(struct list *dead)
{
	while (!list_empty(dead)) {
		struct sigentry *e = list_first(dead, struct sigentry, link);

		list_del(&e->link);
		while (!list_empty(&e->same)) {
			struct sigentry *next = list_first(&e->same, struct sigentry, same);

			list_del(&next->same);
			entry_free(next);
		}
		entry_free(e);
	}
}

void sigpending_drop(struct process *p, struct sigpending *s)
{
	struct list dead = LIST_INIT(dead);
	unsigned long irq;

	if (list_empty(&s->queue))
		return;
	irq = sighand_lock(p);
	sigpending_flush(s, ~0ull, &dead);
	sighand_unlock(p, irq);
	sigpending_free(&dead);
}

/* NULL: none of them is after the place. */
static const struct sigentry *first_after(const struct sigentry *oldest, uint64_t place)
{
	const struct sigentry *e = oldest;

	while (e->place <= place) {
		e = list_first(&e->same, struct sigentry, same);
		if (e == oldest)
			return NULL;
	}
	return e;
}

bool sigpending_peek(const struct sigpending *p, uint64_t *place, struct siginfo *info)
{
	const struct sigentry *oldest, *e, *found = NULL;

	list_for_each_entry(oldest, &p->queue, link) {
		e = first_after(oldest, *place);
		if (e && (!found || e->place < found->place))
			found = e;
	}
	if (!found)
		return false;
	*place = found->place;
	*info = found->info;
	return true;
}

void signal_flush_all(struct process *p, sigset64 which, struct list *dead)
{
	struct task *t;

	sigpending_flush(&p->pending, which, dead);
	list_for_each_entry(t, &p->tasks, process_link)
		sigpending_flush(&t->pending, which, dead);
}

static void wake_for_signal(struct task *t, bool kill)
{
	thread_set_work(&t->thread, WORK_SIGNAL | (kill ? WORK_KILL : 0));
	if (!sched_wake(&t->thread, 1u << THREAD_SLEEPING | (kill ? 1u << THREAD_KILLABLE | 1u << THREAD_STOPPED : 0)))
		task_kick(t);
}

#define ENDS_MAX 16 /* threads under one hold of the lock */

void signal_end_others(struct process *p, const struct task *me, unsigned long *irq)
{
	struct task *t;
	unsigned n;

again:
	n = 0;
	list_for_each_entry(t, &p->tasks, process_link) {
		if (t == me || READ_ONCE(t->thread.work) & WORK_KILL)
			continue;
		if (n++ == ENDS_MAX) { /* those that were told keep their mark, or are gone: the next round passes them */
			sighand_unlock(p, *irq);
			*irq = sighand_lock(p);
			goto again;
		}
		wake_for_signal(t, true);
	}
}

/* Lock held. SIGCONT and the stop signals cancel each other when they are sent, whatever happens to them then. */
static void cancel_opposites(struct process *p, int signo, struct list *dead)
{
	struct task *t;

	if (SIGBIT(signo) & SIG_STOPS) {
		signal_flush_all(p, SIGBIT(SIGCONT), dead);
		return;
	}
	if (signo != SIGCONT && signo != SIGKILL)
		return;
	signal_flush_all(p, SIG_STOPS, dead);
	p->stop_taken = false;
	if (!p->stopped)
		return;
	p->stopped = false;
	p->tell_continued = signo == SIGCONT;
	child_report(p, signo == SIGCONT ? REPORT_CONTINUE : REPORT_NONE);
	list_for_each_entry(t, &p->tasks, process_link) {
		t->must_stop = false;
		if (t->traced_by && t->trace_seized && signo == SIGCONT)
			signal_trap(t);
		else
			sched_wake(&t->thread, 1u << THREAD_STOPPED);
	}
}

void signal_trap(struct task *t)
{
	t->trace_trap = true;
	thread_set_work(&t->thread, WORK_SIGNAL);
	if (!sched_wake(&t->thread, 1u << THREAD_SLEEPING | 1u << THREAD_STOPPED))
		task_kick(t);
}

void signal_stop_add(struct task *t)
{
	t->must_stop = true;
	t->process->stops_left++;
}

bool signal_stop_arrived(struct task *t)
{
	struct process *p = t->process;

	if (!t->must_stop)
		return false;
	t->must_stop = false;
	if (!p->stopped || --p->stops_left)
		return false;
	child_report(p, REPORT_STOP);
	return true;
}

static bool action_ignores(const struct process *p, int signo)
{
	uaddr_t h = p->sighand->action[signo - 1].handler;

	return h == SIG_IGN || (h == SIG_DFL && (SIGBIT(signo) & DEFAULT_IGNORED));
}

static bool action_kills(const struct process *p, int signo)
{
	if (p->traced && signo != SIGKILL)
		return false; /* its tracer decides */
	return p->sighand->action[signo - 1].handler == SIG_DFL && !(SIGBIT(signo) & (DEFAULT_IGNORED | SIG_STOPS)) && p != init_process;
}

/* Is one of the set to end the process? */
static bool any_fatal(const struct process *p, sigset64 set)
{
	if (set & SIGBIT(SIGKILL) || p->kill_taken)
		return true;
	for (; set && !p->stopped; set &= set - 1)
		if (action_kills(p, __builtin_ctzll(set) + 1))
			return true;
	return false;
}

/* What was on its way to end the thread may have been blocked or ignored since: then nothing of it may stay behind. */
void signal_recalc(struct task *t)
{
	const struct process *p = t->process;
	sigset64 ready = (t->pending.set | p->pending.set) & ~t->sigmask;

	if (ready || p->group_exit || p->kill_taken || (t->traced_by ? t->must_stop || t->trace_trap : p->stopped))
		thread_set_work(&t->thread, WORK_SIGNAL);
	else
		thread_clear_work(&t->thread, WORK_SIGNAL);
	if (t->thread.work & WORK_KILL && !p->group_exit && !any_fatal(p, ready))
		thread_clear_work(&t->thread, WORK_KILL);
}

static bool blocked_everywhere(struct process *p, struct task *only, int signo)
{
	struct task *t;

	if (only)
		return only->sigmask & SIGBIT(signo);
	list_for_each_entry(t, &p->tasks, process_link)
		if (!(t->sigmask & SIGBIT(signo)))
			return false;
	return true;
}

/*
 * NULL when there is no memory, or the user has as many as the limit lets him have. Of the classic signals only one of each can wait anyway: what is
 * not sent by a program with data of its own goes beyond the limit.
 */
static struct sigentry *entry_new(struct process *p, const struct siginfo *info)
{
	struct siguser *user = info->timer_setting ? NULL : p->sig_user;
	struct sigentry *e;

	if (user && !siguser_charge(user, info->signo < SIGRTMIN && info->code >= 0 ? UINT64_MAX : p->limits.cur[RLIMIT_SIGPENDING]))
		return NULL;
	e = slab_alloc(&entry_cache, 0);
	if (!e) {
		if (user)
			siguser_uncharge(user);
		return NULL;
	}
	e->user = user;
	e->info = *info;
	return e;
}

static int enqueue(struct process *p, struct sigpending *to, const struct siginfo *info)
{
	struct sigentry *e;

	if (info->signo < SIGRTMIN && to->set & SIGBIT(info->signo) && !info->timer_setting)
		return 0;
	e = entry_new(p, info);
	if (e)
		entry_add(to, e);
	else if ((info->signo >= SIGRTMIN && (info->code < 0 || info->of_file)) || info->timer_setting)
		return -EAGAIN;
	to->set |= SIGBIT(info->signo);
	return 0;
}

static void wake_receiver(struct process *p, struct task *only, int signo)
{
	bool kill = signo == SIGKILL || (action_kills(p, signo) && !p->stopped); /* what is stopped dies of nothing else */
	struct task *t;

	list_for_each_entry(t, &p->tasks, process_link) {
		if ((only && t != only && signo != SIGKILL) || t->exiting)
			continue;
		if (t->sigmask & SIGBIT(signo) && signo != SIGKILL)
			continue;
		wake_for_signal(t, kill);
		if (!kill)
			return;
	}
}

void signal_retarget(struct task *t, sigset64 which)
{
	struct process *p = t->process;
	struct task *other;
	sigset64 left = p->pending.set & which;

	if (likely(!left) || p->task_count < 2)
		return;
	list_for_each_entry(other, &p->tasks, process_link) {
		sigset64 his = left & ~other->sigmask;

		if (other == t || other->exiting || !his)
			continue;
		wake_for_signal(other, any_fatal(p, his));
		left &= ~his;
		if (!left)
			return;
	}
}

/* A signal for many came to p: those that its threads are making get it as well. */
static void note_for_births(struct process *p, int signo)
{
	sigset64 opposites = SIGBIT(signo) & SIG_STOPS ? SIGBIT(SIGCONT) : signo == SIGCONT ? SIG_STOPS : 0;
	struct task *t;

	list_for_each_entry(t, &p->tasks, process_link)
		if (t->birth_signals)
			*t->birth_signals = (*t->birth_signals & ~opposites) | SIGBIT(signo);
}

/* -errno if it could not be queued. *wanted: somebody is going to get it. many: as signal_post_member. */
static int post(struct process *p, struct task *only, const struct siginfo *info, bool many, bool *wanted)
{
	int signo = info->signo, err = 0;
	struct list dead = LIST_INIT(dead);
	unsigned long irq = sighand_lock(p);
	bool drop;

	if (many)
		note_for_births(p, signo);
	cancel_opposites(p, signo, &dead);
	drop = !p->traced && !blocked_everywhere(p, only, signo) && action_ignores(p, signo); /* tracers want to see those, too */
	/* init gets only what it asked for (kill(2), NOTES) */
	if (p == init_process && p->sighand->action[signo - 1].handler == SIG_DFL && info->code <= 0)
		drop = true;
	if ((only && only->exiting) || (p->core && signo != SIGKILL))
		drop = true; /* nobody would ever take it */
	if (!drop && p->state == PROCESS_RUNNING) {
		err = enqueue(p, only ? &only->pending : &p->pending, info);
		if (!err)
			wake_receiver(p, only, signo);
		waitq_wake_all(&p->signal_wait);
	}
	*wanted = !drop && p->state == PROCESS_RUNNING;
	sighand_unlock(p, irq);
	sigpending_free(&dead);
	return err;
}

int signal_post_process(struct process *p, const struct siginfo *info) { return post(p, NULL, info, false, &(bool){ false }); }
int signal_post_task(struct task *t, const struct siginfo *info) { return post(t->process, t, info, false, &(bool){ false }); }
int signal_post_member(struct process *p, const struct siginfo *info) { return post(p, NULL, info, true, &(bool){ false }); }

bool signal_post_timer(struct process *p, struct task *t, const struct siginfo *info)
{
	bool wanted;

	return !post(p, t, info, false, &wanted) && wanted;
}

void signal_kernel(struct process *p, int signo)
{
	struct siginfo info = { .signo = signo, .code = SI_KERNEL };

	post(p, NULL, &info, false, &(bool){ false });
}

void signal_force(const struct siginfo *info)
{
	struct task *t = task_current();
	struct process *p = t->process;
	struct sigaction *a = &p->sighand->action[info->signo - 1];
	unsigned long irq = sighand_lock(p);

	if (a->handler == SIG_IGN || t->sigmask & SIGBIT(info->signo)) {
		a->handler = SIG_DFL;
		t->sigmask &= ~SIGBIT(info->signo);
	}
	enqueue(p, &t->pending, info);
	wake_for_signal(t, false);
	sighand_unlock(p, irq);
}

static bool take(struct sigpending *from, int signo, struct siginfo *info)
{
	struct sigentry *e;
	bool more = false;

	if (!(from->set & SIGBIT(signo)))
		return false;
	e = oldest_of(from, signo);
	*info = e ? e->info : (struct siginfo){ .signo = signo, .code = SI_USER };
	if (e) {
		more = entry_remove(from, e);
		entry_free(e);
	}
	if (!more)
		from->set &= ~SIGBIT(signo);
	return true;
}

/* Synchronous ones first, then by number, the thread's own before the process's. */
int signal_dequeue(struct task *t, sigset64 blocked, struct siginfo *info)
{
	static const sigset64 faults = SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) | SIGBIT(SIGSYS);
	struct sigpending *own = &t->pending, *all = &t->process->pending;
	sigset64 ready = (own->set | all->set) & ~blocked;
	int signo = 0;

	if (unlikely(t->process->kill_taken) && !(blocked & SIGBIT(SIGKILL))) {
		*info = (struct siginfo){ .signo = SIGKILL, .code = SI_USER };
		return SIGKILL;
	}
	if (ready) {
		sigset64 first = ready & SIGBIT(SIGKILL) ? SIGBIT(SIGKILL) : own->set & ready & faults ? own->set & ready & faults : ready;

		signo = __builtin_ctzll(first) + 1;
		if (!take(own, signo, info))
			take(all, signo, info);
		if (info->timer_setting && signal_timer_hook)
			signal_timer_hook(t->process, info);
		if (SIGBIT(signo) & SIG_STOPS)
			t->process->stop_taken = true;
		if (signo == SIGKILL)
			t->process->kill_taken = true;
	}
	signal_recalc(t);
	return signo;
}

bool signal_birth_begin(sigset64 *noted)
{
	struct process *p = process_current();
	unsigned long irq = sighand_lock(p);

	*noted = 0;
	task_current()->birth_signals = noted;
	sighand_unlock(p, irq);
	return !signal_pending_current();
}

void signal_birth_end(struct process *child)
{
	struct task *me = task_current();

	for (sigset64 left = *me->birth_signals; unlikely(left); left &= left - 1) {
		int signo = __builtin_ctzll(left) + 1;

		if (blocked_everywhere(child, NULL, signo) || !action_ignores(child, signo))
			child->pending.set |= SIGBIT(signo);
	}
	me->birth_signals = NULL; /* who notes something has the tree's lock */
}

void signal_birth_cancel(void)
{
	struct process *p = process_current();
	unsigned long irq = sighand_lock(p);

	task_current()->birth_signals = NULL;
	sighand_unlock(p, irq);
}

bool signal_pending_current(void) { return READ_ONCE(thread_current()->work) & (WORK_SIGNAL | WORK_KILL); }
bool signal_fatal_pending_current(void) { return READ_ONCE(thread_current()->work) & WORK_KILL; }

void signal_tell_parent(struct process *p, int code, int status)
{
	struct siginfo info = { .signo = SIGCHLD, .code = code, .status = status, .pid = p->pid, .uid = cred_current()->uid };

	if (!p->parent)
		return;
	if (!(p->parent->sighand->action[SIGCHLD - 1].flags & SA_NOCLDSTOP))
		signal_post_process(p->parent, &info);
	waitq_wake_all(&p->parent->child_wait);
}
