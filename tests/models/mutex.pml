/* SPDX-License-Identifier: MIT */
/*
 * Handing a mutex over: sched/mutex.c on top of sched/waitq.c. That a wake-up by the wait queue is not lost is the matter of waitq.pml; here a wake is one
 * step, and the question is whether the right thread is woken.
 *
 *   TAKE      take: one compare-and-exchange
 *   lock      mutex_lock and mutex_lock_interruptible: wait_for with waitq_prepare, waitq_interrupted, waitq_sleep, waitq_finish, passing on
 *   WAKE_ONE  waitq_wake_one: the first waiter that sleeps; the barrier and the look without the lock come before
 *   unlock    mutex_unlock: the owner is cleared (it may linger in a store buffer), one is woken
 *
 * The first thread can be interrupted, any time. All use the lock twice, so that running threads take it before those that were woken.
 *
 * Checked: one owner at a time, every thread gets through.
 *
 * BUG_NO_PASSING_ON  who gives up does not pass on the wake-up that may have been spent on it
 * BUG_WAKE_BARRIER   the waiters are looked at while the release is still in the store buffer
 * BUG_TEST_FIRST     the waiter tries to take the lock before it queues
 */
#define N 3
#define NONE N
#ifndef ROUNDS
#define ROUNDS 2
#endif

byte owner = NONE, owners;
bool clearing;              /* owner = NULL is in the store buffer of who released it */
bool asleep[N];
bool signalled;             /* thread 0 */
chan queue = [N] of { byte };

#define TAKE(t, ok) d_step { ok = (owner == NONE); if :: ok -> owner = t :: else fi }

/* i, k: variables of the caller. */
inline WAKE_ONE(i, k)
{
	if
	:: len(queue) == 0
	:: len(queue) != 0 ->
		atomic {
			if :: clearing -> owner = NONE; clearing = false :: else fi; /* the lock of the queue is a locked instruction */
			i = len(queue);
			do
			:: i > 0 ->
				queue?k;
				queue!k;
				if
				:: asleep[k] -> asleep[k] = false; k = NONE
				:: !asleep[k]
				fi;
				i--;
				if
				:: k == NONE -> /* woken one: the rest goes round unseen */
					do
					:: i > 0 -> queue?k; queue!k; i--
					:: else -> break
					od
				:: else
				fi
			:: else -> break
			od;
			i = 0; k = 0
		}
	fi
}

proctype thread(byte t)
{
	byte i, k, rounds;
	bool ok, queued, gives_up;

	do
	:: rounds < ROUNDS ->
		TAKE(t, ok);
		if
		:: ok
		:: !ok ->
			do
			::
#ifdef BUG_TEST_FIRST
				TAKE(t, ok);
#endif
				if
				:: !queued -> atomic { queue!t; queued = true }
				:: queued
				fi;
				asleep[t] = true;
#ifndef BUG_TEST_FIRST
				TAKE(t, ok);
#endif
				if
				:: ok -> break
				:: !ok && t == 0 && signalled -> gives_up = true; break
				:: !ok && !(t == 0 && signalled)
				fi;
				!asleep[t]
			od;
			asleep[t] = false;
			atomic { queue??eval(t); queued = false };
#ifndef BUG_NO_PASSING_ON
			if
			:: gives_up && owner == NONE -> WAKE_ONE(i, k)
			:: else
			fi
#endif
		fi;
		if
		:: ok ->
			atomic { owners++; assert(owners == 1 && owner == t) };
			owners--;
#ifdef BUG_WAKE_BARRIER
			clearing = true;
#else
			owner = NONE;
#endif
			WAKE_ONE(i, k)
		:: !ok -> d_step { gives_up = false; signalled = false }
		fi;
		rounds++
	:: else -> break
	od
}

proctype signal()
{
	if
	:: d_step { signalled = true; asleep[0] = false }
	:: skip
	fi
}

proctype buffers()
{
end:
	do
	:: d_step { clearing -> owner = NONE; clearing = false }
	od
}

init
{
	atomic { run thread(0); run thread(1); run thread(2); run signal(); run buffers() }
}
