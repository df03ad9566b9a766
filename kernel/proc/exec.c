/* SPDX-License-Identifier: MIT */
/*
 * Replacing the program. The new address space is built beside the old one; up to the point of no return every failure leaves the process as it
 * was, and after it nothing can fail.
 */
#include "proc/exec.h"
#include "arch/trap.h"
#include "arch/vdso.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/exit.h"
#include "proc/futex.h"
#include "proc/posixtimer.h"
#include "proc/rseq.h"
#include "proc/tracing.h"
#include "proc/vdso.h"
#include "sched/grace.h"
#include "task/children.h"
#include "task/coreset.h"
#include "task/pid.h"
#include "task/sigqueue.h"
#include "vfs/fdtable.h"
#include "vm/mmap.h"

#define SCRIPT_DEPTH 5
#define SCRIPT_LINE 256
#define PIE_BASE 0x56555000ul
#define STACK_FIRST (128ul << 10)

struct execution {
	struct file *file;
	struct args *args;
	const char *name;
	const char *comm;         /* as for proc_exec */
	const char *script;       /* name by which the file at hand was found: x->name, then what the last script line says */
	char *interp_buf;         /* two script lines: the one at hand, and the one that script points into */
	struct elf_image *image, *interp;
	struct aspace *as;
	uaddr_t sp, entry;
	struct cred *cred;        /* changed credentials, NULL: as they are */
};

size_t proc_arg_limit(void)
{
	uint64_t stack = process_current()->limits.cur[RLIMIT_STACK];
	uint64_t limit = MIN(stack / 4, (uint64_t)(6ul << 20));

	return (size_t)MAX(limit, (uint64_t)ARG_STRING_MAX);
}

static int may_execute(struct file *f)
{
	if (!S_ISREG(f->inode->mode) || f->path.mnt->flags & MS_NOEXEC)
		return -EACCES;
	return inode_permission(f->inode, MAY_EXEC, cred_current());
}

static char *skip_blanks(char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/* "#! interpreter [argument]": 1 when the file is a script, and x->file is now the interpreter. */
static int follow_script(struct execution *x, unsigned depth)
{
	char *line = x->interp_buf + (depth & 1 ? SCRIPT_LINE : 0), *path, *arg, *end;
	const char *with[3];
	struct file *f;
	ssize_t n = file_read_kernel(x->file, line, SCRIPT_LINE - 1, 0);
	unsigned count = 0;
	bool end_seen;
	int err;

	if (n < 2 || line[0] != '#' || line[1] != '!')
		return n < 0 ? (int)n : 0;
	line[n] = '\0';
	end = strchr(line, '\n');
	end_seen = end != NULL;
	if (end)
		*end = '\0';
	for (end = line + strlen(line); end > line && (end[-1] == ' ' || end[-1] == '\t'); )
		*--end = '\0';
	path = skip_blanks(line + 2);
	if (!*path)
		return -ENOEXEC;
	for (arg = path; *arg && *arg != ' ' && *arg != '\t'; arg++)
		;
	if (!*arg && !end_seen && n == SCRIPT_LINE - 1)
		return -ENOEXEC; /* the name is cut off */
	if (*arg) {
		*arg++ = '\0';
		arg = skip_blanks(arg);
	}
	with[count++] = path;
	if (*arg)
		with[count++] = arg;
	with[count++] = x->script;
	err = args_replace_first(x->args, with, count);
	if (err)
		return err;
	f = file_open_exec(path);
	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	file_put(x->file);
	x->file = f;
	x->script = path;
	err = may_execute(f);
	return err ? err : 1;
}

static int resolve_scripts(struct execution *x)
{
	int r = may_execute(x->file);

	if (r)
		return r;
	x->script = x->name;
	for (unsigned depth = 0; depth <= SCRIPT_DEPTH; depth++) {
		r = follow_script(x, depth);
		if (r <= 0)
			return r;
	}
	return -ELOOP;
}

static int read_images(struct execution *x)
{
	struct file *f;
	int err;

	x->image = kmalloc(sizeof(*x->image), ALLOC_ZERO);
	if (!x->image)
		return -ENOMEM;
	err = elf_read(x->file, x->image);
	if (err || !x->image->interp)
		return err;
	x->interp = kmalloc(sizeof(*x->interp), ALLOC_ZERO);
	if (!x->interp)
		return -ENOMEM;
	f = file_open_exec(x->image->interp_name);
	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	x->interp->file = f;
	err = may_execute(f);
	if (!err)
		err = elf_read(f, x->interp);
	return err == -ENOEXEC ? -ELIBBAD : err;
}

/* Set-user-id and set-group-id programs. */
static int new_credentials(struct execution *x)
{
	const struct inode *i = x->file->inode;
	const struct cred *old = cred_current();
	bool suid = i->mode & S_ISUID, sgid = (i->mode & (S_ISGID | 010)) == (S_ISGID | 010);
	bool bound = task_current()->no_new_privs || tracing_denies_rights();

	if (x->file->path.mnt->flags & MS_NOSUID || bound)
		suid = sgid = false;
	x->cred = cred_dup(old);
	if (!x->cred)
		return -ENOMEM;
	if (suid)
		x->cred->euid = i->uid;
	if (sgid)
		x->cred->egid = i->gid;
	x->cred->suid = x->cred->fsuid = x->cred->euid;
	x->cred->sgid = x->cred->fsgid = x->cred->egid;
	cred_exec_caps(x->cred, old, bound);
	return 0;
}

static int map_stack(struct aspace *as)
{
	struct map_request r = { .addr = as->stack_top - STACK_FIRST, .len = STACK_FIRST, .prot = PROT_READ | PROT_WRITE, .flags = MAP_PRIVATE | MAP_FIXED,
				 .may = VMA_MAYREAD | VMA_MAYWRITE | VMA_MAYEXEC, .extra = VMA_GROWSDOWN, .name = "[stack]" };
	unsigned long a = vm_map(as, &r);

	return IS_ERR_VALUE(a) ? (int)(long)a : 0;
}

static int map_vdso(struct aspace *as)
{
	struct map_request r = { .prot = PROT_READ | PROT_EXEC, .flags = MAP_PRIVATE, .len = PAGE_SIZE, .may = VMA_MAYREAD | VMA_MAYEXEC,
				 .extra = VMA_SPECIAL, .name = "[vdso]" };
	unsigned long a;

	if (!vdso_vm_ops(&r))
		return 0;
	a = vm_map(as, &r);
	if (IS_ERR_VALUE(a))
		return (int)(long)a;
	as->vdso = a;
	return 0;
}

static void set_limits(struct aspace *as, const struct rlimits *l)
{
	as->limit_as = l->cur[RLIMIT_AS] > ~0ul ? ~0ul : (unsigned long)l->cur[RLIMIT_AS];
	as->limit_data = l->cur[RLIMIT_DATA] > ~0ul ? ~0ul : (unsigned long)l->cur[RLIMIT_DATA];
	as->limit_stack = l->cur[RLIMIT_STACK] > ~0ul ? ~0ul : (unsigned long)l->cur[RLIMIT_STACK];
	as->limit_memlock = l->cur[RLIMIT_MEMLOCK] > ~0ul ? ~0ul : (unsigned long)l->cur[RLIMIT_MEMLOCK];
}

static void take_limits(struct process *p, struct aspace *as)
{
	unsigned long irq = sighand_lock(p);

	set_limits(as, &p->limits);
	sighand_unlock(p, irq);
}

static int build(struct execution *x)
{
	struct process *p = process_current();
	struct program prog = { x->image, x->interp, x->name, x->cred->euid != x->cred->uid || x->cred->egid != x->cred->gid };
	struct aspace *as = x->as = aspace_new();
	int err;

	if (!as)
		return -ENOMEM;
	take_limits(p, as);
	vm_layout_init(as, as->limit_stack);
	err = elf_map(x->image, as, x->interp ? PIE_BASE : PIE_BASE);
	if (!err && x->interp)
		err = elf_map(x->interp, as, as->mmap_base - PAGE_UP(elf_span(x->interp)));
	if (!err)
		err = map_stack(as);
	if (!err)
		err = map_vdso(as);
	if (!err)
		err = ustack_build(as, x->args, &prog, &x->sp);
	as->brk_start = as->brk = PAGE_UP(x->image->end);
	x->entry = x->interp ? x->interp->entry : x->image->entry;
	return err;
}

static void forget(struct execution *x)
{
	if (x->interp && x->interp->file)
		file_put(x->interp->file);
	kfree(x->interp);
	kfree(x->image);
	kfree(x->interp_buf);
	args_free(x->args);
	cred_put(x->cred);
	if (x->as)
		aspace_put(x->as);
	if (x->file)
		file_put(x->file);
}

/* All other threads of the process end; this one becomes its leader. false: somebody else ends the process. */
static bool become_single(struct process *p)
{
	struct task *me = task_current();
	unsigned long irq = sighand_lock(p);

	if (p->group_exit) {
		sighand_unlock(p, irq);
		return false;
	}
	if (p->task_count > 1) {
		p->group_exit = true;
		signal_end_others(p, me, &irq);
	}
	sighand_unlock(p, irq);
	waitq_wait(&p->child_wait, READ_ONCE(p->task_count) == 1, WAIT_UNINTERRUPTIBLE);
	irq = sighand_lock(p);
	p->group_exit = false;
	signal_recalc(me); /* a fatal signal may have come meanwhile: it stays */
	sighand_unlock(p, irq);
	if (me->tid != p->pid) {
		pid_clear_task(me);
		pid_free(me->tid);
		me->tid = p->pid;
		pid_set_task(me->tid, me);
	}
	if (unlikely(me->trace))
		tracing_become_leader();
	return true;
}

/* Handlers do not survive; what is ignored stays so (POSIX exec). A table shared with another process is left to it. */
static void reset_signals(struct process *p, struct sighand *fresh)
{
	struct sighand *old = p->sighand, *h = refcount_read(&old->refs) > 1 ? fresh : old;
	unsigned long irq;

	spin_lock(&proc_tree_lock);
	irq = spin_lock_irqsave(&old->lock);
	for (unsigned i = 0; i < NSIG; i++) {
		uaddr_t keep = old->action[i].handler == SIG_IGN ? SIG_IGN : SIG_DFL;

		h->action[i] = (struct sigaction){ .handler = keep };
	}
	store_release(&p->sighand, h);
	spin_unlock_irqrestore(&old->lock, irq);
	spin_unlock(&proc_tree_lock);
	if (h == fresh)
		grace_wait(); /* for those who are about to take the old one's lock (sighand_lock) */
	sighand_put(h == old ? fresh : old);
}

static void set_name(struct process *p, struct task *t, const char *name)
{
	unsigned long irq = sighand_lock(p);

	str_copy(p->comm, name, sizeof(p->comm));
	memcpy(t->thread.name, p->comm, sizeof(t->thread.name));
	sighand_unlock(p, irq);
}

/* The point of no return is behind: nothing here fails. */
static void commit(struct execution *x, struct sighand *fresh, struct fdtable *files, struct trapframe *tf)
{
	struct task *t = task_current();
	struct process *p = t->process;
	struct aspace *old = p->aspace;
	struct cred *old_cred = t->cred;
	struct fdtable *old_files = t->files;
	unsigned long irq;
	const char *base = strrchr(x->name, '/');
	bool readable = !inode_permission(x->file->inode, MAY_READ, old_cred); /* what may not be read may not be read from a core either */

	x->as->exe = x->file;
	x->file = NULL;
	futex_exit_robust(t);
	spin_lock(&proc_tree_lock);
	child_ends_with_sigchld(p);
	t->cred = x->cred;
	p->did_exec = true;
	irq = sighand_lock(p);
	p->aspace = x->as;
	t->files = files;
	sighand_unlock(p, irq);
	spin_unlock(&proc_tree_lock);
	take_limits(p, p->aspace); /* others may have set them since the space was built */
	aspace_activate(x->as);
	x->as = old; /* forget() gives it back */
	x->cred = old_cred;
	proc_vfork_release(t);
	if (old_files != files)
		fdtable_put(old_files);
	fdtable_exec(files);
	posixtimer_exit(process_current());
	process_current()->membarriers = 0;
	reset_signals(p, fresh);
	set_name(p, t, x->comm ? x->comm : base ? base + 1 : x->name);
	if (t->cred->euid != t->cred->uid || t->cred->egid != t->cred->gid) {
		t->parent_death_signal = 0;
		readable = false;
	}
	p->dumpable = readable ? DUMP_USER : core_suid_dumpable;
	t->altstack.size = 0;
	t->clear_tid = t->robust_list = 0;
	rseq_exec();
	arch_fpu_reset(&t->thread.arch);
	arch_vdso_use(&t->thread.arch, p->aspace->vdso);
	tf_init_user(tf, x->entry, x->sp);
	t->syscall_nr = -1;
}

static long prepare(struct execution *x)
{
	int err;

	x->interp_buf = kmalloc(2 * SCRIPT_LINE, 0);
	if (!x->interp_buf)
		return -ENOMEM;
	err = resolve_scripts(x);
	if (!err)
		err = read_images(x);
	if (!err)
		err = new_credentials(x);
	if (!err)
		err = build(x);
	return err;
}

long proc_exec(struct file *f, const char *name, const char *comm, struct args *a, struct trapframe *tf)
{
	struct execution x = { .file = f, .name = name, .comm = comm, .args = a };
	struct process *p = process_current();
	struct sighand *fresh = sighand_new();
	struct fdtable *files = NULL;
	long err = fresh ? 0 : -ENOMEM;
	pid_t old_tid = task_current()->tid;

	sched_exec();
	if (!err && !a->argc) /* as Linux: there is always an argv[0] */
		err = args_add(a, "", 1, false);
	if (!err)
		err = prepare(&x);
	if (!err && !become_single(p))
		err = -EAGAIN;
	if (!err) {
		/* with the siblings gone nobody can begin to share the table: only now it is known whether this is a copy's case */
		files = fdtable_current();
		if (refcount_read(&files->refs) > 1)
			files = fdtable_dup(files);
		err = files ? 0 : -ENOMEM;
		if (err)
			signal_kernel(p, SIGKILL); /* its threads are gone: there is no way back */
	}
	if (err) {
		if (fresh)
			sighand_put(fresh);
	} else {
		commit(&x, fresh, files, tf);
	}
	forget(&x);
	if (!err && unlikely(task_current()->trace))
		tracing_exec(old_tid);
	return err;
}
