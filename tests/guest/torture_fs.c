/* SPDX-License-Identifier: MIT */
/* Torture of names and what is written: the same names used by many at once, appends, truncation. */
#include "torture.h"

#include <linux/fs.h>

static uint32_t seed;
static volatile int *words;

static void allowed(const char *what, int r, const int *errors)
{
	if (r >= 0)
		return;
	for (; *errors; errors++)
		if (errno == *errors)
			return;
	FAIL("%s: %s", what, strerror(errno));
}

#define MAY(call, ...) allowed(#call, (int)(call), (const int[]){__VA_ARGS__, 0})

/* ---- names ---- */

static const char *const names[] = {"a", "b", "c"};

static const char *name(uint32_t *s) { return names[draw(s, 3)]; }

/* Whatever the name leads to is a whole file of one of the writers. */
static void read_whole(const char *path)
{
	char text[64];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0) {
		CHECK_EQ(errno, ENOENT);
		return;
	}
	n = CHECK_OK(read(fd, text, sizeof(text)));
	CHECK_EQ(n, 40);
	for (int i = 1; i < n; i++)
		CHECK_EQ(text[i], text[0]);
	close(fd);
}

static void make_temp(const char *temp, int i)
{
	char text[40];

	memset(text, 'A' + i, sizeof(text));
	write_file(temp, text, sizeof(text));
}

static void shuffle_names(int i)
{
	uint32_t s = draw_start(seed, i);
	char temp[20];

	snprintf(temp, sizeof(temp), "temp.%d", i);
	for (int k = rounds(300); k > 0 && in_time(); k--) {
		switch (draw(&s, 6)) {
		case 0:
			make_temp(temp, i);
			CHECK_OK(rename(temp, name(&s)));
			break;
		case 1: MAY(unlink(name(&s)), ENOENT); break;
		case 2: MAY(rename(name(&s), name(&s)), ENOENT); break;
		case 3: MAY(link(name(&s), name(&s)), ENOENT, EEXIST); break;
		case 4: MAY(syscall(SYS_renameat2, AT_FDCWD, name(&s), AT_FDCWD, name(&s), RENAME_EXCHANGE), ENOENT); break;
		default: read_whole(name(&s));
		}
	}
}

/* The count of links of what is left is the number of its names. */
static void links_are_right(void)
{
	struct stat a[3];
	bool there[3];

	for (int i = 0; i < 3; i++)
		there[i] = stat(names[i], &a[i]) == 0;
	for (int i = 0; i < 3; i++) {
		int same = 0;

		for (int k = 0; k < 3 && there[i]; k++)
			same += there[k] && a[k].st_ino == a[i].st_ino;
		if (there[i])
			CHECK_EQ(a[i].st_nlink, same);
	}
	for (int i = 0; i < 3; i++)
		if (there[i])
			CHECK_OK(unlink(names[i]));
	CHECK_EQ(entries("."), 0);
}

TEST(names_are_old_or_new)
{
	seed = torture_seed();
	crowd(6, shuffle_names);
	links_are_right();
}

/* A name that is replaced by rename again and again is never missing. */
static void replace_for_ever(int i)
{
	char temp[20];

	snprintf(temp, sizeof(temp), "temp.%d", i);
	for (int k = rounds(300); k > 0 && in_time(); k--) {
		make_temp(temp, i);
		CHECK_OK(rename(temp, "a"));
	}
	add(&words[0], 1);
}

static void always_there(int i)
{
	struct stat st;

	while (get(&words[0]) < 2) {
		if (i & 1) {
			CHECK_OK(stat("a", &st));
			CHECK_EQ(st.st_size, 40);
		} else {
			int fd = CHECK_OK(open("a", O_RDONLY | O_CLOEXEC));

			CHECK_OK(fstat(fd, &st));
			CHECK_EQ(st.st_size, 40);
			close(fd);
		}
	}
}

static void replace_or_look(int i)
{
	if (i < 2)
		replace_for_ever(i);
	else
		always_there(i);
}

TEST(a_replaced_name_is_never_missing)
{
	words = shared(PAGE);
	make_temp("a", 9);
	crowd(5, replace_or_look);
	CHECK_OK(unlink("a"));
	CHECK_EQ(entries("."), 0);
}

/* O_EXCL, mkdir, link and symlink of one name: exactly one of the racers has it each time. */
static void race_for_name(int i)
{
	for (int k = 0; k < rounds(150); k++) {
		char path[20];
		int r, fd;

		snprintf(path, sizeof(path), "n%d", k);
		switch (i % 4) {
		case 0: r = fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600); if (fd >= 0) close(fd); break;
		case 1: r = mkdir(path, 0700); break;
		case 2: r = symlink("nowhere", path); break;
		default: r = link("origin", path);
		}
		CHECK(r >= 0 || errno == EEXIST);
		if (r >= 0)
			CHECK_EQ(add(&words[k], 1), 1);
	}
}

TEST(one_wins_the_name)
{
	struct stat st;
	nlink_t links = 1;

	words = shared((size_t)rounds(150) * sizeof(int) + PAGE);
	close(new_file("origin"));
	crowd(8, race_for_name);
	for (int k = 0; k < rounds(150); k++) {
		char path[20];

		CHECK_EQ(words[k], 1);
		snprintf(path, sizeof(path), "n%d", k);
		CHECK_OK(lstat(path, &st));
		links += S_ISREG(st.st_mode) && st.st_nlink > 1;
		if (S_ISDIR(st.st_mode))
			CHECK_OK(rmdir(path));
		else if (!S_ISREG(st.st_mode) || st.st_nlink == 1)
			CHECK_OK(unlink(path));
	}
	CHECK_OK(stat("origin", &st));
	CHECK_EQ(st.st_nlink, links);
}

/* Directories made, moved into each other and removed: no cycle, none lost, counts of links right. */
static const char *const dirs[] = {"p", "q", "p/r", "q/r", "p/r/s", "q/r/s", "p/t", "q/t"};

static void shuffle_dirs(int i)
{
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(250); k > 0 && in_time(); k--) {
		const char *a = dirs[draw(&s, 8)], *b = dirs[draw(&s, 8)];
		struct stat st;
		char deep[40];
		int fd;

		snprintf(deep, sizeof(deep), "%s/f%d", a, i);
		switch (draw(&s, 5)) {
		case 0: MAY(mkdir(a, 0700), ENOENT, EEXIST); break;
		case 1: MAY(rmdir(a), ENOENT, ENOTEMPTY); break;
		case 2: MAY(rename(a, b), ENOENT, ENOTEMPTY, EINVAL, EEXIST); break;
		case 3: MAY(stat(a, &st), ENOENT); break;
		default:
			fd = open(deep, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
			CHECK(fd >= 0 || errno == ENOENT);
			close(fd);
			MAY(unlink(deep), ENOENT); /* its directory may have moved */
		}
	}
}

/* Removes what is in a directory, checking the count of links of each: two and one for each directory in it. */
static int empty_tree(int fd, int depth)
{
	DIR *d = fdopendir(fd);
	struct stat st;
	int subdirs = 0, all = 1;

	CHECK(d != NULL);
	CHECK(depth < 40); /* there were eight names: no directory is inside itself */
	CHECK_OK(fstat(fd, &st));
	for (struct dirent *e; (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) < 0) {
			CHECK(errno == EISDIR || errno == EPERM);
			subdirs++;
			all += empty_tree(CHECK_OK(openat(fd, e->d_name, O_RDONLY | O_DIRECTORY)), depth + 1);
			CHECK_OK(unlinkat(fd, e->d_name, AT_REMOVEDIR));
		}
	}
	closedir(d);
	CHECK_EQ(st.st_nlink, 2 + subdirs);
	return all;
}

TEST(directories_move_about)
{
	seed = torture_seed();
	CHECK_OK(mkdir("top", 0700));
	CHECK_OK(chdir("top"));
	crowd(5, shuffle_dirs);
	CHECK_OK(chdir(".."));
	CHECK(empty_tree(CHECK_OK(open("top", O_RDONLY | O_DIRECTORY)), 0) >= 1);
	CHECK_OK(rmdir("top"));
	CHECK_EQ(entries("."), 0);
}

/* Reading a directory that others fill and empty: names that stay are seen exactly once. */
static void come_and_go(int i)
{
	uint32_t s = draw_start(seed, i);
	char path[20];

	for (int k = rounds(200); k > 0 && in_time(); k--) {
		snprintf(path, sizeof(path), "v%d.%d", i, (int)draw(&s, 10));
		if (draw(&s, 2))
			close(CHECK_OK(open(path, O_CREAT | O_WRONLY, 0600)));
		else
			MAY(unlink(path), ENOENT);
	}
	for (int k = 0; k < 10; k++) {
		snprintf(path, sizeof(path), "v%d.%d", i, k);
		MAY(unlink(path), ENOENT);
	}
	add(&words[0], 1);
}

static void count_the_lasting(int i UNUSED)
{
	while (get(&words[0]) < 2) {
		int times[20] = {0};
		DIR *d = opendir(".");

		CHECK(d != NULL);
		for (struct dirent *e; (e = readdir(d));)
			if (e->d_name[0] == 's')
				times[atoi(e->d_name + 1)]++;
		closedir(d);
		for (int k = 0; k < 20; k++)
			CHECK_EQ(times[k], 1);
	}
}

static void fill_or_list(int i)
{
	if (i < 2)
		come_and_go(i);
	else
		count_the_lasting(i);
}

TEST(listing_sees_what_stays)
{
	char path[20];

	seed = torture_seed();
	words = shared(PAGE);
	for (int k = 0; k < 20; k++) {
		snprintf(path, sizeof(path), "s%d", k);
		close(new_file(path));
	}
	crowd(4, fill_or_list);
	CHECK_EQ(entries("."), 20);
}

/* ---- what is written ---- */

struct entry {
	uint32_t writer, number, check, fill[5];
};

static void append(int i)
{
	int fd = CHECK_OK(open("log", O_WRONLY | O_APPEND));

	for (uint32_t k = 0; k < (uint32_t)rounds(300); k++) {
		struct entry e = {(uint32_t)i, k, ~((uint32_t)i ^ k), {k, k, k, k, k}};

		CHECK_EQ(write(fd, &e, sizeof(e)), sizeof(e));
	}
	close(fd);
}

TEST(appends_are_whole)
{
	uint32_t next[6] = {0};
	struct stat st;
	int fd = new_file("log");

	crowd(6, append);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 6 * rounds(300) * (long)sizeof(struct entry));
	for (int k = 6 * rounds(300); k > 0; k--) {
		struct entry e;

		CHECK_EQ(read(fd, &e, sizeof(e)), sizeof(e));
		CHECK(e.writer < 6 && e.check == ~(e.writer ^ e.number) && e.fill[4] == e.number);
		CHECK_EQ(e.number, next[e.writer]++);
	}
}

/* One open file and its position, shared by processes: each write has its own place. */
static int shared_fd;

static void write_on(int i)
{
	for (uint32_t k = 0; k < (uint32_t)rounds(200); k++) {
		uint32_t e[2] = {(uint32_t)i, k};

		CHECK_EQ(write(shared_fd, e, sizeof(e)), sizeof(e));
	}
}

TEST(a_shared_position_is_kept)
{
	uint32_t next[5] = {0}, e[2];

	shared_fd = new_file("seq");
	crowd(5, write_on);
	CHECK_EQ(lseek(shared_fd, 0, SEEK_CUR), 5 * rounds(200) * 8);
	CHECK_OK(lseek(shared_fd, 0, SEEK_SET));
	for (int k = 5 * rounds(200); k > 0; k--) {
		CHECK_EQ(read(shared_fd, e, sizeof(e)), sizeof(e));
		CHECK(e[0] < 5);
		CHECK_EQ(e[1], next[e[0]]++);
	}
}

/* Truncation against writing, reading and mapping: what is read is zero or the pattern, and the size is one that was set. */
static void cut_and_grow(int i)
{
	int fd = CHECK_OK(open("cut", O_RDWR));
	uint32_t s = draw_start(seed, i);
	unsigned char text[600];

	for (int k = rounds(200); k > 0 && in_time(); k--) {
		off_t at = (off_t)draw(&s, 20000);
		ssize_t n;

		switch (i % 3) {
		case 0:
			CHECK_OK(ftruncate(fd, at));
			break;
		case 1:
			memset(text, 0x5a, sizeof(text));
			CHECK_EQ(pwrite(fd, text, sizeof(text), at), sizeof(text));
			break;
		default:
			n = CHECK_OK(pread(fd, text, sizeof(text), at));
			for (ssize_t c = 0; c < n; c++)
				CHECK(text[c] == 0 || text[c] == 0x5a);
		}
	}
}

TEST(truncation_against_writes)
{
	struct stat st;

	seed = torture_seed();
	close(new_file("cut"));
	crowd(6, cut_and_grow);
	CHECK_OK(truncate("cut", 0));
	CHECK_OK(truncate("cut", 30000));
	int fd = CHECK_OK(open("cut", O_RDONLY));
	char text[PAGE];
	for (ssize_t n; (n = CHECK_OK(read(fd, text, sizeof(text)))) > 0;)
		for (ssize_t c = 0; c < n; c++)
			CHECK_EQ(text[c], 0);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 30000);
}
