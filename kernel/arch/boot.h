/* SPDX-License-Identifier: MIT */
/*
 * Contract: what the boot loader handed over, copied to kernel memory by the architecture's first C code, and turning off.
 */
#ifndef ARCH_BOOT_H
#define ARCH_BOOT_H

#include "lib/compiler.h"
#include "lib/types.h"

#define BOOT_MAX_RANGES 64
#define BOOT_CMDLINE_MAX 2048

struct boot_range {
	paddr_t start, end; /* bytes, [start, end) */
};

struct boot_info {
	char cmdline[BOOT_CMDLINE_MAX];             /* as Linux writes it; no program name */
	struct boot_range ram[BOOT_MAX_RANGES];     /* usable RAM, page aligned inwards, sorted, disjoint */
	unsigned ram_count;
	struct boot_range reserved[BOOT_MAX_RANGES]; /* kernel image, modules, tables: inside or outside ram */
	unsigned reserved_count;
	struct boot_range initrd;                   /* first module; empty if none */
};

/* Valid from the first line of kernel_main. */
const struct boot_info *arch_boot_info(void);

/* NULL, or: sends output that is still on its way. arch_power calls it. */
extern void (*power_flush_hook)(void);

enum power_action { POWER_OFF, POWER_RESTART, POWER_HALT };
/* Turns the machine off or restarts it by whatever it has; halts for ever when nothing works. */
__noreturn void arch_power(enum power_action what);
/* Writes a byte to a port of the isa-debug-exit kind (x86), so that the emulator ends with it. Returns if it has no effect. */
void arch_debug_exit(unsigned port, uint32_t value);

/* The architecture's entry calls this on the boot stack, interrupts off, once it has a direct map. In init/main.c. */
__noreturn void kernel_main(void);

#endif
