/* SPDX-License-Identifier: MIT */
/*
 * The kernel's log: a ring of messages with time and level; sinks (consoles) register themselves and get what is below the console
 * level. Callable from any context, before anything else is initialised, and while panicking.
 */
#ifndef CORE_KLOG_H
#define CORE_KLOG_H

#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"

enum klog_level { KLOG_EMERG, KLOG_ALERT, KLOG_CRIT, KLOG_ERR, KLOG_WARN, KLOG_NOTICE, KLOG_INFO, KLOG_DEBUG };

struct klog_sink {
	struct list link;
	void (*write)(struct klog_sink *s, const char *text, size_t len); /* must not sleep or log */
};

void klog(enum klog_level level, const char *f, ...) __printf(2, 3);
#define klog_info(...) klog(KLOG_INFO, __VA_ARGS__)
#define klog_warn(...) klog(KLOG_WARN, __VA_ARGS__)
#define klog_err(...) klog(KLOG_ERR, __VA_ARGS__)

/* replay: write what is in the ring so far. */
void klog_add_sink(struct klog_sink *s, bool replay);
void klog_set_console_level(int level); /* messages with a smaller number are shown (Linux's loglevel=) */
int klog_console_level(void);
/* The newest bytes of the log into buf, whole lines; returns their number (panic, syslog(2), /proc/kmsg). Offsets as syslog(2) type 3. */
size_t klog_tail(char *buf, size_t cap);
/* Writes the last lines of the log, at most that many, to the sinks once more: for a panic, when they were not shown. */
void klog_replay(unsigned lines);
/* All that shall be seen is on the sinks when it returns (or they take for ever): before the machine is turned off. */
void klog_flush(void);
size_t klog_size(void); /* bytes unread since the last clear, for syslog(2) */

#endif
