/* SPDX-License-Identifier: MIT */
/*
 * Waiting on words of user memory. A word is named by its address space and address (private) or by its page and offset (shared). Waiters hang in
 * hashed buckets; the word is compared under the bucket's lock, so a wake between the comparison and the sleep is not lost.
 */
#include "proc/futex.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "vm/fault.h"
#include "vm/ptshare.h"
#include "vm/usercopy.h"

#define FUTEX_WAIT 0u
#define FUTEX_WAKE 1u
#define FUTEX_REQUEUE 3u
#define FUTEX_CMP_REQUEUE 4u
#define FUTEX_WAKE_OP 5u
#define FUTEX_WAIT_BITSET 9u
#define FUTEX_WAKE_BITSET 10u
#define FUTEX_PRIVATE 128u
#define FUTEX_CLOCK_REALTIME 256u
#define FUTEX_TID_MASK 0x3fffffffu
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_WAITERS 0x80000000u
#define BUCKETS 64u
#define ROBUST_MAX 2048

struct key { const void *object; unsigned long at; struct page *page; };

struct futex_waiter {
	struct list link;
	struct key key;
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

static struct bucket *bucket_of(const struct key *k) { return &buckets[hash_u32((uint32_t)((unsigned long)k->object ^ k->at)) >> 26]; }

static bool same(const struct key *a, const struct key *b) { return a->object == b->object && a->at == b->at; }

static long key_get(uaddr_t addr, bool private, struct key *k)
{
	struct aspace *as = thread_current()->aspace;
	struct page *p = NULL;

	if (addr & 3)
		return -EINVAL;
	*k = (struct key){ as, addr, NULL };
	if (private)
		return user_range_ok(addr, 4) ? 0 : -EFAULT;
	if (vm_fault(as, addr, FAULT_READ, false) != FAULT_OK)
		return -EFAULT;
	spin_lock(&as->pt_lock);
	pte_t e = ptshare_peek(as, addr, NULL);
	if (pte_present(e) && pte_shared(e) && (p = ptshare_page(e)) != NULL)
		page_get(p);
	spin_unlock(&as->pt_lock);
	if (p)
		*k = (struct key){ p, addr & (PAGE_SIZE - 1), p };
	return 0;
}

static void key_put(struct key *k)
{
	if (k->page)
		page_put(k->page);
}

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

static long wake_key(const struct key *k, unsigned n, uint32_t bitset)
{
	struct bucket *b = bucket_of(k);
	struct futex_waiter *w, *tmp;
	unsigned woken = 0;

	spin_lock(&b->lock);
	list_for_each_entry_safe(w, tmp, &b->waiters, link) {
		if (woken >= n)
			break;
		if (same(&w->key, k) && w->bitset & bitset) {
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
	struct key k;
	long r = 0;

	for (int private = 1; private >= 0; private--) {
		if (key_get(addr, private, &k))
			continue;
		if (private || k.page)
			r += wake_key(&k, n, ~0u);
		key_put(&k);
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
	long err = bitset ? key_get(r->addr, r->op & FUTEX_PRIVATE, &w.key) : -EINVAL;

	if (err)
		return err;
	list_init(&w.link);
	err = enqueue(&w, r->addr, r->val);
	if (err <= 0) {
		key_put(&w.key);
		return err ? err : -EAGAIN;
	}
	err = waitq_wait_until(&never, !load_acquire(&w.queued), WAIT_INTERRUPTIBLE, r->deadline);
	if (!unqueue(&w))
		err = 0;
	key_put(&w.key);
	return err == -ERESTARTSYS ? interrupted(r, bitset) : err;
}

static long wait_again(struct task *t)
{
	struct futex_request r = { .addr = (uaddr_t)t->restart.a[0], .op = (unsigned)t->restart.a[1], .val = (uint32_t)t->restart.a[2], .deadline = t->restart.a[4] };

	return futex_wait(&r, (uint32_t)t->restart.a[3]);
}

static long futex_requeue(const struct futex_request *r, bool compare)
{
	struct key from, to = { NULL, 0, NULL };
	struct futex_waiter *w, *tmp;
	struct list moved = LIST_INIT(moved);
	struct bucket *a, *b;
	unsigned woken = 0, n = 0;
	uint32_t now;
	long err;

	if ((int32_t)r->val < 0 || (int32_t)r->val2 < 0)
		return -EINVAL;
	err = key_get(r->addr, r->op & FUTEX_PRIVATE, &from);
	if (err)
		return err;
	err = key_get(r->addr2, r->op & FUTEX_PRIVATE, &to);
	if (!err && compare) {
		err = user_get(&now, r->addr);
		if (!err && now != r->val3)
			err = -EAGAIN;
	}
	if (err)
		goto out;
	a = bucket_of(&from);
	b = bucket_of(&to);
	spin_lock(&(a < b ? a : b)->lock);
	if (a != b)
		spin_lock_nested(&(a < b ? b : a)->lock);
	list_for_each_entry_safe(w, tmp, &a->waiters, link) {
		if (!same(&w->key, &from))
			continue;
		if (woken < r->val) {
			wake(w);
			woken++;
		} else if (n < r->val2) {
			list_del(&w->link);
			if (w->key.page)
				page_put(w->key.page);
			w->key = to;
			if (to.page)
				page_get(to.page);
			store_release(&w->bucket, b);
			list_push_back(&moved, &w->link);
			n++;
		}
	}
	list_splice_back(&b->waiters, &moved);
	if (a != b)
		spin_unlock(&(a < b ? b : a)->lock);
	spin_unlock(&(a < b ? a : b)->lock);
	err = woken + (compare ? n : 0);
out:
	key_put(&to);
	key_put(&from);
	return err;
}

long futex_call(const struct futex_request *r)
{
	unsigned cmd = r->op & ~(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME);
	struct key k;
	long n;

	switch (cmd) {
	case FUTEX_WAIT:
		return futex_wait(r, ~0u);
	case FUTEX_WAIT_BITSET:
		return futex_wait(r, r->val3);
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
		if (cmd == FUTEX_WAKE_BITSET && !r->val3)
			return -EINVAL;
		n = key_get(r->addr, r->op & FUTEX_PRIVATE, &k);
		if (n)
			return n;
		n = wake_key(&k, r->val, cmd == FUTEX_WAKE ? ~0u : r->val3);
		key_put(&k);
		return n;
	case FUTEX_REQUEUE:
		return futex_requeue(r, false);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(r, true);
	default:
		return -ENOSYS;
	}
}

/* One lock that the dying thread holds: the next taker learns of it. */
static int owner_died(uaddr_t word, pid_t tid)
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
			if (old & FUTEX_WAITERS)
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

	if (!t->robust_list || user_get(&head, t->robust_list))
		return;
	at = head.next;
	for (unsigned n = 0; n < ROBUST_MAX && at != t->robust_list; n++) {
		uint32_t next;

		if (user_get(&next, at) || (at != head.pending && owner_died(at + (uaddr_t)head.offset, t->tid)))
			break;
		at = next & ~1u;
	}
	if (head.pending)
		owner_died((head.pending & ~1u) + (uaddr_t)head.offset, t->tid);
	t->robust_list = 0;
}
