/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID: the names in it, who may look at what, and the texts that belong nowhere else. Memory and files of the process are taken by
 * reference, so it may end in the middle.
 */
#include "fs/procpid.h"
#include "fs/proclook.h"
#include "fs/procmaps.h"
#include "fs/procmarks.h"
#include "fs/procmem.h"
#include "fs/procmount.h"
#include "fs/procstat.h"
#include "fs/proctimers.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/times.h"
#include "task/coreset.h"
#include "task/group.h"
#include "vfs/fdtable.h"
#include "vm/fault.h"

#define ARGS_MAX (128 * 1024u)

bool procpid_alive(struct process *p)
{
	bool alive;

	spin_lock(&proc_tree_lock);
	alive = p->state != PROCESS_REAPED;
	spin_unlock(&proc_tree_lock);
	return alive;
}

void procpid_owner(struct process *p, bool always, uid_t *uid, gid_t *gid)
{
	const struct cred *c;

	*uid = 0;
	*gid = 0;
	spin_lock(&proc_tree_lock);
	c = process_cred(p);
	if (c && (always || p->dumpable == 1)) {
		*uid = c->euid;
		*gid = c->egid;
	}
	spin_unlock(&proc_tree_lock);
}

/* ---- arguments and environment: read from the process's own memory ---- */

static int print_memory(struct text *t, struct process *p, bool env)
{
	struct aspace *as = proclook_aspace(p, t->task);
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
	int err = proclook_allowed(p);

	return err ? err : print_memory(t, p, true);
}

static int fill_core_filter(struct text *t, struct process *p)
{
	if (!proclook_gone(p, t->task))
		text_printf(t, "%08x\n", READ_ONCE(p->core_filter));
	return 0;
}

static long set_core_filter(struct process *p, struct task *t, const char *s, size_t len)
{
	char number[24];
	const char *end;
	unsigned long long v;

	(void)t;
	if (!len || len >= sizeof(number))
		return -EINVAL;
	memcpy(number, s, len);
	number[len] = 0;
	v = str_to_u64(number, &end, 0);
	if (end == number || (*end && *end != '\n') || v > ~0u)
		return -EINVAL;
	WRITE_ONCE(p->core_filter, (unsigned)v & CORE_FILTER_ALL);
	return 0;
}

static int fill_auxv(struct text *t, struct process *p)
{
	int err = proclook_allowed(p);
	struct aspace *as = err ? NULL : proclook_aspace(p, t->task);

	if (!as)
		return err;
	text_add(t, (const char *)as->auxv, as->auxv_words * sizeof(as->auxv[0]));
	aspace_put(as);
	return 0;
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

static int follow_fs(struct process *p, struct path *out, bool root)
{
	struct fsctx *fs = fsctx_of(p);

	if (!fs)
		return -ENOENT;
	*out = root ? fsctx_root(fs) : fsctx_cwd(fs);
	fsctx_put(fs);
	return 0;
}

static int follow_cwd(struct process *p, struct path *out) { return follow_fs(p, out, false); }
static int follow_root(struct process *p, struct path *out) { return follow_fs(p, out, true); }

static int follow_exe(struct process *p, struct path *out)
{
	struct aspace *as = process_aspace_get(p);
	const struct file *exe;

	if (!as)
		return -ENOENT;
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
	struct fdtable *t = fdtable_of(p);
	int err;

	if (!t)
		return -ENOENT;
	err = fd_path(t, fd, out);
	fdtable_look_end(t);
	return err;
}

mode_t procpid_fd_rights(struct process *p, unsigned fd)
{
	struct fdtable *table = fdtable_of(p);
	struct fd_info info = { .mode = 0 };

	if (!table)
		return 0;
	(void)fd_describe(table, fd, &info, false);
	fdtable_look_end(table);
	return (info.mode & FMODE_READ ? 0500u : 0) | (info.mode & FMODE_WRITE ? 0300u : 0);
}

/* Lines of the file's own kind, cut where the page ends. */
static void describe(struct text *t, struct file *f)
{
	char *buf = f->ops->describe ? kmalloc(PAGE_SIZE, 0) : NULL;

	if (buf)
		text_add(t, buf, MIN(f->ops->describe(f, buf, PAGE_SIZE), PAGE_SIZE - 1));
	t->failed |= f->ops->describe && !buf;
	kfree(buf);
}

int procpid_fdinfo(struct text *t, struct process *p)
{
	int err = proclook_allowed(p);
	struct fdtable *table = err ? NULL : fdtable_of(p);
	struct fd_info info;

	if (!table)
		return err ? err : -ENOENT;
	err = fd_describe(table, t->fd, &info, true);
	fdtable_look_end(table);
	if (err)
		return err;
	text_printf(t, "pos:\t%lld\nflags:\t0%o\nmnt_id:\t%d\nino:\t%llu\n", (long long)info.pos, info.flags, info.mnt_id, (unsigned long long)info.ino);
	if (info.special) {
		describe(t, info.special);
		file_put(info.special);
	}
	return 0;
}

static int fill_personality(struct text *t, struct process *p)
{
	if (proclook_allowed(p))
		return -EPERM;
	text_printf(t, "%08lx\n", READ_ONCE(p->personality));
	return 0;
}

/* There is one user namespace, and one control group. */
static int fill_id_map(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "%10u %10u %10u\n", 0, 0, 4294967295u);
	return 0;
}

static int fill_setgroups(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "allow\n");
	return 0;
}

static int fill_cgroup(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "0::/\n");
	return 0;
}

#define PID_LINK(n, f) { .name = n, .mode = S_IFLNK | 0777, .follow = f }
#define PID_MOUNTS(n, m, f) { .name = n, .mode = S_IFREG | (m), .fill = f, .special = PROC_MOUNTS }
#define PID_GUARDED(n, m, f) { .name = n, .mode = S_IFREG | (m), .fill = f, .guarded = true }

const struct proc_node procpid_nodes[] = {
	{ .name = "task", .mode = S_IFDIR | 0555, .special = PROC_TASK_DIR },
	{ .name = "fd", .mode = S_IFDIR | 0500, .special = PROC_FD_DIR },
	{ .name = "fdinfo", .mode = S_IFDIR | 0555, .special = PROC_FDINFO_DIR },
	PID_GUARDED("auxv", 0400, fill_auxv),
	PROC_FILE("cgroup", 0444, fill_cgroup),
	{ .name = "clear_refs", .mode = S_IFREG | 0200, .set = procmaps_clear_refs },
	PROC_FILE("cmdline", 0444, fill_cmdline),
	{ .name = "coredump_filter", .mode = S_IFREG | 0644, .fill = fill_core_filter, .set = set_core_filter },
	{ .name = "comm", .mode = S_IFREG | 0644, .fill = procstat_comm, .set = procstat_set_comm },
	PID_LINK("cwd", follow_cwd),
	PID_GUARDED("environ", 0400, fill_environ),
	PID_LINK("exe", follow_exe),
	PROC_FILE("gid_map", 0444, fill_id_map),
	PROC_FILE("io", 0400, procstat_io),
	PROC_FILE("limits", 0444, fill_limits),
	{ .name = "loginuid", .mode = S_IFREG | 0644, .fill = procmarks_login, .set = procmarks_set_login },
	PID_GUARDED("maps", 0444, procmaps_maps),
	{ .name = "mem", .mode = S_IFREG | 0600, .fops = &procmem_ops },
	PID_MOUNTS("mountinfo", 0444, procmount_mountinfo),
	PID_MOUNTS("mounts", 0444, procmount_mounts),
	PID_MOUNTS("mountstats", 0400, procmount_mountstats),
	PROC_FILE("oom_score", 0444, procmarks_score),
	{ .name = "oom_score_adj", .mode = S_IFREG | 0644, .fill = procmarks_adj, .set = procmarks_set_adj },
	{ .name = "pagemap", .mode = S_IFREG | 0400, .fops = &procmaps_pagemap_ops },
	PROC_FILE("personality", 0400, fill_personality),
	PID_GUARDED("pgtables", 0444, procmaps_pgtables),
	PID_LINK("root", follow_root),
	PROC_FILE("sched", 0444, procstat_sched),
	PROC_FILE("schedstat", 0444, procstat_schedstat),
	PROC_FILE("sessionid", 0444, procmarks_session),
	PROC_FILE("setgroups", 0444, fill_setgroups),
	PID_GUARDED("smaps", 0444, procmaps_smaps),
	PID_GUARDED("smaps_rollup", 0444, procmaps_rollup),
	PROC_FILE("stack", 0400, procstat_stack),
	PROC_FILE("stat", 0444, procstat_stat),
	PROC_FILE("statm", 0444, procstat_statm),
	PROC_FILE("status", 0444, procstat_status),
	PROC_FILE("syscall", 0400, procstat_syscall),
	PROC_FILE("timers", 0444, proctimers_fill),
	PROC_FILE("uid_map", 0444, fill_id_map),
	PROC_FILE("wchan", 0444, procstat_wchan),
};
const unsigned procpid_count = ARRAY_SIZE(procpid_nodes);
