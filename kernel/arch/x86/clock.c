/* SPDX-License-Identifier: MIT */
/*
 * The time-stamp counter as clock, calibrated against channel 2 of the PIT unless CPUID tells its frequency; channel 0 of the PIT, one-shot, as
 * timer (Intel 8254 data sheet).
 */
#include "arch/clock.h"
#include "arch/platform.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/intc.h"
#include "arch/x86/io.h"
#include "arch/x86/regs.h"
#include "lib/bits.h"
#include "lib/div64.h"

#define PIT_HZ 1193182u
#define PIT_CH0 0x40
#define PIT_CH2 0x42
#define PIT_MODE 0x43
#define MODE_CH0_ONESHOT 0x30 /* mode 0: interrupt on terminal count, low then high byte */
#define MODE_CH2_ONESHOT 0xb0
#define PORT_B 0x61
#define CALIBRATE_TICKS 2386u /* 2 ms */
#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71

static uint64_t tsc_hz;

uint64_t arch_cycles(void) { return x86_rdtsc(); }
uint64_t arch_cycles_hz(void) { return tsc_hz; }

static uint64_t hz_from_cpuid(void)
{
	struct x86_cpuid r;

	if (x86_max_leaf() < 0x15)
		return 0;
	r = x86_cpuid(0x15, 0);
	if (!r.a || !r.b || !r.c)
		return 0;
	return (uint64_t)r.c * r.b / r.a;
}

/* Channel 2 counts down once while its gate is on; its output bit rises at the end. */
static uint64_t hz_from_pit(void)
{
	uint64_t start, end;

	outb(PORT_B, (uint8_t)((inb(PORT_B) & ~3u) | 1));
	outb(PIT_MODE, MODE_CH2_ONESHOT);
	outb(PIT_CH2, CALIBRATE_TICKS & 0xff);
	outb(PIT_CH2, CALIBRATE_TICKS >> 8);
	start = x86_rdtsc();
	while (!(inb(PORT_B) & 0x20) && x86_rdtsc() - start < 1ull << 33)
		;
	end = x86_rdtsc();
	return (end - start) * PIT_HZ / CALIBRATE_TICKS;
}

void arch_clock_init(void)
{
	tsc_hz = hz_from_cpuid();
	if (!tsc_hz)
		tsc_hz = hz_from_pit();
	if (!tsc_hz)
		tsc_hz = 1000000000ull;
	arch_timer_stop();
	arch_irq_unmask(IRQ_PIT);
}

/* At most 54 ms ahead: the timer room finds nothing due and arms it again. */
void arch_timer_arm(uint64_t delta_ns)
{
	uint32_t ticks;

	if (delta_ns > 50000000ull)
		delta_ns = 50000000ull;
	ticks = (uint32_t)((delta_ns * 1254u) >> 20) + 1; /* 1193182 / 1e9 = 1251.1 / 2^20, rounded up a little */
	ticks = MIN(ticks, 65535u);
	outb(PIT_MODE, MODE_CH0_ONESHOT);
	outb(PIT_CH0, (uint8_t)ticks);
	outb(PIT_CH0, (uint8_t)(ticks >> 8));
}

void arch_timer_stop(void)
{
	outb(PIT_MODE, MODE_CH0_ONESHOT); /* waits for a count that does not come */
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
