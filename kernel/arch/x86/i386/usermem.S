/* SPDX-License-Identifier: MIT */
/*
 * Copies between kernel and user memory that survive faults: bytes not copied in eax. A fault at a listed instruction continues at its
 * fixup. arguments: eax = destination, edx = source, ecx = length.
 */
#include "arch/x86/useraccess.h"

.text
.globl x86_user_copy
x86_user_copy:
	pushl %esi
	pushl %edi
	pushl %ebx
	movl %eax, %edi
	movl %edx, %esi
	movl %ecx, %ebx
	andl $3, %ebx
	shrl $2, %ecx
	USER_ACCESS_BEGIN
1:	rep movsl
	movl %ebx, %ecx
2:	rep movsb
3:	USER_ACCESS_END
	movl %ecx, %eax
	popl %ebx
	popl %edi
	popl %esi
	ret
4:	leal (%ebx,%ecx,4), %ecx
	movl %ecx, %ebx
	/* a word may straddle the border: try the rest byte by byte, so that everything up to it is copied */
	jmp 2b
	.section __ex_table, "a"
	.long 1b, 4b, 2b, 3b
	.text

.globl x86_user_zero
x86_user_zero:
	pushl %edi
	movl %eax, %edi
	movl %edx, %ecx
	xorl %eax, %eax
	USER_ACCESS_BEGIN
5:	rep stosb
6:	USER_ACCESS_END
	movl %ecx, %eax
	popl %edi
	ret
	.section __ex_table, "a"
	.long 5b, 6b
