/* SPDX-License-Identifier: MIT */
/*
 * Inodes and super blocks. An inode is counted; i_nlink is what the file system says. inode->lock (sleeping, LOCK_INODE) protects contents of
 * directories and the attributes; parents are locked before children, and two of the same rank in address order.
 */
#ifndef VFS_INODE_H
#define VFS_INODE_H

#include "lib/atomic.h"
#include "lib/list.h"
#include "lib/refcount.h"
#include "sched/rwlock.h"
#include "task/cred.h"

#define S_IFMT 0170000u
#define S_IFSOCK 0140000u
#define S_IFLNK 0120000u
#define S_IFREG 0100000u
#define S_IFBLK 0060000u
#define S_IFDIR 0040000u
#define S_IFCHR 0020000u
#define S_IFIFO 0010000u
#define S_ISUID 04000u
#define S_ISGID 02000u
#define S_ISVTX 01000u
#define S_ISREG(m) (((m) & S_IFMT) == S_IFREG)
#define S_ISDIR(m) (((m) & S_IFMT) == S_IFDIR)
#define S_ISLNK(m) (((m) & S_IFMT) == S_IFLNK)
#define S_ISCHR(m) (((m) & S_IFMT) == S_IFCHR)
#define S_ISBLK(m) (((m) & S_IFMT) == S_IFBLK)
#define S_ISFIFO(m) (((m) & S_IFMT) == S_IFIFO)
#define S_ISSOCK(m) (((m) & S_IFMT) == S_IFSOCK)

#define MAY_EXEC 1
#define MAY_WRITE 2
#define MAY_READ 4

#define MKDEV(ma, mi) ((dev_t)(ma) << 20 | (mi)) /* kernel form; user forms in abi/convert */
#define MAJOR(d) ((unsigned)((d) >> 20))
#define MINOR(d) ((unsigned)((d) & 0xfffff))

struct inode;
struct dentry;
struct file;
struct file_ops;
struct mapping;
struct path;
struct super;
struct uio;

struct timespec64 { int64_t sec; uint32_t nsec; };
static inline bool timespec64_after(const struct timespec64 *a, const struct timespec64 *b)
{
	return a->sec != b->sec ? a->sec > b->sec : a->nsec > b->nsec;
}

struct statfs_info { uint32_t type; uint64_t blocks, bfree, bavail, files, ffree; uint32_t bsize, namelen, frsize, flags; };

#define OPTIONS_MAX 128 /* bytes of options, as text */
struct super_ops {
	void (*inode_free)(struct inode *i);                 /* last reference; frees the fs's part and the inode */
	int (*statfs)(struct super *sb, struct statfs_info *out);
	int (*remount)(struct super *sb, const char *data);           /* MS_REMOUNT with other options, one at a time; NULL: they change nothing */
	size_t (*options)(struct super *sb, char *buf, size_t cap);   /* as /proc/mounts tells them, each after a comma; cap: OPTIONS_MAX. NULL: none */
	void (*super_free)(struct super *sb);
	/*
	 * The last mount is gone and its cached names with it: gives up the tree (all entries and sb->root), so that the inodes can go. NULL: the
	 * super block stays for ever (procfs, devtmpfs).
	 */
	void (*super_kill)(struct super *sb);
};

struct super {
	refcount_t refs;               /* mounts + inodes */
	const struct super_ops *ops;
	const char *fstype;            /* "tmpfs" */
	dev_t dev;                     /* st_dev */
	struct inode *root;            /* owned */
	struct dentry *root_dentry;    /* made by the first mount; owned; mount lock */
	unsigned mounts;               /* LOCK_DENTRY */
	unsigned long flags;           /* MS_RDONLY ... */
	void *data;
	bool revalidate;               /* names may change behind the cache: unused ones are not kept, others are asked for by inode_ops->revalidate */
};

#define ATTR_MODE 1u
#define ATTR_UID 2u
#define ATTR_GID 4u
#define ATTR_SIZE 8u
#define ATTR_ATIME 16u
#define ATTR_MTIME 32u
#define ATTR_CTIME 64u
#define ATTR_TIMES_NOW 128u /* the times asked for are "now": write permission is enough */

struct iattr {
	unsigned valid; /* ATTR_ */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	loff_t size;
	struct timespec64 atime, mtime, ctime;
};

#define RENAME_NOREPLACE 1u
#define RENAME_EXCHANGE 2u
#define RENAME_WHITEOUT 4u /* the old name stays, as a device 0 */

/*
 * Called with the directory's lock held for writing (lookup: reading). Names are (pointer, length), without '/' or NUL, never "." or "..",
 * at most 255 bytes. New inodes come back with a reference. dir is never stale: the path room checks permissions beforehand.
 */
struct inode_ops {
	int (*lookup)(struct inode *dir, const char *name, size_t len, struct inode **out); /* -ENOENT: a negative entry may be cached */
	int (*create)(struct inode *dir, const char *name, size_t len, mode_t mode, struct inode **out); /* mode with type: REG, FIFO, SOCK */
	int (*mknod)(struct inode *dir, const char *name, size_t len, mode_t mode, dev_t dev, struct inode **out);
	int (*mkdir)(struct inode *dir, const char *name, size_t len, mode_t mode, struct inode **out);
	int (*symlink)(struct inode *dir, const char *name, size_t len, const char *target, struct inode **out);
	int (*link)(struct inode *dir, const char *name, size_t len, struct inode *target);
	int (*unlink)(struct inode *dir, const char *name, size_t len, struct inode *victim);
	int (*rmdir)(struct inode *dir, const char *name, size_t len, struct inode *victim);
	/* victim: what the new name refers to now, or NULL. flags: RENAME_ of renameat2(2). All four locked as needed. */
	int (*rename)(struct inode *odir, const char *on, size_t ol, struct inode *ndir, const char *nn, size_t nl, struct inode *moved, struct inode *victim, unsigned flags);
	/* Target of a symbolic link into buf (not terminated): its length, truncated to cap. May sleep. */
	ssize_t (*readlink)(struct inode *i, char *buf, size_t cap);
	/* Magic links (/proc/PID/exe, fd): jumps straight to a path (with references). NULL: use readlink. */
	int (*follow)(struct inode *i, struct path *out);
	int (*setattr)(struct inode *i, const struct iattr *a);    /* checked already; NULL: generic */
	int (*getattr)(struct inode *i);                           /* refreshes the fields before a stat; may be NULL */
	bool (*revalidate)(struct inode *dir, const char *name, size_t len, struct inode *i); /* false: drop the cached name */
	int (*tmpfile)(struct inode *dir, mode_t mode, struct inode **out);
	int (*permission)(struct inode *i, int mask, const struct cred *c); /* NULL: generic */
	bool keeps_xattrs; /* vfs/xattr; the file system calls xattr_free with the inode */
};

struct inode {
	refcount_t refs;
	struct super *sb;
	ino_t ino;
	const struct inode_ops *ops;
	const struct file_ops *fops;  /* for open; devices and fifos are replaced by inode_open */
	struct rwlock lock;           /* LOCK_INODE */
	/* lock */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	unsigned nlink;
	dev_t rdev;
	uint32_t size_seq;            /* odd while size changes */
	loff_t size;                  /* read with inode_size() unless the lock is held, set with inode_set_size() */
	uint64_t blocks;              /* 512-byte units */
	struct timespec64 atime, mtime, ctime, btime;
	/* own rules */
	bool linkable;                /* made by O_TMPFILE: may get a name though it has none; lock */
	uint8_t write_hint;           /* how long what is written will live (F_SET_RW_HINT): kept; any value will do */
	int writers;                  /* open for writing (> 0), or programs that run (< 0); atomic, see vfs/file */
	struct mapping *mapping;      /* page cache; NULL: none */
	void *pipe;                   /* FIFO: vfs/pipe, while open */
	void *flocks;                 /* struct lockset of vfs/flock, while there are locks */
	struct watch *watches;        /* vfs/notify: who wants to know what happens to it; its lock */
	struct xattr *xattrs;         /* vfs/xattr; lock */
	void *data;                   /* the file system's */
};

/* Initialises a zeroed inode: refs 1, a super reference, times now. */
void inode_init(struct inode *i, struct super *sb, ino_t ino, mode_t mode);
static inline void inode_get(struct inode *i) { refcount_get(&i->refs); }
void inode_put(struct inode *i);
loff_t inode_size(const struct inode *i); /* not torn on 32 bits */
void inode_set_size(struct inode *i, loff_t size); /* lock held for writing */
/* Owner of a new inode in dir: the caller, or the group of a set-gid directory. */
void inode_init_owner(struct inode *i, const struct inode *dir);
/* Applies checked attributes other than the size: what a file system's setattr ends with. Lock held. */
void inode_copy_attr(struct inode *i, const struct iattr *a);
/* May the file be changed as its owner may? */
bool inode_owner_or_capable(const struct inode *i, const struct cred *c);
/* 0, -EACCES (or -EROFS for MAY_WRITE on a read-only mount is the caller's). Uses fsuid/fsgid, groups, CAP_DAC_*. */
int inode_permission(struct inode *i, int mask, const struct cred *c);
struct timespec64 inode_now(void);
void inode_touch(struct inode *i, unsigned attr_times); /* ATTR_ATIME|MTIME|CTIME := now */
/* Checks and applies chmod/chown/utimes/truncate requests as setattr(2)-family rules say (EPERM, suid bits dropped). Takes the lock. */
int inode_setattr(struct inode *i, struct iattr *a, const struct cred *c);
unsigned long inode_live(void); /* for the leak checks */

/* File-system types, by name. mount: builds a super with root; data: option string or NULL. */
struct fs_type {
	struct list link;
	const char *name;
	bool nodev;
	int (*mount)(const char *source, unsigned long flags, const char *data, struct super **out);
};
void fs_register(struct fs_type *t);
struct fs_type *fs_find(const char *name);
void fs_each(void (*fn)(struct fs_type *t, void *ctx), void *ctx);
dev_t super_alloc_dev(void); /* anonymous device number */
void super_put(struct super *sb);

#endif
