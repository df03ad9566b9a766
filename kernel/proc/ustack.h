/* SPDX-License-Identifier: MIT */
/* The first stack of a program: strings, auxiliary vector, environment, arguments (System V ABI i386, figure 3-31). */
#ifndef PROC_USTACK_H
#define PROC_USTACK_H

#include "proc/elf.h"

#define ARG_STRING_MAX (32 * PAGE_SIZE) /* MAX_ARG_STRLEN */

/* Strings copied in once: arguments, then environment, each with its NUL, in pages of the kernel. */
struct args {
	unsigned long argc, envc;
	size_t bytes;           /* of all strings */
	size_t limit;           /* bytes allowed, pointers included */
	char **pages;           /* page i holds bytes [i, i+1) * PAGE_SIZE */
	unsigned page_count, page_cap;
	size_t skip;            /* bytes of leading arguments dropped (scripts) */
};

void args_init(struct args *a, size_t limit);
void args_free(struct args *a);
/* Appends a string; -E2BIG, -ENOMEM. Environment strings come after all arguments. */
int args_add(struct args *a, const char *s, size_t len_with_nul, bool env);
int args_add_user_vector(struct args *a, uaddr_t vector, bool env);
/* Replaces argv[0] by the given strings (scripts). */
int args_replace_first(struct args *a, const char *const *with, unsigned count);

struct program {
	const struct elf_image *image, *interp; /* interp may be NULL */
	const char *name;      /* AT_EXECFN */
	bool secure;           /* set-id */
};

/* Fills the stack below as->stack_top; *sp is the initial stack pointer. */
int ustack_build(struct aspace *as, const struct args *a, const struct program *prog, uaddr_t *sp);

#endif
