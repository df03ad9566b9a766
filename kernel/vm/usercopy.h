/* SPDX-License-Identifier: MIT */
/*
 * The only door to user memory. Every function checks the range, survives any fault, and may sleep: no spinlock is held by the caller.
 * They act on the current thread's address space. Copy in once, check the copy, use the copy.
 */
#ifndef VM_USERCOPY_H
#define VM_USERCOPY_H

#include "arch/mmu.h"
#include "arch/usermem.h"
#include "lib/check.h"
#include "lib/compiler.h"
#include "lib/errno.h"
#include "lib/types.h"
#include "sched/thread.h"
#include "mem/kasan.h"

/* 0 or -EFAULT. A partial copy may have happened on failure. */
int __must_check user_read(void *dst, uaddr_t src, size_t n);
int __must_check user_write(uaddr_t dst, const void *src, size_t n);
int __must_check user_clear(uaddr_t dst, size_t n);
/* Length without the NUL, -EFAULT, or -ENAMETOOLONG when there is no NUL in the first cap bytes. dst is terminated. */
ssize_t __must_check user_strncpy(char *dst, uaddr_t src, size_t cap);
/* Length with the NUL, or -EFAULT, or > max if longer than max. */
ssize_t __must_check user_strnlen(uaddr_t src, size_t max);
/* Asked before each access, which a thread that is kernel_only must not make (vm/tlb). */
static inline bool user_range_ok(uaddr_t a, size_t n)
{
	debug_assert(!thread_current()->kernel_only);
	return n <= ARCH_USER_TOP && a <= ARCH_USER_TOP - n;
}

/* n halfwords, src_step bytes apart, to places that are dst_step bytes apart. 0 or -EFAULT. */
int __must_check user_put16_each(uaddr_t dst, size_t dst_step, const uint16_t *src, size_t src_step, size_t n);

/* Typed forms: user_get(&kernel_variable, uaddr), user_put(uaddr, &kernel_variable). A few words are moved at less than half of the cost. */
#define USER_IS_WORDS(n) ((n) % sizeof(uint32_t) == 0 && (n) <= ARCH_USER_WORDS * sizeof(uint32_t))
#define user_get(p, src) user_get_sized((p), (src), sizeof(*(p)))
#define user_put(dst, p) user_put_sized((dst), (p), sizeof(*(p)))
static __always_inline int __must_check user_get_sized(void *p, uaddr_t src, size_t n)
{
	if (!USER_IS_WORDS(n))
		return user_read(p, src, n);
	kasan_check_range(p, n, true);
	return user_range_ok(src, n) ? arch_user_read_words(p, src, n / sizeof(uint32_t)) : -EFAULT;
}
static __always_inline int __must_check user_put_sized(uaddr_t dst, const void *p, size_t n)
{
	if (!USER_IS_WORDS(n))
		return user_write(dst, p, n);
	kasan_check_range(p, n, false);
	return user_range_ok(dst, n) ? arch_user_write_words(dst, p, n / sizeof(uint32_t)) : -EFAULT;
}

/*
 * struct uio: where the bytes of a read or write come from or go to: user segments or one kernel buffer. Operations on files take one and
 * never see a user address.
 */
struct uio_seg { uaddr_t base; size_t len; };
struct uio {
	const struct uio_seg *segs; /* current segment first; kernel copy of the iovec. NULL: kernel buffer */
	unsigned seg_count;
	size_t seg_off;             /* bytes of segs[0] done */
	char *kbuf;                 /* kernel buffer (advances) */
	size_t left;                /* bytes left in all */
	struct uio_seg one;         /* storage for the single-segment case */
};

static inline void uio_user(struct uio *u, uaddr_t base, size_t len)
{
	u->one = (struct uio_seg){ base, len };
	u->segs = &u->one;
	u->seg_count = 1;
	u->seg_off = 0;
	u->kbuf = NULL;
	u->left = len;
}
void uio_kernel(struct uio *u, void *buf, size_t len);
void uio_user_segs(struct uio *u, const struct uio_seg *segs, unsigned count, size_t total);
/*
 * Move up to n bytes (at most u->left) and advance. Return the bytes moved: fewer than asked only when a fault stopped it (so 0 with n > 0
 * and left > 0 means -EFAULT). To the uio (a read(2)) / from the uio (a write(2)).
 */
size_t uio_put(struct uio *u, const void *src, size_t n);
size_t uio_get(struct uio *u, void *dst, size_t n);
size_t uio_put_zero(struct uio *u, size_t n);

#endif
