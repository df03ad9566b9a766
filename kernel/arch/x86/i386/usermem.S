/* SPDX-License-Identifier: MIT */
/*
 * Copies between kernel and user memory that survive faults: bytes not copied in eax. A fault at a listed instruction continues at its
 * fixup. arguments: eax = destination, edx = source, ecx = length.
 *
 * Where there is SSE, what is long goes 16 bytes at a time. A fault may sleep meanwhile: only threads that have user memory come here, and the
 * registers of those are saved at a switch. One that cannot be helped leaves the rest to the words and bytes, which meet it again.
 */
#include "arch/x86/useraccess.h"

#define WIDE 256

.macro WIDE_BEGIN
	cmpb $0, x86_fpu_wide
	je 0b
	subl $16, %esp
	movups %xmm0, (%esp)
	USER_ACCESS_BEGIN
.endm
/* Behind it: what is left, less than WIDE bytes or with a fault in them. */
.macro WIDE_END
	USER_ACCESS_END
	movups (%esp), %xmm0
	addl $16, %esp
	jmp 0b
.endm

#define EFAULT 14

.text
.globl x86_user_copy
x86_user_copy:
	pushl %esi
	pushl %edi
	pushl %ebx
	movl %eax, %edi
	movl %edx, %esi
	cmpl $WIDE, %ecx
	jae 5f
0:	movl %ecx, %ebx
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
5:	WIDE_BEGIN
copy_wide:
.irp at, 0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240
6:	movups \at(%esi), %xmm0
7:	movups %xmm0, \at(%edi)
	.pushsection __ex_table, "a"
	.long 6b, copy_rest, 7b, copy_rest
	.popsection
.endr
	addl $WIDE, %esi
	addl $WIDE, %edi
	subl $WIDE, %ecx
	cmpl $WIDE, %ecx
	jae copy_wide
copy_rest:
	WIDE_END

/* eax = destination, edx = source: a way in for each number of words, and one way through them down to the first. */
.macro WORDS n
.globl x86_user_words_\n
x86_user_words_\n:
	USER_ACCESS_BEGIN
	jmp words_\n
.endm
.irp n, 1, 2, 3, 4, 5, 6, 7, 8
	WORDS \n
.endr
.irp n, 8, 7, 6, 5, 4, 3, 2, 1
words_\n:
7:	movl (\n - 1) * 4(%edx), %ecx
8:	movl %ecx, (\n - 1) * 4(%eax)
	.pushsection __ex_table, "a"
	.long 7b, words_fault, 8b, words_fault
	.popsection
.endr
	xorl %eax, %eax
	USER_ACCESS_END
	ret
words_fault:
	movl $-EFAULT, %eax
	USER_ACCESS_END
	ret

/* eax = destination, edx = halfword */
.globl arch_user_write16
arch_user_write16:
	USER_ACCESS_BEGIN
9:	movw %dx, (%eax)
	xorl %eax, %eax
	USER_ACCESS_END
	ret
	.section __ex_table, "a"
	.long 9b, words_fault
	.text

.globl x86_user_zero
x86_user_zero:
	pushl %edi
	movl %eax, %edi
	movl %edx, %ecx
	xorl %eax, %eax
	cmpl $WIDE, %ecx
	jae 5f
0:	movl %ecx, %edx
	andl $3, %edx
	shrl $2, %ecx
	USER_ACCESS_BEGIN
1:	rep stosl
	movl %edx, %ecx
2:	rep stosb
3:	USER_ACCESS_END
	movl %ecx, %eax
	popl %edi
	ret
4:	leal (%edx,%ecx,4), %ecx
	jmp 2b
	.section __ex_table, "a"
	.long 1b, 4b, 2b, 3b
	.text
5:	WIDE_BEGIN
	xorps %xmm0, %xmm0
zero_wide:
.irp at, 0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240
6:	movups %xmm0, \at(%edi)
	.pushsection __ex_table, "a"
	.long 6b, zero_rest
	.popsection
.endr
	addl $WIDE, %edi
	subl $WIDE, %ecx
	cmpl $WIDE, %ecx
	jae zero_wide
zero_rest:
	WIDE_END
