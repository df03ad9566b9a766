/* SPDX-License-Identifier: MIT */
/* The page of code is copied to one frame at its first use, which every program maps and nobody gives back. */
#include "proc/vdso.h"
#include "arch/vdso.h"
#include "core/spinlock.h"
#include "lib/string.h"
#include "mem/frame.h"

static struct spinlock lock = SPINLOCK_INIT(LOCK_LEAF);
static struct page *code; /* lock; holds one reference for ever */

static void object_nothing(void *object) { (void)object; }

static int code_fault(struct vma *v, unsigned long pgoff, bool write, struct page **out)
{
	(void)v, (void)write;
	if (pgoff)
		return -EFAULT;
	page_get(code);
	*out = code;
	return 0;
}

static const struct vm_ops code_ops = { .get = object_nothing, .put = object_nothing, .fault = code_fault };

static struct page *make(void)
{
	size_t bytes;
	const void *image = arch_vdso_image(&bytes);
	struct page *p = image && bytes <= PAGE_SIZE ? frame_alloc(0, PAGE_KERNEL, FRAME_DIRECT | FRAME_ZERO) : NULL;

	if (p)
		memcpy(arch_direct(page_phys(p)), image, bytes);
	return p;
}

bool vdso_vm_ops(struct map_request *r)
{
	struct page *p = READ_ONCE(code) ? NULL : make();

	spin_lock(&lock);
	if (p && !code) {
		code = p;
		p = NULL;
	}
	spin_unlock(&lock);
	if (p)
		frame_free(p);
	r->ops = &code_ops;
	return code != NULL;
}
