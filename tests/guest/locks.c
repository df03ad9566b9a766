/* SPDX-License-Identifier: MIT */
/*
 * Locks on files: whole ones (flock), records of a process (fcntl), records of an open file (OFD).
 */
#include "guest.h"

#include <sched.h>
#include <sys/file.h>

static int record(int fd, int cmd, int type, off_t start, off_t len)
{
	struct flock l = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

	return fcntl(fd, cmd, &l);
}

/* What another process would be told about the range: the type in its way, with where it lies. */
static struct flock ask(int fd, int type, off_t start, off_t len)
{
	struct flock *l = map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED), found;
	pid_t pid;

	*l = (struct flock){.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
	FORK(pid)
		CHECK_OK(fcntl(fd, F_GETLK, l));
	reap_ok(pid);
	found = *l;
	munmap(l, PAGE);
	return found;
}

#define CHECK_LOCK(fd, from, bytes, want, at, size)                                                                    \
	do {                                                                                                           \
		struct flock l_ = ask(fd, F_WRLCK, from, bytes);                                                       \
		CHECK_EQ(l_.l_type, want);                                                                             \
		if ((want) != F_UNLCK) {                                                                               \
			CHECK_EQ(l_.l_start, at);                                                                      \
			CHECK_EQ(l_.l_len, size);                                                                      \
			CHECK_EQ(l_.l_pid, getpid());                                                                  \
			CHECK_EQ(l_.l_whence, SEEK_SET);                                                               \
		}                                                                                                      \
	} while (0)

TEST(records_split_and_merge)
{
	int fd = new_file("f");

	CHECK_OK(record(fd, F_SETLK, F_WRLCK, 100, 100));
	CHECK_LOCK(fd, 0, 0, F_WRLCK, 100, 100);
	CHECK_LOCK(fd, 0, 100, F_UNLCK, 0, 0);
	CHECK_LOCK(fd, 200, 0, F_UNLCK, 0, 0);
	CHECK_OK(record(fd, F_SETLK, F_UNLCK, 140, 10));
	CHECK_LOCK(fd, 0, 120, F_WRLCK, 100, 40);
	CHECK_LOCK(fd, 140, 10, F_UNLCK, 0, 0);
	CHECK_LOCK(fd, 145, 0, F_WRLCK, 150, 50);
	CHECK_OK(record(fd, F_SETLK, F_RDLCK, 160, 10)); /* downgrade of a part */
	CHECK_LOCK(fd, 150, 5, F_WRLCK, 150, 10);
	CHECK_LOCK(fd, 165, 1, F_RDLCK, 160, 10);
	CHECK_LOCK(fd, 170, 1, F_WRLCK, 170, 30);
	CHECK_EQ(ask(fd, F_RDLCK, 160, 10).l_type, F_UNLCK);
	CHECK_OK(record(fd, F_SETLK, F_WRLCK, 140, 30)); /* closes all gaps */
	CHECK_LOCK(fd, 150, 1, F_WRLCK, 100, 100);
	CHECK_OK(record(fd, F_SETLK, F_WRLCK, 200, 0)); /* touches: one lock to the end */
	CHECK_LOCK(fd, 1 << 30, 1, F_WRLCK, 100, 0);
	CHECK_OK(record(fd, F_SETLK, F_UNLCK, 0, 0));
	CHECK_LOCK(fd, 0, 0, F_UNLCK, 0, 0);
}

TEST(record_ranges)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -10, .l_len = 5};
	struct flock64 wide = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x100000000ll, .l_len = 0x7fffffffffffffffll};
	int fd = new_file("f");

	CHECK_OK(ftruncate(fd, 100));
	CHECK_OK(lseek(fd, 50, SEEK_SET));
	CHECK_OK(fcntl(fd, F_SETLK, &l));
	CHECK_LOCK(fd, 0, 0, F_WRLCK, 90, 5);
	l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = 0, .l_len = -20}; /* the bytes before */
	CHECK_OK(fcntl(fd, F_SETLK, &l));
	CHECK_LOCK(fd, 0, 50, F_WRLCK, 30, 20);
	CHECK_LOCK(fd, 50, 40, F_UNLCK, 0, 0);
	l.l_len = -51;
	CHECK_ERR(fcntl(fd, F_SETLK, &l), EINVAL);
	l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = -1, .l_len = 1};
	CHECK_ERR(fcntl(fd, F_SETLK, &l), EINVAL);
	l = (struct flock){.l_type = F_WRLCK, .l_whence = 3};
	CHECK_ERR(fcntl(fd, F_SETLK, &l), EINVAL);
	l = (struct flock){.l_type = 7};
	CHECK_ERR(fcntl(fd, F_SETLK, &l), EINVAL);
	CHECK_ERR(fcntl(fd, F_GETLK, &l), EINVAL);
	l.l_type = F_UNLCK;
	CHECK_ERR(fcntl(fd, F_GETLK, &l), EINVAL);
	CHECK_ERR(fcntl64(fd, F_SETLK64, &wide), EOVERFLOW);
	wide.l_len = 10;
	CHECK_OK(fcntl64(fd, F_SETLK64, &wide));
	CHECK_ERR(fcntl(fd, F_SETLK, NULL), EFAULT);
	CHECK_ERR(fcntl(99, F_SETLK, &l), EBADF);
}

TEST(records_need_the_right_mode)
{
	int rd, wr, path;

	close(new_file("f"));
	rd = CHECK_OK(open("f", O_RDONLY));
	wr = CHECK_OK(open("f", O_WRONLY));
	path = CHECK_OK(open("f", O_PATH));
	CHECK_ERR(record(rd, F_SETLK, F_WRLCK, 0, 0), EBADF);
	CHECK_ERR(record(wr, F_SETLK, F_RDLCK, 0, 0), EBADF);
	CHECK_OK(record(rd, F_SETLK, F_RDLCK, 0, 0));
	CHECK_OK(record(wr, F_SETLK, F_WRLCK, 0, 0)); /* one process: no conflict with itself */
	CHECK_ERR(record(path, F_SETLK, F_UNLCK, 0, 0), EBADF);
	CHECK_ERR(flock(path, LOCK_SH), EBADF);
}

TEST(records_keep_others_out)
{
	int fd = new_file("f");
	pid_t pid;

	CHECK_OK(record(fd, F_SETLK, F_RDLCK, 0, 10));
	CHECK_OK(record(fd, F_SETLK, F_WRLCK, 10, 10));
	FORK(pid) { /* does not inherit them */
		CHECK_OK(record(fd, F_SETLK, F_RDLCK, 0, 10));
		CHECK_ERR(record(fd, F_SETLK, F_WRLCK, 5, 1), EAGAIN);
		CHECK_ERR(record(fd, F_SETLK, F_RDLCK, 19, 1), EAGAIN);
		CHECK_OK(record(fd, F_SETLK, F_UNLCK, 0, 0)); /* only its own */
		CHECK_ERR(record(fd, F_SETLK, F_WRLCK, 10, 1), EAGAIN);
	}
	reap_ok(pid);
}

TEST(any_close_gives_records_up)
{
	int fd = new_file("f"), other = CHECK_OK(open("f", O_RDONLY));

	CHECK_OK(record(fd, F_SETLK, F_WRLCK, 0, 0));
	CHECK_LOCK(fd, 0, 0, F_WRLCK, 0, 0);
	close(other);
	CHECK_LOCK(fd, 0, 0, F_UNLCK, 0, 0);
}

TEST(exit_gives_records_up)
{
	struct gate locked = gate_make();
	int fd = new_file("f");
	pid_t pid;

	FORK(pid) {
		CHECK_OK(record(fd, F_SETLK, F_WRLCK, 0, 0));
		gate_open(&locked);
		sleep_ms(30);
	}
	gate_wait(&locked);
	CHECK_OK(record(fd, F_SETLKW, F_WRLCK, 0, 0)); /* waits for the end of the child */
	reap_ok(pid);
}

static void on_alarm(int sig UNUSED) {}

TEST(waiting_is_interrupted)
{
	struct sigaction plain = {.sa_handler = on_alarm};
	struct itimerval soon = {{0, 20000}, {0, 20000}}; /* the first one may come before the call */
	struct gate locked = gate_make();
	int fd = new_file("f");
	pid_t pid;

	FORK(pid) {
		CHECK_OK(record(fd, F_SETLK, F_WRLCK, 0, 0));
		CHECK_OK(flock(CHECK_OK(open("f", O_RDWR)), LOCK_EX));
		gate_open(&locked);
		pause();
	}
	gate_wait(&locked);
	CHECK_OK(sigaction(SIGALRM, &plain, NULL));
	CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL));
	CHECK_ERR(record(fd, F_SETLKW, F_RDLCK, 0, 0), EINTR);
	CHECK_ERR(flock(fd, LOCK_SH), EINTR);
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
	CHECK_OK(record(fd, F_SETLK, F_RDLCK, 0, 0));
	CHECK_OK(flock(fd, LOCK_EX | LOCK_NB));
}

TEST(deadlock_is_found)
{
	struct gate theirs = gate_make();
	int fd = new_file("f");
	pid_t pid;

	CHECK_OK(record(fd, F_SETLK, F_WRLCK, 0, 1));
	FORK(pid) {
		CHECK_OK(record(fd, F_SETLK, F_WRLCK, 1, 1));
		gate_open(&theirs);
		CHECK_OK(record(fd, F_SETLKW, F_WRLCK, 0, 1)); /* until the parent gives it up */
	}
	gate_wait(&theirs);
	wait_state(pid, "S");
	CHECK_ERR(record(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
	CHECK_OK(record(fd, F_SETLK, F_UNLCK, 0, 1));
	reap_ok(pid);
}

TEST(whole_file_locks)
{
	int a = new_file("f"), b = CHECK_OK(open("f", O_RDONLY)), c = CHECK_OK(dup(a));
	pid_t pid;

	CHECK_ERR(flock(a, 0), EINVAL);
	CHECK_ERR(flock(a, LOCK_SH | LOCK_EX), EINVAL);
	CHECK_ERR(flock(99, LOCK_SH), EBADF);
	CHECK_OK(flock(a, LOCK_SH));
	CHECK_OK(flock(b, LOCK_SH));
	CHECK_ERR(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_OK(flock(b, LOCK_UN));
	CHECK_OK(flock(a, LOCK_EX | LOCK_NB)); /* b's mode does not matter, nor does that a lock is held */
	CHECK_ERR(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	FORK(pid) {
		CHECK_OK(flock(a, LOCK_EX | LOCK_NB)); /* the open file is shared, and so is its lock */
		close(a);
		close(c);
		CHECK_ERR(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	}
	reap_ok(pid);
	close(a);
	CHECK_ERR(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	close(c); /* the last descriptor */
	CHECK_OK(flock(b, LOCK_EX | LOCK_NB));
	CHECK_OK(record(b, F_SETLK, F_RDLCK, 0, 0)); /* the kinds do not see each other */
}

TEST(whole_file_lock_waits)
{
	struct gate locked = gate_make();
	int fd, mine;
	pid_t pid;

	close(new_file("f"));
	FORK(pid) {
		fd = CHECK_OK(open("f", O_RDWR));
		CHECK_OK(flock(fd, LOCK_EX));
		gate_open(&locked);
		sleep_ms(30);
		CHECK_EQ(write(fd, "x", 1), 1);
		CHECK_OK(flock(fd, LOCK_UN));
	}
	mine = CHECK_OK(open("f", O_RDONLY));
	gate_wait(&locked);
	CHECK_OK(flock(mine, LOCK_SH));
	CHECK_EQ(lseek(mine, 0, SEEK_END), 1);
	reap_ok(pid);
}

TEST(records_of_open_files)
{
	struct flock64 l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10}, q = l;
	int a = new_file("f"), b = CHECK_OK(open("f", O_RDWR));
	pid_t pid;

	CHECK_OK(fcntl64(a, F_OFD_SETLK, &l));
	CHECK_ERR(fcntl64(b, F_OFD_SETLK, &l), EAGAIN); /* even within one process */
	CHECK_ERR(record(a, F_SETLK, F_WRLCK, 0, 0), EAGAIN);
	CHECK_OK(record(a, F_SETLK, F_WRLCK, 0, 10));
	CHECK_OK(fcntl64(b, F_OFD_GETLK, &q));
	CHECK_EQ(q.l_type, F_WRLCK);
	CHECK_EQ(q.l_start, 10);
	CHECK_EQ(q.l_pid, -1);
	q = l;
	q.l_pid = 1;
	CHECK_ERR(fcntl64(b, F_OFD_GETLK, &q), EINVAL);
	CHECK_ERR(fcntl64(b, F_OFD_SETLK, &q), EINVAL);
	FORK(pid)
		CHECK_OK(fcntl64(a, F_OFD_SETLK, &l)); /* shared with the parent */
	reap_ok(pid);
	close(a);
	CHECK_OK(fcntl64(b, F_OFD_SETLKW, &l));
}

/* Several processes count in one file; without the lock they would lose counts. */
TEST(locks_exclude)
{
	int kinds = 3, rounds = 40, fd = new_file("f"), n = 0;
	pid_t pid[6];

	CHECK_EQ(write(fd, &n, sizeof(n)), sizeof(n));
	close(fd);
	for (int i = 0; i < 6; i++) {
		FORK(pid[i]) {
			fd = CHECK_OK(open("f", O_RDWR));
			for (int r = 0; r < rounds; r++) {
				struct flock64 l = {.l_type = F_WRLCK};

				if (i % kinds == 0)
					l.l_len = 8;
				CHECK_OK(flock(fd, LOCK_EX));
				CHECK_OK(fcntl64(fd, F_SETLKW64, &l));
				CHECK_EQ(pread(fd, &n, sizeof(n), 0), sizeof(n));
				n++;
				if (r % 5 == 0)
					sched_yield();
				CHECK_EQ(pwrite(fd, &n, sizeof(n), 0), sizeof(n));
				l.l_type = F_UNLCK;
				CHECK_OK(fcntl64(fd, F_SETLK64, &l));
				CHECK_OK(flock(fd, LOCK_UN));
			}
		}
	}
	for (int i = 0; i < 6; i++)
		reap_ok(pid[i]);
	fd = CHECK_OK(open("f", O_RDONLY));
	CHECK_EQ(read(fd, &n, sizeof(n)), sizeof(n));
	CHECK_EQ(n, 6 * rounds);
}
