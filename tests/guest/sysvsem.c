/* SPDX-License-Identifier: MIT */
/*
 * System V semaphores.
 */
#include "guest.h"

#include <sched.h>
#include <sys/ipc.h>
#include <sys/sem.h>

union arg {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};

#define OP(n, o, f) ((struct sembuf){(n), (o), (f)})
#define DO(id, ...)                                                                                                    \
	({                                                                                                             \
		struct sembuf ops_[] = {__VA_ARGS__};                                                                  \
		semop((id), ops_, sizeof(ops_) / sizeof(ops_[0]));                                                     \
	})

static int ids[64], nids;

/* Sets outlive their process: a test removes them at its end. */
static int set_of(key_t key, int n, int flags)
{
	int id = CHECK_OK(semget(key, n, flags));

	ids[nids++] = id;
	return id;
}

static void remove_all(void)
{
	while (nids)
		CHECK_OK(semctl(ids[--nids], 0, IPC_RMID));
}

static int value(int id, int n)
{
	return CHECK_OK(semctl(id, n, GETVAL));
}

static void set_value(int id, int n, int v)
{
	CHECK_OK(semctl(id, n, SETVAL, (union arg){.val = v}));
}

static key_t own_key(void)
{
	return 0x71000000 + getpid();
}

static void on_signal(int sig UNUSED)
{
}

TEST(by_key)
{
	key_t key = own_key();
	int id;

	CHECK_ERR(semget(key, 1, 0600), ENOENT);
	CHECK_ERR(semget(key, 0, IPC_CREAT | 0600), EINVAL);
	CHECK_ERR(semget(key, -1, IPC_CREAT | 0600), EINVAL);
	CHECK_ERR(semget(key, 32001, IPC_CREAT | 0600), EINVAL);
	id = set_of(key, 3, IPC_CREAT | 0640);
	CHECK_EQ(semget(key, 3, 0), id);
	CHECK_EQ(semget(key, 0, IPC_CREAT | 0600), id);
	CHECK_ERR(semget(key, 4, 0), EINVAL);
	CHECK_ERR(semget(key, 3, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	CHECK(semget(IPC_PRIVATE, 32001, 0600) == -1 && errno == EINVAL);
	remove_all();
	CHECK_ERR(semget(key, 1, 0600), ENOENT);
	CHECK_ERR(semctl(id, 0, GETVAL), EINVAL);
}

TEST(values)
{
	int id = set_of(IPC_PRIVATE, 3, 0600);
	unsigned short all[3] = {1, 2, 3};

	CHECK_EQ(value(id, 0), 0);
	CHECK_OK(semctl(id, 0, SETALL, (union arg){.array = all}));
	CHECK_EQ(value(id, 1), 2);
	set_value(id, 1, 32767);
	CHECK_ERR(semctl(id, 1, SETVAL, (union arg){.val = 32768}), ERANGE);
	CHECK_ERR(semctl(id, 1, SETVAL, (union arg){.val = -1}), ERANGE);
	CHECK_ERR(semctl(id, 3, SETVAL, (union arg){.val = 1}), EINVAL);
	CHECK_ERR(semctl(id, -1, GETVAL), EINVAL);
	CHECK_ERR(semctl(id, 3, GETVAL), EINVAL);
	CHECK_EQ(semctl(id, 1, GETPID), getpid());
	all[0] = all[1] = all[2] = 9;
	CHECK_OK(semctl(id, 0, GETALL, (union arg){.array = all}));
	CHECK(all[0] == 1 && all[1] == 32767 && all[2] == 3);
	all[2] = 32768;
	CHECK_ERR(semctl(id, 0, SETALL, (union arg){.array = all}), ERANGE);
	CHECK_ERR(semctl(id, 0, SETALL, (union arg){.array = (void *)8}), EFAULT);
	CHECK_ERR(semctl(id, 0, GETALL, (union arg){.array = (void *)8}), EFAULT);
	CHECK_EQ(value(id, 2), 3);
	CHECK_ERR(semctl(id, 0, 99), EINVAL);
	CHECK_ERR(semctl(-1, 0, GETVAL), EINVAL);
	remove_all();
}

TEST(all_or_nothing)
{
	int id = set_of(IPC_PRIVATE, 3, 0600);

	CHECK_OK(DO(id, OP(0, 5, 0), OP(1, 1, 0), OP(2, 0, 0)));
	CHECK_ERR(DO(id, OP(0, -2, 0), OP(1, -1, 0), OP(2, -1, IPC_NOWAIT)), EAGAIN);
	CHECK(value(id, 0) == 5 && value(id, 1) == 1 && value(id, 2) == 0);
	CHECK_ERR(DO(id, OP(0, 3, 0), OP(1, 0, IPC_NOWAIT)), EAGAIN);
	CHECK_EQ(value(id, 0), 5);
	CHECK_OK(DO(id, OP(0, -5, 0), OP(0, 0, 0), OP(0, 7, 0), OP(1, -1, 0)));
	CHECK(value(id, 0) == 7 && value(id, 1) == 0);
	CHECK_ERR(DO(id, OP(1, 1, 0), OP(0, 32761, 0)), ERANGE);
	CHECK(value(id, 0) == 7 && value(id, 1) == 0);
	CHECK_ERR(DO(id, OP(0, 0, IPC_NOWAIT)), EAGAIN);
	remove_all();
}

TEST(errors)
{
	struct sembuf many[501] = {{0}};
	struct timespec bad = {0, 1000000000}, zero = {0, 0};
	int id = set_of(IPC_PRIVATE, 2, 0600);

	CHECK_ERR(semop(id, many, 501), E2BIG);
	CHECK_ERR(semop(id, many, 0), EINVAL);
	CHECK_OK(semop(id, many, 500));
	CHECK_ERR(semop(-1, many, 1), EINVAL);
	CHECK_ERR(semop(id, (void *)8, 1), EFAULT);
	CHECK_ERR(semop(id, (void *)(map_edge() - 6), 2), EFAULT);
	CHECK_ERR(DO(id, OP(2, 1, 0)), EFBIG);
	CHECK_ERR(DO(id, OP(65535, 1, IPC_NOWAIT)), EFBIG);
	CHECK_ERR(DO(id + (1 << 15), OP(0, 1, 0)), EINVAL);
	many[0].sem_op = -1;
	CHECK_ERR(semtimedop(id, many, 1, &bad), EINVAL);
	CHECK_ERR(syscall(SYS_semtimedop_time64, id, many, 1, 8), EFAULT);
	CHECK_ERR(semtimedop(id, many, 1, &zero), EAGAIN);
	zero.tv_nsec = 20000000;
	CHECK_ERR(semtimedop(id, many, 1, &zero), EAGAIN);
	CHECK_EQ(semctl(id, 0, GETNCNT), 0);
	remove_all();
}

TEST(waits_and_is_woken)
{
	int id = set_of(IPC_PRIVATE, 2, 0600);
	pid_t pid;

	FORK(pid)
		CHECK_OK(DO(id, OP(0, -3, 0), OP(1, 1, 0)));
	CHECK_SOON(semctl(id, 0, GETNCNT) == 1);
	CHECK_EQ(semctl(id, 0, GETZCNT), 0);
	CHECK_EQ(semctl(id, 1, GETNCNT), 0);
	CHECK_OK(DO(id, OP(0, 2, 0)));
	CHECK_EQ(semctl(id, 0, GETNCNT), 1);
	CHECK_EQ(value(id, 0), 2);
	CHECK_OK(DO(id, OP(0, 2, 0)));
	CHECK_EQ(value(id, 0), 1); /* done for it before the call returned */
	CHECK_EQ(value(id, 1), 1);
	CHECK_EQ(semctl(id, 1, GETPID), pid);
	reap_ok(pid);
	remove_all();
}

TEST(waits_for_zero)
{
	int id = set_of(IPC_PRIVATE, 1, 0600);
	pid_t a, b;

	set_value(id, 0, 2);
	FORK(a)
		CHECK_OK(DO(id, OP(0, 0, 0)));
	FORK(b)
		CHECK_OK(DO(id, OP(0, 0, 0)));
	CHECK_SOON(semctl(id, 0, GETZCNT) == 2);
	CHECK_OK(DO(id, OP(0, -1, 0)));
	CHECK_EQ(semctl(id, 0, GETZCNT), 2);
	CHECK_OK(DO(id, OP(0, -1, 0)));
	CHECK_EQ(semctl(id, 0, GETZCNT), 0);
	reap_ok(a);
	reap_ok(b);
	remove_all();
}

TEST(one_lets_the_next_go_on)
{
	int id = set_of(IPC_PRIVATE, 4, 0600);
	pid_t pid[3];

	for (int i = 2; i >= 0; i--)
		FORK(pid[i])
			CHECK_OK(DO(id, OP(i, -1, 0), OP(i + 1, 1, 0)));
	for (int i = 0; i < 3; i++)
		CHECK_SOON(semctl(id, i, GETNCNT) == 1);
	set_value(id, 0, 1);
	CHECK_EQ(value(id, 3), 1);
	for (int i = 0; i < 3; i++)
		reap_ok(pid[i]);
	remove_all();
}

TEST(signal_and_removal)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct gate interrupted = gate_make();
	int id = set_of(IPC_PRIVATE, 1, 0600);
	pid_t pid;

	FORK(pid) {
		CHECK_OK(sigaction(SIGUSR1, &action, NULL));
		CHECK_ERR(DO(id, OP(0, -1, 0)), EINTR); /* never goes on by itself */
		gate_open(&interrupted);
		CHECK_ERR(DO(id, OP(0, -1, 0)), EIDRM);
		CHECK_ERR(DO(id, OP(0, -1, 0)), EINVAL);
	}
	CHECK_SOON(semctl(id, 0, GETNCNT) == 1);
	wait_state(pid, "S");
	CHECK_OK(kill(pid, SIGUSR1));
	gate_wait(&interrupted);
	CHECK_SOON(semctl(id, 0, GETNCNT) == 1);
	remove_all();
	reap_ok(pid);
}

TEST(killed_while_waiting)
{
	int id = set_of(IPC_PRIVATE, 1, 0600);
	pid_t pid;

	FORK(pid)
		DO(id, OP(0, -1, SEM_UNDO));
	CHECK_SOON(semctl(id, 0, GETNCNT) == 1);
	CHECK_OK(kill(pid, SIGKILL));
	reap_signal(pid, SIGKILL);
	CHECK_EQ(semctl(id, 0, GETNCNT), 0);
	CHECK_OK(DO(id, OP(0, 1, 0)));
	CHECK_EQ(value(id, 0), 1);
	remove_all();
}

TEST(undone_at_exit)
{
	int id = set_of(IPC_PRIVATE, 2, 0600);
	struct gate go = gate_make();
	pid_t pid, waiter;

	set_value(id, 0, 5);
	FORK(pid) {
		CHECK_OK(DO(id, OP(0, -2, SEM_UNDO), OP(1, 3, SEM_UNDO)));
		CHECK_OK(DO(id, OP(1, 1, 0)));
		gate_open(&go);
		pause();
	}
	gate_wait(&go);
	FORK(waiter)
		CHECK_OK(DO(id, OP(0, -5, 0)));
	CHECK_SOON(semctl(id, 0, GETNCNT) == 1);
	CHECK_OK(kill(pid, SIGKILL));
	reap_signal(pid, SIGKILL);
	reap_ok(waiter);
	CHECK_EQ(value(id, 0), 0);
	CHECK_EQ(value(id, 1), 1);
	remove_all();
}

TEST(undo_wakes)
{
	int id = set_of(IPC_PRIVATE, 1, 0600);
	struct gate go = gate_make(), end = gate_make();
	pid_t pid, waiter;

	set_value(id, 0, 1);
	FORK(pid) {
		CHECK_OK(DO(id, OP(0, -1, SEM_UNDO)));
		gate_open(&go);
		gate_wait(&end);
	}
	gate_wait(&go);
	FORK(waiter)
		CHECK_OK(DO(id, OP(0, -1, SEM_UNDO)));
	CHECK_SOON(semctl(id, 0, GETNCNT) == 1);
	gate_open(&end);
	reap_ok(pid);
	reap_ok(waiter);
	CHECK_EQ(value(id, 0), 1);
	remove_all();
}

TEST(set_values_are_not_undone)
{
	int id = set_of(IPC_PRIVATE, 1, 0600);
	pid_t pid;

	FORK(pid) {
		CHECK_OK(DO(id, OP(0, 5, SEM_UNDO)));
		set_value(id, 0, 7);
	}
	reap_ok(pid);
	CHECK_EQ(value(id, 0), 7);
	FORK(pid) {
		CHECK_OK(DO(id, OP(0, 5, SEM_UNDO)));
		CHECK_OK(DO(id, OP(0, -10, 0)));
	}
	reap_ok(pid);
	CHECK_EQ(value(id, 0), 0); /* not below it */
	remove_all();
}

TEST(undo_over_the_range)
{
	int id = set_of(IPC_PRIVATE, 1, 0600);
	pid_t pid;

	FORK(pid) {
		CHECK_OK(DO(id, OP(0, 32767, SEM_UNDO)));
		CHECK_OK(DO(id, OP(0, -32767, 0)));
		CHECK_OK(DO(id, OP(0, 1, SEM_UNDO)));
		CHECK_ERR(DO(id, OP(0, 1, SEM_UNDO)), ERANGE);
		CHECK_EQ(value(id, 0), 1);
	}
	reap_ok(pid);
	CHECK_EQ(value(id, 0), 0);
	remove_all();
}

static int shared_id;

static int undo_thread(void *arg UNUSED)
{
	struct sembuf op = OP(0, 4, SEM_UNDO);

	_exit(semop(shared_id, &op, 1) != 0);
}

/* Processes that share their list give back when the last of them ends. */
TEST(shared_undo)
{
	char *stack = map_rw(16 * PAGE) + 16 * PAGE;
	struct gate go = gate_make(), end = gate_make();
	pid_t pid, child;

	shared_id = set_of(IPC_PRIVATE, 1, 0600);
	FORK(pid) {
		child = CHECK_OK(clone(undo_thread, stack, CLONE_SYSVSEM | SIGCHLD, NULL));
		reap_ok(child);
		CHECK_EQ(value(shared_id, 0), 4);
		child = CHECK_OK(clone(undo_thread, stack, SIGCHLD, NULL));
		reap_ok(child);
		CHECK_EQ(value(shared_id, 0), 4);
		gate_open(&go);
		gate_wait(&end);
	}
	gate_wait(&go);
	CHECK_EQ(value(shared_id, 0), 4);
	gate_open(&end);
	reap_ok(pid);
	CHECK_EQ(value(shared_id, 0), 0);
	remove_all();
}

TEST(removed_with_undo_left)
{
	int id = set_of(IPC_PRIVATE, 1, 0600), again;
	pid_t pid;

	FORK(pid) {
		CHECK_OK(DO(id, OP(0, 4, SEM_UNDO)));
		CHECK_OK(semctl(id, 0, IPC_RMID));
		again = CHECK_OK(semget(IPC_PRIVATE, 1, 0600));
		set_value(again, 0, 9);
		CHECK_OK(DO(again, OP(0, 1, SEM_UNDO)));
		CHECK_EQ(value(again, 0), 10);
		CHECK_OK(semctl(again, 0, IPC_RMID));
	}
	reap_ok(pid);
	CHECK_ERR(semctl(id, 0, GETVAL), EINVAL);
}

TEST(permissions)
{
	int id = set_of(IPC_PRIVATE, 1, 0640);
	struct semid_ds ds;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("needs root");
	FORK(pid) {
		CHECK_OK(setgid(1234));
		CHECK_OK(setuid(1234));
		CHECK_ERR(semctl(id, 0, GETVAL), EACCES);
		CHECK_ERR(DO(id, OP(0, 1, 0)), EACCES);
		CHECK_ERR(DO(id, OP(0, 0, 0)), EACCES);
		CHECK_ERR(semctl(id, 0, SETVAL, (union arg){.val = 1}), EACCES);
		CHECK_ERR(semctl(id, 1, SETVAL, (union arg){.val = 1}), EINVAL);
		CHECK_ERR(semctl(id, 1, GETVAL), EACCES);
		CHECK_ERR(semctl(id, 0, IPC_STAT, (union arg){.buf = &ds}), EACCES);
		CHECK_ERR(semctl(id, 0, IPC_RMID), EPERM);
		CHECK_ERR(semctl(id, 0, IPC_SET, (union arg){.buf = &ds}), EPERM);
	}
	reap_ok(pid);
	CHECK_OK(semctl(id, 0, IPC_STAT, (union arg){.buf = &ds}));
	CHECK_EQ(ds.sem_perm.mode, 0640);
	CHECK_EQ(ds.sem_nsems, 1);
	ds.sem_perm.mode = 0604;
	ds.sem_perm.uid = 4321;
	CHECK_OK(semctl(id, 0, IPC_SET, (union arg){.buf = &ds}));
	FORK(pid) {
		CHECK_OK(setgid(1234));
		CHECK_OK(setuid(1234));
		CHECK_EQ(semctl(id, 0, GETVAL), 0);
		CHECK_OK(DO(id, OP(0, 0, 0)));
		CHECK_ERR(DO(id, OP(0, 1, 0)), EACCES);
	}
	reap_ok(pid);
	FORK(pid) {
		CHECK_OK(setuid(4321));
		CHECK_OK(DO(id, OP(0, 1, 0)));
		CHECK_OK(semctl(id, 0, IPC_RMID));
	}
	reap_ok(pid);
	nids = 0;
}

TEST(status)
{
	int id = set_of(own_key(), 2, IPC_CREAT | 0600), index;
	struct semid_ds ds;
	struct seminfo info;
	bool found = false;

	CHECK_OK(semctl(id, 0, IPC_STAT, (union arg){.buf = &ds}));
	CHECK_EQ(ds.sem_perm.__key, own_key());
	CHECK_EQ(ds.sem_otime, 0);
	CHECK(ds.sem_ctime >= time(NULL) - 5 && ds.sem_ctime <= time(NULL));
	CHECK_OK(DO(id, OP(0, 1, 0)));
	CHECK_OK(semctl(id, 0, IPC_STAT, (union arg){.buf = &ds}));
	CHECK(ds.sem_otime >= time(NULL) - 5);
	index = CHECK_OK(semctl(0, 0, IPC_INFO, (union arg){.info = &info}));
	CHECK_EQ(info.semvmx, 32767);
	CHECK_EQ(info.semmsl, 32000);
	CHECK_EQ(info.semopm, 500);
	CHECK_OK(semctl(0, 0, SEM_INFO, (union arg){.info = &info}));
	CHECK(info.semusz >= 1 && info.semaem >= 2);
	for (int i = 0; i <= index; i++)
		found |= semctl(i, 0, SEM_STAT, (union arg){.buf = &ds}) == id && ds.sem_nsems == 2;
	CHECK(found);
	CHECK_ERR(syscall(SYS_semctl, id, 0, IPC_STAT, 8), EFAULT);
	CHECK_ERR(semctl(30000, 0, SEM_STAT, (union arg){.buf = &ds}), EINVAL);
	remove_all();
}

/* The old call for all of System V. */
TEST(old_call)
{
	struct sembuf op = OP(0, 2, 0);
	struct timespec soon = {0, 1000000};
	union arg arg = {.val = 6};
	int id = CHECK_OK(syscall(SYS_ipc, 2, IPC_PRIVATE, 1, 0600, NULL, 0));

	CHECK_OK(syscall(SYS_ipc, 1, id, 1, 0, &op, 0));
	CHECK_EQ(syscall(SYS_ipc, 3, id, 0, GETVAL | 0x100, &arg, 0), 2);
	CHECK_OK(syscall(SYS_ipc, 3, id, 0, SETVAL | 0x100, &arg, 0));
	CHECK_EQ(syscall(SYS_ipc, 3, id, 0, GETVAL, &arg, 0), 6);
	CHECK_ERR(syscall(SYS_ipc, 3, id, 0, GETVAL, NULL, 0), EINVAL);
	op.sem_op = -7;
	CHECK_ERR(syscall(SYS_ipc, 4, id, 1, 0, &op, &soon), EAGAIN);
	CHECK_OK(syscall(SYS_ipc, 3, id, 0, IPC_RMID, &arg, 0));
}

/* Many who take and give a few: nothing is lost, and never more than there are. */
TEST(crowd)
{
	int id = set_of(IPC_PRIVATE, 2, 0600);
	pid_t pid[6];

	set_value(id, 0, 2);
	for (int i = 0; i < 6; i++)
		FORK(pid[i])
			for (int n = 0; n < 200; n++) {
				CHECK_OK(DO(id, OP(0, -1, SEM_UNDO), OP(1, 1, SEM_UNDO)));
				CHECK(value(id, 1) <= 2);
				CHECK_OK(DO(id, OP(1, -1, SEM_UNDO), OP(0, 1, SEM_UNDO)));
			}
	for (int i = 0; i < 6; i++)
		reap_ok(pid[i]);
	CHECK(value(id, 0) == 2 && value(id, 1) == 0);
	remove_all();
}
