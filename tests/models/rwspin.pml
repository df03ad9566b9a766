/* SPDX-License-Identifier: MIT */
/*
 * Spinning for a reader/writer lock: spin_for of sched/rwlock.c, between the first try and the waiting that rwlock.pml is about, which is done in a
 * simple way here (all waiters are woken by each release). A thread steps only while one of two CPUs has it; one may be preempted, once.
 *
 *   TRY     try_read, try_write: under the lock of the fields, so one step; the owner is who came last
 *   SPIN    looks at the lock, then at whether the owner runs. What a look would find again and again is passed over. SPINS_MAX is an end that may
 *           come at any time, but only where the lock is read by somebody: the owner may be gone then, and others hold the lock
 *   cpus    gives threads that can run a CPU
 *
 * A thread that has ended is free memory, which says anything to who still looks whether it runs.
 *
 * Checked: no reader beside a writer, everybody gets through, though whoever spins keeps its CPU.
 *
 * BUG_NO_BOUND      who spins looks as long as the owner seems to run
 * BUG_ANY_OWNER     who spins does not look whether the owner runs
 * BUG_FREE_ONLY     a reader goes on spinning behind a writer that waits for it to give up its CPU
 * BUG_OWNER_STAYS   who takes the lock does not become the owner: an earlier one is looked at
 */
#define N 4          /* two readers, two writers */
#define NONE N
#define WRITES(t) (t >= 2)

short readers;
byte owner = NONE, in_read, in_write, writers_waiting;
bool asleep[N], blocked[N], over[N];
bool on_cpu[N];      /* of who is over: what its memory says */
byte running, preemptions = 1;

inline TRY(t, ok)
{
	d_step {
		ok = (WRITES(t) -> readers == 0 : readers >= 0 && !writers_waiting);
		if
		:: ok && WRITES(t) -> readers = -1; in_write++
		:: ok && !WRITES(t) -> readers++; in_read++
		:: !ok
		fi;
		if
#ifdef BUG_OWNER_STAYS
		:: ok && owner == NONE -> owner = t
#else
		:: ok -> owner = t
#endif
		:: else
		fi;
		assert(in_write <= 1 && !(in_write && in_read))
	}
}

#define FREE(t) (WRITES(t) -> readers == 0 : readers >= 0 && !writers_waiting)

/* o: whom it saw. */
inline SPIN(t, ok, o)
{
	do
	:: o = owner;
		if
		:: FREE(t) -> TRY(t, ok); if :: ok -> break :: !ok fi
		:: readers != 0 && o != owner
#ifndef BUG_ANY_OWNER
		:: readers != 0 && o != NONE && !on_cpu[o] -> break
#endif
#ifndef BUG_FREE_ONLY
		:: !WRITES(t) && writers_waiting -> break
#endif
#ifndef BUG_NO_BOUND
		:: readers > 0 -> break
#endif
		fi
	od;
	o = 0
}

proctype thread(byte t) provided (on_cpu[t] && !over[t])
{
	bool ok, counted;
	byte o;

	TRY(t, ok);
	if
	:: ok
	:: !ok -> SPIN(t, ok, o)
	fi;
	if
	:: ok
	:: !ok ->
		d_step { if :: WRITES(t) -> writers_waiting++; counted = true :: else fi };
		do
		:: asleep[t] = true;
			TRY(t, ok);
			if
			:: ok -> break
			:: !ok
			fi;
			d_step { if :: asleep[t] -> blocked[t] = true; on_cpu[t] = false; running-- :: else fi };
			skip
		od;
		asleep[t] = false;
		d_step { if :: counted -> writers_waiting--; counted = false :: else fi }
	fi;
	skip;
	d_step {
		if
		:: WRITES(t) -> readers = 0; in_write--
		:: else -> readers--; in_read--
		fi
	};
	d_step { asleep[0] = false; asleep[1] = false; asleep[2] = false; asleep[3] = false };
	if
	:: d_step { over[t] = true; running-- }
	:: d_step { over[t] = true; running--; on_cpu[t] = false }
	fi
}

#define FITS(t) (running < 2 && !over[t] && !on_cpu[t] && !(blocked[t] && asleep[t]))
#define GIVE(t) d_step { FITS(t) -> on_cpu[t] = true; blocked[t] = false; running++ }
#define PREEMPT(t) d_step { preemptions && on_cpu[t] && !over[t] -> on_cpu[t] = false; running--; preemptions-- }

proctype cpus()
{
end:
	do
	:: GIVE(0) :: GIVE(1) :: GIVE(2) :: GIVE(3)
	:: PREEMPT(0) :: PREEMPT(1) :: PREEMPT(2) :: PREEMPT(3)
	od
}

init
{
	atomic { run thread(0); run thread(1); run thread(2); run thread(3); run cpus() };
	over[0] && over[1] && over[2] && over[3];
	assert(!readers && !writers_waiting)
}
