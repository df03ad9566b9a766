/* SPDX-License-Identifier: MIT */
/*
 * Long copies between the kernel and a program: of every alignment, up to the edge of what is mapped, out of holes; and that nothing the kernel does
 * with memory, for a call or a fault, is seen in the registers that a program computes with.
 */
#include "guest.h"
#include <sched.h>

#define LENGTH (4 * PAGE)

static unsigned char pattern_at(size_t i) { return (unsigned char)(i * 7 + i / 251); }

static int patterned_file(void)
{
	static unsigned char data[LENGTH];
	int fd = new_file("pattern");

	for (size_t i = 0; i < LENGTH; i++)
		data[i] = pattern_at(i);
	CHECK_EQ(write(fd, data, LENGTH), LENGTH);
	return fd;
}

static const size_t lengths[] = {1, 3, 15, 16, 63, 64, 65, 255, 256, 257, 271, 272, 511, 512, 513, 1000, 4095, 4096, 4097, 8191, 8192, 9001};
#define FOR_LENGTHS(n) for (size_t n, n##_ = 0; n##_ < sizeof(lengths) / sizeof(*lengths) && (n = lengths[n##_]); n##_++)

TEST(reads_of_every_alignment)
{
	static unsigned char buffer[LENGTH];
	int fd = patterned_file();

	FOR_LENGTHS(n)
		for (size_t from = 0; from < 40; from += 3)
			for (size_t to = 1; to < 34; to += 4) {
				memset(buffer, 0xee, sizeof(buffer));
				CHECK_EQ(pread(fd, buffer + to, n, (off_t)from), n);
				CHECK(buffer[to - 1] == 0xee && buffer[to + n] == 0xee);
				for (size_t i = 0; i < n; i++)
					CHECK(buffer[to + i] == pattern_at(from + i));
			}
}

TEST(writes_of_every_alignment)
{
	static unsigned char data[LENGTH], back[LENGTH];
	int fd = new_file("written");

	for (size_t i = 0; i < LENGTH; i++)
		data[i] = pattern_at(i);
	FOR_LENGTHS(n)
		for (size_t from = 0; from < 20; from += 3)
			for (size_t to = 0; to < 34; to += 5) {
				CHECK_EQ(pwrite(fd, data + from, n, (off_t)to), n);
				CHECK_EQ(pread(fd, back, n, (off_t)to), n);
				CHECK(memcmp(back, data + from, n) == 0);
			}
}

/*
 * What is there before a missing page is copied, and no byte is counted that is not. A kernel may give up in the middle of one of its steps, of which
 * Linux's are 64 bytes. All of k, or a few less; errno when that is none.
 */
static size_t moved(ssize_t n, size_t k)
{
	size_t got = n < 0 ? 0 : (size_t)n;

	CHECK(n > 0 || (n == -1 && errno == EFAULT));
	CHECK(got <= k && k - got < 64);
	return got;
}

TEST(reads_up_to_the_edge)
{
	int fd = patterned_file();
	unsigned char *edge = (unsigned char *)map_edge();

	for (size_t k = 1; k < PAGE; k += k < 600 ? 1 : 97) {
		memset(edge - PAGE, 0xee, PAGE);
		size_t n = moved(pread(fd, edge - k, LENGTH - 100, 5), k);
		CHECK(edge[-(long)k - 1] == 0xee);
		for (size_t i = 0; i < n; i++)
			CHECK(edge[-(long)k + (long)i] == pattern_at(5 + i));
	}
}

TEST(holes_are_zeros_up_to_the_edge)
{
	unsigned char *edge = (unsigned char *)map_edge();
	int fd = new_file("hole");

	CHECK_OK(ftruncate(fd, 1 << 20));
	for (size_t k = 1; k < PAGE; k += k < 600 ? 1 : 97) {
		memset(edge - PAGE, 0xee, PAGE);
		size_t n = moved(pread(fd, edge - k, 200000, 4099), k);
		CHECK(edge[-(long)k - 1] == 0xee);
		for (size_t i = 0; i < n; i++)
			CHECK(edge[-(long)k + (long)i] == 0);
	}
}

/* Pages here and there, at borders of what a tree of pages may be cut into; each read goes over several holes. */
TEST(holes_between_pages)
{
	static const unsigned long there[] = {0, 1, 5, 62, 63, 64, 130, 4095, 4096, 4097, 262143, 262144, 300000};
	enum { COUNT = sizeof(there) / sizeof(*there), WINDOW = 100 };
	unsigned char *buffer = (unsigned char *)map_rw(WINDOW * PAGE);
	int fd = new_file("sparse");

	for (int i = 0; i < COUNT; i++)
		CHECK_EQ(pwrite(fd, "x", 1, (off_t)there[i] * PAGE + 7), 1);
	for (int i = 0; i < COUNT; i++) {
		unsigned long first = there[i] > 70 ? there[i] - 70 : 0;
		ssize_t n;

		memset(buffer, 0xee, WINDOW * PAGE);
		n = CHECK_OK(pread(fd, buffer, WINDOW * PAGE, (off_t)first * PAGE));
		CHECK_EQ(n, first + WINDOW <= 300000 ? (long long)(WINDOW * PAGE) : (long long)((300000 - first) * PAGE + 8));
		for (ssize_t at = 0; at < n; at++) {
			bool written = false;

			for (int k = 0; at % (ssize_t)PAGE == 7 && k < COUNT; k++)
				written |= there[k] == first + (unsigned long)at / PAGE;
			CHECK_EQ(buffer[at], written ? 'x' : 0);
		}
	}
}

/* ---- registers ---- */

struct registers { unsigned char x[8][16]; };

static struct registers pattern_of(unsigned seed)
{
	struct registers r;

	for (unsigned i = 0; i < sizeof(r); i++)
		((unsigned char *)&r)[i] = (unsigned char)(seed * 31 + i * 13 + 1);
	return r;
}

/* The call with these values in the registers; what is in them afterwards. */
static long call_with(long number, long a, const void *b, long c, const struct registers *in, struct registers *out)
{
	long result;

	__asm__ volatile("movups (%%esi), %%xmm0\n movups 16(%%esi), %%xmm1\n movups 32(%%esi), %%xmm2\n movups 48(%%esi), %%xmm3\n"
			 "movups 64(%%esi), %%xmm4\n movups 80(%%esi), %%xmm5\n movups 96(%%esi), %%xmm6\n movups 112(%%esi), %%xmm7\n"
			 "int $0x80\n"
			 "movups %%xmm0, (%%edi)\n movups %%xmm1, 16(%%edi)\n movups %%xmm2, 32(%%edi)\n movups %%xmm3, 48(%%edi)\n"
			 "movups %%xmm4, 64(%%edi)\n movups %%xmm5, 80(%%edi)\n movups %%xmm6, 96(%%edi)\n movups %%xmm7, 112(%%edi)\n"
			 : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c), "S"(in), "D"(out) : "memory");
	return result;
}

/* Stores to a page that is not there, or is another's too, with the values in the registers. */
static void touch_with(char *page, const struct registers *in, struct registers *out)
{
	__asm__ volatile("movups (%%esi), %%xmm0\n movups 16(%%esi), %%xmm1\n movups 32(%%esi), %%xmm2\n movups 48(%%esi), %%xmm3\n"
			 "movups 64(%%esi), %%xmm4\n movups 80(%%esi), %%xmm5\n movups 96(%%esi), %%xmm6\n movups 112(%%esi), %%xmm7\n"
			 "movb $1, (%%eax)\n"
			 "movups %%xmm0, (%%edi)\n movups %%xmm1, 16(%%edi)\n movups %%xmm2, 32(%%edi)\n movups %%xmm3, 48(%%edi)\n"
			 "movups %%xmm4, 64(%%edi)\n movups %%xmm5, 80(%%edi)\n movups %%xmm6, 96(%%edi)\n movups %%xmm7, 112(%%edi)\n"
			 : : "a"(page), "S"(in), "D"(out) : "memory");
}

#define CHECK_CALL(number, a, b, c, want)                                                                              \
	do {                                                                                                           \
		struct registers in_ = pattern_of((unsigned)(c) + seed), out_;                                         \
		CHECK_EQ(call_with(number, a, b, c, &in_, &out_), want);                                               \
		CHECK(memcmp(&in_, &out_, sizeof(in_)) == 0);                                                          \
	} while (0)

/* Calls that copy, into memory that is not there yet, and faults. */
static void calls_and_faults(int fd, int rounds, unsigned seed)
{
	char *p = map_rw(16 * PAGE);

	for (int i = 0; i < rounds; i++) {
		struct registers in = pattern_of(seed + (unsigned)i), out;

		CHECK_OK(lseek(fd, 0, SEEK_SET));
		CHECK_CALL(SYS_read, fd, p + 3, LENGTH, LENGTH);
		CHECK_EQ((unsigned char)p[3 + 5000], pattern_at(5000));
		CHECK_CALL(SYS_write, fd, p + 3, LENGTH, LENGTH);
		CHECK_CALL(SYS_ftruncate, fd, (void *)(LENGTH + 20 * PAGE), 0, 0);
		CHECK_CALL(SYS_read, fd, p + 9 * PAGE - 5, 5 * PAGE, 5 * PAGE);
		CHECK_CALL(SYS_ftruncate, fd, (void *)LENGTH, 0, 0);
		CHECK_OK(madvise(p, 16 * PAGE, MADV_DONTNEED));
		for (int k = 0; k < 16; k++) {
			touch_with(p + k * PAGE, &in, &out);
			CHECK(memcmp(&in, &out, sizeof(in)) == 0);
		}
		CHECK_OK(madvise(p, 16 * PAGE, MADV_DONTNEED));
	}
}

TEST(registers_over_calls_and_faults)
{
	calls_and_faults(patterned_file(), 20, 1);
}

/* More of them than there are processors, so that they are switched in the middle of copies. */
TEST(registers_of_several_processes)
{
	enum { PROCESSES = 4 };
	pid_t child[PROCESSES];

	for (int i = 0; i < PROCESSES; i++) {
		child[i] = CHECK_OK(fork());
		if (!child[i]) {
			char name[16];
			int fd;

			snprintf(name, sizeof(name), "folder%d", i);
			CHECK_OK(mkdir(name, 0700));
			CHECK_OK(chdir(name));
			fd = patterned_file();
			calls_and_faults(fd, 60, (unsigned)i * 1000);
			_exit(0);
		}
	}
	for (int i = 0; i < PROCESSES; i++)
		reap_ok(child[i]);
}

TEST(registers_while_pages_are_copied)
{
	char *p = map_rw(64 * PAGE), c;
	struct gate g;

	memset(p, 5, 64 * PAGE);
	g = gate_make();
	pid_t child = CHECK_OK(fork());
	if (!child) {
		CHECK_EQ(read(g.fd[0], &c, 1), 1);
		_exit(0);
	}
	for (int k = 0; k < 64; k++) {
		struct registers in = pattern_of((unsigned)k), out;

		touch_with(p + k * PAGE, &in, &out);
		CHECK(memcmp(&in, &out, sizeof(in)) == 0);
		CHECK(p[k * PAGE] == 1 && p[k * PAGE + 1] == 5 && p[(k + 1) * PAGE - 1] == 5);
	}
	CHECK_EQ(write(g.fd[1], "x", 1), 1);
	reap_ok(child);
}

/* Large pieces through a pipe: who reads sleeps, and is switched away from, in the call. */
TEST(registers_over_calls_that_sleep)
{
	static char data[60000], back[60000];
	unsigned seed = 9;
	int pipe_fd[2];

	CHECK_OK(pipe(pipe_fd));
	pid_t child = CHECK_OK(fork());
	if (!child) {
		for (int i = 0; i < 40; i++) {
			memset(data, i, sizeof(data));
			CHECK_CALL(SYS_write, pipe_fd[1], data, (long)sizeof(data), (long)sizeof(data));
			sched_yield();
		}
		_exit(0);
	}
	CHECK_OK(close(pipe_fd[1]));
	for (int i = 0; i < 40; i++) {
		struct registers in = pattern_of((unsigned)i), out;

		for (size_t got = 0; got < sizeof(data);) {
			long n = call_with(SYS_read, pipe_fd[0], back + got, (long)(sizeof(back) - got), &in, &out);

			CHECK(n > 0 && memcmp(&in, &out, sizeof(in)) == 0);
			got += (size_t)n;
		}
		CHECK(back[0] == i && back[59999] == i && back[30000] == i);
	}
	reap_ok(child);
}
