/* SPDX-License-Identifier: MIT */
/*
 * Every way into the kernel and out of it. Each builds a struct trapframe (arch_target/trap.h) on the thread's kernel stack.
 */
#include "arch/x86/useraccess.h"

#define KERNEL_DS 0x68
#define PERCPU_FS 0x18
#define CPU_CURRENT 4
#define TF_EIP 56
#define TF_CS 60
#define TF_EFLAGS 64
#define TF_SS 72
#define CPU_SYSENTER_RETURN 24
#define CPU_STEPPED 28
#define TF_EBP 20
#define TF_EAX 24
#define EFAULT 14
#define TSS_ESP0 4
#define USER_CS 0x73
#define USER_DS 0x7b
#define USER_TOP 0xC0000000
#define EFLAGS_TF 0x100
#define EFLAGS_IF 0x200
#define EFLAGS_VM 0x20000
#define VM86_SEGMENTS 16 /* bytes that the processor pushes before the rest of the frame */
#define EFLAGS_NOT_BY_SYSEXIT 0x74100 /* AC, VM, RF, NT, TF */

.macro SAVE_REGS
	pushl %gs
	pushl %fs
	pushl %es
	pushl %ds
	pushl %eax
	pushl %ebp
	pushl %edi
	pushl %esi
	pushl %edx
	pushl %ecx
	pushl %ebx
	movl $KERNEL_DS, %edx
	movl %edx, %ds
	movl %edx, %es
	movl $PERCPU_FS, %edx
	movl %edx, %fs
	cld
	USER_ACCESS_END
.endm

/*
 * Programs cannot get into virtual-8086 mode on real processors. QEMU's translator lets them, by an IRET of their own: such a frame has four words
 * more, and becomes a usual one.
 */
.macro LEAVE_VM86
	testl $EFLAGS_VM, TF_EFLAGS(%esp)
	jz 772f
	movl %esp, %eax
	call x86_leave_vm86
	addl $VM86_SEGMENTS, %esp
772:
.endm

/* Takes the frame apart again; interrupts off. Bad selectors fault at the marked instructions and are replaced by null. */
.macro RESTORE_REGS
	popl %ebx
	popl %ecx
	popl %edx
	popl %esi
	popl %edi
	popl %ebp
	popl %eax
1:	popl %ds
2:	popl %es
3:	popl %fs
4:	popl %gs
	.pushsection .text.fixup, "ax"
5:	movl $0, (%esp)
	jmp 1b
6:	movl $0, (%esp)
	jmp 2b
7:	movl $0, (%esp)
	jmp 3b
8:	movl $0, (%esp)
	jmp 4b
	.popsection
	.pushsection __ex_table, "a"
	.long 1b, 5b, 2b, 6b, 3b, 7b, 4b, 8b
	.popsection
.endm

.text
/* Exceptions and interrupts: stubs push an error code if the processor did not, and the vector. */
.altmacro
.macro STUB n
	.p2align 3
stub_\n:
	.if \n != 8 && (\n < 10 || \n > 14) && \n != 17 && \n != 21
	pushl $0
	.endif
	pushl $\n
	jmp trap_common
.endm
.set i, 0
.rept 256
	STUB %i
	.set i, i + 1
.endr

.section .rodata
.globl x86_stubs
x86_stubs:
.macro STUBREF n
	.long stub_\n
.endm
.set i, 0
.rept 256
	STUBREF %i
	.set i, i + 1
.endr
.text

trap_common:
	pushl $-1
	SAVE_REGS
	LEAVE_VM86
	movl %esp, %eax
	call x86_trap
	cli
	testb $3, TF_EIP+4(%esp)
	jz restore
/* On the way to user mode: interrupts are off from the last look at thread.work on. */
to_user:
	movl %fs:CPU_CURRENT, %eax
	cmpb $0, (%eax)
	jne work
restore:
	RESTORE_REGS
	addl $12, %esp
9:	iret
	.pushsection .text.fixup, "ax"
10:	pushl $0
	pushl $13
	jmp iret_fault
	.popsection
	.pushsection __ex_table, "a"
	.long 9b, 10b
	.popsection

work:
	sti
	movl %esp, %eax
	call x86_user_work
	cli
	jmp to_user

/* iret refused the user's frame: the stack still holds it; it becomes a SIGSEGV of the program. */
iret_fault:
	pushl $-1
	SAVE_REGS
	movl %esp, %eax
	call x86_bad_iret
	cli
	jmp to_user

.globl x86_syscall_int80
x86_syscall_int80:
	pushl $0
	pushl $128
	pushl %eax
	SAVE_REGS
	LEAVE_VM86
	sti
	movl %esp, %eax
	call *x86_syscall_op
	cli
	jmp to_user

/*
 * SYSENTER: this CPU's TSS lies right above the stack that it loads. The program's flags are all still on but IF: nothing else happens before
 * they are off, and a debug exception in here is told by its address (x86_trap). %ebp is the program's stack.
 */
.globl x86_sysenter_entry
.globl x86_sysenter_entry_end
x86_sysenter_entry:
	movl TSS_ESP0(%esp), %esp
	pushl $USER_DS
	pushl %ebp
	pushfl
	orl $EFLAGS_IF, (%esp)
	pushl $2
	popfl
x86_sysenter_entry_end:
	pushl $USER_CS
	pushl $0
	pushl $0
	pushl $128
	pushl %eax
	SAVE_REGS
	movl %fs:CPU_SYSENTER_RETURN, %eax
	movl %eax, TF_EIP(%esp)
	cmpb $0, %fs:CPU_STEPPED
	jne sysenter_stepped
sysenter_unstepped:
	sti
	/* the sixth argument is the word that the program's stack ends with */
	cmpl $USER_TOP - 4, %ebp
	ja sysenter_fault
	USER_ACCESS_BEGIN
11:	movl (%ebp), %ecx
	USER_ACCESS_END
	movl %ecx, TF_EBP(%esp)
	movl %esp, %eax
	call *x86_syscall_op
sysenter_done:
	cli
	movl %fs:CPU_CURRENT, %eax
	cmpb $0, (%eax)
	jne work
	/* SYSEXIT goes to the landing pad only, which needs neither %ecx nor %edx, and only with plain flags */
	movl TF_EIP(%esp), %eax
	testl %eax, %eax
	jz restore
	cmpl %fs:CPU_SYSENTER_RETURN, %eax
	jne restore
	cmpl $USER_CS, TF_CS(%esp)
	jne restore
	cmpl $USER_DS, TF_SS(%esp)
	jne restore
	testl $EFLAGS_NOT_BY_SYSEXIT, TF_EFLAGS(%esp)
	jnz restore
	RESTORE_REGS
	movl 12(%esp), %edx
	movl 24(%esp), %ecx
	addl $20, %esp
	andl $~EFLAGS_IF, (%esp)
	popfl
	sti
	sysexit
	.pushsection .text.fixup, "ax"
12:	USER_ACCESS_END
sysenter_fault:
	movl $-EFAULT, TF_EAX(%esp)
	jmp sysenter_done
	.popsection
	.pushsection __ex_table, "a"
	.long 11b, 12b
	.popsection
/* The program is stepped again from its return on. */
sysenter_stepped:
	movb $0, %fs:CPU_STEPPED
	orl $EFLAGS_TF, TF_EFLAGS(%esp)
	jmp sysenter_unstepped

.globl x86_thread_start
x86_thread_start:
	/* first switch to a kernel thread: ebx = entry, esi = arg */
	movl %esi, %eax
	call *%ebx
	ud2

.globl x86_fork_start
x86_fork_start:
	/* first switch to a user thread: ebx = scheduler tail; the trapframe follows on the stack */
	call *%ebx
	cli
	jmp to_user

/* Task of the double fault: the interrupted registers are in this CPU's main task state. */
.globl x86_double_fault
x86_double_fault:
	call x86_double_fault_report
	ud2

/*
 * NMI, which may interrupt anything, also what has the program's segments loaded already. Only on the few bytes of SYSENTER's first stack
 * there is no room for it: x86_nmi_stack has another then.
 */
.globl x86_nmi_entry
x86_nmi_entry:
	pushl $0
	pushl $2
	pushl $-1
	SAVE_REGS
	movl %esp, %ebx
	movl %esp, %eax
	call x86_nmi_stack
	movl %eax, %esp
	movl %ebx, %eax
	call x86_nmi
	movl %ebx, %esp
	jmp restore
