/* SPDX-License-Identifier: MIT */
#include "arch/space.h"
#include "lib/errno.h"

int arch_space_copy(struct arch_space *to, const struct arch_space *from)
{
	(void)to;
	(void)from;
	return 0;
}

void arch_space_free(struct arch_space *s) { (void)s; }

size_t arch_space_segments(const struct arch_space *s, void *buf, size_t cap)
{
	(void)s;
	(void)buf;
	(void)cap;
	return 0;
}

long arch_space_set_segment(struct arch_space *s, const void *desc, bool old_meaning, struct arch_space *replaced)
{
	(void)s;
	(void)desc;
	(void)old_meaning;
	(void)replaced;
	return -ENOSYS;
}
