/* SPDX-License-Identifier: MIT */
/* The text screen. */
#include "dev/screen.h"

#include "core/spinlock.h"
#include "dev/vga.h"
#include "dev/vtparse.h"

static struct spinlock lock = SPINLOCK_INIT(LOCK_CONSOLE);
static struct vt vt;               /* lock */
static bool probed, found;         /* set before there is a second thread */

bool screen_probe(void)
{
	if (!probed) {
		probed = true;
		vt_reset(&vt);
		found = vga_probe();
	}
	return found;
}

/* Lock held. */
static void show(void)
{
	if (!found)
		return;
	vga_draw(vt.cells, vt.changed);
	vga_cursor(vt.y * VT_COLS + vt.x, vt.cursor_on);
	vt.changed = 0;
}

size_t screen_write(const char *s, size_t n, char *reply)
{
	unsigned long irq = spin_lock_irqsave(&lock);
	size_t answered;

	vt_write(&vt, s, n);
	answered = vt_take_reply(&vt, reply);
	show();
	spin_unlock_irqrestore(&lock, irq);
	return answered;
}

void screen_print(const char *s, size_t n)
{
	unsigned long irq = spin_lock_irqsave(&lock);

	vt_print(&vt, s, n);
	show();
	spin_unlock_irqrestore(&lock, irq);
}

bool screen_cursor_keys_app(void) { return READ_ONCE(vt.cursor_keys_app); }
