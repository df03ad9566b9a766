/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: brk, mmap and its relatives, what protections mean, files in memory, growing stacks.
 */
#include "guest.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

TEST(brk_grows_and_shrinks)
{
	char *start = sbrk(0), *p;

	CHECK_EQ((uintptr_t)sbrk(10 * PAGE), (uintptr_t)start);
	for (unsigned i = 0; i < 10 * PAGE; i += 512)
		CHECK_EQ(start[i], 0);
	memset(start, 7, 10 * PAGE);
	CHECK_OK(brk(start + 5 * PAGE));
	p = (char *)(((uintptr_t)start + 5 * PAGE + PAGE - 1) & ~(PAGE - 1));
	CHECK_FAULT(touch_read, p, SIGSEGV, SEGV_MAPERR);
	CHECK_OK(brk(start + 10 * PAGE));
	CHECK_EQ(p[0], 0); /* what was given back comes back empty */
	CHECK_EQ(start[0], 7);
}

TEST(brk_refuses)
{
	char *now = (char *)syscall(SYS_brk, 0);
	struct rlimit limit = {1 << 20, 1 << 20};

	CHECK_EQ(syscall(SYS_brk, 4096), (uintptr_t)now);
	CHECK_EQ(syscall(SYS_brk, 0xfffff000), (uintptr_t)now);
	CHECK_OK(setrlimit(RLIMIT_DATA, &limit));
	CHECK_ERR(brk(now + (64 << 20)), ENOMEM);
	CHECK_EQ(syscall(SYS_brk, 0), (uintptr_t)now);
}

TEST(brk_does_not_run_into_a_mapping)
{
	char *now = (char *)(((uintptr_t)sbrk(0) + PAGE - 1) & ~(PAGE - 1));

	CHECK(mmap(now + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == now + 2 * PAGE);
	CHECK_ERR(brk(now + 4 * PAGE), ENOMEM);
	CHECK_EQ((uintptr_t)sbrk(0) <= (uintptr_t)now, 1);
}

TEST(anonymous_starts_empty)
{
	char *p = map_rw(100 * PAGE);

	CHECK_EQ((uintptr_t)p % PAGE, 0);
	for (unsigned i = 0; i < 100 * PAGE; i += 64)
		CHECK_EQ(p[i], 0);
	memset(p, 1, 100 * PAGE);
	CHECK_OK(munmap(p, 100 * PAGE));
	p = map_rw(100 * PAGE);
	for (unsigned i = 0; i < 100 * PAGE; i += 64)
		CHECK_EQ(p[i], 0);
}

TEST(read_before_write)
{
	volatile char *p = map_rw(3 * PAGE);

	CHECK_EQ(p[PAGE], 0);
	p[PAGE] = 4;
	CHECK_EQ(p[PAGE], 4);
	CHECK_EQ(p[0] + p[2 * PAGE], 0);
}

TEST(mmap_errors)
{
	int fd = new_file("f"), rd = open("f", O_RDONLY), wr = open("f", O_WRONLY), dir = open(".", O_RDONLY), fds[2];

	CHECK_OK(pipe(fds));
	CHECK_ERR((long)mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
	CHECK_ERR((long)mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERR((long)mmap((void *)4097, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	CHECK_ERR((long)mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
	CHECK_ERR((long)mmap(NULL, PAGE, RW, MAP_PRIVATE, 999, 0), EBADF);
	CHECK_ERR((long)mmap(NULL, PAGE, RW, MAP_SHARED, rd, 0), EACCES);
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wr, 0), EACCES);
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fds[0], 0), ENODEV);
	CHECK_ERR((long)mmap(NULL, 0xfffff000, RW, ANON, -1, 0), ENOMEM);
	CHECK_ERR((long)mmap(NULL, 0xfffff001, RW, ANON, -1, 0), ENOMEM);
	CHECK_ERR((long)syscall(SYS_mmap2, 0, 0x2000, PROT_READ, MAP_PRIVATE, fd, 0xffffffff), EOVERFLOW);
	CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, rd, 0) != MAP_FAILED);
}

TEST(munmap_errors)
{
	CHECK_ERR(munmap((void *)1, PAGE), EINVAL);
	CHECK_ERR(munmap(NULL, 0), EINVAL);
	CHECK_ERR(munmap((void *)PAGE, 0xffffffff), EINVAL);
	CHECK_ERR(munmap((void *)0xfffff000, PAGE), EINVAL);
	CHECK_OK(munmap((void *)0x10000000, 64 * PAGE)); /* nothing there: no error */
}

TEST(hint_is_followed_when_free)
{
	char *p = map_rw(4 * PAGE), *q;

	CHECK_OK(munmap(p, 4 * PAGE));
	q = mmap(p + PAGE, PAGE, RW, ANON, -1, 0);
	CHECK_EQ((uintptr_t)q, (uintptr_t)p + PAGE);
	q = mmap(p + PAGE, PAGE, RW, ANON, -1, 0);
	CHECK(q != p + PAGE && q != MAP_FAILED);
}

TEST(fixed_replaces)
{
	char *p = map_rw(5 * PAGE);

	memset(p, 1, 5 * PAGE);
	CHECK(mmap(p + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + 2 * PAGE);
	CHECK_EQ(p[2 * PAGE], 0);
	CHECK_EQ(p[2 * PAGE - 1], 1);
	CHECK_EQ(p[3 * PAGE], 1);
	CHECK_ERR((long)mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	CHECK_OK(munmap(p, PAGE));
	CHECK(mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p);
}

TEST(holes)
{
	char *p = map_rw(9 * PAGE);

	memset(p, 3, 9 * PAGE);
	for (unsigned i = 1; i < 9; i += 2)
		CHECK_OK(munmap(p + i * PAGE, PAGE));
	for (unsigned i = 0; i < 9; i++) {
		if (i % 2)
			CHECK_FAULT(touch_read, p + i * PAGE, SIGSEGV, SEGV_MAPERR);
		else
			CHECK_EQ(p[i * PAGE + PAGE - 1], 3);
	}
	CHECK_OK(munmap(p, 9 * PAGE));
	for (unsigned i = 0; i < 9; i++)
		CHECK_FAULT(touch_read, p + i * PAGE, SIGSEGV, SEGV_MAPERR);
}

TEST(protections)
{
	char *p = map_anon(PAGE, PROT_NONE, MAP_PRIVATE);

	CHECK_FAULT(touch_read, p, SIGSEGV, SEGV_ACCERR);
	CHECK_FAULT(touch_write, p, SIGSEGV, SEGV_ACCERR);
	CHECK_OK(mprotect(p, PAGE, PROT_READ));
	CHECK_EQ(p[5], 0);
	CHECK_FAULT(touch_write, p + 5, SIGSEGV, SEGV_ACCERR);
	CHECK_OK(mprotect(p, PAGE, RW));
	p[5] = 1;
	CHECK_OK(mprotect(p, PAGE, PROT_NONE));
	CHECK_FAULT(touch_read, p + 5, SIGSEGV, SEGV_ACCERR);
	CHECK_OK(mprotect(p, PAGE, PROT_READ));
	CHECK_EQ(p[5], 1);
}

TEST(mprotect_splits)
{
	char *p = map_rw(7 * PAGE);

	memset(p, 1, 7 * PAGE);
	CHECK_OK(mprotect(p + 2 * PAGE, 3 * PAGE, PROT_READ));
	CHECK_OK(mprotect(p + 3 * PAGE, PAGE, RW));
	for (unsigned i = 0; i < 7; i++) {
		if (i == 2 || i == 4)
			CHECK_FAULT(touch_write, p + i * PAGE, SIGSEGV, SEGV_ACCERR);
		else
			p[i * PAGE] = 2;
	}
	CHECK_OK(mprotect(p, 7 * PAGE, RW));
	memset(p, 4, 7 * PAGE);
}

TEST(mprotect_errors)
{
	char *p = map_rw(3 * PAGE);
	int rd;

	CHECK_OK(munmap(p + PAGE, PAGE));
	CHECK_ERR(mprotect(p + 1, PAGE, PROT_READ), EINVAL);
	CHECK_ERR(mprotect(p, 3 * PAGE, PROT_READ), ENOMEM);
	CHECK_FAULT(touch_write, p, SIGSEGV, SEGV_ACCERR); /* what lay before the hole was changed */
	CHECK_ERR(mprotect(p + PAGE, PAGE, PROT_READ), ENOMEM);
	CHECK_ERR(mprotect(p, 0xfffff000, PROT_READ), ENOMEM);
	CHECK_ERR(mprotect(p, PAGE, 0x100), EINVAL);
	CHECK_OK(mprotect(p, 0, PROT_READ));
	write_file("f", "x", 1);
	rd = open("f", O_RDONLY);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, rd, 0);
	CHECK_ERR(mprotect(p, PAGE, RW), EACCES);
}

TEST(code_can_be_made)
{
	unsigned char *p = map_anon(PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE);

	memcpy(p, "\xb8\x2a\x00\x00\x00\xc3", 6);
	CHECK_EQ(((int (*)(void))(uintptr_t)p)(), 42);
}

TEST(file_private)
{
	char *p, c;
	int fd = new_file("f");

	CHECK_OK(ftruncate(fd, 3 * PAGE));
	CHECK_EQ(pwrite(fd, "hello", 5, PAGE), 5);
	p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, PAGE);
	CHECK(p != MAP_FAILED);
	CHECK(memcmp(p, "hello", 5) == 0);
	CHECK_EQ(pwrite(fd, "J", 1, PAGE), 1);
	CHECK_EQ(p[0], 'J'); /* not yet copied */
	p[0] = 'M';
	CHECK_EQ(pread(fd, &c, 1, PAGE), 1);
	CHECK_EQ(c, 'J');
	CHECK_EQ(pwrite(fd, "K", 1, PAGE), 1);
	CHECK_EQ(p[0], 'M');
	close(fd);
	CHECK_EQ(p[1], 'e');
}

TEST(file_shared_is_coherent)
{
	char *p, *q, text[6];
	int fd = new_file("f");

	CHECK_OK(ftruncate(fd, 2 * PAGE));
	p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	q = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && q != MAP_FAILED && p != q);
	memcpy(p + PAGE - 2, "abcd", 4);
	CHECK(memcmp(q + PAGE - 2, "abcd", 4) == 0);
	CHECK_EQ(pread(fd, text, 4, PAGE - 2), 4);
	CHECK(memcmp(text, "abcd", 4) == 0);
	CHECK_EQ(pwrite(fd, "ZZ", 2, PAGE - 1), 2);
	CHECK(memcmp(p + PAGE - 2, "aZZd", 4) == 0);
	CHECK_OK(msync(p, 2 * PAGE, MS_SYNC));
	CHECK_ERR(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	CHECK_ERR(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_OK(unlink("f"));
	close(fd);
	p[0] = 5;
	CHECK_EQ(q[0], 5);
}

TEST(beyond_the_file_is_sigbus)
{
	int fd = new_file("f");
	char *p;

	CHECK_EQ(write(fd, "abc", 3), 3);
	p = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);
	CHECK_EQ(p[3], 0);
	CHECK_EQ(p[PAGE - 1], 0);
	CHECK_FAULT(touch_read, p + PAGE, SIGBUS, BUS_ADRERR);
	CHECK_FAULT(touch_write, p + 2 * PAGE + 5, SIGBUS, BUS_ADRERR);
	CHECK_OK(ftruncate(fd, 2 * PAGE));
	CHECK_EQ(p[PAGE], 0);
	p[PAGE] = 1;
	CHECK_OK(ftruncate(fd, PAGE)); /* pages already mapped go away */
	CHECK_FAULT(touch_read, p + PAGE, SIGBUS, BUS_ADRERR);
	CHECK_OK(ftruncate(fd, 2 * PAGE));
	CHECK_EQ(p[PAGE], 0);
}

TEST(truncate_clears_the_rest_of_the_page)
{
	int fd = new_file("f");
	char *p, c[4];

	CHECK_EQ(write(fd, "abcdefgh", 8), 8);
	p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	CHECK_OK(ftruncate(fd, 3));
	CHECK_EQ(p[3], 0);
	CHECK_OK(ftruncate(fd, 8));
	CHECK_EQ(pread(fd, c, 4, 2), 4);
	CHECK(memcmp(c, "c\0\0\0", 4) == 0);
}

static int stack_reach(long bytes)
{
	pid_t pid;

	FORK(pid) {
		volatile char *here = __builtin_frame_address(0);

		for (long i = 0; i < bytes; i += 1024)
			here[-i] = 1;
	}
	return reap(pid);
}

TEST(stack_grows_to_the_limit)
{
	struct rlimit limit;

	CHECK_OK(getrlimit(RLIMIT_STACK, &limit));
	CHECK_EQ(limit.rlim_cur, 8 << 20);
	CHECK_EQ(stack_reach(4 << 20), 0);
	CHECK_EQ(stack_reach((8 << 20) - (256 << 10)), 0);
	CHECK_EQ(stack_reach(9 << 20), SIGSEGV);
	limit.rlim_cur = 1 << 20;
	CHECK_OK(setrlimit(RLIMIT_STACK, &limit));
	CHECK_EQ(stack_reach(700 << 10), 0);
	CHECK_EQ(stack_reach(2 << 20), SIGSEGV);
}

TEST(stack_may_be_touched_far_below)
{
	pid_t pid;

	FORK(pid) {
		volatile char *here = __builtin_frame_address(0);

		here[-(5 << 20)] = 1;
		CHECK_EQ(here[-(2 << 20)], 0);
	}
	reap_ok(pid);
}

TEST(kernel_may_write_to_the_stack_below)
{
	char *far = (char *)__builtin_frame_address(0) - (3 << 20);
	int fd = CHECK_OK(open("/dev/zero", O_RDONLY));

	CHECK_EQ(read(fd, far, 100), 100);
}

TEST(mremap_moves_and_resizes)
{
	char *p = map_rw(4 * PAGE), *q;

	for (unsigned i = 0; i < 4; i++)
		p[i * PAGE] = (char)(i + 1);
	q = mremap(p, 4 * PAGE, 2 * PAGE, 0);
	CHECK(q == p);
	CHECK_FAULT(touch_read, p + 2 * PAGE, SIGSEGV, SEGV_MAPERR);
	q = mremap(p, 2 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	CHECK_EQ(q[0] + q[PAGE] * 10 + q[2 * PAGE] * 100 + q[599 * PAGE], 21);
	if (q != p)
		CHECK_FAULT(touch_read, p, SIGSEGV, SEGV_MAPERR);
	q[599 * PAGE] = 1;
}

TEST(mremap_to_a_fixed_place)
{
	char *p = map_rw(2 * PAGE), *to = map_rw(4 * PAGE);

	p[0] = 1;
	p[PAGE] = 2;
	memset(to, 9, 4 * PAGE);
	CHECK(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE) == to + PAGE);
	CHECK_EQ(to[0] * 1000 + to[PAGE] * 100 + to[2 * PAGE] * 10 + to[3 * PAGE], 9129);
	CHECK_FAULT(touch_read, p, SIGSEGV, SEGV_MAPERR);
}

TEST(mremap_errors)
{
	char *p = map_rw(4 * PAGE);

	CHECK_OK(munmap(p + 2 * PAGE, PAGE));
	CHECK_ERR((long)mremap(p + 1, PAGE, PAGE, 0), EINVAL);
	CHECK_ERR((long)mremap(p, PAGE, 0, 0), EINVAL);
	CHECK_ERR((long)mremap(p, PAGE, PAGE, 0x80), EINVAL);
	CHECK_ERR((long)mremap(p, PAGE, PAGE, MREMAP_FIXED, p), EINVAL);
	CHECK_ERR((long)mremap(p + 2 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
	CHECK_ERR((long)mremap(p, 3 * PAGE, 8 * PAGE, MREMAP_MAYMOVE), EFAULT);
	CHECK_ERR((long)mremap(p, PAGE, 2 * PAGE, 0), ENOMEM); /* the next page is taken */
}

TEST(dontneed_empties)
{
	char *p = map_rw(4 * PAGE);

	memset(p, 1, 4 * PAGE);
	CHECK_OK(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED));
	CHECK_EQ(p[0] * 1000 + p[PAGE] * 100 + p[3 * PAGE - 1] * 10 + p[3 * PAGE], 1001);
	CHECK_ERR(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_ERR(madvise(p, PAGE, 12345), EINVAL);
	CHECK_OK(munmap(p + PAGE, PAGE));
	CHECK_ERR(madvise(p, 4 * PAGE, MADV_DONTNEED), ENOMEM);
	CHECK_EQ(p[0] + p[3 * PAGE], 0); /* done on both sides of the hole all the same */
	CHECK_OK(madvise(p, PAGE, MADV_NORMAL));
}

TEST(address_space_limit)
{
	struct rlimit limit = {64 << 20, 64 << 20};
	char *p;

	CHECK_OK(setrlimit(RLIMIT_AS, &limit));
	CHECK_ERR((long)mmap(NULL, 65 << 20, RW, ANON, -1, 0), ENOMEM);
	p = map_rw(16 << 20);
	CHECK_ERR((long)mmap(NULL, 60 << 20, RW, ANON, -1, 0), ENOMEM);
	CHECK_OK(munmap(p, 16 << 20));
	CHECK_OK(munmap(map_rw(40 << 20), 40 << 20));
}

TEST(big_mappings_cost_nothing_until_touched)
{
	char *p = mmap(NULL, 1 << 30, RW, ANON | MAP_NORESERVE, -1, 0);

	CHECK(p != MAP_FAILED);
	for (unsigned i = 0; i < 1u << 30; i += 64 << 20)
		p[i] = 1;
	CHECK_EQ(p[(64 << 20) + 1], 0);
	CHECK_OK(munmap(p, 1 << 30));
}

TEST(many_mappings)
{
	static char *p[1000];

	for (unsigned i = 0; i < 1000; i++) {
		p[i] = mmap(NULL, PAGE, i % 2 ? RW : PROT_READ, ANON, -1, 0);
		CHECK(p[i] != MAP_FAILED);
	}
	for (unsigned i = 1; i < 1000; i += 2)
		p[i][0] = (char)i;
	for (unsigned i = 1; i < 1000; i += 2)
		CHECK_EQ(p[i][0], (char)i);
	for (unsigned i = 0; i < 1000; i++)
		CHECK_OK(munmap(p[i], PAGE));
}

TEST(mincore_tells_what_is_there)
{
	unsigned char there[4];
	char *p = map_rw(4 * PAGE);

	p[PAGE] = 1;
	CHECK_OK(mincore(p, 4 * PAGE, there));
	CHECK_EQ(there[1] & 1, 1);
	CHECK_ERR(mincore(p + 1, PAGE, there), EINVAL);
	CHECK_OK(munmap(p + 2 * PAGE, PAGE));
	CHECK_ERR(mincore(p, 4 * PAGE, there), ENOMEM);
	CHECK_ERR(mincore(p, PAGE, (void *)8), EFAULT);
}

/* What a kernel maps ahead of a run of writes is what was not there, within the region, and empty. */
TEST(a_run_of_writes_ends_where_the_region_does)
{
	enum { PAGES = 64 };
	char *p = map_rw(PAGES * PAGE);

	p[22 * PAGE] = 'x';
	CHECK_OK(munmap(p + 40 * PAGE, PAGE));
	CHECK_OK(mprotect(p + 50 * PAGE, PAGE, PROT_READ));
	for (unsigned i = 0; i < 40; i++) {
		CHECK_EQ(p[i * PAGE], i == 22 ? 'x' : 0);
		p[i * PAGE] = (char)i;
	}
	CHECK_FAULT(touch_read, p + 40 * PAGE, SIGSEGV, SEGV_MAPERR);
	for (unsigned i = 41; i < 50; i++)
		p[i * PAGE] = (char)i;
	CHECK_FAULT(touch_write, p + 50 * PAGE, SIGSEGV, SEGV_ACCERR);
	for (unsigned i = 51; i < PAGES; i++)
		p[i * PAGE + 5] = (char)i;
	for (unsigned i = 0; i < PAGES; i++)
		if (i != 40)
			CHECK_EQ(p[i * PAGE + (i > 50 ? 5 : 0)], i == 50 ? 0 : (char)i);
}

/* One page at a time, if that is asked for. */
TEST(a_run_of_writes_to_single_pages)
{
	unsigned char there[32];
	char *p = map_rw(32 * PAGE);

	if (madvise(p, 32 * PAGE, MADV_NOHUGEPAGE))
		SKIP("the kernel knows no pages but single ones");
	for (unsigned i = 0; i < 20; i++)
		p[i * PAGE] = 1;
	CHECK_OK(mincore(p, 32 * PAGE, there));
	for (unsigned i = 0; i < 32; i++)
		CHECK_EQ(there[i] & 1, i < 20);
	CHECK_OK(madvise(p, 32 * PAGE, MADV_HUGEPAGE));
}

TEST(shared_zero_device)
{
	int fd = CHECK_OK(open("/dev/zero", O_RDWR));
	volatile char *p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);

	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[9], 0);
	p[9] = 1;
	CHECK_EQ(p[9], 1);
	CHECK_OK(munmap((void *)p, PAGE));
	p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	CHECK_EQ(p[9], 0);
}

TEST(old_mmap_call)
{
	struct { unsigned long addr, len, prot, flags, fd, offset; } args = {0, PAGE, RW, ANON, (unsigned long)-1, 0};
	char *p = (char *)syscall(SYS_mmap, &args);

	CHECK(p != MAP_FAILED);
	p[0] = 1;
	args.offset = 1;
	CHECK_ERR(syscall(SYS_mmap, &args), EINVAL);
	CHECK_ERR(syscall(SYS_mmap, 8), EFAULT);
}

TEST(running_text_cannot_be_written_to)
{
	CHECK_ERR(open("/proc/self/exe", O_RDWR), ETXTBSY);
}

/* A wish for a place that is not a program's is no more than a wish. */
TEST(hints_beyond_the_end)
{
	static const uintptr_t hints[] = {0xc0000000, 0xc0001000, 0xd0000000, 0xffbff000, 0xffc00000, 0xfffff000, 0xbffff000, 1, 0};

	write_file("f", "text", 4);
	for (unsigned i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		int fd = CHECK_OK(open("f", O_RDWR));
		char *p = mmap((void *)hints[i], PAGE, RW, MAP_SHARED, fd, 0), *q = mmap((void *)hints[i], 3 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(p != MAP_FAILED && (uintptr_t)p < 0xfffff000);
		CHECK_EQ(p[0], 't');
		CHECK(q != MAP_FAILED);
		q[2 * PAGE] = 1;
		CHECK_OK(ftruncate(fd, 0)); /* what is mapped goes, wherever it is */
		CHECK_FAULT(touch_read, p, SIGBUS, BUS_ADRERR);
		CHECK_OK(ftruncate(fd, 4));
		CHECK_EQ(pwrite(fd, "text", 4, 0), 4);
		CHECK_OK(munmap(p, PAGE));
		CHECK_OK(munmap(q, 3 * PAGE));
		close(fd);
	}
}
