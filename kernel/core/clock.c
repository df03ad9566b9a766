/* SPDX-License-Identifier: MIT */
/* Time: cycles scaled by a multiplication and a shift, from the first reading on. */
#include "core/clock.h"
#include "arch/clock.h"
#include "core/spinlock.h"
#include "lib/div64.h"
#include "lib/seqcount.h"

#define SHIFT 24

static uint64_t base_cycles;
static uint32_t mult; /* ns = cycles * mult >> SHIFT */
static struct spinlock wall_lock = SPINLOCK_INIT(LOCK_LEAF);
static struct seqcount wall_seq = SEQCOUNT_INIT; /* written under wall_lock */
static ktime_t wall_offset; /* wall_seq: wall - monotonic */

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

ktime_t clock_boot_wall(void)
{
	uint32_t n;
	ktime_t t;

	do {
		n = seq_read_begin(&wall_seq);
		t = wall_offset;
	} while (seq_read_retry(&wall_seq, n));
	return t;
}

ktime_t clock_wall(void) { return clock_now() + clock_boot_wall(); }

void clock_set_wall(ktime_t ns)
{
	unsigned long flags = spin_lock_irqsave(&wall_lock);

	seq_write_begin(&wall_seq);
	wall_offset = ns - clock_now();
	seq_write_end(&wall_seq);
	spin_unlock_irqrestore(&wall_lock, flags);
}
