/* SPDX-License-Identifier: MIT */
/* Masks from user space. */
#include "abi/sigmask.h"

#include "lib/errno.h"
#include "proc/signal.h"
#include "vm/usercopy.h"

long mask_from_user(uaddr_t mask, size_t size)
{
	sigset64 set;

	if (!mask)
		return 0;
	if (size != sizeof(set))
		return -EINVAL;
	if (user_get(&set, mask))
		return -EFAULT;
	signal_set_temporary_mask(set);
	return 0;
}
