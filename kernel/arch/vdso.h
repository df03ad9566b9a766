/* SPDX-License-Identifier: MIT */
/* Contract: the page of code that the kernel maps into every program (vdso(7)): an ELF image of one page. */
#ifndef ARCH_VDSO_H
#define ARCH_VDSO_H

#include "lib/types.h"

/* The image, page aligned; NULL if there is none. */
const void *arch_vdso_image(size_t *bytes);
uaddr_t arch_vdso_entry(uaddr_t base);               /* __kernel_vsyscall, for AT_SYSINFO */
uaddr_t arch_vdso_sigreturn(uaddr_t base, bool rt);

#endif
