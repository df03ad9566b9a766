/* SPDX-License-Identifier: MIT */
/*
 * Open files: flags and errors of open, reading and writing, offsets, lengths, descriptors and what is copied of them.
 */
#include "guest.h"

#include <linux/openat2.h>
#include <sys/mount.h>

#include <sys/ioctl.h>
#include <sys/sendfile.h>

TEST(open_errors)
{
	char name[300];

	write_file("f", "x", 1);
	CHECK_OK(mkdir("d", 0755));
	CHECK_ERR(open("none", O_RDONLY), ENOENT);
	CHECK_ERR(open("", O_RDONLY), ENOENT);
	CHECK_ERR(open("none/f", O_RDONLY | O_CREAT, 0600), ENOENT);
	CHECK_ERR(open("f/x", O_RDONLY), ENOTDIR);
	CHECK_ERR(open("f/", O_RDONLY), ENOTDIR);
	CHECK_ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERR(open("f", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	CHECK_ERR(open("d", O_RDWR), EISDIR);
	CHECK_ERR(open("d", O_WRONLY), EISDIR);
	CHECK_ERR(open("d", O_RDONLY | O_CREAT, 0600), EISDIR);
	CHECK_ERR(open("new/", O_RDWR | O_CREAT, 0600), EISDIR);
	memset(name, 'n', 299);
	name[256] = 0;
	CHECK_ERR(open(name, O_RDONLY), ENAMETOOLONG);
	name[255] = 0;
	CHECK_ERR(open(name, O_RDONLY), ENOENT);
	CHECK_OK(open(name, O_RDWR | O_CREAT, 0600));
}

TEST(long_paths)
{
	char *path = map_rw(3 * PAGE);

	memset(path, '/', 2 * PAGE);
	path[4095] = 0;
	CHECK_OK(open(path, O_RDONLY));
	path[4095] = '/';
	path[4096] = 0;
	CHECK_ERR(open(path, O_RDONLY), ENAMETOOLONG);
}

TEST(symbolic_links)
{
	char text[10];

	write_file("f", "data", 4);
	CHECK_OK(symlink("f", "s"));
	CHECK_OK(symlink("s", "s2"));
	CHECK_OK(symlink("loop", "loop"));
	CHECK_OK(symlink("nowhere", "dangling"));
	CHECK_OK(open("s2", O_RDONLY));
	CHECK_ERR(open("s", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERR(open("loop", O_RDONLY), ELOOP);
	CHECK_ERR(open("dangling", O_RDONLY), ENOENT);
	CHECK_ERR(open("dangling", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	CHECK_OK(open("dangling", O_CREAT | O_RDWR, 0600));
	CHECK_OK(access("nowhere", F_OK));
	memset(text, 0, sizeof(text));
	CHECK_EQ(readlink("s", text, 10), 1);
	CHECK_EQ(readlink("dangling", text, 3), 3);
	CHECK(memcmp(text, "now", 3) == 0);
	CHECK_ERR(readlink("f", text, 10), EINVAL);
	CHECK_ERR(readlink("s", text, 0), EINVAL);
	CHECK_ERR(symlink("", "empty"), ENOENT);
	CHECK_ERR(symlink("x", "s"), EEXIST);
}

TEST(symbolic_link_chains)
{
	char from[12], to[12] = "f";

	write_file("f", "x", 1);
	for (int i = 0; i < 41; i++) {
		snprintf(from, sizeof(from), "l%d", i);
		CHECK_OK(symlink(to, from));
		strcpy(to, from);
	}
	CHECK_OK(open("l39", O_RDONLY)); /* forty of them */
	CHECK_ERR(open("l40", O_RDONLY), ELOOP);
}

TEST(access_modes)
{
	int rd, wr;
	char c;

	write_file("f", "x", 1);
	rd = CHECK_OK(open("f", O_RDONLY));
	wr = CHECK_OK(open("f", O_WRONLY));
	CHECK_ERR(write(rd, "y", 1), EBADF);
	CHECK_ERR(read(wr, &c, 1), EBADF);
	CHECK_ERR(ftruncate(rd, 0), EINVAL);
	CHECK_ERR(read(99, &c, 1), EBADF);
	CHECK_ERR(write(-1, &c, 1), EBADF);
	CHECK_ERR(close(99), EBADF);
	CHECK_ERR(read(open(".", O_RDONLY), &c, 1), EISDIR);
	CHECK_EQ(fcntl(rd, F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK_EQ(fcntl(wr, F_GETFL) & O_ACCMODE, O_WRONLY);
}

TEST(permission_for_others)
{
	pid_t pid;

	write_file("secret", "x", 1);
	CHECK_OK(chmod("secret", 0600));
	write_file("readable", "x", 1);
	CHECK_OK(mkdir("closed", 0700));
	write_file("closed/f", "x", 1);
	CHECK_OK(mkdir("others", 0755));
	FORK(pid) {
		CHECK_OK(setgid(1000));
		CHECK_OK(setuid(1000));
		CHECK_ERR(open("secret", O_RDONLY), EACCES);
		CHECK_ERR(open("readable", O_RDWR), EACCES);
		CHECK_OK(open("readable", O_RDONLY));
		CHECK_ERR(open("closed/f", O_RDONLY), EACCES);
		CHECK_ERR(open("closed", O_RDONLY), EACCES);
		CHECK_ERR(chdir("closed"), EACCES);
		CHECK_ERR(truncate("readable", 0), EACCES);
		CHECK_ERR(chmod("readable", 0777), EPERM);
		CHECK_ERR(chown("readable", 1000, 1000), EPERM);
		CHECK_ERR(open("others/new", O_CREAT | O_RDWR, 0600), EACCES);
		CHECK_ERR(open("readable", O_RDONLY | O_NOATIME), EPERM);
	}
	reap_ok(pid);
}

TEST(truncating_and_appending)
{
	int a, b;
	char text[20];

	write_file("f", "0123456789", 10);
	a = CHECK_OK(open("f", O_RDWR | O_APPEND));
	b = CHECK_OK(open("f", O_RDWR | O_APPEND));
	CHECK_EQ(lseek(a, 0, SEEK_SET), 0);
	CHECK_EQ(write(a, "aa", 2), 2);
	CHECK_EQ(write(b, "bb", 2), 2);
	CHECK_EQ(write(a, "cc", 2), 2);
	CHECK_EQ(lseek(a, 0, SEEK_CUR), 16);
	CHECK_EQ(pread(a, text, 20, 10), 6);
	CHECK(memcmp(text, "aabbcc", 6) == 0);
	CHECK_EQ(pwrite(a, "dd", 2, 0), 2); /* Linux appends here, too */
	CHECK_EQ(lseek(a, 0, SEEK_END), 18);
	CHECK_OK(open("f", O_WRONLY | O_TRUNC));
	CHECK_EQ(lseek(a, 0, SEEK_END), 0);
	CHECK_EQ(read(b, text, 5), 0);
}

TEST(seeking_where_there_is_no_place)
{
	static const char *const names[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/urandom"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int fd = CHECK_OK(open(names[i], O_RDONLY));

		CHECK_EQ(lseek64(fd, 1000, SEEK_SET), 0);
		CHECK_EQ(lseek64(fd, -(1ll << 60), SEEK_END), 0);
		CHECK_EQ(lseek64(fd, -1, SEEK_CUR), 0);
		CHECK_EQ(lseek64(fd, 5, SEEK_DATA), 0);
		CHECK_ERR(lseek64(fd, 0, 5), EINVAL);
		CHECK_OK(close(fd));
	}
}

TEST(seeking)
{
	int fd = new_file("f"), fds[2];

	CHECK_EQ(write(fd, "0123456789", 10), 10);
	CHECK_EQ(lseek(fd, -3, SEEK_END), 7);
	CHECK_EQ(lseek(fd, -7, SEEK_CUR), 0);
	CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERR(lseek(fd, -1, SEEK_CUR), EINVAL);
	CHECK_ERR(lseek(fd, 0, 17), EINVAL);
	CHECK_EQ(lseek(fd, 100, SEEK_SET), 100);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 10);
	CHECK_OK(pipe(fds));
	CHECK_ERR(lseek(fds[0], 0, SEEK_SET), ESPIPE);
	CHECK_ERR(pread(fds[0], &fd, 1, 0), ESPIPE);
	CHECK_ERR(pwrite(fds[1], &fd, 1, 0), ESPIPE);
	CHECK_ERR(lseek(99, 0, SEEK_SET), EBADF);
}

TEST(sparse_files)
{
	int fd = new_file("f");
	struct stat st;
	char c[8];

	CHECK_EQ(pwrite(fd, "end", 3, 10 << 20), 3);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, (10 << 20) + 3);
	CHECK(st.st_blocks <= 64);
	memset(c, 1, sizeof(c));
	CHECK_EQ(pread(fd, c, 8, 5 << 20), 8);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(c[i], 0);
	CHECK_EQ(pread(fd, c, 8, 10 << 20), 3);
	CHECK_EQ(pread(fd, c, 8, 11 << 20), 0);
}

TEST(lengths)
{
	int fd = new_file("f");
	char c[4];

	CHECK_OK(ftruncate(fd, 5000));
	CHECK_EQ(lseek(fd, 0, SEEK_END), 5000);
	CHECK_EQ(pwrite(fd, "abcd", 4, 4998), 4);
	CHECK_OK(ftruncate(fd, 4999));
	CHECK_OK(ftruncate(fd, 6000));
	CHECK_EQ(pread(fd, c, 4, 4998), 4);
	CHECK(memcmp(c, "a\0\0\0", 4) == 0);
	CHECK_ERR(ftruncate(fd, -1), EINVAL);
	CHECK_ERR(truncate("f", -1), EINVAL);
	CHECK_ERR(truncate("none", 0), ENOENT);
	CHECK_ERR(truncate(".", 0), EISDIR);
	CHECK_ERR(pread(fd, c, 4, -1), EINVAL);
	CHECK_ERR(pwrite(fd, c, 4, -1), EINVAL);
}

TEST(big_offsets)
{
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT | O_LARGEFILE, 0600));
	char c[4];

	CHECK_EQ(lseek64(fd, 5LL << 30, SEEK_SET), 5LL << 30);
	CHECK_EQ(write(fd, "big", 3), 3);
	CHECK_EQ(pread64(fd, c, 4, 5LL << 30), 3);
	CHECK_EQ(lseek64(fd, 0, SEEK_END), (5LL << 30) + 3);
	CHECK_ERR(lseek(fd, 0, SEEK_CUR), EOVERFLOW);
	close(fd);
	fd = CHECK_OK(open("g", O_RDWR | O_CREAT, 0600));
	CHECK_EQ(pwrite64(fd, "abc", 3, 0x7ffffffd), 2);
}

TEST(file_size_limit)
{
	struct rlimit limit = {1000, 1000};
	int fd = new_file("f");
	pid_t pid;

	CHECK_OK(setrlimit(RLIMIT_FSIZE, &limit));
	CHECK_EQ(pwrite(fd, "0123456789", 10, 995), 5);
	FORK(pid)
		(void)!pwrite(fd, "x", 1, 1000);
	reap_signal(pid, SIGXFSZ);
	signal(SIGXFSZ, SIG_IGN);
	CHECK_ERR(pwrite(fd, "x", 1, 1000), EFBIG);
	CHECK_ERR(ftruncate(fd, 1001), EFBIG);
}

TEST(vectors)
{
	char a[3], b[5], c[4];
	struct iovec out[3] = {{"abc", 3}, {"", 0}, {"defgh", 5}}, in[3] = {{a, 3}, {b, 5}, {c, 4}};
	int fd = new_file("f");

	CHECK_EQ(writev(fd, out, 3), 8);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(readv(fd, in, 3), 8);
	CHECK(memcmp(a, "abc", 3) == 0 && memcmp(b, "defgh", 5) == 0);
	CHECK_EQ(preadv(fd, in + 2, 1, 2), 4);
	CHECK(memcmp(c, "cdef", 4) == 0);
	CHECK_EQ(pwritev(fd, out, 1, 5), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 8);
}

TEST(dup_family)
{
	int fd = new_file("f"), copy;

	copy = CHECK_OK(dup(fd));
	CHECK_EQ(write(copy, "abc", 3), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 3);
	CHECK_EQ(dup2(fd, 50), 50);
	CHECK_EQ(dup2(50, 50), 50);
	CHECK_EQ(fcntl(50, F_GETFD), 0);
	CHECK_EQ(dup3(fd, 51, O_CLOEXEC), 51);
	CHECK_EQ(fcntl(51, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(dup3(fd, fd, 0), EINVAL);
	CHECK_ERR(dup3(fd, 60, O_APPEND), EINVAL);
	CHECK_ERR(dup2(99, 98), EBADF);
	CHECK_ERR(dup2(99, 99), EBADF);
	CHECK_ERR(dup2(fd, -1), EBADF);
	CHECK_ERR(dup2(fd, 1 << 24), EBADF);
	CHECK_EQ(fcntl(fd, F_DUPFD, 70), 70);
	CHECK_EQ(fcntl(fd, F_DUPFD, 70), 71);
	CHECK_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 70), 72);
	CHECK_EQ(fcntl(72, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(fcntl(fd, F_DUPFD, -1), EINVAL);
	CHECK_ERR(fcntl(fd, F_DUPFD, 1 << 24), EINVAL);
}

TEST(lowest_descriptor)
{
	int a = new_file("a"), b = new_file("b"), c = new_file("c");

	CHECK_EQ(b, a + 1);
	CHECK_EQ(c, a + 2);
	close(b);
	CHECK_EQ(new_file("d"), b);
	close(a);
	close(b);
	CHECK_EQ(dup(c), a);
}

TEST(status_flags)
{
	int fd = new_file("f");

	CHECK_OK(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_CREAT | O_WRONLY));
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK | O_ACCMODE | O_CREAT), O_APPEND | O_NONBLOCK | O_RDWR);
	CHECK_OK(fcntl(fd, F_SETFL, 0));
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK), 0);
	CHECK_ERR(fcntl(fd, 0x7777, 0), EINVAL);
	CHECK_ERR(fcntl(99, F_GETFL), EBADF);
}

TEST(descriptor_limit)
{
	struct rlimit limit = {20, 20};
	int fds[2], n = 0;

	CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
	while (dup(0) >= 0)
		n++;
	CHECK_EQ(errno, EMFILE);
	CHECK(n < 20 && n > 10);
	CHECK_ERR(open("/", O_RDONLY), EMFILE);
	CHECK_ERR(pipe(fds), EMFILE);
	CHECK_ERR(fcntl(0, F_DUPFD, 5), EMFILE);
	CHECK_ERR(dup2(0, 20), EBADF);
	close(19);
	CHECK_ERR(pipe(fds), EMFILE); /* one is not enough, and it is given back */
	CHECK_EQ(dup(0), 19);
}

TEST(thousand_descriptors)
{
	struct rlimit limit;
	int fd = new_file("f");

	CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
	CHECK(limit.rlim_cur >= 1024);
	for (int i = fd + 1; i < 1000; i++)
		CHECK_EQ(dup(fd), i);
	for (int i = fd + 1; i < 1000; i += 2)
		CHECK_OK(close(i));
	CHECK_EQ(dup(fd), fd + 1);
}

TEST(unlinked_file_lives_until_closed)
{
	int fd = new_file("f");
	struct stat st;
	char c[4];

	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_OK(unlink("f"));
	CHECK_ERR(open("f", O_RDONLY), ENOENT);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(pread(fd, c, 4, 0), 3);
	CHECK_EQ(write(fd, "d", 1), 1);
	CHECK_OK(new_file("f"));
	CHECK_EQ(pread(fd, c, 4, 0), 4);
}

TEST(devices)
{
	int null = CHECK_OK(open("/dev/null", O_RDWR)), zero = CHECK_OK(open("/dev/zero", O_RDWR));
	int full = CHECK_OK(open("/dev/full", O_RDWR)), rnd = CHECK_OK(open("/dev/urandom", O_RDONLY));
	char a[64], b[64];
	struct stat st;

	CHECK_EQ(read(null, a, 64), 0);
	CHECK_EQ(write(null, a, 64), 64);
	memset(a, 1, 64);
	CHECK_EQ(read(zero, a, 64), 64);
	memset(b, 0, 64);
	CHECK(memcmp(a, b, 64) == 0);
	CHECK_ERR(write(full, a, 1), ENOSPC);
	CHECK_EQ(read(full, a, 64), 64);
	CHECK_EQ(read(rnd, a, 64), 64);
	CHECK_EQ(read(rnd, b, 64), 64);
	CHECK(memcmp(a, b, 64) != 0);
	CHECK_OK(fstat(null, &st));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_rdev, 0x103);
	CHECK_ERR(ioctl(null, TCGETS, a), ENOTTY);
	CHECK_ERR(ioctl(new_file("f"), TIOCGWINSZ, a), ENOTTY);
	CHECK_ERR(isatty(null) ? 0 : -1, ENOTTY);
	CHECK_ERR(ioctl(99, TCGETS, a), EBADF);
}

TEST(sendfile_copies)
{
	int in = new_file("in"), out = new_file("out"), fds[2];
	off_t at = 2;
	char c[16];

	CHECK_EQ(write(in, "0123456789", 10), 10);
	CHECK_EQ(sendfile(out, in, &at, 5), 5);
	CHECK_EQ(at, 7);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 10);
	CHECK_EQ(sendfile(out, in, NULL, 5), 0);
	CHECK_EQ(lseek(in, 8, SEEK_SET), 8);
	CHECK_EQ(sendfile(out, in, NULL, 100), 2);
	CHECK_EQ(pread(out, c, 16, 0), 7);
	CHECK(memcmp(c, "2345689", 7) == 0);
	CHECK_OK(pipe(fds));
	at = 0;
	CHECK_EQ(sendfile(fds[1], in, &at, 4), 4);
	CHECK_EQ(read(fds[0], c, 16), 4);
	CHECK_ERR(sendfile(99, in, NULL, 1), EBADF);
	CHECK_ERR(sendfile(out, 99, NULL, 1), EBADF);
}

TEST(many_writers_append_whole_records)
{
	pid_t pid[4];
	char record[8], seen[4] = {0};
	int fd;

	new_file("log");
	for (int i = 0; i < 4; i++)
		FORK(pid[i]) {
			fd = open("log", O_WRONLY | O_APPEND);
			snprintf(record, sizeof(record), "rec %d.\n", i);
			for (int k = 0; k < 100; k++)
				CHECK_EQ(write(fd, record, 7), 7);
		}
	for (int i = 0; i < 4; i++)
		reap_ok(pid[i]);
	fd = open("log", O_RDONLY);
	for (int k = 0; k < 400; k++) {
		CHECK_EQ(read(fd, record, 7), 7);
		CHECK(memcmp(record, "rec ", 4) == 0 && record[4] >= '0' && record[4] < '4');
		CHECK(++seen[record[4] - '0'] <= 100);
	}
	CHECK_EQ(read(fd, record, 7), 0);
}

TEST(large_file_contents)
{
	int fd = new_file("f");
	unsigned *block = (unsigned *)map_rw(64 * PAGE);

	for (unsigned n = 0; n < 16; n++) {
		for (unsigned i = 0; i < 64 * PAGE / 4; i++)
			block[i] = n * 1000003u + i;
		CHECK_EQ(write(fd, block, 64 * PAGE), 64 * PAGE);
	}
	for (unsigned n = 0; n < 16; n++) {
		CHECK_EQ(pread(fd, block, 64 * PAGE - 5, (off_t)(n * 64 * PAGE + 4)), 64 * PAGE - 5);
		for (unsigned i = 0; i < 64 * PAGE / 4 - 2; i++)
			CHECK_EQ(block[i], n * 1000003u + i + 1);
	}
}

TEST(fallocate_and_fadvise_and_sync)
{
	int fd = new_file("f");

	CHECK_OK(fsync(fd));
	CHECK_OK(fdatasync(fd));
	sync();
	CHECK_ERR(fsync(99), EBADF);
	CHECK_OK(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL) ? -1 : 0);
}

TEST(opath_descriptors)
{
	int fd, dir;
	char c;
	struct stat st;

	write_file("f", "x", 1);
	fd = CHECK_OK(open("f", O_PATH));
	CHECK_ERR(read(fd, &c, 1), EBADF);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 1);
	dir = CHECK_OK(open(".", O_PATH | O_DIRECTORY));
	CHECK_OK(openat(dir, "f", O_RDONLY));
}

TEST(room_is_allocated)
{
	struct stat st;
	char c = 1;
	int fd = new_file("f"), p[2], dir = CHECK_OK(open(".", O_RDONLY)), rd;

	CHECK_OK(fallocate(fd, 0, 0, 10000));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 10000);
	CHECK_EQ(st.st_blocks, 24);
	CHECK_OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 20000, 4096));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 10000);
	CHECK_EQ(pwrite(fd, "0123456789", 10, 4090), 10);
	CHECK_OK(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 4092, 5000));
	CHECK_EQ(pread(fd, &c, 1, 4091), 1);
	CHECK_EQ(c, '1');
	CHECK_EQ(pread(fd, &c, 1, 4092), 1);
	CHECK_EQ(c, 0);
	CHECK_EQ(pread(fd, &c, 1, 4099), 1);
	CHECK_EQ(c, 0);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 10000);
	CHECK_ERR(fallocate(fd, 0, -1, 10), EINVAL);
	CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, 0x100, 0, 10), EOPNOTSUPP);
	CHECK_ERR(fallocate64(fd, 0, 0x7fffffffffffff00ll, 0x1000), EFBIG);
	rd = CHECK_OK(open("f", O_RDONLY));
	CHECK_ERR(fallocate(rd, 0, 0, 10), EBADF);
	CHECK_OK(pipe(p));
	CHECK_ERR(fallocate(p[1], 0, 0, 10), ESPIPE);
	CHECK_ERR(fallocate(dir, 0, 0, 10), EBADF);
	CHECK_ERR(fallocate(99, 0, 0, 10), EBADF);
}

TEST(room_that_is_not_there)
{
	struct stat st;
	int fd;

	CHECK_OK(mkdir("small", 0700));
	CHECK_OK(mount("small", "small", "tmpfs", 0, "size=64k"));
	fd = CHECK_OK(open("small/f", O_CREAT | O_RDWR, 0600));
	CHECK_OK(fallocate(fd, 0, 0, 32768));
	CHECK_ERR(fallocate(fd, 0, 0, 1 << 20), ENOSPC);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 32768);
	close(fd);
	fd = CHECK_OK(open("small/g", O_CREAT | O_RDWR, 0600));
	CHECK_OK(fallocate(fd, 0, 0, 32768)); /* what was in vain was given back */
	close(fd);
	CHECK_OK(umount("small"));
}

#define GET_HINT 1035 /* F_GET_RW_HINT */
#define SET_HINT 1036

/* How long the data will live, as the writer thinks: of the file, whoever opens it. */
TEST(write_hints)
{
	int fd = new_file("f"), other = CHECK_OK(open("f", O_RDONLY)), path = CHECK_OK(open("f", O_PATH));
	uint64_t hint = 99;

	CHECK_OK(fcntl(fd, GET_HINT, &hint));
	CHECK_EQ(hint, 0);
	for (uint64_t i = 0; i <= 5; i++) {
		CHECK_OK(fcntl(fd, SET_HINT, &i));
		hint = 99;
		CHECK_OK(fcntl(other, GET_HINT, &hint));
		CHECK_EQ(hint, i);
	}
	hint = 6;
	CHECK_ERR(fcntl(fd, SET_HINT, &hint), EINVAL);
	hint = ~0ull;
	CHECK_ERR(fcntl(fd, SET_HINT, &hint), EINVAL);
	hint = 1ull << 32 | 2;
	CHECK_ERR(fcntl(other, SET_HINT, &hint), EINVAL);
	CHECK_OK(fcntl(fd, GET_HINT, &hint));
	CHECK_EQ(hint, 5);
	CHECK_ERR(fcntl(fd, GET_HINT, 8), EFAULT);
	CHECK_ERR(fcntl(fd, SET_HINT, 8), EFAULT);
	CHECK_ERR(fcntl(path, GET_HINT, &hint), EBADF);
	CHECK_ERR(fcntl(path, SET_HINT, &hint), EBADF);
}

TEST(no_number_no_file)
{
	struct open_how create = {.flags = O_CREAT | O_EXCL | O_WRONLY, .mode = 0600}, cut = {.flags = O_TRUNC | O_WRONLY};
	struct rlimit old, few;
	int fd, last;

	CHECK_OK(close(new_file("there")));
	fd = CHECK_OK(open("there", O_WRONLY));
	CHECK_EQ(write(fd, "text", 4), 4);
	CHECK_OK(getrlimit(RLIMIT_NOFILE, &old));
	few = (struct rlimit){64, old.rlim_max};
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &few));
	while ((last = dup(fd)) >= 0)
		CHECK(last < 64);
	CHECK_EQ(errno, EMFILE);
	CHECK_ERR(open("created", O_CREAT | O_EXCL | O_WRONLY, 0600), EMFILE);
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "created", &create, sizeof(create)), EMFILE);
	CHECK_ERR(access("created", F_OK), ENOENT);
	CHECK_ERR(open("there", O_TRUNC | O_WRONLY), EMFILE);
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "there", &cut, sizeof(cut)), EMFILE);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 4);
	CHECK_OK(close(63));
	CHECK_EQ(open("created", O_CREAT | O_EXCL | O_WRONLY, 0600), 63);
}
