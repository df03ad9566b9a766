/* SPDX-License-Identifier: MIT */
/*
 * The 64-bit shifts that Clang calls on i386 where it compiles for size (names and meaning are the compiler's), by 0 to 63 bits. Written with shifts of
 * halves only: a shift of the whole might be compiled as a call of itself.
 */
#include "lib/types.h"

uint64_t __ashldi3(uint64_t n, int by);
uint64_t __lshrdi3(uint64_t n, int by);
int64_t __ashrdi3(int64_t n, int by);

static uint64_t join(uint32_t high, uint32_t low) { return (uint64_t)high << 32 | low; }

uint64_t __ashldi3(uint64_t n, int by)
{
	uint32_t high = (uint32_t)(n >> 32), low = (uint32_t)n;

	if (by >= 32)
		return join(low << (by - 32), 0);
	return by ? join(high << by | low >> (32 - by), low << by) : n;
}

uint64_t __lshrdi3(uint64_t n, int by)
{
	uint32_t high = (uint32_t)(n >> 32), low = (uint32_t)n;

	if (by >= 32)
		return high >> (by - 32);
	return by ? join(high >> by, low >> by | high << (32 - by)) : n;
}

int64_t __ashrdi3(int64_t n, int by)
{
	int32_t high = (int32_t)(n >> 32);
	uint32_t low = (uint32_t)n;

	if (by >= 32)
		return high >> (by - 32);
	return by ? (int64_t)join((uint32_t)(high >> by), low >> by | (uint32_t)high << (32 - by)) : n;
}
