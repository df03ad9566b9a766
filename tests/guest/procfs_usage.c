/* SPDX-License-Identifier: MIT */
/* /proc/PID/io, what calls have moved; and clear_refs, which forgets what was referenced and how much memory there was at most. */
#include "guest.h"

#include <pthread.h>
#include <sys/sendfile.h>

struct io {
	unsigned long long rchar, wchar, syscr, syscw, read_bytes, write_bytes, cancelled;
};

/* The file is read by one call, which counts only afterwards. */
static struct io io_of(const char *path)
{
	char buf[512];
	int fd = CHECK_OK(open(path, O_RDONLY));
	ssize_t n = CHECK_OK(read(fd, buf, sizeof(buf) - 1));
	struct io i;

	close(fd);
	buf[n] = 0;
	CHECK_EQ(sscanf(buf, "rchar: %llu\nwchar: %llu\nsyscr: %llu\nsyscw: %llu\nread_bytes: %llu\nwrite_bytes: %llu\ncancelled_write_bytes: %llu\n", &i.rchar, &i.wchar,
			&i.syscr, &i.syscw, &i.read_bytes, &i.write_bytes, &i.cancelled),
		 7);
	return i;
}

static struct io mine(void) { return io_of("/proc/thread-self/io"); }

static struct io difference(struct io a, struct io b)
{
	return (struct io){b.rchar - a.rchar, b.wchar - a.wchar, b.syscr - a.syscr, b.syscw - a.syscw, b.read_bytes - a.read_bytes, b.write_bytes - a.write_bytes, 0};
}

/* Of one look at the file itself. */
static struct io look(void)
{
	struct io a = mine(), b = mine();

	return difference(a, b);
}

/* What was done between two looks, without the looks. */
#define DURING(block)                                                                                                  \
	({                                                                                                             \
		struct io own_ = look(), before_ = mine(), d_;                                                         \
		block;                                                                                                 \
		d_ = difference(before_, mine());                                                                      \
		d_.rchar -= own_.rchar;                                                                                \
		d_.syscr -= own_.syscr;                                                                                \
		d_;                                                                                                    \
	})

static char buf[10000];

TEST(calls_and_bytes)
{
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600)), zero = CHECK_OK(open("/dev/zero", O_RDONLY)), out = CHECK_OK(open("g", O_RDWR | O_CREAT, 0600));
	struct iovec v[2] = {{buf, 1000}, {buf, 500}};
	struct io d;

	(void)look(); /* its text may be one figure longer from now on */
	d = DURING({
		CHECK_EQ(write(fd, buf, 3000), 3000);
		CHECK_EQ(pwrite(fd, buf, 1000, 5000), 1000);
		CHECK_EQ(writev(fd, v, 2), 1500);
	});
	CHECK_EQ(d.wchar, 5500);
	CHECK_EQ(d.syscw, 3);
	CHECK_EQ(d.syscr, 0);
	d = DURING({
		CHECK_EQ(pread(fd, buf, 100, 0), 100);
		CHECK_EQ(read(zero, buf, sizeof(buf)), (ssize_t)sizeof(buf));
		CHECK_EQ(preadv(fd, v, 2, 5900), 100);
		CHECK_EQ(pread(fd, buf, 100, 100000), 0); /* a call that moves nothing is one */
	});
	CHECK_EQ(d.syscr, 4);
	CHECK(d.rchar >= 100 + sizeof(buf) + 100 && d.rchar < 100 + sizeof(buf) + 100 + 20);
	CHECK_EQ(d.wchar, 0);
	d = DURING({
		CHECK_OK(lseek(fd, 0, SEEK_SET));
		CHECK_EQ(sendfile(out, fd, NULL, 6000), 6000);
	});
	CHECK_EQ(d.syscr, 1);
	CHECK_EQ(d.syscw, 1);
	CHECK_EQ(d.wchar, 6000);
	d = DURING(CHECK_ERR(read(99, buf, 1), EBADF));
	CHECK_EQ(d.syscr, 0);
	CHECK_EQ(d.read_bytes, 0); /* there is no disk */
	CHECK_EQ(d.write_bytes, 0);
}

static void *write_some(void *unused)
{
	int fd = CHECK_OK(open("/dev/null", O_WRONLY));
	struct io a = mine(), b;

	CHECK_EQ(write(fd, buf, 5000), 5000);
	b = mine();
	CHECK_EQ(b.wchar - a.wchar, 5000);
	close(fd);
	return unused;
}

TEST(threads_and_children)
{
	struct io before = io_of("/proc/self/io"), own = mine(), after;
	char path[64];
	pthread_t t;
	pid_t pid;

	CHECK_EQ(pthread_create(&t, NULL, write_some, NULL), 0);
	pthread_join(t, NULL);
	CHECK_EQ(mine().wchar, own.wchar);
	for (int i = 0; i < LATE_MS && io_of("/proc/self/io").wchar < before.wchar + 5000; i++)
		usleep(1000);
	after = io_of("/proc/self/io");
	CHECK_EQ(after.wchar - before.wchar, 5000);
	CHECK_EQ(after.syscw - before.syscw, 1);
	FORK(pid) {
		CHECK_EQ(io_of("/proc/self/io").wchar, 0); /* nothing is inherited */
		write_some(NULL);
	}
	snprintf(path, sizeof(path), "/proc/%d/io", pid);
	reap_ok(pid);
	after = io_of("/proc/self/io");
	CHECK_EQ(after.wchar - before.wchar, 10000); /* once it has been waited for */
	FORK(pid)
		pause();
	snprintf(path, sizeof(path), "/proc/%d/io", pid);
	CHECK_EQ(io_of(path).wchar, 0);
	kill(pid, SIGKILL);
	reap(pid);
	FORK(pid) { /* other users do not see it */
		snprintf(path, sizeof(path), "/proc/%d/io", getppid());
		CHECK_OK(setuid(1234));
		CHECK_ERR(open(path, O_RDONLY), EACCES);
	}
	reap_ok(pid);
}

/* A line of all regions together, in KiB. */
static long rollup(const char *name)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	long sum = 0, one;
	char line[256];
	size_t len = strlen(name);

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && sscanf(line + len, " %ld kB", &one) == 1)
			sum += one;
	fclose(f);
	return sum;
}

static long status(const char *name)
{
	FILE *f = fopen("/proc/self/status", "re");
	long one = -1;
	char line[256];
	size_t len = strlen(name);

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && sscanf(line + len, " %ld kB", &one) == 1)
			break;
	fclose(f);
	return one;
}

static ssize_t clear(const char *what)
{
	int fd = CHECK_OK(open("/proc/self/clear_refs", O_WRONLY));
	ssize_t n = write(fd, what, strlen(what));
	int e = errno;

	close(fd);
	errno = e;
	return n;
}

#define MANY 1024

TEST(references_are_forgotten)
{
	char *p = map_rw(MANY * PAGE);
	pid_t pid;

	for (int i = 0; i < MANY; i++)
		p[i * PAGE] = 1;
	CHECK(rollup("Referenced:") >= MANY * 4);
	CHECK_EQ(clear("3"), 1); /* of files only */
	CHECK(rollup("Referenced:") >= MANY * 4);
	CHECK_EQ(clear("2\n"), 2);
	CHECK(rollup("Referenced:") < MANY * 4 / 2);
	CHECK(rollup("Rss:") >= MANY * 4);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(p[i * PAGE], 1);
	CHECK(rollup("Referenced:") >= MANY * 4);
	FORK(pid) { /* tables may be shared: nothing but these bits changes */
		CHECK_EQ(clear("1"), 1);
		CHECK(rollup("Referenced:") < MANY * 4 / 2);
		for (int i = 0; i < MANY; i += 2) {
			CHECK_EQ(p[i * PAGE], 1);
			p[i * PAGE] = 2;
		}
		CHECK(rollup("Referenced:") >= MANY * 4 / 2);
	}
	reap_ok(pid);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(p[i * PAGE], 1);
}

TEST(the_peak_begins_anew)
{
	char *p = map_rw(MANY * PAGE);
	long high;

	for (int i = 0; i < MANY; i++)
		p[i * PAGE] = 1;
	high = status("VmHWM:");
	CHECK(high >= MANY * 4);
	CHECK_OK(munmap(p, MANY * PAGE));
	CHECK(status("VmHWM:") >= high);
	CHECK_EQ(clear("5"), 1);
	CHECK(status("VmHWM:") < high - MANY * 2);
}

TEST(what_clear_refs_takes)
{
	int fd = CHECK_OK(open("/proc/self/clear_refs", O_RDWR));
	pid_t pid;
	char c;

	CHECK_EQ(clear("4"), 1);
	CHECK_EQ(clear(" 1 \n"), 4);
	CHECK_ERR(clear("0"), EINVAL);
	CHECK_ERR(clear("6"), EINVAL);
	CHECK_ERR(clear("-1"), EINVAL);
	CHECK_ERR(clear("x"), EINVAL);
	CHECK_ERR(clear("1x"), EINVAL);
	CHECK_ERR(clear("\n"), EINVAL);
	CHECK_ERR(read(fd, &c, 1), EINVAL);
	FORK(pid) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/clear_refs", getppid());
		CHECK_OK(setuid(1234));
		CHECK_ERR(open(path, O_WRONLY), EACCES);
	}
	reap_ok(pid);
}

static volatile int stop;

static void *touch(void *at)
{
	char *p = at;

	while (!stop)
		for (int i = 0; i < 256; i++)
			p[i * PAGE]++;
	return NULL;
}

/* While threads use the memory and children copy its tables. */
TEST(clearing_while_memory_is_used)
{
	char *p = map_rw(256 * PAGE);
	pthread_t t;
	pid_t pid;

	CHECK_EQ(pthread_create(&t, NULL, touch, p), 0);
	for (int i = 0; i < 30; i++) {
		FORK(pid) {
			char first = p[0];

			CHECK_EQ(clear("1"), 1);
			for (int k = 0; k < 256; k++)
				p[k * PAGE] = (char)k;
			CHECK_EQ(clear("1"), 1);
			for (int k = 0; k < 256; k++)
				CHECK_EQ(p[k * PAGE], (char)k);
			(void)first;
		}
		CHECK_EQ(clear("1"), 1);
		reap_ok(pid);
	}
	stop = 1;
	pthread_join(t, NULL);
}
