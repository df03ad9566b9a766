/* SPDX-License-Identifier: MIT */
/*
 * For the tests of vm: a machine with the real kernel sources below it, page faults wired to vm_fault, and a pretend file: an array of pages in
 * memory, which can be mapped, written through and truncated.
 */
#ifndef VM_TEST_FIXTURE_H
#define VM_TEST_FIXTURE_H

#include "arch/mmu.h"
#include "arch/trap.h"
#include "mem/frame.h"
#include "vm/aspace.h"
#include "vm/fault.h"
#include "vm/mmap.h"
#include "vm/ptshare.h"
#include "vm/usercopy.h"

#define FILE_PAGES 128u
#define FILES_MAX 512u

struct test_file {
	int refs;
	unsigned long size; /* pages */
	struct page *pages[FILE_PAGES];
	struct list vmas;
	uint64_t values[FILE_PAGES]; /* the model's contents; not used by the operations */
};

extern const struct vm_ops test_file_ops;
extern struct test_file test_files[FILES_MAX];
extern struct test_file *test_last_shared; /* object of the last shared anonymous mapping */

/* What traps do where user memory is looked at: faults go to vm_fault. */
extern const struct trap_ops test_traps;

/* cmocka group set-up. */
int test_machine(void **state);
struct test_file *test_file_new(unsigned long size);
void test_file_put(struct test_file *f);
void test_file_truncate(struct test_file *f, unsigned long size);
/* Runs as a thread of that space. NULL: of none. */
void test_enter(struct aspace *as);
/* Free frames with all caches given back. */
unsigned long test_settled_free(void);
/* An anonymous private mapping (MAP_FIXED); asserts success. */
void test_map_anon(struct aspace *as, uaddr_t at, unsigned long pages, int prot, int more_flags);
struct map_request test_anon_request(uaddr_t at, unsigned long bytes, int prot, int flags);

#endif
