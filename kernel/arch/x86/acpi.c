/* SPDX-License-Identifier: MIT */
/*
 * RSDP -> RSDT -> FADT -> DSDT, every pointer and length checked against the direct map. The package \_S5 is found by its bytes, as its form
 * is fixed; no AML is run.
 */
#include "arch/x86/acpi.h"
#include "arch/mmu.h"
#include "arch/x86/io.h"
#include "core/cmdline.h"
#include "lib/bits.h"
#include "lib/string.h"

struct header { char sig[4]; uint32_t length; uint8_t rev, sum; char oem[22]; uint32_t creator; } __packed;
struct rsdp { char sig[8]; uint8_t sum; char oem[6]; uint8_t rev; uint32_t rsdt; } __packed;
struct fadt { struct header h; uint32_t facs, dsdt; uint8_t model, profile; uint16_t sci; uint32_t smi_cmd; uint8_t acpi_enable, acpi_disable, s4, pstate; uint32_t pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt; } __packed;

_Static_assert(sizeof(struct header) == 36, "system description table header");
_Static_assert(sizeof(struct fadt) == 72, "FADT up to PM1b_CNT_BLK");

#define TABLE_MAX (1ul << 20)
#define SLP_EN (1u << 13)

static struct { uint16_t pm1a, pm1b, smi; uint8_t enable, typ_a, typ_b; bool found; } s5;

/* The direct map goes in large pages, so it covers the firmware's tables right behind the last RAM. */
static uint64_t mapped_top(void) { return ALIGN_UP((uint64_t)arch_direct_top(), 4ull << 20); }

static bool sum_ok(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint8_t s = 0;

	while (n--)
		s += *b++;
	return s == 0;
}

static const struct header *table(uint32_t phys, const char *sig)
{
	const struct header *h;

	if (!phys || (uint64_t)phys + sizeof(*h) > mapped_top())
		return NULL;
	h = arch_direct(phys);
	if (memcmp(h->sig, sig, 4) || h->length < sizeof(*h) || h->length > TABLE_MAX || (uint64_t)phys + h->length > mapped_top())
		return NULL;
	return sum_ok(h, h->length) ? h : NULL;
}

static const struct rsdp *find_rsdp(paddr_t start, paddr_t end)
{
	for (paddr_t p = start; p + sizeof(struct rsdp) <= end; p += 16) {
		const struct rsdp *r = arch_direct(p);

		if (!memcmp(r->sig, "RSD PTR ", 8) && sum_ok(r, 20))
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

void x86_acpi_init(void)
{
	const char *opt = cmdline_get("acpi");
	const struct rsdp *r;
	const struct header *rsdt;
	uint32_t ebda = (uint32_t)*(volatile uint16_t *)arch_direct(0x40e) << 4;

	if (opt && !strcmp(opt, "off"))
		return;
	r = ebda >= 0x80000 && ebda < 0xa0000 ? find_rsdp(ebda, ebda + 1024) : NULL;
	if (!r)
		r = find_rsdp(0xe0000, 0x100000);
	rsdt = r ? table(r->rsdt, "RSDT") : NULL;
	if (!rsdt)
		return;
	for (uint32_t off = sizeof(*rsdt); off + 4 <= rsdt->length; off += 4) {
		uint32_t phys;

		memcpy(&phys, (const char *)rsdt + off, 4);
		const struct header *h = table(phys, "FACP");
		if (h && h->length >= sizeof(struct fadt))
			read_fadt((const struct fadt *)h);
	}
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
