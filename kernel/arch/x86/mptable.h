/* SPDX-License-Identifier: MIT */
/* The tables of the MultiProcessor Specification 1.4, for machines without ACPI. */
#ifndef X86_MPTABLE_H
#define X86_MPTABLE_H

#include "arch/x86/apics.h"

/* False if there are none, or they cannot be believed. Boot CPU, after arch_mmu_init. */
bool x86_mptable_read(struct x86_apics *a);

#endif
