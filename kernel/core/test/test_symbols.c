/* SPDX-License-Identifier: MIT */
/* Addresses of functions -> names, from a table made by hand: 17 functions in two groups, of which two are longer than 127 bytes. */
#include "core/symbols.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define BASE 0xc0101000ul
#define FIRST_SIZE 300ul /* of the first of each group; the others have 16 bytes */
#define GROUP (FIRST_SIZE + 15 * 16)

/* Parts 1 to 4; part 3 alone is as long as a name may be. */
#define LONG "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"

extern const unsigned long ksym_base;
extern const uint32_t ksym_groups;
extern const struct { uint32_t offset, place; } ksym_group[];
extern const uint8_t ksym_packed[];
extern const uint16_t ksym_part[];
extern const char ksym_parts[];

const unsigned long ksym_base = BASE;
const uint32_t ksym_groups = 2;
const typeof(ksym_group[0]) ksym_group[] = { { 0, 0 }, { GROUP, 5 + 15 * 4 }, { GROUP + FIRST_SIZE, 5 + 15 * 4 + 4 } };
const char ksym_parts[] = "\0page\0_put\0" LONG "\0x";
const uint16_t ksym_part[] = { 0, 1, 6, 11, 11 + sizeof(LONG) };

#define SHORT 16, 1, 4, 0 /* "pagex" */
const uint8_t ksym_packed[] = {
	0xac, 2, 1, 2, 0, /* 300 bytes, "page_put" */
	SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, 16, 4, 4, 0, /* "xx" */
	0xac, 2, 3, 0,
};

static void expect(unsigned long addr, const char *name, unsigned long offset, unsigned long size)
{
	struct symbol s;

	assert_true(symbol_find(addr, &s));
	assert_string_equal(s.name, name);
	assert_int_equal(s.offset, offset);
	assert_int_equal(s.size, size);
}

static void test_in_the_first_group(void **state)
{
	(void)state;
	expect(BASE, "page_put", 0, FIRST_SIZE);
	expect(BASE + FIRST_SIZE - 1, "page_put", FIRST_SIZE - 1, FIRST_SIZE);
	expect(BASE + FIRST_SIZE, "pagex", 0, 16);
	expect(BASE + FIRST_SIZE + 14 * 16 - 1, "pagex", 15, 16);
	expect(BASE + GROUP - 16, "xx", 0, 16);
	expect(BASE + GROUP - 1, "xx", 15, 16);
}

/* Its only name is too long, and cut. */
static void test_in_the_last_group(void **state)
{
	char cut[SYMBOL_NAME_SIZE] = { 0 };

	(void)state;
	memcpy(cut, LONG, sizeof(cut) - 1);
	expect(BASE + GROUP, cut, 0, FIRST_SIZE);
	expect(BASE + GROUP + FIRST_SIZE - 1, cut, FIRST_SIZE - 1, FIRST_SIZE);
}

static void test_outside(void **state)
{
	struct symbol s;

	(void)state;
	assert_false(symbol_find(0, &s));
	assert_false(symbol_find(BASE - 1, &s));
	assert_false(symbol_find(BASE + GROUP + FIRST_SIZE, &s));
	assert_false(symbol_find(~0ul, &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_the_first_group),
		cmocka_unit_test(test_in_the_last_group),
		cmocka_unit_test(test_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
