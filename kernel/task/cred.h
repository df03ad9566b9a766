/* SPDX-License-Identifier: MIT */
/* Credentials: immutable once published, counted, replaced as a whole. Capabilities: root's set or none, as far as programs ask. */
#ifndef TASK_CRED_H
#define TASK_CRED_H

#include "lib/refcount.h"
#include "lib/types.h"

#define NGROUPS_MAX 65536

struct cred {
	refcount_t refs;
	uid_t uid, euid, suid, fsuid;
	gid_t gid, egid, sgid, fsgid;
	uint64_t cap_permitted, cap_effective, cap_inheritable, cap_bounding;
	uint64_t cap_ambient; /* permitted and inheritable as well; exec of an ordinary program leaves these in effect */
	uint8_t securebits;   /* SECURE_, each locked by the bit above it */
	unsigned group_count;
	gid_t *groups; /* sorted; owned */
};

#define SECURE_NO_ROOT 1u           /* root's programs get no capabilities for being root's */
#define SECURE_NO_SETUID_FIXUP 4u  /* changes of user ids leave capabilities alone */
#define SECURE_KEEP_CAPS 16u       /* giving up all root ids leaves the permitted set; until exec */
#define SECURE_NO_AMBIENT_RAISE 64u

enum capability {
	CAP_CHOWN = 0, CAP_DAC_OVERRIDE = 1, CAP_DAC_READ_SEARCH = 2, CAP_FOWNER = 3, CAP_FSETID = 4, CAP_KILL = 5, CAP_SETGID = 6,
	CAP_SETUID = 7, CAP_SETPCAP = 8, CAP_LINUX_IMMUTABLE = 9, CAP_IPC_LOCK = 14, CAP_IPC_OWNER = 15, CAP_SYS_RAWIO = 17, CAP_SYS_CHROOT = 18, CAP_SYS_PTRACE = 19, CAP_SYS_ADMIN = 21, CAP_SYS_BOOT = 22, CAP_SYS_NICE = 23,
	CAP_SYS_RESOURCE = 24, CAP_SYS_TIME = 25, CAP_SYS_TTY_CONFIG = 26, CAP_MKNOD = 27, CAP_AUDIT_CONTROL = 30, CAP_MAC_OVERRIDE = 32, CAP_WAKE_ALARM = 35, CAP_CHECKPOINT_RESTORE = 40, CAP_LAST = 40,
};

struct cred *cred_root(void);                         /* root's, with all rights; a new reference; never NULL */
struct cred *cred_dup(const struct cred *c);          /* private copy to change, refs 1; NULL without memory */
static inline struct cred *cred_get(struct cred *c) { refcount_get(&c->refs); return c; }
void cred_put(struct cred *c);
static inline bool cred_capable(const struct cred *c, enum capability cap) { return c->cap_effective >> cap & 1; }
bool cred_in_group(const struct cred *c, gid_t gid);  /* fsgid or supplementary */
/* Recomputes the sets after the ids changed (root's rules of capabilities(7)). */
void cred_fix_caps(struct cred *c, const struct cred *old);
/* The sets that a new program has, whose ids c has already, while old are the credentials of who starts it; bound: it may get nothing that he lacks. */
void cred_exec_caps(struct cred *c, const struct cred *old, bool bound);

#endif
