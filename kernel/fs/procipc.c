/* SPDX-License-Identifier: MIT */
#include "fs/procipc.h"

#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "task/ipclimits.h"

int (*procipc_shm_hook)(struct text *t);
int (*procipc_sem_hook)(struct text *t);
int (*procipc_msg_hook)(struct text *t);

static int fill_shm(struct text *t, struct process *p) { return (void)p, procipc_shm_hook(t); }
static int fill_sem(struct text *t, struct process *p) { return (void)p, procipc_sem_hook(t); }
static int fill_msg(struct text *t, struct process *p) { return (void)p, procipc_msg_hook(t); }

const struct proc_node procipc_sysvipc[] = { PROC_FILE("msg", 0444, fill_msg), PROC_FILE("sem", 0444, fill_sem), PROC_FILE("shm", 0444, fill_shm) };

/* ---- limits ---- */

#define OBJECTS 32768ul /* what the tables hold */

/* The next number of a text, which it is moved past. -EINVAL: there is none. */
static long next_number(const char **s, unsigned long most, unsigned long *out)
{
	unsigned long long n;
	const char *end;

	while (**s == ' ' || **s == '\t')
		(*s)++;
	if (**s < '0' || **s > '9')
		return -EINVAL;
	n = str_to_u64(*s, &end, 10);
	if (n > most || (*end && *end != ' ' && *end != '\t' && *end != '\n'))
		return -EINVAL;
	*out = (unsigned long)n;
	*s = end;
	return 0;
}

static long store(const char *s, unsigned long least, unsigned long most, unsigned long *limit)
{
	unsigned long n;
	long err = next_number(&s, most, &n);

	if (err || n < least)
		return -EINVAL;
	WRITE_ONCE(*limit, n);
	return 0;
}

#define FILL(name, field) int procipc_fill_##name(struct text *t, struct process *p) { (void)p; text_printf(t, "%lu\n", ipc_limits.field); return 0; }
#define STORE(name, field, least, most) long procipc_store_##name(const char *s, size_t len) { (void)len; return store(s, least, most, &ipc_limits.field); }
#define LIMIT(name, field, least, most) FILL(name, field) STORE(name, field, least, most)

LIMIT(shmmax, shmmax, 0, ~0ul)
LIMIT(shmall, shmall, 0, ~0ul)
LIMIT(shmmni, shmmni, 0, OBJECTS)
LIMIT(msgmax, msgmax, 0, 0x7ffffffful)
LIMIT(msgmnb, msgmnb, 0, 0x7ffffffful)
LIMIT(msgmni, msgmni, 0, OBJECTS)

int procipc_fill_sem(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "%lu\t%lu\t%lu\t%lu\n", ipc_limits.semmsl, ipc_limits.semmns, ipc_limits.semopm, ipc_limits.semmni);
	return 0;
}

/* As many of the four as are given. */
long procipc_store_sem(const char *s, size_t len)
{
	static const unsigned long most[4] = { 65536, 0x7ffffffful, 32000, OBJECTS };
	unsigned long *limits[4] = { &ipc_limits.semmsl, &ipc_limits.semmns, &ipc_limits.semopm, &ipc_limits.semmni }, n;

	(void)len;
	for (unsigned i = 0; i < ARRAY_SIZE(limits) && *s && *s != '\n'; i++) {
		if (next_number(&s, most[i], &n))
			return -EINVAL;
		WRITE_ONCE(*limits[i], n);
	}
	return 0;
}

#define MQ_LIMIT(name, field, least, most) \
	static int fill_##name(struct text *t, struct process *p) { (void)p; text_printf(t, "%lu\n", ipc_limits.field); return 0; } \
	static long store_##name(const char *s, size_t len) { (void)len; return store(s, least, most, &ipc_limits.field); }

MQ_LIMIT(queues, mq_queues, 0, 0x7ffffffful)
MQ_LIMIT(messages, mq_messages, 1, 65536)
MQ_LIMIT(size, mq_size, 128, 16ul << 20)
MQ_LIMIT(messages_default, mq_messages_default, 1, 65536)
MQ_LIMIT(size_default, mq_size_default, 128, 16ul << 20)

const struct proc_node procipc_mqueue[] = {
	PROC_KNOB("msg_default", fill_messages_default, store_messages_default),
	PROC_KNOB("msg_max", fill_messages, store_messages),
	PROC_KNOB("msgsize_default", fill_size_default, store_size_default),
	PROC_KNOB("msgsize_max", fill_size, store_size),
	PROC_KNOB("queues_max", fill_queues, store_queues),
};
