/* SPDX-License-Identifier: MIT */
/* Decompression of gzip members (RFC 1952 over RFC 1951), streaming on both sides. Pure; survives any input. */
#ifndef LIB_INFLATE_H
#define LIB_INFLATE_H

#include "lib/types.h"

/* Bytes come from [p, end); more() gets the next run, and returns false at the end of the input. */
struct byte_source {
	const uint8_t *p, *end;
	bool (*more)(struct byte_source *s);
};

/* Next byte without taking it, or -1 at the end. */
static inline int source_peek(struct byte_source *s) { return s->p < s->end || s->more(s) ? *s->p : -1; }
static inline int source_get(struct byte_source *s) { return s->p < s->end || s->more(s) ? *s->p++ : -1; }

#define INFLATE_WINDOW 32768u

struct inflate; /* about 34 KiB of state: the caller gives the memory, inflate_size() bytes, pointer-aligned */
size_t inflate_size(void);
/*
 * One gzip member from its first byte on; the output goes to write, whose false stops with -ECANCELED. 0: the member was whole and its checksum and
 * length were right; -EINVAL: damaged or cut off.
 */
int inflate_gzip(void *memory, struct byte_source *in, bool (*write)(void *ctx, const uint8_t *p, size_t n), void *ctx);

#endif
