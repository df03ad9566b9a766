/* SPDX-License-Identifier: MIT */
/* The interval timer (Intel 8254 data sheet): channel 0 interrupts by line 0, channel 2 is watched while other clocks are calibrated. */
#ifndef X86_PIT_H
#define X86_PIT_H

#include "lib/types.h"

#define PIT_HZ 1193182u

void x86_pit_oneshot(uint32_t ticks); /* 1 to 65535; interrupts off */
void x86_pit_stop(void);
/* Channel 2 counts down from 65535 once; what it has counted since. Boot CPU. */
void x86_pit_count_start(void);
void x86_pit_count_latch(void);
uint32_t x86_pit_count_read(void); /* as latched */
bool x86_pit_count_ended(void);    /* it came to 65535 and began again */

#endif
