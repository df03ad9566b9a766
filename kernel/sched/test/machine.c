/* SPDX-License-Identifier: MIT */
#include "sched/test/machine.h"
#include "core/clock.h"
#include "core/ipi.h"
#include "core/irq.h"
#include "core/timer.h"
#include "lib/check.h"
#include "mem/bootmem.h"
#include "mem/frame.h"
#include "mem/slab.h"
#include "mem/vmap.h"
#include "sched/sched.h"
#include <stdio.h>
#include <stdlib.h>

const struct trap_ops test_kernel_traps = { .timer = timer_interrupt, .ipi = ipi_interrupt, .irq_enter = irq_enter, .irq_exit = sched_irq_exit };

static void failed_check(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

void test_boot(unsigned long frames, unsigned long direct_frames, const struct trap_ops *traps)
{
	if (!check_panic_hook)
		check_panic_hook = failed_check;
	host_machine_init(frames, direct_frames);
	bootmem_init();
	frame_init();
	slab_init();
	vmap_init();
	arch_trap_init(traps);
	clock_init();
	timer_init();
	sched_init();
}
