/* SPDX-License-Identifier: MIT */
/* Time: cycles scaled by a multiplication and a shift, from the first reading on. */
#include "core/clock.h"
#include "arch/clock.h"
#include "core/spinlock.h"
#include "lib/div64.h"

#define SHIFT 24

static uint64_t base_cycles;
static uint32_t mult; /* ns = cycles * mult >> SHIFT */
static struct spinlock wall_lock = SPINLOCK_INIT(LOCK_LEAF);
static ktime_t wall_offset; /* wall_lock: wall - monotonic */

void clock_init(void)
{
	uint64_t m = NSEC_PER_SEC << SHIFT;
	uint64_t hz = arch_cycles_hz();

	while (hz >> 32) { /* above 4 GHz: lose a bit of both */
		hz >>= 1;
		m >>= 1;
	}
	div64_32(&m, (uint32_t)hz);
	mult = (uint32_t)m;
	base_cycles = arch_cycles();
	wall_offset = arch_rtc_seconds() * NSEC_PER_SEC;
}

ktime_t clock_now(void)
{
	return mult ? mul_u64_u32_shr(arch_cycles() - base_cycles, mult, SHIFT) : 0;
}

ktime_t clock_wall(void)
{
	unsigned long flags = spin_lock_irqsave(&wall_lock);
	ktime_t t = clock_now() + wall_offset;

	spin_unlock_irqrestore(&wall_lock, flags);
	return t;
}

void clock_set_wall(ktime_t ns)
{
	unsigned long flags = spin_lock_irqsave(&wall_lock);

	wall_offset = ns - clock_now();
	spin_unlock_irqrestore(&wall_lock, flags);
}

ktime_t clock_boot_wall(void)
{
	unsigned long flags = spin_lock_irqsave(&wall_lock);
	ktime_t t = wall_offset;

	spin_unlock_irqrestore(&wall_lock, flags);
	return t;
}
