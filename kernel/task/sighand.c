/* SPDX-License-Identifier: MIT */
/* Tables of signal actions. */
#include "task/sighand.h"
#include "mem/slab.h"

static SLAB_CACHE(sighand_cache, sighand);

struct sighand *sighand_new(void)
{
	struct sighand *s = slab_alloc(&sighand_cache, ALLOC_ZERO);

	if (s) {
		spin_init(&s->lock, LOCK_SIGHAND);
		refcount_set(&s->refs, 1);
	}
	return s;
}

struct sighand *sighand_dup(struct sighand *from)
{
	struct sighand *s = sighand_new();
	unsigned long irq;

	if (!s)
		return NULL;
	irq = spin_lock_irqsave(&from->lock);
	for (unsigned i = 0; i < NSIG; i++)
		s->action[i] = from->action[i];
	spin_unlock_irqrestore(&from->lock, irq);
	return s;
}

void sighand_put(struct sighand *s)
{
	if (refcount_put(&s->refs))
		slab_free(&sighand_cache, s);
}

void sighand_clear(struct sighand *s)
{
	for (unsigned i = 0; i < NSIG; i++)
		if (s->action[i].handler != SIG_IGN)
			s->action[i] = (struct sigaction){ .handler = SIG_DFL };
}
