/* SPDX-License-Identifier: MIT */
#include "fs/tmpfsopt.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "vfs/options.h"

/* A number up to a comma or the end, with a suffix for powers of 1024 if asked for. False: it is none. */
static bool number(const char *s, unsigned base, bool suffix, unsigned long long *n, const char **end)
{
	static const char suffixes[] = "kmgtKMGT";
	const char *at;

	*n = str_to_u64(s, end, base);
	if (*end == s)
		return false;
	at = suffix && **end ? strchr(suffixes, **end) : NULL;
	if (at) {
		*n <<= 10 * ((at - suffixes) % 4 + 1);
		++*end;
	}
	return true;
}

static bool over(const char *s) { return !*s || *s == ','; }

static unsigned long limit(unsigned long long n) { return n && n < TMPFS_UNLIMITED ? (unsigned long)n : TMPFS_UNLIMITED; }

static int take_size(const char *s, struct tmpfs_options *o)
{
	const char *end;
	unsigned long long n;

	if (!number(s, 0, true, &n, &end))
		return -EINVAL;
	if (*end == '%') {
		n = (unsigned long long)((unsigned long)MIN(n, 1000ull) * frame_total() / 100) << PAGE_SHIFT;
		end++;
	}
	o->pages = limit((n + PAGE_SIZE - 1) >> PAGE_SHIFT);
	o->pages_set = true;
	return over(end) ? 0 : -EINVAL;
}

static int take_count(const char *s, unsigned long *to, bool *set)
{
	const char *end;
	unsigned long long n;

	if (!number(s, 0, true, &n, &end) || !over(end))
		return -EINVAL;
	*to = limit(n);
	*set = true;
	return 0;
}

static int take_blocks(const char *s, struct tmpfs_options *o) { return take_count(s, &o->pages, &o->pages_set); }
static int take_inodes(const char *s, struct tmpfs_options *o) { return take_count(s, &o->inodes, &o->inodes_set); }

static int take_u32(const char *s, unsigned base, uint32_t most, uint32_t *out)
{
	const char *end;
	unsigned long long n;

	if (!number(s, base, false, &n, &end) || !over(end) || n > most)
		return -EINVAL;
	*out = (uint32_t)n;
	return 0;
}

static int take_mode(const char *s, struct tmpfs_options *o)
{
	uint32_t n = 0;
	int err = take_u32(s, 8, UINT32_MAX, &n);

	o->mode = n & 07777;
	return err;
}

static int take_uid(const char *s, struct tmpfs_options *o) { return take_u32(s, 0, UINT32_MAX - 1, &o->uid); }
static int take_gid(const char *s, struct tmpfs_options *o) { return take_u32(s, 0, UINT32_MAX - 1, &o->gid); }

/* Pages are of one size here: a wish for large ones changes nothing. */
static int take_huge(const char *s, struct tmpfs_options *o)
{
	(void)o;
	return option_is(s, "never") || option_is(s, "always") || option_is(s, "within_size") || option_is(s, "advise") ? 0 : -EINVAL;
}

static int take_one(const char *s, void *o)
{
	static const struct {
		const char *name;
		int (*take)(const char *value, struct tmpfs_options *o);
	} known[] = {
		{ "size=", take_size }, { "nr_blocks=", take_blocks }, { "nr_inodes=", take_inodes }, { "mode=", take_mode },
		{ "uid=", take_uid }, { "gid=", take_gid }, { "huge=", take_huge },
	};

	for (size_t k = 0; k < ARRAY_SIZE(known); k++)
		if (!strncmp(s, known[k].name, strlen(known[k].name)))
			return known[k].take(s + strlen(known[k].name), o);
	return option_is(s, "inode32") ? 0 : -EINVAL;
}

/* What a ramfs does not know it leaves alone. */
static int take_mode_only(const char *s, void *o)
{
	if (!strncmp(s, "mode=", 5))
		return take_mode(s + 5, o);
	return option_is(s, "mode") ? -EINVAL : 0;
}

int tmpfs_options_parse(const char *data, struct tmpfs_options *o) { return options_each(data, o, take_one); }
int ramfs_options_parse(const char *data, struct tmpfs_options *o) { return options_each(data, o, take_mode_only); }

static unsigned long shown(unsigned long n) { return n == TMPFS_UNLIMITED ? 0 : n; }

size_t tmpfs_options_text(const struct tmpfs_options *o, const struct tmpfs_options *usual, char *buf, size_t cap)
{
	size_t n = 0;

	if (o->pages != usual->pages)
		n += fmt_buf(buf + n, cap - n, ",size=%luk", shown(o->pages) << (PAGE_SHIFT - 10));
	if (o->inodes != usual->inodes)
		n += fmt_buf(buf + n, cap - n, ",nr_inodes=%lu", shown(o->inodes));
	if (o->mode != usual->mode)
		n += fmt_buf(buf + n, cap - n, ",mode=%03o", o->mode);
	if (o->uid != usual->uid)
		n += fmt_buf(buf + n, cap - n, ",uid=%u", o->uid);
	if (o->gid != usual->gid)
		n += fmt_buf(buf + n, cap - n, ",gid=%u", o->gid);
	return n;
}
