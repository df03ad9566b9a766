/* SPDX-License-Identifier: MIT */
#include "proc/sysvsem.h"

#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/mutex.h"
#include "task/ipclimits.h"
#include "task/process.h"

struct sem { uint16_t value; pid_t pid; };

struct sem_set {
	struct ipc_perm perm; /* first */
	uint64_t otime_s, ctime_s;
	unsigned long count;
	struct list waiting;  /* struct sem_wait, oldest first */
	struct list undos;    /* struct sem_undo.set_link */
	struct sem sems[];
};

struct sem_undo {
	struct list set_link, list_link;
	struct sem_set *set;
	int16_t adjust[]; /* to be added at the end */
};

struct sem_undo_list {
	refcount_t refs;
	struct list undos;
};

/* On the stack of who waits. */
struct sem_wait {
	struct list link;
	struct waitq wake;
	const struct sem_op *ops;
	unsigned count;
	const struct sem_op *blocking; /* the first one that cannot be done */
	struct sem_undo *undo;
	pid_t pid;
	bool done;
	long result;                   /* valid once done */
};

static struct mutex lock = MUTEX_INIT(lock, LOCK_SYSVIPC); /* everything here, the lists of undos too */
static struct ipc_table table;
static unsigned long semaphores;

static size_t set_size(unsigned long count) { return sizeof(struct sem_set) + count * sizeof(struct sem); }

#define find(id) ((struct sem_set *)ipc_find(&table, (id)))

/* ---- operations ---- */

static void take_back(struct sem_set *s, const struct sem_op *ops, unsigned n, struct sem_undo *undo)
{
	while (n-- > 0) {
		s->sems[ops[n].num].value = (uint16_t)(s->sems[ops[n].num].value - ops[n].op);
		if (ops[n].flags & SEM_UNDO)
			undo->adjust[ops[n].num] = (int16_t)(undo->adjust[ops[n].num] + ops[n].op);
	}
}

/* 0: done; 1: has to wait for *blocking; ERANGE; EAGAIN (would wait, and that one has IPC_NOWAIT). */
static long attempt(struct sem_set *s, const struct sem_op *ops, unsigned count, struct sem_undo *undo, pid_t pid, const struct sem_op **blocking)
{
	long err = 0;
	unsigned i;

	for (i = 0; i < count && !err; i++) {
		const struct sem_op *o = &ops[i];
		int value = s->sems[o->num].value, back;

		if (value + o->op < 0 || (!o->op && value)) {
			*blocking = o;
			err = o->flags & IPC_NOWAIT ? -EAGAIN : 1;
			break;
		}
		back = o->flags & SEM_UNDO ? undo->adjust[o->num] - o->op : 0;
		if (value + o->op > SEM_VALUE_MAX || back < -SEM_VALUE_MAX - 1 || back > SEM_VALUE_MAX) {
			err = -ERANGE;
			break;
		}
		s->sems[o->num].value = (uint16_t)(value + o->op);
		if (o->flags & SEM_UNDO)
			undo->adjust[o->num] = (int16_t)back;
	}
	if (err) {
		take_back(s, ops, i, undo);
		return err;
	}
	for (i = 0; i < count; i++)
		s->sems[ops[i].num].pid = pid;
	s->otime_s = ipc_now_s();
	return 0;
}

/* Lock held: the one who waits goes away only after it has had it. */
static void finish(struct sem_wait *w, long result)
{
	list_del(&w->link);
	w->result = result;
	store_release(&w->done, true);
	waitq_wake_all(&w->wake);
}

/* Does one change of the set let others go on? Those again. */
static void go_on(struct sem_set *s)
{
	struct sem_wait *w, *tmp;
	bool again = true;

	while (again) {
		again = false;
		list_for_each_entry_safe(w, tmp, &s->waiting, link) {
			long r = attempt(s, w->ops, w->count, w->undo, w->pid, &w->blocking);

			if (r > 0)
				continue;
			finish(w, r);
			again |= r == 0;
		}
	}
}

/* ---- undoing ---- */

static struct sem_undo_list *own_list(struct task *t)
{
	struct sem_undo_list *l = t->sem_undo;

	if (l)
		return l;
	l = kzalloc(sizeof(*l));
	if (!l)
		return NULL;
	refcount_set(&l->refs, 1);
	list_init(&l->undos);
	t->sem_undo = l;
	return l;
}

/* What the current thread is to undo in the set; made when it is not there. NULL without memory. */
static struct sem_undo *undo_of(struct sem_set *s)
{
	struct sem_undo_list *l = own_list(task_current());
	struct sem_undo *u;

	if (!l)
		return NULL;
	list_for_each_entry(u, &l->undos, list_link)
		if (u->set == s)
			return u;
	u = kzalloc(sizeof(*u) + s->count * sizeof(u->adjust[0]));
	if (!u)
		return NULL;
	u->set = s;
	list_push_back(&s->undos, &u->set_link);
	list_push_back(&l->undos, &u->list_link);
	return u;
}

static void undo_free(struct sem_undo *u)
{
	list_del(&u->set_link);
	list_del(&u->list_link);
	kfree(u);
}

/* A value would leave its range: it stays at the end of it, as on Linux. */
static void undo_apply(struct sem_undo *u)
{
	struct sem_set *s = u->set;

	for (unsigned long i = 0; i < s->count; i++) {
		int value = s->sems[i].value + u->adjust[i];

		if (!u->adjust[i])
			continue;
		s->sems[i].value = (uint16_t)(value < 0 ? 0 : value > SEM_VALUE_MAX ? SEM_VALUE_MAX : value);
		s->sems[i].pid = process_current()->pid;
	}
	s->otime_s = ipc_now_s();
	undo_free(u);
	go_on(s);
}

int sem_undo_share(struct task *child)
{
	child->sem_undo = own_list(task_current());
	if (!child->sem_undo)
		return -ENOMEM;
	refcount_get(&child->sem_undo->refs);
	return 0;
}

void sem_undo_exit(struct task *t)
{
	struct sem_undo_list *l = t->sem_undo;

	t->sem_undo = NULL;
	if (!l || !refcount_put(&l->refs))
		return;
	mutex_lock(&lock);
	while (!list_empty(&l->undos))
		undo_apply(list_first(&l->undos, struct sem_undo, list_link));
	mutex_unlock(&lock);
	kfree(l);
}

/* ---- the calls ---- */

/* Lock held. */
static long make(int key, int count, unsigned mode)
{
	size_t size = set_size((unsigned)count);
	struct sem_set *s;
	int err;

	if (!count)
		return -EINVAL;
	if (semaphores + (unsigned)count > ipc_limits.semmns)
		return -ENOSPC;
	if (ipc_charge(size))
		return -ENOMEM;
	s = kzalloc(size);
	err = s ? ipc_add(&table, &s->perm, key, mode, ipc_limits.semmni) : -ENOMEM;
	if (err) {
		kfree(s);
		ipc_uncharge(size);
		return err;
	}
	s->count = (unsigned)count;
	s->ctime_s = ipc_now_s();
	list_init(&s->waiting);
	list_init(&s->undos);
	semaphores += s->count;
	return s->perm.id;
}

static long get_locked(int key, int count, int flags)
{
	struct sem_set *s = key != IPC_PRIVATE ? (struct sem_set *)ipc_find_key(&table, key) : NULL;

	if (!s)
		return key == IPC_PRIVATE || flags & IPC_CREAT ? make(key, count, (unsigned)flags) : -ENOENT;
	if (flags & IPC_CREAT && flags & IPC_EXCL)
		return -EEXIST;
	if ((unsigned)count > s->count)
		return -EINVAL;
	return ipc_permits(&s->perm, (unsigned)(flags >> 6 | flags >> 3 | flags) & 7) ? s->perm.id : -EACCES;
}

long sem_get(int key, int count, int flags)
{
	long r;

	if (count < 0 || (unsigned)count > ipc_limits.semmsl)
		return -EINVAL;
	mutex_lock(&lock);
	r = get_locked(key, count, flags);
	mutex_unlock(&lock);
	return r;
}

/* Lock held: what can be refused before anything is tried. *undo: where SEM_UNDO is noted. */
static long prepare(struct sem_set *s, const struct sem_op *ops, unsigned count, struct sem_undo **undo)
{
	bool alters = false, undoes = false;
	unsigned top = 0;

	if (!s)
		return -EINVAL;
	for (unsigned i = 0; i < count; i++) {
		top = MAX(top, (unsigned)ops[i].num);
		alters |= ops[i].op != 0;
		undoes |= ops[i].flags & SEM_UNDO;
	}
	if (top >= s->count)
		return -EFBIG;
	if (!ipc_permits(&s->perm, alters ? 2 : 4))
		return -EACCES;
	*undo = undoes ? undo_of(s) : NULL;
	return undoes && !*undo ? -ENOMEM : 0;
}

/* In the set's list; lock held, and again when this returns. */
static long wait(struct sem_set *s, struct sem_wait *w, ktime_t deadline)
{
	long err;

	waitq_init(&w->wake);
	list_push_back(&s->waiting, &w->link);
	mutex_unlock(&lock);
	err = waitq_wait_until(&w->wake, load_acquire(&w->done), WAIT_INTERRUPTIBLE, deadline);
	mutex_lock(&lock);
	if (w->done)
		return w->result;
	list_del(&w->link);
	return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
}

long sem_operate(int id, const struct sem_op *ops, unsigned count, ktime_t deadline)
{
	struct sem_wait w = { .ops = ops, .count = count, .pid = process_current()->pid };
	struct sem_set *s;
	long r;

	mutex_lock(&lock);
	s = find(id);
	r = prepare(s, ops, count, &w.undo);
	if (!r)
		r = attempt(s, ops, count, w.undo, w.pid, &w.blocking);
	if (!r)
		go_on(s);
	else if (r > 0)
		r = wait(s, &w, deadline);
	mutex_unlock(&lock);
	return r;
}

/* The semaphore, if the caller may look at it. Lock held. ERR_PTR. */
static struct sem *look(int id, int num, unsigned wanted, struct sem_set **set)
{
	struct sem_set *s = find(id);

	*set = s;
	if (!s)
		return ERR_PTR(-EINVAL);
	if (!ipc_permits(&s->perm, wanted))
		return ERR_PTR(-EACCES);
	if (num < 0 || (unsigned)num >= s->count)
		return ERR_PTR(-EINVAL);
	return &s->sems[num];
}

/* One semaphore as it is now. 0, -EINVAL, -EACCES. */
static long get(int id, int num, struct sem *out)
{
	struct sem_set *s;
	struct sem *m;
	long r = 0;

	mutex_lock(&lock);
	m = look(id, num, 4, &s);
	if (IS_ERR(m))
		r = PTR_ERR(m);
	else
		*out = *m;
	mutex_unlock(&lock);
	return r;
}

long sem_value(int id, int num)
{
	struct sem m;
	long r = get(id, num, &m);

	return r ? r : m.value;
}

long sem_last_pid(int id, int num)
{
	struct sem m;
	long r = get(id, num, &m);

	return r ? r : m.pid;
}

long sem_waiters(int id, int num, bool zero)
{
	struct sem_wait *w;
	struct sem_set *s;
	struct sem *m;
	long n = 0;

	mutex_lock(&lock);
	m = look(id, num, 4, &s);
	if (IS_ERR(m)) {
		n = PTR_ERR(m);
	} else {
		list_for_each_entry(w, &s->waiting, link)
			n += w->blocking->num == num && (w->blocking->op == 0) == zero;
	}
	mutex_unlock(&lock);
	return n;
}

/* A value that was set is nobody's to undo. */
static void forget(struct sem_set *s, unsigned long num)
{
	struct sem_undo *u;

	list_for_each_entry(u, &s->undos, set_link)
		u->adjust[num] = 0;
}

long sem_set_value(int id, int num, int value)
{
	struct sem_set *s;
	struct sem *m;
	long r = 0;

	if (value < 0 || value > SEM_VALUE_MAX)
		return -ERANGE;
	mutex_lock(&lock);
	m = look(id, num, 2, &s);
	if (s && (num < 0 || (unsigned)num >= s->count)) /* looked at before the right */
		m = ERR_PTR(-EINVAL);
	if (IS_ERR(m)) {
		r = PTR_ERR(m);
	} else {
		forget(s, (unsigned long)num);
		m->value = (uint16_t)value;
		m->pid = process_current()->pid;
		s->ctime_s = ipc_now_s();
		go_on(s);
	}
	mutex_unlock(&lock);
	return r;
}

long sem_count(int id, unsigned wanted)
{
	struct sem_set *s;
	struct sem *m;
	long r;

	mutex_lock(&lock);
	m = look(id, 0, wanted, &s);
	r = IS_ERR(m) ? PTR_ERR(m) : (long)s->count;
	mutex_unlock(&lock);
	return r;
}

long sem_get_all(int id, uint16_t **values, unsigned long *count)
{
	struct sem_set *s;
	uint16_t *v = NULL;
	struct sem *m;
	long r = 0;

	mutex_lock(&lock);
	m = look(id, 0, 4, &s);
	if (IS_ERR(m))
		r = PTR_ERR(m);
	else if (!(v = kmalloc(s->count * sizeof(*v), 0)))
		r = -ENOMEM;
	for (unsigned long i = 0; !r && i < s->count; i++)
		v[i] = m[i].value;
	*count = r ? 0 : s->count;
	mutex_unlock(&lock);
	*values = v;
	return r;
}

long sem_set_all(int id, const uint16_t *values, unsigned long count)
{
	struct sem_set *s;
	struct sem *m;
	long r = 0;

	for (unsigned long i = 0; i < count; i++)
		if (values[i] > SEM_VALUE_MAX)
			return -ERANGE;
	mutex_lock(&lock);
	m = look(id, 0, 2, &s);
	if (IS_ERR(m))
		r = PTR_ERR(m);
	else if (s->count != count) /* another one by now */
		r = -EIDRM;
	for (unsigned long i = 0; !r && i < count; i++) {
		forget(s, i);
		m[i] = (struct sem){ values[i], process_current()->pid };
	}
	if (!r) {
		s->ctime_s = ipc_now_s();
		go_on(s);
	}
	mutex_unlock(&lock);
	return r;
}

long sem_stat(int id, bool by_index, bool any, struct sem_status *out)
{
	struct sem_set *s;
	long r;

	mutex_lock(&lock);
	s = (struct sem_set *)ipc_look(&table, id, by_index, any);
	if (IS_ERR(s)) {
		r = PTR_ERR(s);
	} else {
		*out = (struct sem_status){ .perm = s->perm, .otime_s = s->otime_s, .ctime_s = s->ctime_s, .count = s->count };
		r = s->perm.id;
	}
	mutex_unlock(&lock);
	return r;
}

long sem_set_owner(int id, uid_t uid, gid_t gid, unsigned mode)
{
	struct sem_set *s;
	long r;

	mutex_lock(&lock);
	s = find(id);
	r = ipc_set((struct ipc_perm *)s, uid, gid, mode);
	if (!r)
		s->ctime_s = ipc_now_s();
	mutex_unlock(&lock);
	return r;
}

long sem_remove(int id)
{
	struct sem_set *s;
	long r;

	mutex_lock(&lock);
	s = find(id);
	r = !s ? -EINVAL : !ipc_owns(&s->perm) ? -EPERM : 0;
	if (!r) {
		while (!list_empty(&s->waiting))
			finish(list_first(&s->waiting, struct sem_wait, link), -EIDRM);
		while (!list_empty(&s->undos))
			undo_free(list_first(&s->undos, struct sem_undo, set_link));
		semaphores -= s->count;
		ipc_uncharge(set_size(s->count));
		ipc_remove(&table, &s->perm);
		kfree(s);
	}
	mutex_unlock(&lock);
	return r;
}

void sem_totals(struct sem_totals *out)
{
	mutex_lock(&lock);
	*out = (struct sem_totals){ .sets = table.count, .semaphores = semaphores, .last_index = ipc_last_index(&table) };
	mutex_unlock(&lock);
}
