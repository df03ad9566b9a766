/* SPDX-License-Identifier: MIT */
/* The line discipline. */
#include "dev/ldisc.h"
#include "lib/string.h"
#include "task/sigqueue.h"

#define MASK (LDISC_BUF - 1)
#define DISABLED 0 /* _POSIX_VDISABLE */

const struct termios termios_default = {
	.iflag = ICRNL | IXON | IMAXBEL | IUTF8, .oflag = OPOST | ONLCR, .cflag = 0010002u | 0000060u | 0000200u | 0004000u /* 115200, 8 bits, CREAD, CLOCAL */, .lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.cc = { [VINTR] = 3, [VQUIT] = 28, [VERASE] = 127, [VKILL] = 21, [VEOF] = 4, [VMIN] = 1, [VSTART] = 17, [VSTOP] = 19, [VSUSP] = 26, [VREPRINT] = 18,
		[VDISCARD] = 15, [VWERASE] = 23, [VLNEXT] = 22 },
};

void ldisc_init(struct ldisc *l, const struct ldisc_ops *ops, void *ctx)
{
	memset(l, 0, sizeof(*l));
	l->t = termios_default;
	l->ops = ops;
	l->ctx = ctx;
}

static bool end_at(const struct ldisc *l, unsigned i) { return l->ends[(i & MASK) / 8] >> (i & 7) & 1; }

static void set_end(struct ldisc *l, unsigned i, bool on)
{
	uint8_t bit = (uint8_t)(1u << (i & 7)), *p = &l->ends[(i & MASK) / 8];

	*p = on ? *p | bit : *p & (uint8_t)~bit;
}

/* An end of file is a NUL that ends a line: a typed one never does. */
static bool eof_at(const struct ldisc *l, unsigned i) { return end_at(l, i) && !l->buf[i & MASK]; }

static void tell(struct ldisc *l, unsigned bits)
{
	if (l->ops->status)
		l->ops->status(l->ctx, bits);
}

/* Echo is output: it waits while that is stopped. */
static void echo_raw(struct ldisc *l, const char *s, size_t n)
{
	if (!l->stopped) {
		l->ops->echo(l->ctx, s, n);
		return;
	}
	while (n-- && l->held_len < ECHO_HELD)
		l->held[l->held_len++] = *s++;
}

void ldisc_stop(struct ldisc *l, bool stop)
{
	if (l->stopped == stop)
		return;
	l->stopped = stop;
	tell(l, stop ? PKT_STOP : PKT_START);
	if (!stop && l->held_len)
		l->ops->echo(l->ctx, l->held, l->held_len);
	l->held_len = 0;
}

static void echo_processed(struct ldisc *l, const char *s, size_t n)
{
	char out[16];
	size_t used;

	while (n) {
		size_t k = ldisc_output(l, s, n, &used, out, sizeof(out));

		echo_raw(l, out, k);
		s += used;
		n -= used;
	}
}

static bool is_control(unsigned char c) { return (c < 32 && c != '\n' && c != '\t') || c == 127; }

static void echo_char(struct ldisc *l, unsigned char c)
{
	char s[2] = { '^', (char)(c ^ 0x40) };

	if (!(l->t.lflag & ECHO)) {
		if (c == '\n' && l->t.lflag & ECHONL && l->t.lflag & ICANON)
			echo_processed(l, "\n", 1);
		return;
	}
	if (is_control(c) && l->t.lflag & ECHOCTL)
		echo_processed(l, s, 2);
	else
		echo_processed(l, (char *)&c, 1);
}

/* Columns that a character took on the screen at column col. */
static unsigned width(const struct ldisc *l, unsigned char c, unsigned col)
{
	if (c == '\t')
		return 8 - (col & 7);
	if (is_control(c))
		return l->t.lflag & ECHOCTL ? 2 : 0;
	if (l->t.iflag & IUTF8 && (c & 0xc0) == 0x80)
		return 0;
	return 1;
}

/* Is to be erased from the screen: what lies between the new end of the line and the old one. The column matters for tabs only. */
static void rub_out(struct ldisc *l, unsigned old_tail)
{
	unsigned col = l->line_start_column, from;
	bool tabs = false;

	for (unsigned i = l->tail; i != old_tail; i++)
		tabs |= l->buf[i & MASK] == '\t';
	for (unsigned i = l->ready; tabs && i != l->tail; i++)
		col += width(l, l->buf[i & MASK], col);
	from = col;
	for (unsigned i = l->tail; i != old_tail; i++)
		col += width(l, l->buf[i & MASK], col);
	l->rub = col - from;
}

#define ECHO_STEP 64u /* characters echoed in one step */

void ldisc_go_on(struct ldisc *l)
{
	unsigned left = ECHO_STEP;

	for (; l->rub && left; left--, l->rub--)
		echo_processed(l, "\b \b", 3);
	if (l->rub || !l->reprinting)
		return;
	for (; (int)(l->tail - l->reprint_at) > 0 && left; left--, l->reprint_at++)
		echo_char(l, l->buf[l->reprint_at & MASK]);
	l->reprinting = (int)(l->tail - l->reprint_at) > 0;
}

static bool continuation(const struct ldisc *l, unsigned char c) { return l->t.iflag & IUTF8 && (c & 0xc0) == 0x80; }

static void erase_one(struct ldisc *l)
{
	unsigned old = l->tail;

	if (l->tail == l->ready)
		return;
	do
		l->tail--;
	while (l->tail != l->ready && continuation(l, l->buf[l->tail & MASK]));
	if (l->t.lflag & ECHO) {
		if (l->t.lflag & ECHOE)
			rub_out(l, old);
		else
			echo_char(l, l->t.cc[VERASE]);
	}
}

static bool word_char(unsigned char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 128; }

static void erase_word(struct ldisc *l)
{
	unsigned old = l->tail;

	while (l->tail != l->ready && !word_char(l->buf[(l->tail - 1) & MASK]))
		l->tail--;
	while (l->tail != l->ready && word_char(l->buf[(l->tail - 1) & MASK]))
		l->tail--;
	if (l->t.lflag & ECHO)
		rub_out(l, old);
}

static void erase_line(struct ldisc *l)
{
	unsigned old = l->tail;

	l->tail = l->ready;
	if (!(l->t.lflag & ECHO))
		return;
	if (l->t.lflag & ECHOKE && l->t.lflag & ECHOE) {
		rub_out(l, old);
	} else {
		echo_char(l, l->t.cc[VKILL]);
		if (l->t.lflag & ECHOK)
			echo_processed(l, "\n", 1);
	}
}

static void reprint(struct ldisc *l)
{
	echo_char(l, l->t.cc[VREPRINT]);
	echo_processed(l, "\n", 1);
	l->reprint_at = l->ready;
	l->reprinting = l->ready != l->tail;
}

void ldisc_flush_input(struct ldisc *l)
{
	l->head = l->ready = l->tail = 0;
	l->rub = 0;
	l->reprinting = false;
	l->lines = 0;
	l->literal = false;
	memset(l->ends, 0, sizeof(l->ends));
}

static int signal_of(const struct ldisc *l, unsigned char c)
{
	if (!(l->t.lflag & ISIG) || c == DISABLED)
		return 0;
	return c == l->t.cc[VINTR] ? SIGINT : c == l->t.cc[VQUIT] ? SIGQUIT : c == l->t.cc[VSUSP] ? SIGTSTP : 0;
}

/* One place stays free in canonical mode, so that the line can be ended. */
static bool store(struct ldisc *l, unsigned char c, bool line_end)
{
	unsigned room = LDISC_BUF - (l->tail - l->head);

	if (room <= (l->t.lflag & ICANON && !line_end ? 1u : 0u)) {
		if (l->t.iflag & IMAXBEL)
			echo_raw(l, "\a", 1);
		return false;
	}
	set_end(l, l->tail, false);
	l->buf[l->tail++ & MASK] = c;
	return true;
}

static void finish_line(struct ldisc *l)
{
	set_end(l, l->tail - 1, true);
	l->ready = l->tail;
	l->lines++;
	l->line_start_column = l->column;
}

static bool is_cc(const struct ldisc *l, unsigned which, unsigned char c) { return c != DISABLED && c == l->t.cc[which]; }

/* Editing characters; true if c was one. */
static bool edit(struct ldisc *l, unsigned char c)
{
	bool extended = l->t.lflag & IEXTEN;

	if (is_cc(l, VERASE, c))
		erase_one(l);
	else if (is_cc(l, VKILL, c))
		erase_line(l);
	else if (extended && is_cc(l, VWERASE, c))
		erase_word(l);
	else if (extended && is_cc(l, VREPRINT, c) && l->t.lflag & ECHO)
		reprint(l);
	else if (extended && is_cc(l, VLNEXT, c)) {
		l->literal = true;
		if (l->t.lflag & ECHO && l->t.lflag & ECHOCTL)
			echo_processed(l, "^\b", 2);
	} else if (is_cc(l, VEOF, c)) {
		if (store(l, 0, true))
			finish_line(l);
	} else {
		return false;
	}
	return true;
}

static void input_canonical(struct ldisc *l, unsigned char c)
{
	bool end = c == '\n' || is_cc(l, VEOL, c) || is_cc(l, VEOL2, c);

	if (!l->literal && edit(l, c))
		return;
	if (l->literal)
		end = false;
	l->literal = false;
	if (l->tail == l->ready)
		l->line_start_column = l->column;
	if (!store(l, c, end))
		return;
	echo_char(l, c);
	if (end)
		finish_line(l);
}

/* Conversions on input; -1: the character vanishes. */
static int translate(const struct ldisc *l, unsigned char c)
{
	if (l->t.iflag & ISTRIP)
		c &= 0x7f;
	if (c == '\r') {
		if (l->t.iflag & IGNCR)
			return -1;
		if (l->t.iflag & ICRNL)
			return '\n';
	} else if (c == '\n' && l->t.iflag & INLCR) {
		return '\r';
	}
	return c;
}

void ldisc_input(struct ldisc *l, unsigned char c)
{
	ldisc_begin(l, c);
	while (ldisc_busy(l))
		ldisc_go_on(l);
}

void ldisc_begin(struct ldisc *l, unsigned char raw)
{
	int c = l->literal ? raw : translate(l, raw), sig;

	if (c < 0)
		return;
	if (!l->literal && l->t.iflag & IXON) {
		if (is_cc(l, VSTOP, (unsigned char)c)) {
			ldisc_stop(l, true);
			return;
		}
		if (is_cc(l, VSTART, (unsigned char)c) || (l->stopped && l->t.iflag & IXANY)) {
			ldisc_stop(l, false);
			if (is_cc(l, VSTART, (unsigned char)c))
				return;
		}
	}
	sig = l->literal ? 0 : signal_of(l, (unsigned char)c);
	if (sig) {
		if (l->t.iflag & IXON)
			ldisc_stop(l, false);
		if (!(l->t.lflag & NOFLSH)) {
			ldisc_flush_input(l);
			tell(l, PKT_FLUSHREAD | PKT_FLUSHWRITE);
		}
		echo_char(l, (unsigned char)c);
		l->ops->signal(l->ctx, sig);
		return;
	}
	if (l->t.lflag & ICANON) {
		input_canonical(l, (unsigned char)c);
		return;
	}
	l->literal = false;
	if (store(l, (unsigned char)c, false)) {
		l->ready = l->tail;
		echo_char(l, (unsigned char)c);
	}
}

bool ldisc_readable(const struct ldisc *l)
{
	if (l->t.lflag & ICANON)
		return l->lines > 0;
	return l->ready - l->head >= (l->t.cc[VTIME] || !l->t.cc[VMIN] ? 1u : l->t.cc[VMIN]);
}

unsigned ldisc_available(const struct ldisc *l) { return l->t.lflag & ICANON && !l->lines ? 0 : l->ready - l->head; }

static size_t read_line(struct ldisc *l, char *to, size_t n)
{
	size_t done = 0;

	while (l->head != l->ready && (done < n || eof_at(l, l->head))) {
		bool end = end_at(l, l->head);

		if (!eof_at(l, l->head))
			to[done++] = (char)l->buf[l->head & MASK];
		l->head++;
		if (end) {
			l->lines--;
			break;
		}
	}
	return done;
}

size_t ldisc_read(struct ldisc *l, char *to, size_t n)
{
	size_t done = 0;

	if (l->t.lflag & ICANON)
		return l->lines ? read_line(l, to, n) : 0;
	while (l->head != l->ready && done < n)
		to[done++] = (char)l->buf[l->head++ & MASK];
	return done;
}

void ldisc_settings_changed(struct ldisc *l, uint32_t old)
{
	if (!((old ^ l->t.lflag) & ICANON))
		return;
	memset(l->ends, 0, sizeof(l->ends));
	l->ready = l->tail;
	l->lines = 0;
	if (l->t.lflag & ICANON && l->head != l->tail) {
		set_end(l, l->tail - 1, true);
		l->lines = 1;
	}
}

/* What c becomes; up to 8 bytes. */
static size_t output_char(struct ldisc *l, unsigned char c, char *to)
{
	switch (c) {
	case '\n':
		if (l->t.oflag & ONLCR) {
			l->column = 0;
			to[0] = '\r';
			to[1] = '\n';
			return 2;
		}
		if (l->t.oflag & ONLRET)
			l->column = 0;
		break;
	case '\r':
		if (l->t.oflag & ONOCR && !l->column)
			return 0;
		if (l->t.oflag & OCRNL) {
			to[0] = '\n';
			return 1;
		}
		l->column = 0;
		break;
	case '\t':
		if ((l->t.oflag & XTABS) == XTABS) {
			size_t n = 8 - (l->column & 7);

			memset(to, ' ', n);
			l->column += (unsigned)n;
			return n;
		}
		l->column += 8 - (l->column & 7);
		break;
	case '\b':
		l->column -= l->column > 0;
		break;
	default:
		l->column += !is_control(c) && !continuation(l, c);
	}
	to[0] = (char)c;
	return 1;
}

size_t ldisc_output(struct ldisc *l, const char *src, size_t len, size_t *used, char *out, size_t cap)
{
	size_t n = 0, i = 0;

	if (!(l->t.oflag & OPOST)) {
		n = len < cap ? len : cap;
		memcpy(out, src, n);
		*used = n;
		return n;
	}
	while (i < len && cap - n >= 8)
		n += output_char(l, (unsigned char)src[i++], out + n);
	*used = i;
	return n;
}
