/* SPDX-License-Identifier: MIT */
/* Times, vectors and ids between user space's layouts and the kernel's. Errors: EFAULT, EINVAL. */
#ifndef ABI_CONVERT_H
#define ABI_CONVERT_H

#include "abi/uapi.h"
#include "task/limits.h"
#include "vm/usercopy.h"

/* Nanoseconds from a user timespec (wide: 64-bit form); -EINVAL for a bad one. Saturates. */
long time_from_user(uaddr_t from, bool wide, uint64_t *ns);
long time_to_user(uaddr_t to, bool wide, uint64_t ns);
long timeval_from_user(uaddr_t from, uint64_t *ns);
void timeval_from_ns(struct u_timeval *tv, uint64_t ns);
/* Deadline on the monotonic clock, saturating. */
uint64_t deadline_after(uint64_t ns);
void rusage_fill(struct u_rusage *r, const struct usage *u);
/*
 * Copies an iovec in: segs (at most 1024) in kmalloc'd memory to be kfree'd; in *total what one call moves of them, at most 0x7ffff000 bytes, as in
 * Linux. ERR_PTR: -EINVAL (too many, a length below 0), -EFAULT, -ENOMEM.
 */
struct uio_seg *iovec_from_user(uaddr_t iov, unsigned long count, size_t *total);
/*
 * A structure that may be shorter than the one known here (known bytes; the rest becomes zero), or longer if what follows is zero: -E2BIG, -EFAULT. The
 * caller has looked whether size is possible.
 */
long struct_from_user(void *to, size_t known, uaddr_t from, size_t size);
/* 16-bit ids: -1 widens, big ones come out as 65534. */
static inline unsigned id_from16(unsigned id) { return (uint16_t)id == 0xffff ? ~0u : (uint16_t)id; }
static inline unsigned id_to16(unsigned id) { return id > 0xffff ? 65534 : id; }
/* Device numbers: user form of stat (new encoding). */
static inline uint64_t dev_to_user(uint64_t d) { uint64_t ma = d >> 20, mi = d & 0xfffff; return (mi & 0xff) | ma << 8 | (mi & ~0xffull) << 12; }
static inline uint64_t dev_from_user(unsigned long d) { return (uint64_t)(d >> 8 & 0xfff) << 20 | (d & 0xff) | (d >> 12 & 0xfff00); }

#endif
