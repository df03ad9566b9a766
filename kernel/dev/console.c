/* SPDX-License-Identifier: MIT */
/* Consoles. */
#include "dev/console.h"
#include "core/cmdline.h"
#include "core/klog.h"
#include "dev/screen.h"
#include "dev/serial.h"
#include "lib/string.h"
#include "vfs/inode.h"

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

static void to_screen(struct klog_sink *s, const char *t, size_t n) { (void)s; screen_print(t, n); }

enum { SERIAL0, SERIAL1, SCREEN, KINDS };
static struct klog_sink sinks[KINDS] = { { .write = to_serial0 }, { .write = to_serial1 }, { .write = to_screen } };
static bool added[KINDS];

static void add(unsigned kind)
{
	preferred = MKDEV(TTY_MAJOR, kind == SCREEN ? TTY_SCREEN_MINOR : TTY_SERIAL_MINOR + kind);
	if (!added[kind])
		klog_add_sink(&sinks[kind], true);
	added[kind] = true;
}

/* "ttyS0", "ttyS0,115200n8" (the speed is what it is), "tty0", "tty1". The screen counts even where there is none, as with Linux. */
static void add_named(const char *name)
{
	size_t n = strnlen(name, 6);
	bool serial = n >= 5 && !strncmp(name, "ttyS", 4) && (name[5] == '\0' || name[5] == ',');

	if (serial && (name[4] == '0' || name[4] == '1') && serial_probe((unsigned)(name[4] - '0')))
		add((unsigned)(name[4] - '0'));
	else if (!strcmp(name, "tty0") || !strcmp(name, "tty1"))
		add(SCREEN);
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
	screen_probe();
	for (unsigned i = 0; (name = cmdline_get_nth("console", i)) != NULL; i++)
		add_named(name);
	if (!preferred && screen_probe())
		add(SCREEN);
	else if (!preferred && serial_probe(0))
		add(SERIAL0);
}

dev_t console_device(void) { return preferred; }
