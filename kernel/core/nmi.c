/* SPDX-License-Identifier: MIT */
/* Each CPU has a sheet on which it answers; "asked" is taken by the CPU itself, "done" is set when the rest is written. */
#include "core/nmi.h"
#include "arch/clock.h"
#include "arch/irqflag.h"
#include "arch/trap.h"
#include "core/klog.h"
#include "core/stackwalk.h"
#include "core/symbols.h"
#include "lib/atomic.h"

enum question { NOTHING, WHERE, STOP };

static struct sheet {
	uint32_t asked; /* enum question; atomic */
	bool done;      /* published by a release */
	bool user;
	char who[64];
	struct stack_trace trace;
} sheets[MAX_CPUS];

void (*panic_describe_current)(char *buf, unsigned long cap);

static void describe(char *buf, unsigned long cap)
{
	buf[0] = '\0';
	if (panic_describe_current)
		panic_describe_current(buf, cap);
}

bool nmi_arrived(struct trapframe *tf)
{
	struct sheet *s = &sheets[this_cpu()->id];
	uint32_t question = __atomic_exchange_n(&s->asked, NOTHING, __ATOMIC_ACQUIRE);

	if (question == NOTHING)
		return false;
	s->user = tf_user(tf);
	describe(s->who, sizeof(s->who));
	s->trace.count = 0;
	if (!s->user)
		stack_walk(&s->trace, tf_fp(tf), tf_ip(tf));
	store_release(&s->done, true);
	if (question == STOP)
		arch_halt();
	return true;
}

static void ask(unsigned n, enum question q)
{
	WRITE_ONCE(sheets[n].done, false);
	__atomic_store_n(&sheets[n].asked, q, __ATOMIC_RELEASE);
	arch_ipi_send(n, ARCH_IPI_NMI);
}

#define POLLS_MAX 100000000u /* should the counter stand */

/* Waits by the counter: nothing else is sure to run. For four seconds, as the host may have stopped the other CPU. */
static bool wait_answer(unsigned n)
{
	uint64_t start = arch_cycles(), most = arch_cycles_hz() << 2;

	for (unsigned i = 0; !load_acquire(&sheets[n].done) && arch_cycles() - start < most && i < POLLS_MAX; i++)
		arch_pause();
	return load_acquire(&sheets[n].done);
}

static void print_trace(int level, const struct stack_trace *t)
{
	for (unsigned i = 0; i < t->count; i++) {
		/* A call that does not return may be the last thing of its function: it is looked up by its own address, not by that behind it. */
		bool is_return = i || !t->exact;
		struct symbol s;

		if (symbol_find(t->at[i] - is_return, &s))
			klog(level, "  %08lx %s+0x%lx/0x%lx", t->at[i], s.name, s.offset + is_return, s.size);
		else
			klog(level, "  %08lx ?", t->at[i]);
	}
}

void backtrace_print_from(int level, unsigned long fp, unsigned long ip)
{
	struct stack_trace t;

	stack_walk(&t, fp, ip);
	print_trace(level, &t);
}

void backtrace_print(int level)
{
	backtrace_print_from(level, (unsigned long)__builtin_frame_address(0), 0);
}

static void show(unsigned n, int level, bool answers)
{
	const struct sheet *s = &sheets[n];

	if (!answers) {
		klog(level, "cpu %u: does not answer", n);
		return;
	}
	klog(level, "cpu %u: process: %s%s", n, s->who[0] ? s->who : "none", s->user ? ", in user mode" : "");
	print_trace(level, &s->trace);
}

bool nmi_backtrace(unsigned n, int level)
{
	bool answers;

	ask(n, WHERE);
	answers = wait_answer(n);
	show(n, level, answers);
	return answers;
}

void nmi_backtrace_all(int level)
{
	char who[64];
	unsigned me;

	preempt_disable();
	me = this_cpu()->id;
	describe(who, sizeof(who));
	klog(level, "cpu %u: process: %s", me, who[0] ? who : "none");
	backtrace_print(level);
	for (uint32_t others = READ_ONCE(cpus_online) & ~CPU_BIT(me); others; others &= others - 1)
		nmi_backtrace((unsigned)__builtin_ctz(others), level);
	preempt_enable();
}

static uint32_t stopped;

void nmi_stop_others(void)
{
	stopped = READ_ONCE(cpus_online) & ~CPU_BIT(this_cpu()->id);
	for (uint32_t m = stopped; m; m &= m - 1)
		ask((unsigned)__builtin_ctz(m), STOP);
	for (uint32_t m = stopped; m; m &= m - 1)
		wait_answer((unsigned)__builtin_ctz(m));
}

void nmi_show_stopped(int level)
{
	for (uint32_t m = stopped; m; m &= m - 1) {
		unsigned n = (unsigned)__builtin_ctz(m);

		show(n, level, load_acquire(&sheets[n].done));
	}
}
