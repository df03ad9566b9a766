/* SPDX-License-Identifier: MIT */
/*
 * A program that means harm: random system calls with the arguments that break things, exhaustion of what can be
 * exhausted, all in child processes. Whatever they get, the machine must be well afterwards. HOSTILE_SEED in the
 * environment chooses another history.
 */
#include "guest.h"

#include <poll.h>
#include <sched.h>

static unsigned state;

static unsigned rnd(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static unsigned seed_base(void)
{
	const char *text = getenv("HOSTILE_SEED");

	return text ? (unsigned)atoi(text) : 1;
}

/* Never made at random: what stops the machine, every process or the test itself, or changes it for the others. */
static const int spared[] = {SYS_reboot, SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
			     SYS_setitimer, SYS_alarm, SYS_stime, SYS_settimeofday, SYS_clock_settime, SYS_clock_settime64, SYS_adjtimex,
			     SYS_clock_adjtime, SYS_clock_adjtime64, SYS_mount, SYS_umount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_swapon,
			     SYS_swapoff, SYS_sethostname, SYS_setdomainname, SYS_vhangup, SYS_iopl, SYS_ioperm,
			     SYS_init_module, SYS_delete_module, SYS_finit_module, SYS_kexec_load, SYS_ptrace, SYS_setpriority, SYS_nice,
			     SYS_syslog, SYS_unshare, SYS_setns, SYS_bpf, SYS_exit, SYS_exit_group, SYS_pidfd_send_signal, SYS_vm86, SYS_vm86old,
			     SYS_sched_setscheduler, SYS_sched_setattr, SYS_sched_setparam, SYS_sched_setaffinity, SYS_process_vm_writev,
			     SYS_prlimit64, SYS_setsid, SYS_setpgid, SYS_sync, SYS_syncfs, SYS_acct, SYS_quotactl, SYS_keyctl, SYS_add_key,
			     SYS_request_key, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_fanotify_init, SYS_open_by_handle_at,
			     SYS_fork, SYS_vfork, SYS_clone, SYS_clone3, SYS_pause, SYS_rt_sigsuspend, SYS_sigsuspend, SYS_ioprio_set,
			     SYS_move_mount, SYS_open_tree, SYS_fsmount, SYS_fsopen, SYS_fspick, SYS_mount_setattr};

static bool is_spared(int number)
{
	for (unsigned i = 0; i < sizeof(spared) / sizeof(spared[0]); i++)
		if (spared[i] == number)
			return true;
	return false;
}

static char *arena;

static unsigned long random_argument(void)
{
	static const unsigned long edges[] = {0, 1, 2, 3, 4, 7, 8, 0xfff, 0x1000, 0x1001, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
					      0xbffff000, 0xbfffffff, 0xc0000000, 0xc0000001, 0xc0100000, 0xffbfffff, 0xffc00000,
					      0xfffff000, 0xfffffff0, 0xfffffffe, 0xffffffff};

	switch (rnd() % 8) {
	case 0: return edges[rnd() % (sizeof(edges) / sizeof(edges[0]))];
	case 1: return rnd() % 16;
	case 2: return (unsigned long)arena + rnd() % (4 * PAGE);
	case 3: return (unsigned long)arena + 4 * PAGE - rnd() % 64; /* around the edge */
	case 4: return rnd();
	case 5: return (unsigned long)&state & ~(PAGE - 1);
	case 6: return 1ul << rnd() % 32;
	default: return (unsigned long)arena + (rnd() % 4) * PAGE;
	}
}

static void prepare_arena(void)
{
	static const char *const names[] = {"f", "d", "d/x", "/dev/null", "/dev/zero", "/proc/self/maps", "/proc/self/fd/3", ".", "..",
					    "/", "s", "p", "/proc/self/exe"};

	arena = map_rw(5 * PAGE);
	CHECK_OK(munmap(arena + 4 * PAGE, PAGE));
	for (unsigned i = 0; i < PAGE; i++)
		arena[i] = (char)rnd();
	memset(arena + PAGE, 0, PAGE);
	for (unsigned i = 0; i < 32; i++)
		strcpy(arena + 2 * PAGE + i * 128, names[rnd() % (sizeof(names) / sizeof(names[0]))]);
	for (unsigned i = 0; i < PAGE / 4; i++)
		((uint32_t *)(arena + 3 * PAGE))[i] = (uint32_t)random_argument();
}

static long raw_call(int number, const unsigned long *a)
{
	return syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void call_at_random(int calls)
{
	struct rlimit cpu = {3, 3}, files = {1 << 20, 1 << 20}, space = {96 << 20, 96 << 20}, core = {0, 0};
	int fds[2], keep;

	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_FSIZE, &files);
	setrlimit(RLIMIT_AS, &space);
	setrlimit(RLIMIT_CORE, &core);
	keep = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3; i++)
		dup2(keep, i);
	CHECK_OK(pipe2(fds, O_NONBLOCK));
	prepare_arena();
	new_file("f");
	mkdir("d", 0777);
	symlink("f", "s");
	CHECK_OK(setgid(1000) ?: setuid(1000));
	for (int i = 0; i < calls; i++) {
		int number = (int)(rnd() % 460);
		unsigned long a[6];

		for (int k = 0; k < 6; k++)
			a[k] = random_argument();
		if (!is_spared(number))
			raw_call(number, a);
	}
	syscall(SYS_exit_group, 0);
}

/* Kills the process and its group when it has not ended by itself in time. */
static void end_within(pid_t pid, int ms)
{
	siginfo_t info = {.si_pid = 0};

	for (int i = 0; i < ms / 5 && info.si_pid == 0; i++) {
		CHECK_OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT));
		sleep_ms(5);
	}
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
}

static void storm(unsigned first, unsigned count, int calls)
{
	for (unsigned seed = first; seed < first + count; seed++) {
		pid_t pid;
		int status;
		char dir[20];

		snprintf(dir, sizeof(dir), "seed%u", seed);
		CHECK_OK(mkdir(dir, 0777));
		CHECK_OK(chmod(dir, 0777));
		FORK(pid) {
			setpgid(0, 0);
			CHECK_OK(chdir(dir));
			state = (seed + seed_base() * 1000) * 2654435761u + 1;
			call_at_random(calls);
		}
		end_within(pid, 1500); /* some calls wait */
		status = reap(pid);
		CHECK(WIFEXITED(status) || WIFSIGNALED(status));
	}
}

static void machine_is_well(void)
{
	struct gate g = gate_make();
	char *p = map_rw(64 * PAGE);
	pid_t pid;

	memset(p, 1, 64 * PAGE);
	FORK(pid) {
		memset(p, 2, 64 * PAGE);
		gate_open(&g);
	}
	gate_wait(&g);
	reap_ok(pid);
	for (unsigned i = 0; i < 64; i++)
		CHECK_EQ(p[i * PAGE], 1);
	write_file("well", "yes", 3);
}

TEST(random_calls_1)
{
	storm(1, 5, 1500);
	machine_is_well();
}

TEST(random_calls_2)
{
	storm(101, 5, 1500);
	machine_is_well();
}

TEST(random_calls_3)
{
	storm(201, 5, 1500);
	machine_is_well();
}

/* Memory calls alone, close together, so that they meet each other's leavings. */
static void map_at_random(int calls)
{
	static const int numbers[] = {SYS_mmap2, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_mincore, SYS_brk, SYS_msync};
	struct rlimit space = {64 << 20, 64 << 20};
	uintptr_t base = 0x20000000;

	setrlimit(RLIMIT_AS, &space);
	for (int i = 0; i < calls; i++) {
		unsigned long a[6] = {base + rnd() % 2048 * PAGE, (rnd() % 64 + 1) * PAGE, rnd() % 8, 0, (unsigned long)-1, 0};
		int number = numbers[rnd() % 8];

		if (number == SYS_mmap2)
			a[3] = MAP_ANONYMOUS | (rnd() % 4 ? MAP_PRIVATE : MAP_SHARED) | (rnd() % 4 ? MAP_FIXED : 0);
		else if (number == SYS_mremap)
			a[2] = (rnd() % 64 + 1) * PAGE, a[3] = rnd() % 4, a[4] = base + rnd() % 2048 * PAGE;
		else if (number == SYS_madvise)
			a[2] = rnd() % 2 ? MADV_DONTNEED : rnd() % 20;
		else if (number == SYS_brk && rnd() % 4)
			continue;
		raw_call(number, a);
		if (rnd() % 4 == 0)
			fault_of(rnd() % 2 ? touch_write : touch_read, (char *)base + rnd() % (2048 * PAGE));
		if (rnd() % 200 == 0) {
			pid_t pid = fork();
			if (pid == 0)
				continue; /* the child goes on in the parent's place */
			if (pid > 0) {
				reap(pid);
				_exit(0);
			}
		}
	}
}

TEST(random_mappings)
{
	for (unsigned seed = 1; seed <= 6; seed++) {
		pid_t pid;

		FORK(pid) {
			state = (seed + seed_base() * 77) * 40503u + 7;
			map_at_random(2000);
		}
		reap(pid);
	}
	machine_is_well();
}

TEST(fork_bomb_under_a_limit)
{
	struct rlimit limit = {60, 60};
	pid_t pid;

	FORK(pid) {
		CHECK_OK(setgid(4321) ?: setuid(4321));
		CHECK_OK(setrlimit(RLIMIT_NPROC, &limit));
		for (int i = 0; i < 8; i++)
			if (fork() < 0)
				CHECK_EQ(errno, EAGAIN);
		sleep_ms(20);
		_exit(0);
	}
	reap_ok(pid);
	for (int i = 0; i < 100 && kill(-getpgrp(), 0) == 0; i++)
		sleep_ms(1);
	machine_is_well();
}

TEST(stack_pointer_anywhere)
{
	static const uintptr_t places[] = {0, 4, 0x1000, 0xbffffffc, 0xc0000000, 0xc0000004, 0xffc00000, 0xfffffff0, 0xffffffff};

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		pid_t pid;

		FORK(pid) {
			__asm__ volatile("movl %0, %%esp\n movl $20, %%eax\n int $0x80\n pushl $1\n ud2"
					 :
					 : "r"(places[i])
					 : "memory");
		}
		int status = reap(pid);
		CHECK(WIFSIGNALED(status));
	}
}

static void quit(int sig UNUSED)
{
	_exit(3);
}

TEST(handler_with_a_bad_stack)
{
	static const uintptr_t places[] = {0, 64, 0x1000, 0xc0000000, 0xc0001000, 0xffc00800, 0xfffffffc};

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		pid_t pid;

		FORK(pid) {
			int me = getpid();

			signal(SIGUSR1, quit);
			__asm__ volatile("movl %0, %%esp\n int $0x80\n ud2"
					 :
					 : "r"(places[i]), "a"(SYS_kill), "b"(me), "c"(SIGUSR1)
					 : "memory");
		}
		int status = reap(pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	}
}

TEST(direction_and_other_flags_at_entry)
{
	for (unsigned bit = 0; bit < 22; bit++) {
		pid_t pid;

		if (bit == 8)
			continue; /* single steps: faults.c */
		FORK(pid) {
			unsigned result;

			__asm__ volatile("pushfl\n orl %1, (%%esp)\n popfl\n int $0x80\n pushl $0x202\n popfl\n cld"
					 : "=a"(result)
					 : "r"(1u << bit), "0"(SYS_getpid)
					 : "memory", "cc");
			CHECK_EQ(result, getpid());
		}
		int status = reap(pid);
		CHECK(status == 0 || WIFSIGNALED(status));
	}
	machine_is_well();
}

TEST(pipes_until_none_are_left)
{
	struct rlimit limit;
	pid_t pid;

	CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
	FORK(pid) {
		int fds[2], n = 0;

		while (n < 5000 && pipe2(fds, O_NONBLOCK) == 0) {
			CHECK_OK(write(fds[1], "x", 1));
			n++;
		}
		CHECK(errno == EMFILE || errno == ENFILE);
		CHECK(n >= 100);
	}
	reap_ok(pid);
	machine_is_well();
}

TEST(descriptors_passed_over_themselves)
{
	char path[40];
	int fd = new_file("f");

	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		int next = CHECK_OK(open(path, O_RDWR));
		close(fd);
		fd = next;
	}
	machine_is_well();
}

TEST(names_full_of_slashes_and_links)
{
	char *path = map_rw(2 * PAGE);

	CHECK_OK(symlink(".", "here"));
	for (int i = 0; i < 39; i++)
		strcat(path, "here/");
	CHECK_OK(access(path, F_OK));
	strcat(path, "here/here/");
	CHECK_ERR(access(path, F_OK), ELOOP);
	path[0] = 0;
	for (int i = 0; i < 800; i++)
		strcat(path, "../.");
	CHECK_ERR(access(path, F_OK) == 0 ? (errno = ENOENT, -1) : -1, ENOENT);
	machine_is_well();
}

/* The segment that gs names is taken away while it is loaded; from there on only plain system calls are made. */
TEST(segment_in_use_taken_away)
{
	struct { unsigned entry, base, limit, flags; } gone = {0, 0, 0, 0x28}; /* read_exec_only and not present: empty */
	unsigned short gs;
	pid_t pid;

	__asm__("mov %%gs, %0" : "=r"(gs));
	gone.entry = gs >> 3;
	FORK(pid) {
		for (int i = 0; i < 3; i++) {
			long r;

			__asm__ volatile("int $0x80" : "=a"(r) : "a"(SYS_set_thread_area), "b"(&gone) : "memory");
			__asm__ volatile("int $0x80" : "=a"(r) : "a"(SYS_sched_yield) : "memory");
		}
		__asm__ volatile("int $0x80" : : "a"(SYS_exit), "b"(0));
	}
	reap_ok(pid);
	machine_is_well();
}

TEST(sendfile_from_before_the_start)
{
	int out = new_file("out"), in = CHECK_OK(open("/proc/self/stat", O_RDONLY));

	static const long before[] = {-1, -275, -4096, -0x70000000, LONG_MIN};

	for (unsigned i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		off_t off = before[i];
		off64_t off64 = before[i];

		CHECK_ERR(syscall(SYS_sendfile, out, in, &off, 275), EINVAL);
		CHECK_ERR(syscall(SYS_sendfile64, out, in, &off64, 275), EINVAL);
	}
}
