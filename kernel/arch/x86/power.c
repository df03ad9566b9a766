/* SPDX-License-Identifier: MIT */
/* Turning the machine off and restarting it, by whatever it has. */
#include "arch/boot.h"
#include "arch/irqflag.h"
#include "arch/x86/acpi.h"
#include "arch/x86/io.h"
#include "arch/cpu.h"
#include "core/klog.h"
#include "core/nmi.h"

#define KBC_STATUS 0x64
#define KBC_RESET 0xfe
#define PORT_RESET 0xcf9

void (*power_flush_hook)(void);

static void restart(void)
{
	struct { uint16_t limit; uint32_t base; } __packed none = { 0, 0 };

	outb(PORT_RESET, 0x02);
	outb(PORT_RESET, 0x06);
	for (unsigned i = 0; i < 65536 && inb(KBC_STATUS) & 2; i++)
		;
	outb(KBC_STATUS, KBC_RESET);
	__asm__ volatile("lidt %0; int3" :: "m"(none)); /* an exception that cannot be delivered resets the processor */
}

__noreturn void arch_power(enum power_action what)
{
	klog_flush();
	if (power_flush_hook)
		power_flush_hook();
	arch_irq_disable();
	if (what == POWER_OFF)
		x86_acpi_power_off();
	if (what == POWER_RESTART)
		restart();
	nmi_stop_others();
	arch_halt();
}

void arch_debug_exit(unsigned port, uint32_t value)
{
	outl((uint16_t)port, value);
}
