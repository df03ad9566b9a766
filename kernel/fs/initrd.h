/* SPDX-License-Identifier: MIT */
/* The initial RAM disk: cpio archives, plain or gzip, one after another, unpacked into the root. */
#ifndef FS_INITRD_H
#define FS_INITRD_H

#include "lib/types.h"

/*
 * Unpacks what lies in [start, end) of physical memory and gives the frames to the allocator as it goes. In a kernel thread, with the root
 * mounted. Damage is told in the log; what came before it stays.
 */
void initrd_unpack(paddr_t start, paddr_t end);

#endif
