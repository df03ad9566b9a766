/* SPDX-License-Identifier: MIT */
/* i386: see arch/usermem.h. */
#ifndef ARCH_TARGET_USERMEM_H
#define ARCH_TARGET_USERMEM_H

#include "lib/types.h"

size_t x86_user_copy(void *dst, const void *src, size_t n);
size_t x86_user_zero(void *dst, size_t n);

static inline size_t arch_user_read(void *dst, uaddr_t src, size_t n) { return x86_user_copy(dst, (const void *)src, n); }
static inline size_t arch_user_write(uaddr_t dst, const void *src, size_t n) { return x86_user_copy((void *)dst, src, n); }
static inline size_t arch_user_zero(uaddr_t dst, size_t n) { return x86_user_zero((void *)dst, n); }
ssize_t arch_user_strncpy(char *dst, uaddr_t src, size_t max);
int arch_user_read32(uint32_t *v, uaddr_t src);
int arch_user_write32(uaddr_t dst, uint32_t v);
int arch_user_write16(uaddr_t dst, uint16_t v);
int arch_user_cmpxchg32(uaddr_t p, uint32_t *old, uint32_t new);

#endif
