/* SPDX-License-Identifier: MIT */
/* What the system is called. */
#include "task/uts.h"
#include "core/spinlock.h"
#include "lib/errno.h"
#include "lib/string.h"

static struct spinlock lock = SPINLOCK_INIT(LOCK_LEAF);
static char names[2][UTS_NAME_MAX + 1] = { "(none)", "(none)" }; /* lock */

void uts_get(enum uts_name which, char out[UTS_NAME_MAX + 1])
{
	spin_lock(&lock);
	memcpy(out, names[which], UTS_NAME_MAX + 1);
	spin_unlock(&lock);
}

long uts_set(enum uts_name which, const char *name, size_t len)
{
	if (len > UTS_NAME_MAX)
		return -EINVAL;
	spin_lock(&lock);
	memset(names[which], 0, UTS_NAME_MAX + 1);
	memcpy(names[which], name, len);
	spin_unlock(&lock);
	return 0;
}
