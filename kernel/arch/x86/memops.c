/* SPDX-License-Identifier: MIT */
/*
 * memcpy, memmove and memset (declared in lib/string.h) with the string instructions: 32-bit units first, then the bytes that are
 * left. The direction flag is clear throughout the kernel; memmove sets it for a moment (every entry to the kernel clears it).
 */
#include "lib/string.h"
#include "mem/kasan.h"

SANITIZER_CALL void *(memcpy)(void *restrict d, const void *restrict s, size_t n)
{
	void *to = d;
	size_t units = n / 4;

	kasan_check_copy(d, s, n);
	__asm__ volatile("rep movsl" : "+D"(to), "+S"(s), "+c"(units) : : "memory");
	n &= 3;
	if (n)
		__asm__ volatile("rep movsb" : "+D"(to), "+S"(s), "+c"(n) : : "memory");
	return d;
}

/* From the last byte down, for a destination that overlaps the end of the source. */
static void copy_backwards(void *d, const void *s, size_t n)
{
	void *to = (char *)d + n - 1;
	const void *from = (const char *)s + n - 1;

	__asm__ volatile("std; rep movsb; cld" : "+D"(to), "+S"(from), "+c"(n) : : "memory", "cc");
}

SANITIZER_CALL void *memmove(void *d, const void *s, size_t n)
{
	if ((size_t)((char *)d - (const char *)s) >= n)
		return memcpy(d, s, n);
	kasan_check_copy(d, s, n);
	copy_backwards(d, s, n);
	return d;
}

SANITIZER_CALL void *(memset)(void *d, int c, size_t n)
{
	void *to = d;
	size_t units = n / 4;
	unsigned long pattern = (unsigned char)c * 0x01010101ul;

	kasan_check_range(d, n, true);
	__asm__ volatile("rep stosl" : "+D"(to), "+c"(units) : "a"(pattern) : "memory");
	n &= 3;
	if (n)
		__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(pattern) : "memory");
	return d;
}
