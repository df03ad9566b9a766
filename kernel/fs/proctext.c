/* SPDX-License-Identifier: MIT */
/* A growing text. */
#include "fs/proctext.h"
#include "lib/bits.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/slab.h"

#define DIGITS_MAX 18

#define FIRST_CAP 512

static bool grow(struct text *t, size_t more)
{
	size_t cap = MAX(t->cap * 2, (size_t)FIRST_CAP);
	char *buf;

	while (cap < t->len + more)
		cap *= 2;
	buf = kmalloc(cap, 0);
	if (!buf) {
		t->failed = true;
		return false;
	}
	if (t->len)
		memcpy(buf, t->buf, t->len);
	kfree(t->buf);
	t->buf = buf;
	t->cap = cap;
	return true;
}

void text_add(struct text *t, const char *s, size_t len)
{
	if (t->failed || !len || (t->len + len > t->cap && !grow(t, len)))
		return;
	memcpy(t->buf + t->len, s, len);
	t->len += len;
}

static void text_sink(void *ctx, const char *s, size_t len) { text_add(ctx, s, len); }

void text_printf(struct text *t, const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	fmt_to(text_sink, t, f, ap);
	va_end(ap);
}

void text_free(struct text *t)
{
	kfree(t->buf);
	*t = (struct text){ .buf = NULL };
}

bool text_number(const char *s, size_t len, long long *out)
{
	bool minus;
	size_t digits = 0;

	while (len && strchr(" \t\n", s[len - 1]))
		len--;
	while (len && strchr(" \t\n", *s))
		s++, len--;
	minus = len && *s == '-';
	if (len && (*s == '-' || *s == '+'))
		s++, len--;
	for (*out = 0; digits < len && digits < DIGITS_MAX && s[digits] >= '0' && s[digits] <= '9'; digits++)
		*out = *out * 10 + (s[digits] - '0');
	if (minus)
		*out = -*out;
	return digits && digits == len;
}
