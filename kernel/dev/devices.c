/* SPDX-License-Identifier: MIT */
/* Registers all devices. */
#include "dev/devices.h"

#include "dev/memdev.h"
#include "dev/pty.h"
#include "dev/random.h"
#include "dev/terminals.h"
#include "fs/procsys.h"

void devices_init(void)
{
	procsys_random_hook = random_bytes;
	memdev_init();
	terminals_init();
	pty_init();
}
