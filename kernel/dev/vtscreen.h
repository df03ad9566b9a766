/* SPDX-License-Identifier: MIT */
/*
 * The cells of the model of a text screen: what moves, appears and goes. Numbers may be anything: they are clipped here. Lock as in
 * vtparse.h.
 */
#ifndef DEV_VTSCREEN_H
#define DEV_VTSCREEN_H

#include "lib/types.h"

#define VT_COLS 80u
#define VT_ROWS 25u
#define VT_CELLS (VT_COLS * VT_ROWS)
#define VT_PARAMS 16u
#define VT_REPLY 64u

enum vt_charset { VT_ASCII, VT_GRAPHICS, VT_CP437 };

/* How the next character will look. */
struct vt_pen {
	uint8_t fg, bg;             /* VGA numbers, 0-15 and 0-7 */
	uint8_t intensity;          /* 0 half, 1 normal, 2 bold */
	bool underline, blink, reverse;
	uint8_t charset[2];         /* enum vt_charset: G0, G1 */
	uint8_t shift;              /* which of the two is in use */
};

struct vt_saved { struct vt_pen pen; unsigned x, y; };

struct vt {
	uint16_t cells[VT_CELLS];   /* VGA: attribute << 8 | character of code page 437 */
	uint16_t behind[VT_CELLS];  /* the main screen while a program shows its own (?1049) */
	uint32_t changed;           /* bit per row; the owner clears it */
	unsigned x, y;
	unsigned top, bottom;       /* scroll region: rows [top, bottom) */
	struct vt_pen pen;
	struct vt_saved saved, saved_behind;
	uint8_t tabs[VT_COLS / 8];  /* bit per column */
	bool wrap_due;              /* the last column was written; the next character begins a line */
	bool autowrap, origin, insert, newline, cursor_on, alternate, cursor_keys_app, keypad_app;
	bool show_controls, high_bit; /* SGR 11, 12 */
	bool utf8;
	/* parser */
	uint8_t state;
	char prefix;                /* ? > = < after CSI, or 0 */
	bool spoiled;               /* a sequence with bytes between that we do not know: is read to its end and ignored */
	uint8_t param_count;
	uint16_t params[VT_PARAMS];
	uint32_t code;              /* character being put together from UTF-8 */
	uint32_t code_least;        /* a smaller one was written with too many bytes */
	uint8_t code_left, string_count;
	/* Answers to the program, for its standard input. */
	char reply[VT_REPLY];
	unsigned reply_len;
};

/* Cursor to column x, row y, or as near as there is. */
void vtscreen_move(struct vt *v, int x, int y);
/* One character where the cursor is, which goes on; wraps and scrolls. */
void vtscreen_put(struct vt *v, uint8_t c);
/* Blanks of the pen's background in cells [from, to). */
void vtscreen_erase(struct vt *v, unsigned from, unsigned to);
void vtscreen_fill(struct vt *v, uint8_t c);
void vtscreen_erase_display(struct vt *v, int what); /* 0 from the cursor, 1 up to it, 2 and 3 all */
void vtscreen_erase_line(struct vt *v, int what);
void vtscreen_erase_cells(struct vt *v, int n);
void vtscreen_insert_cells(struct vt *v, int n);
void vtscreen_delete_cells(struct vt *v, int n);
/* Lines at the cursor; those below it in the region move. */
void vtscreen_insert_lines(struct vt *v, int n);
void vtscreen_delete_lines(struct vt *v, int n);
/* Rows from `top` to the end of the region go up by n, down where n is negative. */
void vtscreen_scroll(struct vt *v, unsigned top, int n);
/* One row down or up; at the edge of the region its contents move instead. */
void vtscreen_line_down(struct vt *v);
void vtscreen_line_up(struct vt *v);

#endif
