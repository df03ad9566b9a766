/* SPDX-License-Identifier: MIT */
/*
 * System calls of the mmap family: arguments are checked in Linux's order, descriptors are turned into objects, and vm/mmap does the work. An
 * address is returned as a long; only the last page of the numbers are errors.
 */
#include "lib/bits.h"
#include "lib/errno.h"
#include "syscall_protos.h"
#include "task/process.h"
#include "vfs/fdtable.h"
#include "vfs/file.h"
#include "vm/mlock.h"
#include "vm/mmap.h"
#include "vm/segments.h"
#include "vm/usercopy.h"

#define MAP_TYPE 0xf
#define MAP_32BIT 0x40
#define MAP_HUGE_SIZES 0x7c000000
#define MAP_LEGACY (MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_GROWSDOWN | MAP_LOCKED \
	| MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT | MAP_HUGE_SIZES)
#define MCL_CURRENT 1
#define MCL_FUTURE 2
#define MCL_ONFAULT 4
#define MLOCK_ONFAULT 1ul

/* What the open mode of the file allows, as Linux orders the checks. */
static int check_file_mode(const struct file *f, const struct map_request *r)
{
	int type = r->flags & MAP_TYPE;

	if (type == MAP_SHARED_VALIDATE && r->flags & ~MAP_LEGACY)
		return -EOPNOTSUPP;
	if (type != MAP_PRIVATE && type != MAP_SHARED && type != MAP_SHARED_VALIDATE)
		return -EINVAL;
	if (type != MAP_PRIVATE && r->prot & PROT_WRITE && !(f->mode & FMODE_WRITE))
		return -EACCES;
	if (!(f->mode & FMODE_READ))
		return -EACCES;
	if (!f->ops->mmap)
		return -ENODEV;
	return r->flags & MAP_GROWSDOWN ? -EINVAL : 0;
}

static long map_file(struct map_request *r, struct file *f)
{
	int err = check_file_mode(f, r);

	if (!err)
		err = f->ops->mmap(f, r);
	if (!err && r->prot & PROT_EXEC && !(r->may & VMA_MAYEXEC))
		err = -EPERM;
	if (!err && r->flags & MAP_SHARED && r->prot & PROT_WRITE && !(r->may & VMA_MAYWRITE))
		err = -EACCES;
	return err ? err : (long)vm_map(aspace_current(), r);
}

static long map_anonymous(struct map_request *r)
{
	int type = r->flags & MAP_TYPE;

	if ((type != MAP_PRIVATE && type != MAP_SHARED) || (type == MAP_SHARED && r->flags & MAP_GROWSDOWN))
		return -EINVAL;
	r->pgoff = 0;
	r->may = VMA_MAYREAD | VMA_MAYWRITE | VMA_MAYEXEC;
	return (long)vm_map(aspace_current(), r);
}

long sys_mmap2(uaddr_t addr, size_t len, unsigned long prot, unsigned long flags, int fd, unsigned long pgoff)
{
	struct map_request r = { .addr = addr, .len = len, .prot = prot & (PROT_READ | PROT_WRITE | PROT_EXEC), .flags = (int)flags, .pgoff = pgoff };
	struct file *f;
	long ret;

	if (flags & MAP_HUGETLB)
		return -EINVAL;
	if (flags & MAP_LOCKED && !capable(CAP_IPC_LOCK) && !aspace_current()->limit_memlock)
		return -EPERM;
	if (flags & MAP_ANONYMOUS)
		return map_anonymous(&r);
	f = fd_get(fdtable_current(), (unsigned)fd, false);
	if (!f)
		return -EBADF;
	ret = map_file(&r, f);
	file_put(f);
	return ret;
}

/* The oldest form: all arguments in memory, the offset in bytes. */
long sys_old_mmap(uaddr_t args)
{
	struct { uint32_t addr, len, prot, flags, fd, offset; } a;

	if (user_get(&a, args))
		return -EFAULT;
	if (a.offset & ~PAGE_MASK)
		return -EINVAL;
	return sys_mmap2(a.addr, a.len, a.prot, a.flags, (int)a.fd, a.offset >> PAGE_SHIFT);
}

long sys_munmap(uaddr_t addr, size_t len) { return vm_unmap(aspace_current(), addr, len); }
long sys_mprotect(uaddr_t addr, size_t len, unsigned long prot) { return vm_protect(aspace_current(), addr, len, (int)prot); }
long sys_brk(uaddr_t brk) { return (long)vm_brk(aspace_current(), brk); }

long sys_mremap(uaddr_t old, size_t old_len, size_t new_len, unsigned long flags, uaddr_t to)
{
	return (long)vm_remap(aspace_current(), old, old_len, new_len, (int)flags, to);
}

long sys_remap_file_pages(uaddr_t start, size_t size, unsigned long prot, unsigned long pgoff, unsigned long flags)
{
	return prot ? -EINVAL : vm_remap_file_pages(aspace_current(), start, size, pgoff, (int)flags);
}

long sys_madvise(uaddr_t addr, size_t len, int advice) { return vm_advise(aspace_current(), addr, len, advice); }
long sys_mincore(uaddr_t addr, size_t len, uaddr_t vec) { return vm_mincore(aspace_current(), addr, len, vec); }
long sys_msync(uaddr_t addr, size_t len, unsigned long flags) { return vm_sync(aspace_current(), addr, len, (int)flags); }

/* Pages that this process may lock: no bound for those who may lock at will. */
static unsigned long lock_limit(void)
{
	unsigned long bytes = aspace_current()->limit_memlock;

	return capable(CAP_IPC_LOCK) || bytes == ~0ul ? ~0ul : bytes >> PAGE_SHIFT;
}

long sys_mlock2(uaddr_t addr, size_t len, unsigned long flags)
{
	unsigned long limit = lock_limit();

	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	return limit ? vm_lock(aspace_current(), addr, len, flags & MLOCK_ONFAULT, limit) : -EPERM;
}

long sys_mlock(uaddr_t addr, size_t len) { return sys_mlock2(addr, len, 0); }

long sys_munlock(uaddr_t addr, size_t len) { return vm_unlock(aspace_current(), addr, len); }

long sys_mlockall(unsigned long flags)
{
	unsigned long limit = lock_limit();

	if (!flags || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT)
		return -EINVAL;
	return limit ? vm_lock_all(aspace_current(), flags & MCL_CURRENT, flags & MCL_FUTURE, flags & MCL_ONFAULT, limit) : -EPERM;
}

long sys_munlockall(void)
{
	vm_unlock_all(aspace_current());
	return 0;
}

enum { LDT_READ = 0, LDT_WRITE_OLD = 1, LDT_READ_DEFAULT = 2, LDT_WRITE = 0x11 };
#define LDT_DEFAULT_BYTES 40ul

long sys_modify_ldt(unsigned long func, uaddr_t ptr, unsigned long bytes)
{
	unsigned long n = MIN(bytes, LDT_DEFAULT_BYTES);

	switch ((int)func) {
	case LDT_READ:
		return segments_read(ptr, bytes);
	case LDT_READ_DEFAULT: /* there is none: it reads as empty */
		return user_clear(ptr, n) ? -EFAULT : (long)n;
	case LDT_WRITE_OLD:
	case LDT_WRITE:
		return segments_write(ptr, bytes, func == LDT_WRITE_OLD);
	default:
		return -ENOSYS;
	}
}
