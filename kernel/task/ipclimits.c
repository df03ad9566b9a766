/* SPDX-License-Identifier: MIT */
#include "task/ipclimits.h"

/* Linux's values; the tables of System V objects hold 32768. */
struct ipc_limits ipc_limits = {
	.shmmax = 0xfeffffff, .shmall = 0xfeffffff, .shmmni = 4096,
	.msgmax = 8192, .msgmnb = 16384, .msgmni = 32000,
	.semmsl = 32000, .semmns = 1024000000, .semopm = 500, .semmni = 32000,
	.mq_queues = 256, .mq_messages = 10, .mq_size = 8192, .mq_messages_default = 10, .mq_size_default = 8192,
};
