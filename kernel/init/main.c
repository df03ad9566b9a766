/* SPDX-License-Identifier: MIT */
/*
 * The wiring: the one place that knows every layer. It brings the rooms up ground first, fills in each upcall and hook, mounts the root,
 * unpacks the initrd, and starts the first program. What must go up in this kernel goes up through something that is set here.
 */
#include "abi/dispatch.h"
#include "arch/boot.h"
#include "arch/clock.h"
#include "arch/mmu.h"
#include "arch/platform.h"
#include "arch/trap.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/ipi.h"
#include "core/irq.h"
#include "core/klog.h"
#include "core/latency.h"
#include "core/nmi.h"
#include "core/panic.h"
#include "core/timer.h"
#include "dev/console.h"
#include "dev/devices.h"
#include "fs/devfs.h"
#include "fs/initrd.h"
#include "fs/memfd.h"
#include "fs/mqueue.h"
#include "fs/procfs.h"
#include "fs/procipc.h"
#include "fs/tmpfs.h"
#include "lib/string.h"
#include "init/smp.h"
#include "mem/bootmem.h"
#include "mem/frame.h"
#include "mem/sanitizeprobe.h"
#include "mem/slab.h"
#include "mem/vmap.h"
#include "proc/exit.h"
#include "proc/init.h"
#include "proc/oom.h"
#include "proc/sysvproc.h"
#include "proc/usertrap.h"
#include "sched/grace.h"
#include "sched/kthread.h"
#include "sched/sched.h"
#include "task/commitsum.h"
#include "task/group.h"
#include "vfs/dentry.h"
#include "vfs/mount.h"
#include "vfs/pagecache.h"
#include "vfs/path.h"
#include "vfs/vfs.h"
#include "vm/aspace.h"
#include "vm/commit.h"

static const struct trap_ops trap_ops = {
	.page_fault = usertrap_page_fault,
	.user_exception = usertrap_exception,
	.syscall = dispatch_syscall,
	.irq = irq_dispatch,
	.timer = timer_interrupt,
	.ipi = ipi_interrupt,
	.irq_enter = irq_enter,
	.irq_exit = sched_irq_exit,
	.user_return = usertrap_return,
	.nmi = nmi_arrived,
	.fatal = panic_trap,
};

#define INIT_WORDS_MAX 32

/* Words that are the kernel's own though nobody has asked for them yet when init starts: init is not told of them. */
static const char *const own_words[] = {
	"acpi", "console", "debug", "debug_exit", "init", "loglevel", "maxcpus", "noapic", "nolapic", "norandmaps", "nosmp", "panic", "quiet",
	"rdinit", "ro", "root", "rootflags", "rootfstype", "rw", "strace", "vdso",
};

static const char *const init_candidates[] = { "/sbin/init", "/etc/init", "/bin/init", "/bin/sh" };

/* Init is gone: the machine has nothing left to do. Its status goes to the debug port, if the command line names one. */
static void machine_end(int status)
{
	unsigned port = (unsigned)cmdline_u64("debug_exit", 0);
	unsigned code = status & 0x7f ? 128u + ((unsigned)status & 0x7f) : (unsigned)status >> 8 & 0xff;

	klog_info("init exited with status %u", code);
	klog_flush();
	if (port)
		arch_debug_exit(port, code);
	arch_power(POWER_OFF);
}

/* Tries one program as init; true when it runs. */
static bool try_init(const char *path, const char **argv, const char *const *envp)
{
	long err;

	argv[0] = path;
	err = proc_start_init(path, argv, envp);
	if (err && err != -ENOENT)
		klog_warn("cannot start %s: error %ld", path, -err);
	return !err;
}

static bool defines(const char *const *envp, const char *name, size_t n)
{
	for (; *envp; envp++)
		if (!strncmp(*envp, name, n))
			return true;
	return false;
}

/* The command line's variables, and HOME and TERM where it does not set them. envp has room for two more than INIT_WORDS_MAX and the end. */
static void init_environment(const char **envp)
{
	unsigned n = cmdline_init_env(envp, INIT_WORDS_MAX);

	if (!defines(envp, "HOME=", 5))
		envp[n++] = "HOME=/";
	if (!defines(envp, "TERM=", 5))
		envp[n++] = "TERM=linux";
}

/* The order is Linux's: rdinit= or /init from the initrd, then init=, then the usual places. */
static void start_first_program(void)
{
	static const char *argv[INIT_WORDS_MAX + 2];
	static const char *envp[INIT_WORDS_MAX + 3];
	const char *rdinit = cmdline_get("rdinit"), *init = cmdline_get("init");

	for (size_t i = 0; i < ARRAY_SIZE(own_words); i++)
		cmdline_has(own_words[i]);
	cmdline_init_args(argv + 1, INIT_WORDS_MAX);
	init_environment(envp);
	if (try_init(rdinit ? rdinit : "/init", argv, envp))
		return;
	if (init) {
		if (try_init(init, argv, envp))
			return;
		panic("requested init %s failed", init);
	}
	for (size_t i = 0; i < ARRAY_SIZE(init_candidates); i++)
		if (try_init(init_candidates[i], argv, envp))
			return;
	panic("no init found; pass init= or rdinit=, or an initrd with /init");
}

static void mount_devices(void)
{
	struct path dev;

	path_mkdir(AT_FDCWD, "/dev", 0755);
	if (path_lookup_kernel("/dev", WALK_FOLLOW | WALK_DIRECTORY, &dev))
		return;
	if (mount_new("devtmpfs", &dev, "devtmpfs", 0, NULL))
		klog_warn("cannot mount /dev");
	path_put(&dev);
}

/* What needs to sleep: the files, then the first program. Runs in a kernel thread. */
static void late_init(void *unused)
{
	const struct boot_info *boot = arch_boot_info();

	(void)unused;
	smp_init();
	sanitize_probe(cmdline_get("sanitize_probe"));
	if (mount_root("rootfs", &mount_root_path))
		panic("cannot mount the root");
	if (boot->initrd.end > boot->initrd.start)
		initrd_unpack(boot->initrd.start, boot->initrd.end);
	mount_devices();
	start_first_program();
}

static void memory_init(void)
{
	bootmem_init();
	arch_mmu_init();
	frame_init();
	slab_init();
	vmap_init();
}

static void files_init(void)
{
	vfs_init();
	tmpfs_init();
	procfs_init();
	devfs_init();
	memfd_init();
	mqueue_init();
	devices_init();
}

/* All that processes may write to, and the files that are memory. */
static unsigned long committed(void) { return commitsum() + pagecache_pages(); }
static bool lock_free(void) { return capable(CAP_IPC_LOCK); }

__noreturn void kernel_main(void)
{
	cmdline_init(arch_boot_info()->cmdline);
	console_early_init();
	panic_init();
	memory_init();
	arch_trap_init(&trap_ops);
	arch_platform_init();
	arch_clock_init();
	clock_init();
	timer_init();
	sched_init();
	slab_grace_hook = grace_wait;
	latency_init();
	kthread_init();
	aspace_init();
	proc_init();
	vm_oom_hook = oom_kill;
	procipc_shm_hook = sysvproc_shm;
	procipc_sem_hook = sysvproc_sem;
	procipc_msg_hook = sysvproc_msg;
	vm_lock_free_hook = lock_free;
	vm_committed_hook = committed;
	process_release_hook = pgroup_release;
	proc_init_exit_hook = machine_end;
	files_init();
	klog_info("Perigee: %lu MiB of memory", frame_free_count() >> (20 - PAGE_SHIFT));
	if (!kthread_start("init", late_init, NULL))
		panic("no memory to start");
	arch_irq_enable();
	sched_idle_loop();
}
