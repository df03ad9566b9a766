/* SPDX-License-Identifier: MIT */
/* Being traced: relations, stops, what is left of tracees that end. */
#include "proc/tracing.h"
#include "arch/trap.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "task/pid.h"
#include "task/sigqueue.h"

#define TRAP_BRKPT 1

static SLAB_CACHE(tracing_cache, tracing);

struct tracing *tracing_new(void)
{
	struct tracing *tr = slab_alloc(&tracing_cache, ALLOC_ZERO);

	if (tr)
		refcount_set(&tr->refs, 1);
	return tr;
}

void tracing_put(struct tracing *tr)
{
	if (!tr || !refcount_put(&tr->refs))
		return;
	if (tr->exited) { /* a ghost */
		if (tr->tid != tr->process->pid)
			pid_free(tr->tid);
		process_put(tr->process);
	}
	slab_free(&tracing_cache, tr);
}

/* ---- who traces whom ---- */

void tracing_link(struct task *t, struct task *tracer, unsigned options, bool seized, bool privileged)
{
	struct tracing *tr = t->trace;

	tr->tracer = tracer;
	tr->task = t;
	tr->process = t->process;
	tr->tid = t->tid;
	tr->privileged = privileged;
	tr->options = options;
	tr->listening = tr->told = tr->has_info = false;
	tr->step = tr->syscall = tr->emulate = false;
	tr->next = tracer->process->tracees;
	tracer->process->tracees = tr;
	t->traced_by = tracer->tid;
	t->trace_seized = seized;
	t->trace_trap = t->trace_stopped = false;
	t->process->traced++;
	thread_set_work(&t->thread, WORK_PTRACE);
}

static void take_out(struct tracing *tr)
{
	struct tracing **at = &tr->tracer->process->tracees;

	while (*at != tr)
		at = &(*at)->next;
	*at = tr->next;
	tr->tracer = NULL;
}

void tracing_unlink(struct tracing *tr)
{
	struct task *t = tr->task;
	struct process *p = t->process;
	unsigned long irq;

	take_out(tr);
	irq = sighand_lock(p);
	t->traced_by = 0;
	t->trace_trap = t->trace_stopped = false;
	p->traced--;
	tr->syscall = tr->emulate = false;
	thread_clear_work(&t->thread, WORK_PTRACE);
	thread_set_work(&t->thread, WORK_SIGNAL); /* it may have to stop with its process, or do what its tracer kept from it */
	sched_wake(&t->thread, 1u << THREAD_STOPPED);
	sighand_unlock(p, irq);
}

void tracing_ghost_drop(struct tracing *tr)
{
	take_out(tr);
	if (tr->process->ghost == tr)
		tr->process->ghost = NULL;
}

struct tracing *tracing_next_of(struct task *tracer)
{
	struct tracing *tr;

	for (tr = tracer->process->tracees; tr && tr->tracer != tracer; tr = tr->next)
		;
	if (!tr)
		return NULL;
	if (tr->exited) {
		tracing_ghost_drop(tr);
		return tr;
	}
	refcount_get(&tr->refs);
	if (tr->options & PTRACE_O_EXITKILL)
		signal_post_process(tr->process, &(struct siginfo){ .signo = SIGKILL, .code = SI_KERNEL });
	tracing_unlink(tr);
	return tr;
}

/* ---- telling the tracer ---- */

/* SIGCHLD about t. PROC_TREE lock held. */
static void tell(struct tracing *tr, int why, int status)
{
	struct process *to = tr->tracer->process;
	struct siginfo info = { .signo = SIGCHLD, .code = why, .status = status, .pid = tr->tid, .uid = cred_current()->uid };

	if (why <= CLD_DUMPED || !(to->sighand->action[SIGCHLD - 1].flags & SA_NOCLDSTOP))
		signal_post_process(to, &info);
	waitq_wake_all(&to->child_wait);
}

bool tracing_thread_ends(struct task *t, int status, struct tracing **out)
{
	struct tracing *tr = t->trace;
	struct process *p = t->process;

	*out = tr;
	t->trace = NULL;
	t->trace_stopped = false;
	if (tr)
		tr->task = NULL;
	if (!t->traced_by)
		return false;
	t->traced_by = 0;
	p->traced--;
	if (t->tid == p->pid && (tr->tracer->process == p->parent || p->ghost)) {
		take_out(tr); /* the parent sees the end of the process in any case */
		return false;
	}
	tr->exit_status = status;
	tr->exited = true;
	process_get(p);
	if (t->tid == p->pid)
		p->ghost = tr;
	return true;
}

void tracing_tell_end(struct tracing *tr)
{
	int s = tr->exit_status;

	if (tr->tid != tr->process->pid) /* of a whole process when all of it has ended */
		tell(tr, s & 0x7f ? CLD_KILLED : CLD_EXITED, s & 0x7f ? s & 0x7f : s >> 8 & 0xff);
}

/* ---- stops ---- */

struct stop {
	int code, why;
	const struct siginfo *info;
	int signo;             /* what goes on if the tracer has no say */
	enum trace_at at;
};

/* False: there is no tracer, or it is to die. */
static bool begin_stop(struct task *t, const struct stop *s)
{
	struct process *p = t->process;
	struct tracing *tr = t->trace;
	unsigned long irq;
	bool arrived;

	spin_lock(&proc_tree_lock);
	irq = sighand_lock(p);
	if (!t->traced_by || READ_ONCE(t->thread.work) & WORK_KILL) {
		sighand_unlock(p, irq);
		spin_unlock(&proc_tree_lock);
		return false;
	}
	tr->code = s->code;
	tr->has_info = s->info != NULL;
	if (s->info)
		tr->info = *s->info;
	tr->at = s->at;
	tr->signo = s->signo;
	tr->told = tr->listening = tr->fp_changed = false;
	tr->step = tr->syscall = tr->emulate = false;
	t->trace_trap = false; /* it has what it wanted */
	t->trace_stopped = true;
	arrived = s->why == CLD_STOPPED && signal_stop_arrived(t);
	sighand_unlock(p, irq);
	if (arrived && tr->tracer->process != p->parent)
		signal_tell_parent(p, CLD_STOPPED, p->stop_signal);
	tell(tr, s->why, s->code & 0x7f);
	spin_unlock(&proc_tree_lock);
	return true;
}

static void stay(struct task *t)
{
	struct process *p = t->process;

	for (;;) {
		unsigned long irq = sighand_lock(p);

		if (t->trace->listening && t->trace_trap) /* to be told of: it stops anew */
			t->trace_stopped = false;
		if (!t->trace_stopped || t->thread.work & WORK_KILL) {
			t->trace_stopped = t->trace->listening = false;
			signal_recalc(t);
			sighand_unlock(p, irq);
			return;
		}
		WRITE_ONCE(t->thread.state, THREAD_STOPPED);
		sighand_unlock(p, irq);
		sched_block();
	}
}

/* Stops. The signal to go on with: what the tracer said, or if it is gone the usual one; 0 for who dies anyway. */
static int stop(struct trapframe *tf, const struct stop *s)
{
	struct task *t = task_current();
	struct tracing *tr = t->trace;

	arch_fp_save(&tr->fp);
	if (tr->step)
		arch_step_set(tf, false);
	if (!begin_stop(t, s))
		return READ_ONCE(t->traced_by) ? 0 : s->signo;
	stay(t);
	arch_watch_reload(&t->thread.arch);
	if (signal_fatal_pending_current())
		return 0;
	if (tr->fp_changed)
		arch_fp_load(&tr->fp);
	if (tr->step)
		arch_step_set(tf, true);
	return tr->signo;
}

static struct siginfo own_info(int code)
{
	return (struct siginfo){ .signo = SIGTRAP, .code = code, .pid = task_current()->tid, .uid = cred_current()->uid };
}

static struct trapframe *frame(void) { return arch_thread_frame(thread_stack_top(thread_current())); }

/* What the current thread is to stop for now, if it is. sighand->lock held. */
static bool job_stop_due(struct task *t, struct stop *s, struct siginfo *info)
{
	const struct process *p = t->process;
	bool due = t->traced_by && (t->trace_trap || t->must_stop) && !p->group_exit;

	*s = (struct stop){ .why = CLD_STOPPED, .code = p->stop_signal };
	if (due && t->trace_seized) {
		s->code = (p->stopped ? p->stop_signal : SIGTRAP) | PTRACE_EVENT_STOP << 8;
		*info = own_info(s->code);
		info->signo = s->code & 0x7f;
		s->info = info;
	} else if (due) {
		due = p->stopped;
	}
	t->trace_trap = false;
	return due;
}

void tracing_job_stop(struct trapframe *tf)
{
	struct task *t = task_current();
	struct siginfo info;
	struct stop s;
	unsigned long irq;
	bool due;

	do { /* one that listened stops anew before anything else */
		irq = sighand_lock(t->process);
		due = job_stop_due(t, &s, &info);
		sighand_unlock(t->process, irq);
		if (due)
			stop(tf, &s);
	} while (due);
}

/* Linux lets a debugger put another signal in its place: then it comes from the debugger. */
static void replace_info(struct task *t, int signo, struct siginfo *info)
{
	spin_lock(&proc_tree_lock);
	*info = (struct siginfo){ .signo = signo, .code = SI_USER };
	if (t->trace->tracer) {
		info->pid = t->trace->tracer->process->pid;
		info->uid = t->trace->tracer->cred->uid;
	}
	spin_unlock(&proc_tree_lock);
}

int tracing_signal_stop(struct trapframe *tf, int signo, struct siginfo *info)
{
	struct task *t = task_current();
	unsigned long irq;

	if (signo == SIGKILL)
		return signo;
	irq = sighand_lock(t->process);
	t->process->stop_taken = true; /* whatever it is replaced by; a SIGCONT that comes meanwhile cancels it */
	sighand_unlock(t->process, irq);
	signo = stop(tf, &(struct stop){ .code = signo, .why = CLD_TRAPPED, .info = info, .signo = signo });
	if (!signo)
		return 0;
	*info = t->trace->info; /* the tracer may have changed it */
	if (info->signo != signo)
		replace_info(t, signo, info);
	if (t->sigmask & SIGBIT(signo) & ~SIG_UNBLOCKABLE) {
		signal_post_task(t, info);
		return 0;
	}
	return signo;
}

static void event_stop(struct trapframe *tf, int code, enum trace_at at)
{
	struct siginfo info = own_info(code);
	int signo = stop(tf, &(struct stop){ .code = code, .why = CLD_TRAPPED, .info = &info, .at = at });

	if (signo && at != TRACE_AT_NONE)
		signal_post_task(task_current(), &(struct siginfo){ .signo = signo, .code = SI_USER, .pid = process_current()->pid, .uid = cred_current()->uid });
}

static int syscall_code(const struct tracing *tr) { return SIGTRAP | (tr->options & PTRACE_O_TRACESYSGOOD ? 0x80 : 0); }

bool tracing_syscall_enter(struct trapframe *tf)
{
	struct tracing *tr = task_current()->trace;
	bool emulate = tr->emulate;

	if (tr->syscall || emulate)
		event_stop(tf, syscall_code(tr), TRACE_AT_ENTRY);
	return !emulate && tf_syscall_nr(tf) != -1 && !signal_fatal_pending_current();
}

void tracing_syscall_exit(struct trapframe *tf)
{
	struct tracing *tr = task_current()->trace;

	if (tr->step && !tr->syscall) { /* as on Linux the step ends right behind the instruction that made the call */
		arch_step_set(tf, false);
		signal_force(&(struct siginfo){ .signo = SIGTRAP, .code = TRAP_BRKPT, .addr = tf_ip(tf) });
	} else if (tr->syscall) {
		event_stop(tf, syscall_code(tr), TRACE_AT_EXIT);
	}
}

void tracing_event(int event, unsigned long message)
{
	struct task *t = task_current();

	if (!READ_ONCE(t->traced_by) || !(t->trace->options >> event & 1))
		return;
	t->trace->message = message;
	event_stop(frame(), SIGTRAP | event << 8, TRACE_AT_NONE);
}

void tracing_exec(pid_t old_tid)
{
	struct task *t = task_current();

	if (!READ_ONCE(t->traced_by))
		return;
	if (t->trace->options & PTRACE_O_TRACEEXEC)
		tracing_event(PTRACE_EVENT_EXEC, (unsigned long)old_tid);
	else if (!t->trace_seized)
		signal_post_task(t, &(struct siginfo){ .signo = SIGTRAP, .code = SI_USER, .pid = t->process->pid, .uid = cred_current()->uid });
}

void tracing_become_leader(void)
{
	struct task *t = task_current();
	struct tracing *ghost;

	spin_lock(&proc_tree_lock);
	t->trace->tid = t->tid;
	ghost = t->process->ghost;
	if (ghost)
		tracing_ghost_drop(ghost);
	spin_unlock(&proc_tree_lock);
	tracing_put(ghost);
}

bool tracing_denies_rights(void)
{
	const struct task *t = task_current();

	return READ_ONCE(t->traced_by) && !t->trace->privileged;
}

void tracing_handler_begins(struct trapframe *tf)
{
	if (task_current()->trace->step)
		arch_step_set(tf, false);
}

void tracing_handler_begun(struct trapframe *tf)
{
	if (task_current()->trace->step)
		event_stop(tf, SIGTRAP, TRACE_AT_NONE);
}

bool tracing_stray_step(struct trapframe *tf)
{
	struct task *t = task_current();

	if (likely(!t->trace) || !t->trace->step || READ_ONCE(t->traced_by))
		return false;
	t->trace->step = false;
	arch_step_set(tf, false);
	return true;
}

/* ---- children of tracees ---- */

int tracing_clone(struct task *child, int event, bool always)
{
	struct task *t = task_current();
	struct tracing *mine = t->trace;

	if (!mine || !mine->tracer || !(mine->options >> event & 1))
		event = 0;
	if (!mine->tracer || (!event && !always))
		return 0;
	tracing_link(child, mine->tracer, mine->options, t->trace_seized, mine->privileged);
	if (t->trace_seized)
		child->trace_trap = true;
	else
		child->pending.set |= SIGBIT(SIGSTOP);
	thread_set_work(&child->thread, WORK_SIGNAL);
	return event;
}
