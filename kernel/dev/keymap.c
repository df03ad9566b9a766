/* SPDX-License-Identifier: MIT */
/* The American keyboard. */
#include "dev/keymap.h"

#include "lib/compiler.h"
#include "lib/string.h"

enum { SHIFT_LEFT = 1, SHIFT_RIGHT = 2, CTRL_LEFT = 4, CTRL_RIGHT = 8, ALT_LEFT = 16, ALT_RIGHT = 32 };
#define SHIFT (SHIFT_LEFT | SHIFT_RIGHT)
#define CTRL (CTRL_LEFT | CTRL_RIGHT)
#define ALT (ALT_LEFT | ALT_RIGHT)

#define RELEASED 0x80
#define DELETE 0x7f
#define ESC 0x1b

enum { K_ESC = 0x01, K_BACKSPACE = 0x0e, K_TAB = 0x0f, K_ENTER = 0x1c, K_CTRL = 0x1d, K_SHIFT_LEFT = 0x2a, K_SLASH = 0x35, K_SHIFT_RIGHT = 0x36,
       K_PAD_STAR = 0x37, K_ALT = 0x38, K_CAPS = 0x3a, K_F1 = 0x3b, K_F10 = 0x44, K_NUM = 0x45, K_SCROLL = 0x46, K_PAD_7 = 0x47, K_PAD_DOT = 0x53,
       K_LESS = 0x56, K_F11 = 0x57, K_F12 = 0x58, E_EXTENDED = 0xe0, E_PAUSE = 0xe1 };

static const char plain[0x3a] = "\0\0331234567890-=\177\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[0x3a] = "\0\033!@#$%^&*()_+\177\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

/* The keypad from 7 to the point: digits, and the keys that they are without NumLock: letters end ESC [, digits stand before ~. */
static const char pad_digits[] = "789-456+1230.";
static const char pad_keys[] = "1A5-DGC+4B623";

static size_t send(char *out, const char *s)
{
	size_t n = strlen(s);

	memcpy(out, s, n);
	return n;
}

static uint8_t modifier(uint8_t code, bool extended)
{
	switch (code) {
	case K_SHIFT_LEFT: return extended ? 0 : SHIFT_LEFT; /* with 0xE0 they are not keys, only noise around others */
	case K_SHIFT_RIGHT: return extended ? 0 : SHIFT_RIGHT;
	case K_CTRL: return extended ? CTRL_RIGHT : CTRL_LEFT;
	case K_ALT: return extended ? ALT_RIGHT : ALT_LEFT;
	default: return 0;
	}
}

static size_t cursor_key(const struct keymap *k, char key, char *out)
{
	bool letter = key >= 'A';
	size_t n = 0;

	out[n++] = ESC;
	out[n++] = letter && k->application ? 'O' : '[';
	out[n++] = key;
	if (!letter)
		out[n++] = '~';
	return n;
}

static size_t function_key(const struct keymap *k, unsigned n, char *out)
{
	static const char *const keys[] = { "\033[[A", "\033[[B", "\033[[C", "\033[[D", "\033[[E", "\033[17~", "\033[18~", "\033[19~", "\033[20~",
					    "\033[21~", "\033[23~", "\033[24~" };
	static const char *const with_shift[] = { "\033[25~", "\033[26~", "\033[28~", "\033[29~", "\033[31~", "\033[32~", "\033[33~", "\033[34~" };

	if (k->held & ALT)
		return 0; /* would change to another terminal */
	if (k->held & SHIFT && n < ARRAY_SIZE(with_shift))
		return send(out, with_shift[n]);
	return send(out, keys[n]);
}

static size_t pad_key(struct keymap *k, uint8_t code, bool extended, char *out)
{
	char digit = pad_digits[code - K_PAD_7], key = pad_keys[code - K_PAD_7];

	if (code == K_PAD_DOT && k->held & CTRL && k->held & ALT) {
		k->restart = true;
		return 0;
	}
	if (digit == '-' || digit == '+' || (!extended && k->leds & LED_NUM && !(k->held & SHIFT))) {
		out[0] = digit;
		return 1;
	}
	return cursor_key(k, key, out);
}

/* What Ctrl makes of a character; -1: nothing. */
static int with_ctrl(char c)
{
	static const char digits[] = "\000\033\034\035\036\037\177"; /* 2 to 8 */

	if (c >= '2' && c <= '8')
		return digits[c - '2'];
	if (c >= '@' && c < DELETE)
		return c & 0x1f;
	switch (c) {
	case ' ': case '`': case '~': return 0;
	case '-': case '_': return 0x1f;
	case '/': case '?': case '\b': return DELETE;
	case DELETE: return '\b';
	case '\r': case '\t': case ESC: return c;
	default: return -1;
	}
}

static size_t character(const struct keymap *k, char c, char *out)
{
	size_t n = 0;

	if (k->held & CTRL) {
		int made = with_ctrl(c);

		if (made < 0)
			return 0;
		c = (char)made;
	}
	if (k->held & ALT || (c == '\t' && k->held & SHIFT))
		out[n++] = ESC;
	out[n++] = c;
	return n;
}

static size_t typing_key(const struct keymap *k, uint8_t code, char *out)
{
	bool upper = k->held & SHIFT;
	char c = plain[code];

	if (k->leds & LED_CAPS && c >= 'a' && c <= 'z')
		upper = !upper;
	if (upper)
		c = shifted[code];
	return c ? character(k, c, out) : 0;
}

static size_t pressed(struct keymap *k, uint8_t code, bool extended, char *out)
{
	switch (code) {
	case K_CAPS: k->leds ^= LED_CAPS; return 0;
	case K_NUM: k->leds ^= LED_NUM; return 0;
	case K_SCROLL: k->leds ^= extended ? 0 : LED_SCROLL; return 0;
	case K_F1 ... K_F10: return function_key(k, (unsigned)code - K_F1, out);
	case K_F11: case K_F12: return function_key(k, 10u + code - K_F11, out);
	case K_PAD_7 ... K_PAD_DOT: return pad_key(k, code, extended, out);
	case K_LESS: return character(k, k->held & SHIFT ? '>' : '<', out);
	}
	if (extended && code != K_ENTER && code != K_SLASH)
		return 0; /* keys of other kinds: volume, power */
	if (extended && code == K_SLASH)
		return character(k, '/', out);
	return code < sizeof(plain) ? typing_key(k, code, out) : 0;
}

size_t keymap_code(struct keymap *k, uint8_t code, char *out)
{
	bool extended = k->extended;
	uint8_t key = code & (uint8_t)~RELEASED, m;

	if (k->skip) {
		k->skip--;
		return 0;
	}
	k->extended = code == E_EXTENDED;
	if (code == E_PAUSE)
		k->skip = 2;
	if (code == E_EXTENDED || code == E_PAUSE)
		return 0;
	m = modifier(key, extended);
	if (m) {
		k->held = code & RELEASED ? k->held & (uint8_t)~m : k->held | m;
		return 0;
	}
	if (code & RELEASED || (extended && (key == K_SHIFT_LEFT || key == K_SHIFT_RIGHT)))
		return 0;
	return pressed(k, key, extended, out);
}
