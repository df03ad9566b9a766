/* SPDX-License-Identifier: MIT */
/*
 * RSDP -> XSDT or RSDT -> FADT -> DSDT, and MADT. Nothing in the tables is believed before its length and checksum are checked, and each is
 * looked at through a window, for it may lie anywhere. The package \_S5 is found by its bytes, as its form is fixed; no AML is run.
 */
#include "arch/x86/acpi.h"
#include "arch/mmu.h"
#include "arch/x86/io.h"
#include "arch/x86/mmu.h"
#include "core/cmdline.h"
#include "lib/string.h"

struct header { char sig[4]; uint32_t length; uint8_t rev, sum; char oem[22]; uint32_t creator; } __packed;
struct rsdp { char sig[8]; uint8_t sum; char oem[6]; uint8_t rev; uint32_t rsdt, length; uint64_t xsdt; uint8_t sum2, pad[3]; } __packed;
struct fadt { struct header h; uint32_t facs, dsdt; uint8_t model, profile; uint16_t sci; uint32_t smi_cmd; uint8_t acpi_enable, acpi_disable, s4, pstate; uint32_t pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt; } __packed;

/* Entries of the MADT. */
struct entry { uint8_t type, length; } __packed;
struct entry_cpu { struct entry e; uint8_t acpi_id, apic_id; uint32_t flags; } __packed;
struct entry_ioapic { struct entry e; uint8_t id, pad; uint32_t address, gsi_base; } __packed;
struct entry_override { struct entry e; uint8_t bus, line; uint32_t gsi; uint16_t flags; } __packed;
struct entry_nmi { struct entry e; uint8_t acpi_id; uint16_t flags; uint8_t lint; } __packed;
struct entry_x2cpu { struct entry e; uint16_t pad; uint32_t apic_id, flags, acpi_id; } __packed;
enum { MADT_CPU = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_NMI = 4, MADT_X2CPU = 9 };

_Static_assert(sizeof(struct header) == 36, "system description table header");
_Static_assert(sizeof(struct rsdp) == 36, "root pointer");
_Static_assert(sizeof(struct fadt) == 72, "FADT up to PM1b_CNT_BLK");

#define TABLE_MAX (1u << 20)
#define RSDP_V1_BYTES 20
#define MADT_ENTRIES 44 /* offset of the first */
#define CPU_ENABLED 1u
#define POLARITY_LOW 3u
#define TRIGGER_LEVEL 0xcu
#define SLP_EN (1u << 13)

static struct { uint16_t pm1a, pm1b, smi; uint8_t enable, typ_a, typ_b; bool found; } s5;
static struct x86_apics madt;
static bool have_madt;

static bool sum_ok(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint8_t s = 0;

	while (n--)
		s += *b++;
	return s == 0;
}

/* The whole table in a window (the caller releases it), or NULL. sig: NULL for any. */
static const struct header *table(uint32_t phys, const char *sig)
{
	vaddr_t mark = x86_device_mark();
	const struct header *h = phys ? x86_device_map(phys, sizeof(*h)) : NULL;
	uint32_t length;

	if (!h)
		return NULL;
	length = h->length;
	if (length >= sizeof(*h) && length <= TABLE_MAX && (!sig || !memcmp(h->sig, sig, 4))) {
		x86_device_release(mark);
		h = x86_device_map(phys, length);
		if (h && h->length == length && sum_ok(h, length))
			return h;
	}
	x86_device_release(mark);
	return NULL;
}

static const struct rsdp *find_rsdp(paddr_t start, paddr_t end)
{
	for (paddr_t p = start; p + sizeof(struct rsdp) <= end; p += 16) {
		const struct rsdp *r = arch_direct(p);

		if (!memcmp(r->sig, "RSD PTR ", 8) && sum_ok(r, RSDP_V1_BYTES))
			return r;
	}
	return NULL;
}

/* \_S5_ PackageOp length count (BytePrefix) value (BytePrefix) value */
static void find_s5(const struct header *dsdt)
{
	const uint8_t *b = (const uint8_t *)(dsdt + 1), *end = (const uint8_t *)dsdt + dsdt->length;

	for (; b + 16 < end; b++) {
		if (memcmp(b, "_S5_", 4) || b[4] != 0x12)
			continue;
		const uint8_t *p = b + 5;
		p += (p[0] >> 6) + 2;
		if (p + 4 > end)
			return;
		s5.typ_a = *p == 0x0a ? *++p : *p;
		p++;
		s5.typ_b = *p == 0x0a ? *++p : *p;
		s5.found = true;
		return;
	}
}

static void read_fadt(const struct fadt *f)
{
	const struct header *dsdt = table(f->dsdt, "DSDT");

	if (!dsdt)
		return;
	s5.pm1a = (uint16_t)f->pm1a_cnt;
	s5.pm1b = (uint16_t)f->pm1b_cnt;
	s5.smi = (uint16_t)f->smi_cmd;
	s5.enable = f->acpi_enable;
	find_s5(dsdt);
}

static void add_cpu(uint32_t apic_id, uint32_t flags)
{
	if (flags & CPU_ENABLED && apic_id < 0xff && madt.cpu_count < MAX_CPUS)
		madt.cpu_apic[madt.cpu_count++] = (uint8_t)apic_id;
}

static void add_ioapic(const struct entry_ioapic *i)
{
	if (madt.ioapic_count == X86_IOAPICS_MAX || !i->address)
		return;
	madt.ioapic[madt.ioapic_count].phys = i->address;
	madt.ioapic[madt.ioapic_count++].gsi_base = i->gsi_base;
}

static void add_override(const struct entry_override *o)
{
	if (o->bus || o->line >= X86_ISA_LINES)
		return;
	madt.isa[o->line] = (struct x86_line){ o->gsi, (o->flags & TRIGGER_LEVEL) == TRIGGER_LEVEL, (o->flags & 3) == POLARITY_LOW };
}

static void read_entry(const struct entry *e)
{
	if (e->type == MADT_CPU && e->length >= sizeof(struct entry_cpu)) {
		add_cpu(((const struct entry_cpu *)e)->apic_id, ((const struct entry_cpu *)e)->flags);
	} else if (e->type == MADT_X2CPU && e->length >= sizeof(struct entry_x2cpu)) {
		add_cpu(((const struct entry_x2cpu *)e)->apic_id, ((const struct entry_x2cpu *)e)->flags);
	} else if (e->type == MADT_IOAPIC && e->length >= sizeof(struct entry_ioapic)) {
		add_ioapic((const struct entry_ioapic *)e);
	} else if (e->type == MADT_OVERRIDE && e->length >= sizeof(struct entry_override)) {
		add_override((const struct entry_override *)e);
	} else if (e->type == MADT_NMI && e->length >= sizeof(struct entry_nmi)) {
		const struct entry_nmi *n = (const struct entry_nmi *)e;

		madt.nmi_lint = n->lint & 1;
		madt.nmi_low = (n->flags & 3) == POLARITY_LOW;
		madt.nmi_level = (n->flags & TRIGGER_LEVEL) == TRIGGER_LEVEL;
	}
}

static void read_madt(const struct header *h)
{
	const char *base = (const char *)h;

	if (have_madt)
		return;
	x86_apics_default(&madt);
	for (uint32_t off = MADT_ENTRIES; off + sizeof(struct entry) <= h->length;) {
		const struct entry *e = (const struct entry *)(base + off);

		if (e->length < sizeof(*e) || e->length > h->length - off)
			break;
		read_entry(e);
		off += e->length;
	}
	have_madt = true;
}

/* The root table is an array of addresses, width bytes each; those above 4 GiB cannot be reached. */
static void read_tables(const struct header *root, uint32_t width)
{
	for (uint32_t off = sizeof(*root); off + width <= root->length; off += width) {
		vaddr_t mark = x86_device_mark();
		uint64_t phys = 0;
		const struct header *h;

		memcpy(&phys, (const char *)root + off, width);
		h = phys >> 32 ? NULL : table((uint32_t)phys, NULL);
		if (h && !memcmp(h->sig, "FACP", 4) && h->length >= sizeof(struct fadt))
			read_fadt((const struct fadt *)h);
		else if (h && !memcmp(h->sig, "APIC", 4) && h->length >= MADT_ENTRIES)
			read_madt(h);
		x86_device_release(mark);
	}
}

void x86_acpi_init(void)
{
	const char *opt = cmdline_get("acpi");
	const struct rsdp *r;
	const struct header *root = NULL;
	uint32_t ebda = (uint32_t)*(volatile uint16_t *)arch_direct(0x40e) << 4;
	vaddr_t mark = x86_device_mark();

	if (opt && !strcmp(opt, "off"))
		return;
	r = ebda >= 0x80000 && ebda < 0xa0000 - 1024 ? find_rsdp(ebda, ebda + 1024) : NULL;
	if (!r)
		r = find_rsdp(0xe0000, 0x100000);
	if (!r)
		return;
	if (r->rev >= 2 && r->length >= sizeof(*r) && sum_ok(r, sizeof(*r)) && !(r->xsdt >> 32))
		root = table((uint32_t)r->xsdt, "XSDT");
	if (root) {
		read_tables(root, 8);
	} else {
		root = table(r->rsdt, "RSDT");
		if (root)
			read_tables(root, 4);
	}
	x86_device_release(mark);
}

bool x86_acpi_apics(struct x86_apics *a)
{
	if (have_madt)
		*a = madt;
	return have_madt;
}

void x86_acpi_power_off(void)
{
	if (!s5.found)
		return;
	if (s5.smi && s5.enable && !(inw(s5.pm1a) & 1)) {
		outb(s5.smi, s5.enable);
		for (unsigned i = 0; i < 1000000 && !(inw(s5.pm1a) & 1); i++)
			;
	}
	outw(s5.pm1a, (uint16_t)(s5.typ_a << 10 | SLP_EN));
	if (s5.pm1b)
		outw(s5.pm1b, (uint16_t)(s5.typ_b << 10 | SLP_EN));
	for (unsigned i = 0; i < 1000000; i++)
		inb(0x80);
}
