/* SPDX-License-Identifier: MIT */
/*
 * Handing a mutex over: sched/mutex.c on top of sched/waitq.c. That a wake-up by the wait queue is not lost is the matter of waitq.pml; here a wake is one
 * step, and the question is whether the right thread is woken, and whether who spins lets everybody else go on.
 *
 *   TAKE      take: one compare-and-exchange
 *   SPIN      spin_for: the owner is looked at, then whether it runs. Without the bound SPINS_MAX, and a CPU that spins does nothing else: if nobody
 *             ended it, the search would find a state without a way on
 *   lock      mutex_lock and mutex_lock_interruptible: wait_for with waitq_prepare, become_heir, waitq_interrupted, waitq_sleep, waitq_finish, end_heir,
 *             passing on
 *   WAKE_ONE  waitq_wake_one with wake_first: the first waiter, asleep or not; the barrier and the look without the lock come before
 *   unlock    mutex_unlock: the heir becomes the owner (bequeath), or the owner is cleared (it may linger in a store buffer) and one is woken
 *   cpus      two CPUs for three threads: a thread steps only while a CPU has it, may be preempted once in all, and leaves its CPU when it sleeps or ends
 *
 * A thread that has ended is free memory, which says anything to who still looks whether it runs. The first thread can be interrupted, any time. All but
 * the last use the lock twice, so that running threads take it before those that were woken, and these become heirs.
 *
 * Checked: one owner at a time, every thread gets through.
 *
 * BUG_NO_PASSING_ON  who gives up does not pass on the wake-up that may have been spent on it
 * BUG_WAKE_BARRIER   the waiters are looked at while the release is still in the store buffer
 * BUG_TEST_FIRST     the waiter tries to take the lock before it queues
 * BUG_SPIN_FOREVER   who spins does not look whether the owner runs
 * BUG_OWNER_KEPT     who spins does not look at the owner again
 * BUG_HEIR_STAYS     who gives up stays the heir
 * BUG_HEIR_UNSEEN    who gives up looks whether it has become the owner, and takes its claim back then
 * BUG_NOT_MINE       who waits does not look whether it has become the owner
 */
#define N 3
#define NONE N
#define CPUS 2
#define HEIR_AFTER 1

byte owner = NONE, heir = NONE, owners;
bool clearing;              /* owner = NULL is in the store buffer of who released it */
bool asleep[N], over[N];
bool blocked[N];            /* it has given its CPU up until it is woken; who is preempted stays queued, asleep or not */
bool on_cpu[N];             /* of who is over: what its memory says */
byte running;
byte preemptions = 1;
bool signalled;             /* thread 0 */
chan queue = [N] of { byte };

#define ROUNDS(t) (t == N - 1 -> 1 : 2)
#define TAKE(t, ok) d_step { ok = (owner == NONE); if :: ok -> owner = t :: else fi }
#define DRAIN() if :: clearing -> owner = NONE; clearing = false :: else fi

/* k: a variable of the caller. */
inline WAKE_ONE(k)
{
	if
	:: len(queue) == 0
	:: len(queue) != 0 ->
		d_step {
			DRAIN(); /* the lock of the queue is a locked instruction */
			if
			:: len(queue) != 0 -> queue?<k>; asleep[k] = false
			:: else
			fi;
			k = 0
		}
	fi
}

/* ok: taken; else it is to wait. k: whom it saw. */
inline SPIN(t, ok, k)
{
	do
	:: k = owner;
		if
		:: k == NONE -> TAKE(t, ok); if :: ok -> break :: !ok fi
		:: else ->
#ifdef BUG_SPIN_FOREVER
			owner != k
#elif defined(BUG_OWNER_KEPT)
			!on_cpu[k] -> break
#else
			/* what a look would find again and again is passed over */
			if
			:: owner != k
			:: !on_cpu[k] -> break
			fi
#endif
		fi
	od;
	k = 0
}

proctype thread(byte t) provided (on_cpu[t] && !over[t])
{
	byte k, rounds, sleeps;
	bool ok, gives_up;

	do
	:: rounds < ROUNDS(t) ->
		TAKE(t, ok);
		if
		:: ok
		:: !ok -> SPIN(t, ok, k)
		fi;
		if
		:: ok
		:: !ok ->
			do
			::
#ifdef BUG_TEST_FIRST
				TAKE(t, ok);
#endif
				d_step {
					if
					:: !sleeps -> queue!t
					:: sleeps
					fi;
					asleep[t] = true
				};
				if
				:: sleeps >= HEIR_AFTER -> d_step { if :: heir == NONE -> heir = t :: else fi }
				:: else
				fi;
				d_step { if :: sleeps <= HEIR_AFTER -> sleeps++ :: else fi };
#ifdef BUG_NOT_MINE
				TAKE(t, ok);
#elif !defined(BUG_TEST_FIRST)
				ok = owner == t;
				if
				:: !ok -> TAKE(t, ok)
				:: ok
				fi;
#endif
				if
				:: ok -> break
				:: !ok && t == 0 && signalled -> gives_up = true; break
				:: !ok && !(t == 0 && signalled)
				fi;
				d_step { if :: asleep[t] -> blocked[t] = true; on_cpu[t] = false; running-- :: else fi };
				skip
			od;
			asleep[t] = false;
			d_step { queue??eval(t) };
			if
			:: sleeps > HEIR_AFTER ->
#ifdef BUG_HEIR_UNSEEN
				if
				:: owner == t -> ok = true; gives_up = false
				:: else
				fi;
				d_step { if :: heir == t -> heir = NONE :: else fi }
#elif defined(BUG_HEIR_STAYS)
				if
				:: owner == t -> ok = true; gives_up = false
				:: else
				fi
#else
				d_step { if :: heir == t -> heir = NONE :: else fi };
				if
				:: owner == t -> ok = true; gives_up = false
				:: else
				fi
#endif
			:: else
			fi;
			sleeps = 0;
#ifndef BUG_NO_PASSING_ON
			if
			:: gives_up && owner == NONE -> WAKE_ONE(k)
			:: else
			fi
#endif
		fi;
		if
		:: ok ->
			d_step { owners++; assert(owners == 1 && owner == t) };
			owners--;
			ok = heir != NONE;
			if
			:: ok ->
				d_step { /* under the lock of the queue */
					ok = heir != NONE;
					if
					:: ok -> asleep[heir] = false; owner = heir; heir = NONE
					:: else
					fi
				}
			:: !ok
			fi;
			if
			:: ok -> ok = false
			:: !ok ->
#ifdef BUG_WAKE_BARRIER
				clearing = true;
#else
				owner = NONE;
#endif
				WAKE_ONE(k)
			fi
		:: !ok -> d_step { gives_up = false; signalled = false }
		fi;
		rounds++
	:: else -> break
	od;
	if
	:: d_step { over[t] = true; running-- }
	:: d_step { over[t] = true; running--; on_cpu[t] = false }
	fi
}

#define FITS(t) (running < CPUS && !over[t] && !on_cpu[t] && !(blocked[t] && asleep[t]))

proctype cpus()
{
end:
	do
	:: d_step { FITS(0) -> on_cpu[0] = true; blocked[0] = false; running++ }
	:: d_step { FITS(1) -> on_cpu[1] = true; blocked[1] = false; running++ }
	:: d_step { FITS(2) -> on_cpu[2] = true; blocked[2] = false; running++ }
	:: d_step { preemptions && on_cpu[0] && !over[0] -> on_cpu[0] = false; running--; preemptions-- }
	:: d_step { preemptions && on_cpu[1] && !over[1] -> on_cpu[1] = false; running--; preemptions-- }
	:: d_step { preemptions && on_cpu[2] && !over[2] -> on_cpu[2] = false; running--; preemptions-- }
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
	:: d_step { clearing -> DRAIN() }
	od
}

init
{
	atomic { run thread(0); run thread(1); run thread(2); run cpus(); run signal(); run buffers() };
	over[0] && over[1] && over[2];
	assert(owner == NONE && heir == NONE && !owners && len(queue) == 0)
}
