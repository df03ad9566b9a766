/* SPDX-License-Identifier: MIT */
/* What is said of sockets that there are none of. */
#include "guest.h"
#include <linux/net.h>
#include <sys/socket.h>

TEST(families_that_do_not_exist)
{
	int fds[2];

	CHECK_ERR(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socketpair(99, SOCK_STREAM, 0, fds), EAFNOSUPPORT);
	CHECK_ERR(syscall(SYS_socket, 99, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(syscall(SYS_socketpair, 99, SOCK_STREAM, 0, fds), EAFNOSUPPORT);
	CHECK_ERR(socket(AF_UNIX, 0x100, 0), EINVAL);
	CHECK_ERR(socket(AF_UNIX, 11, 0), EINVAL);
	CHECK_ERR(socketpair(AF_UNIX, 0x100, 0, fds), EINVAL);
	CHECK_ERR(syscall(SYS_socketcall, 0, fds), EINVAL);
	CHECK_ERR(syscall(SYS_socketcall, 21, fds), EINVAL);
	CHECK_ERR(syscall(SYS_socketcall, SYS_SOCKET, 8), EFAULT);
}

TEST(no_family_here)
{
	int fds[2];

	if (access("/proc/perigee", F_OK) < 0)
		SKIP("Linux has families");
	for (int family = 0; family < 46; family++) {
		CHECK_ERR(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), EAFNOSUPPORT);
		CHECK_ERR(socketpair(family, SOCK_DGRAM, 0, fds), EAFNOSUPPORT);
	}
}
