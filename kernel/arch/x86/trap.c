/* SPDX-License-Identifier: MIT */
/* Vector -> upcall. No policy: what an exception means to a program is a table, what happens then is decided above. */
#include "arch/trap.h"
#include "arch/irqflag.h"
#include "arch/mmu.h"
#include "arch/x86/debugregs.h"
#include "arch/x86/extable.h"
#include "arch/x86/fpu.h"
#include "arch/x86/i386/ports.h"
#include "arch/x86/idt.h"
#include "arch/x86/intc.h"
#include "arch/x86/regs.h"
#include "arch/x86/sysenter.h"
#include "arch/x86/trap.h"
#include "core/percpu.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define PF_PRESENT 1u
#define PF_WRITE 2u
#define PF_USER 4u
#define PF_FETCH 16u
#define EFLAGS_TF 0x100u
#define EFLAGS_RF 0x10000u
#define DEBUG_STEP 0x4000u
#define VECTOR_DEBUG 1u
#define VECTOR_PROTECTION 13u
#define VM86_SEGMENTS 16 /* bytes: es, ds, fs, gs */

static const struct trap_ops *ops;
void (*x86_syscall_op)(struct trapframe *tf);
extern char x86_sysenter_entry[], x86_sysenter_entry_end[];

static const struct { uint8_t signo; int16_t code; bool at_ip; } meaning[32] = {
	[0] = { 8, 1, true },        /* #DE: SIGFPE, FPE_INTDIV */
	[1] = { 5, 2, true },        /* #DB: SIGTRAP, TRAP_TRACE */
	[3] = { 5, 0x80, false },    /* #BP: SIGTRAP, SI_KERNEL */
	[4] = { 11, 0x80, false },   /* #OF: SIGSEGV */
	[5] = { 11, 0x80, false },   /* #BR */
	[6] = { 4, 2, true },        /* #UD: SIGILL, ILL_ILLOPN */
	[7] = { 11, 0x80, false },
	[9] = { 8, 0x80, false },
	[10] = { 11, 0x80, false },
	[11] = { 7, 0x80, false },   /* #NP: SIGBUS */
	[12] = { 7, 0x80, false },   /* #SS: SIGBUS */
	[13] = { 11, 0x80, false },  /* #GP */
	[16] = { 8, 0, true },       /* #MF: SIGFPE, code from the status word */
	[17] = { 7, 1, false },      /* #AC: SIGBUS, BUS_ADRALN */
	[19] = { 8, 0, true },       /* #XM */
};

static const char *const names[32] = {
	"divide error", "debug", "NMI", "breakpoint", "overflow", "bound range", "invalid opcode", "no FPU", "double fault", "FPU overrun",
	"invalid TSS", "segment not present", "stack fault", "general protection", "page fault", "reserved", "FPU error", "alignment check",
	"machine check", "SIMD error",
};

/* The kernel has no use for gs, which may still hold the very selector that went bad: the way out of this trap must not load it again. */
void x86_leave_vm86(struct trapframe *tf)
{
	struct trapframe *usual = (struct trapframe *)((char *)tf + VM86_SEGMENTS);

	memmove(usual, tf, sizeof(*tf));
	usual->cs = USER_CS;
	usual->ds = usual->es = usual->ss = USER_DS;
	usual->fs = usual->gs = 0;
	usual->eflags = EFLAGS_USER_DEFAULT; /* not its I/O privilege */
}

static bool fix_up(struct trapframe *tf)
{
	unsigned long to = x86_extable_find(tf->eip);

	if (to) {
		tf->eip = to;
		tf->gs = 0;
	}
	return to != 0;
}

static void user_exception(struct trapframe *tf)
{
	unsigned v = tf->vector;
	struct trap_signal sig = { .signo = 11, .code = 0x80, .vector = v, .error = tf->error };
	bool all_ports;

	if (v < 32 && meaning[v].signo) {
		sig.signo = meaning[v].signo;
		sig.code = meaning[v].code;
		sig.addr = meaning[v].at_ip ? tf->eip : 0;
	}
	if (v == 16 || v == 19)
		sig.code = x86_fpu_error_code(v == 19);
	if (v == VECTOR_DEBUG) {
		uint32_t cause = x86_debugregs_cause();

		if (!(cause & DEBUG_STEP) && cause) {
			sig.code = 4; /* TRAP_HWBKPT */
			tf->eflags |= EFLAGS_RF; /* a watched instruction is made when the program goes on */
		}
	}
	all_ports = v == VECTOR_PROTECTION && x86_ports_all();
	arch_irq_enable();
	if (unlikely(all_ports) && x86_ports_pass_over(tf))
		return;
	ops->user_exception(tf, &sig);
}

static void page_fault(struct trapframe *tf, unsigned long addr)
{
	bool user = tf_user(tf), present = tf->error & PF_PRESENT;
	enum fault_access access = tf->error & PF_WRITE ? FAULT_WRITE : tf->error & PF_FETCH ? FAULT_EXEC : FAULT_READ;

	/*
	 * The processor itself touched user memory for a program, as only QEMU's translator does (IRET of a program, with SMAP on): the page is
	 * there, so that trying again would never end.
	 */
	if (user && present && !(tf->error & PF_USER)) {
		tf->vector = VECTOR_PROTECTION;
		user_exception(tf);
		return;
	}
	if (user || (addr < ARCH_USER_TOP && x86_extable_find(tf->eip))) {
		if (tf->eflags & EFLAGS_IF)
			arch_irq_enable();
		if (ops->page_fault(tf, addr, access, present))
			return;
	}
	if (user || fix_up(tf))
		return;
	ops->fatal(tf, addr < PAGE_SIZE ? "null pointer" : names[14]);
}

static void interrupt(struct trapframe *tf)
{
	if (CONFIG_DEBUG && tf->eflags & EFLAGS_IF)
		arch_section(SECTION_IRQ, true);
	ops->irq_enter();
	if (tf->vector == VECTOR_TIMER) {
		x86_intc_eoi_local();
		ops->timer();
	} else if (tf->vector == VECTOR_IPI_WAKE || tf->vector == VECTOR_IPI_CALL) {
		x86_intc_eoi_local();
		ops->ipi(tf->vector == VECTOR_IPI_WAKE ? ARCH_IPI_WAKE : ARCH_IPI_CALL);
	} else {
		x86_intc_dispatch(tf->vector, ops->irq, ops->timer);
	}
	ops->irq_exit(tf_user(tf), tf->eflags & EFLAGS_IF);
	if (CONFIG_DEBUG && tf->eflags & EFLAGS_IF)
		arch_section(SECTION_IRQ, false);
}

/* SYSENTER leaves TF on: the first instruction of the entry traps. The flag is kept for the program, which is stepped again from its return on. */
static bool stepped_into_kernel(struct trapframe *tf)
{
	if (tf->vector != VECTOR_DEBUG || tf->eip < (uint32_t)x86_sysenter_entry || tf->eip >= (uint32_t)x86_sysenter_entry_end)
		return false;
	tf->eflags &= ~EFLAGS_TF;
	this_cpu()->arch.stepped = true;
	return true;
}

/* The kernel touched for a program what that watches: as on Linux this is noted, and nothing more. */
static bool watched_by_kernel(struct trapframe *tf)
{
	return tf->vector == VECTOR_DEBUG && this_cpu()->arch.watched && !(x86_debugregs_cause() & DEBUG_STEP);
}

void x86_trap(struct trapframe *tf)
{
	unsigned long addr;

	if (tf->vector >= 32) {
		interrupt(tf);
		return;
	}
	if (tf->vector == 14) {
		addr = x86_cr2();
		page_fault(tf, addr);
		return;
	}
	if (tf_user(tf) && tf->vector != VECTOR_MACHINE_CHECK)
		user_exception(tf);
	else if (!stepped_into_kernel(tf) && !watched_by_kernel(tf) && !fix_up(tf))
		ops->fatal(tf, names[tf->vector] ? names[tf->vector] : "exception");
}

void x86_user_work(struct trapframe *tf)
{
	ops->user_return(tf);
}

void x86_bad_iret(struct trapframe *tf)
{
	struct trap_signal sig = { .signo = 4, .code = 8, .vector = VECTOR_PROTECTION, .error = tf->error }; /* SIGILL, ILL_BADSTK */

	tf->vector = VECTOR_PROTECTION;
	arch_irq_enable();
	ops->user_exception(tf, &sig);
}

void arch_trap_init(const struct trap_ops *o)
{
	ops = o;
	x86_syscall_op = o->syscall;
	x86_idt_init();
	x86_sysenter_init(this_cpu());
}

void tf_describe(const struct trapframe *tf, char *buf, size_t cap)
{
	fmt_buf(buf, cap, "eax %08x ebx %08x ecx %08x edx %08x\nesi %08x edi %08x ebp %08x esp %08x\neip %08x eflags %08x cs %04x vector %u error %x\ncr2 %08lx cr3 %08lx",
		tf->eax, tf->ebx, tf->ecx, tf->edx, tf->esi, tf->edi, tf->ebp, tf_user(tf) ? tf->esp : (uint32_t)&tf->esp, tf->eip, tf->eflags, tf->cs,
		tf->vector, tf->error, x86_cr2(), x86_cr3());
}

/* What a task gate saved of the interrupted code. */
static void report(unsigned vector, const char *what)
{
	const struct tss *t = this_cpu()->arch.loaded_tss;
	struct trapframe tf = { .eax = t->eax, .ebx = t->ebx, .ecx = t->ecx, .edx = t->edx, .esi = t->esi, .edi = t->edi, .ebp = t->ebp,
				.eip = t->eip, .esp = t->esp, .cs = t->cs, .eflags = t->eflags, .vector = vector };

	ops->fatal(&tf, what);
}

/* The usual cause is a kernel stack that ran into its guard page. */
void x86_double_fault_report(void)
{
	uint32_t esp = this_cpu()->arch.loaded_tss->esp;

	report(VECTOR_DOUBLE_FAULT, x86_cr2() >= ARCH_VMAP_START && x86_cr2() - esp < PAGE_SIZE * 2 ? "kernel stack overflow" : "double fault");
}

/* Before SYSENTER's first instruction the thread's kernel stack is empty. */
void *x86_nmi_stack(void *sp)
{
	struct arch_cpu *c = &this_cpu()->arch;

	return sp >= (void *)c->entry_stack && sp < (void *)&c->tss ? (void *)c->tss.esp0 : sp;
}

void x86_nmi(struct trapframe *tf)
{
	if (!ops->nmi(tf))
		ops->fatal(tf, names[VECTOR_NMI]);
}
