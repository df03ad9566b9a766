/* SPDX-License-Identifier: MIT */
/*
 * The system's part of /proc, in Linux's formats: the names, and what concerns neither memory nor devices nor CPUs. perigee/counts is the figures that must be the same before and after something that leaves
 * nothing behind: reading it first gives back what is only cached (slabs without objects, free kernel stacks).
 */
#include "fs/procinfo.h"
#include "fs/procipc.h"
#include "fs/proclatency.h"
#include "fs/procsys.h"
#include "fs/procsystem.h"
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
#include "task/pid.h"
#include "task/uts.h"
#include "vfs/file.h"
#include "vfs/flock.h"
#include "vfs/pagecache.h"

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

/* How deep the kernel's stacks were used at most: only debug builds know. */
static int fill_stacks(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "size %lu\n", THREAD_STACK_PAGES * PAGE_SIZE);
	if (CONFIG_DEBUG)
		text_printf(t, "least_left %lu\n", vmap_stack_least_left());
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

static const struct proc_node perigee_nodes[] = { PROC_FILE("counts", 0444, fill_counts), PROC_KNOB("fail_after", fill_fail_after, store_fail_after),
	PROC_KNOB("latency", proclatency_fill, proclatency_store), PROC_FILE("stacks", 0444, fill_stacks) };

const struct proc_node procinfo_nodes[] = {
	PROC_FILE("cmdline", 0444, fill_cmdline),
	PROC_FILE("cpuinfo", 0444, fill_cpuinfo),
	PROC_FILE("filesystems", 0444, fill_filesystems),
	PROC_FILE("loadavg", 0444, fill_loadavg),
	PROC_FILE("locks", 0444, fill_locks),
	PROC_FILE("devices", 0444, procsystem_devices),
	PROC_FILE("diskstats", 0444, procsystem_nothing),
	PROC_FILE("interrupts", 0444, procsystem_interrupts),
	PROC_FILE("meminfo", 0444, procsystem_meminfo),
	PROC_FILE("modules", 0444, procsystem_nothing),
	{ .name = "mounts", .mode = S_IFLNK | 0777, .link = link_mounts },
	PROC_DIR("perigee", perigee_nodes),
	{ .name = "self", .mode = S_IFLNK | 0777, .link = link_self },
	PROC_FILE("partitions", 0444, procsystem_partitions),
	PROC_FILE("slabinfo", 0400, procsystem_slabinfo),
	PROC_FILE("softirqs", 0444, procsystem_softirqs),
	PROC_FILE("stat", 0444, procsystem_stat),
	PROC_FILE("swaps", 0444, procsystem_swaps),
	{ .name = "sys", .mode = S_IFDIR | 0555, .children = procsys_nodes, .child_count = PROCSYS_NODES },
	PROC_DIR("sysvipc", procipc_sysvipc),
	{ .name = "thread-self", .mode = S_IFLNK | 0777, .link = link_thread_self },
	{ .name = "sysrq-trigger", .mode = S_IFREG | 0200, .store = sysrq_store },
	PROC_FILE("uptime", 0444, fill_uptime),
	PROC_FILE("version", 0444, fill_version),
	PROC_FILE("vmstat", 0444, procsystem_vmstat),
};
const unsigned procinfo_count = ARRAY_SIZE(procinfo_nodes);
