/* SPDX-License-Identifier: MIT */
/* mem* and str*, as in C; in the host tests the host's own are used. */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include "lib/check.h"
#include "lib/compiler.h"
#include "lib/types.h"

#ifdef HOST_TEST
#include <string.h>
#else
/* Also called by the compiler: by the address sanitizer in its own way. */
SANITIZER_CALL void *memcpy(void *restrict d, const void *restrict s, size_t n);
SANITIZER_CALL void *memmove(void *d, const void *s, size_t n);
SANITIZER_CALL void *memset(void *d, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *sub);
/* A small constant size is a few instructions in place. Any other stays a call, which takes null pointers with a size of 0. */
#define STRING_IN_PLACE(n) (__builtin_constant_p(n) && (n) > 0 && (n) <= 128)
static __always_inline void *memcpy_inline(void *restrict d, const void *restrict s, size_t n)
{
	return STRING_IN_PLACE(n) ? __builtin_memcpy(d, s, n) : (memcpy)(d, s, n);
}
static __always_inline void *memset_inline(void *d, int c, size_t n)
{
	return STRING_IN_PLACE(n) ? __builtin_memset(d, c, n) : (memset)(d, c, n);
}
#define memcpy(...) memcpy_inline(__VA_ARGS__)
#define memset(...) memset_inline(__VA_ARGS__)
#endif
/* Copies with truncation, always terminates (cap > 0); returns strlen(src). */
size_t str_copy(char *dst, const char *src, size_t cap);
/* Parses an unsigned number (0x, 0, decimal by base 0), stops at the first other character; *end may be NULL. */
unsigned long long str_to_u64(const char *s, const char **end, unsigned base);

#if CONFIG_SANITIZE
/* memcmp where a may be memory that is free. */
int memcmp_unchecked(const void *a, const void *b, size_t n);
#else
#define memcmp_unchecked memcmp
#endif

#endif
