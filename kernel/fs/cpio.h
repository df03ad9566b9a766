/* SPDX-License-Identifier: MIT */
/* Reading a cpio archive (newc, with or without checksums) that arrives in pieces. Pure: what to do with the entries is the caller's. */
#ifndef FS_CPIO_H
#define FS_CPIO_H

#include "lib/types.h"

#define CPIO_NAME_MAX 4096

struct cpio_entry {
	uint32_t ino, mode, uid, gid, nlink, mtime, size, dev_major, dev_minor, rdev_major, rdev_minor;
	const char *name; /* terminated; valid until end */
};

struct cpio_ops {
	void (*begin)(void *ctx, const struct cpio_entry *e);
	void (*data)(void *ctx, const uint8_t *p, size_t n); /* size bytes in all, between begin and end */
	void (*end)(void *ctx);
};

struct cpio {
	const struct cpio_ops *ops;
	void *ctx;
	enum { CPIO_BETWEEN, CPIO_HEADER, CPIO_NAME, CPIO_DATA, CPIO_BAD } state;
	size_t want, have;       /* bytes of this part; arrived */
	size_t pad;              /* zero bytes after this part */
	struct cpio_entry entry;
	bool trailer;
	char header[110];
	char name[CPIO_NAME_MAX];
};

void cpio_init(struct cpio *c, const struct cpio_ops *ops, void *ctx);
/*
 * Takes bytes; returns how many were used. Fewer than n: between two archives stood a byte that starts none (a compressed one may
 * follow), or the archive is damaged (state CPIO_BAD).
 */
size_t cpio_feed(struct cpio *c, const uint8_t *p, size_t n);
/* Between entries: an input that ends here was whole. */
static inline bool cpio_idle(const struct cpio *c) { return c->state == CPIO_BETWEEN; }

#endif
