/* SPDX-License-Identifier: MIT */
/*
 * What the compiler calls where the undefined behaviour sanitizer finds something (build variant `--sanitize`; empty otherwise). Each handler gets a
 * description of the place, which begins with file, line and column, and the operands: whole where they fit a register, else their addresses.
 * One find is the end: a kernel that went on would hide it.
 */
#include "lib/check.h"
#if CONFIG_SANITIZE
#include "core/panic.h"
#include "lib/types.h"

struct site {
	const char *file;
	uint32_t line, column;
};

struct type {
	uint16_t kind, info;
	char name[];
};

/* Of loads and stores by a bad pointer. */
struct access_site {
	struct site site;
	const struct type *type;
	uint8_t log_align;
	uint8_t kind;
};

static __noreturn void found(const struct site *s, const char *what, unsigned long a, unsigned long b)
{
	panic("undefined behaviour: %s:%u:%u: %s (%#lx, %#lx)", s->file, s->line, s->column, what, a, b);
}

#define HANDLER(name) SANITIZER_CALL __noreturn void __ubsan_handle_##name
/* The declaration, the definition, and the name that the compiler uses when nothing shall go on. */
#define FINDS_0(name, text) \
	HANDLER(name)(const struct site *s); \
	HANDLER(name)(const struct site *s) { found(s, text, 0, 0); }
#define FINDS_1(name, text) \
	HANDLER(name)(const struct site *s, unsigned long a); \
	HANDLER(name)(const struct site *s, unsigned long a) { found(s, text, a, 0); }
#define FINDS_2(name, text) \
	HANDLER(name)(const struct site *s, unsigned long a, unsigned long b); \
	HANDLER(name)(const struct site *s, unsigned long a, unsigned long b) { found(s, text, a, b); }

FINDS_2(add_overflow_abort, "overflow of +")
FINDS_2(sub_overflow_abort, "overflow of -")
FINDS_2(mul_overflow_abort, "overflow of *")
FINDS_2(divrem_overflow_abort, "division by zero, or its overflow")
FINDS_1(negate_overflow_abort, "overflow of a negation")
FINDS_2(shift_out_of_bounds_abort, "shift out of bounds")
FINDS_1(out_of_bounds_abort, "index out of bounds")
FINDS_2(pointer_overflow_abort, "pointer arithmetic wraps")
FINDS_1(load_invalid_value_abort, "a value that its type does not have")
FINDS_1(vla_bound_not_positive_abort, "size of an array not positive")
FINDS_0(nonnull_arg_abort, "null given to a parameter that must not be")
FINDS_0(invalid_builtin_abort, "zero given to a bit count")
FINDS_0(builtin_unreachable, "unreachable code was reached")
FINDS_0(missing_return, "a function ended without its value")

SANITIZER_CALL __noreturn void __ubsan_handle_nonnull_return_v1_abort(const void *data, const struct site *s);
SANITIZER_CALL __noreturn void __ubsan_handle_nonnull_return_v1_abort(const void *data, const struct site *s)
{
	(void)data;
	found(s, "null returned where it must not be", 0, 0);
}

SANITIZER_CALL __noreturn void __ubsan_handle_type_mismatch_v1_abort(const struct access_site *a, unsigned long pointer);
SANITIZER_CALL __noreturn void __ubsan_handle_type_mismatch_v1_abort(const struct access_site *a, unsigned long pointer)
{
	const char *what = "object too small for its type";

	if (!pointer)
		what = "null pointer";
	else if (a->log_align && pointer & ((1ul << a->log_align) - 1))
		what = "misaligned pointer";
	panic("undefined behaviour: %s:%u:%u: %s (%#lx, %s)", a->site.file, a->site.line, a->site.column, what, pointer, a->type->name);
}
#endif
