/* SPDX-License-Identifier: MIT */
/*
 * Handing a reader/writer lock over: sched/rwlock.c on top of sched/waitq.c. The fields change under a spinlock, so each change is one step; so is a
 * wake (waitq.pml is about those). Spinning before waiting is the first try made later: nobody knows of who spins (rwspin.pml).
 *
 *   reader   rwlock_read_lock: try_read, wait_to_read with try_read_waiting; rwlock_read_unlock
 *   writer   rwlock_write_lock and rwlock_write_lock_killable: try_write, wait_to_write; end_writing, which gives passes to waiting
 *            readers, for rwlock_write_unlock and rwlock_downgrade
 *
 * One of the writers may be killed while it waits. One of the readers comes twice.
 *
 * Checked: no reader beside a writer, nobody waits for ever, a reader waits for at most two writers from when it is counted as waiting (the one that has the
 * lock, and one that came in between), nothing is left in the fields at the end.
 *
 * BUG_NO_READ_WAKE  the last reader wakes nobody
 * BUG_KILL_SILENT   a killed writer does not wake the readers that waited behind it
 * BUG_PASS_KEPT     a reader that waited does not use up its pass
 * BUG_NO_PASSES     a writer's release gives no passes
 * BUG_ANY_PASS      a reader that came later uses up the pass of one that waited (so it was once)
 * BUG_TEST_FIRST    a writer tries before it is among the sleepers that a wake finds
 */
#define READERS 2
#define WRITERS 3
#define N 5

short readers;
byte readers_waiting, writers_waiting, passes;
bool asleep[N];
bool killed;
byte in_read, in_write;
byte overtaken[READERS];
bool waits[READERS];
bool older[READERS];         /* a writer released the lock since the reader is counted as waiting: l->releases != since */

inline WAKE_ALL()
{
	d_step {
		asleep[0] = false; asleep[1] = false; asleep[2] = false; asleep[3] = false; asleep[4] = false
	}
}

inline READ_UNLOCK()
{
	atomic {
		in_read--;
		readers--;
		ok = readers == 0 && writers_waiting
	};
#ifndef BUG_NO_READ_WAKE
	if
	:: ok -> WAKE_ALL()
	:: !ok
	fi
#endif
}

proctype reader(byte t)
{
	byte rounds;
	bool ok, pass;

	do
	:: rounds < 1 + t ->
		d_step {
			ok = readers >= 0 && !writers_waiting;
			if :: ok -> readers++; in_read++; assert(!in_write) :: else fi
		};
		if
		:: ok
		:: !ok ->
			d_step { readers_waiting++; older[t] = false; waits[t] = true };
			do
			:: asleep[t] = true;
				d_step {
#ifdef BUG_ANY_PASS
					pass = passes;
#else
					pass = passes && older[t];
#endif
					ok = readers >= 0 && (pass || !writers_waiting);
					if
					:: ok ->
						readers++;
						readers_waiting--;
						waits[t] = false;
						overtaken[t] = 0;
						older[t] = true;
#ifndef BUG_PASS_KEPT
						passes = passes - pass;
#endif
						in_read++;
						assert(!in_write)
					:: else
					fi
				};
				if
				:: ok -> break
				:: !ok -> !asleep[t]
				fi
			od;
			atomic { asleep[t] = false; pass = false }
		fi;
		READ_UNLOCK();
		rounds++
	:: else -> break
	od
}

inline TRY_WRITE(ok)
{
	d_step {
		ok = readers == 0 && !passes;
		if
		:: ok ->
			readers = -1;
			in_write++;
			assert(in_write == 1 && !in_read);
			if :: waits[0] -> overtaken[0]++ :: else fi;
			if :: waits[1] -> overtaken[1]++ :: else fi;
			assert(overtaken[0] <= 2 && overtaken[1] <= 2)
		:: else
		fi
	}
}

proctype writer(byte t)
{
	bool ok, err, down;

	TRY_WRITE(ok);
	if
	:: ok
	:: !ok ->
		writers_waiting++;
		do
		::
#ifdef BUG_TEST_FIRST
			TRY_WRITE(ok);
			asleep[t] = true;
#else
			asleep[t] = true;
			TRY_WRITE(ok);
#endif
			if
			:: ok -> break
			:: !ok && t == READERS && killed -> err = true; break
			:: !ok && !(t == READERS && killed)
			fi;
			!asleep[t]
		od;
		asleep[t] = false;
		writers_waiting--;
#ifndef BUG_KILL_SILENT
		if
		:: err -> WAKE_ALL()
		:: !err
		fi
#endif
	fi;
	if
	:: ok ->
		d_step {
			down = t == N - 1; /* the last writer goes on as a reader */
			in_write--;
			in_read = in_read + down;
			readers = down;
			older[0] = true;
			older[1] = true;
#ifndef BUG_NO_PASSES
			passes = readers_waiting
#endif
		};
		WAKE_ALL();
		if
		:: down -> READ_UNLOCK()
		:: else
		fi
	:: !ok
	fi
}

proctype killer()
{
	if
	:: d_step { killed = true; asleep[READERS] = false }
	:: skip
	fi
}

init
{
	atomic { run reader(0); run reader(1); run writer(2); run writer(3); run writer(4); run killer() };
	timeout;
	assert(!readers && !readers_waiting && !writers_waiting && !passes)
}
