/* SPDX-License-Identifier: MIT */
/* Binary search in the generated table. */
#include "core/symbols.h"
#include "lib/compiler.h"

/* Empty until the second link brings the real ones. */
__weak const uint32_t ksym_count = 0;
__weak const unsigned long ksym_addr[1] = { 0 };
__weak const uint32_t ksym_name_off[1] = { 0 };
__weak const char ksym_names[1] = "";

const char *symbol_find(unsigned long addr, unsigned long *offset)
{
	uint32_t lo = 0, hi = READ_ONCE(ksym_count);

	if (hi == 0 || addr < ksym_addr[0])
		return NULL;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (ksym_addr[mid] <= addr)
			lo = mid;
		else
			hi = mid;
	}
	*offset = addr - ksym_addr[lo];
	return ksym_names + ksym_name_off[lo];
}
