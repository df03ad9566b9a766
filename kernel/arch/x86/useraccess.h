/* SPDX-License-Identifier: MIT */
/*
 * Around every access to user memory, for SMAP (Intel SDM volume 3A, 4.6): EFLAGS.AC opens user memory to the kernel. Processors without it do
 * not know the instructions, so each place is a no-operation of the same length, listed in a table, that x86_harden_init fills in.
 */
#ifndef X86_USERACCESS_H
#define X86_USERACCESS_H

#define USER_ACCESS_NOP 0x8d, 0x76, 0x00 /* lea 0(%esi), %esi */
#define USER_ACCESS_STAC 0x00cb010f
#define USER_ACCESS_CLAC 0x00ca010f

#ifdef __ASSEMBLER__
.macro USER_ACCESS code
771:	.byte USER_ACCESS_NOP
	.pushsection __user_access, "a"
	.long 771b, \code
	.popsection
.endm
#define USER_ACCESS_BEGIN USER_ACCESS USER_ACCESS_STAC
#define USER_ACCESS_END USER_ACCESS USER_ACCESS_CLAC
#else
#define USER_ACCESS_STRING_(x...) #x
#define USER_ACCESS_STRING(x...) USER_ACCESS_STRING_(x)
#define USER_ACCESS(code) \
	__asm__ volatile("771: .byte " USER_ACCESS_STRING(USER_ACCESS_NOP) "\n .pushsection __user_access, \"a\"\n .long 771b, %c0\n .popsection" \
			 :: "i"(code) : "memory", "cc")
static inline void user_access_begin(void) { USER_ACCESS(USER_ACCESS_STAC); }
static inline void user_access_end(void) { USER_ACCESS(USER_ACCESS_CLAC); }
#endif

#endif
