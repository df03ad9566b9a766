/* SPDX-License-Identifier: MIT */
/* Files as wholes: sparse ones of any size, holes and room made in them, limits, attributes and who may change them, programs that run. */
#include "lib/bits.h"
#include "vfs/pagecache.h"
#include "vfs/test/machine.h"

#define PUNCH 3u /* with the size kept, as it must be */
#define KEEP_SIZE 1u
#define PLACES 60

static struct file *open_new(const char *name)
{
	struct file *f = file_open(AT_FDCWD, name, O_RDWR | O_CREAT | O_EXCL | O_LARGEFILE, 0644);

	assert_false(IS_ERR(f));
	return f;
}

static void close_and_remove(struct file *f, const char *name)
{
	file_put(f);
	assert_int_equal(path_unlink(AT_FDCWD, name), 0);
}

/* Of 512 bytes, as stat would tell. */
static uint64_t blocks_of(struct file *f)
{
	assert_int_equal(f->inode->ops->getattr(f->inode), 0);
	return f->inode->blocks;
}

/* Pages far apart, so that the tree of pages grows to all its heights and shrinks again. */
static void test_sparse_files(void)
{
	static loff_t at[PLACES];
	static uint64_t value[PLACES];
	struct file *f = open_new("/sparse");
	loff_t size = 0;
	unsigned long before;

	srand(23);
	slab_reap();
	before = frame_free_count();
	for (unsigned i = 0; i < PLACES; i++) {
		at[i] = (loff_t)((1ull << (12 + rand() % 30)) + (uint64_t)(rand() % 1000) * PAGE_SIZE * 2);
		for (unsigned k = 0; k < i; k++)
			if (at[k] == at[i])
				at[i] += PAGE_SIZE, k = 0;
	}
	for (int round = 0; round < 3000; round++) {
		unsigned i = (unsigned)rand() % PLACES, what = (unsigned)rand() % 10;
		uint64_t v = (uint64_t)rand() + 1, got;

		if (what < 5) {
			assert_int_equal(file_seek(f, at[i], 0), at[i]);
			assert_int_equal(test_write(f, &v, 8), 8);
			value[i] = v;
			size = MAX(size, at[i] + 8);
		} else if (what < 7) {
			assert_int_equal(file_allocate(f, PUNCH, at[i] - 16, 4096), 0);
			value[i] = 0;
		} else if (what < 8 && !(rand() % 20)) {
			assert_int_equal(file_truncate(f->inode, at[i]), 0);
			size = at[i];
			for (unsigned k = 0; k < PLACES; k++)
				value[k] = at[k] >= size ? 0 : value[k];
		}
		i = (unsigned)rand() % PLACES;
		got = 77;
		assert_int_equal(file_read_kernel(f, &got, 8, at[i]), size > at[i] ? 8 : 0);
		assert_true(size <= at[i] || got == value[i]);
		assert_int_equal(f->inode->size, size);
	}
	assert_int_equal(file_truncate(f->inode, 0), 0);
	slab_reap();
	assert_in_range(frame_free_count(), before - 2, before + 2);
	assert_int_equal(blocks_of(f), 0);
	close_and_remove(f, "/sparse");
}

static void test_holes_and_room(void)
{
	struct file *f = open_new("/room");
	static char buf[16384], zero[16384];

	memset(buf, 'x', sizeof(buf));
	assert_int_equal(test_write(f, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(file_allocate(f, PUNCH, 100, 50), 0); /* inside of a page */
	assert_int_equal(file_allocate(f, PUNCH, 4000, 8400), 0); /* parts of two pages, and two whole ones */
	memset(buf + 100, 0, 50);
	memset(buf + 4000, 0, 8400);
	assert_int_equal(file_read_kernel(f, zero, sizeof(zero), 0), sizeof(zero));
	assert_memory_equal(buf, zero, sizeof(buf));
	assert_int_equal(f->inode->size, sizeof(buf));
	assert_int_equal(blocks_of(f), 2 * 8);
	assert_int_equal(file_allocate(f, PUNCH, 1 << 20, 4096), 0); /* behind the end: nothing */
	assert_int_equal(file_allocate(f, KEEP_SIZE, 16384, 8192), 0);
	assert_int_equal(f->inode->size, 16384);
	assert_int_equal(blocks_of(f), 4 * 8);
	assert_int_equal(file_allocate(f, 0, 20000, 10000), 0);
	assert_int_equal(f->inode->size, 30000);
	assert_int_equal(file_allocate(f, 0, 0, 0), -EINVAL);
	assert_int_equal(file_allocate(f, 0, -1, 5), -EINVAL);
	assert_int_equal(file_allocate(f, 0, INT64_MAX, 5), -EFBIG);
	assert_int_equal(file_allocate(f, 2, 0, 5), -EOPNOTSUPP); /* a hole changes no size: it must be said */
	assert_int_equal(file_allocate(f, 16, 0, 5), -EOPNOTSUPP);
	assert_int_equal(file_seek(f, 5, 3), 5);      /* SEEK_DATA */
	assert_int_equal(file_seek(f, 5, 4), 30000);  /* SEEK_HOLE: the end at the latest */
	assert_int_equal(file_seek(f, 30000, 3), -ENXIO);
	assert_int_equal(file_seek(f, 0, 0), 0);
	assert_int_equal(file_seek(f, INT64_MAX, 1), INT64_MAX);
	assert_int_equal(file_seek(f, 1, 1), -EOVERFLOW);
	assert_int_equal(file_seek(f, 0, 9), -EINVAL);
	close_and_remove(f, "/room");
}

static void test_the_limit_of_sizes(void)
{
	struct process *p = process_current();
	struct file *f = open_new("/limited");
	char buf[100] = "";

	task_current()->sigmask = ~SIG_UNBLOCKABLE;
	p->limits.cur[RLIMIT_FSIZE] = 150;
	assert_int_equal(test_write(f, buf, 100), 100);
	assert_int_equal(test_write(f, buf, 100), 50); /* what fits */
	assert_int_equal((p->pending.set | task_current()->pending.set) & SIGBIT(SIGXFSZ), 0);
	assert_int_equal(test_write(f, buf, 100), -EFBIG);
	assert_true((p->pending.set | task_current()->pending.set) & SIGBIT(SIGXFSZ));
	assert_int_equal(file_truncate(f->inode, 151), -EFBIG);
	assert_int_equal(file_truncate(f->inode, 10), 0);
	assert_int_equal(file_allocate(f, 0, 0, 200), -EFBIG);
	assert_int_equal(f->inode->size, 10);
	close_and_remove(f, "/limited");
}

static int set(struct file *f, unsigned valid, mode_t mode, uid_t uid, gid_t gid)
{
	struct iattr a = { .valid = valid, .mode = mode, .uid = uid, .gid = gid };

	return inode_setattr(f->inode, &a, cred_current());
}

static struct file *shared;
static int done;

static void change_as_owner(void *unused)
{
	(void)unused;
	test_become(1000, 100);
	assert_int_equal(set(shared, ATTR_MODE, 02755, 0, 0), 0);
	assert_int_equal(shared->inode->mode & 07777, 0755); /* not of that group: no set-gid */
	assert_int_equal(set(shared, ATTR_UID, 0, 0, 0), -EPERM);
	assert_int_equal(set(shared, ATTR_UID, 0, 1000, 0), 0); /* to himself */
	assert_int_equal(set(shared, ATTR_GID, 0, 0, 200), -EPERM);
	assert_int_equal(set(shared, ATTR_MODE, 04755, 0, 0), 0);
	assert_int_equal(set(shared, ATTR_GID, 0, 0, 100), 0);
	assert_int_equal(shared->inode->mode & 07777, 0755); /* another group: set-uid is gone */
	assert_int_equal(set(shared, ATTR_MODE, 06755, 0, 0), 0);
	assert_int_equal(shared->inode->mode & 07777, 06755);
	done++;
}

static void change_as_other(void *unused)
{
	(void)unused;
	test_become(1001, 100);
	assert_int_equal(set(shared, ATTR_MODE, 0777, 0, 0), -EPERM);
	assert_int_equal(set(shared, ATTR_GID, 0, 0, 100), -EPERM);
	assert_int_equal(inode_permission(shared->inode, MAY_WRITE, cred_current()), -EACCES);
	assert_int_equal(inode_permission(shared->inode, MAY_READ | MAY_EXEC, cred_current()), 0);
	done++;
}

static void test_who_may_change_attributes(void)
{
	shared = open_new("/attributes");
	done = 0;
	assert_int_equal(set(shared, ATTR_UID | ATTR_GID, 0, 1000, 300), 0);
	test_child(change_as_owner, NULL);
	test_child(change_as_other, NULL);
	assert_int_equal(done, 2);
	assert_int_equal(test_write(shared, "x", 1), 1); /* root's writing leaves the bits */
	assert_int_equal(shared->inode->mode & 07777, 06755);
	assert_int_equal(set(shared, ATTR_MODE, 0, 0, 0), 0);
	assert_int_equal(inode_permission(shared->inode, MAY_READ | MAY_WRITE, cred_current()), 0); /* root */
	assert_int_equal(inode_permission(shared->inode, MAY_EXEC, cred_current()), -EACCES); /* but nobody may execute it */
	close_and_remove(shared, "/attributes");
}

static void test_programs_that_run_are_not_written(void)
{
	struct file *run, *f;

	test_make_file("/program", "#!", 0755);
	run = file_open_exec("/program");
	assert_false(IS_ERR(run));
	assert_int_equal(PTR_ERR(file_open(AT_FDCWD, "/program", O_WRONLY, 0)), -ETXTBSY);
	assert_int_equal(file_truncate(run->inode, 0), -ETXTBSY);
	f = file_open(AT_FDCWD, "/program", O_RDONLY, 0);
	assert_false(IS_ERR(f));
	file_put(f);
	file_put(run);
	f = file_open(AT_FDCWD, "/program", O_WRONLY, 0);
	assert_false(IS_ERR(f));
	assert_int_equal(PTR_ERR(file_open_exec("/program")), -ETXTBSY);
	close_and_remove(f, "/program");
	assert_int_equal(PTR_ERR(file_open_exec("/program")), -ENOENT);
	assert_int_equal(PTR_ERR(file_open_exec("/")), -EACCES);
	test_make_file("/plain", "x", 0644);
	assert_int_equal(PTR_ERR(file_open_exec("/plain")), -EACCES); /* root, but no x at all */
	assert_int_equal(path_unlink(AT_FDCWD, "/plain"), 0);
}

static void test_files_without_a_name(void)
{
	unsigned long inodes = inode_live();
	struct file *f = file_open(AT_FDCWD, "/", O_RDWR | O_TMPFILE, 0600);
	char c;

	assert_false(IS_ERR(f));
	assert_int_equal(f->inode->nlink, 0);
	assert_int_equal(test_write(f, "x", 1), 1);
	assert_int_equal(file_read_kernel(f, &c, 1, 0), 1);
	file_put(f);
	assert_int_equal(inode_live(), inodes);
	assert_int_equal(PTR_ERR(file_open(AT_FDCWD, "/", O_RDONLY | O_TMPFILE, 0600)), -EINVAL);
	assert_int_equal(PTR_ERR(file_open(AT_FDCWD, "/none", O_RDWR | O_TMPFILE, 0600)), -ENOENT);
}

static void test_flags_of_open(void)
{
	struct file *f;

	assert_int_equal(path_symlink("/target", AT_FDCWD, "/link"), 0);
	assert_int_equal(PTR_ERR(file_open(AT_FDCWD, "/link", O_RDONLY, 0)), -ENOENT);
	assert_int_equal(PTR_ERR(file_open(AT_FDCWD, "/link", O_RDONLY | O_NOFOLLOW, 0)), -ELOOP);
	assert_int_equal(PTR_ERR(file_open(AT_FDCWD, "/link", O_RDWR | O_CREAT | O_EXCL, 0644)), -EEXIST);
	f = file_open(AT_FDCWD, "/link", O_RDWR | O_CREAT, 0644); /* made where it points to */
	assert_false(IS_ERR(f));
	file_put(f);
	assert_int_equal(path_unlink(AT_FDCWD, "/target"), 0);
	f = file_open(AT_FDCWD, "/link", O_PATH | O_NOFOLLOW, 0);
	assert_false(IS_ERR(f));
	assert_true(S_ISLNK(f->inode->mode));
	file_put(f);
	assert_int_equal(path_unlink(AT_FDCWD, "/link"), 0);
	assert_int_equal(PTR_ERR(file_open(AT_FDCWD, "/", O_RDWR, 0)), -EISDIR);
	assert_int_equal(PTR_ERR(file_open(AT_FDCWD, "/", O_RDONLY | O_CREAT, 0)), -EISDIR);
	assert_int_equal(PTR_ERR(file_open(AT_FDCWD, "/new/", O_WRONLY | O_CREAT, 0644)), -EISDIR);
	test_make_file("/plain", "text", 0644);
	assert_int_equal(PTR_ERR(file_open(AT_FDCWD, "/plain", O_RDONLY | O_DIRECTORY, 0)), -ENOTDIR);
	assert_int_equal(PTR_ERR(file_open(AT_FDCWD, "/plain/", O_RDONLY, 0)), -ENOTDIR);
	assert_int_equal(path_unlink(AT_FDCWD, "/plain"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_sparse_files), CASE(test_holes_and_room), CASE(test_the_limit_of_sizes), CASE(test_who_may_change_attributes),
		CASE(test_programs_that_run_are_not_written), CASE(test_files_without_a_name), CASE(test_flags_of_open),
	};

	return cmocka_run_group_tests_name("file", tests, test_machine_start, NULL);
}
