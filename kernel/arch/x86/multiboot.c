/* SPDX-License-Identifier: MIT */
/* Multiboot 1 boot information -> arch/boot.h. Everything is copied before the memory it lies in can be given out. */
#include "arch/boot.h"
#include "arch/mmu.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/fpu.h"
#include "arch/x86/gdt.h"
#include "arch/x86/harden.h"
#include "arch/x86/mp.h"
#include "core/percpu.h"
#include "lib/bits.h"
#include "lib/string.h"

#define LOADER_MAGIC 0x2BADB002u
#define HAS_MEM 1u
#define HAS_CMDLINE 4u
#define HAS_MODS 8u
#define HAS_MMAP 64u
#define LOW_TOP 0x9f000ul
#define MIB 0x100000ul
#define RAM_LIMIT 0xC0000000ul /* 3 GiB */

struct mb_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4], mmap_length, mmap_addr;
};
struct mb_module { uint32_t start, end, string, reserved; };
struct mb_range { uint32_t size; uint64_t base, length; uint32_t type; } __packed;

extern char _kernel_start[], _kernel_end[];
static struct boot_info info;

const struct boot_info *arch_boot_info(void) { return &info; }

static void add_ram(uint64_t start, uint64_t end)
{
	start = ALIGN_UP(start, (uint64_t)PAGE_SIZE);
	end = ALIGN_DOWN(MIN(end, (uint64_t)RAM_LIMIT), (uint64_t)PAGE_SIZE);
	if (start < PAGE_SIZE)
		start = PAGE_SIZE; /* the first page stays unused: physical address 0 means "none" */
	if (start >= end || info.ram_count == BOOT_MAX_RANGES)
		return;
	unsigned i = info.ram_count++;
	for (; i > 0 && info.ram[i - 1].start > start; i--)
		info.ram[i] = info.ram[i - 1];
	info.ram[i] = (struct boot_range){ (paddr_t)start, (paddr_t)end };
}

static void reserve(paddr_t start, paddr_t end)
{
	if (info.reserved_count < BOOT_MAX_RANGES)
		info.reserved[info.reserved_count++] = (struct boot_range){ start, end };
}

static void read_memory_map(const struct mb_info *mb)
{
	if (mb->flags & HAS_MMAP) {
		for (uint32_t off = 0; off + sizeof(struct mb_range) <= mb->mmap_length;) {
			const struct mb_range *r = arch_direct(mb->mmap_addr + off);

			if (r->type == 1 && r->base < RAM_LIMIT)
				add_ram(r->base, r->base + r->length);
			off += r->size + 4;
		}
	} else if (mb->flags & HAS_MEM) {
		add_ram(PAGE_SIZE, MIN((paddr_t)mb->mem_lower << 10, LOW_TOP));
		add_ram(MIB, MIB + ((uint64_t)mb->mem_upper << 10));
	}
}

static void read_modules(const struct mb_info *mb)
{
	const struct mb_module *m = arch_direct(mb->mods_addr);

	if (!(mb->flags & HAS_MODS))
		return;
	for (uint32_t i = 0; i < mb->mods_count && i < 8; i++) {
		reserve(PAGE_DOWN(m[i].start), PAGE_UP(m[i].end));
		if (i == 0)
			info.initrd = (struct boot_range){ m[i].start, m[i].end };
	}
}

/* GRUB and QEMU put the kernel's file name before the options. */
static void read_cmdline(const struct mb_info *mb)
{
	const char *s;

	if (!(mb->flags & HAS_CMDLINE) || !mb->cmdline)
		return;
	s = arch_direct(mb->cmdline);
	while (*s && *s != ' ')
		s++;
	while (*s == ' ')
		s++;
	str_copy(info.cmdline, s, sizeof(info.cmdline));
}

__noreturn void x86_boot(uint32_t magic, uint32_t mb_phys)
{
	percpu_init_boot();
	x86_cpuid_init();
	x86_gdt_init(&cpus[0]);
	x86_fpu_init();
	x86_harden_text();
	x86_harden_cpu();
	if (magic == LOADER_MAGIC) {
		const struct mb_info *mb = arch_direct(mb_phys);

		read_memory_map(mb);
		read_modules(mb);
		read_cmdline(mb);
	}
	reserve((paddr_t)_kernel_start - ARCH_KERNEL_BASE, PAGE_UP((paddr_t)_kernel_end - ARCH_KERNEL_BASE));
	reserve(0, PAGE_SIZE);
	reserve(X86_AP_PAGE, X86_AP_PAGE + PAGE_SIZE);
	kernel_main();
}
