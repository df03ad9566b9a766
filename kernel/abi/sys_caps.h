/* SPDX-License-Identifier: MIT */
/* Capabilities of the current thread, as prctl(2) asks for them. capabilities(7). */
#ifndef ABI_SYS_CAPS_H
#define ABI_SYS_CAPS_H

/* -ENOSYS: the option does not concern capabilities. */
long caps_prctl(int option, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5);

#endif
