/* SPDX-License-Identifier: MIT */
#include "arch/ports.h"
#include "arch/irqflag.h"
#include "arch/mmu.h"
#include "arch/trap.h"
#include "arch/usermem.h"
#include "arch/x86/gdt.h"
#include "arch/x86/i386/ports.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"

#define BITMAP_BYTES (ARCH_PORTS / 8)
#define LEVEL_ALL 3
#define CLI 0xfau
#define STI 0xfbu

struct x86_ports {
	struct tss tss;
	uint8_t bitmap[BITMAP_BYTES + 1]; /* right behind it, a bit for each port that is not allowed; the processor reads one byte more */
	uint8_t level;
	uint8_t *own;                     /* the bitmap that ioperm made; NULL: nothing is allowed by it */
};
_Static_assert(offsetof(struct x86_ports, bitmap) == sizeof(struct tss), "iomap");

/* A descriptor becomes busy when it is loaded, so it is made anew. */
void x86_ports_load(struct x86_ports *p, uint32_t stack_top)
{
	struct cpu *c = this_cpu();

	c->arch.ports = p;
	if (p) {
		p->tss.ss0 = SELECTOR(GDT_KERNEL_DATA, 0);
		p->tss.esp0 = stack_top;
		p->tss.iomap = sizeof(p->tss);
		c->arch.loaded_tss = &p->tss;
		x86_load_task(c, &p->tss, offsetof(struct x86_ports, level));
	} else {
		c->arch.loaded_tss = &c->arch.tss;
		x86_load_task(c, &c->arch.tss, sizeof(c->arch.tss));
	}
}

/* What may be used by either way. The processor looks at it at each access. */
static void refresh(struct x86_ports *p)
{
	if (p->level == LEVEL_ALL)
		memset(p->bitmap, 0, BITMAP_BYTES);
	else if (p->own)
		memcpy(p->bitmap, p->own, BITMAP_BYTES);
	else
		memset(p->bitmap, 0xff, BITMAP_BYTES);
}

static struct x86_ports *ports_new(void)
{
	struct x86_ports *p = kmalloc(sizeof(*p), ALLOC_ZERO);

	if (p) {
		p->bitmap[BITMAP_BYTES] = 0xff;
		refresh(p);
	}
	return p;
}

static uint8_t *bitmap_new(const uint8_t *from)
{
	uint8_t *b = kmalloc(BITMAP_BYTES, 0);

	if (b && from)
		memcpy(b, from, BITMAP_BYTES);
	else if (b)
		memset(b, 0xff, BITMAP_BYTES);
	return b;
}

void x86_ports_free(struct arch_thread *t)
{
	kfree(t->ports->own);
	kfree(t->ports);
	t->ports = NULL;
}

/* The current thread's: made if it has none. */
static struct x86_ports *ports_of(struct arch_thread *t)
{
	unsigned long irq;

	if (!t->ports) {
		t->ports = ports_new();
		if (!t->ports)
			return NULL;
		irq = arch_irq_save();
		t->user |= THREAD_PORTS;
		x86_ports_load(t->ports, this_cpu()->arch.tss.esp0);
		arch_irq_restore(irq);
	}
	return t->ports;
}

/* What it has is not needed any more: its CPU's task state will do. */
static void drop_unused(struct arch_thread *t)
{
	unsigned long irq;

	if (t->ports->level || t->ports->own)
		return;
	irq = arch_irq_save();
	t->user &= (uint8_t)~THREAD_PORTS;
	x86_ports_load(NULL, 0);
	arch_irq_restore(irq);
	x86_ports_free(t);
}

static void set_bits(uint8_t *map, unsigned long from, unsigned long n, bool denied)
{
	for (unsigned long i = from; i < from + n; i++)
		if (i % 8 == 0 && i + 8 <= from + n) {
			map[i / 8] = denied ? 0xff : 0;
			i += 7;
		} else if (denied) {
			map[i / 8] |= (uint8_t)(1u << i % 8);
		} else {
			map[i / 8] &= (uint8_t)~(1u << i % 8);
		}
}

static bool allows_none(const uint8_t *map)
{
	unsigned i = 0;

	while (i < BITMAP_BYTES && map[i] == 0xff)
		i++;
	return i == BITMAP_BYTES;
}

int arch_ports_set(struct arch_thread *t, unsigned long from, unsigned long n, bool on)
{
	struct x86_ports *p = t->ports;

	if (!on && (!p || !p->own))
		return 0;
	p = ports_of(t);
	if (!p)
		return -ENOMEM;
	if (!p->own)
		p->own = bitmap_new(NULL);
	if (!p->own) {
		drop_unused(t);
		return -ENOMEM;
	}
	set_bits(p->own, from, n, !on);
	if (!on && allows_none(p->own)) {
		kfree(p->own);
		p->own = NULL;
	}
	refresh(p);
	drop_unused(t);
	return 0;
}

unsigned arch_ports_level(const struct arch_thread *t) { return t->ports ? t->ports->level : 0; }

int arch_ports_set_level(struct arch_thread *t, unsigned level)
{
	struct x86_ports *p;

	if (level == arch_ports_level(t))
		return 0;
	p = ports_of(t);
	if (!p)
		return -ENOMEM;
	p->level = (uint8_t)level;
	refresh(p);
	drop_unused(t);
	return 0;
}

int arch_ports_fork(struct arch_thread *child, const struct arch_thread *parent)
{
	const struct x86_ports *from = parent->ports;

	if (likely(!from))
		return 0;
	child->ports = ports_new();
	if (!child->ports)
		return -ENOMEM;
	child->ports->level = from->level;
	if (from->own) {
		child->ports->own = bitmap_new(from->own);
		if (!child->ports->own)
			return -ENOMEM;
	}
	refresh(child->ports);
	child->user |= THREAD_PORTS;
	return 0;
}

bool x86_ports_all(void)
{
	const struct x86_ports *p = this_cpu()->arch.ports;

	return p && p->level == LEVEL_ALL;
}

/* Only in the flat code segment, whose offsets are addresses. */
bool x86_ports_pass_over(struct trapframe *tf)
{
	uint8_t code;

	if ((tf->cs & 0xffff) != USER_CS || tf->eip >= ARCH_USER_TOP || arch_user_read(&code, tf->eip, 1))
		return false;
	if (code != CLI && code != STI)
		return false;
	tf->eip++;
	return true;
}
