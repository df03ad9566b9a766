/* SPDX-License-Identifier: MIT */
/*
 * Contract: access to user memory that survives faults. Only vm/usercopy and futexes call these. The range was checked to lie
 * below ARCH_USER_TOP. Each may sleep (in the page-fault upcall) unless the caller disabled faults.
 *   size_t arch_user_read(void *dst, uaddr_t src, size_t n)       bytes NOT copied
 *   size_t arch_user_write(uaddr_t dst, const void *src, size_t n)
 *   size_t arch_user_zero(uaddr_t dst, size_t n)
 *   ssize_t arch_user_strncpy(char *dst, uaddr_t src, size_t max)  length without the NUL (== max: no NUL found), or -EFAULT
 *   int arch_user_read_words(void *dst, uaddr_t src, unsigned n)          0 or -EFAULT; n of 32 bits, a constant from 1 to
 *   int arch_user_write_words(uaddr_t dst, const void *src, unsigned n)   ARCH_USER_WORDS; one access each
 *   int arch_user_write16(uaddr_t dst, uint16_t v)                        0 or -EFAULT (one access)
 *   int arch_user_cmpxchg32(uaddr_t p, uint32_t *old, uint32_t new)   0 or -EFAULT; *old becomes the value found
 */
#ifndef ARCH_USERMEM_H
#define ARCH_USERMEM_H
#include "lib/types.h"
#define ARCH_USER_WORDS 8u
#include "arch_target/usermem.h"
#endif
