/* SPDX-License-Identifier: MIT */
/* The log ring. A line gets its prefix here; sinks get finished text. */
#include "core/klog.h"
#include "core/clock.h"
#include "core/spinlock.h"
#include "lib/div64.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define RING_BYTES 16384u
#define LINE_MAX 512
#define REPLAY_BYTES 4096u

static struct spinlock klog_lock = SPINLOCK_INIT(LOCK_KLOG);
static struct spinlock sink_lock = SPINLOCK_INIT(LOCK_KLOG);
static char ring[RING_BYTES];   /* klog_lock */
static size_t ring_end;         /* bytes ever written */
static struct list sinks = LIST_INIT(sinks);
static int console_level = KLOG_INFO + 1;

static void ring_append(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ring[ring_end++ % RING_BYTES] = s[i];
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
	spin_unlock_irqrestore(&klog_lock, flags);
	if ((int)level >= console_level)
		return;
	flags = spin_lock_irqsave(&sink_lock);
	struct klog_sink *s;
	list_for_each_entry(s, &sinks, link)
		s->write(s, line, n);
	spin_unlock_irqrestore(&sink_lock, flags);
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

/* The same with sink_lock held: the only place where one of these locks is taken inside the other. */
static size_t tail_for_sinks(char *buf, size_t cap)
{
	size_t n;

	spin_lock_nested(&klog_lock);
	n = tail_locked(buf, cap);
	spin_unlock(&klog_lock);
	return n;
}

void klog_add_sink(struct klog_sink *s, bool replay)
{
	static char copy[RING_BYTES]; /* sink_lock */
	unsigned long flags = spin_lock_irqsave(&sink_lock);
	size_t n = replay ? tail_for_sinks(copy, sizeof(copy)) : 0;

	if (n && console_level > KLOG_INFO)
		s->write(s, copy, n);
	list_push_back(&sinks, &s->link);
	spin_unlock_irqrestore(&sink_lock, flags);
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
	static char copy[REPLAY_BYTES]; /* sink_lock */
	unsigned long flags = spin_lock_irqsave(&sink_lock);
	size_t end, start;
	struct klog_sink *s;

	end = start = tail_for_sinks(copy, sizeof(copy));
	while (start && (copy[start - 1] != '\n' || start == end || --lines))
		start--;
	list_for_each_entry(s, &sinks, link)
		s->write(s, copy + start, end - start);
	spin_unlock_irqrestore(&sink_lock, flags);
}

size_t klog_size(void) { return ring_end < RING_BYTES ? ring_end : RING_BYTES; }
