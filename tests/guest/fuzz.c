/* SPDX-License-Identifier: MIT */
/*
 * Random system calls with the arguments that are most likely to hurt: bad and half-mapped pointers, huge and odd sizes, wild descriptors and
 * flags; by several processes at once, with threads, and with signals in the middle. That the machine lives, that the watchers are not harmed,
 * and that all counts are back afterwards is what is tested.
 *
 *   SEED=n           another sequence (on the kernel's command line, or in the environment); it is in the reason of a failure
 *   FUZZ_SECONDS=n   longer than the 4 seconds of a usual run (the frame ends a test after 20, or TORTURE times as many); fuzzlong.py does it
 *   FUZZ_TRACE=1     each call is printed before it is made
 *   FUZZ_FAIL=1      allocations fail now and then (debug builds); that hits the watchers too, so only a dead machine counts
 *
 * Which calls there are comes from the kernel's own table. What a worker does follows from its seed alone, but for what it sees of the others.
 */
#include "fuzz_special.h"

#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#define WATCHERS 3
#define CALLS 600         /* that one worker makes */
#define CALLS_MOST 100000 /* that one and all it started can have made */
#define WORKER_MS 400     /* then it is killed */
#define MAX_PROCESSES 40
#define NAMESPACES 0x7e020080l /* CLONE_NEW...: a worker that has one of its own would not be among those that are watched */
#define ROOT_EVERY 4 /* workers; the others are nobody in particular */
#define ARGS 6

static bool trace, is_root;
static int knob = -1;
static int depth, id;
static unsigned long *made; /* calls of the worker of now, in memory that all share: one of them may write anything there */
static unsigned long *told; /* calls of all workers of a watcher, which they cannot reach */
static sigjmp_buf after_fault;
static int faults;

/* The two ways into the kernel: the interrupt, and what the vDSO has. */
#define CALL6(NAME, HOW)                                                                                                                         \
	static long NAME(long nr, const long a[ARGS])                                                                                            \
	{                                                                                                                                        \
		long block[2] = {nr, a[5]}, ret;                                                                                                 \
                                                                                                                                                 \
		__asm__ volatile("push %%ebp\n\tpush %%ebx\n\tmov 4(%%eax), %%ebp\n\tmov (%%edi), %%ebx\n\tmov (%%eax), %%eax\n\t"                 \
				 "mov 4(%%edi), %%ecx\n\tmov 8(%%edi), %%edx\n\tmov 12(%%edi), %%esi\n\tmov 16(%%edi), %%edi\n\t" HOW                \
				 "\n\tpop %%ebx\n\tpop %%ebp"                                                                                          \
				 : "=a"(ret), "+D"(a)                                                                                            \
				 : "a"(block)                                                                                                    \
				 : "ecx", "edx", "esi", "memory", "cc");                                                                         \
		return ret;                                                                                                                      \
	}

__attribute__((used)) static unsigned long fast_entry;
CALL6(call6, "int $0x80")
CALL6(call6_fast, "call *fast_entry")

/* ---- calls ---- */

/* Letters: f descriptor, p pointer, s name, n size, x flags, i number, P process, g signal, c command of a device, v pointer or number. */
struct entry {
	short nr;
	const char *args;
};

/* All calls of the kernel's own table: run.py makes this of kernel/abi/syscalls.tbl. */
static const struct entry table[] = {
#include "calls.h"
};

static bool one_of(long nr, const short *list, unsigned n)
{
	while (n--)
		if (list[n] == nr)
			return true;
	return false;
}

#define ONE_OF(nr, list) one_of(nr, list, sizeof(list) / sizeof((list)[0]))

/* What nobody makes: new processes have their own place (branch()), and what is not in the kernel's table need not be safe for others. */
static const short never[] = {SYS_fork, SYS_vfork, SYS_clone, SYS_clone3, SYS_vm86, SYS_vm86old, SYS_bpf, SYS_seccomp,
			      SYS_io_uring_setup, SYS_userfaultfd, SYS_perf_event_open, SYS_fanotify_init, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_migrate_pages};
/* What root would end the test, the machine or the judges with; others are to be refused. */
static const short not_root[] = {
	SYS_reboot, SYS_mount, SYS_umount, SYS_umount2, SYS_chroot, SYS_pivot_root, SYS_stime, SYS_settimeofday, SYS_clock_settime, SYS_clock_settime64, SYS_adjtimex,
	SYS_clock_adjtime, SYS_clock_adjtime64, SYS_sethostname, SYS_setdomainname, SYS_syslog, SYS_swapon, SYS_swapoff, SYS_init_module, SYS_finit_module, SYS_delete_module,
	SYS_kexec_load, SYS_iopl, SYS_ioperm, SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr, SYS_setpriority, SYS_nice, SYS_vhangup, SYS_acct, SYS_quotactl,
	SYS_ioprio_set, SYS_move_mount, SYS_fsmount, SYS_fsopen, SYS_fspick, SYS_mount_setattr, SYS_open_tree, SYS_ptrace, SYS_process_vm_writev, SYS_mknod, SYS_mknodat, SYS_setsid,
	SYS_pidfd_send_signal, SYS_open_by_handle_at, SYS_unshare, SYS_setns,
};
/* What is seldom survived. */
static const short last_words[] = {SYS_exit, SYS_exit_group, SYS_sigreturn, SYS_rt_sigreturn, SYS_pause, SYS_sigsuspend, SYS_rt_sigsuspend};
/* Their first argument is a process that must not be another one. */
static const short aimed[] = {SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_prlimit64, SYS_setpgid, SYS_process_vm_writev};

static bool forbidden(long nr)
{
	return nr < 0 || ONE_OF(nr, never) || (is_root && ONE_OF(nr, not_root)) || (ONE_OF(nr, last_words) && rnd(30));
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
	case 'c': return any_command();
	case 'v': return rnd(2) ? any_pointer() : rnd(2) ? any_fd() : any_number();
	default: return any_number();
	}
}

/* Arguments that would harm others, or that would hardly ever be right. */
static void aim(long nr, long *a)
{
	if (ONE_OF(nr, aimed))
		a[0] = rnd(2) ? getpid() : 999999;
	if (nr == SYS_kill && !is_root && rnd(50) == 0)
		a[0] = rnd(2) ? -1 : 0; /* all that one of no rights may: the other workers */
	if (is_root && (nr == SYS_fcntl || nr == SYS_fcntl64) && (a[1] == F_SETOWN || a[1] == F_SETOWN_EX))
		a[2] = getpid();
	if (nr == SYS_pidfd_send_signal && rnd(4))
		a[1] = any_signal();
	if (nr == SYS_membarrier && rnd(4)) {
		a[0] = 1l << rnd(11);
		a[1] = rnd(4) == 0;
	}
	if (nr == SYS_unshare)
		a[0] &= ~NAMESPACES;
	if (nr == SYS_kcmp && rnd(4)) {
		a[0] = any_pid();
		a[1] = any_pid();
		a[2] = (long)rnd(9);
	}
}

static void one_call(void)
{
	const struct entry *e = &PICK(table);
	const char *kinds = e->args;
	long nr = e->nr, a[ARGS] = {0};

	if (rnd(20) == 0) {
		nr = (long)rnd(470);
		kinds = "ppppii";
	}
	if (forbidden(nr))
		return;
	for (int i = 0; i < ARGS; i++)
		a[i] = *kinds ? argument(*kinds++) : (long)rnd(4);
	aim(nr, a);
	__atomic_fetch_add(made, 1, __ATOMIC_RELAXED);
	if (trace)
		dprintf(1000, "%d: %ld(%#lx %#lx %#lx %#lx %#lx %#lx)\n", getpid(), nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (rnd(2))
		call6(nr, a);
	else
		call6_fast(nr, a);
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
	long got;

	if (depth > 2)
		return;
	if (rnd(3) == 0) {
		stack = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (stack != MAP_FAILED)
			clone(thread_body, stack + 4 * PAGE - 64, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, (void *)(long)rnd(1u << 24));
		return;
	}
	got = rnd(3) ? syscall(SYS_clone, PICK(shares) | SIGCHLD, NULL, NULL, NULL, NULL) : clone_at_will((unsigned long)PICK(shares));
	if (got != 0) {
		child = got > 0 ? (pid_t)got : child;
		if (rnd(2))
			waitpid(-1, NULL, (rnd(2) ? WNOHANG : 0) | (rnd(2) ? __WALL : 0));
		return;
	}
	depth++;
	rnd_state += 77;
	for (int i = 0; i < 40; i++)
		one_call();
	_exit(0);
}

static void on_signal(int sig UNUSED) {}

/* A worker that lost a part of its memory goes on with what is left, for a while. */
static void on_fault(int sig UNUSED)
{
	if (syscall(SYS_gettid) != syscall(SYS_getpid))
		syscall(SYS_exit, 0);
	if (++faults > 20 || depth > 0)
		_exit(1);
	siglongjmp(after_fault, 1);
}

static void set_handlers(void)
{
	static const int signals[] = {SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE, SIGXFSZ, SIGIO, 40, 64}, faulty[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
	struct sigaction action = {.sa_handler = on_signal}, fault = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK | SA_NODEFER};
	static char stack[16384];

	sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, NULL);
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		action.sa_flags = (rnd(2) ? SA_RESTART : 0) | (rnd(4) ? 0 : SA_ONSTACK) | (rnd(4) ? 0 : SA_SIGINFO);
		sigaction(signals[i], &action, NULL);
	}
	for (unsigned i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++)
		sigaction(faulty[i], &fault, NULL);
}

/* One of each kind, from 3 on. */
static void open_descriptors(void)
{
	sigset_t some;
	int p[2], master;

	sigemptyset(&some);
	sigaddset(&some, SIGURG);
	open("a", O_RDWR | O_CREAT, 0666);
	open("b", O_RDWR | O_CREAT | O_APPEND, 0666);
	open(".", O_RDONLY);
	if (pipe2(p, O_NONBLOCK) == 0)
		fcntl(p[1], F_SETPIPE_SZ, 4096);
	open("/dev/zero", O_RDONLY);
	open("/proc/self/maps", O_RDONLY);
	open("fifo", O_RDWR | O_NONBLOCK);
	open("d", O_PATH);
	eventfd(3, EFD_NONBLOCK);
	epoll_create1(0);
	epoll_create1(0);
	timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	signalfd(-1, &some, SFD_NONBLOCK);
	inotify_init1(IN_NONBLOCK);
	memfd_create("fuzz", MFD_ALLOW_SEALING);
	syscall(SYS_pidfd_open, getpid(), 0);
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (master >= 0 && unlockpt(master) == 0)
		open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK);
}

static void worker_limits(void)
{
	static const struct { int what; rlim_t most; } limits[] = {{RLIMIT_AS, 96 << 20}, {RLIMIT_FSIZE, 2 << 20}, {RLIMIT_NOFILE, 64}, {RLIMIT_NPROC, MAX_PROCESSES}, {RLIMIT_CORE, 0}};

	for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		setrlimit(limits[i].what, &(struct rlimit){limits[i].most, limits[i].most});
}

/* Descriptors of all kinds, names of all kinds, a room with edges; then the calls. */
static void worker(unsigned seed)
{
	volatile int i = 0;

	rnd_state = seed;
	is_root = seed % ROOT_EVERY == 0;
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	room = mmap(NULL, 5 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(room + 4 * PAGE, PAGE);
	mprotect(room + 3 * PAGE, PAGE, PROT_NONE);
	mprotect(room + 2 * PAGE, PAGE, PROT_READ);
	munmap(told, PAGE);
	set_handlers();
	if (trace)
		dup2(1, 1000);
	close_range(0, trace ? 900 : ~0u, 0);
	for (int fd = 0; fd < 3; fd++)
		open("/dev/null", O_RDWR);
	open_descriptors();
	worker_limits();
	if (is_root ? chroot(".") < 0 : setgid(1000) < 0 || setuid(1000) < 0) /* who may do all is kept away from what others need */
		_exit(3);
	sigsetjmp(after_fault, 1);
	while (i++ < CALLS) {
		if (i % 8 == 0)
			stir();
		if (rnd(40) == 0)
			branch();
		if (rnd(20) == 0)
			special(is_root);
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

/* The octal numbers of /proc/self/mountinfo are characters again. */
static void unescape(char *name)
{
	char *to = name;

	for (; *name; to++) {
		bool octal = name[0] == '\\' && name[1] && name[2] && name[3];

		*to = octal ? (char)((name[1] - '0') << 6 | (name[2] - '0') << 3 | (name[3] - '0')) : name[0];
		name += octal ? 4 : 1;
	}
	*to = 0;
}

/* What a root worker has mounted below its directory, under whatever name it is now. False: nothing was there. */
static bool remove_mounts(const char *here)
{
	static char text[65536], place[PATH_MAX];
	bool some = false;

	guest_read_text("/proc/self/mountinfo", text, sizeof(text));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (sscanf(line, "%*d %*d %*s %*s %4095s", place) == 1 && strncmp(place, here, strlen(here)) == 0) {
			unescape(place);
			some |= umount2(place, MNT_DETACH | UMOUNT_NOFOLLOW) == 0;
		}
	return some;
}

/* A word that the workers have no way to reach must stay as it is. */
static void watch_all(unsigned seed, unsigned long until, const unsigned *canary)
{
	sigset_t block;
	char dir[20], here[200];
	unsigned round;

	sigfillset(&block);
	CHECK_OK(sigprocmask(SIG_BLOCK, &block, NULL));
	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	snprintf(dir, sizeof(dir), "w%d", id);
	make_things(dir);
	CHECK(getcwd(here, sizeof(here)));
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
		while (remove_mounts(here))
			;
		told[id] += *made < CALLS_MOST ? *made : 0;
		*made = 0;
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

/* POSIX queues, under any name: that a worker had the bytes at hand is enough. */
static void remove_queues(void)
{
	struct dirent *e;
	DIR *d;

	CHECK_OK(mkdir("queues", 0700));
	CHECK_OK(mount("none", "queues", "mqueue", 0, NULL));
	CHECK((d = opendir("queues")) != NULL);
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			CHECK_OK(syscall(SYS_mq_unlink, e->d_name));
	closedir(d);
	CHECK_OK(umount("queues"));
}

/* Segments, queues and semaphores outlive those who made them; random calls do make some. */
static void remove_segments(void)
{
	struct shmid_ds d;
	struct msqid_ds m;
	struct seminfo info;
	struct msginfo most;
	int top = shmctl(0, SHM_INFO, &d);

	for (int i = 0, id; i <= top; i++)
		if ((id = shmctl(i, SHM_STAT, &d)) >= 0)
			CHECK_OK(shmctl(id, IPC_RMID, NULL));
	top = msgctl(0, MSG_INFO, (void *)&most);
	for (int i = 0, id; i <= top; i++)
		if ((id = msgctl(i, MSG_STAT, &m)) >= 0)
			CHECK_OK(msgctl(id, IPC_RMID, NULL));
	top = semctl(0, 0, SEM_INFO, &info);
	for (int i = 0, id; i <= top; i++)
		if ((id = semctl(i, 0, SEM_STAT, &(struct semid_ds){.sem_nsems = 0})) >= 0)
			CHECK_OK(semctl(id, 0, IPC_RMID));
	remove_queues();
}

/* To whoever watches from outside, in the run that prints nothing, too. */
static void tell(unsigned seed, const char *word)
{
	int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	unsigned long all = 0;

	for (int i = 0; i < WATCHERS; i++)
		all += told[i];
	if (fd >= 0) {
		dprintf(fd, "# fuzz seed %u: %lu calls%s\n", seed, all, word);
		close(fd);
	}
}

/* Waits for the watchers; long runs are told of every ten seconds. */
static void await(const pid_t *pid, int *status, unsigned seed)
{
	unsigned long next = now_ms() + 10000;
	int left = WATCHERS;

	while (left > 0) {
		for (int i = 0; i < WATCHERS; i++)
			if (status[i] < 0 && waitpid(pid[i], &status[i], WNOHANG) == pid[i])
				left--;
		if (now_ms() > next) {
			tell(seed, " so far");
			next += 10000;
		}
		sleep_ms(20);
	}
	tell(seed, "");
}

/* Random calls as root are for machines that nobody minds: the runner's, where it is the first process. */
static bool on_a_machine_of_its_own(void)
{
	char path[20] = "";

	return readlink("/proc/1/exe", path, sizeof(path) - 1) == 5 && strcmp(path, "/init") == 0;
}

TEST(random_calls)
{
	unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 1;
	unsigned seconds = getenv("FUZZ_SECONDS") ? (unsigned)atoi(getenv("FUZZ_SECONDS")) : 4;
	unsigned long until = now_ms() + seconds * 1000;
	unsigned *canary = (unsigned *)map_rw(PAGE);
	int status[WATCHERS];
	pid_t pid[WATCHERS];

	if (!on_a_machine_of_its_own())
		SKIP("not on a machine of its own");
	trace = getenv("FUZZ_TRACE") != NULL;
	fast_entry = getauxval(AT_SYSINFO);
	made = map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	told = map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	fill_holes();
	for (unsigned i = 0; i < PAGE / sizeof(*canary); i++)
		canary[i] = 0x5eed0000u | i;
	CHECK_OK(chmod("/tmp", 0755)); /* getcwd tells the workers of it, and parts of that name would be left there */
	for (id = 0; id < WATCHERS; id++) {
		status[id] = -1;
		FORK(pid[id])
			watch_all(seed, until, canary);
		made++;
	}
	made -= WATCHERS;
	await(pid, status, seed);
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
