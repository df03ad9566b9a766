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

void uio_user(struct uio *u, uaddr_t base, size_t len)
{
	u->one = (struct uio_seg){ base, len };
	u->segs = &u->one;
	u->seg_count = 1;
	u->seg_off = 0;
	u->kbuf = NULL;
	u->left = len;
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

/* Bytes that could not be moved. */
static size_t user_part(uaddr_t a, void *buf, size_t n, enum direction d)
{
	if (!user_range_ok(a, n))
		return n;
	if (d != ZERO_UIO)
		kasan_check_range(buf, n, d == FROM_UIO);
	if (d == TO_UIO)
		return arch_user_write(a, buf, n);
	return d == FROM_UIO ? arch_user_read(buf, a, n) : arch_user_zero(a, n);
}

static size_t kernel_part(struct uio *u, void *buf, size_t n, enum direction d)
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

static size_t move(struct uio *u, char *buf, size_t n, enum direction d)
{
	size_t done = 0;

	n = MIN(n, u->left);
	if (u->kbuf)
		return kernel_part(u, buf, n, d);
	while (done < n) {
		size_t part = MIN(n - done, u->segs->len - u->seg_off), bad;

		if (!part) {
			u->segs++;
			u->seg_count--;
			u->seg_off = 0;
			continue;
		}
		bad = user_part(u->segs->base + u->seg_off, d == ZERO_UIO ? buf : buf + done, part, d);
		done += part - bad;
		u->seg_off += part - bad;
		u->left -= part - bad;
		if (bad)
			break;
	}
	return done;
}

size_t uio_put(struct uio *u, const void *src, size_t n) { return move(u, (char *)src, n, TO_UIO); }
size_t uio_get(struct uio *u, void *dst, size_t n) { return move(u, dst, n, FROM_UIO); }
size_t uio_put_zero(struct uio *u, size_t n) { return move(u, NULL, n, ZERO_UIO); }
