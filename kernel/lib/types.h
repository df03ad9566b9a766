/* SPDX-License-Identifier: MIT */
/*
 * Fixed-width and kernel-wide integer types.
 *
 * Every size and address is a word ("unsigned long"), so that the same code serves 32 and 64 bits.
 * uaddr_t is a user address: an integer on purpose. Only vm/usercopy and arch/usermem turn it into memory accesses.
 */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>

typedef unsigned long paddr_t; /* physical address, bytes */
typedef unsigned long pfn_t;   /* physical frame number: paddr >> PAGE_SHIFT */
typedef unsigned long vaddr_t; /* kernel virtual address as an integer */
typedef unsigned long uaddr_t; /* user virtual address; never dereferenceable */
typedef int64_t loff_t;        /* file offset or size, bytes */
typedef uint64_t ktime_t;      /* nanoseconds */

#ifndef HOST_TEST
typedef long ssize_t;
typedef int pid_t;
typedef unsigned int uid_t;
typedef unsigned int gid_t;
typedef unsigned int mode_t;
typedef uint64_t dev_t;
typedef uint64_t ino_t;
#else
#include <sys/types.h>
#endif

#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))

#endif
