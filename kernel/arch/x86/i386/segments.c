/* SPDX-License-Identifier: MIT */
/* Intel SDM volume 3A, 3.4.5. */
#include "arch/x86/i386/segments.h"
#include "arch/x86/gdt.h"

#define ACCESS_PRESENT 0x80
#define ACCESS_USER_SEGMENT 0x70 /* of programs (DPL 3), code or data */
#define ACCESS_WRITABLE 0x02     /* of code: readable */
#define ACCESSED 0x01            /* so that the processor has nothing to write there */

bool x86_desc_is_empty(const struct user_desc *d)
{
	return !d->base && !d->limit && !d->contents && d->read_exec_only == 1 && !d->seg_32bit && !d->limit_in_pages && d->not_present == 1 && !d->useable;
}

uint64_t x86_desc_encode(const struct user_desc *d)
{
	uint8_t access = (uint8_t)(ACCESS_USER_SEGMENT | ACCESSED | (d->not_present ? 0 : ACCESS_PRESENT) | (d->read_exec_only ? 0 : ACCESS_WRITABLE)
				   | d->contents << 2);

	return x86_segment(d->base, d->limit, access, (uint8_t)(d->limit_in_pages << 3 | d->seg_32bit << 2 | d->useable));
}
