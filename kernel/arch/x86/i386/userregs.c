/* SPDX-License-Identifier: MIT */
/* Registers as a debugger sees them: struct user_regs_struct, user_fpregs_struct and user_fpxregs_struct of Linux on i386. */
#include "arch/userregs.h"
#include "arch/irqflag.h"
#include "arch/trap.h"
#include "arch/x86/debugregs.h"
#include "lib/errno.h"
#include "lib/string.h"

#define EFLAGS_SETTABLE 0x50dd5u /* as in sigreturn */
#define EFLAGS_TF 0x100u
#define MXCSR_OFFSET 24
#define DEBUGREGS_AT 252 /* offsetof(struct user, u_debugreg) */

enum { R_EBX, R_ECX, R_EDX, R_ESI, R_EDI, R_EBP, R_EAX, R_DS, R_ES, R_FS, R_GS, R_ORIG_EAX, R_EIP, R_CS, R_EFLAGS, R_ESP, R_SS, R_COUNT };
_Static_assert(R_COUNT * 4 == ARCH_REGS_BYTES, "struct user_regs_struct");

static uint32_t *place(struct trapframe *tf, unsigned r)
{
	if (r <= R_ORIG_EAX)
		return &tf->ebx + r;
	return &tf->eip + (r - R_EIP);
}

static bool is_segment(unsigned r) { return (r >= R_DS && r <= R_GS) || r == R_CS || r == R_SS; }

static uint32_t get(const struct trapframe *tf, unsigned r)
{
	uint32_t v = *place((struct trapframe *)tf, r);

	return is_segment(r) ? v & 0xffff : v;
}

/* A selector of the program's privilege, or none. */
static bool allowed(unsigned r, uint32_t v)
{
	if (!is_segment(r))
		return true;
	v &= 0xffff;
	return v ? (v & 3) == 3 : r != R_CS && r != R_SS;
}

static void set(struct trapframe *tf, unsigned r, uint32_t v)
{
	if (r == R_EFLAGS)
		v = (tf->eflags & ~EFLAGS_SETTABLE) | (v & EFLAGS_SETTABLE);
	*place(tf, r) = is_segment(r) ? v & 0xffff : v;
}

void arch_regs_get(const struct trapframe *tf, void *image)
{
	uint32_t v[R_COUNT];

	for (unsigned r = 0; r < R_COUNT; r++)
		v[r] = get(tf, r);
	memcpy(image, v, sizeof(v));
}

int arch_regs_set(struct trapframe *tf, const void *image)
{
	uint32_t v[R_COUNT];

	memcpy(v, image, sizeof(v));
	for (unsigned r = 0; r < R_COUNT; r++)
		if (!allowed(r, v[r]))
			return -EIO;
	for (unsigned r = 0; r < R_COUNT; r++)
		set(tf, r, v[r]);
	return 0;
}

int arch_user_area_get(const struct arch_thread *t, const struct trapframe *tf, unsigned long offset, unsigned long *v)
{
	if (offset & 3 || offset >= ARCH_USER_AREA_BYTES)
		return -EIO;
	*v = 0;
	if (offset < ARCH_REGS_BYTES)
		*v = get(tf, offset / 4);
	else if (offset >= DEBUGREGS_AT)
		*v = x86_debugregs_get(&t->debug, (offset - DEBUGREGS_AT) / 4);
	return 0;
}

int arch_user_area_set(struct arch_thread *t, struct trapframe *tf, unsigned long offset, unsigned long v)
{
	if (!(offset & 3) && offset >= DEBUGREGS_AT && offset < ARCH_USER_AREA_BYTES) {
		int err = x86_debugregs_set(&t->debug, (offset - DEBUGREGS_AT) / 4, v);

		t->user = THREAD_USER | (t->user & THREAD_PORTS) | (t->debug.control ? THREAD_WATCHED : 0);
		return err;
	}
	if (offset & 3 || offset >= ARCH_REGS_BYTES || !allowed(offset / 4, v))
		return -EIO;
	set(tf, offset / 4, v);
	return 0;
}

void arch_watch_reload(struct arch_thread *t)
{
	unsigned long irq = arch_irq_save();

	x86_debugregs_load(t->user & THREAD_WATCHED ? &t->debug : NULL);
	arch_irq_restore(irq);
}

long arch_regs_syscall(const struct trapframe *tf) { return (int32_t)tf->orig_eax < 0 ? -1 : (int32_t)tf->orig_eax; }

void arch_step_set(struct trapframe *tf, bool on)
{
	tf->eflags = on ? tf->eflags | EFLAGS_TF : tf->eflags & ~EFLAGS_TF;
}

void arch_fp_save(struct arch_fp *fp) { x86_fpu_save(&fp->state); }
void arch_fp_load(const struct arch_fp *fp) { x86_fpu_load(&fp->state); }

/* Two bits for each register as FNSAVE has them: 3 empty, else what the number is (Intel SDM volume 1, 8.1.7). */
static uint16_t full_tags(const uint8_t *fx)
{
	unsigned top = fx[3] >> 3 & 7, tags = 0;

	for (unsigned i = 0; i < 8; i++) {
		const uint8_t *st = fx + 32 + ((i - top) & 7) * 16;
		uint16_t exponent;
		uint64_t mantissa;
		unsigned tag = 3;

		memcpy(&mantissa, st, 8);
		memcpy(&exponent, st + 8, 2);
		exponent &= 0x7fff;
		if (fx[4] >> i & 1)
			tag = exponent == 0x7fff ? 2 : !exponent ? (mantissa ? 2 : 1) : mantissa >> 63 ? 0 : 2;
		tags |= tag << i * 2;
	}
	return (uint16_t)tags;
}

void arch_fpregs_get(const struct arch_fp *fp, void *image)
{
	const uint8_t *fx = fp->state.area;
	uint32_t w[7] = { 0 };
	uint16_t cw, sw, op, fcs, fds;

	memcpy(&cw, fx, 2);
	memcpy(&sw, fx + 2, 2);
	memcpy(&op, fx + 6, 2);
	memcpy(&fcs, fx + 12, 2);
	memcpy(&fds, fx + 20, 2);
	w[0] = 0xffff0000u | cw;
	w[1] = 0xffff0000u | sw;
	w[2] = 0xffff0000u | full_tags(fx);
	memcpy(&w[3], fx + 8, 4);
	w[4] = fcs | (uint32_t)op << 16;
	memcpy(&w[5], fx + 16, 4);
	w[6] = 0xffff0000u | fds;
	memcpy(image, w, sizeof(w));
	for (unsigned i = 0; i < 8; i++)
		memcpy((uint8_t *)image + 28 + i * 10, fx + 32 + i * 16, 10);
}

void arch_fpregs_set(struct arch_fp *fp, const void *image)
{
	uint8_t *fx = fp->state.area;
	uint32_t w[7];

	memcpy(w, image, sizeof(w));
	memcpy(fx, &w[0], 2);
	memcpy(fx + 2, &w[1], 2);
	fx[4] = 0;
	for (unsigned i = 0; i < 8; i++)
		if ((w[2] >> i * 2 & 3) != 3)
			fx[4] |= (uint8_t)(1u << i);
	memcpy(fx + 6, (uint8_t *)&w[4] + 2, 2);
	memcpy(fx + 8, &w[3], 4);
	memcpy(fx + 12, &w[4], 2);
	memcpy(fx + 16, &w[5], 4);
	memcpy(fx + 20, &w[6], 2);
	for (unsigned i = 0; i < 8; i++)
		memcpy(fx + 32 + i * 16, (const uint8_t *)image + 28 + i * 10, 10);
}

void arch_fpxregs_get(const struct arch_fp *fp, void *image) { memcpy(image, fp->state.area, ARCH_FPXREGS_BYTES); }

int arch_fpxregs_set(struct arch_fp *fp, const void *image)
{
	struct x86_fpu new;
	uint32_t asked, kept;

	memcpy(new.area, image, ARCH_FPXREGS_BYTES);
	memcpy(&asked, new.area + MXCSR_OFFSET, 4);
	x86_fpu_sanitize(&new);
	memcpy(&kept, new.area + MXCSR_OFFSET, 4);
	if (asked != kept)
		return -EINVAL;
	fp->state = new;
	return 0;
}
