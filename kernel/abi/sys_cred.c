/* SPDX-License-Identifier: MIT */
/* Who a process is allowed to be: user and group ids, groups, capabilities. Credentials are copied, changed, and put in place as a whole. */
#include "abi/convert.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "syscall_protos.h"
#include "task/coreset.h"
#include "task/pid.h"
#include "task/process.h"
#include "task/usercount.h"

#define KEEP (~0u)

static const struct cred *me(void) { return cred_current(); }

/* From now on the process's threads count to this user, and its signals are charged to him. */
static long join_user(uid_t uid)
{
	struct process *p = process_current();
	struct siguser *user = siguser_get(uid), *old;
	unsigned long irq;

	if (!user)
		return -ENOMEM;
	if (usercount_add(uid)) {
		siguser_put(user);
		return -ENOMEM;
	}
	irq = sighand_lock(p);
	old = p->sig_user;
	p->sig_user = user;
	sighand_unlock(p, irq);
	siguser_put(old);
	return 0;
}

static long replace(struct cred *c)
{
	struct task *t = task_current();
	struct cred *old = t->cred;

	if (c->uid != old->uid && join_user(c->uid)) {
		cred_put(c);
		return -EAGAIN; /* as for any want of what a user may have */
	}
	cred_fix_caps(c, old);
	spin_lock(&proc_tree_lock);
	t->cred = c;
	if (c->euid != old->euid || c->egid != old->egid || c->fsuid != old->fsuid || c->fsgid != old->fsgid) {
		t->parent_death_signal = 0; /* prctl(2) */
		t->process->dumpable = core_suid_dumpable;
	}
	spin_unlock(&proc_tree_lock);
	if (c->uid != old->uid)
		usercount_sub(old->uid);
	cred_put(old);
	return 0;
}

long sys_getuid(void) { return (long)me()->uid; }
long sys_geteuid(void) { return (long)me()->euid; }
long sys_getgid(void) { return (long)me()->gid; }
long sys_getegid(void) { return (long)me()->egid; }
long sys_getuid16(void) { return (long)id_to16(me()->uid); }
long sys_geteuid16(void) { return (long)id_to16(me()->euid); }
long sys_getgid16(void) { return (long)id_to16(me()->gid); }
long sys_getegid16(void) { return (long)id_to16(me()->egid); }

static bool one_of(unsigned id, unsigned a, unsigned b, unsigned c) { return id == KEEP || id == a || id == b || id == c; }

long sys_setresuid(unsigned r, unsigned e, unsigned s)
{
	const struct cred *o = me();
	struct cred *c;

	if (!capable(CAP_SETUID) && !(one_of(r, o->uid, o->euid, o->suid) && one_of(e, o->uid, o->euid, o->suid) && one_of(s, o->uid, o->euid, o->suid)))
		return -EPERM;
	c = cred_dup(o);
	if (!c)
		return -ENOMEM;
	c->uid = r == KEEP ? o->uid : r;
	c->euid = c->fsuid = e == KEEP ? o->euid : e;
	c->suid = s == KEEP ? o->suid : s;
	return replace(c);
}

long sys_setresgid(unsigned r, unsigned e, unsigned s)
{
	const struct cred *o = me();
	struct cred *c;

	if (!capable(CAP_SETGID) && !(one_of(r, o->gid, o->egid, o->sgid) && one_of(e, o->gid, o->egid, o->sgid) && one_of(s, o->gid, o->egid, o->sgid)))
		return -EPERM;
	c = cred_dup(o);
	if (!c)
		return -ENOMEM;
	c->gid = r == KEEP ? o->gid : r;
	c->egid = c->fsgid = e == KEEP ? o->egid : e;
	c->sgid = s == KEEP ? o->sgid : s;
	return replace(c);
}

long sys_setuid(unsigned uid)
{
	if (uid == KEEP)
		return -EINVAL;
	if (capable(CAP_SETUID))
		return sys_setresuid(uid, uid, uid);
	if (uid != me()->uid && uid != me()->suid)
		return -EPERM;
	return sys_setresuid(KEEP, uid, KEEP);
}

long sys_setgid(unsigned gid)
{
	if (gid == KEEP)
		return -EINVAL;
	if (capable(CAP_SETGID))
		return sys_setresgid(gid, gid, gid);
	if (gid != me()->gid && gid != me()->sgid)
		return -EPERM;
	return sys_setresgid(KEEP, gid, KEEP);
}

/* The saved id follows the effective one when the real id is set, or the effective one to something else than the old real id. */
long sys_setreuid(unsigned r, unsigned e)
{
	const struct cred *o = me();
	unsigned ne = e == KEEP ? o->euid : e;

	if (!capable(CAP_SETUID) && (!(r == KEEP || r == o->uid || r == o->euid) || !one_of(e, o->uid, o->euid, o->suid)))
		return -EPERM;
	struct cred *c = cred_dup(o);
	if (!c)
		return -ENOMEM;
	c->uid = r == KEEP ? o->uid : r;
	c->euid = c->fsuid = ne;
	if (r != KEEP || (e != KEEP && e != o->uid))
		c->suid = ne;
	return replace(c);
}

long sys_setregid(unsigned r, unsigned e)
{
	const struct cred *o = me();
	unsigned ne = e == KEEP ? o->egid : e;

	if (!capable(CAP_SETGID) && (!(r == KEEP || r == o->gid || r == o->egid) || !one_of(e, o->gid, o->egid, o->sgid)))
		return -EPERM;
	struct cred *c = cred_dup(o);
	if (!c)
		return -ENOMEM;
	c->gid = r == KEEP ? o->gid : r;
	c->egid = c->fsgid = ne;
	if (r != KEEP || (e != KEEP && e != o->gid))
		c->sgid = ne;
	return replace(c);
}

long sys_setfsuid(unsigned uid)
{
	const struct cred *o = me();
	long old = (long)o->fsuid;
	struct cred *c;

	if (uid == KEEP || (!capable(CAP_SETUID) && uid != o->uid && uid != o->euid && uid != o->suid && uid != o->fsuid))
		return old;
	c = cred_dup(o);
	if (c) {
		c->fsuid = uid;
		replace(c);
	}
	return old;
}

long sys_setfsgid(unsigned gid)
{
	const struct cred *o = me();
	long old = (long)o->fsgid;
	struct cred *c;

	if (gid == KEEP || (!capable(CAP_SETGID) && gid != o->gid && gid != o->egid && gid != o->sgid && gid != o->fsgid))
		return old;
	c = cred_dup(o);
	if (c) {
		c->fsgid = gid;
		replace(c);
	}
	return old;
}

static long put3(uaddr_t a, uaddr_t b, uaddr_t c, unsigned x, unsigned y, unsigned z) { return user_put(a, &x) || user_put(b, &y) || user_put(c, &z) ? -EFAULT : 0; }

static long put3_16(uaddr_t a, uaddr_t b, uaddr_t c, unsigned x, unsigned y, unsigned z)
{
	uint16_t v[3] = { (uint16_t)id_to16(x), (uint16_t)id_to16(y), (uint16_t)id_to16(z) };

	return user_put(a, &v[0]) || user_put(b, &v[1]) || user_put(c, &v[2]) ? -EFAULT : 0;
}

long sys_getresuid(uaddr_t r, uaddr_t e, uaddr_t s) { return put3(r, e, s, me()->uid, me()->euid, me()->suid); }
long sys_getresgid(uaddr_t r, uaddr_t e, uaddr_t s) { return put3(r, e, s, me()->gid, me()->egid, me()->sgid); }
long sys_getresuid16(uaddr_t r, uaddr_t e, uaddr_t s) { return put3_16(r, e, s, me()->uid, me()->euid, me()->suid); }
long sys_getresgid16(uaddr_t r, uaddr_t e, uaddr_t s) { return put3_16(r, e, s, me()->gid, me()->egid, me()->sgid); }
long sys_setuid16(unsigned id) { return sys_setuid(id_from16(id)); }
long sys_setgid16(unsigned id) { return sys_setgid(id_from16(id)); }
long sys_setreuid16(unsigned r, unsigned e) { return sys_setreuid(id_from16(r), id_from16(e)); }
long sys_setregid16(unsigned r, unsigned e) { return sys_setregid(id_from16(r), id_from16(e)); }
long sys_setresuid16(unsigned r, unsigned e, unsigned s) { return sys_setresuid(id_from16(r), id_from16(e), id_from16(s)); }
long sys_setresgid16(unsigned r, unsigned e, unsigned s) { return sys_setresgid(id_from16(r), id_from16(e), id_from16(s)); }
long sys_setfsuid16(unsigned id) { return sys_setfsuid(id_from16(id)); }
long sys_setfsgid16(unsigned id) { return sys_setfsgid(id_from16(id)); }

static long get_groups(int size, uaddr_t list, bool narrow)
{
	const struct cred *c = me();

	if (size < 0)
		return -EINVAL;
	if (!size)
		return (long)c->group_count;
	if ((unsigned)size < c->group_count)
		return -EINVAL;
	for (unsigned i = 0; i < c->group_count; i++) {
		uint16_t n = (uint16_t)id_to16(c->groups[i]);

		if (narrow ? user_put(list + i * 2, &n) : user_put(list + i * 4, &c->groups[i]))
			return -EFAULT;
	}
	return (long)c->group_count;
}

static long set_groups(int size, uaddr_t list, bool narrow)
{
	struct cred *c;
	gid_t *groups;

	if (!capable(CAP_SETGID))
		return -EPERM;
	if ((unsigned)size > NGROUPS_MAX)
		return -EINVAL;
	groups = kmalloc(((unsigned)size + 1) * sizeof(gid_t), 0);
	c = groups ? cred_dup(me()) : NULL;
	if (!c) {
		kfree(groups);
		return -ENOMEM;
	}
	for (int i = 0; i < size; i++) {
		uint16_t n;
		int err = narrow ? user_get(&n, list + (unsigned)i * 2) : user_get(&groups[i], list + (unsigned)i * 4);

		if (err) {
			kfree(groups);
			cred_put(c);
			return -EFAULT;
		}
		if (narrow)
			groups[i] = n;
	}
	kfree(c->groups);
	c->groups = groups;
	c->group_count = (unsigned)size;
	return replace(c);
}

long sys_getgroups(int size, uaddr_t list) { return get_groups(size, list, false); }
long sys_getgroups16(int size, uaddr_t list) { return get_groups(size, list, true); }
long sys_setgroups(int size, uaddr_t list) { return set_groups(size, list, false); }
long sys_setgroups16(int size, uaddr_t list) { return set_groups(size, list, true); }
