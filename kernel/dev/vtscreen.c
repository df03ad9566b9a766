/* SPDX-License-Identifier: MIT */
/* The cells of the model of a text screen. */
#include "dev/vtscreen.h"

#include "lib/bits.h"
#include "lib/string.h"

#define UNDERLINED 3  /* cyan and grey stand for what a VGA cannot show in colour */
#define HALF_BRIGHT 8
#define BOLD_BIT 8

static uint8_t attribute(const struct vt_pen *p)
{
	uint8_t fg = p->fg, bg = p->bg;

	if (p->underline)
		fg = UNDERLINED;
	else if (p->intensity == 0)
		fg = HALF_BRIGHT;
	if (p->reverse) {
		uint8_t f = fg;

		fg = bg | (f & BOLD_BIT);
		bg = f & 7;
	}
	if (p->intensity == 2)
		fg |= BOLD_BIT;
	return (uint8_t)(fg | bg << 4 | (p->blink ? 0x80 : 0));
}

static uint16_t blank(const struct vt *v) { return (uint16_t)((v->pen.fg | v->pen.bg << 4) << 8 | ' '); }

static void mark(struct vt *v, unsigned from_row, unsigned to_row)
{
	for (unsigned y = from_row; y < to_row; y++)
		v->changed |= 1u << y;
}

void vtscreen_erase(struct vt *v, unsigned from, unsigned to)
{
	uint16_t b = blank(v);

	if (from >= to)
		return;
	for (unsigned i = from; i < to; i++)
		v->cells[i] = b;
	mark(v, from / VT_COLS, (to - 1) / VT_COLS + 1);
}

void vtscreen_fill(struct vt *v, uint8_t c)
{
	for (unsigned i = 0; i < VT_CELLS; i++)
		v->cells[i] = (uint16_t)(attribute(&v->pen) << 8 | c);
	mark(v, 0, VT_ROWS);
}

void vtscreen_move(struct vt *v, int x, int y)
{
	int first = 0, last = (int)VT_ROWS - 1;

	if (v->origin) {
		first = (int)v->top;
		last = (int)v->bottom - 1;
	}
	v->x = (unsigned)CLAMP(x, 0, (int)VT_COLS - 1);
	v->y = (unsigned)CLAMP(y, first, last);
	v->wrap_due = false;
}

void vtscreen_scroll(struct vt *v, unsigned top, int n)
{
	unsigned rows = v->bottom - top, k = (unsigned)CLAMP(n < 0 ? -n : n, 0, (int)rows);
	uint16_t *at = v->cells + top * VT_COLS;
	size_t kept = (size_t)(rows - k) * VT_COLS;

	if (n > 0) {
		memmove(at, at + k * VT_COLS, kept * sizeof(*at));
		vtscreen_erase(v, (v->bottom - k) * VT_COLS, v->bottom * VT_COLS);
	} else {
		memmove(at + k * VT_COLS, at, kept * sizeof(*at));
		vtscreen_erase(v, top * VT_COLS, (top + k) * VT_COLS);
	}
	mark(v, top, v->bottom);
}

void vtscreen_line_down(struct vt *v)
{
	v->wrap_due = false;
	if (v->y + 1 == v->bottom)
		vtscreen_scroll(v, v->top, 1);
	else if (v->y + 1 < VT_ROWS)
		v->y++;
}

void vtscreen_line_up(struct vt *v)
{
	v->wrap_due = false;
	if (v->y == v->top)
		vtscreen_scroll(v, v->top, -1);
	else if (v->y > 0)
		v->y--;
}

void vtscreen_put(struct vt *v, uint8_t c)
{
	if (v->wrap_due) {
		v->x = 0;
		vtscreen_line_down(v);
	}
	if (v->insert)
		vtscreen_insert_cells(v, 1);
	v->cells[v->y * VT_COLS + v->x] = (uint16_t)(attribute(&v->pen) << 8 | c);
	v->changed |= 1u << v->y;
	if (v->x + 1 < VT_COLS)
		v->x++;
	else
		v->wrap_due = v->autowrap;
}

void vtscreen_erase_display(struct vt *v, int what)
{
	unsigned here = v->y * VT_COLS + v->x;

	if (what == 0)
		vtscreen_erase(v, here, VT_CELLS);
	else if (what == 1)
		vtscreen_erase(v, 0, here + 1);
	else if (what == 2 || what == 3)
		vtscreen_erase(v, 0, VT_CELLS);
	v->wrap_due = false;
}

void vtscreen_erase_line(struct vt *v, int what)
{
	unsigned row = v->y * VT_COLS;

	if (what == 0)
		vtscreen_erase(v, row + v->x, row + VT_COLS);
	else if (what == 1)
		vtscreen_erase(v, row, row + v->x + 1);
	else if (what == 2)
		vtscreen_erase(v, row, row + VT_COLS);
	v->wrap_due = false;
}

static unsigned clip_cells(const struct vt *v, int n) { return (unsigned)CLAMP(n, 0, (int)(VT_COLS - v->x)); }

void vtscreen_erase_cells(struct vt *v, int n)
{
	unsigned here = v->y * VT_COLS + v->x;

	vtscreen_erase(v, here, here + clip_cells(v, n));
	v->wrap_due = false;
}

void vtscreen_insert_cells(struct vt *v, int n)
{
	unsigned k = clip_cells(v, n), here = v->y * VT_COLS + v->x;

	memmove(v->cells + here + k, v->cells + here, (VT_COLS - v->x - k) * sizeof(v->cells[0]));
	vtscreen_erase(v, here, here + k);
	v->wrap_due = false;
	v->changed |= 1u << v->y;
}

void vtscreen_delete_cells(struct vt *v, int n)
{
	unsigned k = clip_cells(v, n), here = v->y * VT_COLS + v->x, end = (v->y + 1) * VT_COLS;

	memmove(v->cells + here, v->cells + here + k, (VT_COLS - v->x - k) * sizeof(v->cells[0]));
	vtscreen_erase(v, end - k, end);
	v->wrap_due = false;
	v->changed |= 1u << v->y;
}

static void move_lines(struct vt *v, int n)
{
	if (v->y < v->top || v->y >= v->bottom)
		return;
	vtscreen_scroll(v, v->y, n);
	v->wrap_due = false;
}

void vtscreen_insert_lines(struct vt *v, int n) { move_lines(v, -n); }
void vtscreen_delete_lines(struct vt *v, int n) { move_lines(v, n); }
