/* SPDX-License-Identifier: MIT */
/* Registers all devices. */
#include "dev/devices.h"

#include "dev/memdev.h"
#include "dev/pty.h"
#include "dev/terminals.h"

void devices_init(void)
{
	memdev_init();
	terminals_init();
	pty_init();
}
