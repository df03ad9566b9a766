/* SPDX-License-Identifier: MIT */
/* Memory of a process in /proc: maps, smaps, smaps_rollup, pagemap, and on Perigee pgtables. */
#include "guest.h"

static char text[400000];

static size_t slurp(const char *path) { return guest_read_text(path, text, sizeof(text)); }

/* The number after the label in the entry of smaps for that address, in kB. */
static long smap(const void *at, const char *label)
{
	char start[20], *p;

	slurp("/proc/self/smaps");
	snprintf(start, sizeof(start), "\n%08lx-", (unsigned long)at);
	p = strstr(text, start);
	if (!p)
		FAIL("no region at %p", at);
	p = strstr(p, label);
	if (!p)
		FAIL("no %s", label);
	return strtol(p + strlen(label), NULL, 10);
}

/* A mapping by itself: pages without rights on both sides. */
static char *lone_map(size_t pages)
{
	char *p = map_anon((pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE);

	CHECK_OK(mprotect(p + PAGE, pages * PAGE, PROT_READ | PROT_WRITE));
	return p + PAGE;
}

TEST(smaps_counts_pages)
{
	char *p = lone_map(10);

	CHECK_EQ(smap(p, "\nSize:"), 40);
	CHECK_EQ(smap(p, "\nRss:"), 0);
	memset(p, 1, 3 * PAGE);
	CHECK_EQ(smap(p, "\nRss:"), 12);
	CHECK_EQ(smap(p, "\nPss:"), 12);
	CHECK_EQ(smap(p, "\nAnonymous:"), 12);
	CHECK_EQ(smap(p, "\nPrivate_Dirty:"), 12);
	CHECK_EQ(smap(p, "\nShared_Dirty:"), 0);
	CHECK_OK(madvise(p, PAGE, MADV_DONTNEED));
	CHECK_EQ(smap(p, "\nRss:"), 8);
	CHECK(strstr(text, "\nVmFlags: rd wr ") != NULL);
}

TEST(smaps_after_fork)
{
	char *p = lone_map(8);
	pid_t pid;

	memset(p, 1, 8 * PAGE);
	FORK(pid) {
		CHECK_EQ(smap(p, "\nRss:"), 32);
		CHECK_EQ(smap(p, "\nPss:"), 16);
		CHECK_EQ(smap(p, "\nPrivate_Dirty:"), 0);
		memset(p, 2, 8 * PAGE); /* now they are its own */
		CHECK_EQ(smap(p, "\nPss:"), 32);
		CHECK_EQ(smap(p, "\nPrivate_Dirty:"), 32);
	}
	reap_ok(pid);
	CHECK_EQ(smap(p, "\nPss:"), 32);
}

TEST(rollup_is_the_sum)
{
	long rss, rolled = 0;

	memset(text, 1, sizeof(text));
	for (int round = 0; round < 2; round++) { /* the second finds what the first has brought into memory */
		rss = 0;
		slurp("/proc/self/smaps");
		for (char *p = text; (p = strstr(p, "\nRss:")) != NULL; p++)
			rss += strtol(p + 5, NULL, 10);
		slurp("/proc/self/smaps_rollup");
		CHECK(strstr(text, "[rollup]\n") != NULL);
		rolled = strtol(strstr(text, "\nRss:") + 5, NULL, 10);
		CHECK(strstr(text, "\nSize:") == NULL);
	}
	if (labs(rolled - rss) > 16)
		FAIL("the sum is %ld, the roll-up %ld", rss, rolled);
}

static uint64_t entry_of(int fd, const void *p)
{
	uint64_t e = 0;

	CHECK_EQ(pread(fd, &e, 8, (off_t)((uintptr_t)p / PAGE * 8)), 8);
	return e;
}

TEST(pagemap_tells_what_is_there)
{
	int fd = CHECK_OK(open("/proc/self/pagemap", O_RDONLY));
	char *p = lone_map(4), buf[32];

	p[PAGE] = 1;
	CHECK_EQ(entry_of(fd, p) >> 63, 0);
	CHECK_EQ(entry_of(fd, p + PAGE) >> 63, 1);
	CHECK((entry_of(fd, p + PAGE) & ((1ull << 55) - 1)) != 0); /* root sees the frame */
	CHECK_EQ(entry_of(fd, p + PAGE) >> 56 & 1, 1);
	CHECK_EQ(entry_of(fd, p + PAGE) >> 61 & 1, 0);
	CHECK_EQ(entry_of(fd, (void *)entry_of) >> 61 & 5, 5); /* of a file */
	CHECK_EQ(entry_of(fd, (void *)(5 * PAGE)), 0);
	CHECK_ERR(pread(fd, buf, 7, 0), EINVAL);
	CHECK_ERR(pread(fd, buf, 8, 4), EINVAL);
	CHECK_EQ(pread(fd, buf, 32, 0), 32);
	CHECK_ERR(pread(fd, (void *)1, 8, 0), EFAULT);
}

TEST(pagemap_frames_are_roots)
{
	char *p = lone_map(1);
	pid_t pid;

	*p = 1;
	FORK(pid) {
		int fd;

		*p = 2;
		fd = CHECK_OK(open("/proc/self/pagemap", O_RDONLY));
		CHECK((entry_of(fd, p) & ((1ull << 55) - 1)) != 0);
		close(fd);
		CHECK_OK(setgid(1000));
		CHECK_OK(setuid(1000));
		fd = open("/proc/self/pagemap", O_RDONLY);
		if (fd < 0)
			_exit(0); /* root's, after a change of ids */
		CHECK_EQ(entry_of(fd, p) >> 63, 1);
		CHECK_EQ(entry_of(fd, p) & ((1ull << 55) - 1), 0);
	}
	reap_ok(pid);
}

TEST(many_regions)
{
	char *p = map_anon(3000 * PAGE, PROT_READ, MAP_PRIVATE), *line;
	int lines = 0;

	for (int i = 0; i < 3000; i += 2)
		CHECK_OK(mprotect(p + i * PAGE, PAGE, PROT_NONE));
	slurp("/proc/self/maps");
	for (line = text; (line = strchr(line, '\n')) != NULL; line++)
		lines++;
	CHECK(lines >= 3000);
}

/* "parents" of the table that maps this address; 0: none is there. */
static unsigned parents_of(const void *p)
{
	unsigned long start, end;
	unsigned parents;

	slurp("/proc/self/pgtables");
	for (char *line = text; sscanf(line, "%lx-%lx parents %u", &start, &end, &parents) == 3; line = strchr(line, '\n') + 1)
		if ((unsigned long)p >= start && (unsigned long)p < end)
			return parents;
	return 0;
}

TEST(tables_are_shared_until_written)
{
	struct gate g = gate_make(), back = gate_make();
	char *p = map_rw(8ul << 20);
	unsigned long shared, own;
	pid_t pid;

	if (access("/proc/self/pgtables", F_OK) < 0)
		SKIP("no /proc/PID/pgtables: a file of Perigee");
	p = (char *)(((unsigned long)p + (4ul << 20) - 1) & ~((4ul << 20) - 1)); /* a table of its own */
	memset(p, 1, 20 * PAGE);
	CHECK_EQ(parents_of(p), 1);
	FORK(pid) {
		CHECK_EQ(parents_of(p), 2);
		CHECK(strstr(text, "\ntables own ") && sscanf(strstr(text, "\npages own "), "\npages own %lu shared %lu", &own, &shared) == 2);
		CHECK(shared >= 20);
		gate_open(&back);
		gate_wait(&g);
		p[0] = 2;
		CHECK_EQ(parents_of(p), 1);
	}
	gate_wait(&back);
	CHECK_EQ(parents_of(p), 2);
	gate_open(&g);
	reap_ok(pid);
	CHECK_EQ(parents_of(p), 1);
}
