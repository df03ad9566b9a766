/* SPDX-License-Identifier: MIT */
/* Locked memory, and filling regions beforehand. Each call takes aspace->lock itself and returns Linux's errno. */
#ifndef VM_MLOCK_H
#define VM_MLOCK_H

#include "vm/aspace.h"

/* Pages stay resident anyway: locking makes them so now, and is counted against the limit in pages (~0: none): -ENOMEM, -EAGAIN. */
int vm_lock(struct aspace *as, uaddr_t addr, unsigned long len, bool on_fault, unsigned long limit_pages);
int vm_unlock(struct aspace *as, uaddr_t addr, unsigned long len);
/* mlockall: what is there now, and what will be mapped; on_fault: the pages come when they are touched. */
int vm_lock_all(struct aspace *as, bool now, bool future, bool on_fault, unsigned long limit_pages);
void vm_unlock_all(struct aspace *as);
/*
 * Makes the pages of the range resident (MAP_POPULATE, mlock), private ones that may be written as by a write; regions locked on fault are left
 * out. Stops at the first error, which it returns: -ENOMEM, -EFAULT, -EINTR. vm_populate_all goes on.
 */
int vm_populate(struct aspace *as, uaddr_t addr, unsigned long len);
void vm_populate_all(struct aspace *as);

#endif
