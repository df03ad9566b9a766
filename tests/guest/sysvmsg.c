/* SPDX-License-Identifier: MIT */
/*
 * System V message queues.
 */
#include "guest.h"

#include <sys/ipc.h>
#include <sys/msg.h>

struct m {
	long type;
	char text[8200];
};

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

static int ids[64], nids;
static struct m buf;

/* Queues outlive their process: a test removes them at its end. */
static int queue(key_t key, int flags)
{
	int id = CHECK_OK(msgget(key, flags));

	ids[nids++] = id;
	return id;
}

static void remove_all(void)
{
	while (nids)
		CHECK_OK(msgctl(ids[--nids], IPC_RMID, NULL));
}

static int put(int id, long type, const char *text, int flags)
{
	struct m m = {.type = type};

	strcpy(m.text, text);
	return msgsnd(id, &m, strlen(text), flags);
}

static ssize_t take(int id, size_t size, long type, int flags)
{
	memset(&buf, 0, sizeof(buf));
	return msgrcv(id, &buf, size, type, flags);
}

static struct msqid_ds status(int id)
{
	struct msqid_ds s;

	CHECK_OK(msgctl(id, IPC_STAT, &s));
	return s;
}

static key_t own_key(void)
{
	return 0x72000000 + getpid();
}

static void on_signal(int sig UNUSED)
{
}

TEST(by_key)
{
	key_t key = own_key();
	int id;

	CHECK_ERR(msgget(key, 0600), ENOENT);
	id = queue(key, IPC_CREAT | 0600);
	CHECK_EQ(msgget(key, 0), id);
	CHECK_EQ(msgget(key, IPC_CREAT | 0600), id);
	CHECK_ERR(msgget(key, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	remove_all();
	CHECK_ERR(msgget(key, 0600), ENOENT);
	CHECK_ERR(put(id, 1, "x", 0), EINVAL);
	CHECK_ERR(take(id, 1, 0, 0), EINVAL);
	CHECK_ERR(msgctl(id, IPC_RMID, NULL), EINVAL);
}

TEST(which_message)
{
	int id = queue(IPC_PRIVATE, 0600);

	CHECK_OK(put(id, 3, "three", 0));
	CHECK_OK(put(id, 1, "one", 0));
	CHECK_OK(put(id, 2, "two", 0));
	CHECK_OK(put(id, 1, "uno", 0));
	CHECK_OK(put(id, 3, "tres", 0));
	CHECK_EQ(take(id, 100, 2, 0), 3);
	CHECK_STR(buf.text, "two");
	CHECK_EQ(buf.type, 2);
	CHECK_ERR(take(id, 100, 2, IPC_NOWAIT), ENOMSG);
	CHECK_EQ(take(id, 100, -2, 0), 3);
	CHECK_STR(buf.text, "one");
	CHECK_EQ(take(id, 100, 3, MSG_EXCEPT), 3);
	CHECK_STR(buf.text, "uno");
	CHECK_ERR(take(id, 100, 3, MSG_EXCEPT | IPC_NOWAIT), ENOMSG);
	CHECK_ERR(take(id, 100, -2, IPC_NOWAIT), ENOMSG);
	CHECK_EQ(take(id, 100, LONG_MIN, 0), 5);
	CHECK_STR(buf.text, "three");
	CHECK_EQ(take(id, 100, 0, 0), 4);
	CHECK_STR(buf.text, "tres");
	CHECK_ERR(take(id, 100, 0, IPC_NOWAIT), ENOMSG);
	remove_all();
}

TEST(sizes)
{
	int id = queue(IPC_PRIVATE, 0600);
	static struct m m = {.type = 1};
	long *edge;

	CHECK_OK(put(id, 1, "", 0));
	CHECK_EQ(take(id, 0, 0, 0), 0);
	CHECK_OK(put(id, 1, "12345678", 0));
	CHECK_ERR(take(id, 7, 0, 0), E2BIG);
	CHECK_EQ(status(id).msg_qnum, 1);
	CHECK_EQ(take(id, 7, 0, MSG_NOERROR), 7);
	CHECK_STR(buf.text, "1234567");
	CHECK_EQ(status(id).msg_qnum, 0);
	CHECK_OK(msgsnd(id, &m, 8192, 0));
	CHECK_EQ(take(id, 8200, 0, 0), 8192);
	CHECK_ERR(msgsnd(id, &m, 8193, 0), EINVAL);
	CHECK_ERR(msgsnd(id, &m, (size_t)-1, 0), EINVAL);
	CHECK_ERR(put(id, 0, "x", 0), EINVAL);
	CHECK_ERR(put(id, -1, "x", 0), EINVAL);
	CHECK_ERR(put(-1, 1, "x", 0), EINVAL);
	CHECK_ERR(take(-1, 1, 0, 0), EINVAL);
	CHECK_ERR(take(id, (size_t)-1, 0, IPC_NOWAIT), EINVAL);
	CHECK_ERR(msgsnd(id, (void *)8, 1, 0), EFAULT);
	edge = (long *)(map_edge() - 4);
	*edge = 1;
	CHECK_ERR(msgsnd(id, edge, 1, 0), EFAULT);
	CHECK_OK(put(id, 1, "gone", 0));
	CHECK_ERR(msgrcv(id, map_edge() - 4, 4, 0, 0), EFAULT);
	CHECK_EQ(status(id).msg_qnum, 0);
	remove_all();
}

TEST(full)
{
	int id = queue(IPC_PRIVATE, 0600);
	static struct m m = {.type = 1};
	struct msqid_ds s = status(id);
	pid_t pid;

	CHECK_EQ(s.msg_qbytes, 16384);
	CHECK_OK(msgsnd(id, &m, 8192, 0));
	CHECK_OK(msgsnd(id, &m, 8192, 0));
	CHECK_ERR(msgsnd(id, &m, 1, IPC_NOWAIT), EAGAIN);
	CHECK_OK(msgsnd(id, &m, 0, IPC_NOWAIT)); /* takes no bytes */
	FORK(pid)
		CHECK_OK(put(id, 7, "late", 0));
	wait_state(pid, "S");
	CHECK_EQ(status(id).msg_qnum, 3);
	CHECK_EQ(take(id, 8192, 0, 0), 8192);
	reap_ok(pid);
	CHECK_EQ(take(id, 10, 7, IPC_NOWAIT), 4);
	s.msg_qbytes = 3;
	CHECK_OK(msgctl(id, IPC_SET, &s));
	CHECK_EQ(take(id, 8192, 0, 0), 8192);
	CHECK_EQ(take(id, 8192, 0, 0), 0);
	CHECK_ERR(put(id, 1, "four", IPC_NOWAIT), EAGAIN);
	CHECK_OK(put(id, 1, "tri", IPC_NOWAIT));
	remove_all();
}

TEST(waits_and_is_woken)
{
	int id = queue(IPC_PRIVATE, 0600);
	pid_t a, b;

	FORK(a) {
		CHECK_EQ(take(id, 100, 5, 0), 4);
		CHECK_STR(buf.text, "five");
	}
	FORK(b) {
		CHECK_EQ(take(id, 100, -3, 0), 3);
		CHECK_STR(buf.text, "two");
	}
	wait_state(a, "S");
	wait_state(b, "S");
	CHECK_OK(put(id, 4, "four", 0));
	CHECK_OK(put(id, 5, "five", 0));
	CHECK_OK(put(id, 2, "two", 0));
	reap_ok(a);
	reap_ok(b);
	CHECK_EQ(status(id).msg_qnum, 1);
	remove_all();
}

TEST(signal_and_removal)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	int id = queue(IPC_PRIVATE, 0600);
	struct gate go = gate_make();
	pid_t pid;

	FORK(pid) {
		CHECK_OK(sigaction(SIGUSR1, &action, NULL));
		gate_open(&go);
		CHECK_ERR(take(id, 10, 0, 0), EINTR);
		gate_open(&go);
		CHECK_ERR(take(id, 10, 0, 0), EIDRM);
	}
	gate_wait(&go);
	wait_state(pid, "S");
	CHECK_OK(kill(pid, SIGUSR1));
	gate_wait(&go);
	wait_state(pid, "S");
	remove_all();
	reap_ok(pid);
}

TEST(copies)
{
	int id = queue(IPC_PRIVATE, 0600);

	CHECK_OK(put(id, 1, "first", 0));
	CHECK_OK(put(id, 2, "second", 0));
	if (take(id, 100, 1, MSG_COPY | IPC_NOWAIT) == -1 && errno == ENOSYS) {
		remove_all();
		SKIP("this kernel has no MSG_COPY");
	}
	CHECK_STR(buf.text, "second");
	CHECK_EQ(buf.type, 2);
	CHECK_EQ(status(id).msg_qnum, 2);
	CHECK_ERR(take(id, 100, 2, MSG_COPY | IPC_NOWAIT), ENOMSG);
	CHECK_ERR(take(id, 100, 0, MSG_COPY), EINVAL);
	CHECK_ERR(take(id, 100, 0, MSG_COPY | IPC_NOWAIT | MSG_EXCEPT), EINVAL);
	CHECK_ERR(take(id, 4, 0, MSG_COPY | IPC_NOWAIT), E2BIG);
	CHECK_ERR(take(id, 4, 0, MSG_COPY | IPC_NOWAIT | MSG_NOERROR), EINVAL);
	remove_all();
}

TEST(permissions)
{
	int id = queue(IPC_PRIVATE, 0620);
	struct msqid_ds s;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("needs root");
	FORK(pid) {
		CHECK_OK(setgid(0));
		CHECK_OK(setuid(1234));
		CHECK_OK(put(id, 1, "x", 0)); /* of the group */
		CHECK_ERR(take(id, 1, 0, IPC_NOWAIT), EACCES);
		CHECK_ERR(msgctl(id, IPC_STAT, &s), EACCES);
		CHECK_ERR(msgctl(id, IPC_RMID, NULL), EPERM);
	}
	reap_ok(pid);
	s = status(id);
	s.msg_perm.uid = 1234;
	s.msg_perm.mode = 0600;
	CHECK_OK(msgctl(id, IPC_SET, &s));
	FORK(pid) {
		CHECK_OK(setuid(1234));
		CHECK_EQ(take(id, 1, 0, IPC_NOWAIT), 1);
		s.msg_qbytes = 16385;
		CHECK_ERR(msgctl(id, IPC_SET, &s), EPERM);
		s.msg_qbytes = 100;
		CHECK_OK(msgctl(id, IPC_SET, &s));
		CHECK_OK(msgctl(id, IPC_RMID, NULL));
	}
	reap_ok(pid);
	nids = 0;
}

TEST(status_fields)
{
	int id = queue(own_key(), IPC_CREAT | 0600), index;
	struct msqid_ds s = status(id);
	struct msginfo info;
	bool found = false;
	pid_t pid;

	CHECK(s.msg_stime == 0 && s.msg_rtime == 0 && s.msg_lspid == 0 && s.msg_ctime >= time(NULL) - 5);
	FORK(pid)
		CHECK_OK(put(id, 1, "hello", 0));
	reap_ok(pid);
	s = status(id);
	CHECK(s.msg_qnum == 1 && s.__msg_cbytes == 5 && s.msg_lspid == pid && s.msg_stime >= time(NULL) - 5);
	CHECK_EQ(take(id, 10, 0, 0), 5);
	CHECK_EQ(status(id).msg_lrpid, getpid());
	index = CHECK_OK(msgctl(0, IPC_INFO, (void *)&info));
	CHECK(info.msgmax == 8192 && info.msgmnb == 16384);
	CHECK_OK(msgctl(0, MSG_INFO, (void *)&info));
	CHECK(info.msgpool >= 1);
	for (int i = 0; i <= index; i++)
		found |= msgctl(i, MSG_STAT, &s) == id && s.msg_perm.__key == own_key();
	CHECK(found);
	CHECK_ERR(syscall(SYS_msgctl, id, IPC_STAT, 8), EFAULT);
	CHECK_ERR(msgctl(id, 99, &s), EINVAL);
	remove_all();
}

TEST(old_call)
{
	struct m m = {.type = 4, .text = "abc"}, got = {0};
	struct {
		void *where;
		long type;
	} where = {&got, 4};
	int id = CHECK_OK(syscall(SYS_ipc, 13, IPC_PRIVATE, 0600, 0, NULL, 0));

	CHECK_OK(syscall(SYS_ipc, 11, id, 3, 0, &m, 0));
	CHECK_EQ(syscall(SYS_ipc, 12, id, 10, 0, &where, 0), 3);
	CHECK_STR(got.text, "abc");
	CHECK_OK(syscall(SYS_ipc, 11, id, 2, 0, &m, 0));
	CHECK_EQ(syscall(SYS_ipc, 12 | 1 << 16, id, 10, 0, &got, 4), 2);
	CHECK_ERR(syscall(SYS_ipc, 12, id, 10, IPC_NOWAIT, NULL, 0), EINVAL);
	CHECK_OK(syscall(SYS_ipc, 14, id, IPC_RMID, 0, NULL, 0));
}

/* Each message arrives once, whoever sends and receives at the same time. */
TEST(crowd)
{
	int id = queue(IPC_PRIVATE, 0600), sum = 0;
	pid_t senders[3], receivers[3];
	int out[2];

	CHECK_OK(pipe(out));
	for (int i = 0; i < 3; i++) {
		FORK(receivers[i]) {
			int n = 0;

			while (CHECK_OK(take(id, 100, 1, 0)) > 0)
				n += atoi(buf.text);
			CHECK_EQ(write(out[1], &n, sizeof(n)), sizeof(n));
		}
		FORK(senders[i])
			for (int n = 0; n < 300; n++) {
				char text[64];

				snprintf(text, sizeof(text), "%-50d", n);
				CHECK_OK(put(id, 1, text, 0));
			}
	}
	for (int i = 0; i < 3; i++)
		reap_ok(senders[i]);
	for (int i = 0; i < 3; i++)
		CHECK_OK(put(id, 1, "", 0));
	for (int i = 0; i < 3; i++) {
		int n;

		CHECK_EQ(read(out[0], &n, sizeof(n)), sizeof(n));
		sum += n;
		reap_ok(receivers[i]);
	}
	CHECK_EQ(sum, 3 * 299 * 300 / 2);
	remove_all();
}

static bool file_has(const char *path, const char *text)
{
	static char all[65536];
	int fd = CHECK_OK(open(path, O_RDONLY));
	ssize_t n = CHECK_OK(read(fd, all, sizeof(all) - 1));

	close(fd);
	all[n] = 0;
	return strstr(all, text);
}

TEST(in_proc)
{
	int id = queue(own_key(), IPC_CREAT | 0640);
	char line[100];

	CHECK_OK(put(id, 1, "12345", 0));
	snprintf(line, sizeof(line), "%10d %10d   640           5          1 %5d     0 ", own_key(), id, getpid());
	CHECK(file_has("/proc/sysvipc/msg", "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n"));
	CHECK(file_has("/proc/sysvipc/msg", line));
	CHECK(file_has("/proc/sysvipc/sem", "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"));
	CHECK(file_has("/proc/sysvipc/shm", "       key      shmid perms       size  cpid  lpid nattch   uid   gid  cuid  cgid      atime"));
	remove_all();
	CHECK(!file_has("/proc/sysvipc/msg", line));
	CHECK(file_has("/proc/sys/kernel/sem", "32000\t1024000000\t500\t32000\n"));
	CHECK(file_has("/proc/sys/kernel/msgmnb", "16384\n"));
	CHECK(file_has("/proc/sys/kernel/shmmni", "4096\n"));
}

static int set_limit(const char *path, const char *text)
{
	int fd = CHECK_OK(open(path, O_WRONLY)), e;
	ssize_t n = write(fd, text, strlen(text));

	e = errno;
	close(fd);
	errno = e;
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

TEST(limits_are_set)
{
	static struct m m = {.type = 1};
	int id = queue(IPC_PRIVATE, 0600);

	CHECK_OK(set_limit("/proc/sys/kernel/msgmax", "100\n"));
	CHECK_ERR(msgsnd(id, &m, 101, IPC_NOWAIT), EINVAL);
	CHECK_OK(msgsnd(id, &m, 100, IPC_NOWAIT));
	CHECK_ERR(set_limit("/proc/sys/kernel/msgmax", "-1\n"), EINVAL);
	CHECK_ERR(set_limit("/proc/sys/kernel/msgmax", "many\n"), EINVAL);
	CHECK_OK(set_limit("/proc/sys/kernel/msgmax", "8192\n"));
	CHECK_OK(set_limit("/proc/sys/kernel/sem", "32000 1024000000 500 32000\n"));
	remove_all();
}
