/* SPDX-License-Identifier: MIT */
/* Credentials. */
#include "task/cred.h"
#include "lib/string.h"
#include "mem/slab.h"

#define CAPS_ALL ((1ull << (CAP_LAST + 1)) - 1)
/* What goes and comes with fsuid 0. */
#define CAPS_FILES (1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_FOWNER | 1ull << CAP_FSETID \
		    | 1ull << CAP_LINUX_IMMUTABLE | 1ull << CAP_MKNOD | 1ull << CAP_MAC_OVERRIDE)

static SLAB_CACHE(cred_cache, cred);

/* Not from the cache: whoever acts for the kernel must not fail for want of it. The count never falls to zero. */
static struct cred root = { .refs = { 1 }, .cap_permitted = CAPS_ALL, .cap_effective = CAPS_ALL, .cap_bounding = CAPS_ALL };

struct cred *cred_root(void) { return cred_get(&root); }

struct cred *cred_dup(const struct cred *old)
{
	struct cred *c = slab_alloc(&cred_cache, 0);

	if (!c)
		return NULL;
	*c = *old;
	refcount_set(&c->refs, 1);
	c->groups = NULL;
	if (old->group_count) {
		c->groups = kmalloc(old->group_count * sizeof(gid_t), 0);
		if (!c->groups) {
			slab_free(&cred_cache, c);
			return NULL;
		}
		memcpy(c->groups, old->groups, old->group_count * sizeof(gid_t));
	}
	return c;
}

void cred_put(struct cred *c)
{
	if (!c || !refcount_put(&c->refs))
		return;
	kfree(c->groups);
	slab_free(&cred_cache, c);
}

bool cred_in_group(const struct cred *c, gid_t gid)
{
	if (gid == c->fsgid)
		return true;
	for (unsigned i = 0; i < c->group_count; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

/* capabilities(7), "Effect of user ID changes on capabilities". */
void cred_fix_caps(struct cred *c, const struct cred *old)
{
	bool was_root = !old->uid || !old->euid || !old->suid, is_root = !c->uid || !c->euid || !c->suid;

	if (c->securebits & SECURE_NO_SETUID_FIXUP)
		return;
	if (was_root && !is_root) {
		c->cap_permitted = c->securebits & SECURE_KEEP_CAPS ? c->cap_permitted : 0;
		c->cap_effective = c->cap_ambient = 0;
	}
	if (!old->euid && c->euid)
		c->cap_effective = 0;
	if (old->euid && !c->euid)
		c->cap_effective = c->cap_permitted;
	if (!old->fsuid && c->fsuid)
		c->cap_effective &= ~CAPS_FILES;
	if (old->fsuid && !c->fsuid)
		c->cap_effective |= c->cap_permitted & CAPS_FILES;
}

/* capabilities(7), "Transformation of capabilities during execve()"; no file has capabilities of its own here. */
void cred_exec_caps(struct cred *c, const struct cred *old, bool bound)
{
	bool root = !(c->securebits & SECURE_NO_ROOT);

	c->cap_permitted = root && (!c->euid || !c->uid) ? old->cap_bounding | old->cap_inheritable : 0;
	if (bound)
		c->cap_permitted &= old->cap_permitted;
	if (c->euid != old->uid || c->egid != old->gid)
		c->cap_ambient = 0;
	c->cap_permitted |= c->cap_ambient;
	c->cap_effective = root && !c->euid ? c->cap_permitted : c->cap_ambient;
	c->securebits &= (uint8_t)~SECURE_KEEP_CAPS;
}
