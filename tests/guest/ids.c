/* SPDX-License-Identifier: MIT */
/*
 * User and group numbers: who may take which, and what goes with them.
 */
#include "guest.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>

#include <grp.h>

static void check_uids(uid_t real, uid_t effective, uid_t saved)
{
	uid_t r, e, s;

	CHECK_OK(getresuid(&r, &e, &s));
	CHECK_EQ(r, real);
	CHECK_EQ(e, effective);
	CHECK_EQ(s, saved);
	CHECK_EQ(getuid(), real);
	CHECK_EQ(geteuid(), effective);
}

static void check_gids(gid_t real, gid_t effective, gid_t saved)
{
	gid_t r, e, s;

	CHECK_OK(getresgid(&r, &e, &s));
	CHECK_EQ(r, real);
	CHECK_EQ(e, effective);
	CHECK_EQ(s, saved);
	CHECK_EQ(getgid(), real);
	CHECK_EQ(getegid(), effective);
}

TEST(root_gives_itself_up)
{
	check_uids(0, 0, 0);
	CHECK_OK(setuid(1000));
	check_uids(1000, 1000, 1000);
	CHECK_ERR(setuid(0), EPERM);
	CHECK_OK(setuid(1000));
	CHECK_ERR(seteuid(0), EPERM);
	CHECK_ERR(setreuid(-1, 0), EPERM);
	CHECK_ERR(setresuid(-1, -1, 0), EPERM);
}

TEST(effective_and_back)
{
	CHECK_OK(seteuid(1000));
	check_uids(0, 1000, 0);
	CHECK_ERR(setuid(5), EPERM);
	CHECK_OK(seteuid(0));
	check_uids(0, 0, 0);
	CHECK_OK(seteuid(1000));
	CHECK_OK(setuid(0)); /* not privileged: only the effective one changes */
	check_uids(0, 0, 0);
}

TEST(real_and_effective)
{
	CHECK_OK(setreuid(1000, 2000));
	check_uids(1000, 2000, 2000);
	CHECK_OK(setreuid(2000, 1000));
	check_uids(2000, 1000, 1000);
	CHECK_OK(setreuid(-1, 2000));
	check_uids(2000, 2000, 1000);
	CHECK_ERR(setreuid(3000, -1), EPERM);
	CHECK_ERR(setreuid(1000, -1), EPERM); /* the saved one may not become the real one */
	CHECK_OK(setreuid(-1, 1000));
}

TEST(all_three)
{
	CHECK_OK(setresuid(1, 2, 3));
	check_uids(1, 2, 3);
	CHECK_OK(setresuid(3, 1, 2));
	check_uids(3, 1, 2);
	CHECK_OK(setresuid(-1, -1, -1));
	CHECK_ERR(setresuid(4, -1, -1), EPERM);
	check_uids(3, 1, 2);
	CHECK_OK(setresuid(2, 2, 2));
	CHECK_ERR(setresuid(3, -1, -1), EPERM);
}

TEST(groups_follow_the_same_rules)
{
	CHECK_OK(setgid(10));
	check_gids(10, 10, 10);
	CHECK_OK(setregid(11, 12));
	check_gids(11, 12, 12);
	CHECK_OK(setresgid(13, 14, 15));
	check_gids(13, 14, 15);
	CHECK_OK(setuid(1000));
	CHECK_ERR(setgid(16), EPERM);
	CHECK_OK(setgid(15));
	check_gids(13, 15, 15);
	CHECK_ERR(setregid(14, -1), EPERM);
	CHECK_OK(setresgid(15, 13, 13));
	check_gids(15, 13, 13);
}

TEST(supplementary_groups)
{
	gid_t set[] = {7, 5, 9}, got[40];

	CHECK_OK(setgroups(3, set));
	CHECK_EQ(getgroups(0, NULL), 3);
	CHECK_EQ(getgroups(40, got), 3);
	CHECK_EQ(got[0] + got[1] + got[2], 21);
	CHECK_ERR(getgroups(2, got), EINVAL);
	CHECK_ERR(getgroups(-1, got), EINVAL);
	CHECK_ERR(syscall(SYS_setgroups32, 65537, got), EINVAL);
	CHECK_ERR(syscall(SYS_getgroups32, 3, 8), EFAULT);
	CHECK_OK(setuid(1000));
	CHECK_ERR(setgroups(1, set), EPERM);
	CHECK_EQ(getgroups(0, NULL), 3);
}

TEST(groups_give_permission)
{
	pid_t pid;

	write_file("f", "", 0);
	CHECK_OK(chown("f", 0, 555));
	CHECK_OK(chmod("f", 0060));
	FORK(pid) {
		CHECK_OK(setgroups(2, (gid_t[]){500, 555}));
		CHECK_OK(setuid(1000));
		CHECK_OK(open("f", O_RDWR));
	}
	reap_ok(pid);
	FORK(pid) {
		CHECK_OK(setgroups(1, (gid_t[]){500}));
		CHECK_OK(setuid(1000));
		CHECK_ERR(open("f", O_RDONLY), EACCES);
	}
	reap_ok(pid);
	FORK(pid) { /* the owner's bits count for the owner, even when the group has more */
		CHECK_OK(chown("f", 1000, 555));
		CHECK_OK(setgroups(1, (gid_t[]){555}));
		CHECK_OK(setuid(1000));
		CHECK_ERR(open("f", O_RDONLY), EACCES);
	}
	reap_ok(pid);
}

TEST(minus_one_is_no_user)
{
	CHECK_ERR(setuid((uid_t)-1), EINVAL);
	CHECK_ERR(setgid((gid_t)-1), EINVAL);
}

TEST(file_system_ids)
{
	CHECK_EQ(syscall(SYS_setfsuid32, -1), 0);
	CHECK_EQ(syscall(SYS_setfsuid32, 1000), 0);
	CHECK_EQ(syscall(SYS_setfsuid32, -1), 1000);
	CHECK_OK(seteuid(0));
	CHECK_EQ(syscall(SYS_setfsuid32, -1), 0);
	CHECK_EQ(syscall(SYS_setfsgid32, 55), 0);
	CHECK_EQ(syscall(SYS_setfsgid32, -1), 55);
}

TEST(old_sixteen_bit_calls)
{
	CHECK_OK(setresuid(100000, 0, 0));
	CHECK_EQ(syscall(SYS_getuid), 65534); /* does not fit */
	CHECK_EQ(syscall(SYS_getuid32), 100000);
	CHECK_OK(syscall(SYS_setresuid, 0xffff, 7, 0xffff)); /* 0xffff: as it was */
	check_uids(100000, 7, 0);
}

/* prlimit of another process: its owner's right, or root's. */
TEST(limits_of_others)
{
	struct rlimit64 l = {100, 200}, got;
	struct gate ready = gate_make();
	pid_t other, pid;

	FORK(other) {
		CHECK_OK(setgid(1000));
		CHECK_OK(setuid(1000));
		gate_open(&ready);
		pause();
	}
	gate_wait(&ready);
	CHECK_OK(prlimit64(other, RLIMIT_NOFILE, &l, NULL));
	CHECK_OK(prlimit64(other, RLIMIT_NOFILE, NULL, &got));
	CHECK_EQ(got.rlim_cur, 100);
	CHECK_EQ(got.rlim_max, 200);
	FORK(pid) {
		CHECK_OK(setgid(1000));
		CHECK_OK(setuid(1000));
		l.rlim_cur = 50;
		CHECK_OK(prlimit64(other, RLIMIT_NOFILE, &l, &got));
		CHECK_EQ(got.rlim_cur, 100);
		l.rlim_max = 300;
		CHECK_ERR(prlimit64(other, RLIMIT_NOFILE, &l, NULL), EPERM);
		l.rlim_cur = 301;
		CHECK_ERR(prlimit64(other, RLIMIT_NOFILE, &l, NULL), EINVAL);
		CHECK_ERR(prlimit64(other, RLIM_NLIMITS, NULL, &got), EINVAL);
		CHECK_ERR(prlimit64(getppid(), RLIMIT_NOFILE, NULL, &got), EPERM);
	}
	reap_ok(pid);
	FORK(pid) {
		CHECK_OK(setgid(1001));
		CHECK_OK(setuid(1001));
		CHECK_ERR(prlimit64(other, RLIMIT_NOFILE, NULL, &got), EPERM);
		CHECK_ERR(prlimit64(999999, RLIMIT_NOFILE, NULL, &got), ESRCH);
	}
	reap_ok(pid);
	kill(other, SIGKILL);
	reap_signal(other, SIGKILL);
}

/* How others are scheduled is not for everybody to say. */
TEST(scheduling_of_others)
{
	struct sched_param zero = {0};
	struct gate ready = gate_make();
	unsigned long cpus = 1;
	pid_t other, pid;

	FORK(other) {
		CHECK_OK(setgid(1000));
		CHECK_OK(setuid(1000));
		gate_open(&ready);
		pause();
	}
	gate_wait(&ready);
	FORK(pid) {
		CHECK_OK(setgid(1001));
		CHECK_OK(setuid(1001));
		CHECK_ERR(sched_setscheduler(other, SCHED_BATCH, &zero), EPERM);
		CHECK_ERR(sched_setscheduler(1, SCHED_IDLE, &zero), EPERM);
		CHECK_ERR(syscall(SYS_sched_setaffinity, 1, sizeof(cpus), &cpus), EPERM);
		CHECK_ERR(setpriority(PRIO_PROCESS, other, 5), EPERM);
		CHECK_OK(sched_setscheduler(0, SCHED_BATCH, &zero));
	}
	reap_ok(pid);
	CHECK_OK(sched_setscheduler(other, SCHED_BATCH, &zero));
	CHECK_EQ(sched_getscheduler(other), SCHED_BATCH);
	kill(other, SIGKILL);
	reap_signal(other, SIGKILL);
}

HELPER(effective)
{
	_exit((int)geteuid() == atoi(argv[2]) ? 0 : 1);
}

static void run_set_id(const char *expected)
{
	execl("./setid", "setid", "@effective", expected, NULL);
	_exit(2);
}

TEST(no_new_privileges)
{
	char *block = map_rw(64 * PAGE);
	int in = CHECK_OK(open("/proc/self/exe", O_RDONLY)), out = CHECK_OK(open("setid", O_CREAT | O_WRONLY, 0700));
	ssize_t n;
	pid_t pid;

	while ((n = read(in, block, 64 * PAGE)) > 0)
		CHECK_EQ(write(out, block, (size_t)n), n);
	CHECK_OK(fchown(out, 1234, 1234));
	CHECK_OK(fchmod(out, 04755));
	close(out);
	CHECK_ERR(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
	CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
	FORK(pid)
		run_set_id("1234");
	reap_ok(pid);
	FORK(pid) {
		CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
		FORK(pid) /* inherited */
			run_set_id("0");
		reap_ok(pid);
	}
	reap_ok(pid);
}

#define AMBIENT(what, cap) prctl(PR_CAP_AMBIENT, what, cap, 0, 0)

TEST(ambient_capabilities)
{
	CHECK_EQ(AMBIENT(PR_CAP_AMBIENT_IS_SET, 0), 0);
	CHECK_ERR(AMBIENT(PR_CAP_AMBIENT_IS_SET, 64), EINVAL);
	CHECK_ERR(AMBIENT(PR_CAP_AMBIENT_RAISE, 0), EPERM); /* not inheritable */
	CHECK_ERR(AMBIENT(PR_CAP_AMBIENT_RAISE, ~0ul), EINVAL);
	CHECK_OK(AMBIENT(PR_CAP_AMBIENT_LOWER, 0));
	CHECK_OK(AMBIENT(PR_CAP_AMBIENT_CLEAR_ALL, 0));
	CHECK_ERR(AMBIENT(PR_CAP_AMBIENT_CLEAR_ALL, 1), EINVAL);
	CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 1, 0), EINVAL);
	CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 1), EINVAL);
	CHECK_ERR(AMBIENT(0, 0), EINVAL);
	CHECK_ERR(AMBIENT(5, 0), EINVAL);
}

static bool may_chown(void)
{
	return chown("owned", 5, 5) == 0;
}

TEST(capabilities_kept_over_setuid)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];
	pid_t pid;

	close(new_file("owned"));
	CHECK_EQ(prctl(PR_GET_KEEPCAPS), 0);
	CHECK_ERR(prctl(PR_SET_KEEPCAPS, 2), EINVAL);
	FORK(pid) {
		CHECK_OK(prctl(PR_SET_KEEPCAPS, 1));
		CHECK_EQ(prctl(PR_GET_KEEPCAPS), 1);
		CHECK_OK(setuid(1000));
		CHECK(!may_chown()); /* permitted, but not in effect */
		CHECK_OK(syscall(SYS_capget, &h, d));
		CHECK(d[0].permitted & 1);
		CHECK(!(d[0].effective & 1));
		d[0].effective |= 1;
		CHECK_OK(syscall(SYS_capset, &h, d));
		CHECK(may_chown());
	}
	reap_ok(pid);
	FORK(pid) {
		CHECK_OK(setuid(1000));
		CHECK_OK(syscall(SYS_capget, &h, d));
		CHECK_EQ(d[0].permitted, 0);
	}
	reap_ok(pid);
}

TEST(io_priorities)
{
	pid_t pid;

	CHECK_OK(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 3));
	CHECK_EQ(syscall(SYS_ioprio_get, 1, 0), 2 << 13 | 3);
	FORK(pid) {
		CHECK_EQ(syscall(SYS_ioprio_get, 1, 0), 2 << 13 | 3);
		CHECK_OK(setuid(1000));
		CHECK_ERR(syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 3), EPERM);
		CHECK_OK(syscall(SYS_ioprio_set, 1, 0, 3 << 13));
	}
	reap_ok(pid);
	CHECK_ERR(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 8), EINVAL);
	CHECK_ERR(syscall(SYS_ioprio_set, 0, 0, 2 << 13), EINVAL);
	CHECK_ERR(syscall(SYS_ioprio_get, 4, 0), EINVAL);
	CHECK_ERR(syscall(SYS_ioprio_get, 1, 999999), ESRCH);
}

/* With the file system id of somebody else root has only that one's rights to files, and they come back with the id. */
TEST(file_system_id)
{
	pid_t pid;

	close(new_file("secret"));
	CHECK_OK(chmod("secret", 0600));
	FORK(pid) {
		syscall(SYS_setfsuid32, 1000);
		CHECK_EQ(syscall(SYS_setfsuid32, -1), 1000);
		CHECK_ERR(open("secret", O_RDONLY), EACCES);
		CHECK_ERR(chmod("secret", 0666), EPERM);
		CHECK_EQ(syscall(SYS_setfsuid32, 0), 1000);
		CHECK_OK(open("secret", O_RDONLY));
	}
	reap_ok(pid);
}

TEST(capabilities_of_others)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];
	struct gate ready = gate_make();
	pid_t pid;

	FORK(pid) {
		CHECK_OK(setuid(1000));
		gate_open(&ready);
		pause();
	}
	gate_wait(&ready);
	h.pid = pid;
	CHECK_OK(syscall(SYS_capget, &h, d));
	CHECK_EQ(d[0].permitted, 0);
	h.pid = getpid();
	CHECK_OK(syscall(SYS_capget, &h, d));
	CHECK(d[0].permitted & 1);
	h.pid = 999999;
	CHECK_ERR(syscall(SYS_capget, &h, d), ESRCH);
	h.pid = pid;
	CHECK_ERR(syscall(SYS_capset, &h, d), EPERM);
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
}
