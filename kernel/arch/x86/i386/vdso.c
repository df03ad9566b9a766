/* SPDX-License-Identifier: MIT */
/* No image yet: programs find no AT_SYSINFO and enter the kernel by int 0x80; handlers return through the code in their frames. */
#include "arch/vdso.h"

const void *arch_vdso_image(size_t *bytes)
{
	*bytes = 0;
	return NULL;
}

uaddr_t arch_vdso_entry(uaddr_t base) { return base; }

uaddr_t arch_vdso_sigreturn(uaddr_t base, bool rt)
{
	(void)rt;
	return base;
}
