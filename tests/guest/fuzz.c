/* SPDX-License-Identifier: MIT */
/*
 * Random system calls with the arguments that are most likely to hurt: bad and half-mapped pointers, huge and odd sizes, wild descriptors and
 * flags; by several processes at once, with threads, and with signals in the middle. That the machine lives, that the watchers are not harmed,
 * and that all counts are back afterwards is what is tested.
 *
 *   SEED=n           another sequence (on the kernel's command line, or in the environment); it is in the reason of a failure
 *   FUZZ_SECONDS=n   longer than the 4 seconds of a usual run (the frame ends a test after 20)
 *   FUZZ_TRACE=1     each call is printed before it is made
 *   FUZZ_FAIL=1      allocations fail now and then (debug builds); that hits the watchers too, so only a dead machine counts
 *
 * What a worker does follows from its seed alone, but for what it sees of the others.
 */
#include "guest.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/shm.h>

#define WATCHERS 3
#define CALLS 600         /* that one worker makes */
#define WORKER_MS 400     /* then it is killed */
#define MAX_PROCESSES 40
#define ROOT_EVERY 4 /* workers; the others are nobody in particular */
#define ARGS 6

static unsigned long rnd_state;
static unsigned char *room;   /* pages: rw, rw, read-only, no access; then nothing */
static bool trace, is_root;
static int knob = -1;
static pid_t watcher;
static int depth;

static unsigned rnd(unsigned below)
{
	rnd_state = rnd_state * 1103515245u + 12345u;
	return (unsigned)(rnd_state >> 8) % below;
}

#define PICK(array) ((array)[rnd(sizeof(array) / sizeof((array)[0]))])

static long call6(long nr, const long a[ARGS])
{
	long block[2] = {nr, a[5]}, ret;

	__asm__ volatile("push %%ebp\n\tpush %%ebx\n\tmov 4(%%eax), %%ebp\n\tmov (%%edi), %%ebx\n\tmov (%%eax), %%eax\n\t"
			 "mov 4(%%edi), %%ecx\n\tmov 8(%%edi), %%edx\n\tmov 12(%%edi), %%esi\n\tmov 16(%%edi), %%edi\n\t"
			 "int $0x80\n\tpop %%ebx\n\tpop %%ebp"
			 : "=a"(ret), "+D"(a)
			 : "a"(block)
			 : "ecx", "edx", "esi", "memory", "cc");
	return ret;
}

/* ---- arguments ---- */

static const char *const names[] = {
	"a", "b", "d", "d/x", "d/../a", "link", "loop", "", "fifo", "/proc/self/stat", "/proc/self/maps", "/proc/self/mem", "/proc/self/fd/3", "/proc/self/exe",
	"/dev/zero", "/dev/null", "/dev/full", ".", "d/", "a/", "//", "nothing/here", "/proc/self/cmdline", "/proc/self/status", "/dev/urandom", "/proc/self",
};

/* A name in user memory: mostly whole, sometimes at the very end of it, cut off, or too long. */
static long any_name(void)
{
	static char text[8][64], huge[5000];
	char *to = text[rnd(8)];
	const char *name = PICK(names);


	switch (rnd(12)) {
	case 0:
		memset(huge, 'x', sizeof(huge));
		huge[rnd(2) ? 255 : rnd(sizeof(huge))] = 0;
		return (long)huge;
	case 1:
		memcpy(room + 2 * PAGE - strlen(name) - 1, name, strlen(name) + 1);
		return (long)(room + 2 * PAGE - strlen(name) - 1);
	case 2:
		return (long)(room + 3 * PAGE - 1);
	default:
		strcpy(to, name);
		return (long)to;
	}
}

static long any_pointer(void)
{
	static const long wild[] = {0, 1, 3, -1, -4, -4096, 0x10000, (long)0xc0000000, (long)0xbffffffc, (long)0xbffff000, 0x7fffffff, (long)0x80000000,
				    (long)0xffc00000, 0x08048000};
	static const unsigned back[] = {0, 1, 2, 3, 4, 8, 12, 16, 24, 64, 128, 256};
	unsigned page = rnd(5);

	switch (rnd(8)) {
	case 0: return PICK(wild);
	case 1: return (long)(room + page * PAGE - PICK(back) * (page > 0));
	case 2: return (long)(room + rnd(5 * PAGE));
	default: return (long)(room + rnd(PAGE) / 8 * 8);
	}
}

static long any_size(void)
{
	static const long sizes[] = {0, 1, 2, 3, 4, 7, 8, 12, 16, 24, 64, 128, 255, 256, 4095, 4096, 4097, 8192, 65536, 0x7fffffff, (long)0x80000000, -1, -4096, 0x7ffff000,
				     0x100000};

	return rnd(3) ? (long)rnd(300) : PICK(sizes);
}

static long any_fd(void)
{
	static const long fds[] = {-1, -100, 31, 32, 63, 64, 1023, 1024, 0x7fffffff, (long)0x80000000};

	return rnd(5) ? (long)rnd(14) : PICK(fds);
}

static long any_flags(void)
{
	static const long some[] = {0, 1, 2, 4, 0x42, 0x241, 0x442, 02000000, 04000, 0200000, 0400000, -1, 0x1000, 0x2000, 0x100, 0x80000000l, 0x22, 0x21, 0x32, 0x31};

	return rnd(3) ? PICK(some) : rnd(4) ? 1l << rnd(32) : (long)(rnd(65536) << 16 | rnd(65536));
}

static long any_number(void)
{
	static const long some[] = {0, 1, -1, 2, 3, 10, 100, 1000, 4096, 65536, 0x7fffffff, (long)0x80000000, 999999999, 1000000000};

	return rnd(2) ? PICK(some) : (long)rnd(70);
}

/* Itself, something that is not there, or its group; never init, never everybody. */
static long any_pid(void)
{
	static const long none[] = {0, 999999, 0x7fffffff, (long)0x80000000};

	return rnd(2) ? (long)getpid() : PICK(none);
}

static long any_signal(void)
{
	static const long mild[] = {SIGUSR1, SIGUSR2, SIGCHLD, SIGCONT, SIGWINCH, SIGALRM, SIGIO, 40, 64, 0, -1, 65, SIGURG};

	return rnd(20) ? PICK(mild) : (long)rnd(65);
}

/* Fills some of the room with what calls expect: small numbers, pointers, times. */
static void stir(void)
{
	for (int i = 0; i < 12; i++) {
		unsigned at = rnd(PAGE / 4);

		((long *)room)[at] = rnd(3) == 0 ? any_pointer() : rnd(2) ? any_number() : rnd(2) ? any_size() : (long)rnd(16);
	}
}

/* ---- calls ---- */

/* Letters: f descriptor, p pointer, s name, n size, x flags, i number, P process, g signal. */
struct entry {
	short nr;
	const char *args;
};

static const struct entry table[] = {
	{SYS_read, "fpn"}, {SYS_write, "fpn"}, {SYS_open, "sxi"}, {SYS_openat, "fsxi"}, {SYS_close, "f"}, {SYS_creat, "si"}, {SYS_link, "ss"}, {SYS_unlink, "s"},
	{SYS_chdir, "s"}, {SYS_mknod, "sxi"}, {SYS_chmod, "si"}, {SYS_lseek, "fni"}, {SYS_access, "si"}, {SYS_rename, "ss"}, {SYS_mkdir, "si"}, {SYS_rmdir, "s"},
	{SYS_dup, "f"}, {SYS_pipe, "p"}, {SYS_times, "p"}, {SYS_brk, "p"}, {SYS_ioctl, "fip"}, {SYS_fcntl, "fip"}, {SYS_umask, "i"}, {SYS_dup2, "ff"},
	{SYS_sigaction, "gpp"}, {SYS_sigsuspend, "iii"}, {SYS_sigpending, "p"}, {SYS_setrlimit, "ip"}, {SYS_getrlimit, "ip"}, {SYS_getrusage, "ip"},
	{SYS_gettimeofday, "pp"}, {SYS_getgroups, "ip"}, {SYS_symlink, "ss"}, {SYS_readlink, "spn"}, {SYS_munmap, "pn"}, {SYS_truncate, "sn"},
	{SYS_ftruncate, "fn"}, {SYS_fchmod, "fi"}, {SYS_fchown, "fii"}, {SYS_getpriority, "iP"}, {SYS_statfs, "sp"}, {SYS_fstatfs, "fp"}, {SYS_setitimer, "ipp"},
	{SYS_getitimer, "ip"}, {SYS_stat, "sp"}, {SYS_lstat, "sp"}, {SYS_fstat, "fp"}, {SYS_wait4, "Pppp"}, {SYS_sysinfo, "p"}, {SYS_fsync, "f"},
	{SYS_uname, "p"}, {SYS_mprotect, "pnx"}, {SYS_sigprocmask, "ipp"}, {SYS_getpgid, "P"}, {SYS_fchdir, "f"}, {SYS__llseek, "fiipi"}, {SYS_getdents, "fpn"},
	{SYS__newselect, "ipppp"}, {SYS_flock, "fx"}, {SYS_msync, "pnx"}, {SYS_readv, "fpi"}, {SYS_writev, "fpi"}, {SYS_getsid, "P"}, {SYS_mlock, "pn"},
	{SYS_munlock, "pn"}, {SYS_mlockall, "x"}, {SYS_munlockall, ""}, {SYS_sched_getparam, "Pp"}, {SYS_sched_yield, ""}, {SYS_mremap, "pnnxp"},
	{SYS_poll, "pni"}, {SYS_prctl, "iiiii"}, {SYS_rt_sigaction, "gppn"}, {SYS_rt_sigprocmask, "ippn"}, {SYS_rt_sigpending, "pn"}, {SYS_rt_sigtimedwait, "pppn"},
	{SYS_rt_sigqueueinfo, "Pgp"}, {SYS_rt_sigsuspend, "pn"}, {SYS_pread64, "fpnii"}, {SYS_pwrite64, "fpnii"}, {SYS_getcwd, "pn"}, {SYS_capget, "pp"},
	{SYS_sigaltstack, "pp"}, {SYS_sendfile, "ffpn"}, {SYS_mmap2, "pnxxfi"}, {SYS_truncate64, "sii"}, {SYS_ftruncate64, "fii"}, {SYS_stat64, "sp"},
	{SYS_lstat64, "sp"}, {SYS_fstat64, "fp"}, {SYS_chown32, "sii"}, {SYS_mincore, "pnp"}, {SYS_madvise, "pni"}, {SYS_getdents64, "fpn"}, {SYS_fcntl64, "fip"},
	{SYS_readahead, "fiin"}, {SYS_futex, "piippi"}, {SYS_futex, "pxippi"}, {SYS_sched_setaffinity, "Pnp"}, {SYS_sched_getaffinity, "Pnp"}, {SYS_set_thread_area, "p"},
	{SYS_get_thread_area, "p"}, {SYS_fadvise64, "fiini"}, {SYS_set_tid_address, "p"}, {SYS_clock_gettime, "ip"}, {SYS_clock_getres, "ip"},
	{SYS_clock_nanosleep, "ixpp"}, {SYS_statfs64, "snp"}, {SYS_utimes, "sp"}, {SYS_waitid, "iPpxp"}, {SYS_mkdirat, "fsi"}, {SYS_mknodat, "fsxi"},
	{SYS_fchownat, "fsiix"}, {SYS_fstatat64, "fspx"}, {SYS_unlinkat, "fsx"}, {SYS_renameat, "fsfs"}, {SYS_linkat, "fsfsx"}, {SYS_symlinkat, "sfs"},
	{SYS_readlinkat, "fspn"}, {SYS_fchmodat, "fsi"}, {SYS_faccessat, "fsi"}, {SYS_pselect6, "ippppp"}, {SYS_ppoll, "pnppn"}, {SYS_set_robust_list, "pn"},
	{SYS_get_robust_list, "Ppp"}, {SYS_utimensat, "fspx"}, {SYS_dup3, "ffx"}, {SYS_pipe2, "px"}, {SYS_preadv, "fpiii"}, {SYS_pwritev, "fpiii"},
	{SYS_rt_tgsigqueueinfo, "PPgp"}, {SYS_prlimit64, "Pipp"}, {SYS_renameat2, "fsfsx"}, {SYS_getrandom, "pnx"}, {SYS_statx, "fsxxp"}, {SYS_close_range, "ffx"},
	{SYS_faccessat2, "fsix"}, {SYS_execve, "spp"}, {SYS_getcpu, "ppp"}, {SYS_tgkill, "PPg"}, {SYS_tkill, "Pg"}, {SYS_kill, "Pg"}, {SYS_alarm, "i"},
	{SYS_fallocate, "fxiiii"}, {SYS_memfd_create, "sx"}, {SYS_eventfd2, "ix"}, {SYS_signalfd4, "fpnx"}, {SYS_epoll_create1, "x"}, {SYS_epoll_ctl, "fifp"},
	{SYS_epoll_wait, "fpii"}, {SYS_epoll_pwait, "fpiipn"}, {SYS_timerfd_create, "ix"}, {SYS_timerfd_settime, "fxpp"}, {SYS_timerfd_gettime, "fp"},
	{SYS_timer_create, "ipp"}, {SYS_timer_settime, "ixpp"}, {SYS_timer_gettime, "ip"}, {SYS_timer_delete, "i"}, {SYS_timer_getoverrun, "i"},
	{SYS_copy_file_range, "fpfpnx"}, {SYS_preadv2, "fpiiix"}, {SYS_pwritev2, "fpiiix"}, {SYS_nanosleep, "pp"}, {SYS_personality, "x"},
	{SYS_rt_sigreturn, ""}, {SYS_sigreturn, ""}, {SYS_restart_syscall, ""}, {SYS_setfsuid32, "i"}, {SYS_sched_getscheduler, "P"}, {SYS_setpgid, "PP"},
};

/* What a call may not do: it would end the test, the machine, or the judges. */
static bool forbidden(long nr)
{
	static const short never[] = {
		SYS_exit, SYS_exit_group, SYS_fork, SYS_vfork, SYS_clone, SYS_clone3, SYS_reboot, SYS_mount, SYS_umount, SYS_umount2, SYS_chroot, SYS_pivot_root, SYS_stime,
		SYS_settimeofday, SYS_clock_settime, SYS_clock_settime64, SYS_adjtimex, SYS_clock_adjtime, SYS_clock_adjtime64, SYS_sethostname, SYS_setdomainname, SYS_syslog,
		SYS_swapon, SYS_swapoff, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_iopl, SYS_ioperm, SYS_vm86, SYS_vm86old, SYS_modify_ldt,
		SYS_ptrace, SYS_setsid, SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr, SYS_setpriority, SYS_nice, SYS_unshare, SYS_setns, SYS_kill, SYS_tkill,
		SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_send_signal, SYS_prlimit64, SYS_pause, SYS_bpf, SYS_seccomp, SYS_acct, SYS_quotactl, SYS_ioprio_set,
		SYS_move_mount, SYS_fsmount, SYS_open_tree, SYS_process_vm_writev, SYS_migrate_pages, SYS_vhangup, SYS_io_uring_setup, SYS_userfaultfd,
	};

	for (unsigned i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (never[i] == nr)
			return true;
	return nr < 0;
}

static long argument(char kind)
{
	if (rnd(15) == 0)
		kind = "fpsnxiP"[rnd(7)];
	switch (kind) {
	case 'f': return any_fd();
	case 'p': return any_pointer();
	case 's': return any_name();
	case 'n': return any_size();
	case 'x': return any_flags();
	case 'P': return any_pid();
	case 'g': return any_signal();
	default: return any_number();
	}
}

static void one_call(void)
{
	const struct entry *e = &PICK(table);
	const char *kinds = e->args;
	long nr = e->nr, a[ARGS] = {0};

	if (rnd(12) == 0) {
		nr = (long)rnd(470);
		kinds = "ppppii";
		if (forbidden(nr))
			return;
	}
	for (int i = 0; i < ARGS; i++)
		a[i] = *kinds ? argument(*kinds++) : (long)rnd(4);
	if (is_root && (nr == SYS_mknod || nr == SYS_mknodat))
		return; /* whatever device it would be */
	/* the wrong process must not be hit by a stray argument */
	if (nr == SYS_kill || nr == SYS_tkill || nr == SYS_tgkill || nr == SYS_rt_sigqueueinfo || nr == SYS_rt_tgsigqueueinfo || nr == SYS_prlimit64 || nr == SYS_setpgid)
		a[0] = rnd(2) ? getpid() : 999999;
	if (trace)
		dprintf(1000, "%d: %ld(%#lx %#lx %#lx %#lx %#lx %#lx)\n", getpid(), nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	call6(nr, a);
}

static int thread_body(void *arg)
{
	rnd_state = (unsigned long)arg;
	for (int i = 0; i < 40; i++)
		one_call();
	syscall(SYS_exit, 0);
	return 0;
}

/* A child, or a thread, that makes some calls beside its parent. */
static void branch(void)
{
	static const int shares[] = {0, 0, 0, CLONE_FILES, CLONE_FS, CLONE_FILES | CLONE_FS, CLONE_PARENT, CLONE_VFORK};
	char *stack;

	if (depth > 2)
		return;
	if (rnd(3) == 0) {
		stack = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (stack != MAP_FAILED)
			clone(thread_body, stack + 4 * PAGE - 64, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, (void *)(long)rnd(1u << 24));
		return;
	}
	if (syscall(SYS_clone, PICK(shares) | SIGCHLD, NULL, NULL, NULL, NULL) != 0) {
		if (rnd(2))
			waitpid(-1, NULL, rnd(2) ? WNOHANG : 0);
		return;
	}
	depth++;
	rnd_state += 77;
	for (int i = 0; i < 40; i++)
		one_call();
	_exit(0);
}

static void on_signal(int sig UNUSED) {}

static void worker_limits(void)
{
	static const struct { int what; rlim_t most; } limits[] = {{RLIMIT_AS, 96 << 20}, {RLIMIT_FSIZE, 2 << 20}, {RLIMIT_NOFILE, 64}, {RLIMIT_NPROC, MAX_PROCESSES}, {RLIMIT_CORE, 0}};

	for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		setrlimit(limits[i].what, &(struct rlimit){limits[i].most, limits[i].most});
}

/* Descriptors of all kinds, names of all kinds, a room with edges; then the calls. */
static void worker(unsigned seed)
{
	static const int signals[] = {SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE, SIGXFSZ, SIGIO, 40, 64};
	struct sigaction action = {.sa_handler = on_signal};
	int p[2];

	rnd_state = seed;
	is_root = seed % ROOT_EVERY == 0;
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	room = mmap(NULL, 5 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(room + 4 * PAGE, PAGE);
	mprotect(room + 3 * PAGE, PAGE, PROT_NONE);
	mprotect(room + 2 * PAGE, PAGE, PROT_READ);
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		action.sa_flags = rnd(2) ? SA_RESTART : 0;
		sigaction(signals[i], &action, NULL);
	}
	if (trace)
		dup2(1, 1000);
	close_range(0, trace ? 900 : ~0u, 0);
	open("/dev/null", O_RDWR);
	open("a", O_RDWR | O_CREAT, 0666);
	open("b", O_RDWR | O_CREAT | O_APPEND, 0666);
	open(".", O_RDONLY);
	if (pipe2(p, O_NONBLOCK) == 0)
		fcntl(p[1], F_SETPIPE_SZ, 4096);
	open("/dev/zero", O_RDONLY);
	open("/proc/self/maps", O_RDONLY);
	open("fifo", O_RDWR | O_NONBLOCK);
	open("d", O_PATH);
	worker_limits();
	if (is_root ? chroot(".") < 0 : setgid(1000) < 0 || setuid(1000) < 0) /* who may do all is kept away from what others need */
		_exit(3);
	for (int i = 0; i < CALLS; i++) {
		if (i % 8 == 0)
			stir();
		if (rnd(40) == 0)
			branch();
		one_call();
	}
	_exit(0);
}

/* ---- watching ---- */

static unsigned long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned long)ts.tv_sec * 1000 + (unsigned long)ts.tv_nsec / 1000000;
}

/* Children of this process that are left over (they left the worker's group, or outlived it) are ended and reaped. */
static void sweep_children(void)
{
	unsigned long until = now_ms() + 10000;
	int status;

	for (;;) {
		pid_t got = waitpid(-1, &status, WNOHANG | __WALL);
		DIR *proc;
		struct dirent *e;

		if (got > 0)
			continue;
		if (got < 0 && errno == ECHILD)
			return;
		if (now_ms() > until)
			FAIL("a child cannot be ended");
		proc = opendir("/proc");
		while (proc && (e = readdir(proc)) != NULL) {
			char path[60], text[300], *p;
			int fd;
			ssize_t n;

			snprintf(path, sizeof(path), "/proc/%.20s/stat", e->d_name);
			if (e->d_name[0] < '1' || e->d_name[0] > '9' || (fd = open(path, O_RDONLY)) < 0)
				continue;
			n = read(fd, text, sizeof(text) - 1);
			close(fd);
			text[n > 0 ? n : 0] = 0;
			p = strrchr(text, ')');
			if (p && atoi(p + 4) == getpid())
				kill(atoi(e->d_name), SIGKILL);
		}
		if (proc)
			closedir(proc);
		sleep_ms(1);
	}
}

static void watch(pid_t pid, unsigned seed)
{
	static const int mild[] = {SIGUSR1, SIGUSR2, SIGALRM, 40, 64, SIGSTOP, SIGCONT, SIGWINCH};
	unsigned long end = now_ms() + WORKER_MS;
	sigset_t child;
	int status;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	rnd_state = seed;
	if (knob < 0 && getenv("FUZZ_FAIL"))
		knob = open("/proc/perigee/fail_after", O_WRONLY | O_CLOEXEC);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		sigtimedwait(&child, NULL, &(struct timespec){0, 2000000});
		if (knob >= 0)
			dprintf(knob, "%u", 1 + rnd(400));
		if (now_ms() > end)
			kill(pid, SIGKILL);
		else
			kill(rnd(2) ? pid : -pid, mild[rnd(8)]);
	}
	kill(-pid, SIGKILL);
	if (knob >= 0)
		dprintf(knob, "0");
	sweep_children();
}

static void make_things(const char *dir)
{
	CHECK_OK(mkdir(dir, 0777));
	CHECK_OK(chmod(dir, 0777));
	CHECK_OK(chdir(dir));
	CHECK_OK(mkdir("d", 0777));
	CHECK_OK(chmod("d", 0777));
	CHECK_OK(symlink("a", "link"));
	CHECK_OK(symlink("loop", "loop"));
	CHECK_OK(mkfifo("fifo", 0666));
}

/* A word that the workers have no way to reach must stay as it is. */
static void watch_all(int id, unsigned seed, unsigned long until, const unsigned *canary)
{
	sigset_t block;
	char dir[20];
	unsigned round;

	sigfillset(&block);
	CHECK_OK(sigprocmask(SIG_BLOCK, &block, NULL));
	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	snprintf(dir, sizeof(dir), "w%d", id);
	watcher = getpid();
	make_things(dir);
	for (round = 0; now_ms() < until; round++) {
		unsigned mine = seed * 1000003u + (unsigned)id * 7919u + round;
		pid_t pid = fork();

		if (pid == 0) {
			sigemptyset(&block);
			sigprocmask(SIG_SETMASK, &block, NULL);
			worker(mine);
		}
		if (pid < 0) /* others of the same user have used up what there is */
			sleep_ms(1);
		else
			watch(pid, mine);
		for (unsigned i = 0; i < PAGE / sizeof(*canary); i++)
			if (canary[i] != (0x5eed0000u | i))
				FAIL("seed %u: memory of the watcher changed in round %u of watcher %d", seed, round, id);
	}
}

/* A worker may map the program and touch a part that is a hole; from then on it is a page. So all are made pages beforehand. */
static void fill_holes(void)
{
	int fd = CHECK_OK(open("/proc/self/exe", O_RDONLY));
	size_t bytes = (size_t)CHECK_OK(lseek(fd, 0, SEEK_END));
	volatile char *p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED);
	for (size_t at = 0; at < bytes; at += PAGE)
		(void)p[at];
	munmap((void *)p, bytes);
	close(fd);
}

/* Shared memory segments outlive those who made them; random calls do make some. */
static void remove_segments(void)
{
	struct shmid_ds d;
	int top = shmctl(0, SHM_INFO, &d);

	for (int i = 0; i <= top; i++) {
		int id = shmctl(i, SHM_STAT, &d);

		if (id >= 0)
			CHECK_OK(shmctl(id, IPC_RMID, NULL));
	}
}

TEST(random_calls)
{
	unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 1;
	unsigned seconds = getenv("FUZZ_SECONDS") ? (unsigned)atoi(getenv("FUZZ_SECONDS")) : 4;
	unsigned long until = now_ms() + seconds * 1000;
	unsigned *canary = (unsigned *)map_rw(PAGE);
	int status[WATCHERS];
	pid_t pid[WATCHERS];

	trace = getenv("FUZZ_TRACE") != NULL;
	fill_holes();
	for (unsigned i = 0; i < PAGE / sizeof(*canary); i++)
		canary[i] = 0x5eed0000u | i;
	CHECK_OK(chmod("/tmp", 0755)); /* getcwd tells the workers of it, and parts of that name would be left there */
	for (int i = 0; i < WATCHERS; i++)
		FORK(pid[i])
			watch_all(i, seed, until, canary);
	for (int i = 0; i < WATCHERS; i++)
		status[i] = reap(pid[i]);
	remove_segments();
	CHECK_OK(chmod("/tmp", 01777));
	for (int i = 0; i < WATCHERS; i++)
		if (status[i])
			FAIL("seed %u: watcher %d ended with status %#x", seed, i, status[i]);
}

/* A worker that made an exec of this very program succeed is not to start all over. */
__attribute__((constructor)) static void not_again(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NPROC, &l) == 0 && l.rlim_max <= MAX_PROCESSES)
		_exit(0);
}
