/* SPDX-License-Identifier: MIT */
/* Attributes, branch hints, and Clang thread-safety annotations (empty under GCC). */
#ifndef LIB_COMPILER_H
#define LIB_COMPILER_H

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define __packed __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
#define __noreturn __attribute__((noreturn))
#define __printf(f, a) __attribute__((format(printf, f, a)))
#define __must_check __attribute__((warn_unused_result))
#define __used __attribute__((used))
#define __unused __attribute__((unused))
#define __weak __attribute__((weak))
#define __section(s) __attribute__((section(s)))
#undef __always_inline /* the host's C library has one too */
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define __unchecked __attribute__((no_sanitize("kernel-address"))) /* may read memory that is free */
#define __any_stack __attribute__((no_sanitize("address"))) /* on the host: may touch what lies between the variables of a stack */

#define barrier() __asm__ volatile("" ::: "memory")
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#if defined(__clang__)
#define __guarded_by(l) __attribute__((guarded_by(l)))
#else
#define __guarded_by(l)
#endif

#endif
