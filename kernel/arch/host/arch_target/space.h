/* SPDX-License-Identifier: MIT */
/* Host: there are no segments. */
#ifndef ARCH_TARGET_SPACE_H
#define ARCH_TARGET_SPACE_H

struct arch_space { char nothing; };

static inline void arch_space_load(const struct arch_space *s) { (void)s; }

#endif
