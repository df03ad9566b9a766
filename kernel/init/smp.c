/* SPDX-License-Identifier: MIT */
/* One CPU is used unless maxcpus= asks for more. */
#include "init/smp.h"
#include "arch/cpu.h"
#include "core/cmdline.h"
#include "core/klog.h"
#include "core/percpu.h"
#include "lib/bits.h"
#include "mem/vmap.h"

#define PARK_STACK_PAGES 1

static void park(void)
{
	arch_halt();
}

void smp_init(void)
{
	unsigned long most = cmdline_u64("maxcpus", 1);
	unsigned long count = MIN(MIN((unsigned long)arch_cpus_present(), most), (unsigned long)MAX_CPUS);
	unsigned n;

	if (cmdline_has("nosmp"))
		count = 1;
	for (n = 1; n < count; n++) {
		char *stack = vmap_stack_alloc(PARK_STACK_PAGES);

		if (!stack || !arch_cpu_start(percpu_init_cpu(n), stack + PARK_STACK_PAGES * PAGE_SIZE, park))
			break;
	}
	if (n > 1)
		klog_info("%u of %u other CPUs came up; they are parked", n - 1, arch_cpus_present() - 1);
	if (n < count)
		klog_warn("cpu %u does not answer", n);
}
