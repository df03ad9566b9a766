/* SPDX-License-Identifier: MIT */
/*
 * Byte ring, one reader and one writer at a time (the owner's lock says so). The capacity is a power of two; head and
 * tail run free and are reduced on use, so that full and empty differ.
 */
#ifndef LIB_RING_H
#define LIB_RING_H

#include "lib/types.h"

struct ring {
	unsigned char *buf;
	size_t cap;  /* power of two */
	size_t head; /* next byte to read */
	size_t tail; /* next byte to write */
};

void ring_init(struct ring *r, void *buf, size_t cap);
static inline size_t ring_used(const struct ring *r) { return r->tail - r->head; }
static inline size_t ring_space(const struct ring *r) { return r->cap - (r->tail - r->head); }
/* Each moves as much as fits and returns the number of bytes moved. */
size_t ring_write(struct ring *r, const void *src, size_t len);
size_t ring_read(struct ring *r, void *dst, size_t len);
bool ring_put(struct ring *r, unsigned char c);
int ring_get(struct ring *r); /* -1 when empty */
static inline void ring_clear(struct ring *r) { r->head = r->tail; }

#endif
