/* SPDX-License-Identifier: MIT */
/* Settings of core dumps. */
#include "task/coreset.h"
#include "core/spinlock.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"

int core_uses_pid, core_suid_dumpable;
static struct spinlock lock = SPINLOCK_INIT(LOCK_LEAF);
static char pattern[CORE_PATTERN_MAX + 1] = "core"; /* lock */

void core_pattern_get(char out[CORE_PATTERN_MAX + 1])
{
	spin_lock(&lock);
	memcpy(out, pattern, sizeof(pattern));
	spin_unlock(&lock);
}

long core_pattern_set(const char *s, size_t len)
{
	len = MIN(len, (size_t)CORE_PATTERN_MAX);
	if (len && s[0] == '|')
		return -EINVAL;
	spin_lock(&lock);
	memset(pattern, 0, sizeof(pattern));
	memcpy(pattern, s, len);
	spin_unlock(&lock);
	return 0;
}
