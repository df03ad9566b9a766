/* SPDX-License-Identifier: MIT */
/*
 * Before a core is written all threads of the process meet: each parks on its way out, with its registers, until the one that writes is through.
 * From then on only SIGKILL reaches the process.
 */
#ifndef PROC_COREMEET_H
#define PROC_COREMEET_H

#include "arch/userregs.h"
#include "task/process.h"

/* A thread in a dump. The list is the writer's from coremeet_begin to coremeet_end. */
struct core_thread { struct list link; struct task *task; struct arch_fp fp; };

struct coremeet {
	struct list threads; /* those that wait, and the one that writes, which is the first */
	unsigned missing;    /* sighand->lock to change */
	struct core_thread own;
};

/* The current thread, to which signo happened, is to write a core: the others end. Sleeps until they wait. false: the process ends already. */
bool coremeet_begin(struct coremeet *m, int signo);
/* The others go on; dumped: a core was written, and the status says so. Who was killed meanwhile died of that. */
void coremeet_end(bool dumped);
/* A thread ends: waits first if a core is written. */
void coremeet_pass(void);

#endif
