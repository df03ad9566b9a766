/* SPDX-License-Identifier: MIT */
/*
 * Sleeping and waking on several CPUs: sched/waitq.c and sched/sched.c.
 *
 *   waiter()            waitq_wait_until: waitq_prepare (add, smp_mb, state set by an exchange), the condition, sched_block, waitq_finish
 *   waker()             who makes a condition true and calls waitq_wake_all: waitq_wake_key with its barrier and its look without the lock
 *   WAKE                sched_wake: lock_queue_of, the state looked at under the queue's lock, the new CPU (place_woken, move_to), make_runnable
 *   SCHEDULE, ARRIVE    schedule, switch_to, finish_switch: the queue's lock is taken by who leaves and released by who arrives
 *   KICK                want_switch: one interrupt (ipi_wake) until the CPU has looked at its queue
 *   idle()              sched_idle_loop, and balance_pull with steal; the halt ends with an interrupt
 *
 * Processes are threads: one steps only while a CPU has it. Wakers are interrupt handlers, which need no thread. The stores that may linger in a
 * store buffer are those of the condition (by wakers) and of the thread's state (by its own thread); a locked instruction empties the buffer.
 *
 * Checked: every waiter ends (else Spin finds an invalid end state), no thread is queued twice, none runs on two CPUs, none goes on with
 * registers that are not saved yet, no queue keeps a thread while its CPU halts.
 *
 * BUG_WAKER_BARRIER  waitq_wake_key looks at the list without a barrier before
 * BUG_STATE_STORE    waitq_prepare sets the state by a plain store
 * BUG_EARLY_UNLOCK   the queue's lock is released by the thread that leaves, before its registers are saved
 * BUG_RECHECK        schedule does not look at the state again under the queue's lock
 * BUG_ABSENT         sched_wake queues a thread that is still on its CPU
 * BUG_KICKED         schedule does not note that it has looked at the queue
 * BUG_NO_IPI         a thread that is put on another CPU's queue sends no interrupt
 */
#define NT 2
#define NC 2
#define NOBODY NT
#define ROUNDS 1

#define RUN 0
#define SLEEP 1
#define NOTHING 2

byte state[NT];
byte pending_state[NT] = NOTHING;   /* in the store buffer of the CPU that runs the thread */
bool on_cpu[NT], queued[NT], saved[NT], linked[NT], finished[NT];
byte cpu[NT];
byte curr[NC] = NOBODY, leaving[NC] = NOBODY;
bool rq_locked[NC], arrived[NC];
bool kicked[NC];        /* rq->kicked: an interrupt is on its way, or was taken and the switch that it wants is still to come */
bool ipi[NC];
bool wq_locked;
bool cond[ROUNDS];
bool pending_cond[ROUNDS];
byte disturbances = 1;             /* preemptions and wake-ups for nothing, together */

#define LOCK(l) atomic { !l -> l = true }
#define UNLOCK(l) l = false
#define FLUSH_STATE(t) d_step { if :: pending_state[t] != NOTHING -> state[t] = pending_state[t]; pending_state[t] = NOTHING :: else fi }
#define OWN_STATE(t) (pending_state[t] != NOTHING -> pending_state[t] : state[t])
#define HAS_QUEUED(c) ((queued[0] && cpu[0] == c) || (queued[1] && cpu[1] == c))

inline ENQUEUE(t, c)
{
	d_step {
		assert(!queued[t]);
		queued[t] = true;
		cpu[t] = c
	}
}

/* runq_pick: any of the queue; the order does not matter here. NOBODY: the idle thread. */
inline PICK(c, next)
{
	atomic {
		if
		:: queued[0] && cpu[0] == c -> queued[0] = false; next = 0
		:: queued[1] && cpu[1] == c -> queued[1] = false; next = 1
		:: !HAS_QUEUED(c) -> next = NOBODY
		fi
	}
}

/* finish_switch, on the stack of who arrives; the lock is held by who left. */
inline FINISH(c)
{
	d_step {
		if
		:: leaving[c] != NOBODY -> on_cpu[leaving[c]] = false; leaving[c] = NOBODY
		:: else
		fi;
		UNLOCK(rq_locked[c])
	}
}

/* arch_switch of CPU c from who (a thread or NOBODY, the idle one) to next. */
inline LEAVE(c, who, next)
{
	d_step {
		if
		:: next != NOBODY ->
			assert(!on_cpu[next]);
			on_cpu[next] = true
		:: else
		fi;
		curr[c] = next;
		leaving[c] = who
	};
#ifdef BUG_EARLY_UNLOCK
	FINISH(c);
#endif
	d_step {
		if :: who != NOBODY -> saved[who] = true :: else fi;
		assert(next == NOBODY || saved[next]);
		arrived[c] = true
	}
}

/* A thread waits for a CPU to switch to it. */
inline ARRIVE(t)
{
	atomic {
		(curr[0] == t && arrived[0]) || (curr[1] == t && arrived[1]);
		me = (curr[0] == t && arrived[0] -> 0 : 1);
		arrived[me] = false;
		assert(cpu[t] == me);
		saved[t] = false
	};
#ifndef BUG_EARLY_UNLOCK
	FINISH(me)
#endif
}

inline SCHEDULE(t, block)
{
	atomic {
		LOCK(rq_locked[me]);
		FLUSH_STATE(t)
	};
	if
#ifndef BUG_RECHECK
	:: block && state[t] == RUN -> UNLOCK(rq_locked[me])
#endif
	:: else ->
		atomic {
#ifndef BUG_KICKED
			kicked[me] = false;
#endif
			if
			:: !block -> ENQUEUE(t, me)
			:: else
			fi;
			PICK(me, next)
		};
		if
		:: next == t -> UNLOCK(rq_locked[me])
		:: else ->
			LEAVE(me, t, next);
			ARRIVE(t)
		fi
	fi
}

inline MAY_PREEMPT(t)
{
	if
	:: skip
	:: atomic { disturbances > 0 -> disturbances-- }; SCHEDULE(t, false)
	fi
}

/* want_switch. Lock held. */
inline KICK(c)
{
#ifndef BUG_NO_IPI
	if
	:: !kicked[c] -> kicked[c] = true; ipi[c] = true
	:: else
	fi
#else
	skip
#endif
}

/* sched_wake(t). c: a variable of the caller. */
inline WAKE(t, c)
{
	do
	:: atomic { c = cpu[t]; !rq_locked[c] -> rq_locked[c] = true };
		if
		:: cpu[t] == c -> break
		:: else -> UNLOCK(rq_locked[c])
		fi
	od;
	atomic {
	if
	:: state[t] == SLEEP ->
		state[t] = RUN;
		if
#ifdef BUG_ABSENT
		:: !queued[t] ->
#else
		:: !queued[t] && !on_cpu[t] ->
#endif
			if /* stays, or is placed on the other CPU: the thread changes queues under the old queue's lock */
			:: ENQUEUE(t, c)
			:: cpu[t] = 1 - c;
				UNLOCK(rq_locked[c]);
				c = 1 - c;
				LOCK(rq_locked[c]);
				ENQUEUE(t, c)
			fi;
			KICK(c)
		:: else
		fi
	:: else
	fi
	};
	UNLOCK(rq_locked[c])
}

proctype waiter(byte t)
{
	byte me, next, round;
	bool ok;

	ARRIVE(t);
	do
	:: round < ROUNDS ->
		if
		:: cond[round]
		:: else ->
			atomic {
				LOCK(wq_locked);
				FLUSH_STATE(t)
			};
			linked[t] = true;
			UNLOCK(wq_locked);
			do
			:: MAY_PREEMPT(t);
				pending_state[t] = SLEEP;
#ifndef BUG_STATE_STORE
				FLUSH_STATE(t);
#endif
				MAY_PREEMPT(t);
				ok = cond[round];
				if
				:: ok -> break
				:: else
				fi;
				SCHEDULE(t, true)
			od;
			skip;
			d_step { pending_state[t] = NOTHING; state[t] = RUN };
			d_step { !wq_locked; linked[t] = false }
		fi;
		round++
	:: else -> break
	od;
	/* sched_exit: the last switch */
	atomic {
		LOCK(rq_locked[me]);
		finished[t] = true;
		PICK(me, next)
	};
	LEAVE(me, t, next)
}

/* Makes the conditions true one after the other. The CPU it runs on is another than the waiters' as far as store buffers go: the harder case. */
proctype waker()
{
	byte round, t, c;

	do
	:: round < ROUNDS ->
		pending_cond[round] = true;
#ifndef BUG_WAKER_BARRIER
		d_step { cond[round] = true; pending_cond[round] = false };
#endif
		if
		:: linked[0] || linked[1] ->
			LOCK(wq_locked);
			d_step { cond[round] = true; pending_cond[round] = false };
			t = 0;
			do
			:: t < NT ->
				if
				:: linked[t] -> WAKE(t, c)
				:: else
				fi;
				t++
			:: else -> break
			od;
			UNLOCK(wq_locked)
		:: else
		fi;
		round++
	:: else -> break
	od
}

/* A signal: wakes a thread once at any time, for nothing. */
proctype signal()
{
	byte c;

	if
	:: atomic { disturbances > 0 -> disturbances-- }; WAKE(0, c)
	:: skip
	fi
}

/* Store buffers empty themselves some time. */
proctype buffers()
{
end:
	do
	:: atomic { pending_state[0] != NOTHING -> FLUSH_STATE(0) }
	:: atomic { pending_state[1] != NOTHING -> FLUSH_STATE(1) }
	:: atomic { pending_cond[0] -> cond[0] = true; pending_cond[0] = false }

	od
}

/* The idle thread of CPU c, which is its current one at the start. An interrupt ends in schedule; without one it is called if the queue has somebody. */
proctype idle(byte c)
{
	byte next;

	do
	:: if
		:: HAS_QUEUED(c)
		:: else ->
end_halt:		atomic { ipi[c] -> ipi[c] = false }
		fi;
		atomic {
			LOCK(rq_locked[c]);
#ifndef BUG_KICKED
			kicked[c] = false;
#endif
			PICK(c, next)
		};
		if
		:: next == NOBODY -> /* balance_pull, steal: the other queue's lock is tried */
			atomic {
				if
				:: HAS_QUEUED(1 - c) && !rq_locked[1 - c] ->
					if
					:: queued[0] && cpu[0] == 1 - c -> queued[0] = false; cpu[0] = c; next = 0
					:: else -> queued[1] = false; cpu[1] = c; next = 1
					fi
				:: else
				fi
			}
		:: else
		fi;
		if
		:: next == NOBODY -> UNLOCK(rq_locked[c])
		:: else ->
			LEAVE(c, NOBODY, next);
end_away:		atomic { curr[c] == NOBODY && arrived[c] -> arrived[c] = false };
#ifndef BUG_EARLY_UNLOCK
			FINISH(c)
#endif
		fi
	od
}

/* balance_tick: a CPU whose queue has somebody wakes another one. It must not be what everything hangs on. */
proctype tick()
{
	if
	:: atomic { HAS_QUEUED(0) -> ipi[1] = true }
	:: atomic { HAS_QUEUED(1) -> ipi[0] = true }
	:: skip
	fi
}

init
{
	atomic {
		saved[0] = true; saved[1] = true;
		queued[0] = true; queued[1] = true;
		cpu[1] = 1;
		run idle(0); run idle(1);
		run waiter(0); run waiter(1);
		run waker(); run signal(); run tick(); run buffers()
	};
	timeout;
	/* Nothing can go on: everybody must be through. */
	assert(finished[0] && finished[1])
}
