/* SPDX-License-Identifier: MIT */
/* Watched addresses of a thread. */
#include "arch/x86/debugregs.h"
#include "arch/mmu.h"
#include "arch/x86/regs.h"
#include "core/percpu.h"
#include "lib/errno.h"

#define CONTROL_RESERVED 0xfc00u /* general detect among them */
#define CONTROL_ENABLE 0xffu
#define STATUS_FIXED 0xffff0ff0u
#define STATUS_CAUSES 0x400fu
#define KIND_IO 2u
#define KIND_EXEC 0u
#define LENGTH_8 2u

static bool enabled(uint32_t control, unsigned i) { return control >> i * 2 & 3; }

/* Bits of control for address i: what is watched for, and how many bytes. */
static int check(uint32_t address, uint32_t control, unsigned i)
{
	unsigned kind = control >> (16 + i * 4) & 3, length = control >> (18 + i * 4) & 3;

	if (!enabled(control, i))
		return 0;
	if (kind == KIND_IO || length == LENGTH_8 || (kind == KIND_EXEC && length))
		return -EINVAL;
	return address & length || address > ARCH_USER_TOP - 4 ? -EINVAL : 0;
}

int x86_debugregs_set(struct x86_debugregs *d, unsigned n, uint32_t v)
{
	if (n < 4) {
		if (v >= ARCH_USER_TOP || check(v, d->control, n))
			return -EINVAL;
		d->address[n] = v;
	} else if (n == 6) {
		d->hits = (v ^ STATUS_FIXED) & STATUS_CAUSES;
	} else if (n == 7) {
		v &= ~CONTROL_RESERVED;
		for (unsigned i = 0; i < 4; i++)
			if (check(d->address[i], v, i))
				return -EINVAL;
		d->control = v;
	} else {
		return -EIO;
	}
	return 0;
}

uint32_t x86_debugregs_get(const struct x86_debugregs *d, unsigned n)
{
	return n < 4 ? d->address[n] : n == 6 ? d->hits ^ STATUS_FIXED : n == 7 ? d->control : 0;
}

void x86_debugregs_load(struct x86_debugregs *d)
{
	if (d && !(d->control & CONTROL_ENABLE))
		d = NULL;
	if (d == this_cpu()->arch.watched && !d)
		return;
	x86_set_dr7(0);
	this_cpu()->arch.watched = d;
	if (!d)
		return;
	x86_set_dr0(d->address[0]);
	x86_set_dr1(d->address[1]);
	x86_set_dr2(d->address[2]);
	x86_set_dr3(d->address[3]);
	x86_set_dr7(d->control);
}

uint32_t x86_debugregs_cause(void)
{
	struct x86_debugregs *d = this_cpu()->arch.watched;
	uint32_t cause = x86_dr6() & STATUS_CAUSES;

	x86_set_dr6(STATUS_FIXED);
	for (unsigned i = 0; i < 4; i++) /* the processor may tell of those that are off */
		if (!d || !enabled(d->control, i))
			cause &= ~(1u << i);
	if (d)
		d->hits |= cause;
	return cause;
}
