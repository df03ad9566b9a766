/* SPDX-License-Identifier: MIT */
#include "vfs/options.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vfs/mount.h"

bool option_is(const char *s, const char *word)
{
	size_t n = strlen(word);

	return !strncmp(s, word, n) && (!s[n] || s[n] == ',');
}

static bool is_common(const char *s) { return option_is(s, "ro") || option_is(s, "rw") || option_is(s, "sync") || option_is(s, "async"); }

int options_each(const char *data, void *ctx, int (*take)(const char *option, void *ctx))
{
	int err = 0;

	for (const char *s = data ? data : ""; *s && !err; s += *s == ',') {
		if (*s != ',' && !is_common(s))
			err = take ? take(s, ctx) : -EINVAL;
		while (*s && *s != ',')
			s++;
	}
	return err;
}

unsigned long options_flags(const char *data, unsigned long flags)
{
	for (const char *s = data; s && *s; s = strchr(s, ',')) {
		s += *s == ',';
		if (option_is(s, "ro"))
			flags |= MS_RDONLY;
	}
	return flags;
}
