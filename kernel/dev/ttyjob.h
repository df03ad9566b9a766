/* SPDX-License-Identifier: MIT */
/* Job control (POSIX 11.1): controlling terminals and their foreground groups, guarded by proc_tree_lock, which these take unless they say otherwise. */
#ifndef DEV_TTYJOB_H
#define DEV_TTYJOB_H

#include "dev/ttydev.h"

/* With a reference; NULL. */
struct pgroup *ttyjob_foreground(struct tty *t);
/* Sends to the foreground group, if there is one. */
void ttyjob_signal(struct tty *t, int signo);
/* May the current process, perhaps in the background, go on? 0, -EIO, or -ERESTARTSYS after its group got signo (SIGTTIN, SIGTTOU). */
int ttyjob_check(struct tty *t, int signo);
/* TIOCSCTTY, and open without O_NOCTTY: the session of the current process gets t. 0, -EPERM, -EIO (hung up). */
long ttyjob_acquire(struct tty *t, bool steal); /* steal: from another session, if the caller may (CAP_SYS_ADMIN) */
/* Is it the controlling terminal of the current process? */
bool ttyjob_is_ours(struct tty *t);
/* The session loses its terminal; its foreground group is told. */
void ttyjob_disassociate(struct session *s);
/* The terminal went away: the session that has it loses it, and its leader is told too. */
void ttyjob_hangup(struct tty *t);
/* TIOCNOTTY, TIOCGPGRP, TIOCGSID, TIOCSPGRP. */
long ttyjob_give_up(struct tty *t);
long ttyjob_get(struct tty *t, unsigned long arg, bool session);
long ttyjob_set(struct tty *t, unsigned long arg);
/* For /proc/PID/stat; proc_tree_lock held by the caller. */
void ttyjob_describe(struct tty *t, unsigned *dev, pid_t *foreground);

#endif
