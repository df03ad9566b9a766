/* SPDX-License-Identifier: MIT */
/* openat2(2): open with rules for how the name is looked up, which refuses every flag that it does not know. */
#include "abi/convert.h"
#include "abi/newfd.h"
#include "arch/mmu.h"
#include "lib/errno.h"
#include "syscall_protos.h"
#include "vfs/file.h"
#include "vfs/path.h"

#define TMPFILE_BIT 020000000
#define FLAGS_KNOWN (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY \
	| O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | TMPFILE_BIT)
#define FLAGS_WITH_PATH (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)
#define FLAG_SILENT 0x4000000u /* the kernel's own on Linux, which takes it from nobody and says nothing */

struct u_open_how { uint64_t flags, mode, resolve; };

/* What Linux refuses: in its order, as errors differ. */
static long check(const struct u_open_how *h)
{
	uint64_t flags = h->flags & ~(uint64_t)FLAG_SILENT, rules = h->resolve << WALK_RULES_SHIFT;
	int err;

	if (flags & ~(uint64_t)FLAGS_KNOWN || h->resolve > WALK_RULES >> WALK_RULES_SHIFT || (rules & WALK_SCOPED) == WALK_SCOPED)
		return -EINVAL;
	if (h->mode & ~(uint64_t)(flags & (O_CREAT | TMPFILE_BIT) ? 07777 : 0))
		return -EINVAL;
	if (flags & O_PATH && flags & ~(uint64_t)FLAGS_WITH_PATH)
		return -EINVAL;
	err = file_check_flags((int)flags);
	if (!err && rules & WALK_CACHED && flags & (O_CREAT | O_TRUNC | TMPFILE_BIT))
		err = -EAGAIN;
	return err;
}

long sys_openat2(int dirfd, uaddr_t path, uaddr_t user, size_t size)
{
	struct u_open_how how;
	long r;

	if (size < sizeof(how))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	r = struct_from_user(&how, sizeof(how), user, size);
	if (!r)
		r = check(&how);
	if (r)
		return r;
	return newfd_open(dirfd, path, (int)(how.flags & ~(uint64_t)FLAG_SILENT), (mode_t)how.mode, (unsigned)how.resolve << WALK_RULES_SHIFT);
}
