/* SPDX-License-Identifier: MIT */
/*
 * Sockets, of which there is no family: what asks for one is told so (socket(2), socketpair(2)), and goes on without. The calls for sockets that
 * exist are not there.
 */
#include "abi/uapi.h"
#include "lib/errno.h"
#include "syscall_protos.h"
#include "vm/usercopy.h"

#define TYPE_MASK 0xf
#define TYPE_END 11
#define FAMILY_END 46
#define SOCK_NONBLOCK 04000
#define SOCK_CLOEXEC 02000000

enum { CALL_SOCKET = 1, CALL_SOCKETPAIR = 8, CALL_LAST = 20 }; /* of socketcall(2) */

long sys_socket(int family, int type, int protocol)
{
	(void)protocol;
	if (type & ~(TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	if (family < 0 || family >= FAMILY_END)
		return -EAFNOSUPPORT;
	return (type & TYPE_MASK) >= TYPE_END ? -EINVAL : -EAFNOSUPPORT;
}

long sys_socketpair(int family, int type, int protocol, uaddr_t fds)
{
	(void)fds;
	return sys_socket(family, type, protocol);
}

long sys_socketcall(int call, uaddr_t args)
{
	uint32_t a[3];

	if (call < 1 || call > CALL_LAST)
		return -EINVAL;
	if (call != CALL_SOCKET && call != CALL_SOCKETPAIR)
		return -ENOSYS;
	return user_read(a, args, sizeof(a)) ? -EFAULT : sys_socket((int)a[0], (int)a[1], (int)a[2]);
}
