/* SPDX-License-Identifier: MIT */
/*
 * The printf engine. Conversions: d i u x X o c s p % with flags - 0 + space #, width and precision (also *), sizes hh h l ll
 * z j t. No floating point.
 */
#ifndef LIB_FMT_H
#define LIB_FMT_H

#include "lib/compiler.h"
#include "lib/types.h"

typedef void (*fmt_sink)(void *ctx, const char *s, size_t len);

/* Formats into sink; returns the number of bytes produced. */
size_t fmt_to(fmt_sink sink, void *ctx, const char *f, va_list ap);
/* As C's snprintf: always terminates when cap > 0, returns the full length. */
size_t fmt_vbuf(char *buf, size_t cap, const char *f, va_list ap);
size_t fmt_buf(char *buf, size_t cap, const char *f, ...) __printf(3, 4);

#endif
