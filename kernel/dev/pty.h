/* SPDX-License-Identifier: MIT */
/*
 * Pseudo terminals (pty(7)): /dev/ptmx makes a pair; what is written to the master is typed at the slave /dev/pts/N, and the slave's output is
 * read from the master.
 */
#ifndef DEV_PTY_H
#define DEV_PTY_H

void pty_init(void);

#endif
