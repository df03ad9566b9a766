/* SPDX-License-Identifier: MIT */
/* Another process's memory: process_vm_readv(2), process_vm_writev(2), /proc/PID/mem. */
#include "guest.h"

#include <sys/prctl.h>

static struct gate ready, done;

/* A child that waits with page as it is here; then(page) judges its memory when the parent is through. */
static pid_t child_with(char *page, void (*then)(char *))
{
	pid_t pid;

	ready = gate_make();
	done = gate_make();
	FORK(pid) {
		page[0] = 'c';
		gate_open(&ready);
		gate_wait(&done);
		if (then)
			then(page);
	}
	gate_wait(&ready);
	return pid;
}

static int open_mem(pid_t pid, int flags)
{
	char name[40];

	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	return open(name, flags | O_CLOEXEC);
}

static void is_written(char *page)
{
	CHECK_STR(page, "cxyz");
	CHECK_EQ(page[2 * PAGE - 1], 'e');
}

TEST(vectors_are_joined)
{
	char *page = map_rw(3 * PAGE), a[3] = "", b[PAGE + 2];
	struct iovec local[2] = {{a, 3}, {b, PAGE + 2}}, remote[3] = {{page, 4}, {page + PAGE, 0}, {page + PAGE - 1, PAGE + 1}};
	pid_t pid;

	memcpy(page, "pqrs", 4);
	memset(page + PAGE, 'm', PAGE);
	pid = child_with(page, is_written);
	CHECK_EQ(process_vm_readv(pid, local, 2, remote, 3, 0), 3 + PAGE + 2);
	CHECK(!memcmp(a, "cqr", 3) && b[0] == 's' && b[1] == 0 && b[2] == 'm' && b[PAGE + 1] == 'm');
	CHECK_EQ(process_vm_writev(pid, &(struct iovec){"xyz\0e", 5}, 1, (struct iovec[]){{page + 1, 4}, {page + 2 * PAGE - 1, 9}}, 2, 0), 5);
	gate_open(&done);
	reap_ok(pid);
	CHECK(!memcmp(page, "pqrs", 4));
}

TEST(ends_at_what_is_not_there)
{
	char *ro = map_anon(PAGE, PROT_READ, MAP_PRIVATE), *page = map_rw(PAGE), *edge = map_edge(), text[16] = "";
	struct iovec local = {text, 8}, remote = {edge - 3, 8};
	pid_t pid;

	memcpy(edge - 3, "abc", 3);
	pid = child_with(page, NULL);
	CHECK_EQ(process_vm_readv(pid, &local, 1, &remote, 1, 0), 3);
	CHECK_STR(text, "abc");
	remote.iov_base = edge;
	CHECK_ERR(process_vm_readv(pid, &local, 1, &remote, 1, 0), EFAULT);
	remote.iov_base = ro;
	CHECK_ERR(process_vm_writev(pid, &local, 1, &remote, 1, 0), EFAULT);
	remote.iov_base = (void *)0xfffff000;
	CHECK_ERR(process_vm_readv(pid, &local, 1, &remote, 1, 0), EFAULT);
	local.iov_base = edge;
	remote.iov_base = ro;
	CHECK_ERR(process_vm_readv(pid, &local, 1, &remote, 1, 0), EFAULT);
	CHECK_ERR(process_vm_readv(pid, &local, 1, (void *)8, 1, 0), EFAULT);
	CHECK_ERR(process_vm_readv(pid, (void *)8, 1, &remote, 1, 0), EFAULT);
	CHECK_ERR(process_vm_readv(pid, &local, 1, &remote, 1, 1), EINVAL);
	CHECK_ERR(process_vm_readv(pid, &local, 1025, &remote, 1, 0), EINVAL);
	CHECK_EQ(process_vm_readv(pid, &local, 0, &remote, 1, 0), 0);
	CHECK_EQ(process_vm_readv(pid, &local, 1, &remote, 0, 0), 0);
	gate_open(&done);
	reap_ok(pid);
	CHECK_ERR(process_vm_readv(pid, &local, 1, &remote, 1, 0), ESRCH);
}

static void is_patched(char *page)
{
	CHECK_EQ(page[5], 'P');
	CHECK_FAULT(touch_write, page + 5, SIGSEGV, SEGV_ACCERR);
	CHECK_EQ(page[5], 'P');
}

TEST(mem_patches_what_is_read_only)
{
	char *page, c = 'P';
	int fd = new_file("text"), mem;
	pid_t pid;

	CHECK_EQ(write(fd, "some text", 9), 9);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(page != MAP_FAILED);
	ready = gate_make();
	done = gate_make();
	FORK(pid) {
		CHECK_OK(mprotect(page, PAGE, PROT_READ));
		gate_open(&ready);
		gate_wait(&done);
		is_patched(page);
	}
	gate_wait(&ready);
	mem = CHECK_OK(open_mem(pid, O_RDWR));
	CHECK_EQ(pwrite64(mem, &c, 1, (uintptr_t)page + 5), 1);
	CHECK_EQ(pread64(mem, &c, 1, (uintptr_t)page + 6), 1);
	CHECK_EQ(c, 'e');
	CHECK_EQ(page[5], 't');
	CHECK_EQ(pread(fd, &c, 1, 5), 1);
	CHECK_EQ(c, 't');
	gate_open(&done);
	reap_ok(pid);
	CHECK_EQ(read(mem, &c, 1), 0);
}

static void is_forbidden(char *page)
{
	CHECK_FAULT(touch_read, page, SIGSEGV, SEGV_ACCERR);
	CHECK_FAULT(touch_read, page + PAGE, SIGSEGV, SEGV_ACCERR);
	CHECK_OK(mprotect(page, 2 * PAGE, PROT_READ));
	CHECK_EQ(page[0], 'c');
	CHECK_EQ(page[1], 'w');
	CHECK_EQ(page[PAGE], 0);
}

TEST(mem_sees_what_is_forbidden)
{
	char *page = map_rw(2 * PAGE), c = 'w';
	int mem;
	pid_t pid;

	ready = gate_make();
	done = gate_make();
	FORK(pid) {
		page[0] = 'c';
		CHECK_OK(mprotect(page, 2 * PAGE, PROT_NONE));
		gate_open(&ready);
		gate_wait(&done);
		is_forbidden(page);
	}
	gate_wait(&ready);
	mem = CHECK_OK(open_mem(pid, O_RDWR));
	CHECK_EQ(pwrite64(mem, &c, 1, (uintptr_t)page + 1), 1);
	CHECK_EQ(pread64(mem, &c, 1, (uintptr_t)page), 1);
	CHECK_EQ(c, 'c');
	CHECK_EQ(pread64(mem, &c, 1, (uintptr_t)page + PAGE), 1);
	CHECK_EQ(c, 0);
	gate_open(&done);
	reap_ok(pid);
}

TEST(mem_keeps_off_shared_memory)
{
	char *page = map_anon(PAGE, PROT_READ, MAP_SHARED), c = 'w';
	int mem = CHECK_OK(open_mem(getpid(), O_RDWR));

	CHECK_ERR(pwrite64(mem, &c, 1, (uintptr_t)page), EIO);
	CHECK_EQ(pread64(mem, &c, 1, (uintptr_t)page), 1);
	CHECK_EQ(c, 0);
	CHECK_ERR(pread64(mem, &c, 1, 8), EIO);
	CHECK_ERR(pread64(mem, &c, 1, 0xfffff000u), EIO);
	CHECK_ERR(pread64(mem, (void *)8, 1, (uintptr_t)page), EFAULT);
	CHECK_EQ(pread64(mem, &c, 0, (uintptr_t)page), 0);
}

TEST(a_stranger_sees_nothing)
{
	char *page = map_rw(PAGE), c;
	struct iovec local = {&c, 1}, remote = {page, 1};
	pid_t pid = child_with(page, NULL), other;

	FORK(other) {
		CHECK_OK(setresgid(65534, 65534, 65534));
		CHECK_OK(setresuid(65534, 65534, 65534));
		CHECK_ERR(process_vm_readv(pid, &local, 1, &remote, 1, 0), EPERM);
		CHECK_ERR(open_mem(pid, O_RDONLY), EACCES);
	}
	reap_ok(other);
	gate_open(&done);
	reap_ok(pid);
}

TEST(who_hides_is_hidden)
{
	char *page = map_rw(PAGE), c;
	struct iovec local = {&c, 1}, remote = {page, 1};
	pid_t pid, other;

	ready = gate_make();
	done = gate_make();
	FORK(pid) {
		CHECK_OK(setresgid(65534, 65534, 65534));
		CHECK_OK(setresuid(65534, 65534, 65534));
		CHECK_OK(prctl(PR_SET_DUMPABLE, 1));
		gate_open(&ready);
		gate_wait(&done);
		CHECK_OK(prctl(PR_SET_DUMPABLE, 0));
		gate_open(&ready);
		gate_wait(&done);
	}
	gate_wait(&ready);
	for (int i = 0; i < 2; i++) {
		FORK(other) {
			CHECK_OK(setresgid(65534, 65534, 65534));
			CHECK_OK(setresuid(65534, 65534, 65534));
			if (i)
				CHECK_ERR(process_vm_readv(pid, &local, 1, &remote, 1, 0), EPERM);
			else
				CHECK_EQ(process_vm_readv(pid, &local, 1, &remote, 1, 0), 1);
		}
		reap_ok(other);
		gate_open(&done);
		if (!i)
			gate_wait(&ready);
	}
	reap_ok(pid);
}

#define PIDFD_OPEN 434
#define PROCESS_MADVISE 440
#define ADVICE_COLD 20
#define ADVICE_PAGEOUT 21

static long advise(int pidfd, const struct iovec *v, size_t n, int advice)
{
	return syscall(PROCESS_MADVISE, pidfd, v, n, advice, 0);
}

/* Advice about another's memory changes nothing that it can see. */
TEST(advice)
{
	char *pages = map_rw(4 * PAGE);
	struct iovec v[3] = {{pages, 2 * PAGE}, {NULL, 0}, {pages + 2 * PAGE, PAGE}};
	int fd;
	pid_t pid;

	ready = gate_make();
	done = gate_make();
	FORK(pid) {
		memset(pages, 'a', 4 * PAGE);
		gate_open(&ready);
		gate_wait(&done);
		for (size_t i = 0; i < 4 * PAGE; i++)
			CHECK_EQ(pages[i], 'a');
	}
	gate_wait(&ready);
	fd = CHECK_OK(syscall(PIDFD_OPEN, pid, 0));
	CHECK_EQ(advise(fd, v, 3, ADVICE_COLD), 3 * PAGE);
	CHECK_EQ(advise(fd, v, 3, MADV_WILLNEED), 3 * PAGE);
	CHECK_EQ(advise(fd, v, 0, ADVICE_PAGEOUT), 0);
	v[1] = (struct iovec){pages + 4 * PAGE, PAGE};
	CHECK_OK(munmap(pages, 4 * PAGE)); /* it is about the other's */
	v[0].iov_len = 4 * PAGE;
	CHECK_EQ(advise(fd, v, 1, ADVICE_COLD), 4 * PAGE);
	v[0].iov_len = 100;
	CHECK_EQ(advise(fd, v, 1, ADVICE_COLD), 100);
	gate_open(&done);
	reap_ok(pid);
	CHECK_ERR(advise(fd, v, 1, ADVICE_COLD), ESRCH);
}

TEST(advice_errors)
{
	char *pages = map_rw(4 * PAGE), *edge = map_edge();
	struct iovec v[2] = {{pages, PAGE}, {edge, PAGE}}, top = {(void *)0xc0000000, PAGE};
	int self = CHECK_OK(syscall(PIDFD_OPEN, getpid(), 0)), file = CHECK_OK(open("/dev/null", O_RDONLY)), fd;
	pid_t pid;

	CHECK_EQ(advise(self, v, 1, ADVICE_COLD), PAGE);
	CHECK_EQ(advise(self, v, 2, ADVICE_COLD), PAGE); /* the second one is not mapped */
	CHECK_ERR(advise(self, v + 1, 1, ADVICE_COLD), ENOMEM);
	CHECK_ERR(syscall(PROCESS_MADVISE, self, v, 1, ADVICE_COLD, 1), EINVAL);
	CHECK_ERR(syscall(PROCESS_MADVISE, 999, v, 1, ADVICE_COLD, 1), EINVAL);
	CHECK_ERR(advise(self, v, 1, MADV_DONTNEED), EINVAL);
	CHECK_ERR(advise(self, v, 1, -1), EINVAL);
	CHECK_ERR(advise(999, v, 1, -1), EBADF);
	CHECK_ERR(advise(file, v, 1, ADVICE_COLD), EBADF);
	CHECK_ERR(advise(999, v, 1025, ADVICE_COLD), EINVAL);
	CHECK_ERR(advise(999, (void *)edge, 1, ADVICE_COLD), EFAULT);
	CHECK_ERR(advise(self, &top, 1, ADVICE_COLD), EFAULT);
	v[0].iov_base = pages + 1;
	CHECK_ERR(advise(self, v, 1, ADVICE_COLD), EINVAL);
	v[0].iov_base = pages;
	CHECK_OK(mlock(pages, PAGE));
	CHECK_ERR(advise(self, v, 1, ADVICE_COLD), EINVAL);
	CHECK_OK(munlock(pages, PAGE));
	FORK(pid)
		;
	fd = CHECK_OK(syscall(PIDFD_OPEN, pid, 0));
	wait_state(pid, "Z");
	CHECK_ERR(advise(fd, v, 1, ADVICE_COLD), ESRCH);
	reap_ok(pid);
	FORK(pid) {
		int parent = CHECK_OK(syscall(PIDFD_OPEN, getppid(), 0));

		self = CHECK_OK(syscall(PIDFD_OPEN, getpid(), 0));
		CHECK_OK(setresgid(65534, 65534, 65534));
		CHECK_OK(setresuid(65534, 65534, 65534));
		CHECK_ERR(advise(parent, v, 1, ADVICE_COLD), EACCES);
		CHECK_ERR(advise(self, v, 1, ADVICE_COLD), EPERM);
		CHECK_ERR(advise(parent, v, 1, MADV_DONTNEED), EINVAL);
	}
	reap_ok(pid);
}
