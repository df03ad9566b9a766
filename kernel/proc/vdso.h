/* SPDX-License-Identifier: MIT */
/* Mapping the architecture's page of code into programs. */
#ifndef PROC_VDSO_H
#define PROC_VDSO_H

#include "vm/mmap.h"

/* Makes r map the page; false when there is none (no image, or no memory for it). */
bool vdso_vm_ops(struct map_request *r);

#endif
