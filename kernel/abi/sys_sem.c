/* SPDX-License-Identifier: MIT */
/* System V semaphores. */
#include "abi/ipcperm.h"
#include "abi/sys_sem.h"
#include "abi/convert.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "proc/sysvsem.h"
#include "sched/waitq.h"
#include "syscall_protos.h"
#include "task/ipclimits.h"

enum { IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO, GETPID = 11, GETVAL, GETALL, GETNCNT, GETZCNT, SETVAL, SETALL, SEM_STAT, SEM_INFO, SEM_STAT_ANY };
#define FEW 16u

struct u_seminfo { int32_t map, mni, mns, mnu, msl, opm, ume, usz, vmx, aem; };

_Static_assert(sizeof(struct sem_op) == 6, "struct sembuf");

long sys_semget(int key, int count, int flags) { return sem_get(key, count, flags); }

static long operate(int id, uaddr_t from, unsigned count, ktime_t deadline)
{
	struct sem_op few[FEW], *ops = few;
	long r;

	if (count > ipc_limits.semopm)
		return -E2BIG;
	if (!count)
		return -EINVAL;
	if (count > FEW && !(ops = kmalloc(count * sizeof(*ops), 0)))
		return -ENOMEM;
	r = user_read(ops, from, count * sizeof(*ops));
	if (!r)
		r = id < 0 ? -EINVAL : sem_operate(id, ops, count, deadline);
	if (ops != few)
		kfree(ops);
	return r;
}

long semtimedop_call(int id, uaddr_t from, unsigned count, uaddr_t timeout, bool wide)
{
	uint64_t ns;
	long err;

	if (!timeout)
		return operate(id, from, count, WAIT_FOREVER);
	err = time_from_user(timeout, wide, &ns);
	return err ? err : operate(id, from, count, deadline_after(ns));
}

long sys_semtimedop_time64(int id, uaddr_t ops, unsigned count, uaddr_t timeout) { return semtimedop_call(id, ops, count, timeout, true); }

static long stat_to_user(int id, bool by_index, bool any, uaddr_t to)
{
	struct u_semid_ds u;
	struct sem_status s;
	long r = sem_stat(id, by_index, any, &s);

	if (r < 0)
		return r;
	u = (struct u_semid_ds){ .perm = ipc_perm_to_user(&s.perm),
				 .otime = (uint32_t)s.otime_s, .otime_high = (uint32_t)(s.otime_s >> 32), .ctime = (uint32_t)s.ctime_s,
				 .ctime_high = (uint32_t)(s.ctime_s >> 32), .nsems = (uint32_t)s.count };
	if (user_put(to, &u))
		return -EFAULT;
	return by_index ? r : 0;
}

static long set_from_user(int id, uaddr_t from)
{
	struct u_semid_ds u;

	return user_get(&u, from) ? -EFAULT : sem_set_owner(id, u.perm.uid, u.perm.gid, u.perm.mode);
}

static long info_to_user(bool totals, uaddr_t to)
{
	const struct ipc_limits *l = &ipc_limits;
	struct u_seminfo u = { .map = (int32_t)l->semmns, .mni = (int32_t)l->semmni, .mns = (int32_t)l->semmns, .mnu = (int32_t)l->semmns, .msl = (int32_t)l->semmsl,
			       .opm = (int32_t)l->semopm, .ume = (int32_t)l->semopm, .usz = 20, .vmx = SEM_VALUE_MAX, .aem = SEM_VALUE_MAX };
	struct sem_totals t;

	sem_totals(&t);
	if (totals) {
		u.usz = (int32_t)t.sets;
		u.aem = (int32_t)t.semaphores;
	}
	return user_put(to, &u) ? -EFAULT : t.last_index;
}

static long all_to_user(int id, uaddr_t to)
{
	unsigned long count;
	uint16_t *values;
	long r = sem_get_all(id, &values, &count);

	if (!r && user_write(to, values, count * sizeof(*values)))
		r = -EFAULT;
	kfree(values);
	return r;
}

static long all_from_user(int id, uaddr_t from)
{
	long count = sem_count(id, 2), r;
	uint16_t *values;

	if (count < 0)
		return count;
	values = kmalloc((size_t)count * sizeof(*values), 0);
	if (!values)
		return -ENOMEM;
	r = user_read(values, from, (size_t)count * sizeof(*values)) ? -EFAULT : sem_set_all(id, values, (unsigned long)count);
	kfree(values);
	return r;
}

long sys_semctl(int id, int num, int cmd, uaddr_t arg)
{
	if (id < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_RMID: return sem_remove(id);
	case IPC_SET: return set_from_user(id, arg);
	case IPC_STAT: return stat_to_user(id, false, false, arg);
	case IPC_INFO: return info_to_user(false, arg);
	case SEM_INFO: return info_to_user(true, arg);
	case SEM_STAT: return stat_to_user(id, true, false, arg);
	case SEM_STAT_ANY: return stat_to_user(id, true, true, arg);
	case GETPID: return sem_last_pid(id, num);
	case GETVAL: return sem_value(id, num);
	case GETNCNT: return sem_waiters(id, num, false);
	case GETZCNT: return sem_waiters(id, num, true);
	case GETALL: return all_to_user(id, arg);
	case SETVAL: return sem_set_value(id, num, (int)arg);
	case SETALL: return all_from_user(id, arg);
	default: return -EINVAL;
	}
}
