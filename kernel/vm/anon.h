/* SPDX-License-Identifier: MIT */
/* Anonymous memory: the shared frame of zeroes. It is mapped read-only and never freed: its count starts at one. */
#ifndef VM_ANON_H
#define VM_ANON_H

#include "mem/page.h"

struct page *anon_zero_page(void);
void anon_init(void);

#endif
