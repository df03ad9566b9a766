/* SPDX-License-Identifier: MIT */
/*
 * What the compiler calls under -fsanitize=thread, without the library of that name: each access to memory and each atomic operation is a point where
 * another pretend CPU may run on (interleave.h). The compiler calls before an access and in place of an atomic operation, which happens
 * after the point. The stacks are left out, for nobody else looks at them but through a wait queue.
 */
#include "arch_target/interleave.h"
#include "lib/types.h"
#include <string.h>

#ifndef __clang__ /* gcc has prototypes of these of its own */
#pragma GCC diagnostic ignored "-Wbuiltin-declaration-mismatch"
#endif

static void at(const void *p, unsigned weight)
{
	char here;

	if ((uintptr_t)p - (uintptr_t)&here > 4096)
		host_point(weight);
}

void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);
void __tsan_init(void) {}
void __tsan_func_entry(void *pc) { (void)pc; }
void __tsan_func_exit(void) {}

#define ACCESS(name, weight) \
	void __tsan_##name(void *p); \
	void __tsan_##name(void *p) { at(p, weight); }
#define ACCESSES(n) \
	ACCESS(read##n, HOST_READ) ACCESS(unaligned_read##n, HOST_READ) ACCESS(volatile_read##n, HOST_READ) ACCESS(unaligned_volatile_read##n, HOST_READ) \
	ACCESS(write##n, HOST_WRITE) ACCESS(unaligned_write##n, HOST_WRITE) ACCESS(volatile_write##n, HOST_WRITE) \
	ACCESS(unaligned_volatile_write##n, HOST_WRITE) ACCESS(read_write##n, HOST_WRITE) ACCESS(unaligned_read_write##n, HOST_WRITE)
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

void __tsan_read_range(void *p, size_t n);
void __tsan_write_range(void *p, size_t n);
void __tsan_vptr_update(void **p, void *v);
void __tsan_read_range(void *p, size_t n) { (void)n; at(p, HOST_READ); }
void __tsan_write_range(void *p, size_t n) { (void)n; at(p, HOST_WRITE); }
void __tsan_vptr_update(void **p, void *v) { (void)p, (void)v; }

void *__tsan_memcpy(void *to, const void *from, size_t n);
void *__tsan_memmove(void *to, const void *from, size_t n);
void *__tsan_memset(void *to, int c, size_t n);
void *__tsan_memcpy(void *to, const void *from, size_t n) { return at(to, HOST_WRITE), memcpy(to, from, n); }
void *__tsan_memmove(void *to, const void *from, size_t n) { return at(to, HOST_WRITE), memmove(to, from, n); }
void *__tsan_memset(void *to, int c, size_t n) { return at(to, HOST_WRITE), memset(to, c, n); }

#define FETCH(bits, type, op) \
	type __tsan_atomic##bits##_fetch_##op(type *p, type v, int order); \
	type __tsan_atomic##bits##_fetch_##op(type *p, type v, int order) { (void)order; host_point(HOST_ATOMIC); return __atomic_fetch_##op(p, v, __ATOMIC_SEQ_CST); }
#define ATOMICS(bits, type) \
	FETCH(bits, type, add) FETCH(bits, type, sub) FETCH(bits, type, and) FETCH(bits, type, or) FETCH(bits, type, xor) FETCH(bits, type, nand) \
	type __tsan_atomic##bits##_load(const type *p, int order); \
	void __tsan_atomic##bits##_store(type *p, type v, int order); \
	type __tsan_atomic##bits##_exchange(type *p, type v, int order); \
	int __tsan_atomic##bits##_compare_exchange_strong(type *p, type *old, type v, int yes, int no); \
	int __tsan_atomic##bits##_compare_exchange_weak(type *p, type *old, type v, int yes, int no); \
	type __tsan_atomic##bits##_compare_exchange_val(type *p, type old, type v, int yes, int no); \
	type __tsan_atomic##bits##_load(const type *p, int order) { (void)order; host_point(HOST_ATOMIC); return *(const volatile type *)p; } \
	void __tsan_atomic##bits##_store(type *p, type v, int order) { (void)order; host_point(HOST_ATOMIC); *(volatile type *)p = v; } \
	type __tsan_atomic##bits##_exchange(type *p, type v, int order) { (void)order; host_point(HOST_ATOMIC); return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); } \
	int __tsan_atomic##bits##_compare_exchange_strong(type *p, type *old, type v, int yes, int no) \
	{ \
		(void)yes, (void)no; \
		host_point(HOST_ATOMIC); \
		return __atomic_compare_exchange_n(p, old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	} \
	int __tsan_atomic##bits##_compare_exchange_weak(type *p, type *old, type v, int yes, int no) \
	{ \
		return __tsan_atomic##bits##_compare_exchange_strong(p, old, v, yes, no); \
	} \
	type __tsan_atomic##bits##_compare_exchange_val(type *p, type old, type v, int yes, int no) \
	{ \
		return __tsan_atomic##bits##_compare_exchange_strong(p, &old, v, yes, no), old; \
	}
ATOMICS(8, uint8_t)
ATOMICS(16, uint16_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_thread_fence(int order) { (void)order; host_point(HOST_ATOMIC); }
void __tsan_atomic_signal_fence(int order) { (void)order; }
