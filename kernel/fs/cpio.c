/* SPDX-License-Identifier: MIT */
/*
 * cpio newc: 110 bytes of header in hexadecimal, the name with its NUL, data; name and data are padded so that the next part starts at a
 * multiple of four. "TRAILER!!!" ends an archive; zeros may follow, and another archive.
 */
#include "fs/cpio.h"

#include "lib/bits.h"
#include "lib/string.h"

#define HEADER_BYTES 110
#define FIELDS 13

void cpio_init(struct cpio *c, const struct cpio_ops *ops, void *ctx)
{
	memset(c, 0, offsetof(struct cpio, header));
	c->ops = ops;
	c->ctx = ctx;
}

static bool parse_hex8(const char *s, uint32_t *v)
{
	*v = 0;
	for (unsigned i = 0; i < 8; i++) {
		char ch = s[i];
		unsigned d;

		if (ch >= '0' && ch <= '9')
			d = (unsigned)(ch - '0');
		else if (ch >= 'a' && ch <= 'f')
			d = (unsigned)(ch - 'a') + 10;
		else if (ch >= 'A' && ch <= 'F')
			d = (unsigned)(ch - 'A') + 10;
		else
			return false;
		*v = *v << 4 | d;
	}
	return true;
}

static void expect(struct cpio *c, int state, size_t want, size_t pad)
{
	c->state = state;
	c->want = want;
	c->have = 0;
	c->pad = pad;
}

static void parse_header(struct cpio *c)
{
	struct cpio_entry *e = &c->entry;
	uint32_t f[FIELDS];

	c->state = CPIO_BAD;
	if (memcmp(c->header, "070701", 6) && memcmp(c->header, "070702", 6))
		return;
	for (unsigned i = 0; i < FIELDS; i++)
		if (!parse_hex8(c->header + 6 + 8 * i, &f[i]))
			return;
	*e = (struct cpio_entry){ .ino = f[0], .mode = f[1], .uid = f[2], .gid = f[3], .nlink = f[4], .mtime = f[5], .size = f[6], .dev_major = f[7],
				  .dev_minor = f[8], .rdev_major = f[9], .rdev_minor = f[10] };
	if (f[11] == 0 || f[11] > CPIO_NAME_MAX)
		return;
	expect(c, CPIO_NAME, f[11], -(HEADER_BYTES + (size_t)f[11]) & 3);
}

static void end_entry(struct cpio *c)
{
	if (!c->trailer)
		c->ops->end(c->ctx);
	c->state = CPIO_BETWEEN;
}

static void name_complete(struct cpio *c)
{
	if (c->name[c->want - 1] != '\0') {
		c->state = CPIO_BAD;
		return;
	}
	c->entry.name = c->name;
	c->trailer = !strcmp(c->name, "TRAILER!!!");
	if (!c->trailer)
		c->ops->begin(c->ctx, &c->entry);
	if (c->entry.size)
		expect(c, CPIO_DATA, c->entry.size, -(size_t)c->entry.size & 3);
	else
		end_entry(c);
}

/* Bytes for the part at hand; what they complete happens in part_complete. */
static size_t take(struct cpio *c, const uint8_t *p, size_t n)
{
	n = MIN(n, c->want - c->have);
	if (c->state == CPIO_HEADER)
		memcpy(c->header + c->have, p, n);
	else if (c->state == CPIO_NAME && c->have < c->want)
		memcpy(c->name + c->have, p, n);
	else if (c->state == CPIO_DATA && !c->trailer)
		c->ops->data(c->ctx, p, n);
	c->have += n;
	return n;
}

/* Padding is a part of its own, counted in pad; afterwards the part before it is complete. */
static size_t skip_pad(struct cpio *c, size_t n)
{
	n = MIN(n, c->pad);
	c->pad -= n;
	return n;
}

static void part_complete(struct cpio *c)
{
	switch (c->state) {
	case CPIO_HEADER:
		parse_header(c);
		break;
	case CPIO_NAME:
		name_complete(c);
		break;
	default:
		end_entry(c);
	}
}

size_t cpio_feed(struct cpio *c, const uint8_t *p, size_t n)
{
	size_t used = 0;

	while (used < n && c->state != CPIO_BAD) {
		if (c->state == CPIO_BETWEEN) {
			if (p[used] == '0')
				expect(c, CPIO_HEADER, HEADER_BYTES, 0);
			else if (p[used] != 0)
				break;
			else
				used++;
			continue;
		}
		if (c->have < c->want)
			used += take(c, p + used, n - used);
		else
			used += skip_pad(c, n - used);
		if (c->have == c->want && !c->pad)
			part_complete(c);
	}
	return used;
}
