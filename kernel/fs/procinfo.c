/* SPDX-License-Identifier: MIT */
/*
 * The system's part of /proc, in Linux's formats. perigee/counts is the figures that must be the same before and after something that leaves
 * nothing behind: reading it first gives back what is only cached (slabs without objects, free kernel stacks).
 */
#include "fs/procinfo.h"
#include "fs/procipc.h"
#include "fs/proclatency.h"
#include "fs/sysrq.h"
#include "arch/platform.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/slab.h"
#include "mem/vmap.h"
#include "sched/times.h"
#include "task/coreset.h"
#include "task/pid.h"
#include "task/uts.h"
#include "vfs/file.h"
#include "vfs/flock.h"
#include "vfs/pagecache.h"

#define KIB(pages) ((unsigned long)(pages) << (PAGE_SHIFT - 10))
#define LOAD_SHIFT 11
#define TICK_NS 10000000u /* the unit of /proc: USER_HZ is 100 */

static int fill_cmdline(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "%s\n", cmdline_text());
	return 0;
}

static int fill_cpuinfo(struct text *t, struct process *p)
{
	char buf[1024];

	(void)p;
	for (unsigned i = 0; i < cpu_count; i++)
		text_add(t, buf, MIN(arch_cpu_describe(i, buf, sizeof(buf)), sizeof(buf) - 1));
	return 0;
}

static int fill_meminfo(struct text *t, struct process *p)
{
	struct frame_stats s;
	unsigned long cached = pagecache_pages(), committed;

	(void)p;
	frame_stats(&s);
	committed = s.total - s.free;
	text_printf(t, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n", KIB(s.total), KIB(s.free), KIB(s.free));
	text_printf(t, "Buffers:        %8u kB\nCached:         %8lu kB\nSwapCached:     %8u kB\n", 0, KIB(cached), 0);
	text_printf(t, "Active:         %8lu kB\nInactive:       %8u kB\n", KIB(cached), 0);
	text_printf(t, "HighTotal:      %8lu kB\nHighFree:       %8lu kB\n", KIB(s.total - s.direct_total), KIB(s.free - s.direct_free));
	text_printf(t, "LowTotal:       %8lu kB\nLowFree:        %8lu kB\n", KIB(s.direct_total), KIB(s.direct_free));
	text_printf(t, "SwapTotal:      %8u kB\nSwapFree:       %8u kB\nDirty:          %8u kB\n", 0, 0, 0);
	text_printf(t, "AnonPages:      %8lu kB\nShmem:          %8lu kB\n", KIB(s.by_kind[PAGE_ANON]), KIB(cached));
	text_printf(t, "Slab:           %8lu kB\nPageTables:     %8lu kB\n", KIB(s.by_kind[PAGE_SLAB]), KIB(s.by_kind[PAGE_TABLE]));
	text_printf(t, "CommitLimit:    %8lu kB\nCommitted_AS:   %8lu kB\n", KIB(s.total), KIB(committed));
	return 0;
}

static int fill_uptime(struct text *t, struct process *p)
{
	struct sched_stats s;
	uint64_t now = clock_now();

	(void)p;
	sched_stats(&s);
	text_printf(t, "%llu.%02u %llu.%02u\n", (unsigned long long)(now / NSEC_PER_SEC), (unsigned)(now % NSEC_PER_SEC / TICK_NS),
		    (unsigned long long)(s.idle_ns / NSEC_PER_SEC), (unsigned)(s.idle_ns % NSEC_PER_SEC / TICK_NS));
	return 0;
}

static void add_load(struct text *t, unsigned long load)
{
	load += (1u << LOAD_SHIFT) / 200;
	text_printf(t, "%lu.%02lu ", load >> LOAD_SHIFT, ((load & ((1u << LOAD_SHIFT) - 1)) * 100) >> LOAD_SHIFT);
}

static int fill_loadavg(struct text *t, struct process *p)
{
	struct sched_stats s;

	(void)p;
	sched_stats(&s);
	for (unsigned i = 0; i < 3; i++)
		add_load(t, s.load[i]);
	text_printf(t, "%u/%lu %d\n", s.runnable, task_count(), pid_last());
	return 0;
}

static int fill_version(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "%s version %s %s\n", UTS_SYSNAME, UTS_RELEASE, UTS_VERSION);
	return 0;
}

static void print_times(struct text *t, const struct sched_cpu_times *times)
{
	text_printf(t, " %llu 0 %llu %llu 0 0 0 0 0 0\n", (unsigned long long)(times->user_ns / TICK_NS),
		    (unsigned long long)(times->system_ns / TICK_NS), (unsigned long long)(times->idle_ns / TICK_NS));
}

static int fill_stat(struct text *t, struct process *p)
{
	struct sched_cpu_times times[MAX_CPUS], sum = { 0, 0, 0 };
	unsigned count = READ_ONCE(cpu_count);
	struct sched_stats s;
	uint64_t irqs = 0;

	(void)p;
	sched_stats(&s);
	for (unsigned i = 0; i < count; i++) {
		sched_cpu_times(i, &times[i]);
		sum.user_ns += times[i].user_ns;
		sum.system_ns += times[i].system_ns;
		sum.idle_ns += times[i].idle_ns;
		irqs += cpus[i].irqs;
	}
	text_printf(t, "cpu ");
	print_times(t, &sum);
	for (unsigned i = 0; i < count; i++) {
		text_printf(t, "cpu%u", i);
		print_times(t, &times[i]);
	}
	text_printf(t, "intr %llu\nctxt %llu\nbtime %llu\nprocesses %llu\nprocs_running %u\nprocs_blocked 0\n", (unsigned long long)irqs,
		    (unsigned long long)s.switches, (unsigned long long)(clock_boot_wall() / NSEC_PER_SEC), (unsigned long long)s.forks, s.runnable);
	return 0;
}

static void add_type(struct fs_type *type, void *ctx) { text_printf(ctx, "%s\t%s\n", type->nodev ? "nodev" : "", type->name); }

static int fill_filesystems(struct text *t, struct process *p)
{
	(void)p;
	fs_each(add_type, t);
	return 0;
}

static int link_mounts(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "self/mounts");
	return 0;
}

static int link_self(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "%d", process_current()->pid);
	return 0;
}

static int link_thread_self(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "%d/task/%d", process_current()->pid, task_current()->tid);
	return 0;
}

static int fill_swaps(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

static int fill_partitions(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "major minor  #blocks  name\n\n");
	return 0;
}

static void add_slab(const struct slab_cache *c, void *ctx)
{
	text_printf(ctx, "%-24s %8lu %8zu %8lu %8lu\n", c->name, slab_cache_live(c), c->size, c->slabs, c->empty);
}

/* Room is made first: a cache's line may not allocate. */
static int fill_slabinfo(struct text *t, struct process *p)
{
	(void)p;
	t->buf = kmalloc(PAGE_SIZE * 4, 0);
	if (!t->buf)
		return -ENOMEM;
	t->cap = PAGE_SIZE * 4;
	text_printf(t, "# name                     live     size    slabs    empty\n");
	slab_each(add_slab, t);
	return 0;
}

/* ---- perigee/ ---- */

/* Frames that are cut into objects count as free: how many the same objects take depends on how they came to lie, and they are counted below. */
static int fill_counts(struct text *t, struct process *p)
{
	struct frame_stats s;

	(void)p;
	slab_reap();
	vmap_reap();
	frame_stats(&s);
	text_printf(t, "frames_free %lu\nslab_objects %lu\nprocesses %lu\nthreads %lu\n", s.free + s.by_kind[PAGE_SLAB], slab_live(), process_count(), task_count());
	text_printf(t, "inodes %lu\ndentries %lu\nfiles %lu\npagecache %lu\n", inode_live(), dentry_live(), file_live(), pagecache_pages());
	return 0;
}

static int fill_fail_after(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "%ld\n", atomic_read(&alloc_fail_after));
	return 0;
}

/* Debug builds: the n-th allocation from now fails, once. For the tests of what happens then. */
static long store_fail_after(const char *s, size_t len)
{
	(void)len;
	if (!CONFIG_DEBUG || !capable(CAP_SYS_ADMIN))
		return -EPERM;
	atomic_set(&alloc_fail_after, (long)str_to_u64(s, NULL, 10));
	return 0;
}

/* ---- sys/ ---- */

static int fill_hostname(struct text *t, struct process *p)
{
	char name[UTS_NAME_MAX + 1];

	(void)p;
	uts_get(UTS_HOST, name);
	text_printf(t, "%s\n", name);
	return 0;
}

static int fill_domainname(struct text *t, struct process *p)
{
	char name[UTS_NAME_MAX + 1];

	(void)p;
	uts_get(UTS_DOMAIN, name);
	text_printf(t, "%s\n", name);
	return 0;
}

static size_t line_length(const char *s, size_t len)
{
	const char *end = memchr(s, '\n', len);

	return end ? (size_t)(end - s) : len;
}

static long store_hostname(const char *s, size_t len) { return uts_set(UTS_HOST, s, MIN(line_length(s, len), (size_t)UTS_NAME_MAX)); }
static long store_domainname(const char *s, size_t len) { return uts_set(UTS_DOMAIN, s, MIN(line_length(s, len), (size_t)UTS_NAME_MAX)); }

static int fill_core_pattern(struct text *t, struct process *p)
{
	char pattern[CORE_PATTERN_MAX + 1];

	(void)p;
	core_pattern_get(pattern);
	text_printf(t, "%s\n", pattern);
	return 0;
}

static long store_core_pattern(const char *s, size_t len) { return core_pattern_set(s, line_length(s, len)); }

static int fill_core_uses_pid(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "%d\n", READ_ONCE(core_uses_pid));
	return 0;
}

static int fill_suid_dumpable(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "%d\n", READ_ONCE(core_suid_dumpable));
	return 0;
}

/* A number up to max into a single word. */
static long store_number(int *to, const char *s, size_t len, unsigned max)
{
	size_t digits = line_length(s, len);
	unsigned v = 0;

	if (!digits)
		return -EINVAL;
	for (size_t i = 0; i < digits; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -EINVAL;
		v = v * 10 + (unsigned)(s[i] - '0');
		if (v > max)
			return -EINVAL;
	}
	WRITE_ONCE(*to, (int)v);
	return 0;
}

static long store_core_uses_pid(const char *s, size_t len) { return store_number(&core_uses_pid, s, len, 1); }
static long store_suid_dumpable(const char *s, size_t len) { return store_number(&core_suid_dumpable, s, len, DUMP_ROOT); }

/* 1: pages without a user, 2: names and slabs, 3: both. What is dirty stays: there is no disk yet. */
static long store_drop_caches(const char *s, size_t len)
{
	unsigned long long what = len ? str_to_u64(s, NULL, 10) : 0;

	if (what < 1 || what > 3)
		return -EINVAL;
	if (what & 2)
		while (dentry_shrink(0))
			;
	slab_reap();
	vmap_reap();
	return 0;
}

#define CONSTANT(fn, value) static int fn(struct text *t, struct process *p) { (void)p; text_printf(t, "%s\n", value); return 0; }
CONSTANT(fill_ostype, UTS_SYSNAME)
CONSTANT(fill_osrelease, UTS_RELEASE)
CONSTANT(fill_osversion, UTS_VERSION)
CONSTANT(fill_pid_max, "32768")
CONSTANT(fill_ngroups_max, "65536")
CONSTANT(fill_cap_last_cap, "40")
CONSTANT(fill_zero, "0")
CONSTANT(fill_one, "1")
CONSTANT(fill_max_map_count, "65530")
CONSTANT(fill_nr_open, "1048576")
CONSTANT(fill_pipe_max, "1048576")
CONSTANT(fill_file_max, "2147483647")

static int fill_threads_max(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "%u\n", PID_MAX_DEFAULT - 1);
	return 0;
}

static const struct proc_node kernel_nodes[] = {
	PROC_KNOB("hostname", fill_hostname, store_hostname),
	PROC_KNOB("domainname", fill_domainname, store_domainname),
	PROC_KNOB("core_pattern", fill_core_pattern, store_core_pattern),
	PROC_KNOB("core_uses_pid", fill_core_uses_pid, store_core_uses_pid),
	PROC_FILE("ostype", 0444, fill_ostype),
	PROC_FILE("osrelease", 0444, fill_osrelease),
	PROC_FILE("version", 0444, fill_osversion),
	PROC_FILE("pid_max", 0444, fill_pid_max),
	PROC_FILE("threads-max", 0444, fill_threads_max),
	PROC_FILE("ngroups_max", 0444, fill_ngroups_max),
	PROC_FILE("cap_last_cap", 0444, fill_cap_last_cap),
	PROCIPC_KNOBS(PROCIPC_NODE)
};
struct lock_list { struct text *t; unsigned n; };

static void print_lock(const char *kind, const struct flock_request *r, const struct inode *i, void *ctx)
{
	struct lock_list *l = ctx;

	text_printf(l->t, "%u: %-6s ADVISORY  %-5s %d %02x:%02x:%llu %llu ", ++l->n, kind, r->type == 1 ? "WRITE" : "READ", r->pid, MAJOR(i->sb->dev), MINOR(i->sb->dev),
		    (unsigned long long)i->ino, (unsigned long long)r->start);
	if (r->end == FLOCK_END)
		text_printf(l->t, "EOF\n");
	else
		text_printf(l->t, "%llu\n", (unsigned long long)r->end);
}

static int fill_locks(struct text *t, struct process *p)
{
	struct lock_list l = { t, 0 };

	(void)p;
	flock_each(print_lock, &l);
	return 0;
}

static const struct proc_node vm_nodes[] = {
	PROC_FILE("overcommit_memory", 0444, fill_zero),
	PROC_FILE("max_map_count", 0444, fill_max_map_count),
	{ .name = "drop_caches", .mode = S_IFREG | 0200, .fill = fill_one, .store = store_drop_caches },
};
static const struct proc_node fs_nodes[] = {
	PROC_FILE("file-max", 0444, fill_file_max),
	PROC_FILE("nr_open", 0444, fill_nr_open),
	PROC_KNOB("suid_dumpable", fill_suid_dumpable, store_suid_dumpable),
	PROC_FILE("pipe-max-size", 0444, fill_pipe_max),
	PROC_DIR("mqueue", procipc_mqueue),
};
static const struct proc_node sys_nodes[] = { PROC_DIR("kernel", kernel_nodes), PROC_DIR("vm", vm_nodes), PROC_DIR("fs", fs_nodes) };
static const struct proc_node perigee_nodes[] = { PROC_FILE("counts", 0444, fill_counts), PROC_KNOB("fail_after", fill_fail_after, store_fail_after),
	PROC_KNOB("latency", proclatency_fill, proclatency_store) };

const struct proc_node procinfo_nodes[] = {
	PROC_FILE("cmdline", 0444, fill_cmdline),
	PROC_FILE("cpuinfo", 0444, fill_cpuinfo),
	PROC_FILE("filesystems", 0444, fill_filesystems),
	PROC_FILE("loadavg", 0444, fill_loadavg),
	PROC_FILE("locks", 0444, fill_locks),
	PROC_FILE("meminfo", 0444, fill_meminfo),
	{ .name = "mounts", .mode = S_IFLNK | 0777, .link = link_mounts },
	PROC_FILE("partitions", 0444, fill_partitions),
	PROC_DIR("perigee", perigee_nodes),
	{ .name = "self", .mode = S_IFLNK | 0777, .link = link_self },
	PROC_FILE("slabinfo", 0400, fill_slabinfo),
	PROC_FILE("stat", 0444, fill_stat),
	PROC_FILE("swaps", 0444, fill_swaps),
	PROC_DIR("sys", sys_nodes),
	PROC_DIR("sysvipc", procipc_sysvipc),
	{ .name = "thread-self", .mode = S_IFLNK | 0777, .link = link_thread_self },
	{ .name = "sysrq-trigger", .mode = S_IFREG | 0200, .store = sysrq_store },
	PROC_FILE("uptime", 0444, fill_uptime),
	PROC_FILE("version", 0444, fill_version),
};
const unsigned procinfo_count = ARRAY_SIZE(procinfo_nodes);
