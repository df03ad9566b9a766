/* SPDX-License-Identifier: MIT */
/* cpio and gzip: what the host's gzip and a writer of archives make is read back in pieces of any size; damaged inputs end in an error, never in a fault. */
#include "fs/cpio.h"
#include "lib/bits.h"
#include "lib/check.h"
#include "lib/errno.h"
#include "lib/inflate.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define MAX_BYTES 300000u

static uint32_t rnd_state = 2463534242u;

static uint32_t rnd(uint32_t n)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 17;
	rnd_state ^= rnd_state << 5;
	return rnd_state % n;
}

/* An input that comes in runs of random length. */
struct runs {
	struct byte_source src;
	const uint8_t *data;
	size_t len, at;
};

static bool runs_more(struct byte_source *src)
{
	struct runs *r = container_of(src, struct runs, src);
	size_t n;

	if (r->at == r->len)
		return false;
	n = MIN((size_t)rnd(5000) + 1, r->len - r->at);
	src->p = r->data + r->at;
	src->end = src->p + n;
	r->at += n;
	return true;
}

struct sink {
	uint8_t *data;
	size_t len, stop_at;
};

static bool sink_write(void *ctx, const uint8_t *p, size_t n)
{
	struct sink *s = ctx;

	if (s->stop_at && s->len + n > s->stop_at)
		return false;
	assert_true(s->len + n <= 64 * MAX_BYTES);
	memcpy(s->data + s->len, p, n);
	s->len += n;
	return true;
}

static int unzip(const uint8_t *data, size_t len, struct sink *out)
{
	struct runs in = { .src.more = runs_more, .data = data, .len = len };
	void *memory = malloc(inflate_size());
	int err;

	memset(memory, 0xa5, inflate_size());
	err = inflate_gzip(memory, &in.src, sink_write, out);
	free(memory);
	return err;
}

/* Text that compresses: words repeat near and far, with stretches of noise. */
static size_t make_text(uint8_t *to, size_t len)
{
	for (size_t i = 0; i < len; ) {
		size_t n = MIN((size_t)rnd(300) + 1, len - i), from = i ? rnd((uint32_t)i) : 0;

		for (size_t k = 0; k < n; k++, i++)
			to[i] = i < 1000 || rnd(200) == 0 ? (uint8_t)rnd(256) : to[from + k];
	}
	return len;
}

/* The host's gzip of some bytes; level 0 asks for stored blocks, which 1.. never are. */
static size_t zip(const uint8_t *data, size_t len, int level, uint8_t *out, size_t cap)
{
	char from[] = "/tmp/initrd_test_XXXXXX", command[128];
	int fd = mkstemp(from);
	FILE *f = fdopen(fd, "wb");
	size_t n;

	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
	snprintf(command, sizeof(command), "gzip -%d -c %s", level, from);
	f = popen(command, "r");
	n = fread(out, 1, cap, f);
	pclose(f);
	unlink(from);
	return n;
}

static void test_gzip_of_the_host_is_read_back(void **state)
{
	uint8_t *text = malloc(MAX_BYTES), *packed = malloc(2 * MAX_BYTES);
	struct sink out = { .data = malloc(64 * MAX_BYTES) };
	static const size_t sizes[] = { 0, 1, 100, 32768, 65535, MAX_BYTES };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (int level = 1; level <= 9; level += 4) {
			size_t len = make_text(text, sizes[i]), n = zip(text, len, level, packed, 2 * MAX_BYTES);

			out.len = 0;
			assert_int_equal(unzip(packed, n, &out), 0);
			assert_int_equal(out.len, len);
			assert_memory_equal(out.data, text, len);
		}
	free(text);
	free(packed);
	free(out.data);
}

static void test_noise_comes_stored(void **state)
{
	uint8_t *noise = malloc(MAX_BYTES), *packed = malloc(2 * MAX_BYTES);
	struct sink out = { .data = malloc(64 * MAX_BYTES) };
	size_t n;

	(void)state;
	for (size_t i = 0; i < MAX_BYTES; i++)
		noise[i] = (uint8_t)(rnd(65536) >> 3);
	n = zip(noise, MAX_BYTES, 1, packed, 2 * MAX_BYTES);
	assert_int_equal(unzip(packed, n, &out), 0);
	assert_int_equal(out.len, MAX_BYTES);
	assert_memory_equal(out.data, noise, MAX_BYTES);
	free(noise);
	free(packed);
	free(out.data);
}

static void test_every_cut_and_many_changes_are_refused(void **state)
{
	uint8_t *text = malloc(20000), *packed = malloc(40000), *bad = malloc(40000);
	struct sink out = { .data = malloc(64 * MAX_BYTES), .stop_at = 60 * MAX_BYTES };
	size_t n = zip(text, make_text(text, 20000), 6, packed, 40000);

	(void)state;
	for (size_t cut = 0; cut < n; cut += 1 + rnd(40)) {
		out.len = 0;
		assert_int_not_equal(unzip(packed, cut, &out), 0);
	}
	for (unsigned round = 0; round < 3000; round++) {
		memcpy(bad, packed, n);
		for (uint32_t k = rnd(4) + 1; k; k--) {
			/* not the header's time, flags and system, which nothing protects */
			bad[10 + rnd((uint32_t)n - 10)] ^= (uint8_t)(1u << rnd(8));
		}
		if (!memcmp(bad, packed, n))
			continue;
		out.len = 0;
		if (unzip(bad, n, &out) == 0) /* only the name in the header may differ unseen */
			assert_memory_equal(out.data, text, 20000);
	}
	free(text);
	free(packed);
	free(bad);
	free(out.data);
}

static void test_a_full_sink_stops_it(void **state)
{
	uint8_t *text = calloc(1, MAX_BYTES), *packed = malloc(MAX_BYTES);
	struct sink out = { .data = malloc(64 * MAX_BYTES), .stop_at = 100000 };
	size_t n = zip(text, MAX_BYTES, 6, packed, MAX_BYTES);

	(void)state;
	assert_int_equal(unzip(packed, n, &out), -ECANCELED);
	assert_true(out.len <= 100000);
	free(text);
	free(packed);
	free(out.data);
}

/* An archive in memory, and what came out of it as text: "name mode size sum;". */
struct archive {
	uint8_t *data;
	size_t len;
	char *expect;
};

struct log {
	char *text;
	unsigned open;
	uint32_t size, sum;
	struct cpio_entry e;
};

static void put_padded(struct archive *a, const void *p, size_t n)
{
	memcpy(a->data + a->len, p, n);
	a->len += n;
	while (a->len % 4)
		a->data[a->len++] = 0;
}

static void add_entry(struct archive *a, const char *name, unsigned mode, const uint8_t *data, size_t n)
{
	char header[160];
	uint8_t head[4096];
	uint32_t sum = 0;

	snprintf(header, sizeof(header), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1, mode, 0, 0, 1, 0,
		 (unsigned)n, 0, 0, 0, 0, (unsigned)strlen(name) + 1, 0);
	memcpy(head, header, 110);
	memcpy(head + 110, name, strlen(name) + 1);
	put_padded(a, head, 110 + strlen(name) + 1);
	put_padded(a, data, n);
	for (size_t i = 0; i < n; i++)
		sum = sum * 31 + data[i];
	if (strcmp(name, "TRAILER!!!"))
		sprintf(a->expect + strlen(a->expect), "%s %o %zu %u;", name, mode, n, sum);
}

static void log_begin(void *ctx, const struct cpio_entry *e)
{
	struct log *l = ctx;

	assert_int_equal(l->open++, 0);
	assert_true(strlen(e->name) < CPIO_NAME_MAX);
	l->e = *e;
	l->size = l->sum = 0;
}

static void log_data(void *ctx, const uint8_t *p, size_t n)
{
	struct log *l = ctx;

	assert_int_equal(l->open, 1);
	for (size_t i = 0; i < n; i++)
		l->sum = l->sum * 31 + p[i];
	l->size += (uint32_t)n;
}

static void log_end(void *ctx)
{
	struct log *l = ctx;

	assert_int_equal(l->open--, 1);
	assert_int_equal(l->size, l->e.size);
	if (l->text && strlen(l->text) < 15 * MAX_BYTES / 16)
		sprintf(l->text + strlen(l->text), "%.100s %o %u %u;", l->e.name, l->e.mode, l->size, l->sum);
}

static const struct cpio_ops log_ops = { .begin = log_begin, .data = log_data, .end = log_end };

static bool feed_all(struct cpio *c, const uint8_t *p, size_t n)
{
	while (n) {
		size_t part = MIN((size_t)rnd(600) + 1, n), used = cpio_feed(c, p, part);

		assert_true(used <= part);
		if (used < part)
			return false;
		p += used;
		n -= used;
	}
	return true;
}

static void make_archive(struct archive *a)
{
	uint8_t data[3000];

	*a = (struct archive){ .data = calloc(1, MAX_BYTES), .expect = calloc(1, MAX_BYTES) };
	for (unsigned part = 0; part < 2; part++) {
		for (unsigned i = 0; i < 30; i++) {
			char name[64];
			size_t n = rnd(4) ? rnd(3000) : 0;

			for (size_t k = 0; k < n; k++)
				data[k] = (uint8_t)rnd(256);
			snprintf(name, sizeof(name), "%.*s%u", (int)rnd(40), "a/rather/long/name/with/many/parts/in/it", i);
			add_entry(a, name, 0100000 | rnd(01000), data, n);
		}
		add_entry(a, "TRAILER!!!", 0, data, 0);
		a->len += 512 * rnd(2); /* zeros between archives */
	}
}

static void test_archives_one_after_another(void **state)
{
	struct archive a;
	struct log l = { .text = calloc(1, MAX_BYTES) };
	struct cpio *c = malloc(sizeof(*c));

	(void)state;
	make_archive(&a);
	for (unsigned round = 0; round < 20; round++) {
		l.text[0] = '\0';
		cpio_init(c, &log_ops, &l);
		assert_true(feed_all(c, a.data, a.len));
		assert_true(cpio_idle(c));
		assert_string_equal(l.text, a.expect);
	}
	free(a.data);
	free(a.expect);
	free(l.text);
	free(c);
}

static void test_stops_before_what_is_no_archive(void **state)
{
	struct log l = { .text = NULL };
	struct cpio *c = malloc(sizeof(*c));
	uint8_t data[8] = { 0, 0, 0, 0, 0x1f, 0x8b, 8, 0 };

	(void)state;
	cpio_init(c, &log_ops, &l);
	assert_int_equal(cpio_feed(c, data, sizeof(data)), 4);
	assert_true(cpio_idle(c));
	free(c);
}

static void test_damaged_archives_do_no_harm(void **state)
{
	struct archive a;
	struct cpio *c = malloc(sizeof(*c));
	uint8_t *bad = malloc(MAX_BYTES);

	(void)state;
	make_archive(&a);
	for (unsigned round = 0; round < 2000; round++) {
		struct log l = { .text = NULL };

		memcpy(bad, a.data, a.len);
		for (uint32_t k = rnd(8) + 1; k; k--)
			bad[rnd((uint32_t)a.len)] = (uint8_t)rnd(256);
		cpio_init(c, &log_ops, &l);
		feed_all(c, bad, a.len);
	}
	free(a.data);
	free(a.expect);
	free(bad);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gzip_of_the_host_is_read_back),
		cmocka_unit_test(test_noise_comes_stored),
		cmocka_unit_test(test_every_cut_and_many_changes_are_refused),
		cmocka_unit_test(test_a_full_sink_stops_it),
		cmocka_unit_test(test_archives_one_after_another),
		cmocka_unit_test(test_stops_before_what_is_no_archive),
		cmocka_unit_test(test_damaged_archives_do_no_harm),
	};

	return cmocka_run_group_tests_name("initrd", tests, NULL, NULL);
}
