/* SPDX-License-Identifier: MIT */
/* Threads with files, directories and semaphore undos of their own: clone without CLONE_FILES or CLONE_FS, unshare(2), CLOSE_RANGE_UNSHARE. */
#include "guest.h"

#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <sys/sem.h>

static pthread_barrier_t both;

static void meet(void) { pthread_barrier_wait(&both); }

/* Runs the other thread's part; each calls meet() as often as the other. */
static pthread_t with_thread(void *(*part)(void *), void *arg)
{
	pthread_t t;

	pthread_barrier_init(&both, NULL, 2);
	CHECK_EQ(pthread_create(&t, NULL, part, arg), 0);
	return t;
}

static const char *where(char buf[PATH_MAX]) { return CHECK_OK((long)syscall(SYS_getcwd, buf, PATH_MAX)) > 0 ? strrchr(buf, '/') + 1 : ""; }

static void *go_elsewhere(void *unused)
{
	char buf[PATH_MAX];

	CHECK_OK(unshare(CLONE_FS));
	CHECK_OK(chdir("elsewhere"));
	CHECK_EQ(umask(077), 022);
	meet();
	meet();
	CHECK_STR(where(buf), "elsewhere");
	CHECK_EQ(umask(0), 077);
	return unused;
}

TEST(a_thread_with_a_directory_of_its_own)
{
	char before[PATH_MAX], after[PATH_MAX];
	pthread_t t;

	CHECK_OK(mkdir("elsewhere", 0755));
	umask(022);
	CHECK_OK((long)syscall(SYS_getcwd, before, PATH_MAX));
	t = with_thread(go_elsewhere, NULL);
	meet();
	CHECK_OK((long)syscall(SYS_getcwd, after, PATH_MAX));
	CHECK_STR(after, before);
	CHECK_EQ(umask(027), 022);
	meet();
	pthread_join(t, NULL);
	CHECK_EQ(umask(0), 027);
}

static int common[2], late = -1;

static void *use_own_files(void *unused)
{
	CHECK_OK(unshare(CLONE_FILES));
	meet();
	CHECK_OK(close(common[1])); /* its own number only */
	late = CHECK_OK(open("/dev/null", O_RDONLY));
	meet();
	meet();
	CHECK_ERR(fcntl(99, F_GETFD), EBADF); /* what the other has opened since is the other's */
	return unused;
}

TEST(a_thread_with_files_of_its_own)
{
	pthread_t t;
	char c;

	CHECK_OK(pipe2(common, O_NONBLOCK));
	t = with_thread(use_own_files, NULL);
	meet();
	meet();
	CHECK_EQ(late, common[1]); /* the lowest that was free there */
	CHECK_EQ(write(common[1], "x", 1), 1);
	CHECK_EQ(read(common[0], &c, 1), 1);
	CHECK_OK(dup2(common[0], 99));
	meet();
	pthread_join(t, NULL);
	CHECK_ERR(read(common[0], &c, 1), EAGAIN); /* the writing end is still open */
	CHECK_OK(close(common[1]));
	CHECK_EQ(read(common[0], &c, 1), 0);
}

static void *hold_a_copy(void *unused)
{
	CHECK_OK(unshare(CLONE_FILES));
	meet();
	meet();
	return unused;
}

/* A thread that ends closes what is only its own, while the process goes on. */
TEST(the_end_of_a_thread_closes_its_files)
{
	pthread_t t;
	char c;

	CHECK_OK(pipe2(common, O_NONBLOCK));
	t = with_thread(hold_a_copy, NULL);
	meet();
	CHECK_OK(close(common[1]));
	CHECK_ERR(read(common[0], &c, 1), EAGAIN); /* the thread has it */
	meet();
	pthread_join(t, NULL);
	for (int i = 0; i < LATE_MS && read(common[0], &c, 1) < 0; i++) /* a join may return before the thread is gone for good */
		usleep(1000);
	CHECK_EQ(read(common[0], &c, 1), 0);
}

/* When a process can be waited for, whatever thread of it had what has closed it. */
TEST(the_end_of_a_process_closes_the_files_of_all_threads)
{
	for (int i = 0; i < 50; i++) {
		pid_t pid;
		char c;

		CHECK_OK(pipe2(common, O_NONBLOCK));
		FORK(pid) {
			with_thread(hold_a_copy, NULL);
			meet();
			close(common[1]);
			if (i % 2)
				meet();
		}
		close(common[1]);
		reap_ok(pid);
		CHECK_EQ(read(common[0], &c, 1), 0);
		close(common[0]);
	}
}

static char room[4][65536];

static int see_number(void *number)
{
	int n = *(int *)number, sees = fcntl(n, F_GETFD) == 0;

	close(n);
	chdir("/");
	*(volatile int *)number = sees ? -1 : -2;
	return 0;
}

static void run_bare(unsigned long flags, int *number)
{
	static volatile int word;

	word = 1;
	CHECK_OK(clone(see_number, room[1], (int)(flags | CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID), number, &word, NULL, &word));
	while (*(volatile int *)number >= 0 || word)
		usleep(100);
}

/* Threads are not bound to share anything but memory and signals. */
TEST(a_thread_made_without_sharing)
{
	char before[PATH_MAX], after[PATH_MAX];
	int fd = CHECK_OK(open("/dev/null", O_RDONLY)), number = fd;

	CHECK_OK((long)syscall(SYS_getcwd, before, PATH_MAX));
	run_bare(0, &number);
	CHECK_EQ(number, -1);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_OK((long)syscall(SYS_getcwd, after, PATH_MAX));
	CHECK_STR(after, before);
	number = fd;
	run_bare(CLONE_FILES | CLONE_FS, &number);
	CHECK_EQ(number, -1);
	CHECK_ERR(fcntl(fd, F_GETFD), EBADF);
	CHECK_OK((long)syscall(SYS_getcwd, after, PATH_MAX));
	CHECK_STR(after, "/");
}

static int close_all_but_memory(void *fd)
{
	_exit(syscall(SYS_close_range, *(int *)fd, *(int *)fd, CLOSE_RANGE_UNSHARE) || fcntl(*(int *)fd, F_GETFD) != -1);
}

static int close_shared(void *fd) { _exit(close(*(int *)fd)); }

TEST(close_range_with_a_table_of_its_own)
{
	int fd = CHECK_OK(open("/dev/null", O_RDONLY)), other = dup(fd);
	pid_t pid;

	pid = CHECK_OK(clone(close_all_but_memory, room[1], CLONE_FILES | SIGCHLD, &fd));
	reap_ok(pid);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	pid = CHECK_OK(clone(close_shared, room[1], CLONE_FILES | SIGCHLD, &other));
	reap_ok(pid);
	CHECK_ERR(fcntl(other, F_GETFD), EBADF);
	CHECK_OK(syscall(SYS_close_range, fd, fd, CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(syscall(SYS_close_range, fd, fd, 8), EINVAL);
	CHECK_ERR(syscall(SYS_close_range, fd + 1, fd, CLOSE_RANGE_UNSHARE), EINVAL);
}

static void *ask_for_lock(void *fd)
{
	struct flock l = { .l_type = F_WRLCK };

	CHECK_OK(fcntl(*(int *)fd, F_GETLK, &l));
	CHECK_EQ(l.l_type, F_UNLCK); /* the process's own lock is no obstacle */
	CHECK_OK(unshare(CLONE_FILES));
	l = (struct flock){ .l_type = F_WRLCK };
	CHECK_OK(fcntl(*(int *)fd, F_GETLK, &l));
	CHECK_EQ(l.l_type, F_WRLCK); /* records belong to the table of files */
	CHECK_EQ(l.l_pid, getpid());
	return NULL;
}

TEST(records_belong_to_the_table)
{
	struct flock l = { .l_type = F_WRLCK };
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
	pthread_t t;

	CHECK_OK(fcntl(fd, F_SETLK, &l));
	t = with_thread(ask_for_lock, &fd);
	pthread_join(t, NULL);
}

TEST(unshare_of_undos_does_them)
{
	struct sembuf up = { 0, 3, SEM_UNDO };
	int id = CHECK_OK(semget(IPC_PRIVATE, 1, 0600));

	CHECK_OK(semop(id, &up, 1));
	CHECK_EQ(semctl(id, 0, GETVAL), 3);
	CHECK_OK(unshare(CLONE_SYSVSEM));
	CHECK_EQ(semctl(id, 0, GETVAL), 0);
	CHECK_OK(semop(id, &up, 1));
	CHECK_OK(semctl(id, 0, IPC_RMID));
}

static void *try_alone(void *unused)
{
	CHECK_ERR(unshare(CLONE_THREAD), EINVAL);
	CHECK_ERR(unshare(CLONE_SIGHAND), EINVAL);
	CHECK_ERR(unshare(CLONE_VM), EINVAL);
	CHECK_OK(unshare(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM));
	return unused;
}

static int try_shared_memory(void *how)
{
	int want = *(int *)how;

	if (unshare(CLONE_THREAD) || unshare(CLONE_FILES))
		_exit(1);
	errno = 0;
	if ((unshare(CLONE_VM) ? errno : 0) != EINVAL)
		_exit(2);
	errno = 0;
	_exit((unshare(CLONE_SIGHAND) ? errno : 0) != want ? 3 : 0);
}

/* What cannot be parted from may be asked for by whoever shares it with nobody. */
TEST(what_cannot_be_unshared)
{
	int want = 0;

	CHECK_OK(unshare(0));
	CHECK_OK(unshare(CLONE_THREAD));
	CHECK_OK(unshare(CLONE_SIGHAND));
	CHECK_OK(unshare(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM));
	CHECK_ERR(unshare(1), EINVAL);
	CHECK_ERR(unshare(CLONE_VFORK), EINVAL);
	CHECK_ERR(unshare(CLONE_PARENT), EINVAL);
	CHECK_ERR(unshare(CLONE_SETTLS), EINVAL);
	CHECK_ERR(unshare((int)CLONE_IO), EINVAL);
	pthread_join(with_thread(try_alone, NULL), NULL);
	reap_ok(CHECK_OK(clone(try_shared_memory, room[1], CLONE_VM | CLONE_VFORK | SIGCHLD, &want)));
	want = EINVAL;
	reap_ok(CHECK_OK(clone(try_shared_memory, room[1], CLONE_VM | CLONE_SIGHAND | CLONE_VFORK | SIGCHLD, &want)));
}

static void *exec_from_thread(void *fd)
{
	char number[12];

	CHECK_OK(unshare(CLONE_FILES | CLONE_FS));
	CHECK_OK(chdir("elsewhere"));
	snprintf(number, sizeof(number), "%d", CHECK_OK(dup2(*(int *)fd, 60)));
	execl("/proc/self/exe", "unshare", "@is_open", number, NULL);
	return NULL;
}

HELPER(is_open)
{
	char buf[PATH_MAX];

	return argc != 3 || fcntl(atoi(argv[2]), F_GETFD) || strcmp(where(buf), "elsewhere");
}

/* The program that a thread starts has that thread's files. */
TEST(exec_by_a_thread_with_files_of_its_own)
{
	int fd = CHECK_OK(open("/dev/null", O_RDONLY));
	pid_t pid;

	CHECK_OK(mkdir("elsewhere", 0755));
	FORK(pid) {
		pthread_join(with_thread(exec_from_thread, &fd), NULL);
		_exit(9);
	}
	reap_ok(pid);
}

static volatile int stop;

static void *part_and_look(void *fd)
{
	while (!stop) {
		CHECK_OK(unshare(CLONE_FILES | CLONE_FS));
		CHECK_EQ(fcntl(*(int *)fd, F_GETFD), 0);
		CHECK_OK(chdir("/"));
	}
	return NULL;
}

/* Others look at the files of a process whose threads part and end. */
TEST(looking_while_threads_part)
{
	int fd = CHECK_OK(open("/dev/null", O_RDONLY));
	char path[64], buf[PATH_MAX];
	pid_t pid;

	FORK(pid) {
		pthread_t t[3];

		for (int round = 0; round < 30; round++) {
			stop = 0;
			for (int i = 0; i < 3; i++)
				CHECK_EQ(pthread_create(&t[i], NULL, part_and_look, &fd), 0);
			usleep(3000);
			stop = 1;
			for (int i = 0; i < 3; i++)
				pthread_join(t[i], NULL);
		}
	}
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	for (int i = 0; i < 1000; i++) {
		ssize_t n = readlink(path, buf, sizeof(buf));

		CHECK(n < 0 || n == 9);
	}
	reap_ok(pid);
}

/* What cannot be entered, on a kernel with namespaces and on one without. */
TEST(no_such_namespace)
{
	int file = new_file("f"), path = CHECK_OK(open("f", O_PATH)), self = CHECK_OK(syscall(434, getpid(), 0));

	CHECK_ERR(setns(-1, 0), EBADF);
	CHECK_ERR(setns(999, CLONE_NEWUTS), EBADF);
	CHECK_ERR(setns(path, 0), EBADF);
	CHECK_ERR(setns(file, 0), EINVAL);
	CHECK_ERR(setns(file, CLONE_NEWUTS), EINVAL);
	CHECK_ERR(setns(self, 0), EINVAL);
	CHECK_ERR(setns(self, CLONE_FILES), EINVAL);
	CHECK_ERR(setns(self, CLONE_NEWUTS | CLONE_VM), EINVAL);
}
