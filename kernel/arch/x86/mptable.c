/* SPDX-License-Identifier: MIT */
/*
 * Floating pointer -> configuration table -> entries of five kinds. The I/O APICs are numbered by their ids here, and their pins one by one: the
 * pins of all of them in the order of the table become what ACPI calls global system interrupts.
 */
#include "arch/x86/mptable.h"
#include "arch/mmu.h"
#include "arch/x86/io.h"
#include "arch/x86/ioapic.h"
#include "arch/x86/mmu.h"
#include "lib/string.h"

struct floating { char sig[4]; uint32_t table; uint8_t length, rev, sum, feature[5]; } __packed;
struct config { char sig[4]; uint16_t length; uint8_t rev, sum; char oem[20]; uint32_t oem_table; uint16_t oem_size, count; uint32_t lapic; uint32_t more; } __packed;
struct cpu_entry { uint8_t type, apic_id, version, flags; uint32_t signature, features, pad[2]; } __packed;
struct bus_entry { uint8_t type, id; char name[6]; } __packed;
struct ioapic_entry { uint8_t type, id, version, flags; uint32_t address; } __packed;
struct line_entry { uint8_t type, kind; uint16_t flags; uint8_t bus, line, apic, pin; } __packed; /* of an I/O APIC, or of local ones */
enum { ENTRY_CPU, ENTRY_BUS, ENTRY_IOAPIC, ENTRY_LINE, ENTRY_LOCAL_LINE };
enum { KIND_INT = 0, KIND_NMI = 1 };

_Static_assert(sizeof(struct floating) == 16 && sizeof(struct config) == 44 && sizeof(struct cpu_entry) == 20, "tables of the specification");

#define ENABLED 1u
#define POLARITY_LOW 3u
#define TRIGGER_LEVEL 0xcu
#define BUSES 256
#define IMCR_PRESENT 0x80u
#define IMCR_INDEX 0x22
#define IMCR_DATA 0x23
#define IMCR_SELECT 0x70

/* What one reading needs to know besides. */
struct reader {
	struct x86_apics *a;
	bool isa[BUSES];
	uint8_t ioapic_id[X86_IOAPICS_MAX];
	uint32_t pins; /* of the I/O APICs so far */
};

static bool sum_ok(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint8_t s = 0;

	while (n--)
		s += *b++;
	return s == 0;
}

static const struct floating *find(paddr_t start, paddr_t end)
{
	for (paddr_t p = start; p + sizeof(struct floating) <= end; p += 16) {
		const struct floating *f = arch_direct(p);

		if (!memcmp(f->sig, "_MP_", 4) && f->length == 1 && sum_ok(f, sizeof(*f)))
			return f;
	}
	return NULL;
}

static void add_ioapic(struct reader *r, const struct ioapic_entry *e)
{
	struct x86_apics *a = r->a;
	unsigned pins;

	if (!(e->flags & ENABLED) || a->ioapic_count == X86_IOAPICS_MAX)
		return;
	pins = x86_ioapic_probe(e->address);
	if (!pins)
		return;
	r->ioapic_id[a->ioapic_count] = e->id;
	a->ioapic[a->ioapic_count].phys = e->address;
	a->ioapic[a->ioapic_count++].gsi_base = r->pins;
	r->pins += pins;
}

static bool is_low(const struct line_entry *e) { return (e->flags & 3) == POLARITY_LOW; }
static bool is_level(const struct line_entry *e) { return (e->flags & TRIGGER_LEVEL) == TRIGGER_LEVEL; }

static void add_line(struct reader *r, const struct line_entry *e)
{
	struct x86_apics *a = r->a;

	if (e->kind != KIND_INT || !r->isa[e->bus] || e->line >= X86_ISA_LINES)
		return;
	for (unsigned i = 0; i < a->ioapic_count; i++)
		if (r->ioapic_id[i] == e->apic)
			a->isa[e->line] = (struct x86_line){ a->ioapic[i].gsi_base + e->pin, is_level(e), is_low(e) };
}

static void add_local_line(struct x86_apics *a, const struct line_entry *e)
{
	if (e->kind != KIND_NMI)
		return;
	a->nmi_lint = e->pin & 1;
	a->nmi_low = is_low(e);
	a->nmi_level = is_level(e);
}

/* The length of the entry, 0 for one of an unknown kind, behind which nothing can be found. */
static size_t read_entry(struct reader *r, const uint8_t *p)
{
	const struct cpu_entry *c = (const void *)p;
	const struct bus_entry *b = (const void *)p;

	switch (*p) {
	case ENTRY_CPU:
		if (c->flags & ENABLED && r->a->cpu_count < MAX_CPUS)
			r->a->cpu_apic[r->a->cpu_count++] = c->apic_id;
		return sizeof(*c);
	case ENTRY_BUS:
		r->isa[b->id] = !memcmp(b->name, "ISA", 3) || !memcmp(b->name, "EISA", 4);
		break;
	case ENTRY_IOAPIC:
		add_ioapic(r, (const void *)p);
		break;
	case ENTRY_LINE:
		add_line(r, (const void *)p);
		break;
	case ENTRY_LOCAL_LINE:
		add_local_line(r->a, (const void *)p);
		break;
	default:
		return 0;
	}
	return sizeof(struct line_entry);
}

static void read_config(const struct config *c, struct x86_apics *a)
{
	const uint8_t *p = (const uint8_t *)(c + 1), *end = (const uint8_t *)c + c->length;
	static struct reader r; /* boot CPU, once */

	r.a = a;
	x86_apics_default(a);
	for (size_t n; p + sizeof(struct line_entry) <= end; p += n) {
		if (*p == ENTRY_CPU && p + sizeof(struct cpu_entry) > end)
			break;
		n = read_entry(&r, p);
		if (!n)
			break;
	}
}

bool x86_mptable_read(struct x86_apics *a)
{
	uint32_t ebda = (uint32_t)*(volatile uint16_t *)arch_direct(0x40e) << 4;
	vaddr_t mark = x86_device_mark();
	const struct floating *f = ebda >= 0x80000 && ebda < 0xa0000 - 1024 ? find(ebda, ebda + 1024) : NULL;
	const struct config *c;
	bool good;

	if (!f)
		f = find(0x9fc00, 0xa0000);
	if (!f)
		f = find(0xf0000, 0x100000);
	c = f && f->table ? x86_device_map(f->table, 64 << 10) : NULL;
	good = c && !memcmp(c->sig, "PCMP", 4) && c->length >= sizeof(*c) && sum_ok(c, c->length);
	if (good)
		read_config(c, a);
	if (good && f->feature[1] & IMCR_PRESENT) { /* the local APIC's pins are cut off from the 8259s */
		outb(IMCR_INDEX, IMCR_SELECT);
		outb(IMCR_DATA, inb(IMCR_DATA) | 1);
	}
	x86_device_release(mark);
	return good && a->cpu_count && a->ioapic_count;
}
