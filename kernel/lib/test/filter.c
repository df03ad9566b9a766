/* SPDX-License-Identifier: MIT */
/* Linked into every test program: TEST_FILTER=pattern in the environment (with * and ?) runs only the functions with such a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

__attribute__((constructor)) static void choose(void)
{
	const char *pattern = getenv("TEST_FILTER");

	if (pattern && *pattern)
		cmocka_set_test_filter(pattern);
}
