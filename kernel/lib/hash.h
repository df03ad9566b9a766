/* SPDX-License-Identifier: MIT */
/* Hashes for tables in memory (not cryptographic). */
#ifndef LIB_HASH_H
#define LIB_HASH_H

#include "lib/types.h"

/* Mixes an integer; the upper bits are the good ones: use hash >> (32 - bits). */
static inline uint32_t hash_u32(uint32_t x) { return x * 0x9E3779B1u; }

static inline uint32_t hash_bytes(const void *p, size_t len, uint32_t seed)
{
	const unsigned char *s = p;
	uint32_t h = seed ^ 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ s[i]) * 16777619u;
	return h ^ h >> 15;
}

#endif
