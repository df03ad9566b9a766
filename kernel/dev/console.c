/* SPDX-License-Identifier: MIT */
/* Consoles. */
#include "dev/console.h"
#include "core/cmdline.h"
#include "core/klog.h"
#include "dev/serial.h"
#include "lib/string.h"
#include "vfs/inode.h"

#define TTY_MAJOR 4u
#define SERIAL_MINOR 64u

static dev_t preferred;

/* Terminals want a carriage return before each line feed. */
static void write_crlf(unsigned port, const char *s, size_t n)
{
	while (n) {
		const char *nl = memchr(s, '\n', n);
		size_t part = nl ? (size_t)(nl - s) : n;

		serial_write(port, s, part);
		if (nl)
			serial_write(port, "\r\n", 2);
		part += nl != NULL;
		s += part;
		n -= part;
	}
}

static void to_serial0(struct klog_sink *s, const char *t, size_t n) { (void)s; write_crlf(0, t, n); }
static void to_serial1(struct klog_sink *s, const char *t, size_t n) { (void)s; write_crlf(1, t, n); }

static struct klog_sink sinks[] = { { .write = to_serial0 }, { .write = to_serial1 } };
static bool added[2];

static void add(unsigned i, dev_t dev)
{
	preferred = dev;
	if (!added[i])
		klog_add_sink(&sinks[i], true);
	added[i] = true;
}

static void add_named(const char *name)
{
	if (!strncmp(name, "ttyS", 4) && (name[4] == '0' || name[4] == '1') && serial_probe((unsigned)(name[4] - '0')))
		add((unsigned)(name[4] - '0'), MKDEV(TTY_MAJOR, SERIAL_MINOR + (unsigned)(name[4] - '0')));
}

static void set_level(void)
{
	if (cmdline_has("quiet"))
		klog_set_console_level(KLOG_WARN);
	if (cmdline_has("debug"))
		klog_set_console_level(KLOG_DEBUG + 1);
	if (cmdline_has("loglevel"))
		klog_set_console_level((int)cmdline_u64("loglevel", 7));
}

void console_early_init(void)
{
	const char *name;

	set_level();
	serial_probe(0);
	serial_probe(1);
	for (unsigned i = 0; (name = cmdline_get_nth("console", i)) != NULL; i++)
		add_named(name);
	if (!preferred && serial_probe(0))
		add(0, MKDEV(TTY_MAJOR, SERIAL_MINOR));
}

dev_t console_device(void) { return preferred; }
