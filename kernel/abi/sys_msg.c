/* SPDX-License-Identifier: MIT */
/* System V message queues. */
#include "abi/ipcperm.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "proc/sysvmsg.h"
#include "syscall_protos.h"
#include "task/ipclimits.h"
#include "vm/usercopy.h"

enum { IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO, MSG_STAT = 11, MSG_INFO, MSG_STAT_ANY };
#define SEGMENT_BYTES 16u /* of limits that mean nothing any more */

struct u_msginfo { int32_t pool, map, max, mnb, mni, ssz, tql; uint16_t seg, pad; };

long sys_msgget(int key, int flags) { return msg_get(key, flags); }

/* A struct msgbuf of a program: its type, then the text. */
long sys_msgsnd(int id, uaddr_t buf, size_t size, int flags)
{
	struct msg *m;
	int32_t type;
	long err;

	if (user_get(&type, buf))
		return -EFAULT;
	if (size > ipc_limits.msgmax || (long)size < 0 || id < 0 || type < 1)
		return -EINVAL;
	m = msg_new(size);
	if (!m)
		return -ENOMEM;
	m->type = type;
	err = user_read(m->text, buf + sizeof(type), size) ? -EFAULT : msg_send(id, m, flags);
	if (err)
		msg_free(m);
	return err;
}

long sys_msgrcv(int id, uaddr_t buf, size_t size, long type, int flags)
{
	struct msg *m;
	int32_t t;
	long n;

	if (id < 0 || (long)size < 0)
		return -EINVAL;
	m = msg_receive(id, size, type, flags);
	if (IS_ERR(m))
		return PTR_ERR(m);
	t = (int32_t)m->type;
	n = (long)MIN(m->size, size);
	if (user_put(buf, &t) || user_write(buf + sizeof(t), m->text, (size_t)n))
		n = -EFAULT; /* and the message is gone, as on Linux */
	msg_free(m);
	return n;
}

static long stat_to_user(int id, bool by_index, bool any, uaddr_t to)
{
	struct u_msqid_ds u;
	struct msg_status s;
	long r = msg_stat(id, by_index, any, &s);

	if (r < 0)
		return r;
	u = (struct u_msqid_ds){ .perm = ipc_perm_to_user(&s.perm),
				 .stime = (uint32_t)s.stime_s, .stime_high = (uint32_t)(s.stime_s >> 32), .rtime = (uint32_t)s.rtime_s,
				 .rtime_high = (uint32_t)(s.rtime_s >> 32), .ctime = (uint32_t)s.ctime_s, .ctime_high = (uint32_t)(s.ctime_s >> 32),
				 .cbytes = (uint32_t)s.bytes, .qnum = (uint32_t)s.messages, .qbytes = (uint32_t)s.bytes_max, .lspid = s.lspid, .lrpid = s.lrpid };
	if (user_put(to, &u))
		return -EFAULT;
	return by_index ? r : 0;
}

static long set_from_user(int id, uaddr_t from)
{
	struct u_msqid_ds u;

	return user_get(&u, from) ? -EFAULT : msg_set(id, u.perm.uid, u.perm.gid, u.perm.mode, u.qbytes);
}

static long info_to_user(bool totals, uaddr_t to)
{
	struct u_msginfo u = { .max = (int32_t)ipc_limits.msgmax, .mnb = (int32_t)ipc_limits.msgmnb, .mni = (int32_t)ipc_limits.msgmni, .ssz = SEGMENT_BYTES, .seg = 0xffff };
	struct msg_totals t;

	msg_totals(&t);
	u.pool = totals ? (int32_t)t.queues : (int32_t)(ipc_limits.msgmni * ipc_limits.msgmnb / 1024);
	u.map = totals ? (int32_t)t.messages : u.mnb;
	u.tql = totals ? (int32_t)t.bytes : u.mnb;
	return user_put(to, &u) ? -EFAULT : t.last_index;
}

long sys_msgctl(int id, int cmd, uaddr_t buf)
{
	if (id < 0 || cmd < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_RMID: return msg_remove(id);
	case IPC_SET: return set_from_user(id, buf);
	case IPC_STAT: return stat_to_user(id, false, false, buf);
	case IPC_INFO: return info_to_user(false, buf);
	case MSG_INFO: return info_to_user(true, buf);
	case MSG_STAT: return stat_to_user(id, true, false, buf);
	case MSG_STAT_ANY: return stat_to_user(id, true, true, buf);
	default: return -EINVAL;
	}
}
