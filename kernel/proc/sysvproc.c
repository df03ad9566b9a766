/* SPDX-License-Identifier: MIT */
#include "proc/sysvproc.h"

#include "fs/proctext.h"
#include "proc/sysvmsg.h"
#include "proc/sysvsem.h"
#include "proc/sysvshm.h"

typedef unsigned long long ull;

int sysvproc_shm(struct text *t)
{
	struct shm_totals all;
	struct shm_status s;

	shm_totals(&all);
	text_printf(t, "       key      shmid perms       size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime        rss       swap\n");
	for (int i = 0; i <= all.last_index; i++) {
		if (shm_stat(i, true, true, &s) < 0)
			continue;
		text_printf(t, "%10d %10d  %4o %10lu %5u %5u  %5lu %5u %5u ", s.perm.key, s.perm.id, s.perm.mode, (unsigned long)s.size, (unsigned)s.cpid,
			    (unsigned)s.lpid, s.attached, s.perm.uid, s.perm.gid);
		text_printf(t, "%5u %5u %10llu %10llu %10llu %10lu %10lu\n", s.perm.cuid, s.perm.cgid, (ull)s.atime_s, (ull)s.dtime_s, (ull)s.ctime_s,
			    s.resident_pages << PAGE_SHIFT, 0ul);
	}
	return 0;
}

int sysvproc_sem(struct text *t)
{
	struct sem_totals all;
	struct sem_status s;

	sem_totals(&all);
	text_printf(t, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n");
	for (int i = 0; i <= all.last_index; i++)
		if (sem_stat(i, true, true, &s) >= 0)
			text_printf(t, "%10d %10d  %4o %10lu %5u %5u %5u %5u %10llu %10llu\n", s.perm.key, s.perm.id, s.perm.mode, s.count, s.perm.uid, s.perm.gid,
				    s.perm.cuid, s.perm.cgid, (ull)s.otime_s, (ull)s.ctime_s);
	return 0;
}

int sysvproc_msg(struct text *t)
{
	struct msg_totals all;
	struct msg_status s;

	msg_totals(&all);
	text_printf(t, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n");
	for (int i = 0; i <= all.last_index; i++) {
		if (msg_stat(i, true, true, &s) < 0)
			continue;
		text_printf(t, "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u ", s.perm.key, s.perm.id, s.perm.mode, s.bytes, s.messages, (unsigned)s.lspid, (unsigned)s.lrpid,
			    s.perm.uid, s.perm.gid);
		text_printf(t, "%5u %5u %10llu %10llu %10llu\n", s.perm.cuid, s.perm.cgid, (ull)s.stime_s, (ull)s.rtime_s, (ull)s.ctime_s);
	}
	return 0;
}
