/* SPDX-License-Identifier: MIT */
/* The signal frames of Linux on i386: struct sigframe and struct rt_sigframe of its user interface, with the FXSAVE image behind. */
#include "arch/sigframe.h"
#include "arch/context.h"
#include "arch/mmu.h"
#include "arch/trap.h"
#include "arch/usermem.h"
#include "arch/vdso.h"
#include "arch/x86/fpu.h"
#include "arch/x86/gdt.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"

#define X86_FXSR_MAGIC 0u
#define EFLAGS_FIX 0x50dd5u /* the flags that a program may set: AC OF DF TF SF ZF AF PF CF, RF */
#define EFLAGS_CLEAR (0x100u | 0x400u) /* TF and DF are off in a handler */
#define LEGACY_FP 112 /* the x87 image that comes before the FXSAVE one */

struct sigcontext {
	uint32_t gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, err, eip, cs, eflags, esp_at_signal, ss, fpstate, oldmask, cr2;
};

struct fpstate {
	uint8_t legacy[LEGACY_FP]; /* last 4 bytes: status, magic */
	struct x86_fpu fx;
};
_Static_assert(sizeof(struct fpstate) == LEGACY_FP + 512, "written as it is");

struct sigframe {
	uint32_t pretcode, sig;
	struct sigcontext sc;
	uint8_t unused_fp[LEGACY_FP + 512]; /* neither written nor read: the program's stack stays what it is there */
	uint32_t extramask;
	uint8_t retcode[8];
};
#define PLAIN_HEAD offsetof(struct sigframe, unused_fp)
#define PLAIN_TAIL offsetof(struct sigframe, extramask)

struct rt_sigframe {
	uint32_t pretcode, sig, pinfo, puc;
	uint8_t info[128];
	uint32_t uc_flags, uc_link;
	struct { uint32_t sp; int32_t flags; uint32_t size; } uc_stack;
	struct sigcontext sc;
	uint64_t mask; /* 4-byte alignment is enough on i386: no padding */
	uint8_t retcode[8];
};
_Static_assert(sizeof(struct rt_sigframe) == 4 * 4 + 128 + 8 + 12 + 88 + 8 + 8, "rt_sigframe of Linux on i386");

static bool user_ok(uaddr_t a, size_t n) { return a <= ARCH_USER_TOP && n <= ARCH_USER_TOP - a; }

static void fill_context(struct sigcontext *sc, const struct trapframe *tf, uaddr_t fp, uint64_t mask)
{
	*sc = (struct sigcontext){ .gs = tf->gs & 0xffff, .fs = tf->fs & 0xffff, .es = tf->es & 0xffff, .ds = tf->ds & 0xffff, .edi = tf->edi, .esi = tf->esi,
				   .ebp = tf->ebp, .esp = tf->esp, .ebx = tf->ebx, .edx = tf->edx, .ecx = tf->ecx, .eax = tf->eax, .trapno = tf->vector & 0x1f,
				   .err = tf->error, .eip = tf->eip, .cs = tf->cs & 0xffff, .eflags = tf->eflags, .esp_at_signal = tf->esp, .ss = tf->ss & 0xffff,
				   .fpstate = (uint32_t)fp, .oldmask = (uint32_t)mask };
}

/* The x87 part as FNSAVE would store it, which old programs read. */
static void fill_legacy(uint8_t *legacy, const struct x86_fpu *fx)
{
	uint32_t words[7] = { 0 };
	uint16_t cw, sw;

	memcpy(&cw, fx->area, 2);
	memcpy(&sw, fx->area + 2, 2);
	words[0] = 0xffff0000u | cw;
	words[1] = 0xffff0000u | sw;
	words[2] = 0xffff0000u | (fx->area[4] ? 0 : 0xffff);
	memcpy(legacy, words, sizeof(words));
	for (unsigned i = 0; i < 8; i++)
		memcpy(legacy + 28 + i * 10, fx->area + 32 + i * 16, 10);
	words[0] = X86_FXSR_MAGIC << 16 | sw;
	memcpy(legacy + 108, words, 4);
}

static int push_fp(uaddr_t at)
{
	struct fpstate fp;

	x86_fpu_save(&fp.fx);
	fill_legacy(fp.legacy, &fp.fx);
	return arch_user_write(at, &fp, sizeof(fp)) ? -EFAULT : 0;
}

static void enter_handler(struct trapframe *tf, const struct sig_delivery *d, uaddr_t sp)
{
	tf->eip = (uint32_t)d->handler;
	tf->esp = (uint32_t)sp;
	tf->eax = (uint32_t)d->signo;
	tf->edx = tf->ecx = 0;
	tf->cs = USER_CS;
	tf->ds = tf->es = tf->ss = USER_DS;
	tf->eflags &= ~EFLAGS_CLEAR;
}

static uint32_t return_address(const struct sig_delivery *d, uaddr_t retcode)
{
	if (d->has_restorer)
		return (uint32_t)d->restorer;
	return (uint32_t)(d->vdso ? arch_vdso_sigreturn(d->vdso, d->siginfo) : retcode);
}

static int push_plain(struct trapframe *tf, const struct sig_delivery *d, uaddr_t fp)
{
	static const uint8_t code[8] = { 0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80 }; /* popl eax; movl 119, eax; int 0x80 */
	struct sigframe f;
	uaddr_t sp = ALIGN_DOWN(fp - sizeof(f) + 4, 16ul) - 4;

	f.sig = (uint32_t)d->signo;
	fill_context(&f.sc, tf, fp, d->mask);
	f.extramask = (uint32_t)(d->mask >> 32);
	memcpy(f.retcode, code, 8);
	f.pretcode = return_address(d, sp + offsetof(struct sigframe, retcode));
	if (!user_ok(sp, sizeof(f)) || arch_user_write(sp, &f, PLAIN_HEAD) || arch_user_write(sp + PLAIN_TAIL, &f.extramask, sizeof(f) - PLAIN_TAIL))
		return -EFAULT;
	enter_handler(tf, d, sp);
	return 0;
}

static int push_rt(struct trapframe *tf, const struct sig_delivery *d, uaddr_t fp)
{
	static const uint8_t code[8] = { 0xb8, 173, 0, 0, 0, 0xcd, 0x80, 0 }; /* movl 173, eax; int 0x80 */
	struct rt_sigframe f;
	uaddr_t sp = ALIGN_DOWN(fp - sizeof(f) + 4, 16ul) - 4;

	f.sig = (uint32_t)d->signo;
	f.pinfo = (uint32_t)(sp + offsetof(struct rt_sigframe, info));
	f.puc = (uint32_t)(sp + offsetof(struct rt_sigframe, uc_flags));
	memcpy(f.info, d->info, sizeof(f.info));
	f.uc_flags = f.uc_link = 0;
	f.uc_stack.sp = (uint32_t)d->altstack.sp;
	f.uc_stack.flags = d->altstack.flags;
	f.uc_stack.size = (uint32_t)d->altstack.size;
	fill_context(&f.sc, tf, fp, d->mask);
	f.mask = d->mask;
	memcpy(f.retcode, code, 8);
	f.pretcode = return_address(d, sp + offsetof(struct rt_sigframe, retcode));
	if (!user_ok(sp, sizeof(f)) || arch_user_write(sp, &f, sizeof(f)))
		return -EFAULT;
	enter_handler(tf, d, sp);
	tf->edx = f.pinfo;
	tf->ecx = f.puc;
	return 0;
}

int arch_sigframe_push(struct trapframe *tf, const struct sig_delivery *d)
{
	uaddr_t fp = ALIGN_DOWN(d->stack_top - sizeof(struct x86_fpu), 64ul) - LEGACY_FP;

	if (d->stack_top < 4096 || !user_ok(fp, LEGACY_FP + sizeof(struct x86_fpu)) || push_fp(fp))
		return -EFAULT;
	return d->siginfo ? push_rt(tf, d, fp) : push_plain(tf, d, fp);
}

static int pop_fp(uint32_t at)
{
	struct x86_fpu fx;

	if (!at) {
		x86_fpu_fresh(&fx);
	} else {
		if (!user_ok(at, LEGACY_FP + sizeof(fx)) || arch_user_read(&fx, at + LEGACY_FP, sizeof(fx)))
			return -EFAULT;
		x86_fpu_sanitize(&fx);
	}
	x86_fpu_load(&fx);
	return 0;
}

/* Only user segments come back: a kernel selector, or one of another privilege, is made harmless by its low bits. */
static void restore_context(struct trapframe *tf, const struct sigcontext *sc)
{
	tf->gs = sc->gs & 0xffff ? (sc->gs & 0xffff) | 3 : 0;
	tf->fs = sc->fs & 0xffff ? (sc->fs & 0xffff) | 3 : 0;
	tf->es = (sc->es & 0xffff) | 3;
	tf->ds = (sc->ds & 0xffff) | 3;
	tf->edi = sc->edi;
	tf->esi = sc->esi;
	tf->ebp = sc->ebp;
	tf->esp = sc->esp;
	tf->ebx = sc->ebx;
	tf->edx = sc->edx;
	tf->ecx = sc->ecx;
	tf->eax = sc->eax;
	tf->eip = sc->eip;
	tf->cs = (sc->cs & 0xffff) | 3;
	tf->ss = (sc->ss & 0xffff) | 3;
	tf->eflags = (tf->eflags & ~EFLAGS_FIX) | (sc->eflags & EFLAGS_FIX);
	tf->orig_eax = ~0u;
	tf->vector = 0; /* what goes on is no system call's rest */
}

static int pop_plain(struct trapframe *tf, uint64_t *mask)
{
	struct sigframe f;
	uaddr_t at = tf->esp - 8; /* the handler's ret took pretcode; the trampoline popped the number too */

	if (!user_ok(at, sizeof(f)) || arch_user_read(&f, at, PLAIN_HEAD) || arch_user_read(&f.extramask, at + PLAIN_TAIL, sizeof(f.extramask)))
		return -EFAULT;
	if (pop_fp(f.sc.fpstate))
		return -EFAULT;
	*mask = f.sc.oldmask | (uint64_t)f.extramask << 32;
	restore_context(tf, &f.sc);
	return 0;
}

static int pop_rt(struct trapframe *tf, uint64_t *mask, struct arch_altstack *as)
{
	struct rt_sigframe f;
	size_t from = offsetof(struct rt_sigframe, uc_flags);
	uaddr_t at = tf->esp - 4;

	if (!user_ok(at, sizeof(f)) || arch_user_read(&f.uc_flags, at + from, offsetof(struct rt_sigframe, retcode) - from))
		return -EFAULT;
	if (pop_fp(f.sc.fpstate))
		return -EFAULT;
	*mask = f.mask;
	*as = (struct arch_altstack){ f.uc_stack.sp, f.uc_stack.size, f.uc_stack.flags, true };
	restore_context(tf, &f.sc);
	return 0;
}

int arch_sigframe_pop(struct trapframe *tf, bool rt, uint64_t *mask, struct arch_altstack *as)
{
	return rt ? pop_rt(tf, mask, as) : pop_plain(tf, mask);
}
