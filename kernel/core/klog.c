/* SPDX-License-Identifier: MIT */
/*
 * The log ring. A line gets its prefix here; sinks get finished text. What they shall get goes through a second ring, out of which one CPU
 * at a time prints, a piece at a time: with interrupts as the caller has them, for a serial line is slow, and not under a lock. Whoever finds another one
 * at it leaves his line there.
 */
#include "core/klog.h"
#include "core/clock.h"
#include "core/spinlock.h"
#include "lib/div64.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define RING_BYTES 16384u
#define LINE_MAX 512
#define REPLAY_BYTES 4096u
#define OUTBOX_BYTES 8192u
#define PIECE 64u
#define FLUSH_TRIES 10000000u

static struct spinlock klog_lock = SPINLOCK_INIT(LOCK_KLOG);
static char ring[RING_BYTES];   /* klog_lock */
static size_t ring_end;         /* bytes ever written */
static char outbox[OUTBOX_BYTES]; /* klog_lock */
static size_t outbox_end, outbox_next; /* bytes ever put in, and taken out; written under klog_lock */
static bool printing;           /* taken by an exchange, with preemption off: the right to take out and to call sinks */
static struct list sinks = LIST_INIT(sinks); /* only grows, by who may print */
static int console_level = KLOG_INFO + 1;

static void ring_append(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ring[ring_end++ % RING_BYTES] = s[i];
}

static void outbox_append(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		outbox[outbox_end++ % OUTBOX_BYTES] = s[i];
}

/* Up to PIECE bytes, not beyond the end of a line. */
static size_t outbox_take(char *buf)
{
	unsigned long flags = spin_lock_irqsave(&klog_lock);
	size_t n = 0;

	if (outbox_end - outbox_next > OUTBOX_BYTES) /* nobody kept up: the oldest text is lost */
		outbox_next = outbox_end - OUTBOX_BYTES;
	while (n < PIECE && outbox_next != outbox_end && (!n || buf[n - 1] != '\n'))
		buf[n++] = outbox[outbox_next++ % OUTBOX_BYTES];
	spin_unlock_irqrestore(&klog_lock, flags);
	return n;
}

static void to_sinks(const char *text, size_t n)
{
	struct klog_sink *s;

	list_for_each_entry(s, &sinks, link)
		s->write(s, text, n);
}

static bool may_print(void)
{
	preempt_disable();
	if (!__atomic_exchange_n(&printing, true, __ATOMIC_SEQ_CST) || READ_ONCE(spin_broken))
		return true;
	preempt_enable();
	return false;
}

static void end_print(void)
{
	__atomic_store_n(&printing, false, __ATOMIC_SEQ_CST);
	preempt_enable();
}

static bool outbox_empty(void)
{
	return __atomic_load_n(&outbox_end, __ATOMIC_SEQ_CST) == READ_ONCE(outbox_next);
}

/* Whoever gives up the right to print looks again after that: a line that came meanwhile was left to him. */
static void print_outbox(void)
{
	char piece[PIECE];

	while (!outbox_empty() && may_print()) {
		to_sinks(piece, outbox_take(piece));
		end_print();
	}
}

void klog_flush(void)
{
	for (unsigned i = 0; i < FLUSH_TRIES && (!outbox_empty() || READ_ONCE(printing)); i++) {
		print_outbox();
		arch_pause();
	}
}

void klog(enum klog_level level, const char *f, ...)
{
	char line[LINE_MAX];
	uint64_t us = clock_now();
	unsigned long flags;
	va_list ap;
	size_t n;

	div64_32(&us, 1000);
	uint32_t frac = div64_32(&us, 1000000);
	n = fmt_buf(line, sizeof(line), "[%5lu.%06u] ", (unsigned long)us, frac);
	va_start(ap, f);
	n += fmt_vbuf(line + n, sizeof(line) - n, f, ap);
	va_end(ap);
	if (n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	flags = spin_lock_irqsave(&klog_lock);
	ring_append(line, n);
	if ((int)level < console_level)
		outbox_append(line, n);
	spin_unlock_irqrestore(&klog_lock, flags);
	print_outbox();
}

/* klog_lock held. Whole lines: a first one that the ring or the buffer cuts is left out. */
static size_t tail_locked(char *buf, size_t cap)
{
	size_t have = ring_end < RING_BYTES ? ring_end : RING_BYTES, n = have < cap ? have : cap;

	if (n < ring_end && (n == have || ring[(ring_end - n - 1) % RING_BYTES] != '\n')) {
		while (n && ring[(ring_end - n) % RING_BYTES] != '\n')
			n--;
		n -= n != 0;
	}
	for (size_t i = 0; i < n; i++)
		buf[i] = ring[(ring_end - n + i) % RING_BYTES];
	return n;
}

void klog_add_sink(struct klog_sink *s, bool replay)
{
	static char copy[RING_BYTES]; /* whose right to print it is */
	size_t n;

	while (!may_print())
		arch_pause();
	n = replay ? klog_tail(copy, sizeof(copy)) : 0;
	if (n && console_level > KLOG_INFO)
		s->write(s, copy, n);
	list_push_back(&sinks, &s->link);
	end_print();
}

void klog_set_console_level(int level) { console_level = level; }
int klog_console_level(void) { return console_level; }

size_t klog_tail(char *buf, size_t cap)
{
	unsigned long flags = spin_lock_irqsave(&klog_lock);
	size_t n = tail_locked(buf, cap);

	spin_unlock_irqrestore(&klog_lock, flags);
	return n;
}

void klog_replay(unsigned lines)
{
	static char copy[REPLAY_BYTES]; /* whose right to print it is */
	size_t end, start;

	while (!may_print())
		arch_pause();
	end = start = klog_tail(copy, sizeof(copy));
	while (start && (copy[start - 1] != '\n' || start == end || --lines))
		start--;
	to_sinks(copy + start, end - start);
	end_print();
}

size_t klog_size(void) { return ring_end < RING_BYTES ? ring_end : RING_BYTES; }
