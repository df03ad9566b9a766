/* SPDX-License-Identifier: MIT */
/* System calls about the machine as a whole: its names, its figures, its log, turning it off. */
#include "abi/uapi.h"
#include "arch/boot.h"
#include "core/clock.h"
#include "core/klog.h"
#include "dev/random.h"
#include "lib/bits.h"
#include "dev/terminals.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/slab.h"
#include "sched/times.h"
#include "syscall_protos.h"
#include "task/process.h"
#include "task/sigqueue.h"
#include "task/uts.h"
#include "vfs/pagecache.h"
#include "vm/usercopy.h"

#define REBOOT_MAGIC1 0xfee1deadu
#define REBOOT_RESTART 0x01234567u
#define REBOOT_HALT 0xcdef0123u
#define REBOOT_POWER_OFF 0x4321fedcu
#define REBOOT_RESTART2 0xa1b2c3d4u
#define REBOOT_CAD_ON 0x89abcdefu
#define REBOOT_CAD_OFF 0u
#define SYSLOG_MAX (64 * 1024)
#define LOAD_TO_USER 5 /* loads have 11 binary places here, 16 in struct sysinfo */

long sys_uname(uaddr_t buf)
{
	struct u_utsname u = { .sysname = UTS_SYSNAME, .release = UTS_RELEASE, .version = UTS_VERSION, .machine = "i686" };

	uts_get(UTS_HOST, u.nodename);
	uts_get(UTS_DOMAIN, u.domainname);
	return user_put(buf, &u);
}

static long set_name(enum uts_name which, uaddr_t name, size_t len)
{
	char buf[UTS_NAME_MAX];

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (len > UTS_NAME_MAX)
		return -EINVAL;
	if (user_read(buf, name, len))
		return -EFAULT;
	return uts_set(which, buf, len);
}

long sys_sethostname(uaddr_t name, size_t len) { return set_name(UTS_HOST, name, len); }
long sys_setdomainname(uaddr_t name, size_t len) { return set_name(UTS_DOMAIN, name, len); }

long sys_sysinfo(uaddr_t info)
{
	struct u_sysinfo u = { .mem_unit = 1 };
	struct sched_stats s;
	struct frame_stats m;
	unsigned shift = PAGE_SHIFT;

	frame_stats(&m);
	sched_stats(&s);
	while (m.total >> (32 - shift)) { /* more bytes than 32 bits hold: a larger unit */
		shift--;
		u.mem_unit *= 2;
	}
	u.uptime = (int32_t)(clock_now() / NSEC_PER_SEC);
	for (unsigned i = 0; i < 3; i++)
		u.loads[i] = (uint32_t)s.load[i] << LOAD_TO_USER;
	u.totalram = (uint32_t)(m.total << shift);
	u.freeram = (uint32_t)(m.free << shift);
	u.sharedram = (uint32_t)(pagecache_pages() << shift);
	u.totalhigh = (uint32_t)((m.total - m.direct_total) << shift);
	u.freehigh = (uint32_t)((m.free - m.direct_free) << shift);
	u.procs = (uint16_t)MIN(task_count(), 65535ul);
	return user_put(info, &u);
}

/* There is always enough: neither GRND_NONBLOCK nor GRND_RANDOM makes a difference. */
long sys_getrandom(uaddr_t buf, size_t count, unsigned long flags)
{
	char block[64];

	if (flags & ~7ul || (flags & 6) == 6)
		return -EINVAL;
	count = MIN(count, (size_t)0x1ffffff);
	for (size_t done = 0; done < count; done += sizeof(block)) {
		size_t n = MIN(sizeof(block), count - done);

		random_bytes(block, n);
		if (user_write(buf + done, block, n))
			return done ? (long)done : -EFAULT;
		if (signal_pending_current())
			return (long)(done + n);
	}
	return (long)count;
}

long sys_vhangup(void)
{
	if (!capable(CAP_SYS_TTY_CONFIG))
		return -EPERM;
	terminals_hangup_own();
	return 0;
}

static bool reboot_magic2(unsigned long m) { return m == 672274793 || m == 85072278 || m == 369367448 || m == 537993216; }

long sys_reboot(unsigned long magic1, unsigned long magic2, unsigned long cmd, uaddr_t arg)
{
	char command[256];

	if (!capable(CAP_SYS_BOOT))
		return -EPERM;
	if (magic1 != REBOOT_MAGIC1 || !reboot_magic2(magic2))
		return -EINVAL;
	switch (cmd) {
	case REBOOT_RESTART:
	case REBOOT_RESTART2: /* with a word that there is nobody to tell */
		if (cmd == REBOOT_RESTART2 && user_strncpy(command, arg, sizeof(command)) == -EFAULT)
			return -EFAULT;
		klog_info("restarting");
		arch_power(POWER_RESTART);
	case REBOOT_HALT:
		klog_info("halted");
		arch_power(POWER_HALT);
	case REBOOT_POWER_OFF:
		arch_power(POWER_OFF);
	case REBOOT_CAD_ON:
	case REBOOT_CAD_OFF:
		return 0;
	default:
		return -EINVAL;
	}
}

/* The newest part of the log that fits into len bytes. */
static long syslog_read_all(uaddr_t buf, int len)
{
	size_t cap = MIN((size_t)len, (size_t)SYSLOG_MAX), n;
	char *copy;
	long err;

	if (!buf || len < 0)
		return -EINVAL;
	if (!len)
		return 0;
	copy = kmalloc(cap, 0);
	if (!copy)
		return -ENOMEM;
	n = klog_tail(copy, cap);
	err = user_write(buf, copy, n);
	kfree(copy);
	return err ? err : (long)n;
}

long sys_syslog(int type, uaddr_t buf, int len)
{
	enum { CLOSE, OPEN, READ, READ_ALL, READ_CLEAR, CLEAR, CONSOLE_OFF, CONSOLE_ON, CONSOLE_LEVEL, SIZE_UNREAD, SIZE_BUFFER };

	if (type != READ_ALL && type != SIZE_BUFFER && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	switch (type) {
	case CLOSE:
	case OPEN:
	case CLEAR:
		return 0;
	case READ_ALL:
	case READ_CLEAR:
		return syslog_read_all(buf, len);
	case CONSOLE_OFF:
		klog_set_console_level(1);
		return 0;
	case CONSOLE_ON:
		klog_set_console_level(7);
		return 0;
	case CONSOLE_LEVEL:
		if (len < 1 || len > 8)
			return -EINVAL;
		klog_set_console_level(len);
		return 0;
	case SIZE_UNREAD:
		return (long)klog_size();
	case SIZE_BUFFER:
		return SYSLOG_MAX;
	default:
		return -EINVAL;
	}
}
