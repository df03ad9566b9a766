/* SPDX-License-Identifier: MIT */
/*
 * Random histories of names in a tmpfs against a model of directories: every call must end as the model says, with Linux's errors, and leave the
 * names, kinds, link counts and listings that the model has. Memory runs out at random allocations: then nothing may have changed. At the end of a
 * history all is removed, and no inode or name may be left.
 *
 * SEED=n in the environment runs that one history; TRACE=1 prints its steps. HISTORIES=n says how many (6000).
 */
#include "lib/bits.h"
#include "lib/test/history.h"
#include "vfs/test/machine.h"

#define NAMES 5u
#define NODES 400u
#define STEPS 120u
#define DEPTH 4u
#define HELD 4u
#define NOREPLACE 1u
#define EXCHANGE 2u

enum kind { NONE, DIR, REG, LNK };

struct node {
	enum kind kind;
	unsigned links;              /* names that lead to it */
	ino_t ino;
	struct node *entries[NAMES]; /* of a directory */
	struct node *parent;
};

struct name { unsigned parts[DEPTH], count; char text[256]; };

static const char *const names[NAMES] = { "a", "b", "c", "name_that_is_longer_than_what_the_entry_holds_itself", "e" };
static struct node nodes[NODES];
static unsigned node_count;
static struct path held[HELD]; /* references to whatever was there once */
static bool injected; /* an allocation of this step is to fail */

/* ---- the model ---- */

static struct node *node_new(enum kind kind, struct node *parent)
{
	struct node *n = &nodes[node_count++];

	EXPECT(node_count < NODES);
	*n = (struct node){ .kind = kind, .links = 1, .parent = parent };
	return n;
}

/* Mostly along what is there: where a directory has entries, one of them; the last part is anything. */
static void random_name(struct name *n)
{
	const struct node *at = &nodes[0];

	n->count = 1 + rnd(DEPTH);
	n->text[0] = '\0';
	for (unsigned i = 0; i < n->count; i++) {
		unsigned k = rnd(NAMES);

		for (unsigned t = 0; t < NAMES && at && rnd(8) && !(at->entries[k] && (i + 1 == n->count || at->entries[k]->kind == DIR)); t++)
			k = (k + 1) % NAMES;
		if (i + 1 < n->count && i && at && (!at->entries[k] || at->entries[k]->kind != DIR) && rnd(8))
			n->count = i + 1;
		n->parts[i] = k;
		at = at ? at->entries[k] : NULL;
		strcat(n->text, rnd(10) ? "/" : "//./");
		strcat(n->text, names[k]);
	}
}

static unsigned last_of(const struct name *n) { return n->parts[n->count - 1]; }

/* The directory that the last component is in, or the error of the walk there. */
static int model_parent(const struct name *n, struct node **out)
{
	struct node *at = &nodes[0];

	for (unsigned i = 0; i + 1 < n->count; i++) {
		if (at->kind != DIR)
			return -ENOTDIR;
		at = at->entries[n->parts[i]];
		if (!at || at->kind == LNK) /* links lead nowhere */
			return -ENOENT;
	}
	if (at->kind != DIR)
		return -ENOTDIR;
	*out = at;
	return 0;
}

static bool is_empty(const struct node *d)
{
	for (unsigned i = 0; i < NAMES; i++)
		if (d->entries[i])
			return false;
	return true;
}

static bool is_above(const struct node *a, const struct node *of)
{
	for (; of; of = of->parent)
		if (of == a)
			return true;
	return false;
}

static unsigned subdirs(const struct node *d)
{
	unsigned n = 0;

	for (unsigned i = 0; i < NAMES; i++)
		n += d->entries[i] && d->entries[i]->kind == DIR;
	return n;
}

static int model_rename(struct node *od, unsigned on, struct node *nd, unsigned nn, unsigned flags)
{
	struct node *o = od->entries[on], *n = nd->entries[nn];

	if (!o)
		return -ENOENT;
	if (flags & NOREPLACE && n)
		return -EEXIST;
	if (flags & EXCHANGE && !n)
		return -ENOENT;
	if (is_above(o, nd))
		return -EINVAL;
	if (n && is_above(n, od))
		return flags & EXCHANGE ? -EINVAL : -ENOTEMPTY;
	if (o == n)
		return 0;
	if (n && !(flags & EXCHANGE)) {
		if (o->kind == DIR && n->kind != DIR)
			return -ENOTDIR;
		if (o->kind != DIR && n->kind == DIR)
			return -EISDIR;
		if (n->kind == DIR && !is_empty(n))
			return -ENOTEMPTY;
		n->links--;
	}
	nd->entries[nn] = o;
	od->entries[on] = flags & EXCHANGE ? n : NULL;
	if (o->kind == DIR)
		o->parent = nd;
	if (flags & EXCHANGE && n->kind == DIR)
		n->parent = od;
	return 0;
}

/* ---- comparing ---- */

static ino_t real_ino(const char *name)
{
	struct path p;
	ino_t ino;

	EXPECT(path_lookup(AT_FDCWD, name, 0, &p) == 0);
	ino = p.dentry->inode->ino;
	path_put(&p);
	return ino;
}

/* The name itself, looked up without following, must be what the model has there. */
static void check_name(const struct name *n)
{
	struct node *dir, *want;
	struct path p;
	int err = model_parent(n, &dir), got = path_lookup(AT_FDCWD, n->text, 0, &p);
	const struct inode *i;

	want = err ? NULL : dir->entries[last_of(n)];
	if (!err && !want)
		err = -ENOENT;
	EXPECT(got == err);
	if (got)
		return;
	i = p.dentry->inode;
	EXPECT(i->ino == want->ino);
	EXPECT((want->kind == DIR) == S_ISDIR(i->mode) && (want->kind == LNK) == S_ISLNK(i->mode));
	EXPECT(i->nlink == (want->kind == DIR ? 2 + subdirs(want) : want->links));
	EXPECT(p.dentry->hashed && !dentry_deleted(p.dentry));
	path_put(&p);
}

struct listing { struct dir_sink sink; const struct node *dir; unsigned seen, dots; };

static bool emit(struct dir_sink *s, const char *name, size_t len, ino_t ino, unsigned type, loff_t next)
{
	struct listing *l = container_of(s, struct listing, sink);

	(void)next, (void)type;
	if (name[0] == '.') {
		l->dots++;
		return true;
	}
	for (unsigned i = 0; i < NAMES; i++) {
		if (strlen(names[i]) != len || memcmp(names[i], name, len))
			continue;
		EXPECT(l->dir->entries[i] && l->dir->entries[i]->ino == ino);
		EXPECT(!(l->seen & 1u << i));
		l->seen |= 1u << i;
		return true;
	}
	EXPECT(!"a name that nobody made");
	return false;
}

static void check_listing(const struct node *d, const char *name)
{
	struct listing l = { .sink = { emit }, .dir = d };
	struct file *f = file_open(AT_FDCWD, name, O_RDONLY | O_DIRECTORY, 0);

	EXPECT(!IS_ERR(f));
	EXPECT(f->ops->iterate(f, &l.sink) >= 0);
	file_put(f);
	EXPECT(l.dots == 2);
	for (unsigned i = 0; i < NAMES; i++)
		EXPECT(!!(l.seen & 1u << i) == !!d->entries[i]);
}

static void check_tree(const struct node *d, char *name)
{
	size_t len = strlen(name);

	check_listing(d, len ? name : "/");
	for (unsigned i = 0; i < NAMES; i++) {
		if (!d->entries[i])
			continue;
		strcat(strcat(name, "/"), names[i]);
		EXPECT(real_ino(name) == d->entries[i]->ino);
		if (d->entries[i]->kind == DIR)
			check_tree(d->entries[i], name);
		name[len] = '\0';
	}
}

/* ---- steps ---- */

/* The allocation that was to fail did, and the call says so. */
static bool starved(int err) { return injected && atomic_read(&alloc_fail_after) == 0 && (err == -ENOMEM || err == -ENOSPC); }

/* The call's result against the model's. True: it was done. */
static bool agreed(const char *what, const char *a, const char *b, int got, int want)
{
	bool hungry = starved(got);

	atomic_set(&alloc_fail_after, 0);
	SAY("%u: %s %s %s: %d\n", step, what, a, b, got);
	if (hungry)
		return false;
	if (got != want)
		fprintf(stderr, "%s %s %s: %d, the model says %d\n", what, a, b, got, want);
	EXPECT(got == want);
	return got == 0;
}

static int make(enum kind kind, const char *name)
{
	struct file *f;

	if (kind == DIR)
		return path_mkdir(AT_FDCWD, name, 0755);
	if (kind == LNK)
		return path_symlink("/no/where", AT_FDCWD, name);
	f = file_open(AT_FDCWD, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	file_put(f);
	return 0;
}

static void do_make(const struct name *n)
{
	enum kind kind = (enum kind)(1 + rnd(3));
	struct node *dir = NULL;
	int want = model_parent(n, &dir), got;

	if (!want && dir->entries[last_of(n)])
		want = -EEXIST;
	got = make(kind, n->text);
	/* out of memory after the name was made: open(2) may leave the file */
	if (kind == REG && !want && starved(got)) {
		atomic_set(&alloc_fail_after, 0);
		path_unlink(AT_FDCWD, n->text);
		return;
	}
	if (!agreed(kind == DIR ? "mkdir" : kind == REG ? "create" : "symlink", n->text, "", got, want))
		return;
	dir->entries[last_of(n)] = node_new(kind, dir);
	dir->entries[last_of(n)]->ino = real_ino(n->text);
}

static void do_remove(const struct name *n, bool directory)
{
	struct node *dir = NULL, *victim;
	int want = model_parent(n, &dir), got;

	victim = want ? NULL : dir->entries[last_of(n)];
	if (!want)
		want = !victim ? -ENOENT : directory && victim->kind != DIR ? -ENOTDIR : !directory && victim->kind == DIR ? -EISDIR
		       : directory && !is_empty(victim) ? -ENOTEMPTY : 0;
	got = directory ? path_rmdir(AT_FDCWD, n->text) : path_unlink(AT_FDCWD, n->text);
	if (!agreed(directory ? "rmdir" : "unlink", n->text, "", got, want))
		return;
	victim->links--;
	dir->entries[last_of(n)] = NULL;
}

static void do_link(const struct name *from, const struct name *to)
{
	struct node *od = NULL, *nd = NULL, *o = NULL;
	int want = model_parent(from, &od), got;

	if (!want && !(o = od->entries[last_of(from)]))
		want = -ENOENT;
	if (!want)
		want = model_parent(to, &nd);
	if (!want)
		want = nd->entries[last_of(to)] ? -EEXIST : o->kind == DIR ? -EPERM : 0;
	got = path_link(AT_FDCWD, from->text, AT_FDCWD, to->text, 0);
	if (!agreed("link", from->text, to->text, got, want))
		return;
	nd->entries[last_of(to)] = o;
	o->links++;
}

static void do_rename(const struct name *from, const struct name *to)
{
	static const unsigned kinds[] = { 0, 0, 0, NOREPLACE, EXCHANGE };
	static struct node before[NODES];
	unsigned flags = kinds[rnd(ARRAY_SIZE(kinds))];
	struct node *od = NULL, *nd = NULL;
	int want = model_parent(from, &od), got;

	if (!want)
		want = model_parent(to, &nd);
	memcpy(before, nodes, sizeof(nodes));
	if (!want)
		want = model_rename(od, last_of(from), nd, last_of(to), flags);
	got = path_rename(AT_FDCWD, from->text, AT_FDCWD, to->text, flags);
	if (!agreed(flags == EXCHANGE ? "exchange" : flags ? "rename (new)" : "rename", from->text, to->text, got, want))
		memcpy(nodes, before, sizeof(nodes));
}

/* Somebody keeps a directory or file in use, whatever happens to its names. */
static void do_hold(const struct name *n)
{
	struct path *p = &held[rnd(HELD)];

	atomic_set(&alloc_fail_after, 0);
	if (p->mnt)
		path_put(p);
	p->mnt = NULL;
	if (rnd(2) && path_lookup(AT_FDCWD, n->text, 0, p))
		p->mnt = NULL;
}

static void one_step(void)
{
	unsigned kind = rnd(100);
	struct name a, b;

	random_name(&a);
	random_name(&b);
	if (!rnd(10))
		dentry_shrink(rnd(2) ? 0 : 3);
	injected = !rnd(6);
	atomic_set(&alloc_fail_after, injected ? 1 + (long)rnd(8) : 0);
	if (kind < 40)
		do_make(&a);
	else if (kind < 50)
		do_remove(&a, false);
	else if (kind < 58)
		do_remove(&a, true);
	else if (kind < 66)
		do_link(&a, &b);
	else if (kind < 92)
		do_rename(&a, &b);
	else
		do_hold(&a);
	atomic_set(&alloc_fail_after, 0);
	check_name(&a);
	check_name(&b);
}

static void remove_all(struct node *d, char *name)
{
	size_t len = strlen(name);

	for (unsigned i = 0; i < NAMES; i++) {
		if (!d->entries[i])
			continue;
		strcat(strcat(name, "/"), names[i]);
		if (d->entries[i]->kind == DIR)
			remove_all(d->entries[i], name);
		EXPECT((d->entries[i]->kind == DIR ? path_rmdir(AT_FDCWD, name) : path_unlink(AT_FDCWD, name)) == 0);
		name[len] = '\0';
	}
}

static void one_history(unsigned long n)
{
	static char name[8192];

	history_begin(n);
	node_count = 0;
	node_new(DIR, NULL);
	for (step = 0; step < STEPS; step++) {
		one_step();
		if (step % 16 == 15)
			check_tree(&nodes[0], name);
	}
	remove_all(&nodes[0], name);
	for (unsigned i = 0; i < HELD; i++) {
		if (held[i].mnt)
			path_put(&held[i]);
		held[i].mnt = NULL;
	}
}

static void test_histories_of_names(void)
{
	const char *one = getenv("SEED"), *many = getenv("HISTORIES");
	unsigned long count = many ? strtoul(many, NULL, 0) : 6000, inodes, entries;

	if (one) {
		one_history(strtoul(one, NULL, 0));
		return;
	}
	dentry_shrink(0);
	inodes = inode_live();
	entries = dentry_live();
	for (unsigned long i = 1; i <= count; i++) {
		one_history(i);
		dentry_shrink(0);
		if (inode_live() != inodes || dentry_live() != entries)
			wrong("inodes or names are left", __LINE__);
	}
	printf("%lu histories of %u steps; seeds 1 to %lu\n", count, STEPS, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = { CASE(test_histories_of_names) };

	return cmocka_run_group_tests_name("names", tests, test_machine_start, NULL);
}
