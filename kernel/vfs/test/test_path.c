/* SPDX-License-Identifier: MIT */
/* Walking names, changing them, and the cache of names, on a tmpfs. */
#include "vfs/test/machine.h"

static int done; /* by a child */

/* What the walk ends with: 0 and the inode's number, or the error. */
static int walk(const char *name, unsigned flags, ino_t *ino)
{
	struct path p;
	int err = path_lookup(AT_FDCWD, name, flags, &p);

	if (err)
		return err;
	if (ino)
		*ino = p.dentry->inode->ino;
	path_put(&p);
	return 0;
}

static ino_t ino_of(const char *name)
{
	ino_t ino = 0;

	assert_int_equal(walk(name, 0, &ino), 0);
	return ino;
}

static void same_file(const char *a, const char *b)
{
	ino_t x = 0, y = 0;

	assert_int_equal(walk(a, WALK_FOLLOW, &x), 0);
	assert_int_equal(walk(b, WALK_FOLLOW, &y), 0);
	assert_int_equal(x, y);
}

#define DIR(name) assert_int_equal(path_mkdir(AT_FDCWD, name, 0755), 0)
#define LINK(target, name) assert_int_equal(path_symlink(target, AT_FDCWD, name), 0)
#define GONE(name) assert_int_equal(path_unlink(AT_FDCWD, name), 0)
#define RMDIR(name) assert_int_equal(path_rmdir(AT_FDCWD, name), 0)
#define RENAME(from, to) path_rename(AT_FDCWD, from, AT_FDCWD, to, 0)

static void test_dots_and_slashes(void)
{
	DIR("/a");
	DIR("/a/b");
	test_make_file("/a/b/f", "x", 0644);
	same_file("/a/b/f", "//a///b/./f");
	same_file("/a/b/f", "a/b/../b/f");
	same_file("/", "/..");
	same_file("/", "/../../a/..");
	same_file("/a", "/a/b/..");
	same_file("/a/b", "/a/b/");
	same_file("/a/b", "/a/b/.");
	assert_int_equal(walk("", 0, NULL), -ENOENT);
	assert_int_equal(walk("", WALK_EMPTY, NULL), 0);
	assert_int_equal(walk("/a/b/f/", 0, NULL), -ENOTDIR);
	assert_int_equal(walk("/a/b/f/.", 0, NULL), -ENOTDIR);
	assert_int_equal(walk("/a/b/f/..", 0, NULL), -ENOTDIR);
	assert_int_equal(walk("/a/b/f/g", 0, NULL), -ENOTDIR);
	assert_int_equal(walk("/a/b/f", WALK_DIRECTORY, NULL), -ENOTDIR);
	assert_int_equal(walk("/a/none", 0, NULL), -ENOENT);
	assert_int_equal(walk("/a/none/..", 0, NULL), -ENOENT);
	assert_int_equal(walk("/a/none/", 0, NULL), -ENOENT);
	GONE("/a/b/f");
	RMDIR("/a/b/");
	RMDIR("/a");
}

static void test_links_are_followed(void)
{
	DIR("/d");
	DIR("/d/e");
	test_make_file("/d/e/f", "x", 0644);
	LINK("e", "/d/rel");
	LINK("/d/e/", "/d/abs");
	LINK("../d/rel/f", "/d/far");
	LINK("nothing", "/d/dangling");
	LINK("f/", "/d/e/slash");
	LINK("..", "/d/e/up");
	same_file("/d/rel/f", "/d/e/f");
	same_file("/d/abs/f", "/d/e/f");
	same_file("/d/far", "/d/e/f");
	same_file("/d/rel/up/rel/up/e/f", "/d/e/f");
	same_file("/d/rel/..", "/d");
	assert_int_not_equal(ino_of("/d/rel"), ino_of("/d/e")); /* the last one is not followed unless asked */
	assert_int_equal(ino_of("/d/rel/"), ino_of("/d/e"));    /* or there is a slash behind it */
	assert_int_equal(walk("/d/dangling", 0, NULL), 0);
	assert_int_equal(walk("/d/dangling", WALK_FOLLOW, NULL), -ENOENT);
	assert_int_equal(walk("/d/dangling/", 0, NULL), -ENOENT);
	assert_int_equal(walk("/d/e/slash", WALK_FOLLOW, NULL), -ENOTDIR);
	assert_int_equal(path_mkdir(AT_FDCWD, "/d/dangling", 0755), -EEXIST);
	assert_int_equal(path_rmdir(AT_FDCWD, "/d/rel"), -ENOTDIR);
	GONE("/d/rel");
	GONE("/d/abs");
	GONE("/d/far");
	GONE("/d/dangling");
	GONE("/d/e/slash");
	GONE("/d/e/up");
	GONE("/d/e/f");
	RMDIR("/d/e");
	RMDIR("/d");
}

static void test_loops_end(void)
{
	char name[16], target[16];

	LINK("self", "/self");
	LINK("pong", "/ping");
	LINK("ping", "/pong");
	assert_int_equal(walk("/self", WALK_FOLLOW, NULL), -ELOOP);
	assert_int_equal(walk("/self/x", 0, NULL), -ELOOP);
	assert_int_equal(walk("/ping", WALK_FOLLOW, NULL), -ELOOP);
	assert_int_equal(walk("/self", 0, NULL), 0);
	assert_int_equal(path_mkdir(AT_FDCWD, "/self/x", 0755), -ELOOP);
	test_make_file("/l0", "end", 0644);
	for (int i = 1; i <= 41; i++) { /* a chain of 40 is followed, one of 41 is not */
		snprintf(name, sizeof(name), "/l%d", i);
		snprintf(target, sizeof(target), "l%d", i - 1);
		LINK(target, name);
	}
	same_file("/l40", "/l0");
	assert_int_equal(walk("/l41", WALK_FOLLOW, NULL), -ELOOP);
	for (int i = 0; i <= 41; i++) {
		snprintf(name, sizeof(name), "/l%d", i);
		GONE(name);
	}
	GONE("/self");
	GONE("/ping");
	GONE("/pong");
}

static void test_long_names(void)
{
	static char name[PATH_MAX + 300];

	name[0] = '/';
	memset(name + 1, 'n', 255);
	DIR(name);
	same_file(name, name);
	RMDIR(name);
	name[256] = 'n';
	assert_int_equal(path_mkdir(AT_FDCWD, name, 0755), -ENAMETOOLONG);
	assert_int_equal(walk(name, 0, NULL), -ENAMETOOLONG);
	name[256] = '/';
	name[257] = 'x';
	assert_int_equal(walk(name, 0, NULL), -ENOENT);
	DIR("/deep");
	memset(name, 't', PATH_MAX - 1);
	name[PATH_MAX - 1] = '\0';
	assert_int_equal(path_symlink(name, AT_FDCWD, "/deep/t"), 0); /* the longest target */
	assert_int_equal(walk("/deep/t", WALK_FOLLOW, NULL), -ENAMETOOLONG);
	GONE("/deep/t");
	for (int i = 0; i < 3000; i += 2) /* "./././" ... and a link to it */
		memcpy(name + i, "./", 2);
	strcpy(name + 3000, "deep");
	LINK(name, "/long");
	same_file("/long", "/deep");
	GONE("/long");
	RMDIR("/deep");
}

static void look_around(void *unused)
{
	(void)unused;
	test_become(1000, 1000);
	assert_int_equal(walk("/locked", 0, NULL), 0);
	assert_int_equal(walk("/locked/in", 0, NULL), -EACCES);
	assert_int_equal(walk("/locked/none", 0, NULL), -EACCES);
	assert_int_equal(walk("/locked/..", 0, NULL), -EACCES);
	assert_int_equal(walk("/seen/f", 0, NULL), -EACCES);
	assert_int_equal(walk("/way", WALK_FOLLOW, NULL), -EACCES);
	assert_int_equal(path_mkdir(AT_FDCWD, "/mine", 0755), -EACCES);
	assert_int_equal(path_unlink(AT_FDCWD, "/way"), -EACCES);
	done++;
}

static void test_permissions_on_the_way(void)
{
	assert_int_equal(path_mkdir(AT_FDCWD, "/locked", 0700), 0);
	DIR("/locked/in");
	assert_int_equal(path_mkdir(AT_FDCWD, "/seen", 0744), 0);
	test_make_file("/seen/f", "x", 0600);
	LINK("/locked/in", "/way");
	done = 0;
	test_child(look_around, NULL);
	assert_int_equal(done, 1);
	GONE("/way");
	RMDIR("/locked/in");
	RMDIR("/locked");
	GONE("/seen/f");
	RMDIR("/seen");
}

static void try_to_remove(void *unused)
{
	struct file *f;

	(void)unused;
	test_become(1000, 1000);
	f = file_open(AT_FDCWD, "/secret", O_RDONLY, 0);
	assert_int_equal(PTR_ERR(f), -EACCES);
	assert_int_equal(path_unlink(AT_FDCWD, "/sticky/roots"), -EPERM);
	assert_int_equal(RENAME("/sticky/roots", "/sticky/other"), -EPERM);
	test_make_file("/sticky/mine", "x", 0666);
	GONE("/sticky/mine");
	done++;
}

static void test_permissions_are_the_owners(void)
{
	struct iattr a = { .valid = ATTR_MODE, .mode = 01777 };
	struct path p;

	test_make_file("/secret", "x", 0600);
	DIR("/sticky");
	assert_int_equal(path_lookup(AT_FDCWD, "/sticky", 0, &p), 0);
	assert_int_equal(inode_setattr(p.dentry->inode, &a, cred_current()), 0);
	path_put(&p);
	test_make_file("/sticky/roots", "x", 0666);
	done = 0;
	test_child(try_to_remove, NULL);
	assert_int_equal(done, 1);
	GONE("/secret");
	GONE("/sticky/roots");
	RMDIR("/sticky");
}

static int umount(const char *name)
{
	struct path p;
	int err = path_lookup(AT_FDCWD, name, 0, &p);

	if (err)
		return err;
	err = mount_umount(&p, 0);
	path_put(&p);
	return err;
}

static void test_mounts_are_crossed_both_ways(void)
{
	struct path p;
	char buf[64];

	DIR("/m");
	DIR("/m/under");
	assert_int_equal(path_lookup(AT_FDCWD, "/m", WALK_FOLLOW, &p), 0);
	assert_int_equal(mount_new("none", &p, "tmpfs", 0, NULL), 0);
	path_put(&p);
	assert_int_equal(walk("/m/under", 0, NULL), -ENOENT);
	DIR("/m/over");
	assert_int_equal(walk("/m/over/../../m/over", 0, NULL), 0);
	same_file("/m/over/../..", "/");
	same_file("/m/..", "/");
	assert_int_equal(path_rmdir(AT_FDCWD, "/m"), -EBUSY);
	assert_int_equal(RENAME("/m/over", "/over"), -EXDEV);
	assert_int_equal(path_link(AT_FDCWD, "/m", AT_FDCWD, "/m2", 0), -EXDEV);
	assert_int_equal(path_lookup(AT_FDCWD, "/m/over", 0, &p), 0);
	assert_string_equal(path_name(&p, &mount_root_path, buf, sizeof(buf), false), "/m/over");
	assert_int_equal(PTR_ERR(path_name(&p, &mount_root_path, buf, 7, false)), -ENAMETOOLONG);
	path_put(&p);
	assert_int_equal(path_lookup(AT_FDCWD, "/m", 0, &p), 0);
	assert_int_equal(umount("/m"), -EBUSY); /* p holds it */
	assert_int_equal(mount_remount(&p, MS_RDONLY | MS_REMOUNT, NULL), 0);
	assert_int_equal(path_mkdir(AT_FDCWD, "/m/x", 0755), -EROFS);
	assert_int_equal(path_mkdir(AT_FDCWD, "/m/over", 0755), -EEXIST);
	path_put(&p);
	assert_int_equal(umount("/m"), 0);
	assert_int_equal(walk("/m/over", 0, NULL), -ENOENT);
	RMDIR("/m/under");
	RMDIR("/m");
}

static void test_names_come_and_go(void)
{
	struct path p;

	DIR("/n");
	assert_int_equal(walk("/n/x", 0, NULL), -ENOENT); /* now known not to be there */
	test_make_file("/n/x", "1", 0644);
	assert_int_equal(walk("/n/x", 0, NULL), 0);
	assert_int_equal(path_lookup(AT_FDCWD, "/n/x", 0, &p), 0);
	GONE("/n/x");
	assert_int_equal(walk("/n/x", 0, NULL), -ENOENT);
	assert_true(dentry_deleted(p.dentry));
	test_make_file("/n/x", "2", 0644);
	assert_int_not_equal(ino_of("/n/x"), p.dentry->inode->ino);
	path_put(&p);
	dentry_shrink(0); /* whatever is forgotten is found again */
	assert_int_equal(walk("/n/x", 0, NULL), 0);
	assert_int_equal(path_link(AT_FDCWD, "/n/x", AT_FDCWD, "/n/y", 0), 0);
	same_file("/n/x", "/n/y");
	assert_int_equal(path_link(AT_FDCWD, "/n/x", AT_FDCWD, "/n/y", 0), -EEXIST);
	assert_int_equal(path_link(AT_FDCWD, "/n", AT_FDCWD, "/n/z", 0), -EPERM);
	assert_int_equal(path_rmdir(AT_FDCWD, "/n"), -ENOTEMPTY);
	assert_int_equal(path_rmdir(AT_FDCWD, "/n/x"), -ENOTDIR);
	assert_int_equal(path_unlink(AT_FDCWD, "/n"), -EISDIR);
	assert_int_equal(path_rmdir(AT_FDCWD, "/n/."), -EINVAL);
	assert_int_equal(path_rmdir(AT_FDCWD, "/n/.."), -ENOTEMPTY);
	assert_int_equal(path_rmdir(AT_FDCWD, "/"), -EBUSY);
	assert_int_equal(path_mkdir(AT_FDCWD, "/", 0755), -EEXIST);
	GONE("/n/x");
	GONE("/n/y");
	RMDIR("/n");
}

/* What a walk without the lock found counts only while nothing changed. */
static void test_changes_are_seen_by_walks_without_the_lock(void)
{
	struct dentry_view all, v, v2;
	struct path top, d;
	struct inode *i;
	uint32_t hash;

	assert_int_equal(path_mkdir(AT_FDCWD, "/peek", 0755), 0);
	assert_int_equal(path_lookup(AT_FDCWD, "/", 0, &top), 0);
	assert_int_equal(path_lookup(AT_FDCWD, "/peek", 0, &d), 0);
	hash = d.dentry->hash;
	i = d.dentry->inode;
	assert_true(dentry_view_begin(&all));
	assert_null(dentry_peek(top.dentry, "pee", 3, hash, &all, &v2));
	assert_null(dentry_peek(d.dentry, "peek", 4, hash, &all, &v2));
	assert_ptr_equal(dentry_peek(top.dentry, "peek", 4, hash, &all, &v), d.dentry);
	assert_true(dentry_view_holds(&v));
	spin_lock(&dentry_lock);
	dentry_change_begin();
	assert_false(dentry_view_begin(&(struct dentry_view){ 0 }));
	assert_null(dentry_peek(top.dentry, "peek", 4, hash, &v, &v2));
	dentry_change_end();
	spin_unlock(&dentry_lock);
	assert_true(dentry_view_begin(&all));
	assert_int_equal(mount_new("none", &d, "tmpfs", 0, NULL), 0);
	assert_false(dentry_view_holds(&all)); /* what was no mount point is one */
	assert_true(dentry_view_begin(&all));
	assert_true(mount_peek(&(struct path){ d.mnt, d.dentry }, &all));
	assert_false(mount_peek(&(struct path){ top.mnt, top.dentry }, &all));
	path_put(&d);
	assert_int_equal(path_lookup(AT_FDCWD, "/peek", 0, &d), 0);
	assert_ptr_not_equal(d.dentry->inode, i);
	assert_int_equal(mount_umount(&d, 0), 0);
	assert_false(dentry_view_holds(&all));
	path_put(&d);
	assert_true(dentry_view_begin(&all));
	assert_int_equal(path_rename(AT_FDCWD, "/peek", AT_FDCWD, "/poke", 0), 0);
	assert_false(dentry_view_holds(&all));
	path_put(&top);
}

/* An entry that leaves the cache ends the views of it, and of no others but those of its shard. */
static void test_a_name_that_goes_is_seen_by_who_looks_at_it(void)
{
	struct dentry_view v[64], all;
	struct path top, d;
	size_t hold = 0;
	char name[8];

	assert_int_equal(path_lookup(AT_FDCWD, "/", 0, &top), 0);
	for (size_t i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "/g%zu", i);
		assert_int_equal(path_mkdir(AT_FDCWD, name, 0755), 0);
		assert_int_equal(path_lookup(AT_FDCWD, name, 0, &d), 0);
		assert_true(dentry_view_begin(&all));
		assert_ptr_equal(dentry_peek(top.dentry, name + 1, strlen(name + 1), d.dentry->hash, &all, &v[i]), d.dentry);
		path_put(&d);
	}
	assert_true(dentry_view_begin(&all));
	assert_int_equal(path_rmdir(AT_FDCWD, "/g7"), 0);
	for (size_t i = 0; i < 64; i++)
		hold += dentry_view_holds(&v[i]);
	assert_false(dentry_view_holds(&v[7]));
	assert_true(hold > 32 && hold < 64);
	assert_true(dentry_view_holds(&all));
	for (size_t i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "/g%zu", i);
		assert_int_equal(path_rmdir(AT_FDCWD, name), i == 7 ? -ENOENT : 0);
	}
	path_put(&top);
}

static void test_rename(void)
{
	ino_t x, y;

	DIR("/r");
	DIR("/r/d");
	DIR("/r/d/e");
	test_make_file("/r/x", "x", 0644);
	test_make_file("/r/y", "y", 0644);
	x = ino_of("/r/x");
	y = ino_of("/r/y");
	assert_int_equal(RENAME("/r/x", "/r/x"), 0);
	assert_int_equal(RENAME("/r/x", "/r/d/z"), 0);
	assert_int_equal(walk("/r/x", 0, NULL), -ENOENT);
	assert_int_equal(ino_of("/r/d/z"), x);
	assert_int_equal(RENAME("/r/d/z", "/r/y"), 0); /* y's file is gone */
	assert_int_equal(ino_of("/r/y"), x);
	test_make_file("/r/w", "w", 0644);
	y = ino_of("/r/w");
	assert_int_equal(path_rename(AT_FDCWD, "/r/w", AT_FDCWD, "/r/y", 1), -EEXIST); /* RENAME_NOREPLACE */
	assert_int_equal(path_rename(AT_FDCWD, "/r/w", AT_FDCWD, "/r/y", 2), 0);       /* RENAME_EXCHANGE */
	assert_int_equal(ino_of("/r/y"), y);
	assert_int_equal(ino_of("/r/w"), x);
	assert_int_equal(path_rename(AT_FDCWD, "/r/w", AT_FDCWD, "/r/none", 2), -ENOENT);
	assert_int_equal(path_rename(AT_FDCWD, "/r/w", AT_FDCWD, "/r/y", 3), -EINVAL);
	assert_int_equal(RENAME("/r/d", "/r/d/e/f"), -EINVAL); /* into itself */
	assert_int_equal(RENAME("/r/d/e", "/r/d"), -ENOTEMPTY);
	assert_int_equal(RENAME("/r/y", "/r/d"), -EISDIR);
	assert_int_equal(RENAME("/r/d", "/r/y"), -ENOTDIR);
	assert_int_equal(RENAME("/r/y/", "/r/v"), -ENOTDIR);
	assert_int_equal(RENAME("/r/y", "/r/v/"), -ENOTDIR);
	assert_int_equal(RENAME("/r/none", "/r/v"), -ENOENT);
	assert_int_equal(RENAME("/r/.", "/r/v"), -EBUSY);
	assert_int_equal(RENAME("/r/d/e", "/r/moved"), 0);
	assert_int_equal(walk("/r/moved/..", 0, &y), 0);
	assert_int_equal(y, ino_of("/r"));
	DIR("/r/empty");
	assert_int_equal(RENAME("/r/moved", "/r/empty"), 0); /* an empty directory gives way */
	GONE("/r/y");
	GONE("/r/w");
	RMDIR("/r/empty");
	RMDIR("/r/d");
	RMDIR("/r");
}

static void test_every_failure_of_memory_is_survived(void)
{
	unsigned long inodes, names;
	int failures = 0;

	DIR("/o");
	test_make_file("/o/f", "x", 0644);
	LINK("f", "/o/a_name_that_does_not_fit_into_the_entry_itself");
	dentry_shrink(0);
	inodes = inode_live();
	names = dentry_live();
	for (long n = 1; n < 40; n++) {
		int err;

		dentry_shrink(0);
		atomic_set(&alloc_fail_after, n);
		err = walk("/o/a_name_that_does_not_fit_into_the_entry_itself", WALK_FOLLOW, NULL);
		if (!err)
			err = path_mkdir(AT_FDCWD, "/o/another_name_that_does_not_fit_into_the_entry", 0755);
		if (!err)
			err = path_symlink("target", AT_FDCWD, "/o/s");
		if (!err)
			err = RENAME("/o/s", "/o/a_third_name_that_does_not_fit_into_the_entry");
		atomic_set(&alloc_fail_after, 0);
		assert_true(err == 0 || err == -ENOMEM || err == -ENOSPC); /* Linux's tmpfs says ENOSPC when it gets no inode */
		failures += err != 0;
		path_rmdir(AT_FDCWD, "/o/another_name_that_does_not_fit_into_the_entry");
		path_unlink(AT_FDCWD, "/o/s");
		path_unlink(AT_FDCWD, "/o/a_third_name_that_does_not_fit_into_the_entry");
		dentry_shrink(0);
		assert_int_equal(inode_live(), inodes);
		assert_int_equal(dentry_live(), names);
	}
	assert_true(failures >= 4);
	GONE("/o/f");
	GONE("/o/a_name_that_does_not_fit_into_the_entry_itself");
	RMDIR("/o");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_dots_and_slashes), CASE(test_links_are_followed), CASE(test_loops_end), CASE(test_long_names),
		CASE(test_permissions_on_the_way), CASE(test_permissions_are_the_owners),
		CASE(test_names_come_and_go), CASE(test_rename), CASE(test_every_failure_of_memory_is_survived),
		CASE(test_mounts_are_crossed_both_ways), CASE(test_changes_are_seen_by_walks_without_the_lock),
		CASE(test_a_name_that_goes_is_seen_by_who_looks_at_it),
	};

	return cmocka_run_group_tests_name("path", tests, test_machine_start, NULL);
}
