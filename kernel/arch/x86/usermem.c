/* SPDX-License-Identifier: MIT */
/* The parts of arch/usermem.h that are single instructions with a fixup. */
#include "arch/usermem.h"
#include "arch/x86/useraccess.h"
#include "lib/errno.h"

#define EX(at, fix) ".pushsection __ex_table, \"a\"\n .long " at ", " fix "\n .popsection\n"

int arch_user_cmpxchg32(uaddr_t p, uint32_t *old, uint32_t new)
{
	int err = 0;
	uint32_t found = *old;

	user_access_begin();
	__asm__ volatile("1: lock cmpxchgl %3, (%2)\n2:\n .pushsection .text.fixup, \"ax\"\n3: movl %4, %0\n jmp 2b\n .popsection\n" EX("1b", "3b")
			 : "+r"(err), "+a"(found) : "r"(p), "r"(new), "i"(-EFAULT) : "memory", "cc");
	user_access_end();
	*old = found;
	return err;
}

/* Byte loads, four at a time would cross into pages that the string does not reach. */
ssize_t arch_user_strncpy(char *dst, uaddr_t src, size_t max)
{
	ssize_t n = (ssize_t)max;

	user_access_begin();
	for (size_t i = 0; i < max; i++) {
		int err = 0;
		unsigned char c = 0;

		__asm__ volatile("1: movb (%2), %1\n2:\n .pushsection .text.fixup, \"ax\"\n3: movl %3, %0\n jmp 2b\n .popsection\n" EX("1b", "3b")
				 : "+r"(err), "=&q"(c) : "r"(src + i), "i"(-EFAULT) : "memory");
		if (err) {
			n = err;
			break;
		}
		dst[i] = (char)c;
		if (!c) {
			n = (ssize_t)i;
			break;
		}
	}
	user_access_end();
	return n;
}
