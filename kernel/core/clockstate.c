/* SPDX-License-Identifier: MIT */
/* What is known of the wall clock's error. */
#include "core/clockstate.h"

#include "core/clock.h"
#include "core/spinlock.h"
#include "lib/bits.h"
#include "lib/div64.h"

#define GROWTH 500l /* us a second: as far as the rate may be off */

static struct spinlock lock = SPINLOCK_INIT(LOCK_LEAF);
static struct clock_state state = { .status = CLOCK_UNSYNC, .max_error = CLOCK_ERROR_MAX, .error = CLOCK_ERROR_MAX, .constant = 2 }; /* lock */
static ktime_t known_at; /* lock: up to here max_error has grown */

/* The seconds that have passed since are counted. Lock held. */
static void bring_up_to_date(void)
{
	uint64_t seconds = clock_now() - known_at;
	uint32_t rest = div64_32(&seconds, NSEC_PER_SEC);

	if (!seconds)
		return;
	known_at = clock_now() - rest;
	if (state.max_error < CLOCK_ERROR_MAX)
		state.max_error += (long)MIN(seconds, (uint64_t)(2 * CLOCK_ERROR_MAX / GROWTH)) * GROWTH;
	if (state.max_error > CLOCK_ERROR_MAX) {
		state.max_error = CLOCK_ERROR_MAX;
		state.status |= CLOCK_UNSYNC;
	}
}

struct clock_state clock_state_read(void)
{
	unsigned long irq = spin_lock_irqsave(&lock);
	struct clock_state s;

	bring_up_to_date();
	s = state;
	spin_unlock_irqrestore(&lock, irq);
	return s;
}

int clock_state_change(int (*fn)(struct clock_state *s, const void *ctx), const void *ctx)
{
	unsigned long irq = spin_lock_irqsave(&lock);
	int err;

	bring_up_to_date();
	err = fn(&state, ctx);
	spin_unlock_irqrestore(&lock, irq);
	return err;
}

void clock_state_clear(void)
{
	unsigned long irq = spin_lock_irqsave(&lock);

	state.status |= CLOCK_UNSYNC;
	state.max_error = state.error = CLOCK_ERROR_MAX;
	spin_unlock_irqrestore(&lock, irq);
}
