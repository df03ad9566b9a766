/* SPDX-License-Identifier: MIT */
/*
 * When memory runs out in the middle: each operation is made to fail at its first allocation, its second, and so on. It must succeed or
 * give an error that says so, leave no trace, and lose nothing (the runner counts). Needs a kernel whose allocations can be made to
 * fail: a debug build of Perigee; skipped elsewhere.
 */
#include "nomemory.h"

#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>

static void do_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	expect(pid);
	if (pid > 0)
		reap(pid);
}

static int thread_body(void *arg UNUSED)
{
	syscall(SYS_exit, 0);
	return 0;
}

static char thread_stack[8192] __attribute__((aligned(16)));

static void do_thread(void)
{
	pid_t tid = clone(thread_body, thread_stack + sizeof(thread_stack), CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, NULL);

	expect(tid);
	if (tid > 0)
		thread_gone(tid);
}

HELPER(fine)
{
	char text[24] = "";

	knob = atoi(argv[2]);
	(void)!pread(knob, text, sizeof(text) - 1, 0);
	fail_after(0);
	return atol(text) > 0 ? NOT_REACHED : 0;
}

static void do_exec(void)
{
	char number[12], *argv[] = {"nomemory", "@fine", number, NULL}, *envp[] = {NULL};

	snprintf(number, sizeof(number), "%d", knob);
	fcntl(knob, F_SETFD, 0);
	*reached = true; /* unless the program that is started says otherwise */
	execve("/proc/self/exe", argv, envp);
	expect(-1);
}

static void do_create(void)
{
	int fd = open("a rather long name that does not fit into the entry itself", O_CREAT | O_RDWR, 0600);

	expect(fd);
}

static void do_write(void)
{
	static char data[5 * PAGE];
	int fd = open("data", O_CREAT | O_RDWR, 0600);
	long r = fd < 0 ? -1 : write(fd, data, sizeof(data));

	expect(r);
	if (fd >= 0 && r >= 0 && lseek(fd, 0, SEEK_END) < r)
		FAIL("the file is shorter than what was written");
}

static void do_names(void)
{
	long r = mkdir("dir", 0700);

	if (r == 0)
		r = symlink("some target", "dir/link");
	if (r == 0)
		r = link("dir/link", "dir/second");
	if (r == 0)
		r = rename("dir/second", "dir/third with a name that is longer than others");
	if (r == 0)
		r = access("dir/link", F_OK) < 0 && errno == ENOENT ? 0 : -1;
	expect(r);
	unlink("dir/link");
	unlink("dir/second");
	unlink("dir/third with a name that is longer than others");
	rmdir("dir");
}

static void do_pipe(void)
{
	int fd[2];
	long r = pipe(fd);

	if (r == 0)
		r = write(fd[1], "text", 4);
	if (r > 0)
		r = fcntl(fd[1], F_SETPIPE_SZ, 1 << 20);
	expect(r);
}

static void do_descriptors(void)
{
	long r = fcntl(knob, F_DUPFD, 900);

	expect(r);
	expect(dup2(knob, 1000));
}

static void do_map(void)
{
	char *p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		expect(-1);
	else
		for (int i = 0; i < 64; i += 3)
			p[i * PAGE] = (char)i;
	if (p != MAP_FAILED)
		for (int i = 0; i < 64; i += 3)
			CHECK_EQ(p[i * PAGE], (char)i);
}

static void do_regions(void)
{
	char *p = mmap((void *)0x50000000, 1024 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	long r = p == MAP_FAILED ? -1 : 0;

	if (r == 0)
		p[9 * PAGE] = 9;
	if (r == 0)
		r = mprotect(p + PAGE, PAGE, PROT_READ);
	if (r == 0)
		r = munmap(p + 5 * PAGE, PAGE);
	if (r == 0)
		r = madvise(p + 20 * PAGE, 4 * PAGE, MADV_DONTNEED);
	if (r == 0 && mremap(p + 8 * PAGE, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)0x60000000) == MAP_FAILED)
		r = -1;
	expect(r);
	if (r == 0)
		CHECK_EQ(*(char *)(0x60000000 + PAGE), 9);
	else if (p != MAP_FAILED)
		CHECK_EQ(p[9 * PAGE], 9);
}

static void do_shared(void)
{
	int *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		expect(-1);
	else
		fail_after(0);
}

/* A parent and a child that write to what they share: tables and pages are copied under way. */
static char *shared_private;

static void prepare_copy(void)
{
	shared_private = map_rw(3000 * PAGE);
	for (int i = 0; i < 3000; i += 500)
		shared_private[i * PAGE] = 1;
}

static void do_copy(void)
{
	pid_t pid;

	fail_after(0);
	pid = fork();
	if (pid == 0) {
		fail_after(step);
		for (int i = 0; i < 12; i++) {
			shared_private[i % 6 * 500 * PAGE] = 2;
			if (munmap(shared_private + (2400 + i) * PAGE, PAGE) < 0 && errno != ENOMEM)
				_exit(1);
		}
		stop();
		_exit(0);
	}
	if (pid > 0) {
		int status = reap(pid);

		*reached |= status == SIGKILL;
		if (status && status != SIGKILL)
			FAIL("the writer ended with status %#x", status);
	}
	for (int i = 0; i < 3000; i += 500)
		CHECK_EQ(shared_private[i * PAGE], 1);
}

static void do_locks(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 100}, hole = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5};
	int fd = open("locked", O_CREAT | O_RDWR, 0600);
	long r = fd < 0 ? -1 : fcntl(fd, F_SETLK, &l);

	if (r == 0)
		r = fcntl(fd, F_SETLK, &hole);
	expect(r);
}

static void do_signals(void)
{
	union sigval v = {.sival_int = 1};
	struct timespec now = {0, 0};
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	expect(sigqueue(getpid(), SIGRTMIN, v));
	fail_after(1);
	kill(getpid(), SIGUSR1); /* comes in any case */
	fail_after(0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_EQ(sigtimedwait(&set, NULL, &now), SIGUSR1);
}

static void do_groups(void)
{
	gid_t list[40];
	long r;

	for (int i = 0; i < 40; i++)
		list[i] = (gid_t)i;
	r = setgroups(40, list);
	if (r == 0)
		r = setresuid(0, 0, 0);
	if (r == 0)
		r = setsid();
	expect(r);
}

static void do_proc(void)
{
	static const char *const files[] = {"/proc/self/maps", "/proc/self/status", "/proc/self/mounts", "/proc/stat", "/proc/self/smaps", "/proc/self/pagemap",
					    "/proc/self/fdinfo/0", "/proc/self/pgtables", "/proc/slabinfo", "/proc/interrupts"};
	static char buf[20000];

	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd = open(files[i], O_RDONLY);
		long r = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

		if (r < 0 && errno != ENOMEM && errno != EINVAL)
			FAIL("%s: %s", files[i], strerror(errno));
		close(fd);
	}
}

static void do_directory(void)
{
	char buf[2000];
	int fd = open(".", O_RDONLY | O_DIRECTORY);
	long r = fd < 0 ? -1 : syscall(SYS_getdents64, fd, buf, sizeof(buf));

	if (r >= 0 && !getcwd(buf, sizeof(buf)))
		r = -1;
	if (r >= 0)
		r = readlink("/proc/self/exe", buf, sizeof(buf));
	expect(r);
}

static void do_poll(void)
{
	struct pollfd p[40];
	fd_set in;
	long r;

	for (int i = 0; i < 40; i++)
		p[i] = (struct pollfd){knob, POLLIN, 0};
	FD_ZERO(&in);
	r = poll(p, 40, 0);
	if (r >= 0)
		r = select(20, &in, NULL, NULL, &(struct timeval){0, 0});
	expect(r);
}

static void do_mount(void)
{
	long r = mount("t", "place", "tmpfs", 0, "size=64k");

	if (r == 0) {
		r = mount("place", "place", NULL, MS_BIND, NULL);
		expect(r);
		CHECK_OK(umount2("place", MNT_DETACH));
		if (r == 0)
			CHECK_OK(umount2("place", MNT_DETACH));
	}
	expect(r);
}

static void do_send(void)
{
	int in = open("/tests/nomemory", O_RDONLY), out = open("copy", O_CREAT | O_RDWR | O_TRUNC, 0600);

	expect(in < 0 || out < 0 ? -1 : sendfile(out, in, NULL, 3 * PAGE));
}

/* ---- descriptors of events ---- */

static void do_epoll(void)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLET}, out[3];
	int outer = epoll_create1(0), inner = epoll_create1(0), fd = eventfd(1, EFD_NONBLOCK);
	long r = outer < 0 || inner < 0 || fd < 0 ? -1 : epoll_ctl(inner, EPOLL_CTL_ADD, fd, &e);

	if (r == 0)
		r = epoll_ctl(outer, EPOLL_CTL_ADD, inner, &e);
	if (r == 0)
		r = epoll_wait(outer, out, 3, 0);
	if (r >= 0) {
		e.events = EPOLLIN | EPOLLONESHOT;
		r = epoll_ctl(inner, EPOLL_CTL_MOD, fd, &e) ?: epoll_ctl(inner, EPOLL_CTL_DEL, fd, NULL);
	}
	expect(r);
}

static void do_timers(void)
{
	struct itimerspec soon = {{0, 0}, {0, 1000000}};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGURG};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), id = -1;
	long r = fd < 0 ? -1 : timerfd_settime(fd, 0, &soon, NULL);

	if (r == 0)
		r = syscall(SYS_timer_create, CLOCK_REALTIME, &event, &id);
	if (r == 0) {
		r = syscall(SYS_timer_settime, id, 0, &soon, NULL);
		CHECK_OK(syscall(SYS_timer_delete, id));
	}
	expect(r);
}

static void do_signalfd(void)
{
	struct signalfd_siginfo got;
	sigset_t set;
	long r;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r = fd = signalfd(-1, &set, SFD_NONBLOCK);
	if (fd >= 0) {
		kill(getpid(), SIGUSR1);
		r = read(fd, &got, sizeof(got));
	}
	expect(r);
}

static void do_inotify(void)
{
	char buf[400];
	int fd = inotify_init1(IN_NONBLOCK);
	long r = fd < 0 ? -1 : inotify_add_watch(fd, ".", IN_ALL_EVENTS);

	if (r >= 0)
		r = close(open("seen", O_CREAT | O_RDWR, 0600)); /* or it cannot be made: EBADF */
	if (r >= 0 && (r = read(fd, buf, sizeof(buf))) < 0 && errno == EAGAIN)
		errno = ENOMEM; /* the event itself had no place */
	if (r < 0 && errno == EBADF)
		errno = ENOMEM;
	expect(r);
	unlink("seen");
}

static void do_memfd(void)
{
	int fd = memfd_create("some name", MFD_ALLOW_SEALING);
	long r = fd < 0 ? -1 : write(fd, "text", 4);

	if (r > 0)
		r = fallocate(fd, 0, 0, 5 * PAGE);
	if (r == 0)
		r = fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE);
	expect(r);
}

static void do_segment(void)
{
	int id = shmget(IPC_PRIVATE, 3 * PAGE, IPC_CREAT | 0600);
	char *at = id < 0 ? (char *)-1 : shmat(id, NULL, 0);

	expect(at == (char *)-1 ? -1 : 0);
	if (at != (char *)-1) {
		at[PAGE] = 1;
		CHECK_OK(shmdt(at));
	}
	if (id >= 0)
		CHECK_OK(shmctl(id, IPC_RMID, NULL));
}

static void do_pidfd(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	long r = fd < 0 ? -1 : syscall(SYS_pidfd_getfd, fd, knob, 0);

	if (r >= 0)
		r = syscall(SYS_pidfd_send_signal, fd, SIGURG, NULL, 0);
	expect(r);
}

static void do_pty(void)
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), slave = -1;
	long r = master < 0 ? -1 : unlockpt(master);

	if (r == 0)
		r = slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	if (r >= 0)
		r = write(master, "line\n", 5);
	if (r > 0) {
		char buf[8];

		r = read(slave, buf, sizeof(buf));
	}
	expect(r);
}

static void do_clone3(void)
{
	int fd = -1;
	struct clone_args args = {.flags = CLONE_PIDFD | CLONE_FILES, .pidfd = (uintptr_t)&fd, .exit_signal = SIGCHLD};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		_exit(0);
	expect(pid);
	if (pid > 0)
		reap((pid_t)pid);
}

static void do_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0)
		_exit(0);
	expect(pid);
	if (pid > 0)
		reap(pid);
}

static void do_fifo(void)
{
	long r = mkfifo("fifo", 0600);
	int fd = r < 0 ? -1 : open("fifo", O_RDWR | O_NONBLOCK);

	r = fd < 0 ? -1 : write(fd, "text", 4);
	if (r > 0)
		r = flock(fd, LOCK_EX);
	expect(r);
	unlink("fifo");
}

static void do_copy_range(void)
{
	int in = open("/tests/nomemory", O_RDONLY), out = open("copy", O_CREAT | O_RDWR | O_TRUNC, 0600), p[2];
	long r = in < 0 || out < 0 ? -1 : pipe(p);

	if (r == 0)
		r = syscall(SYS_copy_file_range, in, NULL, out, NULL, 3 * PAGE, 0);
	if (r < 0 && errno == EXDEV)
		errno = ENOMEM;
	if (r >= 0)
		r = syscall(SYS_sendfile, p[1], in, NULL, PAGE);
	expect(r);
}

static void do_file_map(void)
{
	int fd = open("mapped", O_CREAT | O_RDWR | O_TRUNC, 0600);
	char *p, *q;

	if (fd < 0 || ftruncate(fd, 6 * PAGE) < 0) {
		expect(-1);
		return;
	}
	p = mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	q = p == MAP_FAILED ? p : mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (q == MAP_FAILED) {
		expect(-1);
		return;
	}
	p[PAGE] = 1;
	q[PAGE] = 2;
	CHECK_EQ(p[PAGE], 1);
	expect(msync(p, 6 * PAGE, MS_SYNC));
}

static void do_remote(void)
{
	struct iovec here[20], there[20];
	static char from[20], to[20];

	for (int i = 0; i < 20; i++) {
		here[i] = (struct iovec){to + i, 1};
		there[i] = (struct iovec){from + i, 1};
	}
	expect(syscall(SYS_process_vm_readv, getpid(), here, 20, there, 20, 0));
}

static void prepare_place(void)
{
	mkdir("place", 0700);
}

TEST(fork_without) { each_step(NULL, do_fork); }
TEST(thread_without) { each_step(NULL, do_thread); }
TEST(exec_without) { each_step(NULL, do_exec); }
TEST(create_without) { each_step(NULL, do_create); }
TEST(write_without) { each_step(NULL, do_write); }
TEST(names_without) { each_step(NULL, do_names); }
TEST(pipe_without) { each_step(NULL, do_pipe); }
TEST(descriptors_without) { each_step(NULL, do_descriptors); }
TEST(map_without) { each_step(NULL, do_map); }
TEST(regions_without) { each_step(NULL, do_regions); }
TEST(shared_without) { each_step(NULL, do_shared); }
TEST(copy_without) { each_step(prepare_copy, do_copy); }
TEST(locks_without) { each_step(NULL, do_locks); }
TEST(signals_without) { each_step(NULL, do_signals); }
TEST(groups_without) { each_step(NULL, do_groups); }
TEST(proc_without) { each_step(NULL, do_proc); }
TEST(directory_without) { each_step(NULL, do_directory); }
TEST(poll_without) { each_step(NULL, do_poll); }
TEST(mount_without) { each_step(prepare_place, do_mount); }
TEST(send_without) { each_step(NULL, do_send); }
TEST(epoll_without) { each_step(NULL, do_epoll); }
TEST(timers_without) { each_step(NULL, do_timers); }
TEST(signalfd_without) { each_step(NULL, do_signalfd); }
TEST(inotify_without) { each_step(NULL, do_inotify); }
TEST(memfd_without) { each_step(NULL, do_memfd); }
TEST(segment_without) { each_step(NULL, do_segment); }
TEST(pidfd_without) { each_step(NULL, do_pidfd); }
TEST(pty_without) { each_step(NULL, do_pty); }
TEST(clone3_without) { each_step(NULL, do_clone3); }
TEST(vfork_without) { each_step(NULL, do_vfork); }
TEST(fifo_without) { each_step(NULL, do_fifo); }
TEST(copy_range_without) { each_step(NULL, do_copy_range); }
TEST(file_map_without) { each_step(NULL, do_file_map); }
TEST(remote_without) { each_step(NULL, do_remote); }
