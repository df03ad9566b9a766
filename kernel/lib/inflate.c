/* SPDX-License-Identifier: MIT */
/*
 * Inflate: Huffman codes are decoded canonically, length by length (count[] and symbol[]), which needs no tables to be built and cannot be led
 * out of bounds. Output passes through a ring of 32 KiB that is flushed each time it fills.
 */
#include "lib/inflate.h"

#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"

#define MAX_BITS 15
#define LITERALS 288
#define DISTANCES 32

struct huffman {
	uint16_t count[MAX_BITS + 1]; /* codes of each length */
	uint16_t symbol[LITERALS];    /* in order of code */
};

struct inflate {
	struct byte_source *in;
	uint32_t bits;     /* read and not used, lowest first */
	unsigned bit_count;
	bool cut;          /* the input ended too early */
	bool (*write)(void *ctx, const uint8_t *p, size_t n);
	void *ctx;
	uint32_t crc, length;
	size_t at;         /* next place in window */
	size_t filled;     /* bytes of history, up to the window's size */
	bool stopped;
	struct huffman literals, distances;
	uint32_t crc_table[16];
	uint8_t window[INFLATE_WINDOW];
};

size_t inflate_size(void) { return sizeof(struct inflate); }

static void crc_init(struct inflate *z)
{
	for (uint32_t i = 0; i < 16; i++) {
		uint32_t c = i;

		for (unsigned k = 0; k < 4; k++)
			c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
		z->crc_table[i] = c;
	}
	z->crc = ~0u;
}

static void flush(struct inflate *z)
{
	uint32_t c = z->crc;

	for (size_t i = 0; i < z->at; i++) {
		c ^= z->window[i];
		c = c >> 4 ^ z->crc_table[c & 15];
		c = c >> 4 ^ z->crc_table[c & 15];
	}
	z->crc = c;
	z->length += (uint32_t)z->at;
	if (z->at && !z->stopped && !z->write(z->ctx, z->window, z->at))
		z->stopped = true;
	z->at = 0;
}

static void put(struct inflate *z, uint8_t byte)
{
	z->window[z->at++] = byte;
	if (z->filled < INFLATE_WINDOW)
		z->filled++;
	if (z->at == INFLATE_WINDOW)
		flush(z);
}

/* n <= 16 bits; zeros, and cut set, at the end. */
static uint32_t get_bits(struct inflate *z, unsigned n)
{
	uint32_t v;

	while (z->bit_count < n) {
		int c = source_get(z->in);

		if (c < 0) {
			z->cut = true;
			c = 0;
		}
		z->bits |= (uint32_t)c << z->bit_count;
		z->bit_count += 8;
	}
	v = z->bits & ((1u << n) - 1);
	z->bits >>= n;
	z->bit_count -= n;
	return v;
}

/* Codes from the lengths of n symbols. Negative: more codes than fit; positive: some codes are missing. */
static int huffman_build(struct huffman *h, const uint8_t *lengths, unsigned n)
{
	uint16_t offset[MAX_BITS + 1];
	int left = 1;

	memset(h->count, 0, sizeof(h->count));
	for (unsigned i = 0; i < n; i++)
		h->count[lengths[i]]++;
	for (unsigned len = 1; len <= MAX_BITS; len++) {
		left = (left << 1) - h->count[len];
		if (left < 0)
			return left;
	}
	offset[1] = 0;
	for (unsigned len = 1; len < MAX_BITS; len++)
		offset[len + 1] = (uint16_t)(offset[len] + h->count[len]);
	for (unsigned i = 0; i < n; i++)
		if (lengths[i])
			h->symbol[offset[lengths[i]]++] = (uint16_t)i;
	return h->count[0] == n ? 0 : left;
}

/* The next symbol, or -1: no such code. */
static int decode(struct inflate *z, const struct huffman *h)
{
	int code = 0, first = 0, index = 0;

	for (unsigned len = 1; len <= MAX_BITS; len++) {
		int count = h->count[len];

		code |= (int)get_bits(z, 1);
		if (code - count < first)
			return h->symbol[index + (code - first)];
		index += count;
		first = (first + count) << 1;
		code <<= 1;
	}
	return -1;
}

/* Repeats length bytes from distance back. */
static bool copy_back(struct inflate *z, unsigned distance, unsigned length)
{
	if (distance > z->filled)
		return false;
	while (length--)
		put(z, z->window[(z->at - distance) & (INFLATE_WINDOW - 1)]);
	return true;
}

static bool length_and_distance(struct inflate *z, unsigned symbol)
{
	static const uint16_t len_base[29] = { 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258 };
	static const uint8_t len_extra[29] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0 };
	static const uint16_t dist_base[30] = { 1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
						8193, 12289, 16385, 24577 };
	unsigned length;
	int d;

	if (symbol >= 29)
		return false;
	length = len_base[symbol] + get_bits(z, len_extra[symbol]);
	d = decode(z, &z->distances);
	if (d < 0 || d >= 30)
		return false;
	return copy_back(z, dist_base[d] + get_bits(z, d < 2 ? 0 : (unsigned)d / 2 - 1), length);
}

static bool inflate_codes(struct inflate *z)
{
	for (;;) {
		int symbol = decode(z, &z->literals);

		if (symbol < 0 || z->cut || z->stopped)
			return false;
		if (symbol == 256)
			return true;
		if (symbol < 256)
			put(z, (uint8_t)symbol);
		else if (!length_and_distance(z, (unsigned)symbol - 257))
			return false;
	}
}

static bool inflate_fixed(struct inflate *z)
{
	uint8_t lengths[LITERALS];

	memset(lengths, 8, 144);
	memset(lengths + 144, 9, 112);
	memset(lengths + 256, 7, 24);
	memset(lengths + 280, 8, 8);
	huffman_build(&z->literals, lengths, LITERALS);
	memset(lengths, 5, 30);
	huffman_build(&z->distances, lengths, 30);
	return inflate_codes(z);
}

/* The code lengths of both alphabets, themselves coded. */
static bool read_lengths(struct inflate *z, uint8_t *lengths, unsigned total)
{
	unsigned i = 0;

	while (i < total) {
		int symbol = decode(z, &z->literals);
		unsigned repeat, value = 0;

		if (symbol < 0 || z->cut)
			return false;
		if (symbol < 16) {
			lengths[i++] = (uint8_t)symbol;
			continue;
		}
		if (symbol == 16) {
			if (!i)
				return false;
			value = lengths[i - 1];
			repeat = 3 + get_bits(z, 2);
		} else {
			repeat = symbol == 17 ? 3 + get_bits(z, 3) : 11 + get_bits(z, 7);
		}
		if (i + repeat > total)
			return false;
		memset(lengths + i, (int)value, repeat);
		i += repeat;
	}
	return true;
}

static bool inflate_dynamic(struct inflate *z)
{
	static const uint8_t order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
	unsigned nlit = get_bits(z, 5) + 257, ndist = get_bits(z, 5) + 1, ncode = get_bits(z, 4) + 4;
	uint8_t lengths[LITERALS + DISTANCES] = { 0 };
	int err;

	if (nlit > 286 || ndist > 30)
		return false;
	for (unsigned i = 0; i < ncode; i++)
		lengths[order[i]] = (uint8_t)get_bits(z, 3);
	if (huffman_build(&z->literals, lengths, 19) != 0)
		return false;
	memset(lengths, 0, sizeof(lengths));
	if (!read_lengths(z, lengths, nlit + ndist) || !lengths[256])
		return false;
	err = huffman_build(&z->literals, lengths, nlit);
	if (err < 0 || (err > 0 && nlit - z->literals.count[0] != 1))
		return false;
	err = huffman_build(&z->distances, lengths + nlit, ndist);
	if (err < 0 || (err > 0 && ndist - z->distances.count[0] != 1))
		return false;
	return inflate_codes(z);
}

static bool inflate_stored(struct inflate *z)
{
	unsigned len, check;

	z->bits = 0;
	z->bit_count = 0;
	len = get_bits(z, 16);
	check = get_bits(z, 16);
	if (z->cut || len != (~check & 0xffff))
		return false;
	while (len--) {
		int c = source_get(z->in);

		if (c < 0 || z->stopped)
			return false;
		put(z, (uint8_t)c);
	}
	return true;
}

static bool inflate_blocks(struct inflate *z)
{
	bool last, ok;

	do {
		last = get_bits(z, 1);
		switch (get_bits(z, 2)) {
		case 0:
			ok = inflate_stored(z);
			break;
		case 1:
			ok = inflate_fixed(z);
			break;
		case 2:
			ok = inflate_dynamic(z);
			break;
		default:
			ok = false;
		}
	} while (ok && !last && !z->cut);
	flush(z);
	return ok && !z->cut && !z->stopped;
}

static bool skip_string(struct byte_source *in)
{
	int c;

	do
		c = source_get(in);
	while (c > 0);
	return c == 0;
}

static bool skip_bytes(struct byte_source *in, unsigned n)
{
	while (n--)
		if (source_get(in) < 0)
			return false;
	return true;
}

/* RFC 1952, 2.3. */
static bool gzip_header(struct byte_source *in)
{
	int flags, lo, hi;

	if (source_get(in) != 0x1f || source_get(in) != 0x8b || source_get(in) != 8)
		return false;
	flags = source_get(in);
	if (flags < 0 || flags & 0xe0 || !skip_bytes(in, 6))
		return false;
	if (flags & 4) {
		lo = source_get(in);
		hi = source_get(in);
		if (hi < 0 || !skip_bytes(in, (unsigned)lo | (unsigned)hi << 8))
			return false;
	}
	if (flags & 8 && !skip_string(in))
		return false;
	if (flags & 16 && !skip_string(in))
		return false;
	return !(flags & 2) || skip_bytes(in, 2);
}

static bool get_u32(struct byte_source *in, uint32_t *v)
{
	*v = 0;
	for (unsigned i = 0; i < 4; i++) {
		int c = source_get(in);

		if (c < 0)
			return false;
		*v |= (uint32_t)c << (8 * i);
	}
	return true;
}

int inflate_gzip(void *memory, struct byte_source *in, bool (*write)(void *ctx, const uint8_t *p, size_t n), void *ctx)
{
	struct inflate *z = memory;
	uint32_t crc, length;

	memset(z, 0, offsetof(struct inflate, window));
	z->in = in;
	z->write = write;
	z->ctx = ctx;
	crc_init(z);
	if (!gzip_header(in))
		return -EINVAL;
	if (!inflate_blocks(z))
		return z->stopped ? -ECANCELED : -EINVAL;
	if (!get_u32(in, &crc) || !get_u32(in, &length))
		return -EINVAL;
	return crc == ~z->crc && length == z->length ? 0 : -EINVAL;
}
