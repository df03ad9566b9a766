/* SPDX-License-Identifier: MIT */
/*
 * Random histories of mounts: new ones, binds (with all below), moves, unmounts (at once or when unused), on top of, inside of and across each other,
 * while some places are held and memory runs out. After each step every place that has a name must be found by that name; what is told of success
 * must be seen; and when all is unmounted and let go, no mount, inode, name or frame may be left.
 *
 * SEED=n in the environment runs that one history; TRACE=1 prints its steps. HISTORIES=n says how many (6000).
 */
#include "lib/test/history.h"
#include "vfs/test/machine.h"

#define STEPS 60u
#define HELD 5u
#define DETACH 2

static struct path held[HELD];

static void say(const char *what, const char *a, const char *b, int err)
{
	atomic_set(&alloc_fail_after, 0);
	if (trace)
		fprintf(stderr, "%u: %s %s %s: %d\n", step, what, a, b, err);
	EXPECT(err <= 0 && err != -ENOSYS);
}

/* Below /w, the only place where this happens. */
static const char *random_name(char *buf)
{
	unsigned parts = rnd(5), depth = 0;

	strcpy(buf, "/w");
	while (parts--) {
		bool up = depth && !rnd(5);

		strcat(strcat(buf, "/"), up ? ".." : rnd(2) ? "a" : "b");
		depth += up ? -1u : 1;
	}
	return buf;
}

static unsigned mount_count;
static void count(struct mount *m, void *ctx)
{
	(void)ctx;
	EXPECT(!m->parent || m->point->mounted); /* its place knows of it */
	mount_count++;
}

static unsigned mounts_now(void)
{
	mount_count = 0;
	mount_each(count, NULL);
	return mount_count;
}

/* A place that is found has a name by which it is found again. */
static void check_place(const char *name)
{
	char buf[256], *full;
	struct path p, again;

	if (path_lookup(AT_FDCWD, name, 0, &p))
		return;
	full = path_name(&p, &mount_root_path, buf, sizeof(buf), false);
	EXPECT(!IS_ERR(full));
	EXPECT(path_lookup(AT_FDCWD, full, 0, &again) == 0);
	EXPECT(path_equal(&p, &again));
	path_put(&again);
	path_put(&p);
}

static int umount(const char *name, int flags)
{
	struct path p;
	int err = path_lookup(AT_FDCWD, name, 0, &p);

	if (err)
		return err;
	err = mount_umount(&p, flags);
	path_put(&p);
	return err;
}

static void do_mount(const char *to)
{
	unsigned before = mounts_now();
	struct path where;
	int err = path_lookup(AT_FDCWD, to, WALK_FOLLOW, &where);

	if (err)
		return;
	atomic_set(&alloc_fail_after, rnd(4) ? 0 : 1 + (long)rnd(6));
	err = mount_new("none", &where, "tmpfs", 0, NULL);
	say("mount", to, "", err);
	path_put(&where);
	EXPECT(mounts_now() == before + !err);
}

static void do_bind(const char *from, const char *to, bool recursive)
{
	unsigned before = mounts_now();
	struct path source, where;
	int err = path_lookup(AT_FDCWD, from, WALK_FOLLOW, &source);

	if (err)
		return;
	err = path_lookup(AT_FDCWD, to, WALK_FOLLOW, &where);
	if (!err) {
		if (recursive && before > 40)
			recursive = false; /* they double */
		atomic_set(&alloc_fail_after, rnd(4) ? 0 : 1 + (long)rnd(6));
		err = mount_bind(&source, &where, recursive);
		say(recursive ? "rbind" : "bind", from, to, err);
		EXPECT(err || mounts_now() > before);
		EXPECT(recursive || mounts_now() == before + !err);
		path_put(&where);
	}
	path_put(&source);
}

static void do_move(const char *from, const char *to)
{
	unsigned before = mounts_now();
	struct path source, where;
	int err = path_lookup(AT_FDCWD, from, WALK_FOLLOW, &source);

	if (err)
		return;
	err = path_lookup(AT_FDCWD, to, WALK_FOLLOW, &where);
	if (!err) {
		err = mount_move(&source, &where);
		say("move", from, to, err);
		EXPECT(err || (source.mnt->parent == where.mnt && source.mnt->point == where.dentry));
		path_put(&where);
	}
	path_put(&source);
	EXPECT(mounts_now() == before);
}

static void do_umount(const char *name, int flags)
{
	unsigned before = mounts_now();
	int err = umount(name, flags);

	say(flags ? "umount -l" : "umount", name, "", err);
	EXPECT(err ? mounts_now() == before : flags ? mounts_now() < before : mounts_now() == before - 1);
}

static void do_hold(const char *name)
{
	struct path *p = &held[rnd(HELD)];

	if (p->mnt)
		path_put(p);
	p->mnt = NULL;
	if (rnd(3) && path_lookup(AT_FDCWD, name, 0, p))
		p->mnt = NULL;
}

/* From a place that is held, also when its mount was taken off: walking around there does no harm. */
static void walk_from_held(void)
{
	const struct path *p = &held[rnd(HELD)];
	struct walk w = { .root = mount_root_path, .cred = cred_current() };
	static const char *const ways[] = { "..", "../..", "a/b", "../a/../b", "." };
	struct path out;

	if (!p->mnt)
		return;
	w.base = *p;
	if (!path_walk(&w, ways[rnd(5)], &out))
		path_put(&out);
	walk_done(&w);
}

static void one_step(void)
{
	unsigned kind = rnd(100);
	char buf[2][64];
	const char *a = random_name(buf[0]), *b = random_name(buf[1]);

	if (kind < 25)
		say("mkdir", a, "", path_mkdir(AT_FDCWD, a, 0755));
	else if (kind < 33)
		say("rmdir", a, "", path_rmdir(AT_FDCWD, a));
	else if (kind < 50 && mounts_now() < 100)
		do_mount(a);
	else if (kind < 65 && mounts_now() < 100)
		do_bind(a, b, rnd(2));
	else if (kind < 73)
		do_move(a, b);
	else if (kind < 85)
		do_umount(a, 0);
	else if (kind < 89)
		do_umount(a, DETACH);
	else
		do_hold(a);
	walk_from_held();
	check_place(a);
	check_place(b);
}

static void find_any(struct mount *m, void *out)
{
	struct path *p = out;

	if (!m->parent || p->mnt)
		return;
	*p = (struct path){ m, m->root };
	path_get(p);
}

static void remove_below(char *name, unsigned depth)
{
	size_t len = strlen(name);

	for (unsigned i = 0; depth && i < 2; i++) {
		strcat(name, i ? "/b" : "/a");
		remove_below(name, depth - 1);
		name[len] = '\0';
	}
	path_rmdir(AT_FDCWD, name);
}

static void clear(void)
{
	char name[64] = "/w";
	struct path p;

	for (unsigned i = 0; i < HELD; i++) {
		if (held[i].mnt)
			path_put(&held[i]);
		held[i].mnt = NULL;
	}
	for (;;) {
		p.mnt = NULL;
		mount_each(find_any, &p);
		if (!p.mnt)
			break;
		EXPECT(mount_umount(&p, DETACH) == 0);
		path_put(&p);
	}
	remove_below(name, 6);
	EXPECT(path_lookup(AT_FDCWD, "/w", 0, &p) == -ENOENT);
}

static void one_history(unsigned long n)
{
	history_begin(n);
	EXPECT(path_mkdir(AT_FDCWD, "/w", 0755) == 0);
	for (step = 0; step < STEPS; step++)
		one_step();
	clear();
	dentry_shrink(0);
}

static void test_histories_of_mounts(void)
{
	const char *one = getenv("SEED"), *many = getenv("HISTORIES");
	unsigned long mounts, inodes, names, frames, count = many ? strtoul(many, NULL, 0) : 6000;

	if (one) {
		one_history(strtoul(one, NULL, 0));
		return;
	}
	one_history(0);
	slab_reap();
	mounts = mounts_now();
	inodes = inode_live();
	names = dentry_live();
	frames = frame_free_count();
	for (unsigned long i = 1; i <= count; i++) {
		one_history(i);
		slab_reap();
		if (mounts_now() != mounts || inode_live() != inodes || dentry_live() != names || frame_free_count() != frames)
			wrong("something is left", __LINE__);
	}
	printf("%lu histories of %u steps; seeds 1 to %lu\n", count, STEPS, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = { CASE(test_histories_of_mounts) };

	return cmocka_run_group_tests_name("mounts", tests, test_machine_start, NULL);
}
