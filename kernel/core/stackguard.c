/* SPDX-License-Identifier: MIT */
/* What the compiler's stack protector needs: one canary for the kernel (-mstack-protector-guard=global), and what happens when it is dead. */
#include "core/panic.h"
#include "lib/types.h"

extern uintptr_t __stack_chk_guard;
uintptr_t __stack_chk_guard = 0x00ff0ad5ul; /* its zero byte ends strings */

__noreturn void __stack_chk_fail(void);
__noreturn void __stack_chk_fail(void)
{
	panic("a stack frame was overwritten");
}
