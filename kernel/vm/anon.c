/* SPDX-License-Identifier: MIT */
/* Anonymous memory: the shared frame of zeroes. */
#include "vm/anon.h"
#include "core/panic.h"
#include "mem/frame.h"

static struct page *zero_page;

void anon_init(void)
{
	zero_page = frame_alloc(0, PAGE_ANON, FRAME_ZERO);
	if (!zero_page)
		panic("no memory for the zero page");
}

struct page *anon_zero_page(void) { return zero_page; }
