/* SPDX-License-Identifier: MIT */
/*
 * First instruction of another CPU to C. The part up to x86_ap_end runs at X86_AP_PAGE, where mp.c copies it: from 16 bits to the boot directory,
 * which maps low memory both at 0 and at 0xC0000000. The rest runs in the kernel's text, on the kernel's own tables.
 */
#include "arch/x86/mp.h"

#define PHYS(x) ((x) - 0xC0000000)
#define AT(x) (X86_AP_PAGE + (x) - x86_ap_begin)
#define CR4_PSE 0x10
#define CR0_PAGING_WP_PROTECTED 0x80010001
#define CODE 0x08
#define DATA 0x10

.section .rodata
.globl x86_ap_begin
.globl x86_ap_end
.p2align 4
.code16
x86_ap_begin:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl (ap_gdtr - x86_ap_begin)
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $CODE, $AT(1f)
.code32
1:	movl $DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %cr4, %eax
	orl $CR4_PSE, %eax
	movl %eax, %cr4
	movl $PHYS(boot_directory), %eax
	movl %eax, %cr3
	movl %cr0, %eax
	andl $0x9fffffff, %eax          /* the caches are off after INIT */
	orl $CR0_PAGING_WP_PROTECTED, %eax
	movl %eax, %cr0
	movl $ap_high, %eax
	jmp *%eax
.p2align 3
ap_gdt:
	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
ap_gdtr:
	.word 23
	.long AT(ap_gdt)
x86_ap_end:

.text
ap_high:
	movl x86_ap_root, %eax
	movl %eax, %cr3
	movl x86_ap_stack, %esp
	xorl %ebp, %ebp
	movl x86_ap_cpu, %eax
	call x86_ap_main
	ud2
