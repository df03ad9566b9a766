/* SPDX-License-Identifier: MIT */
/* The line discipline: what readers get and what the screen shows for what is typed (POSIX chapter 11, termios(3)). */
#include "dev/ldisc.h"
#include "task/sigqueue.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct ldisc l;
static char shown[65536];
static size_t shown_len;
static int signals[64];
static unsigned signal_count;

static void echo(void *ctx, const char *s, size_t n)
{
	assert_ptr_equal(ctx, &l);
	assert_true(n < sizeof(shown) - shown_len);
	memcpy(shown + shown_len, s, n);
	shown_len += n;
}

static void note_signal(void *ctx, int signo)
{
	assert_ptr_equal(ctx, &l);
	signals[signal_count++ % 64] = signo;
}

static const struct ldisc_ops ops = { .echo = echo, .signal = note_signal };

static int setup(void **state)
{
	(void)state;
	ldisc_init(&l, &ops, &l);
	shown_len = 0;
	signal_count = 0;
	return 0;
}

static void type_bytes(const char *s, size_t n)
{
	while (n--)
		ldisc_input(&l, (unsigned char)*s++);
}
static void type(const char *s) { type_bytes(s, strlen(s)); }

/* What was echoed since the last time. */
static void assert_shown(const char *s)
{
	shown[shown_len] = '\0';
	assert_string_equal(shown, s);
	shown_len = 0;
}

static void assert_line(const char *s)
{
	char got[LDISC_BUF];
	size_t n;

	assert_true(ldisc_readable(&l));
	n = ldisc_read(&l, got, sizeof(got));
	assert_int_equal(n, strlen(s));
	assert_memory_equal(got, s, n);
}

static void assert_nothing(void)
{
	assert_false(ldisc_readable(&l));
	assert_int_equal(ldisc_available(&l), 0);
}

static void set(uint32_t iflag, uint32_t lflag)
{
	uint32_t old = l.t.lflag;

	l.t.iflag = iflag;
	l.t.lflag = lflag;
	ldisc_settings_changed(&l, old);
}

static void raw(uint8_t min, uint8_t time)
{
	l.t.cc[VMIN] = min;
	l.t.cc[VTIME] = time;
	set(0, 0);
}

static void test_a_line_comes_whole(void **state)
{
	(void)state;
	type("hel");
	assert_nothing();
	type("lo\rnext");
	assert_shown("hello\r\nnext");
	assert_int_equal(ldisc_available(&l), 6);
	assert_line("hello\n");
	assert_nothing();
	type("\n");
	assert_line("next\n");
}

static void test_lines_one_at_a_time_in_parts(void **state)
{
	char part[4];

	(void)state;
	type("abcdef\n\nxy\n");
	assert_int_equal(ldisc_read(&l, part, 4), 4);
	assert_memory_equal(part, "abcd", 4);
	assert_true(ldisc_readable(&l));
	assert_int_equal(ldisc_read(&l, part, 4), 3);
	assert_memory_equal(part, "ef\n", 3);
	assert_line("\n");
	assert_line("xy\n");
	assert_nothing();
}

static void test_erase(void **state)
{
	(void)state;
	type("ab\177c");
	assert_shown("ab\b \bc");
	type("\177\177\177\177");
	assert_shown("\b \b\b \b");
	type("x\n");
	assert_line("x\n");
	type("\177y\n"); /* the line before is not touched */
	assert_line("y\n");
}

static void test_erase_of_wide_things(void **state)
{
	(void)state;
	type("a\001\177");
	assert_shown("a^A\b \b\b \b");
	type("\303\251\177"); /* a character of two bytes goes as one */
	assert_shown("\303\251\b \b");
	type("\t\177");
	assert_shown("\t\b \b\b \b\b \b\b \b\b \b\b \b\b \b");
	type("\n");
	assert_line("a\n");
	l.t.iflag &= ~IUTF8;
	type("\303\251\177\n");
	assert_line("\303\n");
}

/* The tab after a prompt ends at a column of eight, and goes back to the prompt's end. */
static void test_erase_of_a_tab_after_a_prompt(void **state)
{
	char out[64];
	size_t used;

	(void)state;
	ldisc_output(&l, "abc> ", 5, &used, out, sizeof(out));
	type("\t\177");
	assert_shown("\t\b \b\b \b\b \b");
}

static void test_kill(void **state)
{
	(void)state;
	type("abc\025");
	assert_shown("abc\b \b\b \b\b \b");
	type("d\n");
	assert_line("d\n");
	shown_len = 0;
	l.t.lflag &= ~ECHOKE;
	type("ab\025c\n");
	assert_shown("ab^U\r\nc\r\n");
	assert_line("c\n");
	l.t.lflag &= ~ECHOK;
	type("ab\025\n");
	assert_shown("ab^U\r\n");
	assert_line("\n");
}

static void test_word_erase(void **state)
{
	(void)state;
	type("one two_2  \027");
	assert_shown("one two_2  \b \b\b \b\b \b\b \b\b \b\b \b\b \b");
	type("x\n");
	assert_line("one x\n");
	type("a ,;\027\027\027b\n");
	assert_line("b\n");
	l.t.lflag &= ~IEXTEN;
	type("a\027\n");
	assert_line("a\027\n");
}

static void test_echo_forms(void **state)
{
	(void)state;
	l.t.lflag &= ~ECHOE;
	type("ab\177");
	assert_shown("ab^?");
	l.t.lflag &= ~ECHOCTL;
	type("\001\025");
	assert_shown("\001\025\r\n");
	l.t.lflag &= ~ECHO;
	type("secret\n");
	assert_shown("");
	l.t.lflag |= ECHONL;
	type("secret\177s\n");
	assert_shown("\r\n");
	assert_line("secret\n");
	assert_line("secres\n");
}

static void test_end_of_file(void **state)
{
	char c[8];

	(void)state;
	type("\004");
	assert_shown("");
	assert_true(ldisc_readable(&l));
	assert_int_equal(ldisc_read(&l, c, sizeof(c)), 0);
	assert_nothing();
	type("ab\004"); /* hands out what is there, without a mark in it */
	assert_line("ab");
	assert_nothing();
	type("cd\004\004");
	assert_int_equal(ldisc_read(&l, c, 2), 2); /* read exactly: the mark goes along with it */
	assert_true(ldisc_readable(&l));
	assert_int_equal(ldisc_read(&l, c, sizeof(c)), 0);
	assert_nothing();
	type("e\n\004f\n");
	assert_line("e\n");
	assert_int_equal(ldisc_read(&l, c, sizeof(c)), 0);
	assert_line("f\n");
}

static void test_other_line_ends(void **state)
{
	(void)state;
	l.t.cc[VEOL] = ';';
	l.t.cc[VEOL2] = '!';
	type("a;b!c");
	assert_line("a;");
	assert_line("b!");
	assert_nothing();
	l.t.cc[VEOF] = 0; /* disabled: NUL is text */
	type_bytes("\0\n", 2);
	char got[8];

	assert_int_equal(ldisc_read(&l, got, sizeof(got)), 3);
	assert_memory_equal(got, "c\0\n", 3);
}

static void test_literal_next(void **state)
{
	(void)state;
	type("\026");
	assert_shown("^\b");
	type("\003\026\004\026\177\026\n");
	assert_int_equal(signal_count, 0);
	assert_nothing(); /* even the line feed is text */
	type("\n");
	assert_line("\003\004\177\n\n");
	type("\026\r\n"); /* not translated */
	assert_line("\r\n");
	l.t.lflag &= ~IEXTEN;
	type("\026\n");
	assert_line("\026\n");
}

static void test_reprint(void **state)
{
	(void)state;
	type("ab\022c\n");
	assert_shown("ab^R\r\nabc\r\n");
	assert_line("abc\n");
}

static void test_signals(void **state)
{
	(void)state;
	type("abc\003");
	assert_shown("abc^C");
	assert_int_equal(signal_count, 1);
	assert_int_equal(signals[0], SIGINT);
	type("d\n");
	assert_line("d\n"); /* what stood before is flushed */
	type("\034\032");
	assert_int_equal(signals[1], SIGQUIT);
	assert_int_equal(signals[2], SIGTSTP);
	l.t.lflag |= NOFLSH;
	type("ab\003c\n");
	assert_line("abc\n");
	l.t.lflag &= ~ISIG;
	type("\003\n");
	assert_int_equal(signal_count, 4);
	assert_line("\003\n");
	l.t.lflag |= ISIG;
	l.t.cc[VINTR] = 0;
	type_bytes("\0\003\n", 3);
	assert_int_equal(signal_count, 4);
}

static void test_signals_without_lines(void **state)
{
	(void)state;
	raw(1, 0);
	type("ab\003");
	assert_line("ab\003");
	l.t.lflag = ISIG;
	type("ab\003");
	assert_int_equal(signal_count, 1);
	assert_nothing();
}

static void test_translations(void **state)
{
	(void)state;
	l.t.iflag = INLCR;
	type("a\nb\r");
	assert_nothing();
	l.t.iflag = IGNCR;
	type("c\rd\n");
	assert_line("a\rb\rcd\n");
	l.t.iflag = ICRNL | IGNCR; /* ignoring comes first */
	type("e\rf\n");
	assert_line("ef\n");
	l.t.iflag = ISTRIP;
	type("\341\n");
	assert_line("a\n");
	raw(1, 0);
	l.t.iflag = ICRNL;
	type("\r");
	assert_line("\n");
	l.t.iflag = 0;
	type("\r\n");
	assert_line("\r\n");
}

static void test_stop_and_start(void **state)
{
	(void)state;
	type("\023");
	assert_true(l.stopped);
	type("a\021");
	assert_false(l.stopped);
	type("\023");
	l.t.iflag |= IXANY;
	type("b");
	assert_false(l.stopped);
	l.t.iflag &= ~(IXON | IXANY);
	type("\023\n");
	assert_false(l.stopped);
	assert_line("ab\023\n");
}

static void test_raw_counts(void **state)
{
	char c[16];

	(void)state;
	raw(3, 0);
	type("ab");
	assert_false(ldisc_readable(&l));
	assert_int_equal(ldisc_available(&l), 2);
	type("c");
	assert_true(ldisc_readable(&l));
	assert_int_equal(ldisc_read(&l, c, 2), 2);
	assert_int_equal(ldisc_read(&l, c, sizeof(c)), 1);
	raw(3, 1); /* with a time the first byte makes it readable: the terminal waits for the others */
	type("x");
	assert_true(ldisc_readable(&l));
	assert_line("x");
	raw(0, 0);
	assert_false(ldisc_readable(&l));
	assert_int_equal(ldisc_read(&l, c, sizeof(c)), 0);
	type("y");
	assert_true(ldisc_readable(&l));
	assert_line("y");
	assert_shown("");
	l.t.lflag = ECHO | ECHOCTL;
	type("z\001\n");
	assert_shown("z^A\r\n");
}

static void test_changes_of_mode(void **state)
{
	char c[16];

	(void)state;
	type("done\npart");
	raw(1, 0);
	assert_int_equal(ldisc_read(&l, c, sizeof(c)), 9);
	assert_memory_equal(c, "done\npart", 9);
	type("ab\nc");
	set(termios_default.iflag, termios_default.lflag);
	assert_line("ab\nc"); /* what there was is one line */
	assert_nothing();
	type("x\004");
	raw(1, 0); /* an end of file is a NUL here, as on Linux */
	assert_int_equal(ldisc_read(&l, c, sizeof(c)), 2);
	assert_memory_equal(c, "x", 2);
}

static void test_flush(void **state)
{
	(void)state;
	type("line\npart\026");
	ldisc_flush_input(&l);
	assert_nothing();
	type("\003");
	assert_int_equal(signal_count, 1);
	type("x\n");
	assert_line("x\n");
}

static void test_full_line(void **state)
{
	static char got[LDISC_BUF + 8];

	(void)state;
	l.t.lflag &= ~ECHO;
	for (unsigned i = 0; i < LDISC_BUF + 100; i++)
		type("a");
	assert_int_equal(shown_len, 101); /* the bell for each that did not fit */
	assert_int_equal(shown[0], '\a');
	assert_nothing();
	type("\n");
	assert_int_equal(ldisc_read(&l, got, sizeof(got)), LDISC_BUF);
	assert_int_equal(got[LDISC_BUF - 2], 'a');
	assert_int_equal(got[LDISC_BUF - 1], '\n');
	assert_nothing();
}

static void test_full_of_lines(void **state)
{
	char got[8];

	(void)state;
	l.t.lflag &= ~ECHO;
	l.t.iflag &= ~IMAXBEL;
	for (unsigned i = 0; i < LDISC_BUF + 100; i++)
		type("\n");
	assert_int_equal(shown_len, 0);
	for (unsigned i = 0; i < LDISC_BUF; i++)
		assert_int_equal(ldisc_read(&l, got, sizeof(got)), 1);
	assert_nothing();
	raw(1, 0);
	for (unsigned i = 0; i < LDISC_BUF + 100; i++)
		type("x");
	assert_int_equal(ldisc_available(&l), LDISC_BUF);
}

static void assert_output(uint32_t oflag, const char *in, const char *out)
{
	char got[64];
	size_t used, n;

	l.t.oflag = oflag;
	l.column = 0;
	n = ldisc_output(&l, in, strlen(in), &used, got, sizeof(got));
	assert_int_equal(used, strlen(in));
	assert_int_equal(n, strlen(out));
	assert_memory_equal(got, out, n);
}

static void test_output(void **state)
{
	char out[16];
	size_t used;

	(void)state;
	assert_output(0, "a\nb\t\r", "a\nb\t\r");
	assert_output(OPOST, "a\nb\t\r", "a\nb\t\r");
	assert_output(OPOST | ONLCR, "a\nb\n", "a\r\nb\r\n");
	assert_output(OPOST | OCRNL, "a\rb", "a\nb");
	assert_output(OPOST | ONOCR, "\ra\r\r", "a\r");
	assert_output(OPOST | XTABS, "a\tb\t", "a       b       ");
	assert_output(OPOST | XTABS, "\303\251\tb", "\303\251       b");
	l.t.oflag = OPOST | ONLCR;
	assert_true(ldisc_output(&l, "\n\n\n\n\n\n\n\n\n\n\n\n", 12, &used, out, sizeof(out)) <= sizeof(out));
	assert_true(used > 0 && used < 12);
}

/* Whatever is typed, set and read, the counts stay right and each byte comes out at most once (the sanitizers watch the rest). */
static void test_any_input(void **state)
{
	static const char likely[] = "abc def\n\n\r\t\177\177\025\027\026\022\004\003\023\021\303\251\001;";
	static const uint32_t lflags[] = { 0, ECHO, ICANON, ICANON | ECHO | ECHOE | ECHOCTL, ~TOSTOP, ISIG | ICANON | IEXTEN | ECHO | ECHOE | ECHOK };
	static char got[LDISC_BUF];
	uint64_t r = 88172645463325252ull;
	size_t in = 0, out = 0;

	(void)state;
	for (unsigned i = 0; i < 400000; i++) {
		unsigned k;

		r ^= r << 13;
		r ^= r >> 7;
		r ^= r << 17;
		k = (unsigned)(r >> 24);
		if (k % 997 == 0)
			set(k >> 10 & (ISTRIP | INLCR | IGNCR | ICRNL | IXON | IXANY | IMAXBEL | IUTF8), lflags[k / 997 % 6]);
		if (k % 50 == 0) {
			out += ldisc_read(&l, got, (k >> 8) % sizeof(got));
		} else {
			ldisc_input(&l, k % 8 ? (unsigned char)likely[(k >> 8) % (sizeof(likely) - 1)] : (unsigned char)(k >> 8));
			in++;
		}
		shown_len = 0;
		assert_true(l.ready - l.head <= LDISC_BUF && l.tail - l.head <= LDISC_BUF && l.tail - l.ready <= LDISC_BUF);
		assert_true(!ldisc_readable(&l) || l.ready != l.head);
		assert_true(out <= in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_line_comes_whole, setup), cmocka_unit_test_setup(test_lines_one_at_a_time_in_parts, setup),
		cmocka_unit_test_setup(test_erase, setup), cmocka_unit_test_setup(test_erase_of_wide_things, setup),
		cmocka_unit_test_setup(test_erase_of_a_tab_after_a_prompt, setup), cmocka_unit_test_setup(test_kill, setup),
		cmocka_unit_test_setup(test_word_erase, setup), cmocka_unit_test_setup(test_echo_forms, setup),
		cmocka_unit_test_setup(test_end_of_file, setup), cmocka_unit_test_setup(test_other_line_ends, setup),
		cmocka_unit_test_setup(test_literal_next, setup), cmocka_unit_test_setup(test_reprint, setup),
		cmocka_unit_test_setup(test_signals, setup), cmocka_unit_test_setup(test_signals_without_lines, setup),
		cmocka_unit_test_setup(test_translations, setup), cmocka_unit_test_setup(test_stop_and_start, setup),
		cmocka_unit_test_setup(test_raw_counts, setup), cmocka_unit_test_setup(test_changes_of_mode, setup),
		cmocka_unit_test_setup(test_flush, setup), cmocka_unit_test_setup(test_full_line, setup),
		cmocka_unit_test_setup(test_full_of_lines, setup), cmocka_unit_test_setup(test_output, setup),
		cmocka_unit_test_setup(test_any_input, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
