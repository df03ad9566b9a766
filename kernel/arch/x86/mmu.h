/* SPDX-License-Identifier: MIT */
/* Windows onto device registers and firmware tables, uncached. Used while the machine is set up, by the boot CPU alone: no lock. */
#ifndef X86_MMU_H
#define X86_MMU_H

#include "lib/types.h"

/* Maps bytes at phys for good, or until an older mark is released. NULL when the area is full or the range wraps. */
void *x86_device_map(paddr_t phys, size_t bytes);
/* Takes back all windows that were made since the mark. */
vaddr_t x86_device_mark(void);
void x86_device_release(vaddr_t mark);

#endif
