/* SPDX-License-Identifier: MIT */
/* How much memory may be promised: overcommit_memory, and the limits of a process. */
#include "guest.h"

#define MODE "/proc/sys/vm/overcommit_memory"
#define RATIO "/proc/sys/vm/overcommit_ratio"
#define ALL_FLAGS (MAP_PRIVATE | MAP_ANONYMOUS)

static void set_text(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY);

	if (fd < 0 && errno == EACCES)
		SKIP("not root");
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static long meminfo(const char *what)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[200];
	long kb = -1;

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, what, strlen(what)) && line[strlen(what)] == ':')
			kb = atol(line + strlen(what) + 1);
	fclose(f);
	CHECK(kb >= 0);
	return kb;
}

static void *map(unsigned long kb, int prot, int flags)
{
	return mmap(NULL, kb << 10, prot, flags, -1, 0);
}

#define RW (PROT_READ | PROT_WRITE)

static void guess(void)
{
	unsigned long all = (unsigned long)meminfo("MemTotal");
	void *p = map(all / 2, RW, ALL_FLAGS);

	CHECK(p != MAP_FAILED);
	CHECK_OK(munmap(p, all << 9));
	CHECK_ERR((long)map(all * 2, RW, ALL_FLAGS), ENOMEM);
	p = map(all * 2, RW, ALL_FLAGS | MAP_NORESERVE);
	CHECK(p != MAP_FAILED);
	CHECK_OK(munmap(p, all << 11));
	p = map(all * 2, PROT_READ, ALL_FLAGS);
	CHECK(p != MAP_FAILED);
	CHECK_ERR(mprotect(p, all << 11, RW), ENOMEM);
	CHECK_OK(mprotect(p, PAGE, RW));
	CHECK_OK(munmap(p, all << 11));
}

static void always(void)
{
	unsigned long all = (unsigned long)meminfo("MemTotal");
	char *p = map(all * 2, RW, ALL_FLAGS);

	CHECK(p != MAP_FAILED);
	p[0] = p[all << 10] = 1;
}

static unsigned long left(void)
{
	long limit = meminfo("CommitLimit"), promised = meminfo("Committed_AS");

	CHECK(limit > promised + 4096);
	return (unsigned long)(limit - promised);
}

/* Linux counts what is promised on each processor by itself, and knows the sum but roughly. */
static unsigned long rough(void)
{
	return (unsigned long)meminfo("MemTotal") / 256 + 64;
}

static void never(void)
{
	unsigned long kb = left(), over = kb + rough(), before;
	pid_t pid;
	char *p;

	CHECK_ERR((long)map(over, RW, ALL_FLAGS), ENOMEM);
	CHECK_ERR((long)map(over, RW, ALL_FLAGS | MAP_NORESERVE), ENOMEM); /* no such thing now */
	p = map(over, PROT_READ, ALL_FLAGS);
	CHECK(p != MAP_FAILED);
	CHECK_ERR(mprotect(p, over << 10, RW), ENOMEM);
	CHECK_OK(munmap(p, over << 10));
	CHECK_EQ(syscall(SYS_brk, (char *)sbrk(0) + (over << 10)), (long)sbrk(0));
	before = (unsigned long)meminfo("Committed_AS");
	p = map(kb / 8, RW, ALL_FLAGS);
	CHECK(p != MAP_FAILED);
	CHECK((unsigned long)meminfo("Committed_AS") >= before + kb / 8 - 1024);
	CHECK_ERR((long)mremap(p, kb / 8 << 10, over << 10, MREMAP_MAYMOVE), ENOMEM);
	FORK(pid)
		_exit(0);
	reap_ok(pid);
	CHECK(map(kb * 5 / 8, RW, ALL_FLAGS) != MAP_FAILED);
	CHECK_ERR(fork(), ENOMEM); /* a child's copy would not fit, if it were written to */
}

static void in_mode(const char *mode, void (*fn)(void))
{
	char ratio[20];
	int fd = CHECK_OK(open(RATIO, O_RDONLY)), status;
	ssize_t n = read(fd, ratio, sizeof(ratio) - 1);
	pid_t pid;

	CHECK(n > 0);
	ratio[n] = 0;
	close(fd);
	set_text(RATIO, "80");
	set_text(MODE, mode);
	pid = fork();
	if (pid == 0) {
		fn();
		_exit(0);
	}
	status = pid > 0 ? reap(pid) : -1;
	set_text(MODE, "0");
	set_text(RATIO, ratio);
	CHECK(pid > 0);
	if (status)
		_exit(status >> 8 ? status >> 8 : 1);
}

TEST(mode_guess)
{
	guess();
}

TEST(mode_always)
{
	in_mode("1", always);
}

TEST(mode_never)
{
	in_mode("2", never);
}

TEST(settings)
{
	int fd = CHECK_OK(open(MODE, O_RDWR));

	CHECK_ERR(write(fd, "3", 1), EINVAL);
	CHECK_ERR(write(fd, "x", 1), EINVAL);
	CHECK(meminfo("CommitLimit") <= meminfo("MemTotal"));
}

TEST(data_limit)
{
	struct rlimit old, rl;
	char *p = map(4096, PROT_READ, ALL_FLAGS), *q;

	CHECK_OK(getrlimit(RLIMIT_DATA, &old));
	rl = old;
	rl.rlim_cur = 2 << 20;
	CHECK_OK(setrlimit(RLIMIT_DATA, &rl));
	CHECK_ERR((long)map(4096, RW, ALL_FLAGS), ENOMEM);
	CHECK_ERR((long)map(4096, RW, ALL_FLAGS | MAP_NORESERVE), ENOMEM);
	CHECK_ERR(mprotect(p, 4 << 20, RW), ENOMEM);
	CHECK_OK(mprotect(p, PAGE, RW));
	q = map(4096, RW, MAP_SHARED | MAP_ANONYMOUS);
	CHECK(q != MAP_FAILED);
	CHECK_EQ(syscall(SYS_brk, (char *)sbrk(0) + (4 << 20)), (long)sbrk(0));
	CHECK_OK(setrlimit(RLIMIT_DATA, &old));
	CHECK_OK(mprotect(p, 4 << 20, RW));
}

static int deeper(volatile char *above, long bytes)
{
	volatile char here[PAGE];

	here[0] = above[0];
	return bytes <= 0 ? here[0] : deeper(here, bytes - (long)PAGE) + here[0];
}

static void use_stack(volatile char *p)
{
	deeper(p, 3 << 20);
}

TEST(address_space_and_stack_limits)
{
	struct rlimit rl = {1 << 20, 1 << 20}, as = {32 << 20, 32 << 20};
	char c = 0;
	stack_t ss = {.ss_sp = map_rw(16 * PAGE), .ss_size = 16 * PAGE};

	CHECK_OK(sigaltstack(&ss, NULL));
	CHECK_OK(setrlimit(RLIMIT_STACK, &rl));
	CHECK_EQ(fault_of(use_stack, &c), SIGSEGV);
	CHECK_EQ(guest_fault.si_code, SEGV_MAPERR);
	CHECK_OK(setrlimit(RLIMIT_AS, &as));
	CHECK_ERR((long)map(64 << 10, PROT_NONE, ALL_FLAGS), ENOMEM);
	CHECK_ERR((long)map(64 << 10, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS), ENOMEM);
	CHECK(map(1 << 10, RW, ALL_FLAGS) != MAP_FAILED);
}
