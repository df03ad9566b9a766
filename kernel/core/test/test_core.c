/* SPDX-License-Identifier: MIT */
/* The core rooms: boot options, the log, timers, and the check of the order of locks, whose panics happen in a child process. */
#include "arch/clock.h"
#include "arch/mmu.h"
#include "arch/trap.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/irq.h"
#include "core/klog.h"
#include "core/panic.h"
#include "core/spinlock.h"
#include "core/timer.h"
#include "lib/fmt.h"
#include "lib/seqcount.h"
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void irq_end(bool user, bool preemptible)
{
	(void)user, (void)preemptible;
	irq_leave();
}

static const struct trap_ops ops = { .timer = timer_interrupt, .irq_enter = irq_enter, .irq_exit = irq_end };

static int init_machine(void **state)
{
	(void)state;
	host_machine_init(256, 256);
	panic_init();
	arch_trap_init(&ops);
	clock_init();
	timer_init();
	return 0;
}

/* ---- boot options ---- */

static void test_options_are_split_at_spaces(void **state)
{
	(void)state;
	cmdline_init("  quiet  console=ttyS0,115200 console=tty0 mem=0x10k n=0x20 empty= ");
	assert_string_equal(cmdline_text(), "  quiet  console=ttyS0,115200 console=tty0 mem=0x10k n=0x20 empty= ");
	assert_string_equal(cmdline_get("quiet"), "");
	assert_true(cmdline_has("quiet"));
	assert_null(cmdline_get("qui"));
	assert_null(cmdline_get("quieter"));
	assert_string_equal(cmdline_get("console"), "tty0");
	assert_string_equal(cmdline_get_nth("console", 0), "ttyS0,115200");
	assert_string_equal(cmdline_get_nth("console", 1), "tty0");
	assert_null(cmdline_get_nth("console", 2));
	assert_int_equal(cmdline_u64("n", 7), 0x20);
	assert_int_equal(cmdline_u64("m", 7), 7);
	assert_int_equal(cmdline_u64("empty", 7), 7);
	assert_string_equal(cmdline_get("empty"), "");
	cmdline_init("");
	assert_null(cmdline_get("quiet"));
	assert_null(cmdline_get(""));
}

static void test_quotes_hold_words_together(void **state)
{
	(void)state;
	cmdline_init("name=\"two words\" \"whole thing\" a\"b c\"d \"k=v w\" open=\"to the end");
	assert_string_equal(cmdline_get("name"), "two words");
	assert_string_equal(cmdline_get("whole thing"), "");
	assert_string_equal(cmdline_get("ab cd"), "");
	assert_string_equal(cmdline_get("k"), "v w");
	assert_string_equal(cmdline_get("open"), "to the end");
}

static void test_init_gets_what_the_kernel_does_not_know(void **state)
{
	const char *argv[8] = { NULL }, *envp[8] = { NULL };

	(void)state;
	cmdline_init("quiet single HOME=/root mod.param=1 mod.flag root=/dev/x -- -a b=c quiet -- last");
	assert_true(cmdline_has("quiet"));
	assert_true(cmdline_has("root"));
	assert_int_equal(cmdline_init_args(argv, 8), 6);
	assert_string_equal(argv[0], "single");
	assert_string_equal(argv[1], "-a");
	assert_string_equal(argv[2], "b=c");
	assert_string_equal(argv[3], "quiet");
	assert_string_equal(argv[4], "--");
	assert_string_equal(argv[5], "last");
	assert_null(cmdline_get("b"));
	assert_int_equal(cmdline_init_env(envp, 8), 1);
	assert_string_equal(envp[0], "HOME=/root");
	assert_int_equal(cmdline_init_args(argv, 2), 2);
}

static void test_a_line_of_any_length_is_taken(void **state)
{
	static char line[20000];
	const char *argv[200];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(line); i++)
		line[i] = i % 2 ? ' ' : 'x';
	cmdline_init(line);
	assert_int_equal(cmdline_init_args(argv, 200), 128);
	memset(line, '"', sizeof(line) - 1);
	cmdline_init(line);
	memset(line, 'y', sizeof(line) - 1);
	cmdline_init(line);
	assert_int_equal(cmdline_init_args(argv, 200), 1);
	assert_true(strlen(argv[0]) < sizeof(line) - 1);
}

/* ---- the log ---- */

static char shown[4096];
static size_t shown_len;

static void show(struct klog_sink *s, const char *text, size_t len)
{
	(void)s;
	assert_true(shown_len + len < sizeof(shown));
	memcpy(shown + shown_len, text, len);
	shown_len += len;
	shown[shown_len] = '\0';
}

static struct klog_sink sink = { .write = show };

static void test_sinks_get_what_is_below_the_level(void **state)
{
	(void)state;
	klog_add_sink(&sink, false);
	klog_set_console_level(KLOG_WARN + 1);
	shown_len = 0;
	klog_info("not this");
	klog_warn("but %s", "that");
	assert_non_null(strstr(shown, "] but that\n"));
	assert_null(strstr(shown, "not this"));
	klog_set_console_level(0);
	list_del(&sink.link);
}

static void test_the_ring_keeps_the_newest_lines_whole(void **state)
{
	static char text[70000], line[600];
	size_t n;

	(void)state;
	for (int i = 0; i < 2000; i++)
		klog_info("line %d of many", i);
	n = klog_tail(text, sizeof(text) - 1);
	text[n] = '\0';
	assert_true(n > 15000);
	assert_true(klog_size() >= n);
	assert_int_equal(text[0], '[');
	assert_non_null(strstr(text, "line 1999 of many\n"));
	for (char *p = text; *p; p = strchr(p, '\n') + 1) { /* every line is whole, and follows the one before */
		static int last;
		int number;

		assert_int_equal(*p, '[');
		assert_int_equal(sscanf(strchr(p, ']'), "] line %d of many", &number), 1);
		assert_true(p == text || number == last + 1);
		last = number;
	}
	n = klog_tail(text, 100);
	text[n] = '\0';
	assert_true(n > 0 && n <= 100);
	assert_int_equal(text[0], '[');
	assert_int_equal(text[n - 1], '\n');
	assert_int_equal(klog_tail(text, 0), 0);
	memset(line, 'z', sizeof(line) - 1);
	klog_info("%s", line); /* too long: cut, but a line */
	n = klog_tail(text, 2000);
	assert_int_equal(text[n - 1], '\n');
	assert_int_equal(text[n - 2], 'z');
}

/* ---- timers ---- */

#define TIMERS 200

static struct counted {
	struct timer t;
	unsigned fired;
	ktime_t last;
} timers[TIMERS];
static ktime_t newest;

static void fire(struct timer *t)
{
	struct counted *c = container_of(t, struct counted, t);

	assert_false(t->armed);
	assert_true(clock_now() >= t->expires);
	assert_true(t->expires >= newest); /* in the order of their times */
	newest = t->expires;
	c->fired++;
	c->last = clock_now();
}

static void test_timers_go_off_in_order_and_not_early(void **state)
{
	ktime_t start = clock_now();
	unsigned armed = 0, fired = 0;

	(void)state;
	newest = 0;
	srand(5);
	for (int i = 0; i < TIMERS; i++) {
		timer_setup(&timers[i].t, fire);
		timers[i].fired = 0;
		timer_arm(&timers[i].t, start + 1000 + (ktime_t)(rand() % 50) * 100);
	}
	for (int i = 0; i < TIMERS; i += 3)
		assert_true(timer_cancel(&timers[i].t));
	for (int i = 0; i < TIMERS; i += 3)
		assert_false(timer_cancel(&timers[i].t));
	for (int i = 1; i < TIMERS; i += 3)
		timer_arm(&timers[i].t, start + 2000 + (ktime_t)(rand() % 50) * 100); /* moved */
	host_clock_advance(999);
	for (int i = 0; i < TIMERS; i++)
		assert_int_equal(timers[i].fired, 0);
	host_clock_advance(10000);
	for (int i = 0; i < TIMERS; i++) {
		armed += i % 3 != 0;
		fired += timers[i].fired;
		assert_int_equal(timers[i].fired, i % 3 != 0);
		if (timers[i].fired)
			assert_true(timers[i].last == timers[i].t.expires); /* and not late */
	}
	assert_int_equal(fired, armed);
	assert_false(host_timer_armed(NULL)); /* nothing to wait for: no ticks */
}

static void fire_again(struct timer *t)
{
	struct counted *c = container_of(t, struct counted, t);

	if (++c->fired < 5)
		timer_arm(t, t->expires + 100);
}

static void test_a_timer_may_arm_itself(void **state)
{
	(void)state;
	timers[0].fired = 0;
	timer_setup(&timers[0].t, fire_again);
	timer_arm(&timers[0].t, clock_now() + 100);
	host_clock_advance(350);
	assert_int_equal(timers[0].fired, 3);
	assert_true(timer_cancel(&timers[0].t));
	host_clock_advance(1000);
	assert_int_equal(timers[0].fired, 3);
}

static void cancel_the_next(struct timer *t)
{
	(void)t;
	timers[0].fired++;
	assert_true(timer_cancel(&timers[1].t));
}

static void test_a_timer_may_cancel_another_that_is_due(void **state)
{
	(void)state;
	timers[0].fired = timers[1].fired = 0;
	newest = 0;
	timer_setup(&timers[0].t, cancel_the_next);
	timer_setup(&timers[1].t, fire);
	timer_arm(&timers[1].t, clock_now() + 50);
	timer_arm(&timers[0].t, clock_now() + 40);
	host_irqs_on = false; /* both become due while nobody listens */
	host_clock_advance(200);
	host_irqs_on = true;
	host_clock_advance(1);
	assert_int_equal(timers[0].fired, 1);
	assert_int_equal(timers[1].fired, 0);
}

/* ---- timers of several CPUs: the test decides who runs, and calls their interrupts ---- */

static unsigned fired_on[2];

static void run_on(unsigned n)
{
	host_cpu_base = &cpus[n];
}

static void interrupt_on(unsigned n)
{
	run_on(n);
	assert_true(host_interrupt(timer_interrupt));
	run_on(0);
}

static void note_cpu(struct timer *t)
{
	(void)t;
	fired_on[this_cpu()->id]++;
}

static void second_cpu(void)
{
	percpu_init_cpu(1);
	run_on(1);
	timer_init();
	run_on(0);
	memset(fired_on, 0, sizeof(fired_on));
	host_irqs_on = true;
}

static void test_a_timer_goes_where_it_is_armed(void **state)
{
	static struct timer t;

	(void)state;
	second_cpu();
	timer_setup(&t, note_cpu);
	timer_arm(&t, clock_now() + 10);
	run_on(1);
	timer_arm(&t, clock_now() + 20); /* and is no longer where it was */
	host_cycles += 30;
	interrupt_on(0);
	assert_int_equal(fired_on[0] + fired_on[1], 0);
	interrupt_on(1);
	assert_int_equal(fired_on[1], 1);
	timer_arm(&t, clock_now() + 10);
	run_on(1);
	assert_true(timer_cancel(&t)); /* from elsewhere */
	assert_false(timer_cancel(&t));
	host_cycles += 30;
	interrupt_on(0);
	interrupt_on(1);
	assert_int_equal(fired_on[0], 0);
	assert_int_equal(fired_on[1], 1);
}

/* As if CPU 1 did this while the callback runs on CPU 0. */
static void armed_meanwhile(struct timer *t)
{
	if (fired_on[this_cpu()->id]++)
		return;
	run_on(1);
	timer_arm(t, clock_now() + 10);
	timer_arm(t, clock_now() + 20);
	run_on(0);
}

static void test_a_timer_does_not_leave_the_cpu_of_its_callback(void **state)
{
	static struct timer t;

	(void)state;
	second_cpu();
	timer_setup(&t, armed_meanwhile);
	timer_arm(&t, clock_now());
	interrupt_on(0);
	assert_int_equal(fired_on[0], 1);
	assert_true(host_timer_armed(NULL)); /* its CPU will look, though the other one armed it */
	host_cycles += 30;
	interrupt_on(1);
	assert_int_equal(fired_on[1], 0);
	interrupt_on(0);
	assert_int_equal(fired_on[0], 2);
	assert_false(host_timer_armed(NULL));
}

static void again_at_once(struct timer *t)
{
	fired_on[0]++;
	timer_arm(t, t->expires);
}

static void test_an_interrupt_ends_though_a_timer_is_always_due(void **state)
{
	static struct timer t;

	(void)state;
	second_cpu();
	timer_setup(&t, again_at_once);
	timer_arm(&t, clock_now());
	interrupt_on(0);
	assert_true(fired_on[0] > 0 && fired_on[0] < 100);
	assert_true(host_timer_armed(NULL)); /* it goes on */
	assert_true(timer_cancel(&t));
	interrupt_on(0);
}

static struct timer moved[8];
static unsigned moved_fired[8];

static void moved_fires(struct timer *t)
{
	assert_int_equal(t->cpu, this_cpu()->id);
	moved_fired[t - moved]++;
}

/* Arms, moves and cancels at random on two CPUs: each arming that is not taken back fires once, in time, where it was made. */
static void test_timers_move_between_cpus(void **state)
{
	ktime_t due[8] = { 0 };

	(void)state;
	second_cpu();
	srand(11);
	for (int i = 0; i < 8; i++)
		timer_setup(&moved[i], moved_fires);
	for (int step = 0; step < 20000; step++) {
		int i = rand() % 8;

		run_on((unsigned)rand() % 2);
		if (rand() % 3) {
			due[i] = clock_now() + (ktime_t)(rand() % 50);
			timer_arm(&moved[i], due[i]);
			assert_int_equal(moved[i].cpu, this_cpu()->id);
		} else {
			assert_int_equal(timer_cancel(&moved[i]), due[i] != 0);
			due[i] = 0;
		}
		host_cycles += (uint64_t)(rand() % 8);
		interrupt_on(0);
		interrupt_on(1);
		for (i = 0; i < 8; i++) {
			bool ends = due[i] && due[i] <= clock_now();

			assert_int_equal(moved_fired[i], ends);
			moved_fired[i] = 0;
			due[i] = ends ? 0 : due[i];
		}
	}
	for (int i = 0; i < 8; i++)
		timer_cancel(&moved[i]);
	host_cycles += 100;
	interrupt_on(0);
	interrupt_on(1);
}

/* ---- sequence counts ---- */

static void test_a_reader_that_met_a_writer_reads_again(void **state)
{
	struct seqcount s = SEQCOUNT_INIT;
	uint32_t n = seq_read_begin(&s);

	(void)state;
	assert_false(seq_read_retry(&s, n));
	seq_write_begin(&s);
	assert_true(seq_read_retry(&s, n)); /* still at it */
	seq_write_end(&s);
	assert_true(seq_read_retry(&s, n));
	n = seq_read_begin(&s);
	assert_false(seq_read_retry(&s, n));
	clock_set_wall(1234 * NSEC_PER_SEC);
	assert_true(clock_wall() >= 1234 * NSEC_PER_SEC && clock_wall() < 1235 * NSEC_PER_SEC);
}

/* ---- the order of locks ---- */

static void tell(struct klog_sink *s, const char *text, size_t len)
{
	(void)s;
	if (write(2, text, len) < 0)
		_exit(3);
}

static struct klog_sink child_sink = { .write = tell };

/* What a child says that runs fn; "" if it ends well. */
static const char *panic_of(void (*fn)(void))
{
	static char text[8192];
	int pipe_ends[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t child;

	fflush(NULL);
	assert_int_equal(pipe(pipe_ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		dup2(pipe_ends[1], 2);
		signal(SIGABRT, SIG_DFL);
		signal(SIGSEGV, SIG_DFL);
		signal(SIGILL, SIG_DFL);
		klog_add_sink(&child_sink, false);
		fn();
		_exit(0);
	}
	close(pipe_ends[1]);
	while ((got = read(pipe_ends[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	close(pipe_ends[0]);
	assert_true(waitpid(child, &status, 0) == child);
	assert_int_equal(WIFSIGNALED(status) ? WTERMSIG(status) : 0, n ? SIGABRT : 0);
	return text;
}

static struct spinlock outer = SPINLOCK_INIT(LOCK_PROC_TREE), inner = SPINLOCK_INIT(LOCK_FRAMES), same = SPINLOCK_INIT(LOCK_FRAMES);

static void in_order(void)
{
	spin_lock(&outer);
	spin_lock(&inner);
	spin_lock_nested(&same);
	spin_unlock(&inner);
	spin_unlock(&outer); /* they may be released in any order */
	spin_unlock(&same);
	lockorder_assert_none("done");
}
static void against_order(void) { spin_lock(&inner); spin_lock(&outer); }
static void same_class(void) { spin_lock(&inner); spin_lock(&same); }
static void twice(void) { spin_lock(&inner); spin_lock_nested(&inner); }
static void not_held(void) { lockorder_release(&inner, LOCK_FRAMES); }
static void leave_with_a_lock(void) { spin_lock(&outer); lockorder_assert_none("sleeping"); }
static void take_in_interrupt(void) { spin_lock(&outer); spin_unlock(&outer); }
static void interrupt_begins_anew(void)
{
	spin_lock(&inner);
	host_interrupt(take_in_interrupt); /* no order with what was interrupted */
	spin_unlock(&inner);
}

static void test_order_of_locks_is_checked(void **state)
{
	(void)state;
	assert_string_equal(panic_of(in_order), "");
	assert_string_equal(panic_of(interrupt_begins_anew), "");
	assert_non_null(strstr(panic_of(against_order), "PROC_TREE taken while holding FRAMES"));
	assert_non_null(strstr(panic_of(same_class), "FRAMES taken while holding FRAMES"));
	assert_non_null(strstr(panic_of(twice), "FRAMES taken while holding FRAMES"));
	assert_non_null(strstr(panic_of(not_held), "FRAMES released but not held"));
	assert_non_null(strstr(panic_of(leave_with_a_lock), "sleeping while holding PROC_TREE"));
}

static struct spinlock handlers = SPINLOCK_INIT(LOCK_DEVICE), plain = SPINLOCK_INIT(LOCK_LEAF);

static void take_handlers(void) { spin_lock(&handlers); spin_unlock(&handlers); }
static void take_plain(void) { spin_lock(&plain); spin_unlock(&plain); }
static void in_a_handler_and_saved(void)
{
	unsigned long irq = spin_lock_irqsave(&handlers);

	spin_unlock_irqrestore(&handlers, irq);
	host_interrupt(take_handlers);
	take_plain();
}
static void in_a_handler_and_not_saved(void) { host_interrupt(take_handlers); take_handlers(); }
static void not_saved_and_in_a_handler(void) { take_handlers(); host_interrupt(take_handlers); }
static void plain_under_handlers(void)
{
	unsigned long irq;

	take_plain();
	host_interrupt(take_handlers);
	irq = spin_lock_irqsave(&handlers);
	take_plain();
	spin_unlock_irqrestore(&handlers, irq);
}
/* CPU 1 waits for what CPU 0 never gives back; the test has the clock stand, so the wait is judged as if it had lasted. */
static void never_released(void)
{
	second_cpu();
	spin_lock(&outer);
	run_on(1);
	lockorder_stuck(&outer);
}
static void released_by_another(void)
{
	second_cpu();
	spin_lock(&outer);
	run_on(1);
	spin_unlock(&outer);
}

static void test_locks_of_interrupt_handlers_are_checked(void **state)
{
	(void)state;
	assert_string_equal(panic_of(in_a_handler_and_saved), "");
	assert_non_null(strstr(panic_of(in_a_handler_and_not_saved), "DEVICE is taken by interrupt handlers, and with interrupts on"));
	assert_non_null(strstr(panic_of(not_saved_and_in_a_handler), "DEVICE is taken by interrupt handlers, and with interrupts on"));
	assert_non_null(strstr(panic_of(plain_under_handlers), "LEAF, which is taken with interrupts on, taken under DEVICE"));
}

static void test_owners_of_locks_are_known(void **state)
{
	(void)state;
	assert_non_null(strstr(panic_of(never_released), "cpu 1 has waited too long for PROC_TREE, which cpu 0 holds"));
	assert_non_null(strstr(panic_of(released_by_another), "PROC_TREE released but not held"));
}

static void die(void) { panic("the reason is %d", 42); }

static void test_a_panic_says_why(void **state)
{
	const char *said = panic_of(die);

	(void)state;
	assert_non_null(strstr(said, "Kernel panic: the reason is 42\n"));
	assert_non_null(strstr(said, "backtrace:\n"));
	assert_non_null(strstr(said, "---[ end of panic ]---\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_are_split_at_spaces),
		cmocka_unit_test(test_quotes_hold_words_together),
		cmocka_unit_test(test_init_gets_what_the_kernel_does_not_know),
		cmocka_unit_test(test_a_line_of_any_length_is_taken),
		cmocka_unit_test(test_sinks_get_what_is_below_the_level),
		cmocka_unit_test(test_the_ring_keeps_the_newest_lines_whole),
		cmocka_unit_test(test_timers_go_off_in_order_and_not_early),
		cmocka_unit_test(test_a_timer_may_arm_itself),
		cmocka_unit_test(test_a_timer_may_cancel_another_that_is_due),
		cmocka_unit_test(test_a_timer_goes_where_it_is_armed),
		cmocka_unit_test(test_a_timer_does_not_leave_the_cpu_of_its_callback),
		cmocka_unit_test(test_an_interrupt_ends_though_a_timer_is_always_due),
		cmocka_unit_test(test_timers_move_between_cpus),
		cmocka_unit_test(test_a_reader_that_met_a_writer_reads_again),
		cmocka_unit_test(test_order_of_locks_is_checked),
		cmocka_unit_test(test_locks_of_interrupt_handlers_are_checked),
		cmocka_unit_test(test_owners_of_locks_are_known),
		cmocka_unit_test(test_a_panic_says_why),
	};

	return cmocka_run_group_tests_name("core", tests, init_machine, NULL);
}
