/* SPDX-License-Identifier: MIT */
/* /proc/PID/stat, statm, status and the other short texts of a process, or of one of its threads below task/. */
#include "fs/procstat.h"
#include "arch/trap.h"
#include "core/stackwalk.h"
#include "core/symbols.h"
#include "fs/proclook.h"
#include "fs/procview.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "task/pid.h"
#include "vfs/fdtable.h"
#include "vfs/fsctx.h"
#include "vm/aspace.h"

#define TICK_NS 10000000u
#define KIB(pages) ((unsigned long)(pages) << (PAGE_SHIFT - 10))

struct sizes { unsigned long library, total, rss, shared, text, data, stack, locked, tables, peak; };

static void sizes_of(struct aspace *as, struct sizes *s)
{
	struct aspace_rss r;

	memset(s, 0, sizeof(*s));
	if (!as)
		return;
	aspace_rss(as, &r);
	rwlock_read_lock(&as->lock);
	s->total = as->total_pages;
	s->rss = r.anon + r.file;
	s->shared = r.file;
	s->tables = r.tables;
	s->peak = (unsigned long)as->rss_peak;
	s->text = (as->code_end - as->code_start + PAGE_SIZE - 1) >> PAGE_SHIFT;
	s->library = as->exec_pages > s->text ? as->exec_pages - s->text : 0;
	s->data = as->data_pages;
	s->stack = as->stack_pages;
	s->locked = as->locked_pages;
	rwlock_read_unlock(&as->lock);
}

static void sizes_take(const struct text *t, struct process *p, struct sizes *s)
{
	struct aspace *as = proclook_aspace(p, t->task);

	sizes_of(as, s);
	if (as)
		aspace_put(as);
}

static unsigned long long ticks(uint64_t ns) { return ns / TICK_NS; }

/* Addresses are for those who may look into the process. */
static void print_stat_memory(struct text *t, struct process *p, const struct procview *v, bool may)
{
	struct aspace *as = proclook_aspace(p, t->task);
	struct sizes s;

	sizes_of(as, &s);
	text_printf(t, "%lu %lu 4294967295 ", s.total << PAGE_SHIFT, s.rss);
	if (as && may)
		text_printf(t, "%lu %lu %lu 0 0 ", as->code_start, as->code_end, as->stack_top);
	else
		text_printf(t, as ? "1 1 0 0 0 " : "0 0 0 0 0 ");
	text_printf(t, "%lu %lu %lu %lu %d 0 0 %d %u %d %d 0 0 0 ", (unsigned long)(v->pending & 0x7fffffff), (unsigned long)(v->blocked & 0x7fffffff),
		    (unsigned long)(v->ignored & 0x7fffffff), (unsigned long)(v->caught & 0x7fffffff), may && v->waiting, v->exit_signal, v->cpu, v->rt_prio,
		    v->policy);
	if (as && may)
		text_printf(t, "%lu %lu %lu %lu %lu %lu %lu ", as->data_start, as->data_end, as->brk_start, as->arg_start, as->arg_end, as->env_start, as->env_end);
	else
		text_printf(t, "0 0 0 0 0 0 0 ");
	if (as)
		aspace_put(as);
}

int procstat_stat(struct text *t, struct process *p)
{
	bool may = !proclook_allowed(p);
	struct procview v;
	int err = procview_take(&v, p, t->task);

	if (err)
		return err;
	text_printf(t, "%d (%s) %c %d %d %d %u %d 0 ", v.tid, v.comm, v.state, v.ppid, v.pgid, v.sid, v.tty, v.foreground);
	text_printf(t, "%llu %llu %llu %llu ", (unsigned long long)v.usage.minflt, (unsigned long long)v.child_usage.minflt, (unsigned long long)v.usage.majflt,
		    (unsigned long long)v.child_usage.majflt);
	text_printf(t, "%llu %llu %llu %llu %d %d %u 0 %llu ", ticks(v.usage.user_ns), ticks(v.usage.system_ns), ticks(v.child_usage.user_ns),
		    ticks(v.child_usage.system_ns), v.priority, v.nice, v.threads, ticks(v.start));
	print_stat_memory(t, p, &v, may);
	text_printf(t, "%d\n", may ? v.exit_status : 0);
	return 0;
}

int procstat_statm(struct text *t, struct process *p)
{
	struct sizes s;

	sizes_take(t, p, &s);
	text_printf(t, "%lu %lu %lu %lu 0 %lu 0\n", s.total, s.rss, s.shared, s.text, s.data + s.stack);
	return 0;
}

static const char *state_name(char c)
{
	switch (c) {
	case 'R': return "R (running)";
	case 'S': return "S (sleeping)";
	case 'D': return "D (disk sleep)";
	case 'T': return "T (stopped)";
	case 't': return "t (tracing stop)";
	case 'Z': return "Z (zombie)";
	default: return "X (dead)";
	}
}

static void print_status_memory(struct text *t, struct process *p)
{
	struct sizes s;

	sizes_take(t, p, &s);
	if (!s.total)
		return;
	text_printf(t, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmPin:\t       0 kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n", KIB(s.total), KIB(s.total), KIB(s.locked),
		    KIB(MAX(s.peak, s.rss)), KIB(s.rss));
	text_printf(t, "RssAnon:\t%8lu kB\nRssFile:\t%8lu kB\nRssShmem:\t%8u kB\n", KIB(s.rss - s.shared), KIB(s.shared), 0);
	text_printf(t, "VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\nVmLib:\t%8lu kB\nVmPTE:\t%8lu kB\nVmSwap:\t%8u kB\n", KIB(s.data), KIB(s.stack), KIB(s.text), KIB(s.library),
		    KIB(s.tables), 0);
}

static unsigned fd_size(struct process *p, bool gone)
{
	struct fdtable *f = gone ? NULL : fdtable_of(p);
	unsigned n = f ? READ_ONCE(f->cap) : 0;

	if (f)
		fdtable_look_end(f);
	return n;
}

/* As a mask, and as ranges: 0-1,3. */
static void print_cpus(struct text *t, uint32_t affinity)
{
	uint32_t mask = affinity & READ_ONCE(cpus_online);
	const char *comma = "";

	text_printf(t, "Cpus_allowed:\t%x\nCpus_allowed_list:\t", mask);
	for (unsigned i = 0; i < MAX_CPUS; i++) {
		unsigned first = i;

		if (!(mask & CPU_BIT(i)))
			continue;
		while (i + 1 < MAX_CPUS && mask & CPU_BIT(i + 1))
			i++;
		text_printf(t, first == i ? "%s%u" : "%s%u-%u", comma, first, i);
		comma = ",";
	}
	text_printf(t, "\n");
}

static void print_umask(struct text *t, struct process *p)
{
	struct fsctx *fs = fsctx_of(p);

	if (fs) {
		text_printf(t, "Umask:\t%04o\n", READ_ONCE(fs->umask));
		fsctx_put(fs);
	}
}

static void print_groups(struct text *t, struct process *p)
{
	const struct cred *c;
	struct cred *mine = NULL;

	spin_lock(&proc_tree_lock);
	c = t->task && t->task->cred ? t->task->cred : process_cred(p);
	if (c)
		mine = cred_get((struct cred *)c);
	spin_unlock(&proc_tree_lock);
	text_printf(t, "Groups:\t");
	for (unsigned i = 0; mine && i < mine->group_count; i++)
		text_printf(t, "%u ", mine->groups[i]);
	text_printf(t, "\n");
	if (mine)
		cred_put(mine);
}

static void print_signals(struct text *t, const struct procview *v)
{
	text_printf(t, "Threads:\t%u\nSigQ:\t%u/%llu\n", v->threads, v->signals_queued, (unsigned long long)v->signal_limit);
	text_printf(t, "SigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n", (unsigned long long)v->pending,
		    (unsigned long long)v->shared_pending, (unsigned long long)v->blocked, (unsigned long long)v->ignored, (unsigned long long)v->caught);
}

static void print_rights(struct text *t, const struct procview *v)
{
	text_printf(t, "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\nCapAmb:\t%016llx\n", (unsigned long long)v->caps[0],
		    (unsigned long long)v->caps[1], (unsigned long long)v->caps[2], (unsigned long long)v->caps[3], (unsigned long long)v->caps[4]);
	text_printf(t, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n", v->no_new_privs);
}

int procstat_status(struct text *t, struct process *p)
{
	bool gone = proclook_gone(p, t->task);
	struct procview v;
	int err = procview_take(&v, p, t->task);

	if (err)
		return err;
	text_printf(t, "Name:\t%s\n", v.comm);
	if (!gone)
		print_umask(t, p);
	text_printf(t, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n", state_name(v.state), v.pid, v.tid, v.ppid,
		    v.tracer);
	text_printf(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\n", v.uid[0], v.uid[1], v.uid[2], v.uid[3], v.gid[0], v.gid[1], v.gid[2], v.gid[3],
		    fd_size(p, gone));
	print_groups(t, p);
	text_printf(t, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", v.pid, v.tid, v.pgid, v.sid);
	print_status_memory(t, p);
	print_signals(t, &v);
	print_rights(t, &v);
	print_cpus(t, v.affinity);
	text_printf(t, "voluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t%llu\n", (unsigned long long)v.voluntary, (unsigned long long)v.forced);
	return 0;
}

int procstat_comm(struct text *t, struct process *p)
{
	struct procview v;
	int err = procview_take(&v, p, t->task);

	if (!err)
		text_printf(t, "%s\n", v.comm);
	return err;
}

/* The name of a process is that of its first thread. */
static void set_name(struct process *p, struct task *t, const char *name)
{
	unsigned long irq = sighand_lock(p);

	if (t)
		str_copy(t->thread.name, name, sizeof(t->thread.name));
	if (!t || t->tid == p->pid)
		str_copy(p->comm, name, sizeof(p->comm));
	sighand_unlock(p, irq);
}

long procstat_set_comm(struct process *p, struct task *t, const char *s, size_t len)
{
	char name[16];

	if (p != process_current())
		return -EINVAL;
	memset(name, 0, sizeof(name));
	memcpy(name, s, MIN(len, sizeof(name) - 1));
	if (t) {
		set_name(p, t, name);
		return 0;
	}
	t = pid_task(p->pid);
	set_name(p, t, name);
	if (t)
		task_put(t);
	return 0;
}

/* ---- what a thread waits for ---- */

/* The thread of the file, with a reference: its own or the process's first; NULL if that has ended. */
static struct task *thread_get_of(struct text *t, struct process *p)
{
	struct task *task = t->task;

	spin_lock(&proc_tree_lock);
	if (!task)
		task = process_first_task(p);
	if (task)
		task_get(task);
	spin_unlock(&proc_tree_lock);
	return task;
}

static bool waits(const struct thread *t) { return READ_ONCE(t->state) != THREAD_RUNNABLE && READ_ONCE(t->state) != THREAD_DEAD && !READ_ONCE(t->on_cpu); }

/* The addresses of return on the stack of a thread that waits. It may go on meanwhile: then they are not true, and nothing worse. */
__unchecked static void trace_of(const struct thread *t, struct stack_trace *trace)
{
	unsigned long low = (unsigned long)t->stack, high = (unsigned long)thread_stack_top(t), fp = arch_thread_fp(&t->arch);

	trace->count = 0;
	while (waits(t) && trace->count < STACK_TRACE_MAX && fp % sizeof(long) == 0 && fp >= low && fp <= high - 2 * sizeof(long)) {
		const unsigned long *frame = (const unsigned long *)fp;

		trace->at[trace->count++] = READ_ONCE(frame[1]);
		if (READ_ONCE(frame[0]) <= fp)
			break;
		fp = READ_ONCE(frame[0]);
	}
}

/* Is it a function that others wait with? */
static bool is_waiting(const char *name)
{
	static const char *const rooms[] = { "sched_", "waitq_", "mutex_", "rwlock_", "thread_", "arch_" };

	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++)
		if (!strncmp(name, rooms[i], strlen(rooms[i])))
			return true;
	return false;
}

int procstat_wchan(struct text *t, struct process *p)
{
	struct task *task = proclook_allowed(p) ? NULL : thread_get_of(t, p);
	struct stack_trace trace = { .count = 0 };
	bool found = false;
	struct symbol s;

	if (task)
		trace_of(&task->thread, &trace);
	for (unsigned i = 0; i < trace.count && !found; i++)
		found = symbol_find(trace.at[i] - 1, &s) && !is_waiting(s.name);
	text_printf(t, "%s", found ? s.name : "0");
	if (task)
		task_put(task);
	return 0;
}

int procstat_stack(struct text *t, struct process *p)
{
	struct task *task = capable(CAP_SYS_ADMIN) ? thread_get_of(t, p) : NULL;
	struct stack_trace trace;
	struct symbol s;

	if (!task)
		return capable(CAP_SYS_ADMIN) ? 0 : -EACCES;
	trace_of(&task->thread, &trace);
	for (unsigned i = 0; i < trace.count; i++)
		if (symbol_find(trace.at[i] - 1, &s))
			text_printf(t, "[<0>] %s+0x%lx/0x%lx\n", s.name, s.offset + 1, s.size);
	task_put(task);
	return 0;
}

int procstat_syscall(struct text *t, struct process *p)
{
	int err = proclook_allowed(p);
	struct task *task = err ? NULL : thread_get_of(t, p);
	const struct trapframe *tf;
	long nr;

	if (err)
		return -EPERM;
	if (!task) {
		text_printf(t, "-1 0x0 0x0\n");
		return 0;
	}
	tf = arch_thread_frame(thread_stack_top(&task->thread));
	nr = READ_ONCE(task->syscall_nr);
	if (!waits(&task->thread)) {
		text_printf(t, "running\n");
	} else if (nr < 0) {
		text_printf(t, "-1 0x%lx 0x%lx\n", tf_sp(tf), tf_ip(tf));
	} else {
		text_printf(t, "%ld", nr);
		for (unsigned i = 0; i < 6; i++)
			text_printf(t, " 0x%lx", tf_arg(tf, i));
		text_printf(t, " 0x%lx 0x%lx\n", tf_sp(tf), tf_ip(tf));
	}
	task_put(task);
	return 0;
}

/* ---- the scheduler's figures ---- */

/* Time on a CPU; time in queues, which is not measured; times that it was given one. */
int procstat_schedstat(struct text *t, struct process *p)
{
	struct procview v;
	int err = procview_take(&v, p, t->task);

	if (!err)
		text_printf(t, "%llu 0 %llu\n", (unsigned long long)(v.usage.user_ns + v.usage.system_ns), (unsigned long long)(v.voluntary + v.forced));
	return err;
}

int procstat_sched(struct text *t, struct process *p)
{
	struct procview v;
	int err = procview_take(&v, p, t->task);
	uint64_t ran;

	if (err)
		return err;
	ran = v.usage.user_ns + v.usage.system_ns;
	text_printf(t, "%s (%d, #threads: %u)\n-------------------------------------------------------------------\n", v.comm, v.tid, v.threads);
	text_printf(t, "%-45s:%14llu.%06u\n", "se.sum_exec_runtime", (unsigned long long)(ran / NSEC_PER_MSEC), (unsigned)(ran % NSEC_PER_MSEC));
	text_printf(t, "%-45s:%21llu\n%-45s:%21llu\n%-45s:%21llu\n", "nr_switches", (unsigned long long)(v.voluntary + v.forced), "nr_voluntary_switches",
		    (unsigned long long)v.voluntary, "nr_involuntary_switches", (unsigned long long)v.forced);
	text_printf(t, "%-45s:%21d\n%-45s:%21d\n", "policy", v.policy, "prio", v.rt_prio ? 99 - v.rt_prio : 120 + v.nice);
	return 0;
}

/* Of a process: with its dead threads, and the children that it has waited for. What is in memory only is never written to a disk or read from one. */
int procstat_io(struct text *t, struct process *p)
{
	struct io_usage io;
	struct procview v;
	int err = proclook_allowed(p);

	if (!err)
		err = procview_take(&v, p, t->task);
	if (err)
		return err;
	io = v.usage.io;
	io_usage_add(&io, &v.child_usage.io);
	text_printf(t, "rchar: %llu\nwchar: %llu\nsyscr: %llu\nsyscw: %llu\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n", (unsigned long long)io.read_bytes,
		    (unsigned long long)io.written_bytes, (unsigned long long)io.reads, (unsigned long long)io.writes);
	return 0;
}
