/* SPDX-License-Identifier: MIT */
/* The other CPUs at boot: maxcpus=N says how many the kernel may use in all, nosmp that it is one. */
#ifndef INIT_SMP_H
#define INIT_SMP_H

/* Brings them up and parks them: they halt, and run nothing until the scheduler takes them. May sleep. */
void smp_init(void);

#endif
