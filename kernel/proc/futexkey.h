/* SPDX-License-Identifier: MIT */
/* What names a word of user memory that is waited on: its address space and address (private), or its page and the place in it (shared). */
#ifndef PROC_FUTEXKEY_H
#define PROC_FUTEXKEY_H

#include "vm/aspace.h"

struct futex_key { const void *object; unsigned long at; struct page *page; };

/* Of the current process. A shared one holds its page until futex_key_put. EINVAL (not aligned) EFAULT. */
long futex_key_get(uaddr_t addr, bool private, struct futex_key *k);
void futex_key_put(struct futex_key *k);
static inline bool futex_key_same(const struct futex_key *a, const struct futex_key *b) { return a->object == b->object && a->at == b->at; }
static inline unsigned long futex_key_hash(const struct futex_key *k) { return (unsigned long)k->object ^ k->at; }

#endif
