/* SPDX-License-Identifier: MIT */
/*
 * Assertions. assert() is always compiled in and panics; debug_assert() only in debug builds (CONFIG_DEBUG=1).
 * The way up to core/panic is a pointer, so that lib knows nothing of the kernel.
 */
#ifndef LIB_CHECK_H
#define LIB_CHECK_H

#include "lib/compiler.h"

#ifndef CONFIG_DEBUG
#define CONFIG_DEBUG 0
#endif

/* The build variant that the compiler's sanitizers check: core/ubsan.c, mem/kasan.h. Its flags say how the compiler's own calls pass arguments. */
#ifndef CONFIG_SANITIZE
#define CONFIG_SANITIZE 0
#define SANITIZER_CALL
#endif

/* Set once by core/panic (or the host tests). Must not return. */
extern void (*check_panic_hook)(const char *file, int line, const char *what);

__noreturn void check_failed(const char *file, int line, const char *what);

#define assert(c) (likely(c) ? (void)0 : check_failed(__FILE__, __LINE__, #c))
#define debug_assert(c) ((!CONFIG_DEBUG || likely(c)) ? (void)0 : check_failed(__FILE__, __LINE__, #c))
#define unreachable_state() check_failed(__FILE__, __LINE__, "unreachable")

#endif
