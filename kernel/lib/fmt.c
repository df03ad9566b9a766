/* SPDX-License-Identifier: MIT */
/*
 * The printf engine: one pass over the format; literal runs and finished fields go to the sink as they are. A field is laid out as
 *
 *     [spaces] prefix [zeros] digits [spaces]
 *
 * where the prefix is a sign, "0x" or nothing. An unknown conversion is printed as it stands.
 */
#include "lib/fmt.h"
#include "lib/bits.h"
#include "lib/string.h"

#define F_LEFT 1u
#define F_ZERO 2u
#define F_PLUS 4u
#define F_SPACE 8u
#define F_ALT 16u
#define F_UPPER 32u
#define F_PREC 64u /* a precision was given */

struct out {
	fmt_sink sink;
	void *ctx;
	size_t total;
};

struct spec {
	unsigned flags;
	size_t width, prec;
	int size; /* -2 hh, -1 h, 0 int, 1 l, 2 ll/j, 3 z/t */
};

static void emit(struct out *o, const char *s, size_t len)
{
	if (len)
		o->sink(o->ctx, s, len);
	o->total += len;
}

static void pad(struct out *o, char c, size_t n)
{
	char run[16];

	memset(run, c, sizeof(run));
	for (; n > sizeof(run); n -= sizeof(run))
		emit(o, run, sizeof(run));
	emit(o, run, n);
}

static void field(struct out *o, const struct spec *s, const char *prefix, size_t zeros, const char *body, size_t len)
{
	size_t plen = strlen(prefix);
	size_t used = plen + zeros + len;
	size_t fill = s->width > used ? s->width - used : 0;

	if (fill && !(s->flags & F_LEFT))
		pad(o, ' ', fill);
	emit(o, prefix, plen);
	if (zeros)
		pad(o, '0', zeros);
	emit(o, body, len);
	if (fill && (s->flags & F_LEFT))
		pad(o, ' ', fill);
}

/* Writes digits backwards, ending before end; returns the first. Zero gives no digit at all. */
static char *digits(char *end, unsigned long long v, unsigned base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	/* Words while they suffice: 64-bit division is slow on small machines. */
	while (v > ~0UL) {
		*--end = set[v % base];
		v /= base;
	}
	for (unsigned long w = (unsigned long)v; w; w /= base)
		*--end = set[w % base];
	return end;
}

static void number(struct out *o, struct spec *s, unsigned long long v, unsigned base, const char *prefix)
{
	char buf[24], *end = buf + sizeof(buf);
	char *first = digits(end, v, base, s->flags & F_UPPER);
	size_t len = (size_t)(end - first), zeros = 0, min = s->flags & F_PREC ? s->prec : 1;

	if (base == 8 && (s->flags & F_ALT) && min <= len)
		min = len + 1;
	if (len < min)
		zeros = min - len;
	if ((s->flags & (F_ZERO | F_LEFT | F_PREC)) == F_ZERO) {
		size_t used = strlen(prefix) + zeros + len;

		zeros += s->width > used ? s->width - used : 0;
	}
	field(o, s, prefix, zeros, first, len);
}

/* The argument for the size, sign-extended into 64 bits, or zero-extended if it is not signed. */
static unsigned long long argument(va_list *ap, int size, bool is_signed)
{
	long long v;

	if (size == 2)
		return va_arg(*ap, unsigned long long);
	if (size == 1 || size == 3) {
		unsigned long u = va_arg(*ap, unsigned long);

		return is_signed ? (unsigned long long)(long)u : u;
	}
	v = va_arg(*ap, int);
	if (size == -1)
		return is_signed ? (unsigned long long)(short)v : (unsigned short)v;
	if (size == -2)
		return is_signed ? (unsigned long long)(signed char)v : (unsigned char)v;
	return is_signed ? (unsigned long long)v : (unsigned)v;
}

static void signed_number(struct out *o, struct spec *s, va_list *ap)
{
	long long v = (long long)argument(ap, s->size, true);
	const char *sign = v < 0 ? "-" : s->flags & F_PLUS ? "+" : s->flags & F_SPACE ? " " : "";

	number(o, s, v < 0 ? 0 - (unsigned long long)v : (unsigned long long)v, 10, sign);
}

static void hex_number(struct out *o, struct spec *s, va_list *ap)
{
	unsigned long long v = argument(ap, s->size, false);

	number(o, s, v, 16, !(s->flags & F_ALT) || !v ? "" : s->flags & F_UPPER ? "0X" : "0x");
}

static void text(struct out *o, const struct spec *s, const char *str)
{
	if (!str)
		str = "(null)";
	field(o, s, "", 0, str, s->flags & F_PREC ? strnlen(str, s->prec) : strlen(str));
}

static const char *parse_flags(const char *f, struct spec *s)
{
	for (;; f++) {
		switch (*f) {
		case '-': s->flags |= F_LEFT; break;
		case '0': s->flags |= F_ZERO; break;
		case '+': s->flags |= F_PLUS; break;
		case ' ': s->flags |= F_SPACE; break;
		case '#': s->flags |= F_ALT; break;
		default: return f;
		}
	}
}

/* A number or a star. A negative star sets *negative and gives its magnitude. */
static const char *parse_count(const char *f, va_list *ap, size_t *n, bool *negative)
{
	*n = 0;
	*negative = false;
	if (*f == '*') {
		int v = va_arg(*ap, int);

		*negative = v < 0;
		*n = v < 0 ? 0 - (size_t)v : (size_t)v;
		return f + 1;
	}
	for (; *f >= '0' && *f <= '9'; f++)
		*n = *n * 10 + (size_t)(*f - '0');
	return f;
}

static const char *parse_size(const char *f, struct spec *s)
{
	switch (*f) {
	case 'h':
		s->size = f[1] == 'h' ? -2 : -1;
		return f + (f[1] == 'h' ? 2 : 1);
	case 'l':
		s->size = f[1] == 'l' ? 2 : 1;
		return f + (f[1] == 'l' ? 2 : 1);
	case 'j':
		s->size = 2;
		return f + 1;
	case 'z':
	case 't':
		s->size = 3;
		return f + 1;
	default:
		return f;
	}
}

static const char *parse_spec(const char *f, struct spec *s, va_list *ap)
{
	bool negative;

	f = parse_flags(f, s);
	f = parse_count(f, ap, &s->width, &negative);
	if (negative)
		s->flags |= F_LEFT;
	if (*f == '.') {
		f = parse_count(f + 1, ap, &s->prec, &negative);
		if (!negative)
			s->flags |= F_PREC;
	}
	return parse_size(f, s);
}

/* False for a conversion that does not exist. */
static bool convert(struct out *o, struct spec *s, char c, va_list *ap)
{
	char one;

	switch (c) {
	case 'd':
	case 'i':
		signed_number(o, s, ap);
		return true;
	case 'u':
		number(o, s, argument(ap, s->size, false), 10, "");
		return true;
	case 'o':
		number(o, s, argument(ap, s->size, false), 8, "");
		return true;
	case 'X':
		s->flags |= F_UPPER;
		hex_number(o, s, ap);
		return true;
	case 'x':
		hex_number(o, s, ap);
		return true;
	case 'p':
		s->size = 1;
		s->flags |= F_ALT;
		hex_number(o, s, ap);
		return true;
	case 'c':
		one = (char)va_arg(*ap, int);
		field(o, s, "", 0, &one, 1);
		return true;
	case 's':
		text(o, s, va_arg(*ap, const char *));
		return true;
	case '%':
		emit(o, "%", 1);
		return true;
	default:
		return false;
	}
}

size_t fmt_to(fmt_sink sink, void *ctx, const char *f, va_list ap)
{
	struct out o = { .sink = sink, .ctx = ctx };
	va_list args;

	va_copy(args, ap);
	while (*f) {
		struct spec s = { 0 };
		const char *start = f;

		while (*f && *f != '%')
			f++;
		emit(&o, start, (size_t)(f - start));
		if (!*f)
			break;
		start = f;
		f = parse_spec(f + 1, &s, &args);
		if (!*f) {
			emit(&o, start, (size_t)(f - start));
			break;
		}
		if (!convert(&o, &s, *f++, &args))
			emit(&o, start, (size_t)(f - start));
	}
	va_end(args);
	return o.total;
}

struct buf_sink {
	char *buf;
	size_t cap, used;
};

static void buf_write(void *ctx, const char *s, size_t len)
{
	struct buf_sink *b = ctx;

	if (b->used + 1 < b->cap)
		memcpy(b->buf + b->used, s, MIN(len, b->cap - 1 - b->used));
	b->used += len;
}

size_t fmt_vbuf(char *buf, size_t cap, const char *f, va_list ap)
{
	struct buf_sink b = { .buf = buf, .cap = cap };

	fmt_to(buf_write, &b, f, ap);
	if (cap)
		buf[MIN(b.used, cap - 1)] = 0;
	return b.used;
}

size_t fmt_buf(char *buf, size_t cap, const char *f, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, f);
	n = fmt_vbuf(buf, cap, f, ap);
	va_end(ap);
	return n;
}
