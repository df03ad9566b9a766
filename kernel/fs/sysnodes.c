/* SPDX-License-Identifier: MIT */
/* /sys/devices/system/cpu. All CPUs run from the start on: those that are possible are online. */
#include "fs/sysnodes.h"
#include "core/percpu.h"

static int fill_online(struct text *t, struct process *p)
{
	unsigned last = READ_ONCE(cpu_count) - 1;

	(void)p;
	text_printf(t, last ? "0-%u\n" : "%u\n", last);
	return 0;
}

static int fill_offline(struct text *t, struct process *p)
{
	(void)p;
	text_add(t, "\n", 1);
	return 0;
}

static int fill_kernel_max(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "%u\n", MAX_CPUS - 1);
	return 0;
}

static const struct proc_node cpu_nodes[] = {
	PROC_FILE("kernel_max", 0444, fill_kernel_max),
	PROC_FILE("offline", 0444, fill_offline),
	PROC_FILE("online", 0444, fill_online),
	PROC_FILE("possible", 0444, fill_online),
	PROC_FILE("present", 0444, fill_online),
};
static const struct proc_node system_nodes[] = { PROC_DIR("cpu", cpu_nodes) };
static const struct proc_node devices_nodes[] = { PROC_DIR("system", system_nodes) };
static const struct proc_node top_nodes[] = { PROC_DIR("devices", devices_nodes) };

const struct proc_node sysnodes_root = PROC_DIR("", top_nodes);
