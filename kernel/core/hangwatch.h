/* SPDX-License-Identifier: MIT */
/*
 * Debug builds: each CPU has a beat of its own, and looks at that of its neighbour. One that has not beaten for about ten seconds has its interrupts
 * off for ever: it is asked where it is by an interrupt that cannot be masked, and the machine ends with every CPU's backtrace.
 */
#ifndef CORE_HANGWATCH_H
#define CORE_HANGWATCH_H

/* Starts this CPU's beat, once; preemption is off, or it is the only CPU. Release builds: nothing. */
void hangwatch_start(void);

#endif
