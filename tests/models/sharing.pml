/* SPDX-License-Identifier: MIT */
/*
 * Page tables with several parents: vm/ptshare.c and the write fault of vm/fault.c. Each space has one upper entry, which refers to a leaf table with
 * one entry, which maps one page.
 *
 *   FORK                ptshare_fork: the write bit goes, the child refers to the same table, the parent's translations are flushed
 *   UNSHARE, COPY       unshare, copy_table and share_entry: a shared table is copied; the last holder takes it over
 *   FAULT               resolve, resolve_write_present: the page is the space's alone if its count is one and the path is own; else it is copied
 *   UNMAP               unmap_leaves with tlb_batch_flush and tlb_batch_free
 *   EXIT, PUT_TABLE     ptshare_put of a space that no thread uses and no CPU has loaded
 *   processor           another CPU where a thread of the space runs: it walks and writes through what it keeps, without any lock
 *
 * The parent and a child share one table at the start. The parent faults, unmaps and forks once more while the child faults or unmaps, and exits. Each space's steps are under its own
 * pt_lock, but the processors' are not. A flush is one step here: shootdown.pml is about that.
 *
 * Checked: nobody writes to a page that another space can see; an entry is changed only in a table of one parent, but for write bits that are cleared;
 * nothing is used after it was freed, or freed twice; nothing is left at the end.
 *
 * BUG_PLAIN_PUT    a count is lowered by a load and a store
 * BUG_FORK_FLUSH   fork does not flush the parent's translations
 * BUG_FORK_WRITE   fork leaves the parent's upper entry writable
 * BUG_TABLE_FLUSH  the space is not flushed when its table is replaced
 * BUG_PUT_FIRST    the old table is given up before the flush
 * BUG_PAGE_FIRST   the old page is given up before the flush
 * BUG_COPY_WRITE   copying a table leaves the old one's entry writable
 * BUG_COPY_COUNT   copying a table takes no reference to the page
 * BUG_TAKE_OVER    who finds a shared table takes it over
 * BUG_SHARED_PATH  a page with a count of one is written in place though its table is shared
 */
#define NS 3
#define NT 6
#define NP 6
#define NONE 7

byte up[NS] = NONE;         /* the upper entry: a table */
bool up_w[NS];
bool lives[NS], locked[NS];
byte t_count[NT], page[NT] = NONE;
bool t_w[NT], t_dead[NT];
byte p_count[NP];
bool p_dead[NP];
byte new_table = 1, new_page = 1;
byte over;
/* What the processor on which another thread of the space runs has kept. */
byte k_table[NS] = NONE, k_page[NS] = NONE;
bool k_up_w[NS], k_w[NS];

#define LOCK(s) atomic { !locked[s] -> locked[s] = true }
#define UNLOCK(s) locked[s] = false
#define FLUSH(s) d_step { k_table[s] = NONE; k_page[s] = NONE; k_up_w[s] = false; k_w[s] = false }
#define SEES_PAGE(s, p) (lives[s] && ((up[s] != NONE && page[up[s]] == p) || k_page[s] == p))
#define SEES_TABLE(s, t) (lives[s] && up[s] == t)

inline PUT_PAGE(p)
{
	d_step {
		assert(p_count[p] > 0 && !p_dead[p]);
		p_count[p]--;
		if :: p_count[p] == 0 -> p_dead[p] = true :: else fi
	}
}

/* n: a variable of the caller. What the last one does needs no steps of its own: nobody else can get there. */
inline PUT_TABLE(t, n)
{
#ifdef BUG_PLAIN_PUT
	n = t_count[t];
#endif
	atomic {
#ifdef BUG_PLAIN_PUT
		assert(n > 0 && !t_dead[t]);
		t_count[t] = n - 1;
#else
		assert(t_count[t] > 0 && !t_dead[t]);
		t_count[t]--;
#endif
		if
		:: t_count[t] == 0 ->
			if
			:: page[t] != NONE -> PUT_PAGE(page[t])
			:: else
			fi;
			t_dead[t] = true;
			page[t] = NONE
		:: else
		fi;
		n = 0
	}
}

/* A table's entry is set: it must be nobody else's. */
inline SET(s, t, p, w)
{
	d_step {
		assert(t_count[t] == 1 && !t_dead[t]);
		assert(!SEES_TABLE((s + 1) % NS, t) && !SEES_TABLE((s + 2) % NS, t));
		page[t] = p;
		t_w[t] = w
	}
}

inline COPY(from, to)
{
	atomic {
		to = new_table;
		new_table++;
		t_count[to] = 1;
		assert(!t_dead[from])
	};
	if
	:: page[from] != NONE ->
#ifndef BUG_COPY_WRITE
		t_w[from] = false;
#endif
#ifndef BUG_COPY_COUNT
		d_step { assert(!p_dead[page[from]]); p_count[page[from]]++ };
#endif
		d_step { page[to] = page[from]; t_w[to] = t_w[from] }
	:: else
	fi
}

inline UNSHARE(s, t, to, n)
{
	t = up[s];
	if
#ifdef BUG_TAKE_OVER
	:: false
#else
	:: t_count[t] > 1 ->
		COPY(t, to);
		d_step { up[s] = to; up_w[s] = true };
#ifdef BUG_PUT_FIRST
		PUT_TABLE(t, n);
		FLUSH(s);
#else
#ifndef BUG_TABLE_FLUSH
		FLUSH(s);
#endif
		PUT_TABLE(t, n);
#endif
		t = to
#endif
	:: else -> up_w[s] = true
	fi;
	to = 0
}

/* A write fault; p, q: variables of the caller. */
inline FAULT(s, t, to, n, p, q)
{
	LOCK(s);
#ifdef BUG_SHARED_PATH
	t = up[s];
	if
	:: page[t] != NONE && p_count[page[t]] == 1 -> d_step { t_w[t] = true; up_w[s] = true }; UNLOCK(s)
	:: else ->
#endif
	UNSHARE(s, t, to, n);
	p = page[t];
	if
	:: p == NONE -> /* nothing there: a fresh one */
		atomic { q = new_page; new_page++; p_count[q] = 1; SET(s, t, q, true) }
	:: p != NONE && p_count[p] == 1 -> SET(s, t, p, true)
	:: p != NONE && p_count[p] > 1 ->
		atomic { q = new_page; new_page++; p_count[q] = 1; SET(s, t, q, true) };
#ifdef BUG_PAGE_FIRST
		PUT_PAGE(p);
		FLUSH(s)
#else
		FLUSH(s);
		PUT_PAGE(p)
#endif
	fi;
	atomic { p = 0; q = 0; t = 0; UNLOCK(s) }
#ifdef BUG_SHARED_PATH
	fi
#endif
}

inline UNMAP(s, t, to, n, p)
{
	LOCK(s);
	UNSHARE(s, t, to, n);
	p = page[t];
	if
	:: p != NONE ->
		SET(s, t, NONE, false);
		FLUSH(s);
		UNLOCK(s);
		PUT_PAGE(p)
	:: else -> UNLOCK(s)
	fi;
	d_step { p = 0; t = 0 }
}

inline FORK(s, c)
{
	LOCK(s);
#ifndef BUG_FORK_WRITE
	up_w[s] = false;
#endif
	d_step { up[c] = up[s]; up_w[c] = false; assert(!t_dead[up[s]]); t_count[up[s]]++ };
#ifndef BUG_FORK_FLUSH
	FLUSH(s);
#endif
	UNLOCK(s);
	lives[c] = true /* its threads may run from now on */
}

inline EXIT(s, t, n)
{
	atomic { lives[s] = false; t = up[s]; up[s] = NONE; k_table[s] = NONE; k_page[s] = NONE; k_up_w[s] = false; k_w[s] = false };
	PUT_TABLE(t, n);
	atomic { t = 0; over++ }
}

proctype child(byte s)
{
	byte t, to, n, p, q;

	if
	:: FAULT(s, t, to, n, p, q)
	:: UNMAP(s, t, to, n, p)
	:: skip
	fi;
	EXIT(s, t, n)
}

proctype parent()
{
	byte t, to, n, p, q, rounds;
	bool forked;

	do
	:: rounds < 2 ->
		if
		:: FAULT(0, t, to, n, p, q)
		:: UNMAP(0, t, to, n, p)
		:: !forked -> FORK(0, 2); forked = true; run child(2)
		fi;
		rounds++
	:: else -> break
	od;
	if
	:: forked
	:: else -> over++
	fi;
	EXIT(0, t, n)
}

proctype processor(byte s)
{
end:
	do
	:: atomic { lives[s] && k_table[s] == NONE && up[s] != NONE -> assert(!t_dead[up[s]]); k_table[s] = up[s]; k_up_w[s] = up_w[s] }
	:: atomic { lives[s] && k_table[s] != NONE && k_page[s] == NONE ->
		assert(!t_dead[k_table[s]]);
		if
		:: page[k_table[s]] != NONE -> k_page[s] = page[k_table[s]]; k_w[s] = k_up_w[s] && t_w[k_table[s]]
		:: else -> k_table[s] = NONE; k_up_w[s] = false /* forgets it some time */
		fi }
	:: atomic { lives[s] && k_page[s] != NONE && k_w[s] -> /* the thread writes */
		assert(!p_dead[k_page[s]]);
		assert(!SEES_PAGE((s + 1) % NS, k_page[s]) && !SEES_PAGE((s + 2) % NS, k_page[s])) }
	:: atomic { lives[s] && k_page[s] != NONE && !k_w[s] -> /* may forget what does not do, and reads */
		assert(!p_dead[k_page[s]]);
		k_table[s] = NONE; k_page[s] = NONE; k_up_w[s] = false; k_w[s] = false }
	:: over == 3 -> break
	od
}

init
{
	atomic {
		up[0] = 0; up[1] = 0; lives[0] = true; lives[1] = true;
		t_count[0] = 2; page[0] = 0; t_w[0] = true; p_count[0] = 1;
		run processor(0); run processor(1);
		run parent(); run child(1)
	};
	over == 3;
	assert(t_count[0] + t_count[1] + t_count[2] + t_count[3] + t_count[4] + t_count[5] == 0);
	assert(p_count[0] + p_count[1] + p_count[2] + p_count[3] + p_count[4] + p_count[5] == 0)
}
