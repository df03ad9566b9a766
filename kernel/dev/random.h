/* SPDX-License-Identifier: MIT */
/* Random bytes: ChaCha20 keyed from what the machine offers at boot and re-keyed from its own output after every request. */
#ifndef DEV_RANDOM_H
#define DEV_RANDOM_H

#include "lib/types.h"

void random_bytes(void *buf, size_t len);
/* Stirs in something that an attacker may not know; never makes the state weaker. */
void random_stir(const void *data, size_t len);
/* The block function (RFC 8439, 2.3), for the tests: 64 bytes of key stream from 32 bytes of key. */
void chacha20_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3], uint8_t out[64]);

#endif
