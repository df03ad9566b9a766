/* SPDX-License-Identifier: MIT */
/*
 * File pages: a mapping is an inode's pages by number. mmap maps them, read and write copy them. Also vm_ops for mapped files and what lies behind
 * MAP_SHARED|MAP_ANONYMOUS (an unlinked tmpfs file).
 */
#ifndef VFS_PAGECACHE_H
#define VFS_PAGECACHE_H

#include "mem/frame.h"
#include "vfs/file.h"

/* Seals of a file: numbers of fcntl(2). */
#define SEAL_SEAL 1u
#define SEAL_SHRINK 2u
#define SEAL_GROW 4u
#define SEAL_WRITE 8u
#define SEAL_FUTURE_WRITE 16u
#define SEAL_ALL 31u

struct mapping_ops {
	/* Fills a new page (not in the tree yet, or locked): zero for a hole. tmpfs: NULL, a missing page is a hole. */
	int (*read_page)(struct mapping *m, struct page *p);
	int (*write_page)(struct mapping *m, struct page *p);
	/* Takes (pages > 0) or gives back room; false: none left (-ENOSPC). mapping->lock held. */
	bool (*charge)(struct mapping *m, long pages);
};

struct mapping {
	struct inode *inode;       /* not counted: the inode owns the mapping */
	const struct mapping_ops *ops;
	struct spinlock lock;      /* LOCK_MAPPING: tree and counts */
	void *tree;                /* radix tree: page number -> page */
	unsigned height;
	unsigned long pages;
	unsigned seals;            /* SEAL_: changed under the inode's lock and map_lock, see vfs/seals */
	struct mutex map_lock;     /* LOCK_PAGE_CACHE: vmas */
	struct list vmas;          /* regions that map it (vma.link), for truncate */
};

void mapping_init(struct mapping *m, struct inode *i, const struct mapping_ops *ops);
void mapping_destroy(struct mapping *m); /* drops all pages */
/* Page with a reference; create: a zeroed one is added when missing. NULL / ERR_PTR(-ENOMEM). */
struct page *mapping_find(struct mapping *m, unsigned long index);
struct page *mapping_get_page(struct mapping *m, unsigned long index, bool create);
/* The same beyond the end of the file, for a write that will move the end (inode lock held). */
struct page *mapping_extend_page(struct mapping *m, unsigned long index);
/* Drops pages from first byte 'from' on; zeroes the rest of the partial page; unmaps them from all address spaces. */
void mapping_truncate(struct mapping *m, loff_t from);
/* Generic file operations over a mapping; inode lock is taken inside. */
ssize_t mapping_file_read(struct file *f, struct uio *u, loff_t *pos);
ssize_t mapping_file_write(struct file *f, struct uio *u, loff_t *pos);
int mapping_file_mmap(struct file *f, struct map_request *r);
long mapping_file_allocate(struct file *f, int mode, loff_t off, loff_t len);
extern const struct vm_ops mapping_vm_ops;
/* Punches a hole: whole pages go, the rest is zeroed. Inode lock held. */
void mapping_punch(struct mapping *m, loff_t from, loff_t to);
/* vm_shared_anon_hook: a nameless file of that size. */
int mapping_shared_anon(unsigned long bytes, const struct vm_ops **ops, void **object);
unsigned long pagecache_pages(void);

#endif
