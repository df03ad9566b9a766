/* SPDX-License-Identifier: MIT */
/* Memory of a process in /proc/PID, region by region. Who may open the files was looked at when they were opened. */
#include "fs/procmaps.h"
#include "fs/proclook.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "vfs/pagecache.h"
#include "vm/aspace.h"

#define NAME_COLUMN 49

static void print_region(struct text *t, const struct vma *v)
{
	const struct file *f = v->ops == &mapping_vm_ops ? v->object : NULL;
	const char *name = !f && v->name ? v->name : !f && !v->ops && v->flags & VMA_GROWSDOWN ? "[stack]" : NULL;
	uint64_t dev = f ? f->inode->sb->dev : 0, ino = f ? f->inode->ino : 0;
	size_t start = t->len;

	text_printf(t, "%08lx-%08lx %c%c%c%c %08llx %02x:%02x %llu ", v->start, v->end, v->flags & VMA_READ ? 'r' : '-', v->flags & VMA_WRITE ? 'w' : '-',
		    v->flags & VMA_EXEC ? 'x' : '-', v->flags & VMA_SHARED ? 's' : 'p', f ? (unsigned long long)v->pgoff << PAGE_SHIFT : 0ull, MAJOR(dev), MINOR(dev),
		    (unsigned long long)ino);
	while ((f || name) && !t->failed && t->len - start < NAME_COLUMN)
		text_add(t, " ", 1);
	if (f)
		proclook_path(t, &f->path);
	else if (name)
		text_printf(t, "%s", name);
	text_add(t, "\n", 1);
}

int procmaps_maps(struct text *t, struct process *p)
{
	int err = proclook_allowed(p); /* where things lie is half of an attack */
	struct aspace *as = err ? NULL : process_aspace_get(p);

	if (!as)
		return err;
	rwlock_read_lock(&as->lock);
	for (struct vma *v = vma_first(as); v; v = vma_next(v))
		print_region(t, v);
	rwlock_read_unlock(&as->lock);
	aspace_put(as);
	return 0;
}
