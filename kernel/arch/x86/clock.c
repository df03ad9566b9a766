/* SPDX-License-Identifier: MIT */
/*
 * The time-stamp counter as clock. As timer, best first: the local APIC's, compared with the TSC; the same, counting down; channel 0 of the PIT.
 */
#include "arch/clock.h"
#include "arch/platform.h"
#include "arch/x86/clock.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/intc.h"
#include "arch/x86/io.h"
#include "arch/x86/lapic.h"
#include "arch/x86/pit.h"
#include "arch/x86/regs.h"
#include "arch/x86/tsc.h"
#include "core/klog.h"
#include "lib/bits.h"
#include "lib/div64.h"

#define NS_PER_S 1000000000u
#define SCALE_SHIFT 24
#define PIT_MAX_NS 50000000ull    /* its 16 bits end at 54 ms: the timer room finds nothing due and arms it again */
#define MAX_NS 20000000000ull     /* the same for the others */
#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71

enum timer_kind { TIMER_PIT, TIMER_LAPIC, TIMER_DEADLINE };
static const char *const timer_names[] = { "PIT", "local APIC", "local APIC with TSC deadline" };

static uint64_t tsc_hz;
static enum timer_kind timer;
static uint32_t timer_scale; /* timer ticks of a nanosecond, << SCALE_SHIFT */

uint64_t arch_cycles_hz(void) { return tsc_hz; }

static uint32_t scale_of(uint64_t hz)
{
	uint64_t scale = hz << SCALE_SHIFT;

	div64_32(&scale, NS_PER_S);
	return (uint32_t)scale;
}

void arch_clock_init(void)
{
	bool lapic = x86_lapic_present(), deadline = lapic && x86_cpu_has(X86_DEADLINE);
	struct x86_rates r = x86_rates_find(lapic && !deadline);

	tsc_hz = r.tsc_hz;
	timer = deadline ? TIMER_DEADLINE : r.lapic_hz ? TIMER_LAPIC : TIMER_PIT;
	timer_scale = scale_of(timer == TIMER_DEADLINE ? r.tsc_hz : timer == TIMER_LAPIC ? r.lapic_hz : PIT_HZ);
	x86_pit_stop();
	if (timer == TIMER_DEADLINE)
		x86_lapic_timer_use_deadline();
	arch_timer_stop();
	if (timer == TIMER_PIT)
		arch_irq_unmask(IRQ_PIT);
	klog_info("interrupts: %s; clock: TSC, %lu kHz (%s); timer: %s", x86_intc_name(), (unsigned long)(tsc_hz / 1000), r.source, timer_names[timer]);
}

bool x86_clock_per_cpu(void) { return timer != TIMER_PIT; }

void x86_clock_init_cpu(void)
{
	if (timer == TIMER_DEADLINE)
		x86_lapic_timer_use_deadline();
	else
		x86_lapic_timer_divide();
	arch_timer_stop();
}

void arch_timer_arm(uint64_t delta_ns)
{
	uint64_t ticks;

	delta_ns = MIN(delta_ns, timer == TIMER_PIT ? PIT_MAX_NS : MAX_NS);
	ticks = mul_u64_u32_shr(delta_ns, timer_scale, SCALE_SHIFT) + 1; /* rather late than early */
	if (timer == TIMER_DEADLINE)
		x86_lapic_timer_deadline(x86_rdtsc() + ticks);
	else if (timer == TIMER_LAPIC)
		x86_lapic_timer_oneshot((uint32_t)MIN(ticks, 0xffffffffull));
	else
		x86_pit_oneshot((uint32_t)MIN(ticks, 65535ull));
}

void arch_timer_stop(void)
{
	if (timer == TIMER_DEADLINE)
		x86_lapic_timer_deadline(0);
	else if (timer == TIMER_LAPIC)
		x86_lapic_timer_oneshot(0);
	else
		x86_pit_stop();
}

static unsigned cmos(uint8_t reg)
{
	outb(CMOS_INDEX, reg);
	return inb(CMOS_DATA);
}

static unsigned from_bcd(unsigned v, bool bcd) { return bcd ? (v >> 4) * 10 + (v & 15) : v; }

static uint64_t days_from_civil(unsigned y, unsigned m, unsigned d)
{
	y -= m <= 2;
	unsigned era = y / 400, yoe = y % 400, doy = (153 * (m + (m > 2 ? -3u : 9u)) + 2) / 5 + d - 1;

	return (uint64_t)era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

uint64_t arch_rtc_seconds(void)
{
	unsigned status = cmos(0x0b), s, m, h, day, mon, year;
	bool bcd = !(status & 4);

	if (status == 0xff)
		return 0;
	for (unsigned i = 0; i < 100000 && cmos(0x0a) & 0x80; i++)
		;
	s = from_bcd(cmos(0), bcd);
	m = from_bcd(cmos(2), bcd);
	h = from_bcd(cmos(4) & 0x7f, bcd);
	day = from_bcd(cmos(7), bcd);
	mon = from_bcd(cmos(8), bcd);
	year = 2000 + from_bcd(cmos(9), bcd);
	if (mon < 1 || mon > 12 || day < 1 || day > 31)
		return 0;
	return days_from_civil(year, mon, day) * 86400 + h * 3600 + m * 60 + s;
}
