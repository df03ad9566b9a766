/* SPDX-License-Identifier: MIT */
/* Random bytes. */
#include "dev/random.h"
#include "arch/clock.h"
#include "core/clock.h"
#include "core/spinlock.h"
#include "lib/bits.h"
#include "lib/string.h"

static struct spinlock lock = SPINLOCK_INIT(LOCK_RANDOM);
static uint32_t key[8]; /* lock */
static bool seeded;

static uint32_t rotl(uint32_t v, unsigned n) { return v << n | v >> (32 - n); }

static void quarter(uint32_t *s, unsigned a, unsigned b, unsigned c, unsigned d)
{
	s[a] += s[b]; s[d] = rotl(s[d] ^ s[a], 16);
	s[c] += s[d]; s[b] = rotl(s[b] ^ s[c], 12);
	s[a] += s[b]; s[d] = rotl(s[d] ^ s[a], 8);
	s[c] += s[d]; s[b] = rotl(s[b] ^ s[c], 7);
}

void chacha20_block(const uint32_t k[8], uint32_t counter, const uint32_t nonce[3], uint8_t out[64])
{
	uint32_t in[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }, s[16];

	memcpy(in + 4, k, 32);
	in[12] = counter;
	memcpy(in + 13, nonce, 12);
	memcpy(s, in, sizeof(s));
	for (unsigned i = 0; i < 10; i++) {
		quarter(s, 0, 4, 8, 12);
		quarter(s, 1, 5, 9, 13);
		quarter(s, 2, 6, 10, 14);
		quarter(s, 3, 7, 11, 15);
		quarter(s, 0, 5, 10, 15);
		quarter(s, 1, 6, 11, 12);
		quarter(s, 2, 7, 8, 13);
		quarter(s, 3, 4, 9, 14);
	}
	for (unsigned i = 0; i < 16; i++)
		s[i] += in[i];
	memcpy(out, s, 64);
}

/* Lock held. The next key is the first half of a block that nobody sees. */
static void rekey(void)
{
	const uint32_t nonce[3] = { 0x72656b65, 0x79, 0 };
	uint8_t block[64];

	chacha20_block(key, 0, nonce, block);
	memcpy(key, block, 32);
}

static void stir(uint64_t v)
{
	key[0] ^= (uint32_t)v;
	key[1] ^= (uint32_t)(v >> 32);
	rekey();
}

void random_stir(const void *data, size_t len)
{
	unsigned long irq = spin_lock_irqsave(&lock);
	const uint8_t *p = data;

	for (; len; p += MIN(len, (size_t)8), len -= MIN(len, (size_t)8)) {
		uint64_t v = 0;

		memcpy(&v, p, MIN(len, (size_t)8));
		stir(v);
	}
	spin_unlock_irqrestore(&lock, irq);
}

/* The counter's jitter against its own reading: little by little, many times. Two callers at once do it twice. */
static void seed(void)
{
	for (unsigned i = 0; i < 64; i++) {
		uint64_t v = arch_cycles() * 0x9E3779B97F4A7C15ull + i;

		random_stir(&v, sizeof(v));
	}
	ktime_t now = clock_wall();
	random_stir(&now, sizeof(now));
	WRITE_ONCE(seeded, true);
}

void random_bytes(void *buf, size_t len)
{
	const uint32_t nonce[3] = { 0 };
	uint8_t *p = buf, block[64];

	if (!READ_ONCE(seeded))
		seed();
	while (len) {
		unsigned long irq = spin_lock_irqsave(&lock);
		size_t n = MIN(len, (size_t)64);

		stir(arch_cycles());
		chacha20_block(key, 1, nonce, block);
		rekey();
		spin_unlock_irqrestore(&lock, irq);
		memcpy(p, block, n);
		p += n;
		len -= n;
	}
	memset(block, 0, sizeof(block));
}
