/* SPDX-License-Identifier: MIT */
/* The table of system calls as tools/gensyscalls.py makes it from syscalls.tbl. */
#ifndef ABI_TABLE_H
#define ABI_TABLE_H

#include "lib/types.h"

struct trapframe;

typedef long (*syscall_fn)(const struct trapframe *tf);

/* How an argument is printed. LOFF64: of two registers. */
enum syscall_arg { SYSARG_INT = 'i', SYSARG_UINT = 'u', SYSARG_LONG = 'l', SYSARG_ULONG = 'm', SYSARG_SIZE = 'z', SYSARG_FD = 'd', SYSARG_SIG = 's',
		   SYSARG_HEX = 'x', SYSARG_OCT = 'o', SYSARG_PATH = 'p', SYSARG_UADDR = 'a', SYSARG_LOFF64 = 'q' };

extern const unsigned long syscall_count;
extern const syscall_fn syscall_table[];
/* The name of each, and of each argument an enum syscall_arg and its name, with blanks between: "read dfd abuf zcount"; NULL: there is no such call. */
extern const char *const syscall_forms[];

#endif
