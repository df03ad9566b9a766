/* SPDX-License-Identifier: MIT */
/* The random generator: its block function against the vector that RFC 8439 publishes, and that nothing is said twice. */
#include "arch/cpu.h"
#include "dev/random.h"
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int init_machine(void **state)
{
	(void)state;
	host_machine_init(64, 64);
	return 0;
}

/* RFC 8439, 2.3.2 */
static void test_block_function_of_the_rfc(void **state)
{
	static const uint8_t expect[64] = {
		0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3, 0x20, 0x71, 0xc4,
		0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22, 0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e,
		0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa, 0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2,
		0xb5, 0x12, 0x9c, 0xd1, 0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
	};
	static const uint8_t nonce_bytes[12] = { 0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0 };
	uint32_t key[8], nonce[3];
	uint8_t key_bytes[32], out[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(key_bytes); i++)
		key_bytes[i] = (uint8_t)i;
	memcpy(key, key_bytes, sizeof(key));
	memcpy(nonce, nonce_bytes, sizeof(nonce));
	chacha20_block(key, 1, nonce, out);
	assert_memory_equal(out, expect, sizeof(expect));
}

/* RFC 8439, appendix A.1, vector 1: all zero */
static void test_block_function_of_zeros(void **state)
{
	static const uint8_t begin[16] = { 0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28 };
	uint32_t key[8] = { 0 }, nonce[3] = { 0 };
	uint8_t out[64];

	(void)state;
	chacha20_block(key, 0, nonce, out);
	assert_memory_equal(out, begin, sizeof(begin));
}

static void test_nothing_is_said_twice(void **state)
{
	static uint8_t got[256][16];
	uint8_t odd[131] = { 0 };
	unsigned ones = 0;

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		random_bytes(got[i], sizeof(got[i]));
		for (unsigned k = 0; k < i; k++)
			assert_memory_not_equal(got[i], got[k], sizeof(got[i]));
		for (unsigned k = 0; k < sizeof(got[i]); k++)
			ones += (unsigned)__builtin_popcount(got[i][k]);
	}
	assert_in_range(ones, 15000, 17768); /* of 32768 bits: far beyond any chance */
	random_bytes(odd, sizeof(odd) - 1);
	assert_int_equal(odd[sizeof(odd) - 1], 0); /* no byte too many */
	random_bytes(odd, 0);
	random_stir("x", 1);
	random_stir(odd, sizeof(odd));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_block_function_of_the_rfc),
		cmocka_unit_test(test_block_function_of_zeros),
		cmocka_unit_test(test_nothing_is_said_twice),
	};

	return cmocka_run_group_tests_name("random", tests, init_machine, NULL);
}
