/* SPDX-License-Identifier: MIT */
/*
 * Looking at the other CPUs, whatever they do: an interrupt that cannot be masked makes each write down where it is, and stop if a panic says so.
 * Its handler takes no lock and prints nothing: it may have interrupted anything, the log too.
 */
#ifndef CORE_NMI_H
#define CORE_NMI_H

#include "core/percpu.h"

struct trapframe;

/* Set by task: writes "pid comm" of the current process. May be called at any time. */
extern void (*panic_describe_current)(char *buf, unsigned long cap);
/* trap_ops.nmi: false if nobody asked for it, so that it came from the machine. Does not return to a CPU that shall stop. */
bool nmi_arrived(struct trapframe *tf);
/* Logs a backtrace of the caller at level. */
void backtrace_print(int level);
/* The same for a place that was interrupted; ip 0: the caller of frame fp. */
void backtrace_print_from(int level, unsigned long fp, unsigned long ip);
/* Logs what CPU n does; false if it does not answer within four seconds. Not for this CPU. Any context. */
bool nmi_backtrace(unsigned n, int level);
/* Logs what every CPU does, this one too. */
void nmi_backtrace_all(int level);
/* Stops every other CPU for good, for a panic; nmi_show_stopped logs where they were. Interrupts off. */
void nmi_stop_others(void);
void nmi_show_stopped(int level);

#endif
