/* SPDX-License-Identifier: MIT */
/* The table is short, so it is searched from end to end. */
#include "arch/x86/extable.h"

struct entry { unsigned long at, fixup; };
extern const struct entry _ex_table_start[], _ex_table_end[];

unsigned long x86_extable_find(unsigned long ip)
{
	for (const struct entry *e = _ex_table_start; e < _ex_table_end; e++)
		if (e->at == ip)
			return e->fixup;
	return 0;
}
