/* SPDX-License-Identifier: MIT */
/* x87 and SSE state. Processors without FXSAVE use the 108-byte FNSAVE image at the start of the area. */
#include "arch/x86/fpu.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/regs.h"
#include "lib/string.h"

#define FCW_DEFAULT 0x37f
#define MXCSR_DEFAULT 0x1f80u
#define MXCSR_OFFSET 24
#define MXCSR_MASK_OFFSET 28

static struct x86_fpu fresh;
static uint32_t mxcsr_mask = 0xffbf;
bool x86_fpu_wide;
bool x86_fpu_fxsr;

void x86_fpu_init_cpu(void)
{
	x86_set_cr0((x86_cr0() & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
	if (x86_fpu_fxsr)
		x86_set_cr4(x86_cr4() | CR4_OSFXSR | (x86_cpu_has(X86_SSE) ? CR4_OSXMMEXCPT : 0));
	__asm__ volatile("fninit");
	if (x86_cpu_has(X86_SSE)) {
		uint32_t mxcsr = MXCSR_DEFAULT;

		__asm__ volatile("ldmxcsr %0" :: "m"(mxcsr));
	}
}

void x86_fpu_init(void)
{
	uint32_t mask;

	x86_fpu_fxsr = x86_cpu_has(X86_FXSR);
	x86_fpu_init_cpu();
	x86_fpu_wide = x86_fpu_fxsr && x86_cpu_has(X86_SSE);
	x86_fpu_save(&fresh);
	memcpy(&mask, fresh.area + MXCSR_MASK_OFFSET, 4);
	if (mask)
		mxcsr_mask = mask;
}

void x86_fpu_fresh(struct x86_fpu *f)
{
	*f = fresh;
}

static int code_of(unsigned flags)
{
	static const int codes[6] = { 7, 7, 3, 4, 5, 6 }; /* FLTINV, (denormal) FLTINV, FLTDIV, FLTOVF, FLTUND, FLTRES */

	for (unsigned i = 0; i < 6; i++)
		if (flags >> i & 1)
			return codes[i];
	return 0x80;
}

int x86_fpu_error_code(bool sse)
{
	uint16_t sw, cw;
	uint32_t mxcsr;

	if (sse) {
		__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
		return code_of(mxcsr & ~(mxcsr >> 7) & 0x3f);
	}
	__asm__ volatile("fnstsw %0; fnstcw %1" : "=m"(sw), "=m"(cw));
	return code_of(sw & ~cw & 0x3f);
}

void x86_fpu_sanitize(struct x86_fpu *f)
{
	uint32_t mxcsr;

	if (!x86_fpu_fxsr)
		return;
	memcpy(&mxcsr, f->area + MXCSR_OFFSET, 4);
	mxcsr &= mxcsr_mask;
	memcpy(f->area + MXCSR_OFFSET, &mxcsr, 4);
}
