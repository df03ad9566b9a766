/* SPDX-License-Identifier: MIT */
/* Monotonic and wall time in nanoseconds, from the architecture's cycle counter. */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include "lib/types.h"

#define NSEC_PER_SEC 1000000000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_USEC 1000ull

void clock_init(void);
ktime_t clock_now(void);      /* CLOCK_MONOTONIC: ns since boot; any context */
ktime_t clock_wall(void);     /* CLOCK_REALTIME: ns since 1970 */
void clock_set_wall(ktime_t ns); /* settimeofday */
ktime_t clock_boot_wall(void); /* wall time of boot (btime) */

#endif
