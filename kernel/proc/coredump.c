/* SPDX-License-Identifier: MIT */
/* Whether there is a core file, what it is called, and who may have it. */
#include "proc/coredump.h"
#include "core/clock.h"
#include "fs/proctext.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/corefile.h"
#include "proc/exit.h"
#include "task/coreset.h"
#include "task/uts.h"
#include "vfs/path.h"
#include "vm/aspace.h"

#define SIG_CORES (SIGBIT(SIGQUIT) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGABRT) | SIGBIT(SIGFPE) | SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) \
	| SIGBIT(SIGSYS) | SIGBIT(SIGXCPU) | SIGBIT(SIGXFSZ))
#define LIMIT_LEAST PAGE_SIZE /* a limit below stands for no core */

/* ---- the name ---- */

/* What comes from the program may not lead anywhere: no slashes, not "", "." or "..". */
static void add_harmless(struct text *t, const char *s)
{
	bool dots = !strcmp(s, ".") || !strcmp(s, "..");

	if (dots || !*s)
		text_add(t, "!", 1);
	for (s += dots; *s; s++)
		text_add(t, *s == '/' ? "!" : s, 1);
}

static void add_program(struct text *t, bool whole)
{
	const struct file *exe = process_current()->aspace->exe;
	char *buf = kmalloc(PATH_MAX, 0), *name;
	const char *base;

	if (!buf || !exe) {
		add_harmless(t, thread_current()->name);
	} else {
		name = path_name(&exe->path, &mount_root_path, buf, PATH_MAX, false);
		base = IS_ERR(name) ? thread_current()->name : name;
		if (!whole && strrchr(base, '/'))
			base = strrchr(base, '/') + 1;
		add_harmless(t, base);
	}
	kfree(buf);
}

static void add_host(struct text *t)
{
	char name[UTS_NAME_MAX + 1];

	uts_get(UTS_HOST, name);
	add_harmless(t, name);
}

/* One conversion of core_pattern; unknown ones stand for nothing. */
static void add_conversion(struct text *t, char which, int signo, uint64_t limit)
{
	struct process *p = process_current();

	switch (which) {
	case '%': text_add(t, "%", 1); break;
	case 'p': case 'P': text_printf(t, "%d", p->pid); break;
	case 'i': case 'I': text_printf(t, "%d", task_current()->tid); break;
	case 'u': text_printf(t, "%u", cred_current()->uid); break;
	case 'g': text_printf(t, "%u", cred_current()->gid); break;
	case 'd': text_printf(t, "%d", p->dumpable); break;
	case 's': text_printf(t, "%d", signo); break;
	case 't': text_printf(t, "%lld", (long long)clock_wall() / (long long)NSEC_PER_SEC); break;
	case 'h': add_host(t); break;
	case 'e': add_harmless(t, thread_current()->name); break;
	case 'f': add_program(t, false); break;
	case 'E': add_program(t, true); break;
	case 'c': text_printf(t, "%llu", (unsigned long long)limit); break;
	default: break;
	}
}

static void make_name(struct text *t, int signo, uint64_t limit)
{
	char pattern[CORE_PATTERN_MAX + 1];
	bool has_pid = false;

	core_pattern_get(pattern);
	for (const char *s = pattern; *s; s++) {
		if (*s != '%') {
			text_add(t, s, 1);
			continue;
		}
		if (!*++s)
			break;
		has_pid |= *s == 'p';
		add_conversion(t, *s, signo, limit);
	}
	if (core_uses_pid && !has_pid)
		text_printf(t, ".%d", process_current()->pid);
	text_add(t, "", 1);
}

/* ---- the file ---- */

/* Is it a plain new file of ours? A file system or a race might have it otherwise. */
static bool file_fits(const struct file *f)
{
	const struct inode *i = f->inode;

	return S_ISREG(i->mode) && i->nlink == 1 && i->uid == cred_current()->fsuid && (i->mode & 0677) == 0600;
}

static struct file *open_core(const char *name, bool careful)
{
	struct file *f;

	if (careful && name[0] != '/')
		return NULL;
	if (!careful)
		path_unlink(AT_FDCWD, name);
	f = file_open(AT_FDCWD, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_LARGEFILE, 0600);
	if (IS_ERR(f))
		return NULL;
	if (file_fits(f))
		return f;
	file_put(f);
	return NULL;
}

/* Does something as the root of files; the rights that the process has are otherwise its own. NULL: no memory. */
static struct cred *become_owner(void)
{
	struct task *t = task_current();
	struct cred *old = t->cred, *c = cred_dup(old);

	if (c) {
		c->fsuid = 0;
		spin_lock(&proc_tree_lock);
		t->cred = c;
		spin_unlock(&proc_tree_lock);
	}
	return c ? old : NULL;
}

static void become_self(struct cred *old)
{
	struct task *t = task_current();
	struct cred *c = t->cred;

	spin_lock(&proc_tree_lock);
	t->cred = old;
	spin_unlock(&proc_tree_lock);
	cred_put(c);
}

static bool write_named(const char *name, uint64_t limit, struct coremeet *m, int signo, const unsigned char info[128])
{
	bool careful = process_current()->dumpable == DUMP_ROOT, done = false;
	struct cred *old = careful ? become_owner() : NULL;
	struct file *f = careful && !old ? NULL : open_core(name, careful);

	if (f) {
		done = corefile_write(f, limit, m, signo, info);
		file_put(f);
	}
	if (old)
		become_self(old);
	return done;
}

static bool write_core(struct coremeet *m, int signo, const unsigned char info[128])
{
	uint64_t limit = process_current()->limits.cur[RLIMIT_CORE];
	struct text name = { 0 };
	bool done = false;

	make_name(&name, signo, limit);
	if (!name.failed && name.len > 1)
		done = write_named(name.buf, limit, m, signo, info);
	text_free(&name);
	return done;
}

__noreturn void coredump_exit(int signo, const unsigned char info[128])
{
	struct process *p = process_current();
	struct coremeet m;

	if (!(SIGBIT(signo) & SIG_CORES) || p->limits.cur[RLIMIT_CORE] < LIMIT_LEAST || p->dumpable == DUMP_NEVER || !coremeet_begin(&m, signo))
		proc_exit_group(signo);
	coremeet_end(write_core(&m, signo, info));
	proc_exit_thread(p->exit_status);
}
