/* SPDX-License-Identifier: MIT */
/* Memory, CPUs and devices in /proc, in Linux's formats (proc(5)). Lines are there for what is known; where there is none of a thing, it is 0. */
#include "fs/procsystem.h"
#include "core/clock.h"
#include "core/irq.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/slab.h"
#include "task/process.h"
#include "sched/times.h"
#include "vfs/chrdev.h"
#include "vfs/pagecache.h"
#include "vm/commit.h"

#define KIB(pages) ((unsigned long)(pages) << (PAGE_SHIFT - 10))
#define TICK_NS 10000000u /* the unit of /proc: USER_HZ is 100 */
#define MAJORS_MAX 32

/* ---- memory ---- */

int procsystem_meminfo(struct text *t, struct process *p)
{
	struct frame_stats s;
	unsigned long cached = pagecache_pages(), committed;

	(void)p;
	frame_stats(&s);
	committed = vm_committed_hook();
	text_printf(t, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n", KIB(s.total), KIB(s.free), KIB(s.free));
	text_printf(t, "Buffers:        %8u kB\nCached:         %8lu kB\nSwapCached:     %8u kB\n", 0, KIB(cached), 0);
	text_printf(t, "Active:         %8lu kB\nInactive:       %8u kB\n", KIB(cached), 0);
	text_printf(t, "HighTotal:      %8lu kB\nHighFree:       %8lu kB\n", KIB(s.total - s.direct_total), KIB(s.free - s.direct_free));
	text_printf(t, "LowTotal:       %8lu kB\nLowFree:        %8lu kB\n", KIB(s.direct_total), KIB(s.direct_free));
	text_printf(t, "SwapTotal:      %8u kB\nSwapFree:       %8u kB\nDirty:          %8u kB\nWriteback:      %8u kB\n", 0, 0, 0, 0);
	text_printf(t, "AnonPages:      %8lu kB\nShmem:          %8lu kB\n", KIB(s.by_kind[PAGE_ANON]), KIB(cached));
	text_printf(t, "Slab:           %8lu kB\nSReclaimable:   %8u kB\nSUnreclaim:     %8lu kB\n", KIB(s.by_kind[PAGE_SLAB]), 0, KIB(s.by_kind[PAGE_SLAB]));
	text_printf(t, "KernelStack:    %8lu kB\nPageTables:     %8lu kB\n", KIB(task_count() * THREAD_STACK_PAGES), KIB(s.by_kind[PAGE_TABLE]));
	text_printf(t, "CommitLimit:    %8lu kB\nCommitted_AS:   %8lu kB\n", KIB(vm_commit_limit()), KIB(committed));
	return 0;
}

/* Nothing is ever read from or written to a disk, and there is no swap. */
int procsystem_vmstat(struct text *t, struct process *p)
{
	struct frame_stats s;

	(void)p;
	frame_stats(&s);
	text_printf(t, "nr_free_pages %lu\nnr_anon_pages %lu\nnr_file_pages %lu\nnr_shmem %lu\n", s.free, s.by_kind[PAGE_ANON], pagecache_pages(), pagecache_pages());
	text_printf(t, "nr_page_table_pages %lu\nnr_slab_unreclaimable %lu\nnr_kernel_stack %lu\n", s.by_kind[PAGE_TABLE], s.by_kind[PAGE_SLAB],
		    KIB(task_count() * THREAD_STACK_PAGES));
	text_printf(t, "nr_dirty 0\nnr_writeback 0\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\n");
	return 0;
}

static void add_slab(const struct slab_cache *c, void *ctx)
{
	unsigned long per_slab = c->stride ? (PAGE_SIZE << c->order) / c->stride : 0;

	text_printf(ctx, "%-17s %6lu %6lu %6zu %4lu %4lu : tunables %4u %4u %4u : slabdata %6lu %6lu %6u\n", c->name, slab_cache_live(c), c->slabs * per_slab,
		    c->size, per_slab, 1ul << c->order, 0, 0, 0, c->slabs - c->empty, c->slabs, 0);
}

/* Room is made first: a cache's line may not allocate. */
int procsystem_slabinfo(struct text *t, struct process *p)
{
	(void)p;
	t->buf = kmalloc(PAGE_SIZE * 8, 0);
	if (!t->buf)
		return -ENOMEM;
	t->cap = PAGE_SIZE * 8;
	text_printf(t, "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> "
		       "<sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	slab_each(add_slab, t);
	return 0;
}

int procsystem_swaps(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

/* ---- CPUs ---- */

static void print_times(struct text *t, const struct sched_cpu_times *times)
{
	text_printf(t, " %llu 0 %llu %llu 0 0 0 0 0 0\n", (unsigned long long)(times->user_ns / TICK_NS),
		    (unsigned long long)(times->system_ns / TICK_NS), (unsigned long long)(times->idle_ns / TICK_NS));
}

static void print_irqs(struct text *t, unsigned count)
{
	uint64_t irqs = 0;

	for (unsigned i = 0; i < count; i++)
		irqs += cpus[i].irqs;
	text_printf(t, "intr %llu", (unsigned long long)irqs);
	for (unsigned line = 0; line < IRQ_LINES; line++)
		text_printf(t, " %llu", (unsigned long long)irq_count(line));
	text_printf(t, "\n");
}

int procsystem_stat(struct text *t, struct process *p)
{
	struct sched_cpu_times times[MAX_CPUS], sum = { 0, 0, 0 };
	unsigned count = READ_ONCE(cpu_count);
	struct sched_stats s;

	(void)p;
	sched_stats(&s);
	for (unsigned i = 0; i < count; i++) {
		sched_cpu_times(i, &times[i]);
		sum.user_ns += times[i].user_ns;
		sum.system_ns += times[i].system_ns;
		sum.idle_ns += times[i].idle_ns;
	}
	text_printf(t, "cpu ");
	print_times(t, &sum);
	for (unsigned i = 0; i < count; i++) {
		text_printf(t, "cpu%u", i);
		print_times(t, &times[i]);
	}
	print_irqs(t, count);
	text_printf(t, "ctxt %llu\nbtime %llu\nprocesses %llu\nprocs_running %u\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n", (unsigned long long)s.switches,
		    (unsigned long long)(clock_boot_wall() / NSEC_PER_SEC), (unsigned long long)s.forks, s.runnable);
	return 0;
}

static void print_cpu_names(struct text *t, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		text_printf(t, "%7sCPU%-*u", "", i < 10 ? 1 : 2, i);
	text_printf(t, "\n");
}

/* What is no device's is told in one line: the CPUs' own timers, and what they tell each other. */
int procsystem_interrupts(struct text *t, struct process *p)
{
	unsigned count = READ_ONCE(cpu_count);

	(void)p;
	text_printf(t, "    ");
	print_cpu_names(t, count);
	for (unsigned line = 0; line < IRQ_LINES; line++) {
		if (!irq_name(line))
			continue;
		text_printf(t, "%3u:", line);
		for (unsigned i = 0; i < count; i++)
			text_printf(t, " %10llu", (unsigned long long)irq_count_on(line, i));
		text_printf(t, "   %s\n", irq_name(line));
	}
	text_printf(t, "LOC:");
	for (unsigned i = 0; i < count; i++) {
		uint64_t devices = 0; /* counted after cpus[i].irqs, so read before it */

		for (unsigned line = 0; line < IRQ_LINES; line++)
			devices += irq_count_on(line, i);
		text_printf(t, " %10llu", (unsigned long long)(cpus[i].irqs - devices));
	}
	text_printf(t, "   Local timer and other CPUs\n");
	return 0;
}

/* There are none: interrupts leave their work to threads. */
int procsystem_softirqs(struct text *t, struct process *p)
{
	static const char *const names[] = { "HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU" };
	unsigned count = READ_ONCE(cpu_count);

	(void)p;
	text_printf(t, "         ");
	print_cpu_names(t, count);
	for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
		text_printf(t, "%12s:", names[n]);
		for (unsigned i = 0; i < count; i++)
			text_printf(t, " %10u", 0);
		text_printf(t, "\n");
	}
	return 0;
}

/* ---- devices ---- */

struct majors { const char *names[MAJORS_MAX]; unsigned numbers[MAJORS_MAX], count; };

static void add_major(unsigned major, const char *name, void *ctx)
{
	struct majors *m = ctx;

	for (unsigned i = 0; i < m->count; i++)
		if (m->numbers[i] == major && !strcmp(m->names[i], name))
			return;
	if (m->count == MAJORS_MAX)
		return;
	m->numbers[m->count] = major;
	m->names[m->count++] = name;
}

int procsystem_devices(struct text *t, struct process *p)
{
	struct majors m = { .count = 0 };

	(void)p;
	chrdev_each(add_major, &m);
	text_printf(t, "Character devices:\n");
	for (unsigned major = 0; major < 512; major++)
		for (unsigned i = 0; i < m.count; i++)
			if (m.numbers[i] == major)
				text_printf(t, "%3u %s\n", major, m.names[i]);
	text_printf(t, "\nBlock devices:\n");
	return 0;
}

int procsystem_partitions(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "major minor  #blocks  name\n\n");
	return 0;
}

int procsystem_nothing(struct text *t, struct process *p)
{
	(void)p;
	text_add(t, "", 0);
	return 0;
}
