/* SPDX-License-Identifier: MIT */
/* Descriptor tables, pipes and the contents of files. */
#include "vfs/pagecache.h"
#include "vfs/pipe.h"
#include "vfs/test/machine.h"

static struct file *open_null(void)
{
	struct file *f = file_open(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0);

	assert_false(IS_ERR(f));
	return f;
}

/* ---- numbers ---- */

static void test_the_lowest_free_number_is_taken(void)
{
	struct fdtable *t = fdtable_current();
	struct file *f = open_null();
	static bool open[300];
	unsigned lowest;

	srand(7);
	for (int round = 0; round < 5000; round++) {
		unsigned fd = (unsigned)rand() % 300;

		if (rand() % 2 && open[fd]) {
			assert_int_equal(fd_close(t, fd), 0);
			open[fd] = false;
			continue;
		}
		for (lowest = 0; lowest < 300 && open[lowest]; lowest++)
			;
		file_get(f);
		if (lowest == 300) {
			assert_int_equal(fd_install(t, f, 0, false, 300), -EMFILE);
			file_put(f);
		} else {
			assert_int_equal(fd_install(t, f, 0, false, 300), lowest);
			open[lowest] = true;
		}
	}
	for (unsigned i = 0; i < 300; i++) {
		struct file *got = fd_get(t, i, false);

		assert_true((got != NULL) == open[i]);
		file_put(got);
		assert_int_equal(fd_close(t, i), open[i] ? 0 : -EBADF);
		open[i] = false;
	}
	assert_int_equal(fd_next(t, 0), -1);
	file_put(f);
}

/* ---- an open that fails ---- */

static struct file *stale;
static bool released;

static int open_fails(struct inode *i, struct file *f)
{
	(void)i;
	file_get(f); /* as fd_get does for a moment with an object that it takes for the file that was there before */
	stale = f;
	return -EIO;
}

static void release_is_seen(struct file *f)
{
	(void)f;
	released = true;
}

static void test_a_failed_open_waits_for_stale_references(void)
{
	static const struct file_ops failing = { .open = open_fails, .release = release_is_seen };
	struct file *f = file_open(AT_FDCWD, "/fails", O_RDWR | O_CREAT, 0600);
	const struct file_ops *ops;
	unsigned long before;
	struct path path;

	assert_false(IS_ERR(f));
	path = f->path;
	path_get(&path);
	ops = f->inode->fops;
	file_put(f);
	before = file_live();
	path.dentry->inode->fops = &failing;
	assert_ptr_equal(file_open_path(&path, O_RDWR), ERR_PTR(-EIO));
	assert_int_equal(file_live(), before + 1);
	assert_int_equal(path.dentry->inode->writers, 1);
	file_put(stale);
	assert_int_equal(file_live(), before);
	assert_int_equal(path.dentry->inode->writers, 0);
	assert_false(released);
	path.dentry->inode->fops = ops;
	path_put(&path);
}

/* Whoever looks at a table neither keeps its files open nor is the one who closes them; looking does not make the table a shared one. */
static void test_lookers_close_nothing(void)
{
	struct process *p = process_current();
	struct fdtable *own = fdtable_current(), *t = fdtable_dup(own), *look;
	struct file *f = open_null();
	struct path path;

	file_get(f);
	task_current()->files = t;
	assert_int_equal(fd_install(t, f, 7, false, 300), 7);
	look = fdtable_of(p);
	assert_ptr_equal(look, t);
	assert_int_equal(refcount_read(&t->refs), 1);
	assert_int_equal(fd_path(look, 7, &path), 0);
	path_put(&path);
	assert_int_equal(fd_path(look, 8, &path), -ENOENT);
	task_current()->files = own;
	fdtable_put(t);
	assert_int_equal(refcount_read(&f->refs), 1); /* closed at once */
	assert_int_equal(fd_path(look, 7, &path), -ENOENT);
	assert_int_equal(fd_next(look, 0), -1);
	fdtable_look_end(look);
	file_put(f);
}

/* Borrowed without a count only while nobody else could close the descriptor. */
static void test_borrowing_counts_when_it_must(void)
{
	struct fdtable *t = fdtable_current();
	struct file *f = open_null();
	struct fdref r;

	assert_int_equal(fd_install(t, f, 0, false, 300), 0);
	r = fd_borrow(0, false);
	assert_ptr_equal(r.file, f);
	assert_int_equal(refcount_read(&f->refs), 1);
	fd_return(r);
	fdtable_get(t); /* another thread shares the table */
	r = fd_borrow(0, false);
	assert_int_equal(refcount_read(&f->refs), 2);
	assert_int_equal(fd_close(t, 0), 0);
	assert_int_equal(refcount_read(&f->refs), 1);
	fd_return(r);
	fdtable_put(t);
	assert_null(fd_borrow(0, true).file);
	assert_null(fd_borrow(~0u, true).file);
	f = file_open(AT_FDCWD, "/", O_PATH, 0);
	assert_int_equal(fd_install(t, f, 0, false, 300), 0);
	assert_null(fd_borrow(0, false).file);
	assert_ptr_equal(fd_borrow(0, true).file, f);
	assert_int_equal(fd_close(t, 0), 0);
}

static void test_limits_of_numbers(void)
{
	struct fdtable *t = fdtable_current();
	struct file *f = open_null();

	assert_int_equal(fd_install(t, f, 0, false, 0), -EMFILE);
	assert_int_equal(fd_install(t, f, 10, false, 10), -EINVAL);
	assert_int_equal(fd_install(t, f, ~0u, false, ~0ul), -EINVAL);
	file_get(f);
	assert_int_equal(fd_install(t, f, 9, false, 10), 9);
	assert_int_equal(fd_install(t, f, 9, false, 10), -EMFILE);
	file_get(f);
	assert_int_equal(fd_install(t, f, 5000, false, 6000), 5000);
	assert_int_equal(fd_next(t, 10), 5000);
	assert_int_equal(fd_close(t, ~0u), -EBADF);
	assert_int_equal(fd_close(t, 1 << 20), -EBADF);
	assert_null(fd_get(t, ~0u, true));
	assert_int_equal(fd_dup_to(t, 9, 10, false, 10), -EBADF);
	assert_int_equal(fd_dup_to(t, 8, 3, false, 10), -EBADF);
	assert_int_equal(fd_dup_to(t, 9, ~0u, false, ~0ul), -EBADF);
	assert_int_equal(fd_dup_to(t, 9, 3, true, 10), 3);
	assert_int_equal(fd_get_cloexec(t, 3), 1);
	assert_int_equal(fd_get_cloexec(t, 9), 0);
	assert_int_equal(fd_dup_to(t, 9, 3, false, 10), 3); /* over an open one: its file goes, its mark too */
	assert_int_equal(fd_get_cloexec(t, 3), 0);
	assert_int_equal(fd_get_cloexec(t, 4), -EBADF);
	assert_int_equal(fd_set_cloexec(t, 4, true), -EBADF);
	file_put(f);
}

static void test_exec_closes_what_is_marked(void)
{
	struct fdtable *t = fdtable_current();
	struct file *f = open_null();

	for (unsigned i = 0; i < 100; i++) {
		file_get(f);
		assert_int_equal(fd_install(t, f, 0, i % 3 == 0, 100), i);
	}
	assert_int_equal(fd_set_cloexec(t, 1, true), 0);
	assert_int_equal(fd_set_cloexec(t, 3, false), 0);
	fdtable_exec(t);
	for (unsigned i = 0; i < 100; i++) {
		bool kept = i == 3 || (i % 3 && i != 1);

		assert_int_equal(fd_get_cloexec(t, i), kept ? 0 : -EBADF);
	}
	file_get(f);
	assert_int_equal(fd_install(t, f, 0, false, 100), 0);
	file_put(f);
}

static void test_a_copy_is_a_table_of_its_own(void)
{
	struct fdtable *t = fdtable_current(), *copy = NULL;
	struct file *f = open_null();
	int failures = 0;

	for (unsigned i = 0; i < 200; i++) {
		file_get(f);
		assert_int_equal(fd_install(t, f, 0, i % 2, 1000), i);
	}
	for (long n = 1; n < 10; n++) {
		assert_int_equal(refcount_read(&f->refs), 201);
		slab_reap();
		atomic_set(&alloc_fail_after, n);
		copy = fdtable_dup(t);
		atomic_set(&alloc_fail_after, 0);
		failures += !copy;
		if (copy)
			fdtable_put(copy);
	}
	assert_true(failures >= 2);
	copy = fdtable_dup(t);
	assert_non_null(copy);
	assert_int_equal(refcount_read(&f->refs), 401);
	assert_int_equal(copy->cap, 256);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(fd_get_cloexec(copy, i), i % 2);
	fdtable_exec(copy);
	assert_int_equal(refcount_read(&f->refs), 301);
	assert_int_equal(fd_close(copy, 0), 0);
	assert_int_equal(fd_get_cloexec(t, 0), 0);
	fdtable_put(copy);
	assert_int_equal(refcount_read(&f->refs), 201);
	assert_int_equal(fd_dup_to(t, 0, 9000, false, 10000), 9000);
	assert_int_equal(fd_close(t, 9000), 0);
	for (unsigned i = 10; i < 200; i++)
		assert_int_equal(fd_close(t, i), 0);
	copy = fdtable_dup(t);
	assert_non_null(copy);
	assert_true(copy->cap <= BITS_PER_WORD); /* of what is open, not of what was */
	assert_int_equal(refcount_read(&f->refs), 21);
	fdtable_put(copy);
	file_put(f);
}

static void test_growing_without_memory_loses_nothing(void)
{
	struct fdtable *t = fdtable_current();
	struct file *f = open_null();

	for (unsigned i = 0; i < 32; i++) {
		file_get(f);
		assert_int_equal(fd_install(t, f, 0, false, 1000), i);
	}
	slab_reap();
	atomic_set(&alloc_fail_after, 1);
	assert_int_equal(fd_install(t, f, 0, false, 1000), -ENOMEM);
	atomic_set(&alloc_fail_after, 1);
	assert_int_equal(fd_dup_to(t, 0, 500, false, 1000), -ENOMEM);
	atomic_set(&alloc_fail_after, 0);
	assert_int_equal(refcount_read(&f->refs), 33);
	file_get(f);
	assert_int_equal(fd_install(t, f, 0, false, 1000), 32);
	file_put(f);
}

/* ---- pipes ---- */

static struct file *reader, *writer;

static void make_pipe(unsigned flags)
{
	assert_int_equal(pipe_create(&reader, &writer, flags), 0);
}

static unsigned char pattern(unsigned long i) { return (unsigned char)(i * 7 + i / 251); }

static void test_bytes_come_out_as_they_went_in(void)
{
	static unsigned char buf[70000];
	unsigned long in = 0, out = 0;

	make_pipe(O_NONBLOCK);
	srand(11);
	for (int i = 0; i < 3000; i++) {
		size_t n = (size_t)(rand() % 3 ? rand() % 300 : rand() % 20000) + 1;
		ssize_t got;

		if (rand() % 2) {
			for (size_t k = 0; k < n; k++)
				buf[k] = pattern(in + k);
			got = test_write(writer, buf, n);
			assert_true(got == -EAGAIN || (got > 0 && (size_t)got <= n));
			assert_true(n > 4096 || got == -EAGAIN || (size_t)got == n); /* small writes: all or nothing */
			in += got > 0 ? (unsigned long)got : 0;
		} else {
			got = test_read(reader, buf, n);
			assert_true(in > out ? got > 0 && (size_t)got <= n : got == -EAGAIN);
			for (ssize_t k = 0; k < got; k++)
				assert_int_equal(buf[k], pattern(out + (unsigned long)k));
			out += got > 0 ? (unsigned long)got : 0;
		}
		assert_true(in - out <= 65536);
	}
	file_put(writer);
	while (test_read(reader, buf, sizeof(buf)) > 0)
		;
	assert_int_equal(test_read(reader, buf, 1), 0); /* the end, again and again */
	assert_int_equal(test_read(reader, buf, 1), 0);
	file_put(reader);
}

static void test_a_full_pipe(void)
{
	static char buf[65536 + 1];

	make_pipe(O_NONBLOCK);
	assert_int_equal(test_write(writer, buf, sizeof(buf)), 65536);
	assert_int_equal(test_write(writer, buf, 1), -EAGAIN);
	assert_int_equal(test_read(reader, buf, 100), 100);
	assert_int_equal(test_write(writer, buf, 1), -EAGAIN); /* as in Linux: a page is free or it is not */
	assert_int_equal(test_read(reader, buf, 4000), 4000);
	assert_int_equal(test_write(writer, buf, 4097), 4096);
	assert_int_equal(test_write(writer, buf, 0), 0);
	file_put(reader);
	file_put(writer);
}

static void test_writing_with_no_reader(void)
{
	struct task *me = task_current();

	make_pipe(0);
	file_put(reader);
	me->sigmask = SIGBIT(SIGPIPE);
	assert_int_equal(test_write(writer, "x", 1), -EPIPE);
	assert_true((me->pending.set | me->process->pending.set) & SIGBIT(SIGPIPE));
	file_put(writer);
}

static void test_the_size_can_be_changed(void)
{
	static char buf[20000], back[20000];

	make_pipe(O_NONBLOCK);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (char)pattern(i);
	assert_int_equal(pipe_get_size(reader), 65536);
	assert_int_equal(pipe_set_size(reader, 1), 4096);
	assert_int_equal(test_write(writer, buf, 5000), 4096);
	assert_int_equal(test_read(reader, back, 10), 10);
	assert_int_equal(pipe_set_size(writer, 20000), 32768);
	assert_int_equal(test_write(writer, buf + 4096, sizeof(buf) - 4096), sizeof(buf) - 4096);
	assert_int_equal(pipe_set_size(writer, 4096), -EBUSY);
	assert_int_equal(test_read(reader, back + 10, sizeof(back)), sizeof(back) - 10);
	assert_memory_equal(buf, back, sizeof(buf));
	assert_int_equal(pipe_set_size(writer, 1ul << 31 | 1), -EINVAL);
	file_put(reader);
	file_put(writer);
}

static char heard[100000];
static size_t heard_len;
static bool finished;

static void listen(void *unused)
{
	ssize_t n;

	(void)unused;
	while ((n = test_read(reader, heard + heard_len, 3000)) > 0)
		heard_len += (size_t)n;
	assert_int_equal(n, 0);
	finished = true;
}

static void test_reader_and_writer_wait_for_each_other(void)
{
	static char buf[90000];

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (char)pattern(i);
	make_pipe(0);
	heard_len = 0;
	finished = false;
	test_child(listen, NULL); /* waits: the pipe is empty */
	assert_int_equal(heard_len, 0);
	assert_int_equal(test_write(writer, buf, sizeof(buf)), sizeof(buf)); /* more than fits: waits for the reader */
	test_let_run();
	assert_int_equal(heard_len, sizeof(buf));
	assert_false(finished);
	file_put(writer);
	test_let_run();
	assert_true(finished);
	assert_memory_equal(heard, buf, sizeof(buf));
	file_put(reader);
}

static void write_big(void *which)
{
	static char block[2][4096];
	unsigned w = which != NULL;

	memset(block[w], w ? 'b' : 'a', sizeof(block[w]));
	for (int i = 0; i < 20; i++)
		assert_int_equal(test_write(writer, block[w], 4096), 4096);
}

static void test_writes_of_a_page_are_not_mixed(void)
{
	static char got[4096];
	int count[2] = { 0, 0 };

	make_pipe(0);
	test_child(write_big, NULL);
	test_child(write_big, "b");
	for (int i = 0; i < 40; i++) {
		size_t n = 0;

		while (n < sizeof(got)) /* in pieces, so that room comes bit by bit */
			n += (size_t)test_read(reader, got + n, sizeof(got) - n < 1000 ? sizeof(got) - n : 1000);
		for (size_t k = 1; k < sizeof(got); k++)
			assert_int_equal(got[k], got[0]);
		count[got[0] == 'b']++;
	}
	assert_int_equal(count[0], 20);
	assert_int_equal(count[1], 20);
	test_let_run();
	file_put(reader);
	file_put(writer);
}

static void test_a_pipe_that_cannot_be_made_leaves_nothing(void)
{
	unsigned long inodes = inode_live(), names = dentry_live();
	int failures = 0;

	for (long n = 1; n < 20; n++) {
		int err;

		slab_reap();
		atomic_set(&alloc_fail_after, n);
		err = pipe_create(&reader, &writer, 0);
		atomic_set(&alloc_fail_after, 0);
		assert_true(err == 0 || err == -ENOMEM || err == -ENFILE);
		if (!err) {
			file_put(reader);
			file_put(writer);
		}
		failures += err != 0;
		assert_int_equal(inode_live(), inodes);
		assert_int_equal(dentry_live(), names);
		assert_int_equal(file_live(), 0);
	}
	assert_true(failures >= 4);
}

/* ---- contents ---- */

static void test_holes_and_ends_of_files(void)
{
	struct file *f = file_open(AT_FDCWD, "/file", O_RDWR | O_CREAT | O_EXCL, 0644);
	char buf[10000], zero[10000] = "";

	assert_false(IS_ERR(f));
	assert_int_equal(file_seek(f, 5000, 0), 5000);
	assert_int_equal(test_write(f, "middle", 6), 6);
	assert_int_equal(f->inode->size, 5006);
	assert_int_equal(file_seek(f, 0, 0), 0);
	assert_int_equal(test_read(f, buf, sizeof(buf)), 5006);
	assert_memory_equal(buf, zero, 5000);
	assert_memory_equal(buf + 5000, "middle", 6);
	assert_int_equal(test_read(f, buf, 10), 0);
	assert_int_equal(file_truncate(f->inode, 5003), 0);
	assert_int_equal(file_truncate(f->inode, 9000), 0);
	assert_int_equal(file_read_kernel(f, buf, sizeof(buf), 5000), 4000);
	assert_memory_equal(buf, "mid", 3);
	assert_memory_equal(buf + 3, zero, 3997); /* what was cut off does not come back */
	assert_int_equal(file_truncate(f->inode, -1), -EINVAL);
	assert_int_equal(file_seek(f, -1, 0), -EINVAL);
	assert_int_equal(file_seek(f, -1, 2), 8999);
	file_put(f);
	assert_int_equal(PTR_ERR(file_open(AT_FDCWD, "/file", O_RDWR | O_CREAT | O_EXCL, 0644)), -EEXIST);
	f = file_open(AT_FDCWD, "/file", O_WRONLY | O_TRUNC | O_APPEND, 0);
	assert_false(IS_ERR(f));
	assert_int_equal(f->inode->size, 0);
	assert_int_equal(test_write(f, "one", 3), 3);
	assert_int_equal(file_seek(f, 0, 0), 0);
	assert_int_equal(test_write(f, "two", 3), 3);
	assert_int_equal(f->inode->size, 6);
	assert_int_equal(test_read(f, buf, 1), -EBADF);
	file_put(f);
	assert_int_equal(path_unlink(AT_FDCWD, "/file"), 0);
}

static void test_contents_against_a_model(void)
{
	static unsigned char model[40000], buf[40000];
	struct file *f = file_open(AT_FDCWD, "/model", O_RDWR | O_CREAT, 0644);
	size_t size = 0;

	assert_false(IS_ERR(f));
	srand(13);
	for (int i = 0; i < 2000; i++) {
		size_t at = (size_t)rand() % sizeof(model), n = (size_t)rand() % (sizeof(model) - at) + 1;
		unsigned what = (unsigned)rand() % 8;

		if (what < 4) {
			size_t len = rand() % 2 ? n : n % 100 + 1, done = len < sizeof(model) - at ? len : sizeof(model) - at;

			for (size_t k = 0; k < done; k++)
				buf[k] = (unsigned char)rand();
			assert_int_equal(file_seek(f, (loff_t)at, 0), at);
			assert_int_equal(test_write(f, buf, done), done);
			memcpy(model + at, buf, done);
			size = at + done > size ? at + done : size;
		} else if (what < 7) {
			size_t want = at >= size ? 0 : n < size - at ? n : size - at;

			assert_int_equal(file_read_kernel(f, buf, n, (loff_t)at), want);
			assert_memory_equal(buf, model + at, want);
		} else {
			assert_int_equal(file_truncate(f->inode, (loff_t)at), 0);
			if (at < size)
				memset(model + at, 0, size - at);
			size = at;
		}
		assert_int_equal(f->inode->size, size);
	}
	file_put(f);
	assert_int_equal(path_unlink(AT_FDCWD, "/model"), 0);
}

static void test_a_write_without_memory(void)
{
	struct file *f = file_open(AT_FDCWD, "/full", O_RDWR | O_CREAT, 0644);
	static char buf[20 * 4096];
	ssize_t n;

	assert_false(IS_ERR(f));
	memset(buf, 'x', sizeof(buf));
	for (long k = 1; k < 30; k++) {
		assert_int_equal(file_seek(f, 0, 0), 0);
		atomic_set(&alloc_fail_after, k);
		n = test_write(f, buf, sizeof(buf));
		atomic_set(&alloc_fail_after, 0);
		assert_true(n == -ENOMEM || n == -ENOSPC || n > 0); /* part of it: then that part is there */
		assert_int_equal(f->inode->size, n > 0 ? n : 0);
		assert_int_equal(file_truncate(f->inode, 0), 0);
	}
	file_put(f);
	assert_int_equal(path_unlink(AT_FDCWD, "/full"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_the_lowest_free_number_is_taken), CASE(test_limits_of_numbers), CASE(test_borrowing_counts_when_it_must), CASE(test_lookers_close_nothing), CASE(test_a_failed_open_waits_for_stale_references), CASE(test_exec_closes_what_is_marked),
		CASE(test_a_copy_is_a_table_of_its_own), CASE(test_growing_without_memory_loses_nothing),
		CASE(test_bytes_come_out_as_they_went_in), CASE(test_a_full_pipe), CASE(test_writing_with_no_reader),
		CASE(test_the_size_can_be_changed), CASE(test_reader_and_writer_wait_for_each_other), CASE(test_writes_of_a_page_are_not_mixed),
		CASE(test_a_pipe_that_cannot_be_made_leaves_nothing), CASE(test_holes_and_ends_of_files), CASE(test_contents_against_a_model),
		CASE(test_a_write_without_memory),
	};

	return cmocka_run_group_tests_name("fd", tests, test_machine_start, NULL);
}
