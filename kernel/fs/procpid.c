/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID. What a line needs is gathered under the locks into a struct view and printed afterwards; memory and files of the process are
 * taken by reference, so it may end in the middle.
 */
#include "fs/procpid.h"
#include "fs/procmount.h"
#include "core/clock.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "task/group.h"
#include "vfs/fdtable.h"
#include "vfs/pagecache.h"
#include "vm/fault.h"

#define TICK_NS 10000000u
#define KIB(pages) ((unsigned long)(pages) << (PAGE_SHIFT - 10))
#define ARGS_MAX (128 * 1024u)

void (*procpid_tty_hook)(struct tty *tty, unsigned *dev, pid_t *foreground);

struct view {
	pid_t pid, ppid, pgid, sid, foreground;
	unsigned tty, threads, cpu;
	char state, comm[16];
	int nice, priority, policy, rt_prio, exit_signal, exit_status;
	uid_t uid[4], gid[4];
	unsigned group_count;
	uint64_t caps[3];
	struct usage usage, child_usage;
	ktime_t start;
	sigset64 pending, shared_pending, blocked, ignored, caught;
	uint64_t voluntary, forced;
	const void *waiting_on;
	uint32_t affinity;
};

static char state_letter(const struct thread *t)
{
	static const char letters[] = { [THREAD_RUNNABLE] = 'R', [THREAD_SLEEPING] = 'S', [THREAD_KILLABLE] = 'D', [THREAD_UNINTERRUPTIBLE] = 'D',
					[THREAD_STOPPED] = 'T', [THREAD_DEAD] = 'X' };

	return letters[READ_ONCE(t->state)];
}

static void view_thread(struct view *v, const struct task *t)
{
	const struct thread *th = &t->thread;

	v->state = state_letter(th);
	v->cpu = th->cpu;
	v->affinity = READ_ONCE(th->affinity);
	v->nice = th->se.nice;
	v->policy = th->se.policy;
	v->rt_prio = th->se.rt_prio;
	v->priority = v->rt_prio ? -1 - v->rt_prio : 20 + v->nice;
	v->waiting_on = th->waiting_on;
}

static void view_cred(struct view *v, const struct cred *c)
{
	memcpy(v->uid, (uid_t[]){ c->uid, c->euid, c->suid, c->fsuid }, sizeof(v->uid));
	memcpy(v->gid, (gid_t[]){ c->gid, c->egid, c->sgid, c->fsgid }, sizeof(v->gid));
	v->group_count = c->group_count;
	memcpy(v->caps, (uint64_t[]){ c->cap_inheritable, c->cap_permitted, c->cap_effective }, sizeof(v->caps));
}

static void view_usage(struct view *v, struct process *p)
{
	struct task *t;

	v->usage = p->usage;
	v->child_usage = p->child_usage;
	list_for_each_entry(t, &p->tasks, process_link) {
		sched_thread_times(&t->thread, &v->usage.user_ns, &v->usage.system_ns);
		v->usage.minflt += t->minflt;
		v->usage.majflt += t->majflt;
		v->voluntary += t->thread.switches_voluntary;
		v->forced += t->thread.switches_forced;
	}
}

static void view_signals(struct view *v, struct process *p, const struct task *t)
{
	unsigned long irq = sighand_lock(p);

	memcpy(v->comm, p->comm, sizeof(v->comm));
	v->shared_pending = p->pending.set;
	if (t) {
		v->pending = t->pending.set;
		v->blocked = t->sigmask;
	}
	for (int i = 1; i <= NSIG; i++) {
		if (p->sighand->action[i - 1].handler == SIG_IGN)
			v->ignored |= SIGBIT(i);
		else if (p->sighand->action[i - 1].handler != SIG_DFL)
			v->caught |= SIGBIT(i);
	}
	sighand_unlock(p, irq);
}

/* -ESRCH when it was reaped. */
static int view_take(struct view *v, struct process *p)
{
	struct task *t;

	memset(v, 0, sizeof(*v));
	spin_lock(&proc_tree_lock);
	if (p->state == PROCESS_REAPED) {
		spin_unlock(&proc_tree_lock);
		return -ESRCH;
	}
	t = process_main_task(p);
	v->pid = p->pid;
	v->ppid = p->parent ? p->parent->pid : 0;
	v->pgid = p->group->pgid;
	v->sid = p->session->sid;
	v->foreground = -1;
	if (p->session->tty && procpid_tty_hook)
		procpid_tty_hook(p->session->tty, &v->tty, &v->foreground);
	v->threads = p->task_count;
	v->exit_signal = p->exit_signal;
	v->exit_status = p->exit_status;
	v->start = p->start_time;
	v->priority = 20;
	view_usage(v, p);
	view_signals(v, p, t);
	if (process_cred(p))
		view_cred(v, process_cred(p));
	if (t) {
		view_thread(v, t);
		if (READ_ONCE(p->stopped)) /* its threads park at their next way out of the kernel */
			v->state = 'T';
	}
	if (p->state == PROCESS_ZOMBIE || !t)
		v->state = 'Z';
	spin_unlock(&proc_tree_lock);
	return 0;
}

bool procpid_alive(struct process *p)
{
	bool alive;

	spin_lock(&proc_tree_lock);
	alive = p->state != PROCESS_REAPED;
	spin_unlock(&proc_tree_lock);
	return alive;
}

void procpid_owner(struct process *p, uid_t *uid, gid_t *gid)
{
	const struct cred *c;

	*uid = 0;
	*gid = 0;
	spin_lock(&proc_tree_lock);
	c = process_cred(p);
	if (c) {
		*uid = c->euid;
		*gid = c->egid;
	}
	spin_unlock(&proc_tree_lock);
}

int procpid_may_look(struct process *p)
{
	const struct cred *me = cred_current();
	struct task *t;
	bool may = p == process_current() || capable(CAP_SYS_PTRACE);

	if (may)
		return 0;
	spin_lock(&proc_tree_lock);
	t = process_main_task(p);
	if (t)
		may = me->fsuid == t->cred->uid && me->fsuid == t->cred->euid && me->fsuid == t->cred->suid;
	spin_unlock(&proc_tree_lock);
	return may ? 0 : -EACCES;
}

/* ---- memory ---- */

struct sizes { unsigned long total, rss, shared, text, data, stack, locked, tables, peak; };

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
	s->data = as->data_pages;
	s->stack = as->stack_pages;
	s->locked = as->locked_pages;
	rwlock_read_unlock(&as->lock);
}

static void sizes_take(struct process *p, struct sizes *s)
{
	struct aspace *as = process_aspace_get(p);

	sizes_of(as, s);
	if (as)
		aspace_put(as);
}

static unsigned long long ticks(uint64_t ns) { return ns / TICK_NS; }

static void print_stat_memory(struct text *t, struct process *p, const struct view *v)
{
	struct aspace *as = process_aspace_get(p);
	struct sizes s;

	sizes_of(as, &s);
	text_printf(t, "%lu %lu 4294967295 ", s.total << PAGE_SHIFT, s.rss);
	if (as)
		text_printf(t, "%lu %lu %lu 0 0 ", as->code_start, as->code_end, as->stack_top);
	else
		text_printf(t, "0 0 0 0 0 ");
	text_printf(t, "%lu %lu %lu %lu %d 0 0 %d %u %d %d 0 0 0 ", (unsigned long)(v->pending & 0x7fffffff), (unsigned long)(v->blocked & 0x7fffffff),
		    (unsigned long)(v->ignored & 0x7fffffff), (unsigned long)(v->caught & 0x7fffffff), v->waiting_on != NULL, v->exit_signal, v->cpu, v->rt_prio,
		    v->policy);
	if (as)
		text_printf(t, "%lu %lu %lu %lu %lu %lu %lu ", as->data_start, as->data_end, as->brk_start, as->arg_start, as->arg_end, as->env_start, as->env_end);
	else
		text_printf(t, "0 0 0 0 0 0 0 ");
	if (as)
		aspace_put(as);
}

static int fill_stat(struct text *t, struct process *p)
{
	struct view v;
	int err = view_take(&v, p);

	if (err)
		return err;
	text_printf(t, "%d (%s) %c %d %d %d %u %d 0 ", v.pid, v.comm, v.state, v.ppid, v.pgid, v.sid, v.tty, v.foreground);
	text_printf(t, "%llu %llu %llu %llu ", (unsigned long long)v.usage.minflt, (unsigned long long)v.child_usage.minflt, (unsigned long long)v.usage.majflt,
		    (unsigned long long)v.child_usage.majflt);
	text_printf(t, "%llu %llu %llu %llu %d %d %u 0 %llu ", ticks(v.usage.user_ns), ticks(v.usage.system_ns), ticks(v.child_usage.user_ns),
		    ticks(v.child_usage.system_ns), v.priority, v.nice, v.threads, ticks(v.start));
	print_stat_memory(t, p, &v);
	text_printf(t, "%d\n", v.exit_status);
	return 0;
}

static int fill_statm(struct text *t, struct process *p)
{
	struct sizes s;

	sizes_take(p, &s);
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
	case 'Z': return "Z (zombie)";
	default: return "X (dead)";
	}
}

static void print_status_memory(struct text *t, struct process *p)
{
	struct sizes s;

	sizes_take(p, &s);
	if (!s.total)
		return;
	text_printf(t, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n", KIB(s.total), KIB(s.total), KIB(s.locked),
		    KIB(MAX(s.peak, s.rss)), KIB(s.rss));
	text_printf(t, "RssAnon:\t%8lu kB\nRssFile:\t%8lu kB\nRssShmem:\t%8u kB\n", KIB(s.rss - s.shared), KIB(s.shared), 0);
	text_printf(t, "VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\nVmLib:\t%8u kB\nVmPTE:\t%8lu kB\nVmSwap:\t%8u kB\n", KIB(s.data), KIB(s.stack), KIB(s.text), 0,
		    KIB(s.tables), 0);
}

static unsigned fd_size(struct process *p)
{
	struct fdtable *f = fdtable_of(p);
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

static int fill_status(struct text *t, struct process *p)
{
	struct view v;
	int err = view_take(&v, p);

	if (err)
		return err;
	text_printf(t, "Name:\t%s\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n", v.comm, state_name(v.state), v.pid, v.pid, v.ppid);
	text_printf(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\n", v.uid[0], v.uid[1], v.uid[2], v.uid[3], v.gid[0], v.gid[1], v.gid[2], v.gid[3],
		    fd_size(p));
	print_status_memory(t, p);
	text_printf(t, "Threads:\t%u\nSigPnd:\t%016llx\nShdPnd:\t%016llx\n", v.threads, (unsigned long long)v.pending, (unsigned long long)v.shared_pending);
	text_printf(t, "SigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n", (unsigned long long)v.blocked, (unsigned long long)v.ignored,
		    (unsigned long long)v.caught);
	text_printf(t, "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\n", (unsigned long long)v.caps[0], (unsigned long long)v.caps[1],
		    (unsigned long long)v.caps[2]);
	print_cpus(t, v.affinity);
	text_printf(t, "voluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t%llu\n", (unsigned long long)v.voluntary, (unsigned long long)v.forced);
	return 0;
}

/* ---- maps ---- */

static void print_region(struct text *t, const struct vma *v)
{
	const struct file *f = v->ops == &mapping_vm_ops ? v->object : NULL;
	uint64_t dev = f ? f->inode->sb->dev : 0, ino = f ? f->inode->ino : 0;

	text_printf(t, "%08lx-%08lx %c%c%c%c %08llx %02x:%02x %llu ", v->start, v->end, v->flags & VMA_READ ? 'r' : '-', v->flags & VMA_WRITE ? 'w' : '-',
		    v->flags & VMA_EXEC ? 'x' : '-', v->flags & VMA_SHARED ? 's' : 'p', f ? (unsigned long long)v->pgoff << PAGE_SHIFT : 0ull, MAJOR(dev), MINOR(dev),
		    (unsigned long long)ino);
	if (f) {
		text_printf(t, "\t\t");
		procpid_path_text(t, &f->path);
	} else if (v->name) {
		text_printf(t, "\t\t%s", v->name);
	} else if (!v->ops && v->flags & VMA_GROWSDOWN) {
		text_printf(t, "\t\t[stack]");
	}
	text_add(t, "\n", 1);
}

static int fill_maps(struct text *t, struct process *p)
{
	int err = procpid_may_look(p); /* where things lie is half of an attack */
	struct aspace *as = err ? NULL : process_aspace_get(p);

	if (!as)
		return err;
	rwlock_read_lock(&as->lock);
	for (struct vma *v = vma_first(as); v; v = vma_next(v))
		print_region(t, v);
	rwlock_read_unlock(&as->lock);
	aspace_put(as);
	return 0;
}

/* ---- arguments and environment: read from the process's own memory ---- */

static int print_memory(struct text *t, struct process *p, bool env)
{
	struct aspace *as = process_aspace_get(p);
	uaddr_t at, end;
	char buf[256];
	ssize_t n;

	if (!as)
		return 0;
	at = env ? as->env_start : as->arg_start;
	end = env ? as->env_end : as->arg_end;
	for (end = MIN(end, at + ARGS_MAX); at < end; at += (uaddr_t)n) {
		n = vm_read_foreign(as, at, buf, MIN(sizeof(buf), (size_t)(end - at)));
		if (n <= 0)
			break;
		text_add(t, buf, (size_t)n);
	}
	aspace_put(as);
	return 0;
}

static int fill_cmdline(struct text *t, struct process *p) { return print_memory(t, p, false); }

static int fill_environ(struct text *t, struct process *p)
{
	int err = procpid_may_look(p);

	return err ? err : print_memory(t, p, true);
}

static int fill_auxv(struct text *t, struct process *p)
{
	int err = procpid_may_look(p);
	struct aspace *as = err ? NULL : process_aspace_get(p);

	if (!as)
		return err;
	text_add(t, (const char *)as->auxv, as->auxv_words * sizeof(as->auxv[0]));
	aspace_put(as);
	return 0;
}

static int fill_comm(struct text *t, struct process *p)
{
	struct view v;
	int err = view_take(&v, p);

	if (!err)
		text_printf(t, "%s\n", v.comm);
	return err;
}

static int fill_limits(struct text *t, struct process *p)
{
	static const struct { const char *name, *unit; } rows[RLIM_COUNT] = {
		{ "Max cpu time", "seconds" }, { "Max file size", "bytes" }, { "Max data size", "bytes" }, { "Max stack size", "bytes" },
		{ "Max core file size", "bytes" }, { "Max resident set", "bytes" }, { "Max processes", "processes" }, { "Max open files", "files" },
		{ "Max locked memory", "bytes" }, { "Max address space", "bytes" }, { "Max file locks", "locks" }, { "Max pending signals", "signals" },
		{ "Max msgqueue size", "bytes" }, { "Max nice priority", "" }, { "Max realtime priority", "" }, { "Max realtime timeout", "us" },
	};
	struct rlimits limits;
	unsigned long irq = sighand_lock(p);

	limits = p->limits;
	sighand_unlock(p, irq);
	text_printf(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (unsigned i = 0; i < RLIM_COUNT; i++) {
		uint64_t both[2] = { limits.cur[i], limits.max[i] };

		text_printf(t, "%-25s ", rows[i].name);
		for (unsigned k = 0; k < 2; k++)
			if (both[k] == RLIM_INFINITY64)
				text_printf(t, "%-20s ", "unlimited");
			else
				text_printf(t, "%-20llu ", (unsigned long long)both[k]);
		text_printf(t, "%-10s\n", rows[i].unit);
	}
	return 0;
}

/* ---- paths ---- */

int procpid_path_text(struct text *t, const struct path *path)
{
	struct path root = thread_current()->user ? fsctx_root(fsctx_current()) : mount_root_path;
	char *buf = kmalloc(PATH_MAX, 0), *name = ERR_PTR(-ENOMEM);

	if (buf)
		name = path_name(path, &root, buf, PATH_MAX, true);
	if (!IS_ERR(name))
		text_add(t, name, strlen(name));
	kfree(buf);
	if (thread_current()->user)
		path_put(&root);
	return IS_ERR(name) ? (int)PTR_ERR(name) : 0;
}

static struct fsctx *fsctx_of(struct process *p)
{
	struct fsctx *fs;

	spin_lock(&proc_tree_lock);
	fs = p->fs;
	if (fs && !refcount_get_unless_zero(&fs->refs))
		fs = NULL;
	spin_unlock(&proc_tree_lock);
	return fs;
}

static int follow_fs(struct process *p, struct path *out, bool root)
{
	int err = procpid_may_look(p);
	struct fsctx *fs = err ? NULL : fsctx_of(p);

	if (!fs)
		return err ? err : -ENOENT;
	*out = root ? fsctx_root(fs) : fsctx_cwd(fs);
	fsctx_put(fs);
	return 0;
}

static int follow_cwd(struct process *p, struct path *out) { return follow_fs(p, out, false); }
static int follow_root(struct process *p, struct path *out) { return follow_fs(p, out, true); }

static int follow_exe(struct process *p, struct path *out)
{
	int err = procpid_may_look(p);
	struct aspace *as = err ? NULL : process_aspace_get(p);
	const struct file *exe;

	if (!as)
		return err ? err : -ENOENT;
	exe = as->exe;
	if (exe) {
		*out = exe->path;
		path_get(out);
	}
	aspace_put(as);
	return exe ? 0 : -ENOENT;
}

int procpid_fd_path(struct process *p, unsigned fd, struct path *out)
{
	int err = procpid_may_look(p);
	struct fdtable *t = err ? NULL : fdtable_of(p);

	if (!t)
		return err ? err : -ENOENT;
	err = fd_path(t, fd, out);
	fdtable_look_end(t);
	return err;
}

#define PID_LINK(n, f) { .name = n, .mode = S_IFLNK | 0777, .follow = f }

const struct proc_node procpid_nodes[] = {
	PROC_FILE("auxv", 0400, fill_auxv),
	PROC_FILE("cmdline", 0444, fill_cmdline),
	PROC_FILE("comm", 0444, fill_comm),
	PID_LINK("cwd", follow_cwd),
	PROC_FILE("environ", 0400, fill_environ),
	PID_LINK("exe", follow_exe),
	{ .name = "fd", .mode = S_IFDIR | 0500, .special = PROC_FD_DIR },
	PROC_FILE("limits", 0444, fill_limits),
	PROC_FILE("maps", 0444, fill_maps),
	{ .name = "mem", .mode = S_IFREG | 0600, .special = PROC_MEM },
	PROC_FILE("mountinfo", 0444, procmount_mountinfo),
	PROC_FILE("mounts", 0444, procmount_mounts),
	PID_LINK("root", follow_root),
	PROC_FILE("stat", 0444, fill_stat),
	PROC_FILE("statm", 0444, fill_statm),
	PROC_FILE("status", 0444, fill_status),
	{ .name = "task", .mode = S_IFDIR | 0555, .special = PROC_TASK_DIR },
};
const unsigned procpid_count = ARRAY_SIZE(procpid_nodes);
