/* SPDX-License-Identifier: MIT */
/* Failed assertions: handed to whoever registered; without anybody the CPU stops here, since going on would hide the fault. */
#include "lib/check.h"
#include "lib/types.h"

void (*check_panic_hook)(const char *file, int line, const char *what);

void check_failed(const char *file, int line, const char *what)
{
	if (check_panic_hook)
		check_panic_hook(file, line, what);
	__builtin_trap();
}
