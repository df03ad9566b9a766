/* SPDX-License-Identifier: MIT */
/*
 * Waiting for any child while the children end: proc_wait with its look without the lock (quiet), and a child's end (become_zombie, tell_end, proc_reap,
 * child_remove). That a wake-up is not lost between the queue and the sleep is the matter of waitq.pml: here a wake is one step.
 *
 *   parent()  proc_wait(WAIT_ALL) until there are no children: waitq_prepare, quiet (children_report, has_of_kind), the look with the lock, sched_block
 *   child()   child_report(REPORT_END), waitq_wake_all, and (the parent ignores SIGCHLD) at once its removal: the count first, then the report
 *
 * Each child decides for itself whether it is ignored: the parent may change its mind between two ends.
 *
 * Checked: the parent gets through, having had every child that was not ignored.
 *
 * BUG_COUNT_FIRST   quiet looks whether there are children, and then whether one has something to tell
 * BUG_REPORT_FIRST  child_remove takes the report away first
 * BUG_WAKE_FIRST    the parent is woken before the report is there
 * BUG_NOT_QUEUED    the parent looks first and queues then
 */
#define N 2

bool locked, asleep, queued;
byte count = N, reports, had, ignored;

#define LOCK atomic { !locked -> locked = true }
#define UNLOCK locked = false
#define WAKE d_step { if :: queued -> asleep = false :: else fi }
#define PREPARE d_step { queued = true; asleep = true }

active proctype parent()
{
	bool calm;

	do
	:: count == 0 && had + ignored == N -> break
	:: else ->
#ifndef BUG_NOT_QUEUED
		PREPARE;
#endif
again:
#ifdef BUG_COUNT_FIRST
		calm = count != 0;
		calm = calm && reports == 0;
#else
		calm = reports == 0;
		calm = calm && count != 0;
#endif
		if
		:: calm ->
#ifdef BUG_NOT_QUEUED
			PREPARE;
#endif
			!asleep; /* sched_block */
			asleep = true; /* waitq_prepare, queued as it is */
			goto again
		:: !calm ->
			LOCK;
			if
			:: reports != 0 -> reports--; count--; had++; UNLOCK
			:: reports == 0 && count == 0 -> UNLOCK; assert(had + ignored == N); goto over
			:: reports == 0 && count != 0 -> UNLOCK; !asleep; asleep = true; goto again
			fi
		fi;
		queued = false
	od;
over:
	queued = false
}

active [N] proctype child()
{
	LOCK;
#ifdef BUG_WAKE_FIRST
	WAKE;
	reports++;
#else
	reports++;
	WAKE;
#endif
	if
	:: true ->
		ignored++;
#ifdef BUG_REPORT_FIRST
		reports--;
		count--
#else
		count--;
		reports--
#endif
	:: true
	fi;
	UNLOCK
}
