/* SPDX-License-Identifier: MIT */
/* The model of a text screen: the parser of escape sequences and what they do. Parameters are hostile: every position is clipped where it is set. */
#include "dev/vtparse.h"

#include "dev/vtchars.h"
#include "lib/bits.h"
#include "lib/fmt.h"
#include "lib/string.h"

enum state { NORMAL, ESCAPE, CSI, CHARSET_G0, CHARSET_G1, PERCENT, HASH, STRING, STRING_ESCAPE, OSC, PALETTE };

#define PARAM_MAX 9999u
#define PALETTE_DIGITS 7
#define REPLACEMENT 0xfffdu

/* Characters below 32 that act even where controls are shown (SGR 11): NUL, BS, LF, FF, CR, SO, SI, ESC. */
#define ALWAYS_CONTROL 0x0800f501u
#define BOLD 2
#define NORMAL_INTENSITY 1

/* ANSI's order of colours to the VGA's. */
static const uint8_t vga_color[8] = { 0, 4, 2, 6, 1, 5, 3, 7 };

static void pen_reset(struct vt_pen *p)
{
	p->fg = 7;
	p->bg = 0;
	p->intensity = NORMAL_INTENSITY;
	p->underline = p->blink = p->reverse = false;
}

static void cursor_save(struct vt *v, struct vt_saved *s) { *s = (struct vt_saved){ v->pen, v->x, v->y }; }

static void cursor_restore(struct vt *v, const struct vt_saved *s)
{
	v->pen = s->pen;
	vtscreen_move(v, (int)s->x, (int)s->y);
}

static void tabs_reset(struct vt *v)
{
	memset(v->tabs, 1, sizeof(v->tabs)); /* each eighth column */
}

void vt_reset(struct vt *v)
{
	memset(v, 0, sizeof(*v));
	pen_reset(&v->pen);
	v->pen.charset[1] = VT_GRAPHICS;
	v->bottom = VT_ROWS;
	v->autowrap = v->cursor_on = v->utf8 = true;
	tabs_reset(v);
	cursor_save(v, &v->saved);
	v->saved_behind = v->saved;
	vtscreen_erase(v, 0, VT_CELLS);
}

static void reply(struct vt *v, const char *s)
{
	size_t n = strlen(s);

	if (n > VT_REPLY - v->reply_len)
		return;
	memcpy(v->reply + v->reply_len, s, n);
	v->reply_len += (unsigned)n;
}

size_t vt_take_reply(struct vt *v, char *to)
{
	size_t n = v->reply_len;

	memcpy(to, v->reply, n);
	v->reply_len = 0;
	return n;
}

/* Parameter i, where absent and 0 mean `least`. */
static int param(const struct vt *v, unsigned i, int least)
{
	int p = i < v->param_count ? v->params[i] : 0;

	return p ? p : least;
}

static void move_origin(struct vt *v, int x, int y) { vtscreen_move(v, x, v->origin ? (int)v->top + CLAMP(y, 0, (int)(v->bottom - v->top) - 1) : y); }

/* 256 colours and true colour come down to the sixteen. */
static uint8_t color_of_rgb(unsigned r, unsigned g, unsigned b)
{
	unsigned most = MAX(r, MAX(g, b));
	unsigned hue = (b > most / 2 && b > 32 ? 1u : 0) | (g > most / 2 && g > 32 ? 2u : 0) | (r > most / 2 && r > 32 ? 4u : 0);

	if (hue == 7 && most <= 0x55)
		return 8;
	return (uint8_t)(most > 0xaa ? hue | 8 : hue);
}

static uint8_t color_of_256(unsigned n)
{
	static const uint8_t level[6] = { 0, 95, 135, 175, 215, 255 };

	if (n < 16)
		return (uint8_t)(vga_color[n & 7] | (n & 8));
	if (n < 232) {
		n -= 16;
		return color_of_rgb(level[n / 36], level[n / 6 % 6], level[n % 6]);
	}
	n = (n - 232) * 10 + 8;
	return color_of_rgb(n, n, n);
}

/* What follows 38 or 48; returns the index of the last parameter taken. */
static unsigned extended_color(struct vt *v, unsigned i, bool foreground)
{
	uint8_t c;

	if (i + 2 < v->param_count && v->params[i + 1] == 5 && v->params[i + 2] < 256) {
		c = color_of_256(v->params[i + 2]);
		i += 2;
	} else if (i + 4 < v->param_count && v->params[i + 1] == 2) {
		c = color_of_rgb(MIN(v->params[i + 2], 255), MIN(v->params[i + 3], 255), MIN(v->params[i + 4], 255));
		i += 4;
	} else {
		return v->param_count; /* nothing after it can be told apart */
	}
	if (foreground)
		v->pen.fg = c;
	else
		v->pen.bg = c & 7;
	return i;
}

static void select_font(struct vt *v, unsigned n)
{
	v->show_controls = n != 10;
	v->high_bit = n == 12;
}

static void graphic(struct vt *v, unsigned n)
{
	struct vt_pen *p = &v->pen;

	switch (n) {
	case 0: pen_reset(p); break;
	case 1: p->intensity = BOLD; break;
	case 2: p->intensity = 0; break;
	case 4: case 21: p->underline = true; break;
	case 5: p->blink = true; break;
	case 7: p->reverse = true; break;
	case 10: case 11: case 12: select_font(v, n); break;
	case 22: p->intensity = NORMAL_INTENSITY; break;
	case 24: p->underline = false; break;
	case 25: p->blink = false; break;
	case 27: p->reverse = false; break;
	case 30 ... 37: p->fg = vga_color[n - 30]; break;
	case 39: p->fg = 7; break;
	case 40 ... 47: p->bg = vga_color[n - 40]; break;
	case 49: p->bg = 0; break;
	case 90 ... 97: p->fg = vga_color[n - 90] | 8; break;
	case 100 ... 107: p->bg = vga_color[n - 100]; break; /* the eighth bit of a VGA's background is blinking */
	}
}

static void select_graphics(struct vt *v)
{
	if (!v->param_count)
		graphic(v, 0);
	for (unsigned i = 0; i < v->param_count; i++) {
		if (v->params[i] == 38 || v->params[i] == 48)
			i = extended_color(v, i, v->params[i] == 38);
		else
			graphic(v, v->params[i]);
	}
}

/* ?1047 ?1049 ?47: a program's own screen. The cursor belongs to the screen with ?1049. */
static void set_alternate(struct vt *v, bool on, bool with_cursor)
{
	if (on == v->alternate)
		return;
	v->alternate = on;
	if (on) {
		if (with_cursor)
			cursor_save(v, &v->saved_behind);
		memcpy(v->behind, v->cells, sizeof(v->cells));
		vtscreen_erase(v, 0, VT_CELLS);
		return;
	}
	memcpy(v->cells, v->behind, sizeof(v->cells));
	v->changed = (1u << VT_ROWS) - 1;
	if (with_cursor)
		cursor_restore(v, &v->saved_behind);
}

static void set_mode(struct vt *v, unsigned n, bool on)
{
	if (!v->prefix) {
		if (n == 3)
			v->show_controls = on;
		else if (n == 4)
			v->insert = on;
		else if (n == 20)
			v->newline = on;
		return;
	}
	if (v->prefix != '?')
		return;
	switch (n) {
	case 1: v->cursor_keys_app = on; break;
	case 6:
		v->origin = on;
		move_origin(v, 0, 0);
		break;
	case 7:
		v->autowrap = on;
		v->wrap_due = false;
		break;
	case 25: v->cursor_on = on; break;
	case 47: case 1047: set_alternate(v, on, false); break;
	case 1049: set_alternate(v, on, true); break;
	}
}

static void set_region(struct vt *v)
{
	int top = param(v, 0, 1), bottom = param(v, 1, (int)VT_ROWS);

	if (top >= bottom || bottom > (int)VT_ROWS)
		return;
	v->top = (unsigned)top - 1;
	v->bottom = (unsigned)bottom;
	move_origin(v, 0, 0);
}

static void report(struct vt *v, unsigned what)
{
	char text[32];

	if (what == 5) {
		reply(v, "\033[0n");
	} else if (what == 6) {
		fmt_buf(text, sizeof(text), "\033[%u;%uR", v->y + 1 - (v->origin ? v->top : 0), v->x + 1);
		reply(v, text);
	}
}

static void clear_tabs(struct vt *v, unsigned what)
{
	if (what == 0)
		v->tabs[v->x / 8] &= (uint8_t)~(1u << (v->x & 7));
	else if (what == 3 || what == 5)
		memset(v->tabs, 0, sizeof(v->tabs));
}

/* Sequences CSI ? ... and the like: only modes are known. */
static void csi_prefixed(struct vt *v, char final)
{
	if (final == 'h' || final == 'l')
		for (unsigned i = 0; i < v->param_count; i++)
			set_mode(v, v->params[i], final == 'h');
}

static void csi_edit(struct vt *v, char final)
{
	int n = param(v, 0, 1);

	switch (final) {
	case 'J': vtscreen_erase_display(v, param(v, 0, 0)); break;
	case 'K': vtscreen_erase_line(v, param(v, 0, 0)); break;
	case 'L': vtscreen_insert_lines(v, n); break;
	case 'M': vtscreen_delete_lines(v, n); break;
	case 'P': vtscreen_delete_cells(v, n); break;
	case '@': vtscreen_insert_cells(v, n); break;
	case 'X': vtscreen_erase_cells(v, n); break;
	case 'S': vtscreen_scroll(v, v->top, n); break;
	case 'T': vtscreen_scroll(v, v->top, -n); break;
	case 'm': select_graphics(v); break;
	case 'r': set_region(v); break;
	case 's': cursor_save(v, &v->saved); break;
	case 'u': cursor_restore(v, &v->saved); break;
	case 'n': report(v, (unsigned)param(v, 0, 0)); break;
	case 'g': clear_tabs(v, (unsigned)param(v, 0, 0)); break;
	case 'c':
		if (!param(v, 0, 0))
			reply(v, "\033[?6c");
		break;
	case 'h': case 'l':
		for (unsigned i = 0; i < v->param_count; i++)
			set_mode(v, v->params[i], final == 'h');
		break;
	}
}

static void csi_do(struct vt *v, char final)
{
	int n = param(v, 0, 1), x = (int)v->x, y = (int)v->y;

	if (v->prefix) {
		csi_prefixed(v, final);
		return;
	}
	switch (final) {
	case 'A': vtscreen_move(v, x, y - n); break;
	case 'B': case 'e': vtscreen_move(v, x, y + n); break;
	case 'C': case 'a': vtscreen_move(v, x + n, y); break;
	case 'D': vtscreen_move(v, x - n, y); break;
	case 'E': vtscreen_move(v, 0, y + n); break;
	case 'F': vtscreen_move(v, 0, y - n); break;
	case 'G': case '`': vtscreen_move(v, n - 1, y); break;
	case 'd': move_origin(v, x, n - 1); break;
	case 'H': case 'f': move_origin(v, param(v, 1, 1) - 1, n - 1); break;
	default: csi_edit(v, final);
	}
}

static void csi_begin(struct vt *v)
{
	v->state = CSI;
	v->param_count = 0;
	v->prefix = 0;
	v->spoiled = false;
	memset(v->params, 0, sizeof(v->params));
}

/* One byte of a sequence. Parameters beyond the last place are read and forgotten. */
static void csi_byte(struct vt *v, unsigned char c)
{
	if (c >= '0' && c <= '9') {
		uint16_t *p;

		v->param_count += !v->param_count;
		p = &v->params[v->param_count - 1];
		if (v->param_count <= VT_PARAMS)
			*p = (uint16_t)MIN(*p * 10u + (c - '0'), PARAM_MAX);
	} else if (c == ';' || c == ':') {
		v->param_count += !v->param_count;
		v->param_count += v->param_count <= VT_PARAMS;
	} else if (c >= '<' && c <= '?') {
		if (v->param_count || v->prefix)
			v->spoiled = true;
		v->prefix = (char)c;
	} else if (c >= 0x20 && c < 0x40) {
		v->spoiled = true;
	} else {
		v->state = NORMAL;
		v->param_count = MIN(v->param_count, (uint8_t)VT_PARAMS);
		if (c >= 0x40 && c < 0x7f && !v->spoiled)
			csi_do(v, (char)c);
	}
}

static void line_feed(struct vt *v)
{
	vtscreen_line_down(v);
	if (v->newline)
		vtscreen_move(v, 0, (int)v->y);
}

static void tab(struct vt *v)
{
	unsigned x = v->x;

	while (x < VT_COLS - 1) {
		x++;
		if (v->tabs[x / 8] >> (x & 7) & 1)
			break;
	}
	vtscreen_move(v, (int)x, (int)v->y);
}

static void escape_byte(struct vt *v, unsigned char c)
{
	v->state = NORMAL;
	switch (c) {
	case '[': csi_begin(v); break;
	case ']': v->state = OSC; break;
	case 'P': case 'X': case '^': case '_': v->state = STRING; break;
	case '(': v->state = CHARSET_G0; break;
	case ')': v->state = CHARSET_G1; break;
	case '%': v->state = PERCENT; break;
	case '#': v->state = HASH; break;
	case 'D': vtscreen_line_down(v); break;
	case 'M': vtscreen_line_up(v); break;
	case 'E':
		vtscreen_move(v, 0, (int)v->y);
		vtscreen_line_down(v);
		break;
	case 'H': v->tabs[v->x / 8] |= (uint8_t)(1u << (v->x & 7)); break;
	case 'Z': reply(v, "\033[?6c"); break;
	case '7': cursor_save(v, &v->saved); break;
	case '8': cursor_restore(v, &v->saved); break;
	case '=': v->keypad_app = true; break;
	case '>': v->keypad_app = false; break;
	case 'c': vt_reset(v); break;
	}
}

static uint8_t charset_named(unsigned char c, uint8_t now) { return c == '0' ? VT_GRAPHICS : c == 'B' || c == 'K' ? VT_ASCII : c == 'U' ? VT_CP437 : now; }

/* Everything but text and CSI. */
static void sequence_byte(struct vt *v, unsigned char c)
{
	uint8_t was = v->state;

	v->state = NORMAL;
	switch (was) {
	case ESCAPE: escape_byte(v, c); break;
	case CHARSET_G0: v->pen.charset[0] = charset_named(c, v->pen.charset[0]); break;
	case CHARSET_G1: v->pen.charset[1] = charset_named(c, v->pen.charset[1]); break;
	case PERCENT: v->utf8 = c == 'G' || c == '8' ? true : c == '@' ? false : v->utf8; break;
	case HASH:
		if (c == '8')
			vtscreen_fill(v, 'E');
		break;
	case OSC:
		v->string_count = PALETTE_DIGITS;
		v->state = c == 'P' ? PALETTE : c == 'R' ? NORMAL : STRING;
		break;
	case PALETTE: /* colours stay what they are */
		v->state = --v->string_count ? PALETTE : NORMAL;
		break;
	case STRING: v->state = STRING; break;
	case STRING_ESCAPE:
		if (c != '\\')
			escape_byte(v, c);
		break;
	}
}

static void escape_begin(struct vt *v) { v->state = v->state == STRING || v->state == OSC ? STRING_ESCAPE : ESCAPE; }

/* Control characters act inside of sequences too. */
static void control(struct vt *v, unsigned char c)
{
	switch (c) {
	case 7:
		if (v->state == STRING || v->state == OSC || v->state == PALETTE)
			v->state = NORMAL; /* else there is no bell to ring */
		break;
	case 8: vtscreen_move(v, (int)v->x - 1, (int)v->y); break;
	case 9: tab(v); break;
	case 10: case 11: case 12: line_feed(v); break;
	case 13: vtscreen_move(v, 0, (int)v->y); break;
	case 14: v->pen.shift = 1; break;
	case 15: v->pen.shift = 0; break;
	case 24: case 26: v->state = NORMAL; break;
	case 27: escape_begin(v); break;
	}
}

/* Special graphics of the VT100, '_' to '~', as code page 437. */
static const uint8_t graphics[32] = {
	' ', 0x04, 0xb1, 0x09, 0x0c, 0x0d, 0x0a, 0xf8, 0xf1, 0xb0, 0xce, 0xd9, 0xbf, 0xda, 0xc0, 0xc5,
	0xc4, 0xc4, 0xc4, 0xc4, '_', 0xc3, 0xb4, 0xc1, 0xc2, 0xb3, 0xf3, 0xf2, 0xe3, 0xd8, 0x9c, 0xf9,
};

static void put_code(struct vt *v, uint32_t code)
{
	unsigned width = vt_width(code);
	int c;

	if (!width)
		return;
	c = vt_cp437(code);
	vtscreen_put(v, (uint8_t)(c < 0 ? vt_cp437(REPLACEMENT) : c));
	if (width == 2)
		vtscreen_put(v, ' ');
}

/* One byte of a character of several; true when the byte was used up. */
static bool utf8_continue(struct vt *v, unsigned char c)
{
	if ((c & 0xc0) != 0x80) {
		v->code_left = 0;
		put_code(v, REPLACEMENT); /* cut short; c begins something new */
		return false;
	}
	v->code = v->code << 6 | (c & 0x3f);
	if (!--v->code_left) {
		bool bad = v->code < v->code_least || v->code > 0x10ffff || (v->code >= 0xd800 && v->code < 0xe000);

		put_code(v, bad ? REPLACEMENT : v->code);
	}
	return true;
}

static void utf8_begin(struct vt *v, unsigned char c)
{
	if (c < 0xc2 || c > 0xf4) {
		put_code(v, REPLACEMENT);
		return;
	}
	v->code_left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	v->code = c & (0x3fu >> v->code_left);
	v->code_least = v->code_left == 1 ? 0x80 : v->code_left == 2 ? 0x800 : 0x10000;
}

static void text_byte(struct vt *v, unsigned char c)
{
	uint8_t set = v->pen.charset[v->pen.shift];

	if (v->show_controls)
		vtscreen_put(v, v->high_bit ? c | 0x80 : c);
	else if (c == 0x7f)
		return;
	else if (set == VT_GRAPHICS && c >= '_' && c < 0x7f)
		vtscreen_put(v, graphics[c - '_']);
	else if (c < 0x80 || set == VT_CP437)
		vtscreen_put(v, c);
	else if (v->utf8)
		utf8_begin(v, c);
	else
		put_code(v, c); /* Latin-1 */
}

static bool acts(const struct vt *v, unsigned char c) { return c < 32 && (!v->show_controls || v->state != NORMAL || ALWAYS_CONTROL >> c & 1); }

void vt_write(struct vt *v, const char *s, size_t n)
{
	while (n--) {
		unsigned char c = (unsigned char)*s++;

		if (v->code_left && utf8_continue(v, c))
			continue;
		if (acts(v, c))
			control(v, c);
		else if (v->state == CSI)
			csi_byte(v, c);
		else if (v->state != NORMAL)
			sequence_byte(v, c);
		else
			text_byte(v, c);
	}
}

void vt_print(struct vt *v, const char *s, size_t n)
{
	while (n--) {
		unsigned char c = (unsigned char)*s++;

		if (c == '\n') {
			vtscreen_move(v, 0, (int)v->y);
			vtscreen_line_down(v);
		} else if (c >= 32 || c == '\t') {
			vtscreen_put(v, c == '\t' ? ' ' : c);
		}
	}
}
