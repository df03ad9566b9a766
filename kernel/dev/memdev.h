/* SPDX-License-Identifier: MIT */
/* null, zero, full, random, urandom. */
#ifndef DEV_MEMDEV_H
#define DEV_MEMDEV_H

#define MEM_MAJOR 1u

void memdev_init(void);

#endif
