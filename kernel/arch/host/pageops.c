/* SPDX-License-Identifier: MIT */
/* Whole pages of the pretend machine. */
#include "arch/pageops.h"
#include "arch/mmu.h"
#include "lib/string.h"

void arch_page_zero(void *page) { memset(page, 0, PAGE_SIZE); }
void arch_page_copy(void *to, const void *from) { memcpy(to, from, PAGE_SIZE); }
