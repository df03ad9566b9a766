/* SPDX-License-Identifier: MIT */
/* Byte ring: head and tail run free; their difference is the fill, so that full and empty are told apart without a spare byte. */
#include "lib/ring.h"
#include "lib/bits.h"
#include "lib/check.h"
#include "lib/string.h"

void ring_init(struct ring *r, void *buf, size_t cap)
{
	assert(cap && (cap & (cap - 1)) == 0);
	*r = (struct ring){ .buf = buf, .cap = cap };
}

size_t ring_write(struct ring *r, const void *src, size_t len)
{
	size_t n = MIN(len, ring_space(r));
	size_t at = r->tail & (r->cap - 1);
	size_t first = MIN(n, r->cap - at);

	memcpy(r->buf + at, src, first);
	memcpy(r->buf, (const unsigned char *)src + first, n - first);
	r->tail += n;
	return n;
}

size_t ring_read(struct ring *r, void *dst, size_t len)
{
	size_t n = MIN(len, ring_used(r));
	size_t at = r->head & (r->cap - 1);
	size_t first = MIN(n, r->cap - at);

	memcpy(dst, r->buf + at, first);
	memcpy((unsigned char *)dst + first, r->buf, n - first);
	r->head += n;
	return n;
}

bool ring_put(struct ring *r, unsigned char c)
{
	if (!ring_space(r))
		return false;
	r->buf[r->tail++ & (r->cap - 1)] = c;
	return true;
}

int ring_get(struct ring *r)
{
	return ring_used(r) ? r->buf[r->head++ & (r->cap - 1)] : -1;
}
