/* SPDX-License-Identifier: MIT */
/* Linux's structures as i386 programs see them. Names without a width are the old 32-bit ones. */
#ifndef ABI_UAPI_H
#define ABI_UAPI_H

#include "lib/compiler.h"
#include "lib/types.h"

struct u_timespec { int32_t sec, nsec; };
struct u_timespec64 { int64_t sec; int32_t nsec, pad; };
struct u_timeval { int32_t sec, usec; };
struct u_itimerval { struct u_timeval interval, value; };
struct u_iovec { uint32_t base, len; };
struct u_pollfd { int32_t fd; int16_t events, revents; };
struct u_rusage { struct u_timeval utime, stime; int32_t maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv, nsignals, nvcsw, nivcsw; };
struct u_sigaction { uint32_t handler, flags, restorer; uint64_t mask; } __packed;
struct u_old_sigaction { uint32_t handler, mask, flags, restorer; };
struct u_stack { uint32_t sp; int32_t flags; uint32_t size; };
struct u_stat { uint32_t dev, ino; uint16_t mode, nlink, uid, gid; uint32_t rdev, size, blksize, blocks, atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns, pad[2]; };
struct u_stat64 { uint64_t dev; uint32_t pad0, ino32, mode, nlink, uid, gid; uint64_t rdev; uint32_t pad3; int64_t size; uint32_t blksize; uint64_t blocks;
		  uint32_t atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns; uint64_t ino; } __packed;
struct u_statx_ts { int64_t sec; uint32_t nsec; int32_t pad; };
struct u_statx { uint32_t mask, blksize; uint64_t attributes; uint32_t nlink, uid, gid; uint16_t mode, pad; uint64_t ino, size, blocks, attributes_mask;
		 struct u_statx_ts atime, btime, ctime, mtime; uint32_t rdev_major, rdev_minor, dev_major, dev_minor; uint64_t mnt_id; uint64_t spare[13]; };
struct u_statfs { uint32_t type, bsize, blocks, bfree, bavail, files, ffree, fsid[2], namelen, frsize, flags, spare[4]; };
struct u_statfs64 { uint32_t type, bsize; uint64_t blocks, bfree, bavail, files, ffree; uint32_t fsid[2], namelen, frsize, flags, spare[4]; } __packed;
struct u_sysinfo { int32_t uptime; uint32_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap; uint16_t procs, pad; uint32_t totalhigh, freehigh, mem_unit;
		   char f[8]; };
struct u_utsname { char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65]; };
struct u_flock { int16_t type, whence; int32_t start, len, pid; };
struct u_flock64 { int16_t type, whence; int64_t start, len; int32_t pid; } __packed;
struct u_ipc_perm { int32_t key; uint32_t uid, gid, cuid, cgid; uint16_t mode, pad1, seq, pad2; uint32_t unused[2]; };
struct u_semid_ds { struct u_ipc_perm perm; uint32_t otime, otime_high, ctime, ctime_high, nsems, unused[2]; };
struct u_msqid_ds { struct u_ipc_perm perm; uint32_t stime, stime_high, rtime, rtime_high, ctime, ctime_high, cbytes, qnum, qbytes; int32_t lspid, lrpid; uint32_t unused[2]; };
struct u_tms { int32_t utime, stime, cutime, cstime; };

_Static_assert(sizeof(struct u_stat64) == 96, "struct stat64 of i386");
_Static_assert(sizeof(struct u_flock64) == 24, "struct flock64 of i386");
_Static_assert(sizeof(struct u_stat) == 64, "struct stat of i386");
_Static_assert(sizeof(struct u_semid_ds) == 64 && sizeof(struct u_msqid_ds) == 88, "struct semid64_ds, msqid64_ds of i386");
_Static_assert(sizeof(struct u_statx) == 256, "struct statx");
_Static_assert(sizeof(struct u_sigaction) == 20, "struct kernel_sigaction");

#endif
