/* SPDX-License-Identifier: MIT */
/* set_thread_area(2): three data segments of each thread in the GDT (Intel SDM volume 3A, 3.4.5). */
#include "arch/tls.h"
#include "arch/irqflag.h"
#include "arch/mmu.h"
#include "arch/trap.h"
#include "arch/usermem.h"
#include "arch/x86/gdt.h"
#include "arch/x86/i386/segments.h"
#include "lib/errno.h"
#include "lib/string.h"

static bool is_zero(const struct user_desc *d)
{
	return !d->base && !d->limit && !d->contents && !d->read_exec_only && !d->seg_32bit && !d->limit_in_pages && !d->not_present && !d->useable;
}

static uint64_t encode(const struct user_desc *d)
{
	return x86_desc_is_empty(d) || is_zero(d) ? 0 : x86_desc_encode(d);
}

static long check(const struct user_desc *d)
{
	if (x86_desc_is_empty(d) || is_zero(d))
		return 0;
	if (!d->seg_32bit || d->contents > 1 || d->not_present) /* code, 16-bit and absent segments are refused */
		return -EINVAL;
	return 0;
}

static long read_desc(struct user_desc *d, uaddr_t from)
{
	if (from > ARCH_USER_TOP - sizeof(*d) || arch_user_read(d, from, sizeof(*d)))
		return -EFAULT;
	return 0;
}

long arch_tls_set(struct arch_thread *t, uaddr_t from)
{
	struct user_desc d;
	unsigned long irq;
	uint32_t slot;
	long err = read_desc(&d, from);

	if (!err)
		err = check(&d);
	if (err)
		return err;
	if (d.entry == ~0u) {
		for (slot = 0; slot < ARCH_TLS_SLOTS && t->tls[slot]; slot++)
			;
		if (slot == ARCH_TLS_SLOTS)
			return -ESRCH;
		d.entry = GDT_TLS_FIRST + slot;
		if (arch_user_write(from, &d.entry, sizeof(d.entry)))
			return -EFAULT;
	}
	slot = d.entry - GDT_TLS_FIRST;
	if (slot >= ARCH_TLS_SLOTS)
		return -EINVAL;
	irq = arch_irq_save();
	t->tls[slot] = encode(&d);
	this_cpu()->arch.gdt[d.entry] = t->tls[slot];
	arch_irq_restore(irq);
	return 0;
}

bool arch_tls_slot(const struct arch_thread *t, unsigned slot, void *image)
{
	uint64_t e = t->tls[slot];
	struct user_desc d = { .entry = GDT_TLS_FIRST + slot, .base = (uint32_t)(e >> 16 & 0xffffff) | (uint32_t)(e >> 56) << 24,
			       .limit = (uint32_t)(e & 0xffff) | (uint32_t)(e >> 32 & 0xf0000), .seg_32bit = e >> 54 & 1, .contents = e >> 42 & 3,
			       .read_exec_only = !(e >> 41 & 1), .limit_in_pages = e >> 55 & 1, .not_present = !(e >> 47 & 1), .useable = e >> 52 & 1 };

	_Static_assert(sizeof(d) == ARCH_TLS_DESC_BYTES, "struct user_desc");
	memcpy(image, &d, sizeof(d));
	return e;
}

long arch_tls_get(struct arch_thread *t, uaddr_t to)
{
	struct user_desc d;
	long err = read_desc(&d, to);

	if (err)
		return err;
	if (d.entry - GDT_TLS_FIRST >= ARCH_TLS_SLOTS)
		return -EINVAL;
	arch_tls_slot(t, d.entry - GDT_TLS_FIRST, &d);
	return arch_user_write(to, &d, sizeof(d)) ? -EFAULT : 0;
}

long arch_tls_other(struct arch_thread *t, unsigned long n, uaddr_t desc, bool set)
{
	struct user_desc d;
	long err;

	if (n < GDT_TLS_FIRST || n >= GDT_TLS_FIRST + ARCH_TLS_SLOTS)
		return -EINVAL;
	if (!set) {
		arch_tls_slot(t, (unsigned)n - GDT_TLS_FIRST, &d);
		return desc > ARCH_USER_TOP - sizeof(d) || arch_user_write(desc, &d, sizeof(d)) ? -EFAULT : 0;
	}
	err = read_desc(&d, desc);
	if (!err)
		err = check(&d);
	if (!err)
		t->tls[n - GDT_TLS_FIRST] = encode(&d);
	return err;
}

int arch_tls_set_clone(struct arch_thread *t, uaddr_t tls, struct trapframe *tf)
{
	struct user_desc d;
	long err = read_desc(&d, tls);

	(void)tf;
	if (!err)
		err = check(&d);
	if (err)
		return (int)err;
	if (d.entry - GDT_TLS_FIRST >= ARCH_TLS_SLOTS)
		return -EINVAL;
	t->tls[d.entry - GDT_TLS_FIRST] = encode(&d);
	return 0;
}
