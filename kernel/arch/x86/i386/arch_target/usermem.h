/* SPDX-License-Identifier: MIT */
/* i386: see arch/usermem.h. */
#ifndef ARCH_TARGET_USERMEM_H
#define ARCH_TARGET_USERMEM_H

#include "lib/compiler.h"
#include "lib/types.h"

size_t x86_user_copy(void *dst, const void *src, size_t n);
size_t x86_user_zero(void *dst, size_t n);
/* So many words, the last one first; either side may be the user's. 0 or -EFAULT. */
int x86_user_words_1(void *dst, const void *src);
int x86_user_words_2(void *dst, const void *src);
int x86_user_words_3(void *dst, const void *src);
int x86_user_words_4(void *dst, const void *src);
int x86_user_words_5(void *dst, const void *src);
int x86_user_words_6(void *dst, const void *src);
int x86_user_words_7(void *dst, const void *src);
int x86_user_words_8(void *dst, const void *src);

static __always_inline int x86_user_words(void *dst, const void *src, unsigned n)
{
	switch (n) {
	case 1: return x86_user_words_1(dst, src);
	case 2: return x86_user_words_2(dst, src);
	case 3: return x86_user_words_3(dst, src);
	case 4: return x86_user_words_4(dst, src);
	case 5: return x86_user_words_5(dst, src);
	case 6: return x86_user_words_6(dst, src);
	case 7: return x86_user_words_7(dst, src);
	default: return x86_user_words_8(dst, src);
	}
}

static inline size_t arch_user_read(void *dst, uaddr_t src, size_t n) { return x86_user_copy(dst, (const void *)src, n); }
static inline size_t arch_user_write(uaddr_t dst, const void *src, size_t n) { return x86_user_copy((void *)dst, src, n); }
static inline size_t arch_user_zero(uaddr_t dst, size_t n) { return x86_user_zero((void *)dst, n); }
static __always_inline int arch_user_read_words(void *dst, uaddr_t src, unsigned n) { return x86_user_words(dst, (const void *)src, n); }
static __always_inline int arch_user_write_words(uaddr_t dst, const void *src, unsigned n) { return x86_user_words((void *)dst, src, n); }
ssize_t arch_user_strncpy(char *dst, uaddr_t src, size_t max);
int arch_user_write16(uaddr_t dst, uint16_t v);
int arch_user_cmpxchg32(uaddr_t p, uint32_t *old, uint32_t new);

#endif
