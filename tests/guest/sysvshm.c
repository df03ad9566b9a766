/* SPDX-License-Identifier: MIT */
/*
 * System V shared memory.
 */
#include "guest.h"

#include <pthread.h>
#include <sys/ipc.h>
#include <sys/shm.h>

static int ids[64], nids;

/* Segments outlive their process: a test removes them at its end. */
static int segment(key_t key, size_t size, int flags)
{
	int id = CHECK_OK(shmget(key, size, flags));

	ids[nids++] = id;
	return id;
}

static void remove_all(void)
{
	while (nids)
		CHECK_OK(shmctl(ids[--nids], IPC_RMID, NULL));
}

static struct shmid_ds status(int id)
{
	struct shmid_ds s;

	CHECK_OK(shmctl(id, IPC_STAT, &s));
	return s;
}

static key_t own_key(void)
{
	return 0x70000000 + getpid();
}

TEST(shared_with_a_child)
{
	int id = segment(IPC_PRIVATE, 3 * PAGE, 0600);
	char *p = shmat(id, NULL, 0), *q;
	pid_t pid;

	CHECK(p != (void *)-1);
	CHECK_EQ(p[2 * PAGE], 0);
	p[0] = 1;
	FORK(pid) {
		CHECK_EQ(status(id).shm_nattch, 2);
		CHECK_EQ(p[0], 1);
		p[1] = 2;
		CHECK_OK(shmdt(p));
		CHECK_EQ(status(id).shm_nattch, 1);
		CHECK_EQ(fault_of(touch_read, p), SIGSEGV);
	}
	reap_ok(pid);
	CHECK_EQ(p[1], 2);
	q = shmat(id, NULL, SHM_RDONLY);
	CHECK(q != (void *)-1 && q != p);
	CHECK_EQ(q[1], 2);
	CHECK_EQ(fault_of(touch_write, q), SIGSEGV);
	CHECK_ERR(mprotect(q, PAGE, PROT_READ | PROT_WRITE), EACCES);
	p[5000] = 7;
	CHECK_EQ(q[5000], 7);
	remove_all();
}

TEST(by_key)
{
	key_t key = own_key();
	int id;

	CHECK_ERR(shmget(key, 100, 0600), ENOENT);
	id = segment(key, 100, IPC_CREAT | 0640);
	CHECK_EQ(shmget(key, 100, 0), id);
	CHECK_EQ(shmget(key, 0, IPC_CREAT | 0640), id);
	CHECK_ERR(shmget(key, 100, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	CHECK_ERR(shmget(key, 101, 0), EINVAL);
	remove_all();
	CHECK_ERR(shmget(key, 100, 0), ENOENT);
	CHECK_ERR(shmctl(id, IPC_RMID, NULL), EINVAL);
	CHECK_ERR(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
}

TEST(removed_while_attached)
{
	int id = segment(own_key(), PAGE, IPC_CREAT | 0600), other;
	char *p = shmat(id, NULL, 0), *q;

	CHECK(p != (void *)-1);
	p[3] = 9;
	CHECK_OK(shmctl(id, IPC_RMID, NULL));
	nids--;
	CHECK_EQ(p[3], 9);
	CHECK_EQ(status(id).shm_perm.mode & 07777, 01600);
	CHECK_EQ(status(id).shm_nattch, 1);
	q = shmat(id, NULL, 0); /* it is there until the last one goes */
	CHECK(q != (void *)-1);
	CHECK_EQ(q[3], 9);
	other = segment(own_key(), PAGE, IPC_CREAT | 0600);
	CHECK(other != id);
	CHECK_OK(shmdt(p));
	CHECK_OK(shmdt(q));
	CHECK_ERR(shmctl(id, IPC_STAT, &(struct shmid_ds){0}), EINVAL);
	CHECK((intptr_t)shmat(id, NULL, 0) == -1 && errno == EINVAL);
	remove_all();
}

TEST(statuses)
{
	time_t now = time(NULL);
	int id = segment(own_key(), 5000, IPC_CREAT | 0604);
	struct shmid_ds s = status(id);
	char *p;

	CHECK_EQ(s.shm_perm.__key, own_key());
	CHECK_EQ(s.shm_perm.mode, 0604);
	CHECK_EQ(s.shm_perm.uid, geteuid());
	CHECK_EQ(s.shm_perm.cgid, getegid());
	CHECK_EQ(s.shm_segsz, 5000);
	CHECK_EQ(s.shm_nattch, 0);
	CHECK_EQ(s.shm_cpid, getpid());
	CHECK_EQ(s.shm_lpid, 0);
	CHECK_EQ(s.shm_atime, 0);
	CHECK(s.shm_ctime >= now - 1 && s.shm_ctime <= now + 10);
	p = shmat(id, NULL, 0);
	CHECK(p != (void *)-1);
	s = status(id);
	CHECK(s.shm_atime >= now - 1);
	CHECK_EQ(s.shm_dtime, 0);
	CHECK_EQ(s.shm_lpid, getpid());
	CHECK_OK(shmdt(p));
	CHECK(status(id).shm_dtime >= now - 1);
	s.shm_perm.mode = 0600;
	s.shm_perm.uid = 1234;
	CHECK_OK(shmctl(id, IPC_SET, &s));
	CHECK_EQ(status(id).shm_perm.mode, 0600);
	CHECK_EQ(status(id).shm_perm.uid, 1234);
	CHECK_EQ(status(id).shm_perm.cuid, geteuid());
	remove_all();
}

TEST(addresses)
{
	int id = segment(IPC_PRIVATE, 2 * PAGE, 0600);
	char *room = map_rw(8 * PAGE), *p;

	CHECK((intptr_t)shmat(id, room, 0) == -1 && errno == EINVAL);
	CHECK((intptr_t)shmat(id, room + 1, SHM_REMAP) == -1 && errno == EINVAL);
	CHECK((intptr_t)shmat(id, NULL, SHM_REMAP) == -1 && errno == EINVAL);
	p = shmat(id, room + PAGE + 5, SHM_REMAP | SHM_RND);
	CHECK(p == room + PAGE);
	p[0] = 1;
	room[3 * PAGE] = 1;
	CHECK_ERR(shmdt(p + PAGE), EINVAL);
	CHECK_ERR(shmdt(p + 1), EINVAL);
	CHECK_ERR(shmdt(room), EINVAL);
	CHECK_OK(shmdt(p));
	CHECK_ERR(shmdt(p), EINVAL);
	CHECK_EQ(fault_of(touch_read, p), SIGSEGV);
	CHECK(shmat(id, p, 0) == p);
	CHECK_EQ(p[0], 1);
	remove_all();
}

TEST(permissions)
{
	int id = segment(own_key(), PAGE, IPC_CREAT | 0604);
	pid_t pid;

	FORK(pid) {
		CHECK_OK(setgid(1234));
		CHECK_OK(setuid(1234));
		CHECK((intptr_t)shmat(id, NULL, 0) == -1 && errno == EACCES);
		CHECK(shmat(id, NULL, SHM_RDONLY) != (void *)-1);
		CHECK_ERR(shmget(own_key() - (getpid() - getppid()), PAGE, 0600), EACCES);
		CHECK_ERR(shmctl(id, IPC_RMID, NULL), EPERM);
		CHECK_ERR(shmctl(id, IPC_SET, &(struct shmid_ds){0}), EPERM);
	}
	reap_ok(pid);
	remove_all();
}

TEST(errors)
{
	int id = segment(IPC_PRIVATE, PAGE, 0600);

	CHECK_ERR(shmctl(-1, IPC_STAT, &(struct shmid_ds){0}), EINVAL);
	CHECK_ERR(shmctl(id ^ 0x40000000, IPC_STAT, &(struct shmid_ds){0}), EINVAL);
	CHECK_ERR(shmctl(id, 99, NULL), EINVAL);
	CHECK((intptr_t)shmat(-1, NULL, 0) == -1 && errno == EINVAL);
	CHECK_OK(shmctl(id, SHM_LOCK, NULL));
	CHECK_OK(shmctl(id, SHM_UNLOCK, NULL));
	CHECK_ERR(syscall(396, id, IPC_STAT, map_edge()), EFAULT);
	CHECK_ERR(syscall(396, id, IPC_STAT | 0x100, &(struct shmid_ds){0}), EINVAL);
	CHECK_ERR(syscall(SYS_ipc, 24, id, IPC_STAT | 0x100, 0, map_edge()), EFAULT);
	CHECK_ERR(syscall(SYS_ipc, 24, id, 99 | 0x100, 0, map_edge()), EINVAL);
	CHECK_ERR(syscall(SYS_ipc, 21 | 1 << 16, id, 0, 0, NULL), EINVAL);
	remove_all();
}

TEST(all_of_them)
{
	struct shm_info info;
	struct shmid_ds s;
	int id = segment(IPC_PRIVATE, 4 * PAGE, 0600), last, found = 0;
	char *p = shmat(id, NULL, 0);

	CHECK(p != (void *)-1);
	p[0] = p[PAGE] = 1;
	last = CHECK_OK(shmctl(0, SHM_INFO, (struct shmid_ds *)&info));
	CHECK(info.used_ids >= 1);
	CHECK(info.shm_tot >= 4);
	CHECK(info.shm_rss >= 2);
	for (int i = 0; i <= last; i++)
		found += shmctl(i, SHM_STAT, &s) == id;
	CHECK_EQ(found, 1);
	remove_all();
}

/* Parts of an attachment that were unmapped or split. */
TEST(pieces)
{
	int id = segment(IPC_PRIVATE, 4 * PAGE, 0600);
	char *p = shmat(id, NULL, 0);

	CHECK(p != (void *)-1);
	CHECK_OK(mprotect(p + PAGE, PAGE, PROT_READ));
	CHECK_EQ(status(id).shm_nattch, 3);
	CHECK_OK(shmdt(p));
	CHECK_EQ(status(id).shm_nattch, 0);
	CHECK_EQ(fault_of(touch_read, p + 3 * PAGE), SIGSEGV);
	remove_all();
}

HELPER(exec_detaches)
{
	CHECK_EQ(status(atoi(argv[2])).shm_nattch, 0);
	return 0;
}

TEST(gone_at_exec)
{
	int id = segment(IPC_PRIVATE, PAGE, 0600);
	char text[16];
	pid_t pid;

	snprintf(text, sizeof(text), "%d", id);
	FORK(pid) {
		CHECK(shmat(id, NULL, 0) != (void *)-1);
		execl("/proc/self/exe", "sysvshm", "@exec_detaches", text, NULL);
		FAIL("exec: %s", strerror(errno));
	}
	reap_ok(pid);
	remove_all();
}

/* Attached, detached, made and removed by several at once. */
static void *churner(void *arg)
{
	int shared = (int)(intptr_t)arg;

	for (int i = 0; i < 200; i++) {
		int id = CHECK_OK(shmget(IPC_PRIVATE, PAGE, 0600));
		char *p = shmat(id, NULL, 0), *q = shmat(shared, NULL, 0);

		CHECK(p != (void *)-1 && q != (void *)-1);
		p[0] = 1;
		__atomic_add_fetch(q, 1, __ATOMIC_SEQ_CST);
		CHECK_OK(shmctl(id, IPC_RMID, NULL));
		CHECK_OK(shmdt(p));
		CHECK_OK(shmdt(q));
	}
	return NULL;
}

TEST(threads)
{
	int id = segment(IPC_PRIVATE, PAGE, 0600);
	pthread_t t[3];
	char *p;

	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, churner, (void *)(intptr_t)id), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(status(id).shm_nattch, 0);
	p = shmat(id, NULL, 0);
	CHECK_EQ((unsigned char)p[0], 600 % 256);
	remove_all();
}
