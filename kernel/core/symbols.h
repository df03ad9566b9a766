/* SPDX-License-Identifier: MIT */
/* Kernel address -> function name. The table is generated after a first link (tools/gensyms.py) and empty until then. */
#ifndef CORE_SYMBOLS_H
#define CORE_SYMBOLS_H

#include "lib/types.h"

/*
 * Name of the function that contains addr, NULL if unknown; stores the offset in it and its size, both in bytes. The size reaches to the
 * next function. Needs no lock.
 */
const char *symbol_find(unsigned long addr, unsigned long *offset, unsigned long *size);

#endif
