/* SPDX-License-Identifier: MIT */
/* madvise, mincore, msync, mlock: what programs say about their memory. */
#include "guest.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLD
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#endif

static unsigned resident(void *p, unsigned pages)
{
	unsigned char in[64];
	unsigned n = 0;

	CHECK_OK(mincore(p, pages * PAGE, in));
	for (unsigned i = 0; i < pages; i++)
		n += in[i] & 1;
	return n;
}

static char *shared_file(int *fd, unsigned pages)
{
	char *p;

	*fd = new_file("f");
	CHECK_OK(ftruncate(*fd, (off_t)(pages * PAGE)));
	p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

static void lock_limit(unsigned long bytes)
{
	struct rlimit rl = {bytes, bytes};

	CHECK_OK(setrlimit(RLIMIT_MEMLOCK, &rl));
	if (geteuid() == 0) {
		CHECK_OK(setresgid(1000, 1000, 1000));
		CHECK_OK(setresuid(1000, 1000, 1000));
	}
}

static long locked_kb(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[200];
	long kb = -1;

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "VmLck: %ld", &kb);
	fclose(f);
	return kb;
}

TEST(hints_are_taken)
{
	static const int advice[] = {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_COLD, MADV_DONTDUMP, MADV_DODUMP,
				     MADV_DONTFORK, MADV_DOFORK};
	char *p = map_rw(4 * PAGE);

	memset(p, 7, 4 * PAGE);
	for (unsigned i = 0; i < sizeof(advice) / sizeof(*advice); i++)
		CHECK_OK(madvise(p + PAGE, 2 * PAGE, advice[i]));
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(p[i * PAGE], 7);
}

TEST(errors)
{
	char *p = map_rw(4 * PAGE);

	CHECK_ERR(madvise(p + 1, PAGE, MADV_NORMAL), EINVAL);
	CHECK_ERR(madvise(p, PAGE, -1), EINVAL);
	CHECK_ERR(madvise(p, PAGE, 5), EINVAL);
	CHECK_ERR(madvise(p, PAGE, 1000), EINVAL);
	CHECK_ERR(madvise(p, 0, 1000), EINVAL);
	CHECK_ERR(madvise(p, ~0ul, MADV_NORMAL), EINVAL);
	CHECK_OK(madvise(p, 0, MADV_DONTNEED));
	CHECK_OK(munmap(p + PAGE, PAGE));
	memset(p, 1, PAGE);
	p[2 * PAGE] = 1;
	CHECK_ERR(madvise(p, 4 * PAGE, MADV_DONTNEED), ENOMEM); /* and what is there was dropped */
	CHECK_EQ(p[0] | p[2 * PAGE], 0);
}

TEST(flags_reach_over_a_hole)
{
	char *p = map_rw(3 * PAGE);
	pid_t pid;

	p[2 * PAGE] = 5;
	CHECK_OK(munmap(p + PAGE, PAGE));
	CHECK_ERR(madvise(p, 3 * PAGE, MADV_WIPEONFORK), ENOMEM);
	FORK(pid)
		CHECK_EQ(p[2 * PAGE], 0);
	reap_ok(pid);
	CHECK_ERR(madvise(p, 3 * PAGE, MADV_KEEPONFORK), ENOMEM);
	FORK(pid)
		CHECK_EQ(p[2 * PAGE], 5);
	reap_ok(pid);
}

TEST(dontneed_shows_the_file_again)
{
	int fd;
	char *p = shared_file(&fd, 1), *q;

	p[0] = 3;
	q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	q[0] = 4;
	CHECK_OK(madvise(q, PAGE, MADV_DONTNEED));
	CHECK_EQ(q[0], 3);
	CHECK_OK(madvise(p, PAGE, MADV_DONTNEED));
	CHECK_EQ(p[0], 3);
}

TEST(free_is_for_anonymous_memory)
{
	int fd;
	char *p = map_rw(2 * PAGE), *q = shared_file(&fd, 1);

	memset(p, 8, 2 * PAGE);
	CHECK_OK(madvise(p, PAGE, MADV_FREE));
	CHECK(p[0] == 0 || p[0] == 8);
	p[0] = 9;
	CHECK_EQ(p[0] * 10 + p[PAGE], 98);
	CHECK_ERR(madvise(q, PAGE, MADV_FREE), EINVAL);
	CHECK_ERR(madvise(map_anon(PAGE, PROT_READ, MAP_SHARED), PAGE, MADV_FREE), EINVAL);
}

TEST(fork_advice)
{
	char *p = map_rw(4 * PAGE), *s = map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	unsigned char in;
	pid_t pid;

	memset(p, 6, 4 * PAGE);
	CHECK_OK(madvise(p + PAGE, PAGE, MADV_DONTFORK));
	CHECK_OK(madvise(p + 2 * PAGE, PAGE, MADV_WIPEONFORK));
	CHECK_ERR(madvise(s, PAGE, MADV_WIPEONFORK), EINVAL);
	FORK(pid)
	{
		pid_t grandchild;

		CHECK_ERR(mincore(p + PAGE, PAGE, &in), ENOMEM);
		CHECK_EQ(p[0] * 100 + p[2 * PAGE] * 10 + p[3 * PAGE], 606);
		p[2 * PAGE] = 1;
		FORK(grandchild)
			CHECK_EQ(p[2 * PAGE], 0); /* it stays so */
		reap_ok(grandchild);
	}
	reap_ok(pid);
	CHECK_EQ(p[PAGE] * 10 + p[2 * PAGE], 66);
	CHECK_OK(madvise(p, 4 * PAGE, MADV_DOFORK));
	FORK(pid)
		CHECK_EQ(p[PAGE], 6);
	reap_ok(pid);
}

TEST(remove_makes_a_hole)
{
	int fd, ro;
	char *p = shared_file(&fd, 4), *q;
	struct stat st;

	memset(p, 5, 4 * PAGE);
	CHECK_OK(madvise(p + PAGE, 2 * PAGE, MADV_REMOVE));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 4 * PAGE);
	CHECK_EQ(st.st_blocks, 16);
	CHECK_EQ(p[0] * 1000 + p[PAGE] * 100 + p[2 * PAGE] * 10 + p[3 * PAGE], 5005);
	p = map_anon(2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	memset(p, 5, 2 * PAGE);
	CHECK_OK(madvise(p, PAGE, MADV_REMOVE));
	CHECK_EQ(p[0] * 10 + p[PAGE], 5);
	CHECK_ERR(madvise(map_rw(PAGE), PAGE, MADV_REMOVE), EINVAL);
	q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK_ERR(madvise(q, PAGE, MADV_REMOVE), EACCES);
	ro = CHECK_OK(open("f", O_RDONLY));
	q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
	CHECK_ERR(madvise(q, PAGE, MADV_REMOVE), EACCES);
	CHECK_OK(mlock(p, PAGE));
	CHECK_ERR(madvise(p, PAGE, MADV_REMOVE), EINVAL);
}

TEST(populate)
{
	int fd;
	char *p = map_rw(8 * PAGE), *f = shared_file(&fd, 1), *q;

	if (madvise(p, PAGE, MADV_POPULATE_READ) < 0 && errno == EINVAL)
		SKIP("no MADV_POPULATE_READ");
	CHECK_EQ(resident(p + 2 * PAGE, 4), 0);
	CHECK_OK(madvise(p + 2 * PAGE, 4 * PAGE, MADV_POPULATE_WRITE));
	CHECK_EQ(resident(p, 8), 5);
	CHECK_OK(mprotect(p, PAGE, PROT_READ));
	CHECK_ERR(madvise(p, PAGE, MADV_POPULATE_WRITE), EINVAL);
	CHECK_OK(mprotect(p, PAGE, PROT_NONE));
	CHECK_ERR(madvise(p, PAGE, MADV_POPULATE_READ), EINVAL);
	CHECK_OK(munmap(p + 7 * PAGE, PAGE));
	CHECK_ERR(madvise(p + 6 * PAGE, 2 * PAGE, MADV_POPULATE_READ), ENOMEM);
	CHECK_EQ(resident(p + 6 * PAGE, 1), 1);
	q = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK_ERR(madvise(q, 2 * PAGE, MADV_POPULATE_READ), EFAULT);
	CHECK_EQ(f[0], 0);
}

TEST(locked_memory_is_not_dropped)
{
	char *p = map_rw(2 * PAGE);

	memset(p, 2, 2 * PAGE);
	CHECK_OK(mlock(p, PAGE));
	CHECK_ERR(madvise(p, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_ERR(madvise(p, PAGE, MADV_FREE), EINVAL);
	CHECK_ERR(madvise(p, PAGE, MADV_COLD), EINVAL);
	CHECK_ERR(madvise(p, PAGE, MADV_PAGEOUT), EINVAL);
	CHECK_ERR(msync(p, PAGE, MS_SYNC | MS_INVALIDATE), EBUSY);
	CHECK_EQ(p[0], 2);
	CHECK_OK(munlock(p, PAGE));
	CHECK_OK(madvise(p, PAGE, MADV_DONTNEED));
	CHECK_EQ(p[0], 0);
}

TEST(mincore_of_files_and_errors)
{
	unsigned char in[64];
	char *p, *q = map_rw(4 * PAGE), *edge = map_edge();
	int fd = new_file("f");

	CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
	CHECK_OK(ftruncate(fd, (off_t)(2 * PAGE)));
	p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(resident(p, 1), 1); /* in memory, though not touched here */
	CHECK_EQ(resident(q, 4), 0);
	q[PAGE] = 1;
	CHECK_OK(mincore(q, 3 * PAGE + 1, in));
	CHECK_EQ(in[0] * 1000 + in[1] * 100 + in[2] * 10 + in[3], 100);
	CHECK_OK(munmap(q + 2 * PAGE, PAGE));
	CHECK_ERR(mincore(q, 4 * PAGE, in), ENOMEM);
	CHECK_ERR(mincore(q + 1, PAGE, in), EINVAL);
	CHECK_ERR(mincore(q, PAGE, (void *)edge), EFAULT);
	CHECK_ERR(mincore((void *)0xfffff000, PAGE, in), ENOMEM);
	CHECK_ERR(mincore(q, ~0ul, in), ENOMEM);
	CHECK_OK(mincore(q, 0, in));
}

TEST(msync_flags)
{
	int fd;
	char *p = shared_file(&fd, 3), *a = map_rw(3 * PAGE);

	p[0] = 1;
	CHECK_OK(msync(p, 3 * PAGE, MS_SYNC));
	CHECK_OK(msync(p, PAGE, MS_ASYNC));
	CHECK_OK(msync(p, PAGE, MS_SYNC | MS_INVALIDATE));
	CHECK_OK(msync(p, PAGE, 0));
	CHECK_OK(msync(a, PAGE, MS_SYNC));
	CHECK_OK(msync(a + PAGE, 0, MS_SYNC));
	CHECK_ERR(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERR(msync(p, PAGE, 8), EINVAL);
	CHECK_ERR(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	CHECK_ERR(msync(p, ~0ul - PAGE, MS_SYNC), ENOMEM);
	CHECK_OK(munmap(a + PAGE, PAGE));
	CHECK_ERR(msync(a, 3 * PAGE, MS_SYNC), ENOMEM);
}

TEST(lock_counts_and_fills)
{
	char *p = map_rw(8 * PAGE);

	CHECK_EQ(locked_kb(), 0);
	CHECK_OK(mlock(p + 1, PAGE)); /* two pages */
	CHECK_EQ(resident(p, 8), 2);
	CHECK_EQ(locked_kb(), 8);
	CHECK_OK(mlock(p, 4 * PAGE)); /* once for all */
	CHECK_EQ(locked_kb(), 16);
	CHECK_OK(mlock2(p + 4 * PAGE, 4 * PAGE, MLOCK_ONFAULT));
	CHECK_EQ(resident(p, 8), 4);
	CHECK_EQ(locked_kb(), 32);
	CHECK_OK(munlock(p + 2 * PAGE, PAGE));
	CHECK_EQ(locked_kb(), 28);
	CHECK_OK(munmap(p, 2 * PAGE));
	CHECK_EQ(locked_kb(), 20);
	CHECK_ERR(mlock2(p + 2 * PAGE, PAGE, 2), EINVAL);
}

TEST(lock_errors)
{
	char *p = map_rw(3 * PAGE);

	CHECK_OK(munmap(p + PAGE, PAGE));
	CHECK_ERR(mlock(p, 3 * PAGE), ENOMEM);
	CHECK_EQ(locked_kb(), 4); /* up to the hole */
	CHECK_ERR(munlock(p, 3 * PAGE), ENOMEM);
	CHECK_EQ(locked_kb(), 0);
	CHECK_ERR(mlock((void *)0xffff0000, 0x8000), ENOMEM);
	CHECK_ERR(mlock((void *)0xffff0000, 0x18000), EINVAL);
	CHECK_OK(mlock(p + PAGE, 0));
	CHECK_OK(mprotect(p, PAGE, PROT_NONE));
	CHECK_ERR(mlock(p, PAGE), ENOMEM);
}

TEST(lock_limit_for_users)
{
	char *p = map_rw(8 * PAGE), *q, *r;

	lock_limit(4 * PAGE);
	CHECK_OK(mlock(p, 3 * PAGE));
	CHECK_OK(mlock(p, 4 * PAGE)); /* three of them count already */
	CHECK_ERR(mlock(p + 4 * PAGE, PAGE), ENOMEM);
	CHECK_OK(munlock(p + PAGE, PAGE));
	CHECK_OK(mlock2(p + 6 * PAGE, PAGE, MLOCK_ONFAULT));
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0), EAGAIN);
	CHECK_ERR((long)mremap(p + 6 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EAGAIN);
	CHECK_OK(munlock(p, 8 * PAGE));
	q = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
	CHECK(q != MAP_FAILED);
	CHECK_EQ(resident(q, 2), 2);
	r = mremap(q, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	CHECK(r != MAP_FAILED);
	CHECK_EQ(locked_kb(), 16);
	CHECK_EQ(resident(r, 4), 4);
	CHECK_ERR((long)mremap(r, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE), EAGAIN);
}

TEST(no_locks_without_a_limit)
{
	char *p = map_rw(PAGE);

	lock_limit(0);
	CHECK_ERR(mlock(p, PAGE), EPERM);
	CHECK_ERR(mlockall(MCL_CURRENT), EPERM);
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0), EPERM);
	CHECK_OK(munlock(p, PAGE));
	CHECK_OK(munlockall());
}

TEST(lock_all)
{
	char *p = map_rw(4 * PAGE), *q;
	pid_t pid;

	CHECK_ERR(mlockall(0), EINVAL);
	CHECK_ERR(mlockall(8), EINVAL);
	CHECK_ERR(mlockall(MCL_ONFAULT), EINVAL);
	CHECK_OK(mlockall(MCL_CURRENT));
	CHECK_EQ(resident(p, 4), 4);
	CHECK(locked_kb() >= 16);
	FORK(pid)
		CHECK_EQ(locked_kb(), 0);
	reap_ok(pid);
	CHECK_OK(munlockall());
	CHECK_EQ(locked_kb(), 0);
	CHECK_OK(mlockall(MCL_FUTURE));
	q = map_rw(2 * PAGE);
	CHECK_EQ(resident(q, 2), 2);
	CHECK_EQ(locked_kb(), 8);
	CHECK_OK(mlockall(MCL_FUTURE | MCL_ONFAULT));
	q = map_rw(2 * PAGE);
	CHECK_EQ(resident(q, 2), 0);
	CHECK_EQ(locked_kb(), 16);
	CHECK_OK(munlockall());
	q = map_rw(2 * PAGE);
	CHECK_EQ(locked_kb(), 0);
}

TEST(future_locks_are_limited)
{
	char *brk0 = sbrk(0);

	lock_limit(16 * PAGE);
	CHECK_OK(mlockall(MCL_FUTURE));
	CHECK_ERR((long)mmap(NULL, 32 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EAGAIN);
	CHECK_EQ(syscall(SYS_brk, brk0 + 64 * PAGE), (long)brk0); /* the old one: it did not grow */
	CHECK(mmap(NULL, 8 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	CHECK_ERR(mlockall(MCL_CURRENT), ENOMEM);
}
