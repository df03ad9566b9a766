/* SPDX-License-Identifier: MIT */
/* i386: sizes of what a debugger sees of a thread. */
#ifndef ARCH_TARGET_USERREGS_H
#define ARCH_TARGET_USERREGS_H

#include "arch/x86/fpu.h"

#define ARCH_REGS_BYTES 68
#define ARCH_FPREGS_BYTES 108
#define ARCH_FPXREGS_BYTES 512
#define ARCH_USER_AREA_BYTES 284
#define ARCH_AUDIT 0x40000003u

struct arch_fp { struct x86_fpu state; };

#endif
