/* SPDX-License-Identifier: MIT */
/* Kernel address -> function name. The table is generated after a first link (tools/gensyms.py) and empty until then. */
#ifndef CORE_SYMBOLS_H
#define CORE_SYMBOLS_H

#include "lib/types.h"

/* Generated: addresses ascending; names are NUL-terminated strings at the offsets. */
extern const uint32_t ksym_count;
extern const unsigned long ksym_addr[];
extern const uint32_t ksym_name_off[];
extern const char ksym_names[];

/* Name of the function that contains addr and the offset in it; NULL if unknown. */
const char *symbol_find(unsigned long addr, unsigned long *offset);

#endif
