/* SPDX-License-Identifier: MIT */
/*
 * Waiting on words of user memory. A word is named by its address space and address (private) or by its page and offset (shared). Waiters hang in
 * hashed buckets; the word is compared under the bucket's lock, so a wake between the comparison and the sleep is not lost.
 */
#include "proc/futex.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "mem/kmap.h"
#include "mem/slab.h"
#include "proc/futexkey.h"
#include "proc/futexpi.h"
#include "task/sigqueue.h"
#include "vm/fault.h"
#include "vm/ptshare.h"
#include "vm/usercopy.h"

#define FUTEX_WAIT 0u
#define FUTEX_WAKE 1u
#define FUTEX_REQUEUE 3u
#define FUTEX_CMP_REQUEUE 4u
#define FUTEX_WAKE_OP 5u
#define FUTEX_LOCK_PI 6u
#define FUTEX_UNLOCK_PI 7u
#define FUTEX_TRYLOCK_PI 8u
#define FUTEX_WAIT_BITSET 9u
#define FUTEX_WAKE_BITSET 10u
#define FUTEX_WAIT_REQUEUE_PI 11u
#define FUTEX_CMP_REQUEUE_PI 12u
#define FUTEX_LOCK_PI2 13u
#define FUTEX_PRIVATE 128u
#define FUTEX_CLOCK_REALTIME 256u
#define BUCKETS 64u
#define ROBUST_MAX 2048

struct futex_waiter {
	struct list link;
	struct futex_key key;
	uint32_t bitset;
	struct thread *thread;
	struct bucket *bucket; /* whose list it is or was in; its lock */
	bool queued;           /* false once woken; bucket lock to change */
};

struct bucket { struct spinlock lock; struct list waiters; };
static struct bucket buckets[BUCKETS];

void futex_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		spin_init(&buckets[i].lock, LOCK_FUTEX);
		list_init(&buckets[i].waiters);
	}
}

static struct bucket *bucket_of(const struct futex_key *k) { return &buckets[hash_u32((uint32_t)futex_key_hash(k)) >> 26]; }

/* Lock of the bucket held: the waiter, whose stack it is on, takes it before it goes (unqueue). */
static void wake(struct futex_waiter *w)
{
	list_del(&w->link);
	store_release(&w->queued, false);
	sched_wake(w->thread, WAKE_ANY);
}

#define WAKES_MAX 16u /* under one hold of the lock */

/* Gives the lock up for a moment; a waiter that nothing wakes keeps the place before w, in the list of b. What follows the place then. */
static struct futex_waiter *breathe(struct bucket *b, struct futex_waiter *w)
{
	struct futex_waiter place = { .bucket = b };

	list_push_back(&w->link, &place.link);
	spin_unlock(&b->lock);
	spin_lock(&b->lock);
	w = list_entry(place.link.next, struct futex_waiter, link);
	list_del(&place.link);
	return w;
}

static long wake_key(const struct futex_key *k, unsigned n, uint32_t bitset)
{
	struct bucket *b = bucket_of(k);
	struct futex_waiter *w, *tmp;
	unsigned woken = 0;

	spin_lock(&b->lock);
	list_for_each_entry_safe(w, tmp, &b->waiters, link) {
		if (woken >= n)
			break;
		if (futex_key_same(&w->key, k) && w->bitset & bitset) {
			wake(w);
			if (++woken % WAKES_MAX == 0)
				tmp = breathe(b, tmp);
		}
	}
	spin_unlock(&b->lock);
	return woken;
}

long futex_wake_address(uaddr_t addr, unsigned n)
{
	struct futex_key k;
	long r = 0;

	for (int private = 1; private >= 0; private--) {
		if (futex_key_get(addr, private, &k))
			continue;
		if (private || k.page)
			r += wake_key(&k, n, ~0u);
		futex_key_put(&k);
	}
	return r;
}

/* Out of whatever bucket the waiter is in now; false if it was woken. Whoever wakes it is through when this returns. */
static bool unqueue(struct futex_waiter *w)
{
	struct bucket *b;
	bool was;

	for (;;) {
		b = load_acquire(&w->bucket);
		spin_lock(&b->lock);
		if (w->bucket == b)
			break;
		spin_unlock(&b->lock); /* moved to another one meanwhile */
	}
	was = w->queued;
	if (was)
		list_del(&w->link);
	w->queued = false;
	spin_unlock(&b->lock);
	return was;
}

/* 1: queued; 0: the word has another value; -EFAULT. A fault cannot be taken under the lock, so the word is made present and tried again. */
static long enqueue(struct futex_waiter *w, uaddr_t addr, uint32_t expected)
{
	struct bucket *b = bucket_of(&w->key);
	uint32_t now;
	long err;

	err = user_get(&now, addr);
	if (err || now != expected)
		return err;
	w->bucket = b;
	spin_lock(&b->lock);
	w->queued = true;
	list_push_back(&b->waiters, &w->link);
	spin_unlock(&b->lock);
	/* a wake comes after the change of the word: looking again after queueing closes the window */
	err = user_get(&now, addr);
	if (err || now != expected) {
		bool woken = !unqueue(w);
		return woken ? 1 : err;
	}
	return 1;
}

static long wait_again(struct task *t);

/* With a time limit the call goes on by restart_syscall, to the same moment; not after a handler. */
static long interrupted(const struct futex_request *r, uint32_t bitset)
{
	struct task *t = task_current();

	if (r->deadline == WAIT_FOREVER)
		return -ERESTARTSYS;
	t->restart.fn = wait_again;
	t->restart.a[0] = r->addr;
	t->restart.a[1] = r->op;
	t->restart.a[2] = r->val;
	t->restart.a[3] = bitset;
	t->restart.a[4] = r->deadline;
	return -ERESTART_RESTARTBLOCK;
}

static long futex_wait(const struct futex_request *r, uint32_t bitset)
{
	struct futex_waiter w = { .bitset = bitset, .thread = thread_current() };
	struct waitq never = WAITQ_INIT(never); /* it is woken through its thread; this only carries the sleep */
	long err = bitset ? futex_key_get(r->addr, r->op & FUTEX_PRIVATE, &w.key) : -EINVAL;

	if (err)
		return err;
	list_init(&w.link);
	err = enqueue(&w, r->addr, r->val);
	if (err <= 0) {
		futex_key_put(&w.key);
		return err ? err : -EAGAIN;
	}
	err = waitq_wait_until(&never, !load_acquire(&w.queued), WAIT_INTERRUPTIBLE, r->deadline);
	if (!unqueue(&w))
		err = 0;
	futex_key_put(&w.key);
	return err == -ERESTARTSYS ? interrupted(r, bitset) : err;
}

static long wait_again(struct task *t)
{
	struct futex_request r = { .addr = (uaddr_t)t->restart.a[0], .op = (unsigned)t->restart.a[1], .val = (uint32_t)t->restart.a[2], .deadline = t->restart.a[4] };

	return futex_wait(&r, (uint32_t)t->restart.a[3]);
}

/* Locks of both buckets held. */
static long move_waiters(const struct futex_request *r, const struct futex_key *from, const struct futex_key *to, bool compare)
{
	struct bucket *a = bucket_of(from), *b = bucket_of(to);
	struct list moved = LIST_INIT(moved);
	struct futex_waiter *w, *tmp;
	unsigned woken = 0, n = 0;

	list_for_each_entry_safe(w, tmp, &a->waiters, link) {
		if (!futex_key_same(&w->key, from))
			continue;
		if (woken < r->val) {
			wake(w);
			woken++;
		} else if (n < r->val2) {
			list_del(&w->link);
			if (w->key.page)
				page_put(w->key.page);
			w->key = *to;
			if (to->page)
				page_get(to->page);
			store_release(&w->bucket, b);
			list_push_back(&moved, &w->link);
			n++;
		}
	}
	list_splice_back(&b->waiters, &moved);
	return woken + (compare ? n : 0);
}

static void lock_both(struct bucket *a, struct bucket *b)
{
	spin_lock(&(a < b ? a : b)->lock);
	if (a != b)
		spin_lock_nested(&(a < b ? b : a)->lock); /* by address */
}

static void unlock_both(struct bucket *a, struct bucket *b)
{
	if (a != b)
		spin_unlock(&(a < b ? b : a)->lock);
	spin_unlock(&(a < b ? a : b)->lock);
}

/*
 * The word's page, found present, with the lock of the page tables held so that it stays the word's page: then the word can be read under the
 * buckets' locks, where no fault can be taken. NULL, not locked: EFAULT in *err, or no page of memory that the kernel knows (0).
 */
static struct page *pin_word(struct aspace *as, uaddr_t addr, long *err)
{
	*err = 0;
	while (!signal_fatal_pending_current()) {
		struct page *p;
		pte_t e;

		if (vm_fault(as, addr, FAULT_READ, false) != FAULT_OK)
			break;
		spin_lock(&as->pt_lock);
		e = ptshare_peek(as, addr, NULL);
		p = pte_present(e) ? ptshare_page(e) : NULL;
		if (p)
			return p;
		spin_unlock(&as->pt_lock);
		if (pte_present(e))
			return NULL;
	}
	*err = -EFAULT;
	return NULL;
}

/* FUTEX_CMP_REQUEUE: whoever comes to wait after the comparison is not moved. */
static long compare_and_move(const struct futex_request *r, const struct futex_key *from, const struct futex_key *to)
{
	struct aspace *as = thread_current()->aspace;
	struct bucket *a = bucket_of(from), *b = bucket_of(to);
	const uint32_t *word;
	struct page *p;
	uint32_t now;
	long n;

	p = pin_word(as, r->addr, &n);
	if (n)
		return n;
	if (!p && user_get(&now, r->addr))
		return -EFAULT;
	word = p ? kmap_local(p) : NULL;
	lock_both(a, b);
	if (word)
		now = READ_ONCE(word[(r->addr & (PAGE_SIZE - 1)) / sizeof(*word)]);
	n = now == r->val3 ? move_waiters(r, from, to, true) : -EAGAIN;
	unlock_both(a, b);
	if (p) {
		kunmap_local(word);
		spin_unlock(&as->pt_lock);
	}
	return n;
}

static long futex_requeue(const struct futex_request *r, bool compare)
{
	struct futex_key from, to;
	long n;

	if ((int32_t)r->val < 0 || (int32_t)r->val2 < 0)
		return -EINVAL;
	n = futex_key_get(r->addr, r->op & FUTEX_PRIVATE, &from);
	if (n)
		return n;
	n = futex_key_get(r->addr2, r->op & FUTEX_PRIVATE, &to);
	if (!n) {
		if (compare) {
			n = compare_and_move(r, &from, &to);
		} else {
			lock_both(bucket_of(&from), bucket_of(&to));
			n = move_waiters(r, &from, &to, false);
			unlock_both(bucket_of(&from), bucket_of(&to));
		}
		futex_key_put(&to);
	}
	futex_key_put(&from);
	return n;
}

static long futex_wake(const struct futex_request *r, uaddr_t addr, uint32_t n, uint32_t bitset)
{
	struct futex_key k;
	long woken = bitset ? futex_key_get(addr, r->op & FUTEX_PRIVATE, &k) : -EINVAL;

	if (woken)
		return woken;
	woken = wake_key(&k, (int32_t)n < 1 ? 1 : n, bitset); /* as on Linux at least one */
	futex_key_put(&k);
	return woken;
}

/* What FUTEX_WAKE_OP makes of the second word. ENOSYS: no such operation. */
static long combine(unsigned op, uint32_t old, uint32_t arg, uint32_t *new)
{
	switch (op) {
	case 0: *new = arg; return 0;
	case 1: *new = old + arg; return 0;
	case 2: *new = old | arg; return 0;
	case 3: *new = old & ~arg; return 0;
	case 4: *new = old ^ arg; return 0;
	default: return -ENOSYS;
	}
}

/* 1, 0, ENOSYS. */
static long compares(unsigned how, int32_t old, int32_t arg)
{
	switch (how) {
	case 0: return old == arg;
	case 1: return old != arg;
	case 2: return old < arg;
	case 3: return old <= arg;
	case 4: return old > arg;
	case 5: return old >= arg;
	default: return -ENOSYS;
	}
}

static long futex_wake_op(const struct futex_request *r)
{
	unsigned op = r->val3 >> 28 & 7;
	int32_t arg = (int32_t)(r->val3 << 8) >> 20, cmp = (int32_t)(r->val3 << 20) >> 20;
	uint32_t old, seen, new;
	long n, more = 0;

	if (r->val3 >> 31)
		arg = (int32_t)(1u << (arg & 31));
	if (r->addr & 3 || r->addr2 & 3)
		return -EINVAL;
	if (!user_range_ok(r->addr, 4) || !user_range_ok(r->addr2, 4) || user_get(&seen, r->addr2))
		return -EFAULT;
	do {
		old = seen;
		n = combine(op, old, (uint32_t)arg, &new);
		if (n)
			return n;
		if (arch_user_cmpxchg32(r->addr2, &seen, new))
			return -EFAULT;
	} while (seen != old);
	more = compares(r->val3 >> 24 & 15, (int32_t)old, cmp);
	if (more < 0)
		return more;
	n = futex_wake(r, r->addr, r->val, ~0u);
	if (n >= 0 && more > 0)
		more = futex_wake(r, r->addr2, r->val2, ~0u);
	return n < 0 ? n : more < 0 ? more : n + more;
}

/* ---- waiting on several words: futex_waitv(2) ---- */

static long unqueue_all(struct futex_waiter *w, unsigned n)
{
	long woken = -1;

	while (n-- > 0) {
		if (!unqueue(&w[n]))
			woken = n;
		futex_key_put(&w[n].key);
	}
	return woken;
}

static bool any_woken(const struct futex_waiter *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!load_acquire(&w[i].queued))
			return true;
	return false;
}

long futex_waitv(const struct futex_word *words, unsigned n, ktime_t deadline)
{
	struct futex_waiter *w = kzalloc(n * sizeof(*w));
	struct waitq never = WAITQ_INIT(never);
	unsigned i = 0;
	long err = w ? 1 : -ENOMEM, woken;

	for (; i < n && err == 1; i++) {
		w[i].bitset = ~0u;
		w[i].thread = thread_current();
		list_init(&w[i].link);
		err = futex_key_get(words[i].addr, words[i].private, &w[i].key);
		if (err)
			break;
		err = enqueue(&w[i], words[i].addr, words[i].val);
		if (err != 1) {
			futex_key_put(&w[i].key);
			err = err ? err : -EAGAIN;
			break;
		}
	}
	if (err == 1)
		err = waitq_wait_until(&never, any_woken(w, n), WAIT_INTERRUPTIBLE, deadline);
	woken = w ? unqueue_all(w, i) : -1;
	kfree(w);
	return woken >= 0 ? woken : err;
}

static long futex_pi(const struct futex_request *r, unsigned cmd)
{
	bool private = r->op & FUTEX_PRIVATE;

	switch (cmd) {
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return futexpi_lock(r->addr, private, false, r->deadline);
	case FUTEX_TRYLOCK_PI:
		return futexpi_lock(r->addr, private, true, WAIT_FOREVER);
	case FUTEX_UNLOCK_PI:
		return futexpi_unlock(r->addr, private);
	case FUTEX_WAIT_REQUEUE_PI:
		return futexpi_wait_requeue(r->addr, r->val, r->addr2, private, r->deadline);
	case FUTEX_CMP_REQUEUE_PI:
		if (r->val != 1 || (int32_t)r->val2 < 0)
			return -EINVAL;
		return futexpi_requeue(r->addr, r->val3, r->addr2, r->val2, private);
	default:
		return -ENOSYS;
	}
}

long futex_call(const struct futex_request *r)
{
	unsigned cmd = r->op & ~(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME);

	if (r->op & FUTEX_CLOCK_REALTIME && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_WAIT_REQUEUE_PI && cmd != FUTEX_LOCK_PI2)
		return -ENOSYS;
	switch (cmd) {
	case FUTEX_WAIT:
		return futex_wait(r, ~0u);
	case FUTEX_WAIT_BITSET:
		return futex_wait(r, r->val3);
	case FUTEX_WAKE:
		return futex_wake(r, r->addr, r->val, ~0u);
	case FUTEX_WAKE_BITSET:
		return futex_wake(r, r->addr, r->val, r->val3);
	case FUTEX_REQUEUE:
		return futex_requeue(r, false);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(r, true);
	case FUTEX_WAKE_OP:
		return futex_wake_op(r);
	default:
		return futex_pi(r, cmd);
	}
}

/* One lock that the dying thread holds: the next taker learns of it. */
static int owner_died(uaddr_t word, pid_t tid, bool pi)
{
	uint32_t old, want;

	if (word & 3 || user_get(&old, word))
		return -EFAULT;
	while ((old & FUTEX_TID_MASK) == (uint32_t)tid) {
		want = (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
		uint32_t seen = old;
		if (!user_range_ok(word, 4) || arch_user_cmpxchg32(word, &seen, want))
			return -EFAULT;
		if (seen == old) {
			if (old & FUTEX_WAITERS && !pi) /* else its heir is chosen by proc/futexpi */
				futex_wake_address(word, 1);
			break;
		}
		old = seen;
	}
	return 0;
}

void futex_exit_robust(struct task *t)
{
	struct { uint32_t next; int32_t offset; uint32_t pending; } head;
	uaddr_t at;
	bool pi;

	if (!t->robust_list || user_get(&head, t->robust_list))
		return;
	at = head.next & ~1u;
	pi = head.next & 1;
	for (unsigned n = 0; n < ROBUST_MAX && at != t->robust_list; n++) {
		uint32_t next;

		if (user_get(&next, at) || (at != (head.pending & ~1u) && owner_died(at + (uaddr_t)head.offset, t->tid, pi)))
			break;
		at = next & ~1u;
		pi = next & 1;
	}
	if (head.pending)
		owner_died((head.pending & ~1u) + (uaddr_t)head.offset, t->tid, head.pending & 1);
	t->robust_list = 0;
}
