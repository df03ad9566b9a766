/* SPDX-License-Identifier: MIT */
/* Calls that only the terminal on the screen has (ioctl_console(2)). There is one such terminal, and its keyboard is always translated. */
#ifndef DEV_VTIOCTL_H
#define DEV_VTIOCTL_H

#include "lib/types.h"

/* As ioctl(2); -ENOTTY for what is not there. */
long vtioctl(unsigned cmd, unsigned long arg);

#endif
