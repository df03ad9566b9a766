/* SPDX-License-Identifier: MIT */
#include "dev/ttysignal.h"

#include "dev/ttyjob.h"
#include "lib/errno.h"
#include "task/sigqueue.h"
#include "vfs/fileowner.h"

static void defer(struct tty *t)
{
	if (t->signals_queued)
		return;
	t->signals_queued = true;
	if (t->driver->hold)
		t->driver->hold(t);
	work_queue(&t->signal_work);
}

void ttysignal_note(struct tty *t, int signo)
{
	t->signals |= SIGBIT(signo);
	defer(t);
}

void ttysignal_input(struct tty *t, unsigned end, bool each)
{
	struct tty_async *a = &t->async[end];

	if (!fasync_any(&a->files))
		return;
	if (each || !a->in)
		a->in++;
	defer(t);
}

void ttysignal_want_room(struct tty *t, unsigned end)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);

	t->async[end].wants_out = fasync_any(&t->async[end].files);
	spin_unlock_irqrestore(&t->lock, irq);
}

void ttysignal_room(struct tty *t, unsigned end)
{
	struct tty_async *a = &t->async[end];
	unsigned long irq;

	if (!READ_ONCE(a->wants_out))
		return;
	irq = spin_lock_irqsave(&t->lock);
	if (a->wants_out) {
		a->wants_out = false;
		a->out = true;
		defer(t);
	}
	spin_unlock_irqrestore(&t->lock, irq);
}

/* Takes what is to be told once from what was noted; the rest has its turn. Lock held. */
static void take(struct tty *t, uint64_t *signals, struct tty_async now[TTY_ENDS])
{
	*signals = t->signals;
	t->signals = 0;
	t->signals_queued = false;
	for (unsigned i = 0; i < TTY_ENDS; i++) {
		struct tty_async *a = &t->async[i];

		now[i].in = a->in > 0;
		now[i].out = a->out;
		a->out = false;
		a->in -= now[i].in;
		if (a->in)
			defer(t);
	}
}

static void send_signals(struct work *w)
{
	struct tty *t = container_of(w, struct tty, signal_work);
	unsigned long irq = spin_lock_irqsave(&t->lock);
	struct tty_async now[TTY_ENDS];
	uint64_t signals;

	take(t, &signals, now);
	spin_unlock_irqrestore(&t->lock, irq);
	for (int n = 1; n <= NSIG; n++)
		if (signals & SIGBIT(n))
			ttyjob_signal(t, n);
	for (unsigned i = 0; i < TTY_ENDS; i++) {
		if (now[i].in)
			fasync_tell(&t->async[i].files, POLL_IN);
		if (now[i].out)
			fasync_tell(&t->async[i].files, POLL_OUT);
	}
	if (t->driver->drop)
		t->driver->drop(t);
}

int ttysignal_async(struct tty *t, unsigned end, struct file *f, struct fasync *lists[FILE_LISTS])
{
	struct fileowner_target owner = { .kind = OWNER_GROUP, .group = end == TTY_SELF ? ttyjob_foreground(t) : NULL };
	long err = owner.group ? 0 : fileowner_find(OWNER_PROCESS, process_current()->pid, &owner);

	if (!err)
		err = fileowner_set(f, &owner, false);
	lists[0] = &t->async[end].files;
	return err ? (int)err : 1;
}

void ttysignal_setup(struct tty *t) { work_init(&t->signal_work, send_signals); }
