/* SPDX-License-Identifier: MIT */
/* Registers all devices. */
#include "dev/devices.h"

#include "dev/memdev.h"
#include "dev/tty.h"

void devices_init(void)
{
	memdev_init();
	tty_init();
}
