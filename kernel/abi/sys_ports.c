/* SPDX-License-Identifier: MIT */
/* ioperm(2), iopl(2): who may use I/O ports himself. */
#include "arch/ports.h"
#include "lib/errno.h"
#include "syscall_protos.h"
#include "task/process.h"

long sys_ioperm(unsigned long from, unsigned long n, int on)
{
	if (from + n <= from || from + n > ARCH_PORTS)
		return -EINVAL;
	if (on && !capable(CAP_SYS_RAWIO))
		return -EPERM;
	return arch_ports_set(&thread_current()->arch, from, n, on);
}

long sys_iopl(unsigned level)
{
	struct arch_thread *t = &thread_current()->arch;

	if (level > 3)
		return -EINVAL;
	if (level > arch_ports_level(t) && !capable(CAP_SYS_RAWIO))
		return -EPERM;
	return arch_ports_set_level(t, level);
}
