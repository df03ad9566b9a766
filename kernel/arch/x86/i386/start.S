/* SPDX-License-Identifier: MIT */
/* First instruction to C: a boot page directory that maps the first 64 MiB at 0 and at 0xC0000000 with 4 MiB or 4 KiB pages. */
#define MULTIBOOT_MAGIC 0x1BADB002
#define MULTIBOOT_FLAGS 3 /* modules on page borders, memory map */
#define CPU_FLOOR 0x8101 /* FPU, CMPXCHG8B, CMOV: a Pentium Pro */
#define VGA_TEXT 0xb8000
#define VGA_GREY 0x07
#define COM1 0x3f8
#define COM1_STATUS 0x3fd
#define COM1_ROOM 0x20
#define PHYS(x) ((x) - 0xC0000000)
#if CONFIG_SANITIZE
#define SHADOW_SLOT 928           /* of 0xE8000000 */
#define SHADOW_PAGES 512          /* for the first 16 MiB, where the kernel and its first stack are */
#define BOOT_STACK 16384
#else
#define BOOT_STACK 8192
#endif

.section .multiboot, "a"
.align 4
	.long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

.section .boot.text, "ax"
.globl _start
_start:
	cli
	cld
	movl %eax, %ebp                 /* loader's magic */
	movl %ebx, %esi                 /* multiboot information */
	movl $PHYS(_bss_start), %edi
	movl $PHYS(_bss_end), %ecx
	subl %edi, %ecx
	shrl $2, %ecx
	xorl %eax, %eax
	rep stosl
	movl $PHYS(boot_stack_top), %esp
	movl $1, %eax
	cpuid
	movl %edx, %eax
	andl $CPU_FLOOR, %eax
	cmpl $CPU_FLOOR, %eax
	jne too_old
	testl $8, %edx                  /* PSE */
	jz 2f
	movl $PHYS(boot_directory), %edi
	movl $0x83, %eax
	movl $16, %ecx
1:	movl %eax, (%edi)
	movl %eax, 768*4(%edi)
	addl $0x400000, %eax
	addl $4, %edi
	loop 1b
	movl %cr4, %eax
	orl $0x10, %eax
	movl %eax, %cr4
	jmp 4f
2:	/* no large pages: four tables for the first 16 MiB */
	movl $PHYS(boot_tables), %edi
	movl $3, %eax
	movl $4096, %ecx
3:	movl %eax, (%edi)
	addl $4096, %eax
	addl $4, %edi
	loop 3b
	movl $PHYS(boot_directory), %edi
	movl $PHYS(boot_tables) + 3, %eax
	movl $4, %ecx
31:	movl %eax, (%edi)
	movl %eax, 768*4(%edi)
	addl $4096, %eax
	addl $4, %edi
	loop 31b
4:
#if CONFIG_SANITIZE
	movl $PHYS(early_shadow_table) + 3, PHYS(boot_directory) + SHADOW_SLOT*4
#endif
	movl $PHYS(boot_directory), %eax
	movl %eax, %cr3
	movl %cr0, %eax
	orl $0x80010001, %eax           /* paging, write protect, protected mode */
	movl %eax, %cr0
	movl $5f, %eax
	jmp *%eax

/* Nothing of the kernel proper may run: its code is for newer processors. Says so on the screen and on the serial line. */
too_old:
	movl $too_old_text, %esi
	movl $VGA_TEXT, %edi
1:	lodsb
	testb %al, %al
	jz 3f
	movb %al, %bl
	cmpb $' ', %al
	jb 2f
	movb $VGA_GREY, %ah
	movw %ax, (%edi)
	addl $2, %edi
2:
	movl $100000, %ecx              /* there may be no serial line */
	movl $COM1_STATUS, %edx
4:	inb %dx, %al
	testb $COM1_ROOM, %al
	loopz 4b
	movb %bl, %al
	movl $COM1, %edx
	outb %al, %dx
	jmp 1b
3:	hlt
	jmp 3b
too_old_text:
	.asciz "Perigee needs an i686 processor (Pentium Pro or later).\r\n"

.text
5:	movl $boot_stack_top, %esp
	xorl %edx, %edx
	pushl %edx
	movl %esp, %edx
	movl %ebp, %eax
	movl %esi, %edx
	xorl %ebp, %ebp
	call x86_boot
	ud2

.section .bss.boot, "aw", @nobits /* on a page: kernel.ld */
.globl boot_directory
boot_directory: .skip 4096
boot_tables: .skip 4 * 4096
.skip BOOT_STACK
.globl boot_stack_top
boot_stack_top:
#if CONFIG_SANITIZE
/* Functions write what is between their variables into the shadow from the first one on. */
.globl x86_early_shadow
.globl x86_early_shadow_end
x86_early_shadow: .skip SHADOW_PAGES * 4096
x86_early_shadow_end:

.section .data
.align 4096
early_shadow_table:
.set n, 0
.rept SHADOW_PAGES
	.long PHYS(x86_early_shadow) + 3 + n
	.set n, n + 4096
.endr
.skip 4096 - SHADOW_PAGES * 4
#endif
