/* SPDX-License-Identifier: MIT */
/*
 * Pages are cleared and copied 16 bytes at a time where there is SSE: with the string instructions an emulator takes a step for every four. The one register that
 * is needed is put back at once: whoever interrupts does the same, and preemption is off.
 */
#include "arch/pageops.h"
#include "arch/mmu.h"
#include "arch/x86/fpu.h"
#include "lib/string.h"
#include "mem/kasan.h"

struct wide { uint8_t bytes[16]; };

/* 256 bytes at [base + at], in steps of 16. */
#define EACH_16(step) \
	step(0) step(16) step(32) step(48) step(64) step(80) step(96) step(112) step(128) step(144) step(160) step(176) step(192) step(208) step(224) step(240)
#define CLEAR(o) "movaps %%xmm0, " #o "(%[to],%[at])\n"
#define COPY(o) "movaps " #o "(%[from],%[at]), %%xmm0\n movaps %%xmm0, " #o "(%[to],%[at])\n"

void arch_page_zero(void *page)
{
	long at = -(long)PAGE_SIZE;
	struct wide saved;

	if (!x86_fpu_wide) {
		memset(page, 0, PAGE_SIZE);
		return;
	}
	kasan_check_range(page, PAGE_SIZE, true);
	__asm__ volatile("movups %%xmm0, %[saved]\n xorps %%xmm0, %%xmm0\n"
			 "1:\n" EACH_16(CLEAR) "add $256, %[at]\n jnz 1b\n"
			 "movups %[saved], %%xmm0"
			 : [at] "+r"(at), [saved] "=m"(saved) : [to] "r"((char *)page + PAGE_SIZE) : "memory", "cc");
}

void arch_page_copy(void *to, const void *from)
{
	long at = -(long)PAGE_SIZE;
	struct wide saved;

	if (!x86_fpu_wide) {
		memcpy(to, from, PAGE_SIZE);
		return;
	}
	kasan_check_copy(to, from, PAGE_SIZE);
	__asm__ volatile("movups %%xmm0, %[saved]\n"
			 "1:\n" EACH_16(COPY) "add $256, %[at]\n jnz 1b\n"
			 "movups %[saved], %%xmm0"
			 : [at] "+r"(at), [saved] "=m"(saved) : [to] "r"((char *)to + PAGE_SIZE), [from] "r"((const char *)from + PAGE_SIZE) : "memory", "cc");
}
