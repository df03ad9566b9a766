/* SPDX-License-Identifier: MIT */
/* Times, vectors and ids between layouts. */
#include "abi/convert.h"
#include "core/clock.h"
#include "lib/bits.h"
#include "lib/div64.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"

#define IOV_MAX 1024ul
#define IO_MAX 0x7ffff000ul /* bytes that one call moves at most */
#define NS_MAX (~0ull >> 1)

static long to_ns(int64_t sec, int64_t nsec, uint64_t *ns)
{
	if (sec < 0 || nsec < 0 || nsec >= (int64_t)NSEC_PER_SEC)
		return -EINVAL;
	*ns = sec > 9000000000ll ? NS_MAX : (uint64_t)sec * NSEC_PER_SEC + (uint64_t)nsec;
	return 0;
}

long struct_from_user(void *to, size_t known, uaddr_t from, size_t size)
{
	uint8_t byte;

	for (size_t i = known; i < size; i++) {
		if (user_get(&byte, from + i))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	memset(to, 0, known);
	return user_read(to, from, MIN(size, known)) ? -EFAULT : 0;
}

long time_from_user(uaddr_t from, bool wide, uint64_t *ns)
{
	struct u_timespec t;
	struct u_timespec64 w;

	if (!wide) {
		if (user_get(&t, from))
			return -EFAULT;
		return to_ns(t.sec, t.nsec, ns);
	}
	if (user_get(&w, from))
		return -EFAULT;
	return to_ns(w.sec, w.nsec, ns);
}

long time_to_user(uaddr_t to, bool wide, uint64_t ns)
{
	uint32_t nsec = div64_32(&ns, NSEC_PER_SEC);
	struct u_timespec t = { (int32_t)ns, (int32_t)nsec };
	struct u_timespec64 w = { (int64_t)ns, (int32_t)nsec, 0 };

	return wide ? user_put(to, &w) : user_put(to, &t);
}

long timeval_from_user(uaddr_t from, uint64_t *ns)
{
	struct u_timeval t;

	if (user_get(&t, from))
		return -EFAULT;
	if (t.usec < 0 || t.usec >= 1000000)
		return -EINVAL;
	return to_ns(t.sec, (int64_t)t.usec * 1000, ns);
}

void timeval_from_ns(struct u_timeval *tv, uint64_t ns)
{
	uint32_t nsec = div64_32(&ns, NSEC_PER_SEC);

	*tv = (struct u_timeval){ (int32_t)ns, (int32_t)(nsec / 1000) };
}

uint64_t deadline_after(uint64_t ns)
{
	uint64_t now = clock_now();

	return ns > NS_MAX - now ? NS_MAX : now + ns;
}

void rusage_fill(struct u_rusage *r, const struct usage *u)
{
	*r = (struct u_rusage){ .maxrss = (int32_t)(u->maxrss_pages * (PAGE_SIZE / 1024)), .minflt = (int32_t)u->minflt, .majflt = (int32_t)u->majflt,
				.nvcsw = (int32_t)u->nvcsw, .nivcsw = (int32_t)u->nivcsw };
	timeval_from_ns(&r->utime, u->user_ns);
	timeval_from_ns(&r->stime, u->system_ns);
}

/* Linux looks at all lengths before it looks at any address. */
static long iovec_read(struct uio_seg *segs, uaddr_t iov, unsigned long count)
{
	for (unsigned long i = 0; i < count; i++) {
		struct u_iovec v;

		if (user_get(&v, iov + i * sizeof(v)))
			return -EFAULT;
		if ((int32_t)v.len < 0)
			return -EINVAL;
		segs[i] = (struct uio_seg){ v.base, v.len };
	}
	for (unsigned long i = 0; i < count; i++)
		if (!user_range_ok(segs[i].base, segs[i].len))
			return -EFAULT;
	return 0;
}

struct uio_seg *iovec_from_user(uaddr_t iov, unsigned long count, size_t *total)
{
	struct uio_seg *segs;
	long err;

	if (count > IOV_MAX)
		return ERR_PTR(-EINVAL);
	segs = kmalloc((count + 1) * sizeof(*segs), 0);
	if (!segs)
		return ERR_PTR(-ENOMEM);
	err = iovec_read(segs, iov, count);
	if (err) {
		kfree(segs);
		return ERR_PTR(err);
	}
	*total = 0;
	for (unsigned long i = 0; i < count; i++)
		*total = MIN(*total + segs[i].len, IO_MAX); /* both below 2^31 */
	return segs;
}
