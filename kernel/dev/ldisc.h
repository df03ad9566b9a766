/* SPDX-License-Identifier: MIT */
/*
 * The line discipline (POSIX chapter 11), without a terminal around it: bytes go in from the keyboard or the line, what is to be echoed and which
 * signal is due come out through the operations, finished input waits in a buffer. The owner's lock (LOCK_TTY) is held by the caller.
 */
#ifndef DEV_LDISC_H
#define DEV_LDISC_H

#include "lib/types.h"

#define NCCS 19
struct termios { uint32_t iflag, oflag, cflag, lflag; uint8_t line; uint8_t cc[NCCS]; };

enum { VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN, VSWTC, VSTART, VSTOP, VSUSP, VEOL, VREPRINT, VDISCARD, VWERASE, VLNEXT, VEOL2 };
#define ISTRIP 0000040u
#define INLCR 0000100u
#define IGNCR 0000200u
#define ICRNL 0000400u
#define IXON 0002000u
#define IXANY 0004000u
#define IMAXBEL 0020000u
#define IUTF8 0040000u
#define OPOST 0000001u
#define ONLCR 0000004u
#define OCRNL 0000010u
#define ONOCR 0000020u
#define ONLRET 0000040u
#define XTABS 0014000u
#define ISIG 0000001u
#define ICANON 0000002u
#define ECHO 0000010u
#define ECHOE 0000020u
#define ECHOK 0000040u
#define ECHONL 0000100u
#define NOFLSH 0000200u
#define TOSTOP 0000400u
#define ECHOCTL 0001000u
#define ECHOKE 0004000u
#define IEXTEN 0100000u

#define LDISC_BUF 4096u

struct ldisc_ops {
	void (*echo)(void *ctx, const char *s, size_t len); /* to the output, already processed */
	void (*signal)(void *ctx, int signo);
	void (*status)(void *ctx, unsigned bits);           /* PKT_: what the other end of a pseudo terminal wants to know; NULL: nobody */
};

#define PKT_FLUSHREAD 1u
#define PKT_FLUSHWRITE 2u /* output that has not arrived is to be forgotten */
#define PKT_STOP 4u
#define PKT_START 8u
#define PKT_NOSTOP 16u
#define PKT_DOSTOP 32u
#define ECHO_HELD 256u

struct ldisc {
	struct termios t;
	const struct ldisc_ops *ops;
	void *ctx;
	unsigned char buf[LDISC_BUF];       /* ring: finished input, then the line being edited */
	uint8_t ends[LDISC_BUF / 8];        /* marks: a line ends with this byte; a NUL so marked is an end of file */
	unsigned head, ready, tail;         /* free running: [head, ready) may be read, [ready, tail) is edited */
	unsigned lines;                     /* line ends in [head, ready) */
	unsigned column, line_start_column;
	bool literal;                       /* VLNEXT came before */
	bool stopped;                       /* VSTOP, TCOOFF */
	char held[ECHO_HELD];               /* echo while it is; what does not fit is lost */
	unsigned held_len;
	unsigned rub;                       /* columns still to be rubbed out on the screen */
	bool reprinting;                    /* the line, from here: */
	unsigned reprint_at;
};

void ldisc_init(struct ldisc *l, const struct ldisc_ops *ops, void *ctx);
void ldisc_input(struct ldisc *l, unsigned char c);
/*
 * The same in steps of bounded length, for who holds a lock meanwhile: while ldisc_busy there is something of the last byte left to do, of which
 * ldisc_go_on does a part. ldisc_begin when it is not busy.
 */
void ldisc_begin(struct ldisc *l, unsigned char c);
static inline bool ldisc_busy(const struct ldisc *l) { return l->rub || l->reprinting; }
void ldisc_go_on(struct ldisc *l);
/* Bytes of the line that is edited. */
static inline unsigned ldisc_line_length(const struct ldisc *l) { return l->tail - l->ready; }
/* May a read return now? */
bool ldisc_readable(const struct ldisc *l);
/* Takes up to n bytes; canonical: at most one line. 0: end of file, or nothing there (ask ldisc_readable first). */
size_t ldisc_read(struct ldisc *l, char *to, size_t n);
/* Output processing: at most cap bytes into out from src; *used says how many of src's were taken. */
size_t ldisc_output(struct ldisc *l, const char *src, size_t len, size_t *used, char *out, size_t cap);
void ldisc_flush_input(struct ldisc *l);
/* Stops output, or lets it go on: what was held comes out. */
void ldisc_stop(struct ldisc *l, bool stop);
unsigned ldisc_available(const struct ldisc *l);
/* After the settings changed: what was typed so far counts as finished when canonical mode ends, and as one line when it begins. */
void ldisc_settings_changed(struct ldisc *l, uint32_t old_lflag);
extern const struct termios termios_default;

#endif
