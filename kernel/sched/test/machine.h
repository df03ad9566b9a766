/* SPDX-License-Identifier: MIT */
/* For tests on the host: a machine from its frames to its scheduler, on one pretend CPU. What stands above is for the caller to start. */
#ifndef SCHED_TEST_MACHINE_H
#define SCHED_TEST_MACHINE_H

#include "arch/trap.h"

/* What traps do on a machine without user memory. */
extern const struct trap_ops test_kernel_traps;

/* With that many frames, of which the first direct_frames are always mapped. A check of the kernel's that fails is printed and aborts, unless the
 * test has said what else should happen (check_panic_hook). */
void test_boot(unsigned long frames, unsigned long direct_frames, const struct trap_ops *traps);

#endif
