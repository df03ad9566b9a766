/* SPDX-License-Identifier: MIT */
/*
 * What adjtimex(2) keeps of the wall clock: how far off it may be, and whether somebody sets it right. The kernel knows that only from whoever sets it;
 * the rate of the clock is the machine's.
 */
#ifndef CORE_CLOCKSTATE_H
#define CORE_CLOCKSTATE_H

#include "lib/types.h"

#define CLOCK_ERROR_MAX 16000000l /* us: nobody knows */

/* STA_ of clock_state.status */
#define CLOCK_PLL 1u
#define CLOCK_INSERT 0x10u     /* a leap second at the end of the day */
#define CLOCK_DELETE 0x20u
#define CLOCK_UNSYNC 0x40u     /* nobody keeps it right */
#define CLOCK_FAULT 0x1000u
#define CLOCK_NANO 0x2000u     /* told in ns instead of us */
#define CLOCK_READ_ONLY 0xff00u

struct clock_state {
	unsigned status;
	long max_error, error;     /* us */
	long constant;
};

/* As it is now: the largest error grows by 500 us a second since it was set, and a clock whose error nobody knows is CLOCK_UNSYNC. Any context. */
struct clock_state clock_state_read(void);
/* fn changes it as it is now, or returns an errno, which is returned. It is called with a spinlock held. */
int clock_state_change(int (*fn)(struct clock_state *s, const void *ctx), const void *ctx);
/* The clock was set by hand: all that is known of its error is void. */
void clock_state_clear(void);

#endif
