/* SPDX-License-Identifier: MIT */
/*
 * The model of the text screen, the keyboard's map and the font, without hardware.
 */
#include "dev/keymap.h"
#include "dev/vgafont.h"
#include "dev/vtchars.h"
#include "dev/vtparse.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct vt v;

static int setup(void **state)
{
	(void)state;
	vt_reset(&v);
	return 0;
}

static void put(const char *s) { vt_write(&v, s, strlen(s)); }

/* Row y without the blanks at its end. */
static const char *row(unsigned y)
{
	static char text[8][VT_COLS + 1];
	static unsigned turn;
	char *t = text[turn++ % 8];
	unsigned n = 0;

	for (unsigned x = 0; x < VT_COLS; x++) {
		t[x] = (char)v.cells[y * VT_COLS + x];
		if (t[x] != ' ')
			n = x + 1;
	}
	t[n] = '\0';
	return t;
}

static unsigned attr(unsigned x, unsigned y) { return v.cells[y * VT_COLS + x] >> 8; }

static void assert_at(unsigned x, unsigned y)
{
	assert_int_equal(v.x, x);
	assert_int_equal(v.y, y);
}

static void assert_reply(const char *s)
{
	char text[VT_REPLY + 1];

	text[vt_take_reply(&v, text)] = '\0';
	assert_string_equal(text, s);
}

/* Rows named 0 to 24 by their first characters. */
static void number_rows(void)
{
	char line[32];

	for (unsigned y = 0; y < VT_ROWS; y++) {
		snprintf(line, sizeof(line), "\033[%uHr%u", y + 1, y);
		put(line);
	}
}

static void test_text_and_controls(void **state)
{
	(void)state;
	put("one\r\ntwo\bO\r\n\tx\ty\a");
	assert_string_equal(row(0), "one");
	assert_string_equal(row(1), "twO");
	assert_string_equal(row(2), "        x       y");
	assert_at(17, 2);
	put("\033[H\n");
	assert_at(0, 1);
	put("abc\n"); /* a line feed alone keeps the column */
	assert_at(3, 2);
	put("\033[20hq\n");
	assert_at(0, 3);
	put("\b\b\b");
	assert_at(0, 3);
}

static void test_wraps_only_when_the_next_comes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VT_COLS; i++)
		put("a");
	assert_at(VT_COLS - 1, 0);
	put("\r\n");
	assert_at(0, 1);
	put("\033[1;80Hbc");
	assert_at(1, 1);
	assert_string_equal(row(1), "c");
	put("\033[?7l\033[3;80Hxyz");
	assert_at(VT_COLS - 1, 2);
	assert_int_equal(row(2)[79], 'z');
	put("\033[?7h\033[4;80Hq\033[Cr"); /* moving takes the wrap back */
	assert_int_equal(row(3)[79], 'r');
}

static void test_scrolls_at_the_end(void **state)
{
	(void)state;
	number_rows();
	v.changed = 0;
	put("\033[25;1H\nnew");
	assert_string_equal(row(0), "r1");
	assert_string_equal(row(24), "new");
	assert_int_equal(v.changed, (1u << VT_ROWS) - 1);
}

static void test_cursor_moves(void **state)
{
	(void)state;
	put("\033[10;20H"); assert_at(19, 9);
	put("\033[3A"); assert_at(19, 6);
	put("\033[2B"); assert_at(19, 8);
	put("\033[5C"); assert_at(24, 8);
	put("\033[4D"); assert_at(20, 8);
	put("\033[0A"); assert_at(20, 7);
	put("\033[E"); assert_at(0, 8);
	put("\033[2F"); assert_at(0, 6);
	put("\033[33G"); assert_at(32, 6);
	put("\033[12d"); assert_at(32, 11);
	put("\033[7`"); assert_at(6, 11);
	put("\033[2a"); assert_at(8, 11);
	put("\033[2e"); assert_at(8, 13);
	put("\033[f"); assert_at(0, 0);
	put("\033[5;H"); assert_at(0, 4);
	put("\033[;7H"); assert_at(6, 0);
	put("\033[9999;9999H"); assert_at(VT_COLS - 1, VT_ROWS - 1);
	put("\033[99999999999999999999A"); assert_at(VT_COLS - 1, 0);
	put("\033[9999D"); assert_at(0, 0);
}

static void test_erases(void **state)
{
	(void)state;
	number_rows();
	put("\033[2;1Habcdef\033[2;3H\033[K");
	assert_string_equal(row(1), "ab");
	put("\033[3;1Habcdef\033[3;3H\033[1K");
	assert_string_equal(row(2), "   def");
	put("\033[4;1Habcdef\033[4;3H\033[2K");
	assert_string_equal(row(3), "");
	put("\033[5;1Habcdef\033[5;3H\033[2X");
	assert_string_equal(row(4), "ab  ef");
	put("\033[20;2H\033[J");
	assert_string_equal(row(19), "r");
	assert_string_equal(row(24), "");
	put("\033[10;2H\033[1J");
	assert_string_equal(row(0), "");
	assert_string_equal(row(9), "");
	assert_string_equal(row(10), "r10");
	put("\033[2J");
	assert_string_equal(row(10), "");
	assert_at(1, 9);
	put("\033[44m\033[K"); /* with the background's colour */
	assert_int_equal(attr(40, 9), 0x17);
}

static void test_inserts_and_deletes(void **state)
{
	(void)state;
	put("abcdef\033[1;3H\033[2@");
	assert_string_equal(row(0), "ab  cdef");
	put("\033[3P");
	assert_string_equal(row(0), "abdef");
	put("\033[999P");
	assert_string_equal(row(0), "ab");
	put("\033[1;1H\033[4hXY\033[4lZ");
	assert_string_equal(row(0), "XYZb");
	number_rows();
	put("\033[3;5H\033[2L");
	assert_string_equal(row(1), "r1");
	assert_string_equal(row(2), "");
	assert_string_equal(row(4), "r2");
	assert_string_equal(row(24), "r22");
	put("\033[4M");
	assert_string_equal(row(2), "r4");
	assert_string_equal(row(20), "r22");
	assert_string_equal(row(21), "");
	put("\033[999L");
	assert_string_equal(row(2), "");
	assert_string_equal(row(1), "r1");
}

static void test_scroll_region(void **state)
{
	(void)state;
	number_rows();
	put("\033[5;10r");
	assert_at(0, 0);
	put("\033[10;1H\n\n");
	assert_string_equal(row(3), "r3");
	assert_string_equal(row(4), "r6");
	assert_string_equal(row(9), "");
	assert_string_equal(row(10), "r10");
	put("\033[5;1H\033M");
	assert_string_equal(row(4), "");
	assert_string_equal(row(5), "r6");
	put("\033[S");
	assert_string_equal(row(4), "r6");
	put("\033[2T");
	assert_string_equal(row(6), "r6");
	put("\033[1;1H\033[L"); /* outside of the region lines do not move */
	assert_string_equal(row(0), "r0");
	put("\033[25;1H\n");
	assert_at(0, 24);
	assert_string_equal(row(24), "r24");
	put("\033[?6h");
	assert_at(0, 4);
	put("\033[100;3H");
	assert_at(2, 9);
	put("\033[6n");
	assert_reply("\033[6;3R");
	put("\033[?6l\033[9;5r\033[0;99r"); /* refused */
	assert_int_equal(v.top, 4);
	put("\033[r");
	assert_int_equal(v.bottom, VT_ROWS);
}

static void test_index_and_next_line(void **state)
{
	(void)state;
	put("ab\033Dc\033Ed");
	assert_string_equal(row(1), "  c");
	assert_string_equal(row(2), "d");
	put("\033[1;1H\033M");
	assert_string_equal(row(0), "");
	assert_string_equal(row(1), "ab");
}

static void test_attributes(void **state)
{
	static const struct { const char *set; unsigned attr; } cases[] = {
		{ "", 0x07 }, { "1", 0x0f }, { "2", 0x08 }, { "4", 0x03 }, { "5", 0x87 }, { "7", 0x70 }, { "31", 0x04 }, { "34", 0x01 },
		{ "1;33", 0x0e }, { "44", 0x17 }, { "30;47", 0x70 }, { "31;42;7", 0x42 }, { "91", 0x0c }, { "104", 0x17 }, { "1;22", 0x07 },
		{ "4;24", 0x07 }, { "5;25", 0x07 }, { "7;27", 0x07 }, { "31;39", 0x07 }, { "41;49", 0x07 }, { "1;7;0", 0x07 }, { ";;31", 0x04 },
		{ "38;5;9", 0x0c }, { "38;5;196", 0x0c }, { "48;5;4", 0x17 }, { "38;2;0;255;0", 0x0a }, { "38;2;0;170;0;4", 0x03 }, { "38;5", 0x07 },
		{ "38;5;239", 0x08 }, { "999", 0x07 }, { "1;7", 0x78 },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "\033[m\033[H\033[%smA", cases[i].set);
		put(text);
		if (attr(0, 0) != cases[i].attr)
			fail_msg("SGR %s gives %02x, not %02x", cases[i].set, attr(0, 0), cases[i].attr);
	}
}

static void test_save_and_restore(void **state)
{
	(void)state;
	put("\033[5;6H\033[31m\0337\033[0m\033[1;1H\0338x");
	assert_int_equal(attr(5, 4), 0x04);
	assert_at(6, 4);
	put("\033[s\033[H\033[u");
	assert_at(6, 4);
}

static void test_modes_and_reset(void **state)
{
	(void)state;
	put("\033[?25l");
	assert_false(v.cursor_on);
	put("\033[?25;1h");
	assert_true(v.cursor_on);
	assert_true(v.cursor_keys_app);
	put("main\033[?1049hother\033[3;3H");
	assert_string_equal(row(0), "    other");
	put("\033[?1049l");
	assert_string_equal(row(0), "main");
	assert_at(4, 0);
	put("\033[?1049l");
	assert_string_equal(row(0), "main");
	put("\033[31m\033[5;9r\033[?6h\033c");
	assert_string_equal(row(0), "");
	assert_int_equal(v.bottom, VT_ROWS);
	assert_false(v.origin);
	put("x");
	assert_int_equal(attr(0, 0), 7);
}

static void test_reports(void **state)
{
	(void)state;
	put("\033[5n"); assert_reply("\033[0n");
	put("\033[7;9H\033[6n"); assert_reply("\033[7;9R");
	put("\033[c"); assert_reply("\033[?6c");
	put("\033Z"); assert_reply("\033[?6c");
	put("\033[?6n\033[1c\033[>c"); assert_reply("");
	for (unsigned i = 0; i < 1000; i++)
		put("\033[25;80H\033[6n");
	assert_true(v.reply_len <= VT_REPLY);
}

static void test_tabs(void **state)
{
	(void)state;
	put("\033[3g\033[1;6H\033H\r\tx");
	assert_at(6, 0);
	put("\ty");
	assert_at(VT_COLS - 1, 0);
	put("\r\033[6G\033[g\r\t");
	assert_at(VT_COLS - 1, 0);
}

static void test_charsets(void **state)
{
	(void)state;
	put("\033(0lqk\033(Blqk\016x\017x");
	assert_memory_equal(row(0), "\xda\xc4\xbflqk\xb3x", 8);
	put("\r\n\033[11m\304\020\033[10m"); /* as older descriptions of the terminal draw lines */
	assert_memory_equal(row(1), "\xc4\x10", 2);
	put("\r\n\033(U\304\033(B");
	assert_memory_equal(row(2), "\xc4", 1);
	put("\033[12mA\n\033[10m");
	assert_int_equal((unsigned char)row(2)[1], 'A' | 0x80);
}

static void test_utf8(void **state)
{
	(void)state;
	put("\303\251\342\224\200\342\225\254\316\261");
	assert_memory_equal(row(0), "\x82\xc4\xce\xe0", 4);
	put("\r\ne\314\201x\346\227\245y"); /* combining: nothing; wide: two columns */
	assert_memory_equal(row(1), "ex\xfe y", 5);
	put("\r\n\303x\300\200y\377\355\240\200z\360\237"); /* cut short, too long, never, half of a pair */
	assert_memory_equal(row(2), "\xfex\xfe\xfey\xfe\xfez", 8);
	put("\033[31m!");
	assert_int_equal(v.code_left, 0);
	put("\r\n\033%@\351\033%G\303\251");
	assert_memory_equal(row(3), "\x82\x82", 2);
}

static void test_cp437(void **state)
{
	(void)state;
	for (unsigned c = ' '; c < 0x7f; c++)
		assert_int_equal(vt_cp437(c), (int)c);
	assert_int_equal(vt_cp437(0xe9), 0x82);
	assert_int_equal(vt_cp437(0x2588), 0xdb);
	assert_int_equal(vt_cp437(0xa0), 0xff);
	assert_int_equal(vt_cp437(0x4e00), -1);
	assert_int_equal(vt_cp437(7), -1);
	assert_int_equal(vt_width(0x301), 0);
	assert_int_equal(vt_width(0x4e00), 2);
}

static void test_strings_are_swallowed(void **state)
{
	(void)state;
	put("a\033]0;title\ab\033]2;other\033\\c\033Pdata\033\\d\033_x\033\\e\033]P1aabbccf\033]Rg\033#8");
	for (unsigned i = 0; i < VT_CELLS; i++)
		assert_int_equal(v.cells[i] & 0xff, 'E');
	vt_reset(&v);
	put("a\033]0;title\ab\033]2;other\033\\c\033Pdata\033\\d\033_x\033\\e\033]P1aabbccf\033]Rg");
	assert_string_equal(row(0), "abcdefg");
}

static void test_broken_sequences(void **state)
{
	(void)state;
	put("\033[3\030a\033[1;\032b\033[5\033[2Cc"); /* CAN and SUB end one, ESC begins another */
	assert_string_equal(row(0), "ab  c");
	put("\r\n\033[2\rC|"); /* a control character acts in between: the cursor goes to column 0, then 2 on */
	assert_string_equal(row(1), "  |");
	put("\r\n\033[?$pA\033[!pB\033[1 qC\033[?3?hD");
	assert_string_equal(row(2), "ABCD");
	put("\r\n\033[0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;31mX");
	assert_string_equal(row(3), "X");
	assert_int_equal(attr(0, 3), 7); /* parameters beyond the last place are forgotten */
	for (unsigned i = 0; i < 100000; i++)
		put(i ? ";9" : "\033[");
	put("mY");
	assert_string_equal(row(3), "XY");
}

static void test_kernel_messages(void **state)
{
	(void)state;
	put("ab\033[3");
	vt_print(&v, "\nlog \033[31mtext\n", 16);
	put("1mred");
	assert_string_equal(row(1), "log [31mtext");
	assert_string_equal(row(2), "red");
	assert_int_equal(attr(0, 2), 4);
}

static uint64_t rnd_state = 88172645463325252ull;
static unsigned rnd(unsigned n)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return (unsigned)(rnd_state >> 20) % n;
}

/* Whatever comes, all stays in bounds (the sanitizers watch) and ESC c brings everything back. */
static void test_any_bytes(void **state)
{
	static const char likely[] = "\033\033\033[[[[[?;;;0123456789999999ABCDEFGHJKLMPST@XmhlrsuncgdfM78c()0B\n\r\t\b\016\017#]%G@\303\251\342\224\200";
	static struct vt fresh;

	(void)state;
	vt_reset(&fresh);
	for (unsigned round = 0; round < 3000; round++) {
		char text[300];

		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = rnd(8) ? likely[rnd(sizeof(likely) - 1)] : (char)rnd(256);
		vt_write(&v, text, sizeof(text));
		assert_true(v.x < VT_COLS && v.y < VT_ROWS && v.top < v.bottom && v.bottom <= VT_ROWS && v.reply_len <= VT_REPLY);
		if (rnd(20) == 0) {
			put("\030\033c");
			fresh.changed = v.changed;
			/* what was saved is looked at by itself: its structure has holes */
			assert_true(v.saved.x == fresh.saved.x && v.saved.y == fresh.saved.y);
			memcpy(&fresh.saved, &v.saved, sizeof(fresh.saved));
			memcpy(&fresh.saved_behind, &v.saved_behind, sizeof(fresh.saved_behind));
			assert_memory_equal(&v, &fresh, sizeof(v));
		}
	}
}

/* ---- the keyboard ---- */

static struct keymap keys;

/* What the codes send, the last one's. */
static const char *typed(const char *codes, size_t n)
{
	static char out[KEYMAP_BYTES + 1];
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len = keymap_code(&keys, (uint8_t)codes[i], out);
	out[len] = '\0';
	return out;
}
#define TYPED(s) typed(s, sizeof(s) - 1)

static int keys_setup(void **state)
{
	(void)state;
	memset(&keys, 0, sizeof(keys));
	return 0;
}

static void test_keys(void **state)
{
	(void)state;
	assert_string_equal(TYPED("\x1e"), "a");
	assert_string_equal(TYPED("\x9e"), "");
	assert_string_equal(TYPED("\x2a\x1e"), "A");
	assert_string_equal(TYPED("\x03"), "@");
	assert_string_equal(TYPED("\xaa\x03"), "2");
	assert_string_equal(TYPED("\x36\x35"), "?");
	assert_string_equal(TYPED("\xb6\x35"), "/");
	assert_string_equal(TYPED("\x39"), " ");
	assert_string_equal(TYPED("\x1c"), "\r");
	assert_string_equal(TYPED("\x0e"), "\177");
	assert_string_equal(TYPED("\x0f"), "\t");
	assert_string_equal(TYPED("\x01"), "\033");
	assert_string_equal(TYPED("\x2b"), "\\");
	assert_string_equal(TYPED("\x29"), "`");
	assert_string_equal(TYPED("\x28"), "'");
	assert_string_equal(TYPED("\x32"), "m");
	assert_string_equal(TYPED("\xe0\x1c"), "\r");
	assert_string_equal(TYPED("\xe0\x35"), "/");
	assert_string_equal(TYPED("\x7f"), "");
	assert_string_equal(TYPED("\xe0\x5b"), "");
}

static void test_modifiers(void **state)
{
	(void)state;
	assert_string_equal(TYPED("\x1d\x2e"), "\003");
	assert_string_equal(TYPED("\x2b"), "\034");
	assert_string_equal(TYPED("\x1a"), "\033");
	assert_string_equal(TYPED("\x0c"), "\037");
	assert_string_equal(TYPED("\x07"), "\036");
	char out[KEYMAP_BYTES];

	assert_int_equal(keymap_code(&keys, 0x39, out), 1); /* Ctrl-space is NUL */
	assert_int_equal(out[0], 0);
	assert_string_equal(TYPED("\x9d\x38\x1e"), "\033a");
	assert_string_equal(TYPED("\xb8\x1e"), "a");
	assert_string_equal(TYPED("\xe0\x1d\x1e"), "\001");
	assert_string_equal(TYPED("\xe0\x9d\x1e"), "a");
	assert_string_equal(TYPED("\x2a\x0f"), "\033\t");
	assert_string_equal(TYPED("\xaa\x3a\xba\x1e"), "A");
	assert_int_equal(keys.leds, LED_CAPS);
	assert_string_equal(TYPED("\x02"), "1");
	assert_string_equal(TYPED("\x2a\x1e"), "a");
	assert_string_equal(TYPED("\xaa\x3a\xba\x1e"), "a");
}

static void test_special_keys(void **state)
{
	(void)state;
	assert_string_equal(TYPED("\xe0\x48"), "\033[A");
	assert_string_equal(TYPED("\xe0\x50"), "\033[B");
	assert_string_equal(TYPED("\xe0\x4d"), "\033[C");
	assert_string_equal(TYPED("\xe0\x4b"), "\033[D");
	assert_string_equal(TYPED("\xe0\x47"), "\033[1~");
	assert_string_equal(TYPED("\xe0\x4f"), "\033[4~");
	assert_string_equal(TYPED("\xe0\x2a\xe0\x52"), "\033[2~");
	assert_string_equal(TYPED("\xe0\x53"), "\033[3~");
	assert_string_equal(TYPED("\xe0\x49"), "\033[5~");
	assert_string_equal(TYPED("\xe0\x51"), "\033[6~");
	keys.application = true;
	assert_string_equal(TYPED("\xe0\x48"), "\033OA");
	assert_string_equal(TYPED("\xe0\x53"), "\033[3~");
	assert_string_equal(TYPED("\x3b"), "\033[[A");
	assert_string_equal(TYPED("\x40"), "\033[17~");
	assert_string_equal(TYPED("\x58"), "\033[24~");
	assert_string_equal(TYPED("\x2a\x3b"), "\033[25~");
	assert_string_equal(TYPED("\xaa\x47"), "\033[1~");
	assert_string_equal(TYPED("\x45\xc5\x47"), "7");
	assert_string_equal(TYPED("\x4e"), "+");
	assert_string_equal(TYPED("\xe1\x1d\x45\xe1\x9d\xc5\x1e"), "a"); /* Pause sends nothing and locks nothing */
	assert_int_equal(keys.leds, LED_NUM);
	assert_int_equal(keys.held, 0);
	TYPED("\x1d\x38");
	assert_false(keys.restart);
	TYPED("\xe0\x53");
	assert_true(keys.restart);
}

static void test_any_codes(void **state)
{
	char out[KEYMAP_BYTES];

	(void)state;
	for (unsigned i = 0; i < 300000; i++)
		assert_true(keymap_code(&keys, (uint8_t)rnd(256), out) <= KEYMAP_BYTES);
}

/* ---- the font ---- */

/* All characters that differ on the screen of ASCII look different, and none is empty but the blanks. */
static void test_font(void **state)
{
	uint8_t rows[256][VGAFONT_ROWS], none[VGAFONT_ROWS] = { 0 };

	(void)state;
	for (unsigned c = 0; c < 256; c++)
		vgafont_draw((uint8_t)c, rows[c]);
	for (unsigned a = 0x21; a < 0x7f; a++) {
		assert_memory_not_equal(rows[a], none, VGAFONT_ROWS);
		for (unsigned b = 0x21; b < a; b++)
			assert_memory_not_equal(rows[a], rows[b], VGAFONT_ROWS);
	}
	for (unsigned a = 0xb0; a < 0xe0; a++)
		for (unsigned b = 0xb0; b < a; b++)
			assert_memory_not_equal(rows[a], rows[b], VGAFONT_ROWS);
	assert_memory_equal(rows[' '], none, VGAFONT_ROWS);
	assert_memory_equal(rows[0xff], none, VGAFONT_ROWS);
	assert_int_equal(rows[0xc4][7], 0xff); /* lines meet their neighbours */
	assert_int_equal(rows[0xdb][15], 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_text_and_controls, setup), cmocka_unit_test_setup(test_wraps_only_when_the_next_comes, setup),
		cmocka_unit_test_setup(test_scrolls_at_the_end, setup), cmocka_unit_test_setup(test_cursor_moves, setup),
		cmocka_unit_test_setup(test_erases, setup), cmocka_unit_test_setup(test_inserts_and_deletes, setup),
		cmocka_unit_test_setup(test_scroll_region, setup), cmocka_unit_test_setup(test_index_and_next_line, setup),
		cmocka_unit_test_setup(test_attributes, setup), cmocka_unit_test_setup(test_save_and_restore, setup),
		cmocka_unit_test_setup(test_modes_and_reset, setup), cmocka_unit_test_setup(test_reports, setup),
		cmocka_unit_test_setup(test_tabs, setup), cmocka_unit_test_setup(test_charsets, setup), cmocka_unit_test_setup(test_utf8, setup),
		cmocka_unit_test(test_cp437), cmocka_unit_test_setup(test_strings_are_swallowed, setup),
		cmocka_unit_test_setup(test_broken_sequences, setup), cmocka_unit_test_setup(test_kernel_messages, setup),
		cmocka_unit_test_setup(test_any_bytes, setup), cmocka_unit_test_setup(test_keys, keys_setup),
		cmocka_unit_test_setup(test_modifiers, keys_setup), cmocka_unit_test_setup(test_special_keys, keys_setup),
		cmocka_unit_test_setup(test_any_codes, keys_setup), cmocka_unit_test(test_font),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
