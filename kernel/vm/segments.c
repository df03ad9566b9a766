/* SPDX-License-Identifier: MIT */
#include "vm/segments.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "vm/space.h"
#include "vm/tlb.h"
#include "vm/usercopy.h"

#define TABLE_MAX (8192ul * 8)

long segments_read(uaddr_t to, unsigned long bytes)
{
	struct aspace *as = thread_current()->aspace;
	size_t have, want = MIN(bytes, TABLE_MAX);
	void *copy = kmalloc(want, 0);
	long err;

	if (!copy)
		return -ENOMEM;
	rwlock_read_lock(&as->lock);
	have = arch_space_segments(&as->arch, copy, want);
	rwlock_read_unlock(&as->lock);
	memset((char *)copy + have, 0, want - have);
	err = have && user_write(to, copy, want) ? -EFAULT : 0;
	kfree(copy);
	return err ? err : have ? (long)want : 0;
}

long segments_write(uaddr_t from, unsigned long bytes, bool old_meaning)
{
	struct aspace *as = thread_current()->aspace;
	unsigned char desc[ARCH_SEGMENT_DESC_BYTES];
	struct arch_space replaced = { 0 };
	long err;

	if (bytes != sizeof(desc))
		return -EINVAL;
	if (user_read(desc, from, sizeof(desc)))
		return -EFAULT;
	err = rwlock_write_lock_killable(&as->lock);
	if (err)
		return err;
	err = arch_space_set_segment(&as->arch, desc, old_meaning, &replaced);
	if (!err)
		tlb_reload_arch(as);
	rwlock_write_unlock(&as->lock);
	arch_space_free(&replaced);
	return err;
}
