/* SPDX-License-Identifier: MIT */
/* Printing system calls by the table. */
#include "abi/strace.h"
#include "abi/table.h"
#include "arch/trap.h"
#include "core/cmdline.h"
#include "core/klog.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "task/process.h"
#include "vm/usercopy.h"

struct line { char text[400]; size_t used; };

static void add(struct line *l, const char *f, ...) __printf(2, 3);
static void add(struct line *l, const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	l->used += fmt_vbuf(l->text + l->used, sizeof(l->text) - l->used, f, ap);
	va_end(ap);
	if (l->used > sizeof(l->text) - 1)
		l->used = sizeof(l->text) - 1;
}

static void add_string(struct line *l, uaddr_t s)
{
	char text[64];
	ssize_t n = user_strncpy(text, s, sizeof(text));

	if (n == -14)
		add(l, "0x%lx", s);
	else
		add(l, "\"%s\"%s", text, n < 0 ? "..." : "");
}

static void add_arg(struct line *l, enum syscall_arg type, unsigned long v)
{
	switch (type) {
	case SYSARG_PATH: add_string(l, v); break;
	case SYSARG_HEX: case SYSARG_UADDR: add(l, "0x%lx", v); break;
	case SYSARG_OCT: add(l, "0%lo", v); break;
	case SYSARG_UINT: case SYSARG_ULONG: case SYSARG_SIZE: add(l, "%lu", v); break;
	default: add(l, "%ld", (long)(int)v);
	}
}

/* Up to the next blank; where the next word begins, or the end of s. */
static const char *add_word(struct line *l, const char *s)
{
	const char *end = strchr(s, ' ');
	size_t n = end ? (size_t)(end - s) : strlen(s);

	add(l, "%.*s", (int)n, s);
	return s + n + !!end;
}

/* form: syscall_forms. */
static void add_call(struct line *l, const char *form, const struct trapframe *tf)
{
	const char *s = add_word(l, form), *between = "";
	unsigned slot = 0;

	add(l, "(");
	for (; *s; between = ", ") {
		enum syscall_arg type = (unsigned char)*s;

		add(l, "%s", between);
		s = add_word(l, s + 1);
		add(l, "=");
		if (type == SYSARG_LOFF64) {
			add(l, "%lld", (long long)(tf_arg(tf, slot) | (uint64_t)tf_arg(tf, slot + 1) << 32));
			slot += 2;
		} else {
			add_arg(l, type, tf_arg(tf, slot++));
		}
	}
}

void strace_exit(const struct trapframe *tf, unsigned long nr, long ret)
{
	const char *form = nr < syscall_count ? syscall_forms[nr] : NULL, *only = cmdline_get("strace");
	struct line l = { .used = 0 };

	if (only && *only && strcmp(only, thread_current()->name))
		return;
	add(&l, "[%d %s] ", task_current()->tid, thread_current()->name);
	if (!form) {
		add(&l, "syscall_%lu() = -ENOSYS", nr);
	} else {
		add_call(&l, form, tf);
		if (ret < 0 && ret > -4096)
			add(&l, ") = -%ld", -ret);
		else
			add(&l, ") = 0x%lx", (unsigned long)ret);
	}
	klog_info("%s", l.text);
}
