/* SPDX-License-Identifier: MIT */
/*
 * Contract: what the architecture keeps for an address space besides page tables: the segments that its programs have made (modify_ldt(2)), on a machine
 * that has any. Changes are made by one at a time.
 *
 * arch_target/space.h provides:
 *   struct arch_space                            all zero: nothing
 *   void arch_space_load(const struct arch_space *s)     this CPU uses them (NULL: none); interrupts off
 */
#ifndef ARCH_SPACE_H
#define ARCH_SPACE_H

#include "lib/types.h"
#include "arch_target/space.h"

/* A child's copy: 0 or -ENOMEM. No CPU has it loaded. */
int arch_space_copy(struct arch_space *to, const struct arch_space *from);
/* No CPU has it loaded any more. */
void arch_space_free(struct arch_space *s);
/* What the processor sees of them, as many bytes as there are and fit: how many. */
size_t arch_space_segments(const struct arch_space *s, void *buf, size_t cap);
/*
 * Puts the table with one entry changed in the place of the old one, which goes to *replaced: to be freed when all CPUs that may have it loaded have loaded
 * the new one. desc has ARCH_SEGMENT_DESC_BYTES, as modify_ldt(2) takes them, func 1 in its old meaning. EINVAL, ENOMEM.
 */
#define ARCH_SEGMENT_DESC_BYTES 16
long arch_space_set_segment(struct arch_space *s, const void *desc, bool old_meaning, struct arch_space *replaced);

#endif
