/* SPDX-License-Identifier: MIT */
/* x86_switch_stacks(eax: where to save esp, edx: esp to load): callee-saved registers only. */
.text
.globl x86_switch_stacks
x86_switch_stacks:
	pushl %ebp
	pushl %ebx
	pushl %esi
	pushl %edi
	movl %esp, (%eax)
	movl %edx, %esp
	popl %edi
	popl %esi
	popl %ebx
	popl %ebp
	ret

/* x86_load_gs(eax: selector): a selector that names no segment loads as null. */
.globl x86_load_gs
x86_load_gs:
1:	movl %eax, %gs
	ret
2:	xorl %eax, %eax
	jmp 1b
	.section __ex_table, "a"
	.long 1b, 2b
