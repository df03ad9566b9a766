/* SPDX-License-Identifier: MIT */
/* The only door to user memory: a range check, then the architecture's fault-proof copy. */
#include "vm/usercopy.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "mem/kasan.h"

int user_read(void *dst, uaddr_t src, size_t n)
{
	kasan_check_range(dst, n, true);
	return user_range_ok(src, n) && !arch_user_read(dst, src, n) ? 0 : -EFAULT;
}

int user_write(uaddr_t dst, const void *src, size_t n)
{
	kasan_check_range(src, n, false);
	return user_range_ok(dst, n) && !arch_user_write(dst, src, n) ? 0 : -EFAULT;
}

int user_clear(uaddr_t dst, size_t n)
{
	return user_range_ok(dst, n) && !arch_user_zero(dst, n) ? 0 : -EFAULT;
}

int user_put16_each(uaddr_t dst, size_t dst_step, const uint16_t *src, size_t src_step, size_t n)
{
	size_t span;

	if (!n)
		return 0;
	if (__builtin_mul_overflow(n - 1, dst_step, &span) || !user_range_ok(dst, span + sizeof(*src)))
		return -EFAULT;
	for (; n; n--) {
		if (unlikely(arch_user_write16(dst, *src)))
			return -EFAULT;
		dst += dst_step;
		src = (const uint16_t *)((const char *)src + src_step);
	}
	return 0;
}

ssize_t user_strncpy(char *dst, uaddr_t src, size_t cap)
{
	size_t room;
	ssize_t n;

	if (!user_range_ok(src, 1))
		return -EFAULT;
	room = MIN(cap, ARCH_USER_TOP - src);
	n = arch_user_strncpy(dst, src, room);
	if (n < 0)
		return n;
	if ((size_t)n == room) {
		dst[cap - 1] = '\0';
		return room < cap ? -EFAULT : -ENAMETOOLONG;
	}
	return n;
}

ssize_t user_strnlen(uaddr_t src, size_t max)
{
	char chunk[64];
	size_t done = 0;

	while (done <= max) {
		/* never past the page that is known to be there */
		size_t n = MIN(sizeof(chunk), PAGE_SIZE - ((src + done) & (PAGE_SIZE - 1)));
		const char *end;

		if (user_read(chunk, src + done, n))
			return -EFAULT;
		end = memchr(chunk, 0, n);
		if (end)
			return (ssize_t)(done + (size_t)(end - chunk) + 1);
		done += n;
	}
	return (ssize_t)max + 1;
}

void uio_kernel(struct uio *u, void *buf, size_t len)
{
	*u = (struct uio){ .kbuf = buf, .left = len };
}

void uio_user_segs(struct uio *u, const struct uio_seg *segs, unsigned count, size_t total)
{
	*u = (struct uio){ .segs = segs, .seg_count = count, .left = total };
}

enum direction { TO_UIO, FROM_UIO, ZERO_UIO };

/* Each direction has its own of these: d is a constant. */
static __always_inline size_t kernel_part(struct uio *u, void *buf, size_t n, enum direction d)
{
	if (d == TO_UIO)
		memcpy(u->kbuf, buf, n);
	else if (d == FROM_UIO)
		memcpy(buf, u->kbuf, n);
	else
		memset(u->kbuf, 0, n);
	u->kbuf += n;
	u->left -= n;
	return n;
}

/* Within one segment: the bytes moved. */
static __always_inline size_t user_part(struct uio *u, void *buf, size_t n, enum direction d)
{
	uaddr_t a = u->segs->base + u->seg_off;

	if (unlikely(!user_range_ok(a, n)))
		return 0;
	if (d != ZERO_UIO)
		kasan_check_range(buf, n, d == FROM_UIO);
	n -= d == TO_UIO ? arch_user_write(a, buf, n) : d == FROM_UIO ? arch_user_read(buf, a, n) : arch_user_zero(a, n);
	u->seg_off += n;
	u->left -= n;
	return n;
}

static __always_inline size_t user_parts(struct uio *u, char *buf, size_t n, enum direction d)
{
	size_t done = 0;

	while (done < n) {
		size_t part = MIN(n - done, u->segs->len - u->seg_off), moved;

		if (!part) {
			u->segs++;
			u->seg_count--;
			u->seg_off = 0;
			continue;
		}
		moved = user_part(u, d == ZERO_UIO ? buf : buf + done, part, d);
		done += moved;
		if (moved < part)
			break;
	}
	return done;
}

static __always_inline size_t move(struct uio *u, char *buf, size_t n, enum direction d)
{
	n = MIN(n, u->left);
	if (unlikely(!n))
		return 0;
	if (unlikely(u->kbuf))
		return kernel_part(u, buf, n, d);
	return likely(n <= u->segs->len - u->seg_off) ? user_part(u, buf, n, d) : user_parts(u, buf, n, d);
}

size_t uio_put(struct uio *u, const void *src, size_t n) { return move(u, (char *)src, n, TO_UIO); }
size_t uio_get(struct uio *u, void *dst, size_t n) { return move(u, dst, n, FROM_UIO); }
size_t uio_put_zero(struct uio *u, size_t n) { return move(u, NULL, n, ZERO_UIO); }
