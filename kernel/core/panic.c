/* SPDX-License-Identifier: MIT */
/* The end. Nothing here takes a lock that the failing code may hold: the log's sinks are called as they are. */
#include "core/panic.h"
#include "arch/boot.h"
#include "arch/cpu.h"
#include "arch/irqflag.h"
#include "arch/trap.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/klog.h"
#include "core/nmi.h"
#include "core/percpu.h"
#include "core/spinlock.h"
#include "lib/check.h"
#include "lib/fmt.h"

#define REPLAY_LINES 20
#define PANIC_STATUS 0x7f

#define NOBODY (~0u)
static unsigned panicking = NOBODY; /* the CPU whose panic it is */

/* So that the screen can be read. Before the clock runs there is no waiting. */
static void wait_seconds(unsigned long seconds)
{
	ktime_t start = clock_now();

	while (start && clock_now() - start < seconds * NSEC_PER_SEC)
		arch_pause();
}

static __noreturn void stop_machine(void)
{
	unsigned port = (unsigned)cmdline_u64("debug_exit", 0);
	const char *after = cmdline_get("panic");

	if (port)
		arch_debug_exit(port, PANIC_STATUS);
	if (after && *after && *after != '0') {
		if (*after != '-')
			wait_seconds(cmdline_u64("panic", 0));
		arch_power(POWER_RESTART);
	}
	arch_power(POWER_HALT);
}

static void begin(void)
{
	unsigned first = NOBODY;

	arch_irq_disable();
	if (!__atomic_compare_exchange_n(&panicking, &first, this_cpu()->id, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		if (first == this_cpu()->id)
			stop_machine();
		arch_halt(); /* the other one's comes first, and asks this CPU where it was */
	}
	nmi_stop_others();
	spin_broken = true;
	lockorder_end();
	if (klog_console_level() <= KLOG_INFO)
		klog_replay(REPLAY_LINES);
	klog_set_console_level(KLOG_DEBUG + 1);
}

static __noreturn void finish(unsigned long fp, unsigned long ip)
{
	char who[64] = "none";

	if (panic_describe_current)
		panic_describe_current(who, sizeof(who));
	klog(KLOG_EMERG, "process: %s, cpu %u", who, this_cpu()->id);
	klog(KLOG_EMERG, "backtrace:");
	backtrace_print_from(KLOG_EMERG, fp, ip);
	nmi_show_stopped(KLOG_EMERG);
	klog(KLOG_EMERG, "---[ end of panic ]---");
	stop_machine();
}

__noreturn void panic(const char *f, ...)
{
	char msg[256];
	va_list ap;

	begin();
	va_start(ap, f);
	fmt_vbuf(msg, sizeof(msg), f, ap);
	va_end(ap);
	klog(KLOG_EMERG, "Kernel panic: %s", msg);
	klog(KLOG_EMERG, "ip %08lx sp %08lx", (unsigned long)__builtin_return_address(0), (unsigned long)__builtin_frame_address(0));
	finish((unsigned long)__builtin_frame_address(0), 0);
}

__noreturn void panic_trap(struct trapframe *tf, const char *what)
{
	char regs[512];

	begin();
	klog(KLOG_EMERG, "Kernel panic: %s", what);
	tf_describe(tf, regs, sizeof(regs));
	klog(KLOG_EMERG, "%s", regs);
	finish(tf_fp(tf), tf_ip(tf));
}

static void check_panic(const char *file, int line, const char *what)
{
	panic("%s:%d: %s", file, line, what);
}

void panic_init(void)
{
	check_panic_hook = check_panic;
}
