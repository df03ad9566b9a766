/* SPDX-License-Identifier: MIT */
/* mremap in all its forms, remap_file_pages, and how MAP_ flags place and refuse mappings. */
#include "guest.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static char *shared_file(const char *name, unsigned pages, int *fd)
{
	char *p;

	*fd = new_file(name);
	CHECK_OK(ftruncate(*fd, (off_t)(pages * PAGE)));
	p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	CHECK(p != MAP_FAILED);
	for (unsigned i = 0; i < pages; i++)
		p[i * PAGE] = (char)(i + 1);
	return p;
}

static bool mapped(const void *p)
{
	unsigned char in;

	return mincore((void *)p, PAGE, &in) == 0;
}

TEST(grows_in_place_into_a_hole)
{
	char *p = map_rw(4 * PAGE);

	CHECK_OK(munmap(p + 2 * PAGE, 2 * PAGE));
	p[0] = 5;
	CHECK(mremap(p, 2 * PAGE, 4 * PAGE, 0) == p);
	p[3 * PAGE] = 6;
	CHECK_EQ(p[0] * 10 + p[3 * PAGE], 56);
}

TEST(shrinks_and_the_rest_is_gone)
{
	char *p = map_rw(4 * PAGE);

	memset(p, 1, 4 * PAGE);
	CHECK(mremap(p, 4 * PAGE, PAGE + 1, 0) == p);
	CHECK(mapped(p + PAGE) && !mapped(p + 2 * PAGE));
	CHECK(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE) == p);
}

TEST(same_or_less_may_reach_over_regions)
{
	char *p = map_rw(5 * PAGE);

	CHECK_OK(mprotect(p + PAGE, PAGE, PROT_READ));
	CHECK_OK(munmap(p + 2 * PAGE, PAGE));
	CHECK(mremap(p, 5 * PAGE, 5 * PAGE, 0) == p);
	CHECK(mremap(p, 5 * PAGE, 4 * PAGE, 0) == p);
	CHECK(!mapped(p + 4 * PAGE) && mapped(p + 3 * PAGE));
	CHECK_ERR((long)mremap(p, 2 * PAGE, 6 * PAGE, MREMAP_MAYMOVE), EFAULT);
}

TEST(rights_move_along)
{
	char *p = map_rw(2 * PAGE), *to = map_rw(2 * PAGE);

	p[0] = 7;
	CHECK_OK(mprotect(p, 2 * PAGE, PROT_READ));
	CHECK(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	CHECK_EQ(to[0], 7);
	CHECK_FAULT(touch_write, to, SIGSEGV, SEGV_ACCERR);
	CHECK_FAULT(touch_read, p, SIGSEGV, SEGV_MAPERR);
}

TEST(fixed_shrinks_and_moves)
{
	char *p = map_rw(4 * PAGE), *to = map_rw(4 * PAGE);

	for (unsigned i = 0; i < 4; i++)
		p[i * PAGE] = (char)(i + 1), to[i * PAGE] = 9;
	CHECK(mremap(p, 4 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE) == to + PAGE);
	CHECK_EQ(to[0] * 1000 + to[PAGE] * 100 + to[2 * PAGE] * 10 + to[3 * PAGE], 9129);
	CHECK(!mapped(p) && !mapped(p + 3 * PAGE));
}

TEST(fixed_errors)
{
	char *p = map_rw(4 * PAGE);

	CHECK_ERR((long)mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE), EINVAL); /* overlap */
	CHECK_ERR((long)mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 1), EINVAL);
	CHECK_ERR((long)mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (char *)-PAGE), EINVAL);
	CHECK_ERR((long)mremap(p, PAGE, PAGE, MREMAP_FIXED, p + 2 * PAGE), EINVAL);
	CHECK_ERR((long)mremap(p, PAGE, PAGE, MREMAP_DONTUNMAP), EINVAL);
	CHECK_ERR((long)mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP), EINVAL);
	CHECK_ERR((long)mremap(p, 0, PAGE, MREMAP_MAYMOVE), EINVAL); /* private */
	CHECK_ERR((long)mremap(p, PAGE, 0, MREMAP_MAYMOVE), EINVAL);
	CHECK_ERR((long)mremap(p, PAGE, 0xfffff000u, MREMAP_MAYMOVE), ENOMEM);
	CHECK_ERR((long)mremap(p, PAGE, PAGE, 8), EINVAL);
}

TEST(dontunmap_leaves_an_empty_region)
{
	char *p = map_rw(3 * PAGE), *q;

	for (unsigned i = 0; i < 3; i++)
		p[i * PAGE] = (char)(i + 1);
	q = mremap(p, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	if (q == MAP_FAILED && errno == EINVAL)
		SKIP("no MREMAP_DONTUNMAP");
	CHECK(q != MAP_FAILED && q != p);
	CHECK_EQ(q[0] * 100 + q[PAGE] * 10 + q[2 * PAGE], 123);
	CHECK_EQ(p[0] | p[PAGE] | p[2 * PAGE], 0);
	p[0] = 9;
	CHECK_EQ(q[0], 1);
}

TEST(dontunmap_to_a_fixed_place_in_the_middle)
{
	char *p = map_rw(3 * PAGE), *to = map_rw(2 * PAGE);

	memset(p, 3, 3 * PAGE);
	CHECK(mremap(p + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, to) == to);
	CHECK_EQ(to[5] * 100 + p[0] * 10 + p[2 * PAGE], 333);
	CHECK_EQ(p[PAGE + 5], 0);
}

TEST(dontunmap_to_the_neighbours)
{
	for (unsigned at = 0; at < 3; at += 2) {
		char *room = map_rw(3 * PAGE), *p = room + PAGE, *to = room + at * PAGE;

		p[0] = 7;
		CHECK(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, to) == to); /* the three are one region again */
		CHECK_EQ(to[0] * 10 + p[0], 70);
		p[0] = 8;
		CHECK_EQ(to[0] * 10 + p[0], 78);
		CHECK(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, to) == to);
		CHECK_EQ(to[0] * 10 + p[0], 80);
		CHECK_OK(munmap(room, 3 * PAGE));
	}
}

TEST(dontunmap_of_a_shared_file)
{
	int fd;
	char *p = shared_file("f", 2, &fd), *q;

	q = mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	CHECK(q != MAP_FAILED);
	q[1] = 42;
	CHECK_EQ(p[1], 42);
	CHECK_EQ(p[PAGE] * 10 + q[PAGE], 22);
}

TEST(old_size_zero_maps_shared_again)
{
	int fd;
	char *p = shared_file("f", 3, &fd), *q, *anon;

	q = mremap(p + PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && mapped(p));
	CHECK_EQ(q[0] * 10 + q[PAGE], 23);
	q[1] = 77;
	CHECK_EQ(p[PAGE + 1], 77);
	anon = map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	q = mremap(anon, 0, PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q != anon);
	*q = 8;
	CHECK_EQ(*anon, 8);
}

TEST(shared_file_grows_over_more_of_it)
{
	int fd;
	char *p = shared_file("f", 4, &fd), *q;

	q = mremap(p, PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	CHECK_EQ(q[0] * 1000 + q[PAGE] * 100 + q[2 * PAGE] * 10 + q[3 * PAGE], 1234);
	q = mremap(q, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	CHECK_FAULT(touch_read, q + 4 * PAGE, SIGBUS, BUS_ADRERR);
	CHECK_OK(ftruncate(fd, (off_t)(5 * PAGE)));
	CHECK_EQ(q[4 * PAGE], 0);
}

TEST(moved_after_fork_each_has_its_own)
{
	char *p = map_rw(2 * PAGE);
	pid_t pid;

	p[0] = 1;
	FORK(pid)
	{
		char *q = mremap(p, 2 * PAGE, 1000 * PAGE, MREMAP_MAYMOVE);

		CHECK(q != MAP_FAILED);
		CHECK_EQ(q[0], 1);
		q[0] = 2;
		q[999 * PAGE] = 3;
	}
	reap_ok(pid);
	CHECK_EQ(p[0], 1);
}

TEST(limit_of_addresses_counts)
{
	char *p = map_rw(PAGE);
	struct rlimit old, rl;

	CHECK_OK(getrlimit(RLIMIT_AS, &old));
	rl = old;
	rl.rlim_cur = 64 << 20;
	CHECK_OK(setrlimit(RLIMIT_AS, &rl));
	CHECK_ERR((long)mremap(p, PAGE, 128 << 20, MREMAP_MAYMOVE), ENOMEM);
	CHECK_OK(setrlimit(RLIMIT_AS, &old));
	p[0] = 1; /* still there */
}

TEST(file_pages_in_another_order)
{
	int fd;
	char *p = shared_file("f", 3, &fd), *anon = map_rw(PAGE);

	CHECK_OK(remap_file_pages(p, PAGE, 0, 2, 0));
	CHECK_OK(remap_file_pages(p + 2 * PAGE, PAGE, 0, 0, MAP_NONBLOCK));
	CHECK_EQ(p[0] * 100 + p[PAGE] * 10 + p[2 * PAGE], 321);
	p[1] = 50;
	CHECK_OK(munmap(p, 3 * PAGE));
	p = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK_EQ(p[2 * PAGE + 1], 50);
	CHECK_ERR(remap_file_pages(p, PAGE, PROT_READ, 2, 0), EINVAL);
	CHECK_ERR(remap_file_pages(p, 4 * PAGE, 0, 0, 0), EINVAL);
	CHECK_ERR(remap_file_pages(p, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(remap_file_pages(p, PAGE, 0, ~0u, 0), EINVAL);
	CHECK_ERR(remap_file_pages(anon, PAGE, 0, 0, 0), EINVAL);
	CHECK_FAULT(touch_write, p, SIGSEGV, SEGV_ACCERR);
}

TEST(noreplace_refuses_what_is_taken)
{
	char *p = map_rw(3 * PAGE);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

	p[0] = 4;
	CHECK_OK(munmap(p + PAGE, PAGE));
	CHECK_ERR((long)mmap(p, PAGE, PROT_READ, flags, -1, 0), EEXIST);
	CHECK_ERR((long)mmap(p + PAGE, 2 * PAGE, PROT_READ, flags, -1, 0), EEXIST);
	CHECK_ERR((long)mmap(p + PAGE + 1, PAGE, PROT_READ, flags, -1, 0), EINVAL);
	CHECK(mmap(p + PAGE, PAGE, PROT_READ, flags, -1, 0) == p + PAGE);
	CHECK_EQ(p[0], 4);
}

TEST(shared_validate)
{
	int fd = new_file("f");
	char *p;

	CHECK_OK(ftruncate(fd, PAGE));
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE, fd, 0);
	CHECK(p != MAP_FAILED);
	p[0] = 'x';
	CHECK_EQ(pread(fd, p + 1, 1, 0), 1);
	CHECK_EQ(p[1], 'x');
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x800000, fd, 0), EOPNOTSUPP);
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x80000, fd, 0), EOPNOTSUPP); /* MAP_SYNC */
	CHECK_OK(munmap(p, PAGE));
	CHECK_ERR((long)mmap(p, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_FIXED_NOREPLACE, fd, 0), EOPNOTSUPP);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x10000000, fd, 0) != MAP_FAILED);
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ, 0, fd, 0), EINVAL);
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS | 4, -1, 0), EINVAL);
}

TEST(populate_fills)
{
	unsigned char in[8];
	char *p = map_anon(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE), *q = map_rw(8 * PAGE);
	unsigned there = 0;

	CHECK_OK(mincore(p, 8 * PAGE, in));
	for (unsigned i = 0; i < 8; i++)
		there += in[i] & 1;
	CHECK_EQ(there, 8);
	p = map_anon(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE | MAP_STACK);
	CHECK_OK(mincore(q, 8 * PAGE, in));
	CHECK_EQ(in[0] & 1, 0);
	p = map_anon(PAGE, PROT_NONE, MAP_PRIVATE | MAP_POPULATE); /* what cannot be filled is left */
	CHECK(p != NULL);
}

TEST(grows_down_by_touching)
{
	char *room = map_rw(1024 * PAGE), *p;

	CHECK_OK(munmap(room, 1024 * PAGE));
	p = mmap(room + 1000 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
	CHECK(p == room + 1000 * PAGE);
	p[0] = 1;
	for (unsigned i = 1; i < 100; i++)
		*(p - i * PAGE) = (char)i;
	CHECK_EQ(*(p - 99 * PAGE), 99);
	CHECK(!mapped(p - 100 * PAGE));
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0), EINVAL);
	CHECK_OK(mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN));
	CHECK_FAULT(touch_write, p - 99 * PAGE, SIGSEGV, SEGV_ACCERR);
	CHECK_ERR(mprotect(room, PAGE, PROT_READ | PROT_GROWSDOWN), ENOMEM);
	CHECK_ERR(mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP), EINVAL);
}

TEST(zero_device)
{
	int fd = CHECK_OK(open("/dev/zero", O_RDWR));
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), *s;
	pid_t pid;

	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[PAGE], 0);
	p[0] = 1;
	s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(s != MAP_FAILED);
	FORK(pid)
	{
		s[0] = 2;
		p[0] = 3;
	}
	reap_ok(pid);
	CHECK_EQ(s[0] * 10 + p[0], 21);
	s = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0); /* another mapping is other memory */
	CHECK_EQ(s[0], 0);
}

TEST(there_is_no_way_to_handle_faults_for_users)
{
	char *p = map_rw(PAGE);

	if (access("/proc/perigee", F_OK) < 0)
		SKIP("Linux may have it");
	CHECK_ERR(syscall(SYS_userfaultfd, 0), ENOSYS);
	CHECK_ERR(syscall(SYS_pkey_alloc, 0, 0), ENOSYS);
	CHECK_ERR(syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, -1), ENOSYS);
}
