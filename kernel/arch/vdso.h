/* SPDX-License-Identifier: MIT */
/* Contract: the page of code that the kernel maps into every program (vdso(7)): an ELF image of one page. */
#ifndef ARCH_VDSO_H
#define ARCH_VDSO_H

#include "arch/context.h"
#include "lib/types.h"

/* The image, at most a page; NULL if there is none (vdso=0). */
const void *arch_vdso_image(size_t *bytes);
uaddr_t arch_vdso_entry(uaddr_t base);               /* __kernel_vsyscall, for AT_SYSINFO */
uaddr_t arch_vdso_sigreturn(uaddr_t base, bool rt);
/* The running thread's program has its page at base from now on; 0: none. Its children inherit it. */
void arch_vdso_use(struct arch_thread *current, uaddr_t base);

#endif
