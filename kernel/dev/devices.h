/* SPDX-License-Identifier: MIT */
/* Registers all devices. */
#ifndef DEV_DEVICES_H
#define DEV_DEVICES_H

void devices_init(void);

#endif
