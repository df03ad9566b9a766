/* SPDX-License-Identifier: MIT */
/* What a thread may do: sets of capabilities, and the bits that say what user ids do to them. */
#include "abi/sys_caps.h"
#include "abi/convert.h"
#include "lib/errno.h"
#include "syscall_protos.h"
#include "task/pid.h"

static const struct cred *me(void) { return cred_current(); }

/* Puts changed credentials, with the same ids, in place. */
static long replace(struct cred *c)
{
	struct task *t = task_current();
	struct cred *old = t->cred;

	c->cap_ambient &= c->cap_permitted & c->cap_inheritable;
	spin_lock(&proc_tree_lock);
	t->cred = c;
	spin_unlock(&proc_tree_lock);
	cred_put(old);
	return 0;
}

#define CAP_VERSION_3 0x20080522u
#define CAP_VERSION_2 0x20071026u
#define CAP_VERSION_1 0x19980330u

/* The three sets of a thread: effective, permitted, inheritable. -ESRCH. */
static long caps_of(pid_t tid, uint64_t sets[3])
{
	struct task *t = tid ? pid_task(tid) : (task_get(task_current()), task_current());

	if (!t)
		return -ESRCH;
	spin_lock(&proc_tree_lock);
	sets[0] = t->cred->cap_effective;
	sets[1] = t->cred->cap_permitted;
	sets[2] = t->cred->cap_inheritable;
	spin_unlock(&proc_tree_lock);
	task_put(t);
	return 0;
}

long sys_capget(uaddr_t header, uaddr_t data)
{
	uint32_t h[2], v[6];
	uint64_t sets[3];
	unsigned words;
	long err;

	if (user_read(h, header, sizeof(h)))
		return -EFAULT;
	words = h[0] == CAP_VERSION_1 ? 1 : 2;
	if (h[0] != CAP_VERSION_1 && h[0] != CAP_VERSION_2 && h[0] != CAP_VERSION_3) {
		h[0] = CAP_VERSION_3;
		return user_write(header, h, 4) ? -EFAULT : data ? -EINVAL : 0;
	}
	if ((int)h[1] < 0)
		return -EINVAL;
	err = caps_of((pid_t)h[1], sets);
	if (err)
		return err;
	for (unsigned i = 0; i < words * 3; i++)
		v[i] = (uint32_t)(sets[i % 3] >> (32 * (i / 3)));
	return data ? user_write(data, v, words * 12) : 0;
}

long sys_capset(uaddr_t header, uaddr_t data)
{
	uint32_t h[2], v[6] = { 0 };
	struct cred *c;
	uint64_t eff, perm, inh;

	if (user_read(h, header, sizeof(h)))
		return -EFAULT;
	if (h[0] != CAP_VERSION_1 && h[0] != CAP_VERSION_2 && h[0] != CAP_VERSION_3)
		return -EINVAL;
	if (h[1] && (pid_t)h[1] != process_current()->pid)
		return -EPERM;
	if (user_read(v, data, h[0] == CAP_VERSION_1 ? 12 : 24))
		return -EFAULT;
	eff = v[0] | (uint64_t)v[3] << 32;
	perm = v[1] | (uint64_t)v[4] << 32;
	inh = v[2] | (uint64_t)v[5] << 32;
	if (perm & ~me()->cap_permitted || eff & ~perm)
		return -EPERM;
	if (inh & ~(me()->cap_inheritable | me()->cap_bounding) || (!capable(CAP_SETPCAP) && inh & ~(me()->cap_inheritable | me()->cap_permitted)))
		return -EPERM;
	c = cred_dup(me());
	if (!c)
		return -ENOMEM;
	c->cap_effective = eff;
	c->cap_permitted = perm;
	c->cap_inheritable = inh;
	return replace(c);
}

/* ---- prctl ---- */

enum { PR_GET_KEEPCAPS = 7, PR_SET_KEEPCAPS, PR_CAPBSET_READ = 23, PR_CAPBSET_DROP, PR_GET_SECUREBITS = 27, PR_SET_SECUREBITS, PR_CAP_AMBIENT = 47 };
enum { PR_CAP_AMBIENT_IS_SET = 1, PR_CAP_AMBIENT_RAISE, PR_CAP_AMBIENT_LOWER, PR_CAP_AMBIENT_CLEAR_ALL };

/* Each bit is locked by the next one. */
#define SECURE_LOCKS 0xaau
#define SECURE_ALL 0xffu

static bool may_set_securebits(unsigned long bits)
{
	unsigned now = me()->securebits, locks = now & SECURE_LOCKS;

	return !(locks >> 1 & (now ^ bits)) && !(locks & ~bits) && !(bits & ~(unsigned long)SECURE_ALL) && capable(CAP_SETPCAP);
}

static long set_securebits(unsigned long bits)
{
	struct cred *c = cred_dup(me());

	if (!c)
		return -ENOMEM;
	c->securebits = (uint8_t)bits;
	return replace(c);
}

static long set_keep_caps(unsigned long on)
{
	if (on > 1)
		return -EINVAL;
	if (me()->securebits & SECURE_KEEP_CAPS << 1)
		return -EPERM;
	return set_securebits(on ? me()->securebits | SECURE_KEEP_CAPS : me()->securebits & ~SECURE_KEEP_CAPS);
}

static long drop_bounding(unsigned long cap)
{
	struct cred *c;

	if (!capable(CAP_SETPCAP))
		return -EPERM;
	if (cap > CAP_LAST)
		return -EINVAL;
	c = cred_dup(me());
	if (!c)
		return -ENOMEM;
	c->cap_bounding &= ~(1ull << cap);
	return replace(c);
}

static long set_ambient(uint64_t set)
{
	struct cred *c = cred_dup(me());

	if (!c)
		return -ENOMEM;
	c->cap_ambient = set;
	return replace(c);
}

static long ambient_caps(unsigned long what, unsigned long cap, unsigned long a4, unsigned long a5)
{
	const struct cred *c = me();

	if (what == PR_CAP_AMBIENT_CLEAR_ALL)
		return cap | a4 | a5 ? -EINVAL : set_ambient(0);
	if (a4 | a5 || cap > CAP_LAST)
		return -EINVAL;
	switch (what) {
	case PR_CAP_AMBIENT_IS_SET: return (long)(c->cap_ambient >> cap & 1);
	case PR_CAP_AMBIENT_RAISE:
		if (!((c->cap_permitted & c->cap_inheritable) >> cap & 1) || c->securebits & SECURE_NO_AMBIENT_RAISE)
			return -EPERM;
		return set_ambient(c->cap_ambient | 1ull << cap);
	case PR_CAP_AMBIENT_LOWER: return set_ambient(c->cap_ambient & ~(1ull << cap));
	default: return -EINVAL;
	}
}

long caps_prctl(int option, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5)
{
	switch (option) {
	case PR_GET_KEEPCAPS: return !!(me()->securebits & SECURE_KEEP_CAPS);
	case PR_SET_KEEPCAPS: return set_keep_caps(a2);
	case PR_CAPBSET_READ: return a2 > CAP_LAST ? -EINVAL : (long)(me()->cap_bounding >> a2 & 1);
	case PR_CAPBSET_DROP: return drop_bounding(a2);
	case PR_GET_SECUREBITS: return me()->securebits;
	case PR_SET_SECUREBITS: return may_set_securebits(a2) ? set_securebits(a2) : -EPERM;
	case PR_CAP_AMBIENT: return ambient_caps(a2, a3, a4, a5);
	default: return -ENOSYS;
	}
}
