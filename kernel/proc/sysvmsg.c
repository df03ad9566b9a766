/* SPDX-License-Identifier: MIT */
#include "proc/sysvmsg.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/mutex.h"
#include "task/ipclimits.h"

struct msg_queue {
	struct ipc_perm perm;     /* first */
	unsigned refs;            /* 1 while it is in the table + those who wait */
	bool removed;
	unsigned changes;         /* grows with each change; what those who wait look at without the lock */
	uint64_t stime_s, rtime_s, ctime_s;
	unsigned long bytes, messages, bytes_max;
	pid_t lspid, lrpid;
	struct list queue;        /* struct msg, oldest first */
	struct waitq wait;        /* senders and receivers */
};

static struct mutex lock = MUTEX_INIT(lock, LOCK_SYSVIPC); /* everything here */
static struct ipc_table table;
static SLAB_CACHE(msg_queue_cache, msg_queue);

static struct msg_queue *find(int id) { return (struct msg_queue *)ipc_find(&table, id); }

struct msg *msg_new(size_t size)
{
	struct msg *m;

	if (ipc_charge(sizeof(*m) + size))
		return NULL;
	m = kmalloc(sizeof(*m) + size, 0);
	if (m)
		m->size = size;
	else
		ipc_uncharge(sizeof(*m) + size);
	return m;
}

void msg_free(struct msg *m)
{
	if (!m)
		return;
	ipc_uncharge(sizeof(*m) + m->size);
	kfree(m);
}

static void changed(struct msg_queue *q)
{
	WRITE_ONCE(q->changes, q->changes + 1);
	waitq_wake_all(&q->wait);
}

static void queue_put(struct msg_queue *q)
{
	if (--q->refs == 0)
		slab_free(&msg_queue_cache, q);
}

/* Until something changes. Lock held, and again when this returns; q is the caller's as long as it has it. EIDRM, ERESTARTNOHAND. */
static long wait_for_change(struct msg_queue *q)
{
	unsigned seen = q->changes;
	long err;

	q->refs++;
	mutex_unlock(&lock);
	err = waitq_wait(&q->wait, READ_ONCE(q->changes) != seen, WAIT_INTERRUPTIBLE);
	mutex_lock(&lock);
	if (q->removed)
		err = -EIDRM;
	queue_put(q);
	return err == -ERESTARTSYS ? -ERESTARTNOHAND : err;
}

/* Lock held. */
static long make(int key, unsigned mode)
{
	struct msg_queue *q = slab_alloc(&msg_queue_cache, ALLOC_ZERO);
	int err;

	if (!q)
		return -ENOMEM;
	err = ipc_add(&table, &q->perm, key, mode, ipc_limits.msgmni);
	if (err) {
		slab_free(&msg_queue_cache, q);
		return err;
	}
	q->refs = 1;
	q->ctime_s = ipc_now_s();
	q->bytes_max = ipc_limits.msgmnb;
	list_init(&q->queue);
	waitq_init(&q->wait);
	return q->perm.id;
}

static long get_locked(int key, int flags)
{
	struct msg_queue *q = key != IPC_PRIVATE ? (struct msg_queue *)ipc_find_key(&table, key) : NULL;

	if (!q)
		return key == IPC_PRIVATE || flags & IPC_CREAT ? make(key, (unsigned)flags) : -ENOENT;
	if (flags & IPC_CREAT && flags & IPC_EXCL)
		return -EEXIST;
	return ipc_permits(&q->perm, (unsigned)(flags >> 6 | flags >> 3 | flags) & 7) ? q->perm.id : -EACCES;
}

long msg_get(int key, int flags)
{
	long r;

	mutex_lock(&lock);
	r = get_locked(key, flags);
	mutex_unlock(&lock);
	return r;
}

static long send_locked(int id, struct msg *m, int flags)
{
	struct msg_queue *q = find(id);
	long err;

	if (!q)
		return -EINVAL;
	for (;;) {
		if (!ipc_permits(&q->perm, 2))
			return -EACCES;
		if (m->size + q->bytes <= q->bytes_max && 1 + q->messages <= q->bytes_max)
			break;
		if (flags & IPC_NOWAIT)
			return -EAGAIN;
		err = wait_for_change(q);
		if (err)
			return err;
	}
	list_push_back(&q->queue, &m->link);
	q->bytes += m->size;
	q->messages++;
	q->lspid = process_current()->pid;
	q->stime_s = ipc_now_s();
	changed(q);
	return 0;
}

long msg_send(int id, struct msg *m, int flags)
{
	long r;

	mutex_lock(&lock);
	r = send_locked(id, m, flags);
	mutex_unlock(&lock);
	return r;
}

/* type: 0 the first; above 0 the first of that type (MSG_EXCEPT: of another); below 0 the first of the lowest type up to -type. MSG_COPY: its index. */
static struct msg *choose(struct msg_queue *q, long type, int flags)
{
	struct msg *m, *best = NULL;
	long most = type < 0 ? type == (long)(1ul << (8 * sizeof(long) - 1)) ? (long)(~0ul >> 1) : -type : 0;
	long n = 0;

	list_for_each_entry(m, &q->queue, link) {
		if (flags & MSG_COPY ? n++ == type : !type || (type > 0 && (m->type == type) == !(flags & MSG_EXCEPT)))
			return m;
		if (!(flags & MSG_COPY) && type < 0 && m->type <= most && (!best || m->type < best->type))
			best = m;
	}
	return best;
}

static struct msg *copy_of(const struct msg *m)
{
	struct msg *c = msg_new(m->size);

	if (!c)
		return ERR_PTR(-ENOMEM);
	c->type = m->type;
	memcpy(c->text, m->text, m->size);
	return c;
}

static struct msg *receive_locked(int id, size_t size, long type, int flags)
{
	struct msg_queue *q = find(id);
	struct msg *m;
	long err;

	if (!q)
		return ERR_PTR(-EINVAL);
	for (;;) {
		if (!ipc_permits(&q->perm, 4))
			return ERR_PTR(-EACCES);
		m = choose(q, type, flags);
		if (m)
			break;
		err = flags & IPC_NOWAIT ? -ENOMSG : wait_for_change(q);
		if (err)
			return ERR_PTR(err);
	}
	if (m->size > size && !(flags & MSG_NOERROR))
		return ERR_PTR(-E2BIG);
	if (flags & MSG_COPY)
		return m->size > size ? ERR_PTR(-EINVAL) : copy_of(m);
	list_del(&m->link);
	q->bytes -= m->size;
	q->messages--;
	q->lrpid = process_current()->pid;
	q->rtime_s = ipc_now_s();
	changed(q);
	return m;
}

struct msg *msg_receive(int id, size_t size, long type, int flags)
{
	struct msg *m;

	if (flags & MSG_COPY && (flags & MSG_EXCEPT || !(flags & IPC_NOWAIT)))
		return ERR_PTR(-EINVAL);
	mutex_lock(&lock);
	m = receive_locked(id, size, type, flags);
	mutex_unlock(&lock);
	return m;
}

long msg_stat(int id, bool by_index, bool any, struct msg_status *out)
{
	struct msg_queue *q;
	long r;

	mutex_lock(&lock);
	q = (struct msg_queue *)ipc_look(&table, id, by_index, any);
	if (IS_ERR(q)) {
		r = PTR_ERR(q);
	} else {
		*out = (struct msg_status){ .perm = q->perm, .stime_s = q->stime_s, .rtime_s = q->rtime_s, .ctime_s = q->ctime_s, .bytes = q->bytes,
					    .messages = q->messages, .bytes_max = q->bytes_max, .lspid = q->lspid, .lrpid = q->lrpid };
		r = q->perm.id;
	}
	mutex_unlock(&lock);
	return r;
}

long msg_set(int id, uid_t uid, gid_t gid, unsigned mode, unsigned long bytes_max)
{
	struct msg_queue *q;
	long r;

	mutex_lock(&lock);
	q = find(id);
	r = !q ? -EINVAL : !ipc_owns(&q->perm) || (bytes_max > ipc_limits.msgmnb && !capable(CAP_SYS_RESOURCE)) ? -EPERM : 0;
	if (!r)
		r = ipc_set(&q->perm, uid, gid, mode);
	if (!r) {
		q->bytes_max = bytes_max;
		q->ctime_s = ipc_now_s();
		changed(q);
	}
	mutex_unlock(&lock);
	return r;
}

/* What is in it, to a list that is freed without the lock. */
static long remove_locked(int id, struct list *messages)
{
	struct msg_queue *q = find(id);

	if (!q)
		return -EINVAL;
	if (!ipc_owns(&q->perm))
		return -EPERM;
	list_splice_back(messages, &q->queue);
	ipc_remove(&table, &q->perm);
	q->removed = true;
	changed(q);
	queue_put(q);
	return 0;
}

long msg_remove(int id)
{
	struct list messages = LIST_INIT(messages);
	struct msg *m, *tmp;
	long r;

	mutex_lock(&lock);
	r = remove_locked(id, &messages);
	mutex_unlock(&lock);
	list_for_each_entry_safe(m, tmp, &messages, link)
		msg_free(m);
	return r;
}

void msg_totals(struct msg_totals *out)
{
	*out = (struct msg_totals){ .last_index = 0 };
	mutex_lock(&lock);
	out->queues = table.count;
	out->last_index = ipc_last_index(&table);
	for (int i = 0; out->queues && i <= out->last_index; i++) {
		const struct msg_queue *q = (const struct msg_queue *)ipc_at(&table, i);

		if (q) {
			out->messages += q->messages;
			out->bytes += q->bytes;
		}
	}
	mutex_unlock(&lock);
}
