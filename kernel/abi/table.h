/* SPDX-License-Identifier: MIT */
/* The table of system calls as tools/gensyscalls.py makes it from syscalls.tbl. */
#ifndef ABI_TABLE_H
#define ABI_TABLE_H

#include "lib/types.h"

struct trapframe;

typedef long (*syscall_fn)(const struct trapframe *tf);

enum syscall_arg { SYSARG_INT, SYSARG_UINT, SYSARG_LONG, SYSARG_ULONG, SYSARG_SIZE, SYSARG_FD, SYSARG_SIG, SYSARG_HEX, SYSARG_OCT, SYSARG_PATH, SYSARG_UADDR,
		   SYSARG_LOFF64 };

struct syscall_desc {
	const char *name;
	unsigned argc;
	uint8_t types[6];
	const char *args[6];
};

extern const unsigned long syscall_count;
extern const syscall_fn syscall_table[];
extern const struct syscall_desc syscall_descs[];

#endif
