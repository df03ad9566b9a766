/* SPDX-License-Identifier: MIT */
/* System V shared memory, by its own calls and by the old one for all of System V's. */
#include "abi/ipcperm.h"
#include "abi/sys_sem.h"
#include "lib/errno.h"
#include "proc/sysvshm.h"
#include "syscall_protos.h"
#include "task/ipclimits.h"
#include "vm/mmap.h"
#include "vm/usercopy.h"

enum { IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO, SHM_LOCK = 11, SHM_UNLOCK, SHM_STAT, SHM_INFO, SHM_STAT_ANY };
enum { CALL_SEMOP = 1, CALL_SEMGET, CALL_SEMCTL, CALL_SEMTIMEDOP, CALL_MSGSND = 11, CALL_MSGRCV, CALL_MSGGET, CALL_MSGCTL, CALL_SHMAT = 21, CALL_SHMDT, CALL_SHMGET, CALL_SHMCTL };
#define IPC_64 0x100 /* asks the old call for the layout that the new one always has */

struct u_shmid_ds { struct u_ipc_perm perm; uint32_t size, atime, atime_high, dtime, dtime_high, ctime, ctime_high; int32_t cpid, lpid; uint32_t attached, unused[2]; };
struct u_shminfo { uint32_t max, min, mni, seg, all, unused[4]; };
struct u_shm_info { int32_t used; uint32_t total, resident, swapped, attempts, successes; };

_Static_assert(sizeof(struct u_shmid_ds) == 84, "struct shmid64_ds of i386");

long sys_shmget(int key, size_t size, int flags) { return shm_get(key, size, flags); }
long sys_shmat(int id, uaddr_t addr, int flags) { return (long)shm_attach(id, addr, flags); }
long sys_shmdt(uaddr_t addr) { return shm_detach(addr); }

static long stat_to_user(int id, bool by_index, bool any, uaddr_t to)
{
	struct shm_status s;
	struct u_shmid_ds u;
	long r = shm_stat(id, by_index, any, &s);

	if (r < 0)
		return r;
	u = (struct u_shmid_ds){ .perm = ipc_perm_to_user(&s.perm), .size = (uint32_t)s.size, .atime = (uint32_t)s.atime_s,
				 .dtime = (uint32_t)s.dtime_s, .ctime = (uint32_t)s.ctime_s, .cpid = s.cpid, .lpid = s.lpid, .attached = (uint32_t)s.attached };
	if (user_put(to, &u))
		return -EFAULT;
	return by_index ? r : 0;
}

static long set_from_user(int id, uaddr_t from)
{
	struct u_shmid_ds u;

	if (user_get(&u, from))
		return -EFAULT;
	return shm_set(id, u.perm.uid, u.perm.gid, u.perm.mode);
}

static long limits_to_user(uaddr_t to)
{
	struct u_shminfo u = { .max = (uint32_t)ipc_limits.shmmax, .min = 1, .mni = (uint32_t)ipc_limits.shmmni, .seg = (uint32_t)ipc_limits.shmmni, .all = (uint32_t)ipc_limits.shmall };
	struct shm_totals t;

	shm_totals(&t);
	return user_put(to, &u) ? -EFAULT : t.last_index;
}

static long totals_to_user(uaddr_t to)
{
	struct shm_totals t;
	struct u_shm_info u;

	shm_totals(&t);
	u = (struct u_shm_info){ .used = (int32_t)t.segments, .total = (uint32_t)t.pages, .resident = (uint32_t)t.resident_pages };
	return user_put(to, &u) ? -EFAULT : t.last_index;
}

long sys_shmctl(int id, int cmd, uaddr_t buf)
{
	if (cmd < 0 || id < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_RMID: return shm_remove(id);
	case IPC_SET: return set_from_user(id, buf);
	case IPC_STAT: return stat_to_user(id, false, false, buf);
	case IPC_INFO: return limits_to_user(buf);
	case SHM_INFO: return totals_to_user(buf);
	case SHM_STAT: return stat_to_user(id, true, false, buf);
	case SHM_STAT_ANY: return stat_to_user(id, true, true, buf);
	case SHM_LOCK: case SHM_UNLOCK: return shm_lock(id);
	default: return -EINVAL;
	}
}

static long attach_for(int id, uaddr_t addr, int flags, uaddr_t result)
{
	unsigned long at = shm_attach(id, addr, flags);

	return IS_ERR_VALUE(at) ? (long)at : user_put(result, &at);
}

/* IPC_SET, IPC_STAT, MSG_STAT and SEM_STAT take a structure, which is only known in the layout that the new calls have. */
static bool layout_known(unsigned long cmd, unsigned stat) { return cmd & IPC_64 || (cmd != IPC_SET && cmd != IPC_STAT && cmd != stat); }

static long semctl_for(int id, int num, unsigned long cmd, uaddr_t arg)
{
	uint32_t word;

	if (user_get(&word, arg))
		return -EFAULT;
	return layout_known(cmd, 18) ? sys_semctl(id, num, (int)cmd & ~IPC_64, word) : -EINVAL;
}

/* Version 0 has where and type in a structure. */
static long msgrcv_for(unsigned version, int id, size_t size, int flags, uaddr_t ptr, long type)
{
	struct { uint32_t text; int32_t type; } u;

	if (version)
		return sys_msgrcv(id, ptr, size, type, flags);
	if (!ptr)
		return -EINVAL;
	return user_get(&u, ptr) ? -EFAULT : sys_msgrcv(id, u.text, size, u.type, flags);
}

/* The upper half of call is a version of its arguments. */
long sys_ipc(unsigned call, int first, unsigned long second, unsigned long third, uaddr_t ptr, long fifth)
{
	switch (call & 0xffff) {
	case CALL_SEMOP: return semtimedop_call(first, ptr, (unsigned)second, 0, false);
	case CALL_SEMTIMEDOP: return semtimedop_call(first, ptr, (unsigned)second, (uaddr_t)fifth, false);
	case CALL_SEMGET: return sys_semget(first, (int)second, (int)third);
	case CALL_SEMCTL: return !ptr ? -EINVAL : semctl_for(first, (int)second, third, ptr);
	case CALL_MSGSND: return sys_msgsnd(first, ptr, second, (int)third);
	case CALL_MSGRCV: return msgrcv_for(call >> 16, first, second, (int)third, ptr, fifth);
	case CALL_MSGGET: return sys_msgget(first, (int)second);
	case CALL_MSGCTL: return layout_known(second, 11) ? sys_msgctl(first, (int)second & ~IPC_64, ptr) : -EINVAL;
	case CALL_SHMAT: return call >> 16 == 1 ? -EINVAL : attach_for(first, ptr, (int)second, third);
	case CALL_SHMDT: return shm_detach(ptr);
	case CALL_SHMGET: return shm_get(first, second, (int)third);
	case CALL_SHMCTL: return second & IPC_64 || second == IPC_RMID || second == SHM_LOCK || second == SHM_UNLOCK ? sys_shmctl(first, (int)second & ~IPC_64, ptr) : -EINVAL;
	default: return -ENOSYS;
	}
}
