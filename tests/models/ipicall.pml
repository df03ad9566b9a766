/* SPDX-License-Identifier: MIT */
/*
 * Calls to other CPUs, and ticket locks that serve them while they spin: core/ipi.c, core/spinlock.[ch].
 *
 *   LOCK, UNLOCK    spin_lock_raw with spin_wait, in turn; ipi_poll while interrupts are off
 *   POLL            ipi_poll: the mask is exchanged with zero, the calls are run, each one's count is its last touch
 *   CALL            ipi_call: post to each CPU (place, then bit; an interrupt if the mask was empty), own part, wait for the count
 *   MAY_INTERRUPT   the interrupt is taken, if they are on
 *
 * Each CPU does a few rounds, of its choice: the lock with interrupts off and a call to all while it is held; the same without the call; the lock with
 * interrupts on; a call without the lock, interrupts off or on. A call lies on its sender's stack: it is alive only until ipi_call returns. Places are written by a plain
 * store, but the bit that publishes them by a locked instruction, so a store buffer holds back neither.
 *
 * Checked: no deadlock, one owner at a time, no call is looked at when its sender is gone, each runs exactly once on each CPU.
 *
 * BUG_SPIN_DEAF    spin_wait does not serve calls
 * BUG_CALL_DEAF    ipi_call does not serve calls while it waits with interrupts off
 * BUG_EARLY_COUNT  ipi_poll counts down before it runs the function
 * BUG_LOST_BIT     ipi_poll reads the mask and stores zero, as two steps
 * BUG_BIT_FIRST    the bit is set before the place
 */
#define N 3
#define ALL 7
#define BIT(n) (1 << (n))
#ifndef ROUNDS
#define ROUNDS 1
#endif

byte next_ticket, serving, owners;
byte pending[N];
bool place[N * N];      /* [receiver * N + sender]: the place names this round's call */
bool interrupt[N], irq_on[N];
bool alive[N];
byte left[N], ran[N];

/* mask, s: variables of the caller. */
inline POLL(me, mask, s)
{
	do
	:: atomic { mask == 0 && pending[me] == 0 -> break }
	:: atomic { mask == 0 && pending[me] != 0 -> mask = pending[me];
#ifdef BUG_LOST_BIT
			skip };
		atomic { pending[me] = 0 }
#else
			pending[me] = 0 }
#endif
	:: atomic { mask != 0 -> s = (mask & 1 -> 0 : (mask & 2 -> 1 : 2));
#ifdef BUG_EARLY_COUNT
			left[s]-- };
		atomic {
#endif
			assert(alive[s] && place[me * N + s] && !(ran[s] & BIT(me)));
			ran[s] = ran[s] | BIT(me) };
		atomic {
			assert(alive[s]);
#ifndef BUG_EARLY_COUNT
			left[s]--;
#endif
			mask = mask & ~BIT(s);
			s = 0 }
	od
}

inline MAY_INTERRUPT(me, mask, s)
{
	if
	:: irq_on[me] && interrupt[me] ->
		d_step { interrupt[me] = false; irq_on[me] = false };
		POLL(me, mask, s);
		irq_on[me] = true
	:: skip
	fi
}

inline LOCK(me, mask, s)
{
	d_step { t = next_ticket; next_ticket = (next_ticket + 1) % 4 };
	do
	:: serving == t -> break
	:: irq_on[me] && interrupt[me] -> MAY_INTERRUPT(me, mask, s)
#ifndef BUG_SPIN_DEAF
	:: !irq_on[me] && pending[me] -> POLL(me, mask, s)
#endif
	od;
	atomic { t = 0; owners++; assert(owners == 1) }
}

#define UNLOCK() atomic { owners--; serving = (serving + 1) % 4 }

inline POST(me, n)
{
#ifdef BUG_BIT_FIRST
	d_step {
		if :: pending[n] == 0 -> interrupt[n] = true :: else fi;
		pending[n] = pending[n] | BIT(me)
	};
	place[n * N + me] = true
#else
	place[n * N + me] = true;
	d_step {
		if :: pending[n] == 0 -> interrupt[n] = true :: else fi;
		pending[n] = pending[n] | BIT(me)
	}
#endif
}

inline CALL(me, mask, s, was_on)
{
	d_step { alive[me] = true; left[me] = N - 1; ran[me] = 0; was_on = irq_on[me] };
	POST(me, ((me + 1) % N));
	MAY_INTERRUPT(me, mask, s);
	POST(me, ((me + 2) % N));
	MAY_INTERRUPT(me, mask, s);
	d_step { irq_on[me] = false; ran[me] = ran[me] | BIT(me) };
	do
	:: left[me] == 0 -> break
#ifndef BUG_CALL_DEAF
	:: pending[me] -> POLL(me, mask, s)
#endif
	:: was_on && interrupt[me] -> irq_on[me] = true; MAY_INTERRUPT(me, mask, s); irq_on[me] = false
	od;
	atomic {
		assert(ran[me] == ALL);
		alive[me] = false;
		place[((me + 1) % N) * N + me] = false;
		place[((me + 2) % N) * N + me] = false;
		irq_on[me] = was_on;
		was_on = false
	}
}

proctype processor(byte me)
{
	byte mask, s, t, rounds;
	bool was_on;

	do
	:: rounds < ROUNDS ->
		if
		:: irq_on[me] = false; LOCK(me, mask, s); CALL(me, mask, s, was_on); UNLOCK(); irq_on[me] = true
		:: irq_on[me] = false; LOCK(me, mask, s); UNLOCK(); irq_on[me] = true
		:: LOCK(me, mask, s); MAY_INTERRUPT(me, mask, s); UNLOCK()
		:: irq_on[me] = false; CALL(me, mask, s, was_on); irq_on[me] = true
		:: CALL(me, mask, s, was_on)
		fi;
		rounds++
	:: rounds == ROUNDS -> break
	od;
end_idle:
	do
	:: interrupt[me] -> MAY_INTERRUPT(me, mask, s)
	od
}

init
{
	atomic {
		irq_on[0] = true; irq_on[1] = true; irq_on[2] = true;
		run processor(0); run processor(1); run processor(2)
	};
	timeout;
	assert(!pending[0] && !pending[1] && !pending[2] && !owners)
}
