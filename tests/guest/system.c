/* SPDX-License-Identifier: MIT */
/*
 * The rest: system figures, limits, priorities, thread-local storage, unknown calls.
 */
#include "guest.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <asm/ldt.h>

TEST(unknown_system_calls)
{
	static const unsigned numbers[] = {0x1000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 600, 2000, 0x40000001};
	int result;

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		__asm__ volatile("int $0x80" : "=a"(result) : "0"(numbers[i]), "b"(-1), "c"(-1), "d"(-1) : "memory");
		CHECK_EQ(result, -ENOSYS);
	}
}

TEST(uname_fields)
{
	struct utsname u;

	CHECK_OK(uname(&u));
	CHECK_STR(u.sysname, "Linux");
	CHECK(strcmp(u.machine, "i686") == 0 || strcmp(u.machine, "x86_64") == 0);
	CHECK(u.release[0] >= '2' && u.release[0] <= '9' && strchr(u.release, '.'));
	CHECK(u.nodename[0] && u.version[0]);
}

TEST(host_name)
{
	struct utsname u;
	pid_t pid;

	CHECK_OK(sethostname("guest-test", 10));
	CHECK_OK(uname(&u));
	CHECK_STR(u.nodename, "guest-test");
	CHECK_ERR(sethostname("x", 65), EINVAL);
	CHECK_ERR(syscall(SYS_sethostname, "x", -1), EINVAL);
	CHECK_ERR(syscall(SYS_sethostname, 8, 5), EFAULT);
	FORK(pid) {
		CHECK_OK(setuid(1000));
		CHECK_ERR(sethostname("x", 1), EPERM);
	}
	reap_ok(pid);
	CHECK_OK(sethostname("(none)", 6));
}

TEST(system_information)
{
	struct sysinfo info;

	CHECK_OK(sysinfo(&info));
	CHECK(info.totalram > 0 && info.freeram > 0 && info.freeram < info.totalram);
	CHECK(info.procs >= 2);
	CHECK(info.mem_unit >= 1);
	CHECK(info.uptime >= 0);
}

TEST(random_numbers)
{
	unsigned char a[32] = {0}, b[32] = {0};

	CHECK_EQ(syscall(SYS_getrandom, a, 32, 0), 32);
	CHECK_EQ(syscall(SYS_getrandom, b, 32, 1), 32);
	CHECK(memcmp(a, b, 32) != 0);
	CHECK_ERR(syscall(SYS_getrandom, a, 32, 0x100), EINVAL);
	CHECK_EQ(syscall(SYS_getrandom, a, 0, 0), 0);
}

TEST(limits)
{
	struct rlimit limit, old;
	pid_t pid;

	CHECK_ERR(getrlimit(99, &limit), EINVAL);
	CHECK_ERR(setrlimit(99, &(struct rlimit){1, 1}), EINVAL);
	CHECK_ERR(setrlimit(RLIMIT_NOFILE, &(struct rlimit){2, 1}), EINVAL);
	FORK(pid) {
		CHECK_OK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){10, 20}));
		CHECK_OK(setuid(1000));
		CHECK_ERR(setrlimit(RLIMIT_NOFILE, &(struct rlimit){10, 21}), EPERM);
		CHECK_OK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){20, 20}));
		CHECK_OK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){5, 10}));
	}
	reap_ok(pid);
	CHECK_OK(prlimit(0, RLIMIT_CORE, &(struct rlimit){5, 6}, &old));
	CHECK_OK(prlimit(getpid(), RLIMIT_CORE, NULL, &limit));
	CHECK_EQ(limit.rlim_cur, 5);
	CHECK_EQ(limit.rlim_max, 6);
	CHECK_ERR(prlimit(0x3fffffff, RLIMIT_CORE, NULL, &limit), ESRCH);
	CHECK_ERR(setrlimit(RLIMIT_NOFILE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}), EPERM);
}

TEST(priorities)
{
	pid_t pid;

	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
	CHECK_OK(setpriority(PRIO_PROCESS, 0, 100));
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
	CHECK_OK(setpriority(PRIO_PROCESS, 0, -100));
	errno = 0;
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), -20);
	CHECK_EQ(errno, 0);
	CHECK_OK(setpriority(PRIO_PGRP, 0, 5));
	CHECK_EQ(getpriority(PRIO_PGRP, 0), 5);
	CHECK_ERR(getpriority(7, 0), EINVAL);
	CHECK_ERR(getpriority(PRIO_PROCESS, 0x3fffffff), ESRCH);
	FORK(pid) {
		CHECK_OK(setuid(1000));
		CHECK_OK(setpriority(PRIO_PROCESS, 0, 10));
		CHECK_ERR(setpriority(PRIO_PROCESS, 0, 4), EACCES);
		CHECK_ERR(setpriority(PRIO_PROCESS, 1, 10), EPERM);
		CHECK_EQ(nice(2), 12);
	}
	reap_ok(pid);
}

TEST(yielding)
{
	for (int i = 0; i < 1000; i++)
		CHECK_OK(sched_yield());
}

TEST(affinity_and_policy)
{
	struct sched_param param = {0};
	cpu_set_t set;

	CHECK_OK(sched_getaffinity(0, sizeof(set), &set));
	CHECK(CPU_COUNT(&set) >= 1);
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	CHECK_OK(sched_getparam(0, &param));
	CHECK_EQ(param.sched_priority, 0);
	CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
	CHECK_ERR(sched_getscheduler(0x3fffffff), ESRCH);
	CHECK_ERR(sched_get_priority_max(77), EINVAL);
}

static uint32_t read_gs(uint32_t offset)
{
	uint32_t value;

	__asm__ volatile("movl %%gs:(%1), %0" : "=r"(value) : "r"(offset));
	return value;
}

TEST(thread_area)
{
	static uint32_t block[4] = {0x11, 0x22, 0x33, 0x44};
	struct user_desc desc = {.entry_number = (unsigned)-1, .base_addr = (unsigned)(uintptr_t)block, .limit = 0xfffff,
				 .seg_32bit = 1, .limit_in_pages = 1, .useable = 1};
	uint16_t old;
	uint32_t a, b;

	CHECK_OK(syscall(SYS_set_thread_area, &desc));
	CHECK(desc.entry_number >= 6 && desc.entry_number <= 14);
	__asm__ volatile("movw %%gs, %0" : "=r"(old));
	__asm__ volatile("movw %0, %%gs" : : "r"((uint16_t)(desc.entry_number * 8 + 3)));
	a = read_gs(4);
	__asm__ volatile("int $0x80" : : "a"(SYS_sched_yield) : "memory");
	b = read_gs(12);
	__asm__ volatile("movw %0, %%gs" : : "r"(old));
	CHECK_EQ(a, 0x22);
	CHECK_EQ(b, 0x44);
	struct user_desc got = {.entry_number = desc.entry_number};
	CHECK_OK(syscall(SYS_get_thread_area, &got));
	CHECK_EQ(got.base_addr, desc.base_addr);
	desc.entry_number = 3;
	CHECK_ERR(syscall(SYS_set_thread_area, &desc), EINVAL);
	CHECK_ERR(syscall(SYS_set_thread_area, 8), EFAULT);
}

TEST(thread_area_kept_by_fork)
{
	static __thread int mine;
	pid_t pid;

	mine = 5;
	FORK(pid) {
		CHECK_EQ(mine, 5);
		mine = 6;
		for (int i = 0; i < 100; i++) {
			sched_yield();
			CHECK_EQ(mine, 6);
		}
	}
	for (int i = 0; i < 100; i++) {
		sched_yield();
		CHECK_EQ(mine, 5);
	}
	reap_ok(pid);
}

TEST(process_name)
{
	char name[17] = "";

	CHECK_OK(prctl(PR_SET_NAME, "a-name-that-is-too-long"));
	CHECK_OK(prctl(PR_GET_NAME, name));
	CHECK_STR(name, "a-name-that-is-");
	CHECK_ERR(prctl(77777), EINVAL);
}

TEST(parent_death_signal)
{
	struct gate ready = gate_make();
	int fd[2], sig = 0;
	pid_t pid;

	CHECK_OK(pipe(fd));
	FORK(pid) {
		pid_t inner;

		FORK(inner) {
			sigset_t set;

			sigemptyset(&set);
			sigaddset(&set, SIGUSR1);
			sigprocmask(SIG_BLOCK, &set, NULL);
			CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
			gate_open(&ready);
			CHECK_EQ(sigwait(&set, &sig), 0);
			CHECK_EQ(write(fd[1], &sig, sizeof(sig)), sizeof(sig));
		}
		gate_wait(&ready);
	}
	reap_ok(pid);
	CHECK_EQ(read(fd[0], &sig, sizeof(sig)), sizeof(sig));
	CHECK_EQ(sig, SIGUSR1);
}

TEST(reboot_is_guarded)
{
	pid_t pid;

	CHECK_ERR(syscall(SYS_reboot, 1, 2, 3, NULL), EINVAL);
	FORK(pid) {
		CHECK_OK(setuid(1000));
		CHECK_ERR(syscall(SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc, NULL), EPERM);
	}
	reap_ok(pid);
}

TEST(mounting_is_guarded)
{
	pid_t pid;

	FORK(pid) {
		CHECK_OK(setuid(1000));
		CHECK_ERR(syscall(SYS_mount, "none", ".", "tmpfs", 0, NULL), EPERM);
		CHECK_ERR(syscall(SYS_umount2, "/proc", 0), EPERM);
	}
	reap_ok(pid);
	CHECK_ERR(syscall(SYS_mount, "none", ".", "nosuchfs", 0, NULL), ENODEV);
	CHECK_ERR(syscall(SYS_mount, "none", "nowhere", "tmpfs", 0, NULL), ENOENT);
	CHECK_ERR(syscall(SYS_umount2, ".", 0), EINVAL);
}

TEST(mounts)
{
	struct stat before, inside;

	CHECK_OK(mkdir("m", 0755));
	CHECK_OK(stat("m", &before));
	CHECK_OK(syscall(SYS_mount, "none", "m", "tmpfs", 0, NULL));
	CHECK_OK(stat("m", &inside));
	CHECK(inside.st_dev != before.st_dev);
	write_file("m/f", "x", 1);
	CHECK_ERR(rmdir("m"), EBUSY);
	CHECK_ERR(rename("m/f", "f"), EXDEV);
	CHECK_ERR(link("m/f", "f"), EXDEV);
	CHECK_OK(chdir("m"));
	CHECK_ERR(syscall(SYS_umount2, "../m", 0), EBUSY);
	CHECK_OK(chdir(".."));
	CHECK_OK(access("m/../m/f", F_OK));
	CHECK_OK(syscall(SYS_umount2, "m", 0));
	CHECK_ERR(access("m/f", F_OK), ENOENT);
	CHECK_OK(rmdir("m"));
}

/* Who lists the mounts keeps none of them busy. */
TEST(mounts_while_they_are_listed)
{
	char text[4096];
	pid_t pid;

	CHECK_OK(mkdir("m", 0755));
	FORK(pid)
		for (;;) {
			int fd = CHECK_OK(open("/proc/self/mounts", O_RDONLY));

			while (CHECK_OK(read(fd, text, sizeof(text))) > 0)
				;
			CHECK_OK(close(fd));
		}
	for (unsigned i = 0; i < 60; i++) {
		CHECK_OK(mount("none", "m", "tmpfs", 0, NULL));
		CHECK_OK(umount2("m", 0));
	}
	CHECK_OK(kill(pid, SIGKILL));
	reap_signal(pid, SIGKILL);
	CHECK_OK(rmdir("m"));
}

/* Mounts upon mounts, copied and taken off as a whole. */
TEST(deep_mounts)
{
	int here = CHECK_OK(open(".", O_RDONLY | O_DIRECTORY));

	CHECK_OK(mkdir("top", 0700));
	CHECK_OK(mkdir("copy", 0700));
	CHECK_OK(mount("deep", "top", "tmpfs", 0, "size=64k"));
	CHECK_OK(chdir("top"));
	for (int i = 0; i < 200; i++) {
		CHECK_OK(mkdir("d", 0700));
		CHECK_OK(mount("deep", "d", "tmpfs", 0, "size=64k"));
		CHECK_OK(chdir("d"));
	}
	write_file("bottom", "x", 1);
	CHECK_OK(fchdir(here));
	CHECK_OK(mount("top", "copy", NULL, MS_BIND | MS_REC, NULL));
	CHECK_OK(chdir("copy"));
	for (int i = 0; i < 200; i++)
		CHECK_OK(chdir("d"));
	CHECK_OK(access("bottom", R_OK));
	CHECK_OK(fchdir(here));
	CHECK_ERR(umount2("copy", 0), EBUSY);
	CHECK_OK(umount2("copy", MNT_DETACH));
	CHECK_OK(umount2("top", MNT_DETACH));
	CHECK_OK(rmdir("top"));
	CHECK_OK(rmdir("copy"));
}

/* A mount that was taken off but is still in use can be neither moved nor mounted upon. */
TEST(mounts_that_were_taken_off)
{
	char path[40];
	int fd, there;

	CHECK_OK(mkdir("a", 0700));
	CHECK_OK(mkdir("b", 0700));
	there = CHECK_OK(open("b", O_RDONLY | O_DIRECTORY));
	CHECK_OK(mount("off", "a", "tmpfs", 0, NULL));
	CHECK_OK(mkdir("a/sub", 0700));
	fd = CHECK_OK(open("a", O_RDONLY | O_DIRECTORY));
	CHECK_OK(umount2("a", MNT_DETACH));
	CHECK_OK(fchdir(fd));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", there);
	CHECK_ERR(mount(".", path, NULL, MS_MOVE, NULL), EINVAL);
	CHECK_ERR(mount("x", "sub", "tmpfs", 0, NULL), EINVAL);
	CHECK_ERR(umount2(".", 0), EINVAL);
}
