/* SPDX-License-Identifier: MIT */
/* What the tests of ptrace(2) have in common. */
#ifndef TRACING_H
#define TRACING_H

#include "guest.h"

#include <elf.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>

/* Options as the kernel's headers have them. */
#define SYSGOOD PTRACE_O_TRACESYSGOOD

static UNUSED long trace(long request, pid_t pid, unsigned long addr, unsigned long data)
{
	return syscall(SYS_ptrace, request, pid, addr, data);
}

static UNUSED int wait_stop(pid_t pid)
{
	int status = 0;
	pid_t got;

	do {
		got = waitpid(pid, &status, __WALL);
	} while (got < 0 && errno == EINTR);
	CHECK_EQ(got, pid);
	if (!WIFSTOPPED(status))
		FAIL("status %#x is no stop", status);
	return status >> 8;
}

#define CHECK_STOP(pid, want) CHECK_EQ(wait_stop(pid), want)
static UNUSED void first_stop(pid_t pid)
{
	CHECK_STOP(pid, SIGSTOP);
}

#define RESUME(request, pid, sig) CHECK_OK(trace(request, pid, 0, sig))

/* A child that asked to be traced and has stopped itself. */
#define TRACED_CHILD(pid)                                                                                              \
	for (bool first_ = true; first_; first_stop(pid), first_ = false)                                              \
		FORK(pid)                                                                                              \
			for (bool in_ = (CHECK_OK(trace(PTRACE_TRACEME, 0, 0, 0)), raise(SIGSTOP), true); in_; in_ = false)

static UNUSED long word_of(pid_t pid, void *addr)
{
	long v;

	CHECK_OK(trace(PTRACE_PEEKDATA, pid, (uintptr_t)addr, (uintptr_t)&v));
	return v;
}

static UNUSED struct user_regs_struct regs_of(pid_t pid)
{
	struct user_regs_struct r;

	CHECK_OK(trace(PTRACE_GETREGS, pid, 0, (uintptr_t)&r));
	return r;
}

static UNUSED long status_number(pid_t pid, const char *name)
{
	char path[40], text[4096], *at;
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = CHECK_OK(open(path, O_RDONLY | O_CLOEXEC));
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	CHECK(n > 0);
	text[n] = 0;
	at = strstr(text, name);
	CHECK(at);
	return atol(at + strlen(name) + 1);
}

static UNUSED volatile int plain = 0x1234;

static UNUSED long __attribute__((noinline)) seven(void)
{
	__asm__ volatile("" ::: "memory");
	return 7;
}

#endif
