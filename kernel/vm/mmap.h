/* SPDX-License-Identifier: MIT */
/* Changes of the regions: the mmap family. Each takes aspace->lock itself and returns Linux's errno. Lengths in bytes. */
#ifndef VM_MMAP_H
#define VM_MMAP_H

#include "vm/aspace.h"
#include "vm/zap.h"

/* PROT_* and MAP_* with Linux's values (the same on i386 and x86_64). */
#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define PROT_EXEC 4
#define PROT_SEM 8 /* for atomic operations: all memory is */
#define PROT_GROWSDOWN 0x01000000
#define PROT_GROWSUP 0x02000000
#define MAP_SHARED 1
#define MAP_PRIVATE 2
#define MAP_SHARED_VALIDATE 3
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define MAP_GROWSDOWN 0x100
#define MAP_DENYWRITE 0x800
#define MAP_EXECUTABLE 0x1000
#define MAP_LOCKED 0x2000
#define MAP_NORESERVE 0x4000
#define MAP_POPULATE 0x8000
#define MAP_NONBLOCK 0x10000
#define MAP_STACK 0x20000
#define MAP_HUGETLB 0x40000
#define MAP_FIXED_NOREPLACE 0x100000

#define MREMAP_MAYMOVE 1
#define MREMAP_FIXED 2
#define MREMAP_DONTUNMAP 4

struct map_request {
	uaddr_t addr;        /* hint, or exact with MAP_FIXED */
	unsigned long len;
	int prot, flags;
	const struct vm_ops *ops; /* NULL: anonymous */
	void *object;        /* its reference is taken by ops->get when the mapping is made, not before */
	unsigned long pgoff;
	uint32_t may;        /* VMA_MAY* granted by the object; VMA_MAYREAD|.. all for anonymous */
	uint32_t extra;      /* further VMA_ flags */
	const char *name;
};

/* Address (>= 0 as a long is not guaranteed: use IS_ERR_VALUE) or -errno. */
unsigned long vm_map(struct aspace *as, const struct map_request *r);
#define IS_ERR_VALUE(x) ((unsigned long)(x) >= (unsigned long)-MAX_ERRNO)
int vm_unmap(struct aspace *as, uaddr_t addr, unsigned long len);
int vm_protect(struct aspace *as, uaddr_t addr, unsigned long len, int prot);
unsigned long vm_remap(struct aspace *as, uaddr_t old, unsigned long old_len, unsigned long new_len, int flags, uaddr_t new_addr);
/* New break, or the old one when it cannot be moved (as Linux's brk). */
uaddr_t vm_brk(struct aspace *as, uaddr_t brk);
int vm_advise(struct aspace *as, uaddr_t addr, unsigned long len, int advice);
int vm_mincore(struct aspace *as, uaddr_t addr, unsigned long len, uaddr_t vec);
int vm_sync(struct aspace *as, uaddr_t addr, unsigned long len, int flags);
/* For the rooms of this family; as->lock held for writing, start < end, page aligned. All or nothing, but for splits. */
int vm_unmap_locked(struct aspace *as, uaddr_t start, uaddr_t end);
/* Highest gap below as->mmap_base (else above it) that takes len bytes; 0 if there is none. */
uaddr_t vm_find_gap(struct aspace *as, unsigned long len);
/* The same, but at hint if there is room. */
uaddr_t vm_place(struct aspace *as, uaddr_t hint, unsigned long len);
/* May the space have len more bytes with these VMA_ flags? 0, -ENOMEM. */
int vm_check_room(struct aspace *as, unsigned long len, uint32_t flags);
/* remap_file_pages(2), by a new mapping of the same file. */
int vm_remap_file_pages(struct aspace *as, uaddr_t start, unsigned long size, unsigned long pgoff, int flags);
/* mmap and stack randomisation (norandmaps turns it off). */
void vm_layout_init(struct aspace *as, unsigned long stack_limit);

#endif
