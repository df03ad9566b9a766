/* SPDX-License-Identifier: MIT */
/*
 * Making other CPUs forget translations: vm/tlb.c. One address space A with one page table, which maps one page. "The kernel's root" stands for everything
 * else that a CPU may have loaded.
 *
 *   SWITCH_TO_A, SWITCH_AWAY, GO_LAZY   tlb_switch(as), tlb_switch(NULL or another space), tlb_lazy: interrupts off, so no call is served within
 *   kernel_only                         the thread of A that runs is: tlb_kernel_only, tlb_user_again. It may be switched away from in between, to another
 *                                       one of A (switch_to asks the hook to act as for one that comes back), and come back itself
 *   FORGET, LEAVE                       forget, leave: what a CPU does when it is called
 *   FLUSH                               flush, call_others, must_call: by a CPU that does not have A loaded; on the flusher's own CPU nothing is at stake
 *   flusher                             who unmaps the page (tlb_batch_flush without tables), then takes the table out (with tables), and at last, when no thread
 *                                       uses A any more, gives up the space (tlb_forget); each is freed after its flush
 *   hardware                            the processor's own walks: ahead of time, at any time, in whatever root is loaded; it keeps the upper entry and
 *                                       the translation until told to forget
 *
 * Stores that may linger in a store buffer: the flusher's change of the tables. The other CPUs' stores that matter are locked instructions.
 *
 * Checked: no CPU uses the page (a thread of A does) or walks the table or the root after they were freed, and nobody waits for ever.
 *
 * BUG_BARRIER        the flusher reads the mask while its change is still in its store buffer
 * BUG_MASK_LATE      the bit is set after the root is loaded
 * BUG_MASK_EARLY     the bit is cleared before another root is loaded
 * BUG_STALE_IGNORED  who comes back does not look whether it became STALE
 * BUG_PLAIN_STATE    who comes back reads and writes the state as two steps
 * BUG_LAZY_TABLE     lazy CPUs are not called when a table goes
 * BUG_NO_WAIT        frees are done without waiting for the calls
 * BUG_NO_FORGET      the root is freed while a lazy CPU has it loaded
 * BUG_LAZY_SKIPPED   a lazy CPU is neither called nor made STALE
 * BUG_KERNEL_SWITCH  another thread of A follows one that is kernel_only without a look
 * BUG_LAZY_OVER_STALE  the idle thread follows one that is kernel_only, and makes LAZY of STALE
 * BUG_KERNEL_TABLE   when a table goes, a CPU whose thread is kernel_only keeps what it knows of it
 */
#define NC 2
#define EVENTS(c) (3 - c)

#define IN_USE 0
#define LAZY 1
#define STALE 2

/* Memory. */
bool upper = true, entry = true;        /* the upper entry refers to the table; the table's entry to the page */
bool upper_pending, entry_pending;      /* a clearing that is still in the flusher's store buffer */
bool page_free, table_free, root_free;
/* What the kernel keeps. */
bool mask[NC], loaded[NC];              /* A */
byte state[NC];
/* The processors. */
bool root[NC], kept_upper[NC], kept_page[NC];
/* Calls: asked of the CPU, with tables; the answer clears it. */
bool asked[NC], asked_tables, asked_leave;
/* A thread of A runs on the CPU, or one that is kernel_only; no thread will any more. */
bool user[NC], kernel_only[NC], over[NC];

#define LOAD_ROOT(c, a) d_step { root[c] = a; kept_upper[c] = false; kept_page[c] = false }

inline SWITCH_AWAY(c)
{
	loaded[c] = false;
	state[c] = IN_USE;
#ifdef BUG_MASK_EARLY
	mask[c] = false;
	LOAD_ROOT(c, false)
#else
	LOAD_ROOT(c, false);
	mask[c] = false
#endif
}

inline SWITCH_TO_A(c, was)
{
	if
	:: loaded[c] ->
#ifdef BUG_PLAIN_STATE
		was = state[c];
		state[c] = IN_USE;
#else
		d_step { was = state[c]; state[c] = IN_USE };
#endif
#ifndef BUG_STALE_IGNORED
		if
		:: was == STALE -> LOAD_ROOT(c, true)
		:: else
		fi
#endif
	:: else ->
#ifdef BUG_MASK_LATE
		loaded[c] = true;
		state[c] = IN_USE;
		LOAD_ROOT(c, true);
		mask[c] = true
#else
		mask[c] = true;
		loaded[c] = true;
		state[c] = IN_USE;
		LOAD_ROOT(c, true)
#endif
	fi
}

inline GO_LAZY(c)
{
	d_step {
		user[c] = false;
#ifndef BUG_LAZY_OVER_STALE
		if
		:: state[c] == IN_USE -> state[c] = LAZY
		:: else
		fi
#else
		state[c] = LAZY
#endif
	}
}

inline FORGET(c)
{
	if
	:: !loaded[c]
#ifdef BUG_KERNEL_TABLE
	:: loaded[c] && state[c] != IN_USE && kernel_only[c] -> state[c] = STALE
#endif
	:: loaded[c] && state[c] != IN_USE && !kernel_only[c] ->
		state[c] = STALE;
		if
		:: asked_tables -> SWITCH_AWAY(c)
		:: else
		fi
#ifdef BUG_KERNEL_TABLE
	:: loaded[c] && state[c] == IN_USE -> LOAD_ROOT(c, true)
#else
	:: loaded[c] && (state[c] == IN_USE || kernel_only[c]) -> LOAD_ROOT(c, true)
#endif
	fi
}

inline LEAVE(c)
{
	if
	:: loaded[c] -> SWITCH_AWAY(c)
	:: else
	fi
}

proctype cpu(byte c)
{
	byte events, was;

end:
	do
	:: asked[c] ->
		if
		:: asked_leave -> LEAVE(c)
		:: else -> FORGET(c)
		fi;
		asked[c] = false
	:: user[c] && kept_page[c] -> assert(!page_free) /* the thread uses the page */
	:: events < EVENTS(c) ->
		events++;
		if
		:: user[c] -> GO_LAZY(c)
		:: user[c] -> user[c] = false; SWITCH_AWAY(c)
		:: atomic { user[c] -> GO_LAZY(c); kernel_only[c] = true }
		:: atomic { kernel_only[c] -> GO_LAZY(c); kernel_only[c] = false }
		:: kernel_only[c] -> SWITCH_AWAY(c); kernel_only[c] = false
#ifdef BUG_KERNEL_SWITCH
		:: kernel_only[c] -> d_step { kernel_only[c] = false; user[c] = true }
#endif
		:: !user[c] -> SWITCH_TO_A(c, was); d_step { was = 0; kernel_only[c] = false; user[c] = true }
		:: !user[c] && !kernel_only[c] -> SWITCH_TO_A(c, was); d_step { was = 0; kernel_only[c] = true }
		fi
	:: events == EVENTS(c) && !over[c] ->
		if
		:: atomic { user[c] || kernel_only[c] -> GO_LAZY(c); kernel_only[c] = false }
		:: else
		fi;
		over[c] = true
	od
}

proctype hardware(byte c)
{
end:
	do
	:: atomic { root[c] && !kept_upper[c] && upper -> assert(!root_free); kept_upper[c] = true }
	:: atomic { root[c] && kept_upper[c] && !kept_page[c] && entry -> assert(!table_free); kept_page[c] = true }
	:: atomic { root[c] && root_free -> assert(false) }
	:: atomic { root[c] && kept_upper[c] && table_free -> assert(false) }
	od
}

proctype buffer()
{
end:
	do
	:: atomic { upper_pending -> upper = false; upper_pending = false }
	:: atomic { entry_pending -> entry = false; entry_pending = false }
	od
}

#define DRAIN() atomic { if :: upper_pending -> upper = false; upper_pending = false :: else fi; \
	if :: entry_pending -> entry = false; entry_pending = false :: else fi }

/* c, m, s: variables of the caller. tables is a constant. */
inline FLUSH(tables, c, m)
{
#ifndef BUG_BARRIER
	DRAIN();
#endif
	asked_tables = tables;
	c = 0;
	do
	:: c < NC ->
		/* The code reads all bits in one load. Bit by bit is a weaker flusher: what holds for it holds for that. */
		m = mask[c];
		if
		:: m ->
			atomic {
#ifdef BUG_LAZY_SKIPPED
				if
				:: state[c] == LAZY -> m = tables
				:: state[c] == STALE -> m = tables
				:: else -> m = true
				fi
#else
				if
				:: state[c] == LAZY -> state[c] = STALE; m = tables
				:: state[c] == STALE -> m = tables
				:: else -> m = true
				fi
#endif
#ifdef BUG_LAZY_TABLE
				; m = m && state[c] == IN_USE
#endif
			};
			if
			:: m -> asked[c] = true
			:: else
			fi
		:: else
		fi;
		c++
	:: else -> break
	od;
	DRAIN(); /* a locked instruction at the latest */
#ifndef BUG_NO_WAIT
	!asked[0] && !asked[1];
#endif
	c = 0
}

proctype flusher()
{
	byte c;
	bool m;

	entry_pending = true;
	FLUSH(false, c, m);
	page_free = true;
	upper_pending = true;
	FLUSH(true, c, m);
	table_free = true;
	over[0] && over[1];
	!asked[0] && !asked[1];
#ifndef BUG_NO_FORGET
	asked_leave = true;
	asked[0] = mask[0];
	asked[1] = mask[1];
	!asked[0] && !asked[1];
#endif
	root_free = true
}

init
{
	atomic {
		mask[0] = true; loaded[0] = true; root[0] = true; user[0] = true; /* a thread of A runs on one of them */
		run cpu(0); run cpu(1);
		run hardware(0); run hardware(1);
		run buffer();
		run flusher()
	}
}
