/* SPDX-License-Identifier: MIT */
/*
 * A spinlock where a hypervisor may stop CPUs: core/spinlock. Whoever runs when it is free takes it, until somebody who has tried often enough waits in
 * turn; then everybody who comes does.
 *
 *   locked, waiters   the two halves of the word: nobody takes the lock out of turn unless both are 0
 *   ticket, turn      who waits in turn counts itself in the word first, and takes a ticket after that
 *
 * Checked: one owner; who has a ticket is passed by at most once by each other CPU; everybody gets through.
 *
 * BUG_NOT_COUNTED    who waits in turn does not count itself
 * BUG_TICKET_ONLY    the ticket is looked at, but not whether the lock is free
 * BUG_TURN_STAYS     who has waited in turn does not call the next one
 */
#define N 3
#define ROUNDS 3
#define TRIES 1
#define NUMBERS 8   /* of tickets, then they begin again */

bool locked;
byte waiters, ticket, turn, inside;
bool has_ticket[N];
byte passed[N];

inline ENTER(c)
{
	inside++;
	assert(inside == 1);
	has_ticket[c] = false;
	passed[c] = 0;
	passed[0] = passed[0] + has_ticket[0];
	passed[1] = passed[1] + has_ticket[1];
	passed[2] = passed[2] + has_ticket[2];
	assert(passed[0] < N && passed[1] < N && passed[2] < N)
}

inline IN_TURN(c, mine)
{
#ifndef BUG_NOT_COUNTED
	waiters++;
#endif
	d_step { mine = ticket; ticket = (ticket + 1) % NUMBERS; has_ticket[c] = true };
	turn == mine;
	d_step {
#ifndef BUG_TICKET_ONLY
		!locked ->
#endif
		locked = true;
#ifndef BUG_NOT_COUNTED
		waiters--;
#endif
		ENTER(c)
	};
#ifndef BUG_TURN_STAYS
	turn = (mine + 1) % NUMBERS;
#endif
	mine = 0
}

proctype cpu(byte c)
{
	byte round, tries, mine;

	do
	:: round == ROUNDS -> break
	:: else ->
		do
		:: d_step { !locked && !waiters -> locked = true; ENTER(c) }; break
		:: (locked || waiters) && tries < TRIES -> tries++
		:: tries == TRIES -> IN_TURN(c, mine); break
		od;
		tries = 0;
		inside--;
		locked = false;
		round++
	od
}

init
{
	atomic { run cpu(0); run cpu(1); run cpu(2) };
	_nr_pr == 1;
	assert(!locked && !waiters && ticket == turn)
}
