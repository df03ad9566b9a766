/* SPDX-License-Identifier: MIT */
/*
 * The code that every program finds in its [vdso] page. It is linked as a shared object of its own (vdso.lds); tools/vdso.py embeds it.
 *
 * SYSENTER keeps neither the instruction pointer nor the stack pointer. The kernel returns to the landing pad, takes the stack from %ebp, and
 * finds the caller's %ebp, the sixth argument, at the top of that stack. SYSEXIT overwrites %ecx and %edx: hence they are pushed. A call that
 * is to be restarted goes on two bytes before the landing pad, at the int $0x80, with all registers as that wants them. Processors without
 * SYSENTER take the same way: the kernel makes the four bytes at x86_vdso_fast into nops.
 */
.text
.globl __kernel_vsyscall
.type __kernel_vsyscall, @function
.p2align 5, 0x90
__kernel_vsyscall:
	.cfi_startproc
	pushl %ecx
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset ecx, 0
	pushl %edx
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset edx, 0
	pushl %ebp
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset ebp, 0
.globl x86_vdso_fast
.hidden x86_vdso_fast
x86_vdso_fast:
	movl %esp, %ebp
	sysenter
	int $0x80
.globl x86_vdso_landing
.hidden x86_vdso_landing
x86_vdso_landing:
	popl %ebp
	.cfi_adjust_cfa_offset -4
	.cfi_restore ebp
	popl %edx
	.cfi_adjust_cfa_offset -4
	.cfi_restore edx
	popl %ecx
	.cfi_adjust_cfa_offset -4
	.cfi_restore ecx
	ret
	.cfi_endproc
.size __kernel_vsyscall, . - __kernel_vsyscall

/* Handlers return here. Unwinders know these two by their bytes, so they have no call frame information. */
	.p2align 5, 0x90
	nop
	.p2align 5, 0x90
.globl __kernel_sigreturn
.type __kernel_sigreturn, @function
__kernel_sigreturn:
	popl %eax
	movl $119, %eax
	int $0x80
.size __kernel_sigreturn, . - __kernel_sigreturn

	.p2align 5, 0x90
	nop
	.p2align 5, 0x90
.globl __kernel_rt_sigreturn
.type __kernel_rt_sigreturn, @function
__kernel_rt_sigreturn:
	movl $173, %eax
	int $0x80
.size __kernel_rt_sigreturn, . - __kernel_rt_sigreturn

.section .note.GNU-stack, "", @progbits
