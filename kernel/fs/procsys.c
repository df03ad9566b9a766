/* SPDX-License-Identifier: MIT */
/* /proc/sys (proc(5), sysctl(8)). Limits that have no name in a header are written here as they stand in the rooms that heed them. */
#include "fs/procsys.h"
#include "fs/procipc.h"
#include "core/cmdline.h"
#include "core/spinlock.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/slab.h"
#include "mem/vmap.h"
#include "task/userlimit.h"
#include "task/coreset.h"
#include "task/pid.h"
#include "task/uts.h"
#include "vm/commit.h"
#include "vm/mmap.h"

void (*procsys_random_hook)(void *buf, size_t len);

static size_t line_length(const char *s, size_t len)
{
	const char *end = memchr(s, '\n', len);

	return end ? (size_t)(end - s) : len;
}

static int fill_uts(struct text *t, enum uts_name which)
{
	char name[UTS_NAME_MAX + 1];

	uts_get(which, name);
	text_printf(t, "%s\n", name);
	return 0;
}

static long store_uts(enum uts_name which, const char *s, size_t len) { return uts_set(which, s, MIN(line_length(s, len), (size_t)UTS_NAME_MAX)); }

static int fill_hostname(struct text *t, struct process *p) { return (void)p, fill_uts(t, UTS_HOST); }
static int fill_domainname(struct text *t, struct process *p) { return (void)p, fill_uts(t, UTS_DOMAIN); }
static long store_hostname(const char *s, size_t len) { return store_uts(UTS_HOST, s, len); }
static long store_domainname(const char *s, size_t len) { return store_uts(UTS_DOMAIN, s, len); }

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
#define NUMBER(fn, value) static int fn(struct text *t, struct process *p) { (void)p; text_printf(t, "%lu\n", (unsigned long)(value)); return 0; }

/* ---- kernel/ ---- */

CONSTANT(fill_ostype, UTS_SYSNAME)
CONSTANT(fill_osrelease, UTS_RELEASE)
CONSTANT(fill_osversion, UTS_VERSION)
NUMBER(fill_pid_max, PID_MAX_DEFAULT)
NUMBER(fill_threads_max, PID_MAX_DEFAULT - 1)
NUMBER(fill_ngroups_max, NGROUPS_MAX)
NUMBER(fill_cap_last_cap, CAP_LAST)
NUMBER(fill_randomize, cmdline_has("norandmaps") ? 0 : 2)
NUMBER(fill_overflow_id, 65534)
NUMBER(fill_zero, 0)
NUMBER(fill_one, 1)
NUMBER(fill_rr_timeslice, 100)

/* A version-4 UUID of 16 random bytes. */
static void print_uuid(struct text *t, const unsigned char *b)
{
	for (unsigned i = 0; i < 16; i++)
		text_printf(t, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", i == 6 ? (b[i] & 0xf) | 0x40 : i == 8 ? (b[i] & 0x3f) | 0x80 : b[i]);
	text_printf(t, "\n");
}

static int fill_uuid(struct text *t, struct process *p)
{
	unsigned char bytes[16];

	(void)p;
	procsys_random_hook(bytes, sizeof(bytes));
	print_uuid(t, bytes);
	return 0;
}

/* The same until the machine is started again: made by whoever asks first. */
static int fill_boot_id(struct text *t, struct process *p)
{
	static struct spinlock lock = SPINLOCK_INIT(LOCK_LEAF);
	static unsigned char id[16];
	static bool made;
	unsigned char bytes[16];

	(void)p;
	procsys_random_hook(bytes, sizeof(bytes));
	spin_lock(&lock);
	memcpy(made ? bytes : id, made ? id : bytes, sizeof(id));
	made = true;
	spin_unlock(&lock);
	print_uuid(t, bytes);
	return 0;
}

NUMBER(fill_entropy, 256)

static const struct proc_node random_nodes[] = {
	PROC_FILE("boot_id", 0444, fill_boot_id),
	PROC_FILE("entropy_avail", 0444, fill_entropy),
	PROC_FILE("poolsize", 0444, fill_entropy),
	PROC_FILE("uuid", 0444, fill_uuid),
};

static const struct proc_node kernel_nodes[] = {
	PROC_FILE("cap_last_cap", 0444, fill_cap_last_cap),
	PROC_KNOB("core_pattern", fill_core_pattern, store_core_pattern),
	PROC_KNOB("core_uses_pid", fill_core_uses_pid, store_core_uses_pid),
	PROC_KNOB("domainname", fill_domainname, store_domainname),
	PROC_KNOB("hostname", fill_hostname, store_hostname),
	PROC_FILE("ngroups_max", 0444, fill_ngroups_max),
	PROC_FILE("osrelease", 0444, fill_osrelease),
	PROC_FILE("ostype", 0444, fill_ostype),
	PROC_FILE("overflowgid", 0444, fill_overflow_id),
	PROC_FILE("overflowuid", 0444, fill_overflow_id),
	PROC_FILE("pid_max", 0444, fill_pid_max),
	PROC_DIR("random", random_nodes),
	PROC_FILE("randomize_va_space", 0444, fill_randomize),
	PROC_FILE("sched_rr_timeslice_ms", 0444, fill_rr_timeslice),
	PROC_FILE("tainted", 0444, fill_zero),
	PROC_FILE("threads-max", 0444, fill_threads_max),
	PROC_FILE("version", 0444, fill_osversion),
	PROCIPC_KNOBS(PROCIPC_NODE)
};

/* ---- vm/ ---- */

NUMBER(fill_max_map_count, 65530)
NUMBER(fill_min_addr, VM_MIN_ADDR)
NUMBER(fill_min_free, frame_reserve() << (PAGE_SHIFT - 10))
NUMBER(fill_overcommit, READ_ONCE(vm_overcommit))
NUMBER(fill_overcommit_ratio, READ_ONCE(vm_overcommit_ratio))

static long store_overcommit(const char *s, size_t len) { return store_number(&vm_overcommit, s, len, OVERCOMMIT_NEVER); }
static long store_overcommit_ratio(const char *s, size_t len) { return store_number(&vm_overcommit_ratio, s, len, 1000000); }

static const struct proc_node vm_nodes[] = {
	{ .name = "drop_caches", .mode = S_IFREG | 0200, .fill = fill_one, .store = store_drop_caches },
	PROC_FILE("max_map_count", 0444, fill_max_map_count),
	PROC_FILE("min_free_kbytes", 0444, fill_min_free),
	PROC_FILE("mmap_min_addr", 0444, fill_min_addr),
	PROC_KNOB("overcommit_memory", fill_overcommit, store_overcommit),
	PROC_KNOB("overcommit_ratio", fill_overcommit_ratio, store_overcommit_ratio),
	PROC_FILE("panic_on_oom", 0444, fill_zero),
	PROC_FILE("swappiness", 0444, fill_zero),
};

/* ---- fs/ ---- */

NUMBER(fill_file_max, 2147483647)
NUMBER(fill_nr_open, 1048576)
NUMBER(fill_pipe_max, 1048576)
NUMBER(fill_pipe_user_pages, 16384)
NUMBER(fill_queued_events, 16384)

static int fill_limit(struct text *t, enum userlimit what) { text_printf(t, "%llu\n", (unsigned long long)userlimit_most(what)); return 0; }
static int fill_watches(struct text *t, struct process *p) { return (void)p, fill_limit(t, USER_INOTIFY_WATCHES); }
static int fill_instances(struct text *t, struct process *p) { return (void)p, fill_limit(t, USER_INOTIFY_INSTANCES); }
static int fill_epoll(struct text *t, struct process *p) { return (void)p, fill_limit(t, USER_EPOLL_WATCHES); }

static int fill_file_nr(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "%lu\t0\t2147483647\n", file_live());
	return 0;
}

static int fill_inode_nr(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "%lu\t0\n", inode_live());
	return 0;
}

static const struct proc_node inotify_nodes[] = {
	PROC_FILE("max_queued_events", 0444, fill_queued_events),
	PROC_FILE("max_user_instances", 0444, fill_instances),
	PROC_FILE("max_user_watches", 0444, fill_watches),
};
static const struct proc_node epoll_nodes[] = { PROC_FILE("max_user_watches", 0444, fill_epoll) };

static const struct proc_node fs_nodes[] = {
	PROC_DIR("epoll", epoll_nodes),
	PROC_FILE("file-max", 0444, fill_file_max),
	PROC_FILE("file-nr", 0444, fill_file_nr),
	PROC_FILE("inode-nr", 0444, fill_inode_nr),
	PROC_DIR("inotify", inotify_nodes),
	PROC_DIR("mqueue", procipc_mqueue),
	PROC_FILE("nr_open", 0444, fill_nr_open),
	PROC_FILE("overflowgid", 0444, fill_overflow_id),
	PROC_FILE("overflowuid", 0444, fill_overflow_id),
	PROC_FILE("pipe-max-size", 0444, fill_pipe_max),
	PROC_FILE("pipe-user-pages-hard", 0444, fill_zero),
	PROC_FILE("pipe-user-pages-soft", 0444, fill_pipe_user_pages),
	PROC_KNOB("suid_dumpable", fill_suid_dumpable, store_suid_dumpable),
};

const struct proc_node procsys_nodes[PROCSYS_NODES] = { PROC_DIR("fs", fs_nodes), PROC_DIR("kernel", kernel_nodes), PROC_DIR("vm", vm_nodes) };
