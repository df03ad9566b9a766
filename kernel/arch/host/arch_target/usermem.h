/* SPDX-License-Identifier: MIT */
/*
 * Host: user memory is reached by walking the pretend tables of the loaded root as the hardware would: write bits are ANDed over the levels,
 * accessed and dirty bits are set, translations are remembered until they are flushed, and what is missing or forbidden goes to
 * trap_ops.page_fault.
 */
#ifndef ARCH_TARGET_USERMEM_H
#define ARCH_TARGET_USERMEM_H

size_t arch_user_read(void *dst, uaddr_t src, size_t n);
size_t arch_user_write(uaddr_t dst, const void *src, size_t n);
size_t arch_user_zero(uaddr_t dst, size_t n);
ssize_t arch_user_strncpy(char *dst, uaddr_t src, size_t max);
int arch_user_read_words(void *dst, uaddr_t src, unsigned n);
int arch_user_write_words(uaddr_t dst, const void *src, unsigned n);
int arch_user_write16(uaddr_t dst, uint16_t v);
int arch_user_cmpxchg32(uaddr_t p, uint32_t *old, uint32_t new);

/* For tests: instruction fetch, to see that a page may be executed. 0 or -EFAULT. */
int host_user_exec(uaddr_t ip);

#endif
