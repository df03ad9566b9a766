/* SPDX-License-Identifier: MIT */
/*
 * Memory that runs out in the middle of what processes tell each other: semaphores, message queues, splice, extended attributes, words to wait on.
 */
#include "nomemory.h"

#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/xattr.h>

static void do_semaphores(void)
{
	struct sembuf op[20];
	unsigned short values[100];
	int id = semget(IPC_PRIVATE, 100, 0600);
	long r = id;

	for (int i = 0; i < 20; i++)
		op[i] = (struct sembuf){(unsigned short)i, 1, SEM_UNDO};
	if (r >= 0)
		r = semop(id, op, 20);
	if (r >= 0)
		r = semctl(id, 0, GETALL, values);
	if (r >= 0)
		r = semctl(id, 0, SETALL, values);
	expect(r);
	if (id >= 0)
		CHECK_OK(semctl(id, 0, IPC_RMID));
}

static void do_messages(void)
{
	struct {
		long type;
		char text[3000];
	} m = {.type = 1};
	int id = msgget(IPC_PRIVATE, 0600);
	long r = id;

	if (r >= 0)
		r = msgsnd(id, &m, sizeof(m.text), 0);
	if (r >= 0)
		r = msgrcv(id, &m, sizeof(m.text), 0, IPC_NOWAIT | 040000);
	if (r >= 0)
		r = msgrcv(id, &m, sizeof(m.text), 0, IPC_NOWAIT);
	expect(r);
	if (id >= 0)
		CHECK_OK(msgctl(id, IPC_RMID, NULL));
}

static void do_mqueue(void)
{
	struct mq_attr a = {.mq_maxmsg = 2, .mq_msgsize = 3000};
	mqd_t q = mq_open("/nomemory", O_CREAT | O_RDWR, 0600, &a);
	char text[3000] = {0};
	long r = q;

	if (r >= 0)
		r = mq_send(q, text, sizeof(text), 1);
	if (r >= 0)
		r = mq_notify(q, NULL);
	if (r >= 0)
		r = mq_receive(q, text, sizeof(text), NULL);
	expect(r);
	if (mq_unlink("/nomemory") < 0)
		CHECK_EQ(errno, ENOENT);
}

static void do_splice(void)
{
	struct iovec v = {"some bytes", 10};
	int fd = open("spliced", O_CREAT | O_RDWR, 0600), a[2], b[2];
	long r = fd < 0 ? -1 : write(fd, "0123456789", 10);
	loff_t at = 0;

	if (r >= 0)
		r = pipe(a);
	if (r >= 0)
		r = pipe(b);
	if (r >= 0)
		r = splice(fd, &at, a[1], NULL, 10, 0);
	if (r >= 0)
		r = vmsplice(a[1], &v, 1, 0);
	if (r >= 0)
		r = tee(a[0], b[1], 15, 0);
	if (r >= 0)
		r = splice(a[0], NULL, b[1], NULL, 13, 0);
	if (r >= 0)
		r = splice(b[0], NULL, fd, NULL, 20, 0);
	expect(r);
}

static void do_xattrs(void)
{
	char got[100];
	int fd = open("f", O_CREAT | O_RDWR, 0600);
	long r = fd;

	if (r >= 0)
		r = fsetxattr(fd, "trusted.one", "value", 5, 0);
	if (r >= 0)
		r = fsetxattr(fd, "trusted.one", "other", 5, 0);
	if (r >= 0)
		r = fgetxattr(fd, "trusted.one", got, sizeof(got));
	if (r >= 0)
		r = flistxattr(fd, got, sizeof(got));
	expect(r);
}

static void do_words(void)
{
	struct {
		uint64_t val, addr;
		uint32_t flags, reserved;
	} v[3];
	static uint32_t w[16];
	int64_t past[2] = {0, 1};
	long r;

	for (int i = 0; i < 3; i++) {
		v[i].val = 0;
		v[i].addr = (uintptr_t)&w[i];
		v[i].flags = 2;
		v[i].reserved = 0;
	}
	r = syscall(449, v, 3, 0, past, CLOCK_MONOTONIC);
	if (r < 0 && (errno == ETIMEDOUT || errno == EINVAL))
		r = 0;
	if (r >= 0)
		r = syscall(SYS_futex, &w[4], 6, 0, NULL, NULL, 0);
	if (r >= 0)
		r = syscall(SYS_futex, &w[4], 7, 0, NULL, NULL, 0);
	expect(r);
}

static void do_exec_at(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *argv[] = {"nomemory_ipc", "@reached", NULL}, *envp[] = {NULL};

	if (fd >= 0)
		syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
	expect(-1);
}

HELPER(reached)
{
	char text[24] = "";
	int fd = open("/proc/perigee/fail_after", O_RDWR);

	if (fd < 0 || pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return START_FAILED;
	(void)!write(fd, "0", 1);
	return atol(text) > 0 ? NOT_REACHED : 0;
}

TEST(semaphores_without) { each_step(NULL, do_semaphores); }
TEST(messages_without) { each_step(NULL, do_messages); }
TEST(mqueue_without) { each_step(NULL, do_mqueue); }
TEST(splice_without) { each_step(NULL, do_splice); }
TEST(xattrs_without) { each_step(NULL, do_xattrs); }
TEST(words_without) { each_step(NULL, do_words); }
TEST(exec_at_without) { each_step(NULL, do_exec_at); }
