/* SPDX-License-Identifier: MIT */
/* x87 and SSE state, saved and restored eagerly at every switch (Intel SDM volume 1, 10.5: FXSAVE). */
#ifndef X86_FPU_H
#define X86_FPU_H

#include "lib/compiler.h"
#include "lib/types.h"

struct x86_fpu { uint8_t area[512] __aligned(16); };

/* The kernel may move 16 bytes at a time. A register is put back by who uses it; over what may sleep only by threads that have an address space. */
extern bool x86_fpu_wide;

void x86_fpu_init(void);                      /* boot CPU, once */
void x86_fpu_init_cpu(void);                  /* another CPU */
void x86_fpu_fresh(struct x86_fpu *f);        /* state of a new program */
extern bool x86_fpu_fxsr; /* the processor has FXSAVE */
static inline void x86_fpu_save(struct x86_fpu *f)
{
	if (likely(x86_fpu_fxsr))
		__asm__ volatile("fxsave %0" : "=m"(f->area));
	else
		__asm__ volatile("fnsave %0; frstor %0" : "=m"(f->area));
}
static inline void x86_fpu_load(const struct x86_fpu *f)
{
	if (likely(x86_fpu_fxsr))
		__asm__ volatile("fxrstor %0" :: "m"(f->area));
	else
		__asm__ volatile("frstor %0" :: "m"(f->area));
}
/* si_code of the pending x87 (false) or SSE (true) exception. */
int x86_fpu_error_code(bool sse);
/* Makes an area that came from user space loadable: reserved bits of MXCSR cleared. */
void x86_fpu_sanitize(struct x86_fpu *f);

#endif
