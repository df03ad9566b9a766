/* SPDX-License-Identifier: MIT */
/*
 * Local descriptor tables (Intel SDM volume 3A, 3.5.1). A table is never changed: a new one takes its place. While one is loaded the selectors in the
 * saved frames of its threads are only looked at on the way to user mode, where bad ones become null.
 */
#include "arch/space.h"
#include "arch/x86/gdt.h"
#include "arch/x86/i386/segments.h"
#include "core/percpu.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"

#define ENTRIES_MAX 8192u
#define ACCESS_LDT 0x82
#define CONTENTS_CONFORMING 3

_Static_assert(offsetof(struct cpu, arch.ldt) == X86_CPU_LDT, "arch_target/space.h");

struct x86_ldt {
	unsigned count; /* at least 1 */
	uint64_t entries[];
};

void x86_ldt_load(const struct x86_ldt *ldt)
{
	struct arch_cpu *c = &this_cpu()->arch;

	c->ldt = ldt;
	c->gdt[GDT_LDT] = ldt ? x86_segment((uint32_t)ldt->entries, ldt->count * 8 - 1, ACCESS_LDT, 0) : 0;
	x86_lldt(ldt ? SELECTOR(GDT_LDT, 0) : 0);
}

static struct x86_ldt *ldt_new(unsigned count)
{
	struct x86_ldt *l = kmalloc(sizeof(*l) + count * sizeof(l->entries[0]), ALLOC_ZERO);

	if (l)
		l->count = count;
	return l;
}

int arch_space_copy(struct arch_space *to, const struct arch_space *from)
{
	const struct x86_ldt *old = from->ldt;

	if (likely(!old))
		return 0;
	to->ldt = ldt_new(old->count);
	if (!to->ldt)
		return -ENOMEM;
	memcpy(to->ldt->entries, old->entries, old->count * sizeof(old->entries[0]));
	return 0;
}

void arch_space_free(struct arch_space *s)
{
	if (unlikely(s->ldt))
		kfree(s->ldt);
	s->ldt = NULL;
}

size_t arch_space_segments(const struct arch_space *s, void *buf, size_t cap)
{
	size_t n = s->ldt ? MIN(cap, s->ldt->count * sizeof(s->ldt->entries[0])) : 0;

	if (n)
		memcpy(buf, s->ldt->entries, n);
	return n;
}

/* Errors in Linux's order. Segments of 16 bits are refused as by a Linux without them (CONFIG_X86_16BIT): a return to such a stack would show the kernel's. */
static long check(const struct user_desc *d, bool old_meaning)
{
	if (d->entry >= ENTRIES_MAX)
		return -EINVAL;
	if (d->contents == CONTENTS_CONFORMING && (old_meaning || !d->not_present))
		return -EINVAL;
	return 0;
}

long arch_space_set_segment(struct arch_space *s, const void *desc, bool old_meaning, struct arch_space *replaced)
{
	const struct x86_ldt *old = s->ldt;
	uint64_t entry = 0;
	struct user_desc d;
	struct x86_ldt *l;
	long err;

	_Static_assert(sizeof(d) == ARCH_SEGMENT_DESC_BYTES, "struct user_desc");
	memcpy(&d, desc, sizeof(d));
	err = check(&d, old_meaning);
	if (err)
		return err;
	if (!(old_meaning && !d.base && !d.limit) && !x86_desc_is_empty(&d)) {
		if (!d.seg_32bit)
			return -EINVAL;
		d.useable = old_meaning ? 0 : d.useable;
		entry = x86_desc_encode(&d);
	}
	l = ldt_new(MAX(d.entry + 1, old ? old->count : 0));
	if (!l)
		return -ENOMEM;
	if (old)
		memcpy(l->entries, old->entries, old->count * sizeof(old->entries[0]));
	l->entries[d.entry] = entry;
	replaced->ldt = s->ldt;
	WRITE_ONCE(s->ldt, l);
	return 0;
}
