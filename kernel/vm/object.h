/* SPDX-License-Identifier: MIT */
/*
 * What backs a mapping. The operations come from above (vfs/pagecache, dev/memdev); anonymous memory has ops == NULL and object == NULL
 * (MAP_SHARED|MAP_ANONYMOUS is backed by an unlinked tmpfs-like object through vm_shared_anon_hook).
 */
#ifndef VM_OBJECT_H
#define VM_OBJECT_H

#include "lib/types.h"

struct vma;
struct page;

struct vm_ops {
	/* One more / one less region refers to object (fork, split / unmap). May sleep; get cannot fail. */
	void (*get)(void *object);
	void (*put)(void *object);
	/*
	 * The page at pgoff of the object, with a reference for the caller. write: it will be written through a shared mapping.
	 * 0, -ENOMEM, -EFAULT: beyond the end (SIGBUS), -EINTR: killed while waiting. May sleep; called with the address space's lock held for reading.
	 */
	int (*fault)(struct vma *v, unsigned long pgoff, bool write, struct page **out);
	/*
	 * The region comes to refer to / ceases to refer to pages of the object: lets truncate find it (vma_zap). Called with aspace->lock held for
	 * writing. May sleep. New regions go to the end of the list and zapping begins at its start: so a child's region is zapped after its
	 * parent's, whose entries fork may just be handing on.
	 */
	void (*link)(struct vma *v);
	void (*unlink)(struct vma *v);
	/* The lock that link and unlink take, and that is held while zapping: the bounds of a linked region change under it. NULL: none. */
	void (*link_lock)(void *object);
	void (*link_unlock)(void *object);
	/* Does the page still belong to the object? Asked with as->pt_lock held, right before it is mapped. */
	bool (*current_page)(void *object, struct page *p);
	/* An up-to-date page that is in memory, with a reference, or NULL; does not sleep. May be NULL. */
	struct page *(*peek)(void *object, unsigned long pgoff);
	/* Makes a hole of pages of the object (MADV_REMOVE); may sleep, no locks held. NULL: it has none. */
	int (*remove)(void *object, unsigned long pgoff, unsigned long pages);
	/* For /proc/PID/maps: writes the name into buf, and device and inode. NULL: no name. */
	void (*describe)(const struct vma *v, char *buf, size_t cap, uint64_t *dev, uint64_t *ino);
};

/* Set by vfs/pagecache: makes the object behind a shared anonymous mapping of so many bytes. -ENOMEM. */
extern int (*vm_shared_anon_hook)(unsigned long bytes, const struct vm_ops **ops, void **object);

#endif
