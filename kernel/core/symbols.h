/* SPDX-License-Identifier: MIT */
/* Kernel address -> function name. The table is generated after a first link (tools/gensyms.py) and empty until then. */
#ifndef CORE_SYMBOLS_H
#define CORE_SYMBOLS_H

#include "lib/types.h"

#define SYMBOL_NAME_SIZE 48u /* with its end; longer names are cut */

struct symbol {
	unsigned long offset, size; /* bytes: of the address in the function, and of the function, to the next one */
	char name[SYMBOL_NAME_SIZE];
};

/* The function that contains addr; false if unknown. Needs no lock. */
bool symbol_find(unsigned long addr, struct symbol *s);

#endif
