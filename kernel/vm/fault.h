/* SPDX-License-Identifier: MIT */
/* A page fault: check -> gather -> unshare -> resolve -> map, with one retry loop at the top. */
#ifndef VM_FAULT_H
#define VM_FAULT_H

#include "arch/trap.h"
#include "vm/aspace.h"

enum fault_result {
	FAULT_OK,      /* try the access again */
	FAULT_MAPERR,  /* no region there: SIGSEGV, SEGV_MAPERR */
	FAULT_ACCERR,  /* against its protection: SIGSEGV, SEGV_ACCERR */
	FAULT_BUS,     /* beyond the end of the object: SIGBUS, BUS_ADRERR */
	FAULT_OOM,     /* no memory even after the OOM killer: the process is to be killed */
	FAULT_KILLED,  /* a fatal signal arrived while waiting */
};

/* Resolves one access to addr. May sleep. No locks held. missing: the processor found nothing mapped (a hint, nothing more). */
enum fault_result vm_fault(struct aspace *as, uaddr_t addr, enum fault_access access, bool missing);

/*
 * Access to another (or the own) address space without loading it, with the rights of the program: process_vm_readv, cmdline. Bytes moved (may be
 * short), or -EFAULT.
 */
ssize_t vm_read_foreign(struct aspace *as, uaddr_t addr, void *dst, size_t len);
ssize_t vm_write_foreign(struct aspace *as, uaddr_t addr, const void *src, size_t len);
/*
 * The same for ptrace and /proc/PID/mem: what the program may not do itself, but might be allowed (mprotect), is done too. Read-only private memory
 * becomes a copy of the program's own, and stays read-only for it.
 */
ssize_t vm_debug_read(struct aspace *as, uaddr_t addr, void *dst, size_t len);
ssize_t vm_debug_write(struct aspace *as, uaddr_t addr, const void *src, size_t len);

#endif
