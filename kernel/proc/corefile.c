/* SPDX-License-Identifier: MIT */
/*
 * Writing a core file: header, program headers, notes, then the memory of each region at a page's border. Pages that were never touched are left out:
 * they are holes of the file.
 */
#include "proc/corefile.h"
#include "arch/mmu.h"
#include "arch/tls.h"
#include "arch/trap.h"
#include "fs/proctext.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/kmap.h"
#include "mem/slab.h"
#include "proc/elf.h"
#include "sched/times.h"
#include "task/coreset.h"
#include "task/group.h"
#include "task/sigqueue.h"
#include "vfs/pagecache.h"
#include "vm/anon.h"
#include "vm/fault.h"
#include "vm/ptshare.h"
#include "vm/usercopy.h"

#define NT_PRSTATUS 1u
#define NT_PRFPREG 2u
#define NT_PRPSINFO 3u
#define NT_AUXV 6u
#define NT_FILE 0x46494c45u
#define NT_SIGINFO 0x53494749u
#define NT_PRXFPREG 0x46e62b7fu
#define NT_386_TLS 0x200u
#define NOTE_FILES_MAX (4ul << 20) /* bytes of the note of files: more of them are left out */
#define PSARGS 80

struct elf_time { uint32_t seconds, micros; };

/* struct elf_prstatus and struct elf_prpsinfo of Linux on a 32-bit machine. */
struct prstatus {
	int32_t signo, code, err;
	int16_t cursig;
	uint16_t pad;
	uint32_t sigpend, sighold;
	int32_t pid, ppid, pgrp, sid;
	struct elf_time utime, stime, cutime, cstime;
	uint8_t regs[ARCH_REGS_BYTES];
	int32_t fpvalid;
};

struct prpsinfo {
	char state, sname, zomb, nice;
	uint32_t flag;
	uint16_t uid, gid;
	int32_t pid, ppid, pgrp, sid;
	char fname[16], psargs[PSARGS];
};
_Static_assert(sizeof(struct prpsinfo) == 124, "struct elf_prpsinfo");

struct region { uaddr_t start, end, dumped; uint32_t flags; unsigned long pgoff; bool file; };

struct core {
	struct file *f;
	loff_t pos;               /* in the file */
	uint64_t room;            /* bytes that may still be written */
	bool skipped;             /* the file ends in a hole */
	struct coremeet *meet;
	int signo;
	const unsigned char *info;
	struct region *regions;
	unsigned count, with_file;
	struct text names;        /* of the regions that are files, each with its NUL */
	char *page;               /* a page to copy through */
};

/* ---- bytes into the file ---- */

static bool emit(struct core *c, const void *bytes, size_t len)
{
	struct uio u;

	if (len > c->room || signal_fatal_pending_current())
		return false;
	uio_kernel(&u, (void *)bytes, len);
	while (u.left) {
		ssize_t n = file_write(c->f, &u, &c->pos);

		if (n <= 0)
			return false;
	}
	c->room -= len;
	c->skipped = false;
	return true;
}

static bool skip(struct core *c, loff_t len)
{
	if (len) {
		c->pos += len;
		c->skipped = true;
	}
	return !signal_fatal_pending_current();
}

static size_t note_size(const char *name, size_t len) { return 12 + ALIGN_UP(strlen(name) + 1, (size_t)4) + ALIGN_UP(len, (size_t)4); }

static bool note_head(struct core *c, const char *name, uint32_t type, size_t len)
{
	uint32_t head[3] = { (uint32_t)strlen(name) + 1, (uint32_t)len, type };
	char padded[8] = "";

	memcpy(padded, name, head[0]);
	return emit(c, head, sizeof(head)) && emit(c, padded, ALIGN_UP(head[0], 4u));
}

static bool note(struct core *c, const char *name, uint32_t type, const void *bytes, size_t len)
{
	return note_head(c, name, type, len) && emit(c, bytes, len) && emit(c, "\0\0\0", ALIGN_UP(len, (size_t)4) - len);
}

/* ---- regions ---- */

/* A file's page if it is in memory: what is not is a hole. */
static struct page *object_page(struct vma *v, unsigned long pgoff)
{
	struct page *p = NULL;

	if (v->ops->peek)
		return v->ops->peek(v->object, pgoff);
	return v->ops->fault(v, pgoff, false, &p) ? NULL : p;
}

/* The page that is at va: of a file also one that nobody has touched; with a reference, NULL: nothing but zeroes. */
static struct page *page_at(struct aspace *as, uaddr_t va)
{
	struct page *p = NULL;
	struct vma *v;
	pte_t e;

	rwlock_read_lock(&as->lock);
	v = vma_find(as, va);
	spin_lock(&as->pt_lock);
	e = ptshare_peek(as, va, NULL);
	if (pte_mapped(e))
		p = ptshare_page(e);
	if (p)
		page_get(p);
	spin_unlock(&as->pt_lock);
	if (!pte_mapped(e) && v && v->start <= va && v->ops)
		p = object_page(v, vma_pgoff(v, va));
	rwlock_read_unlock(&as->lock);
	if (p && p == anon_zero_page()) {
		page_put(p);
		p = NULL;
	}
	return p;
}

/* Has anything in a private region been written to? as->lock held. */
static bool was_written(struct aspace *as, const struct vma *v)
{
	for (uaddr_t va = v->start; va < v->end; va += PAGE_SIZE) {
		struct page *p;
		pte_t e;

		spin_lock(&as->pt_lock);
		e = ptshare_peek(as, va, NULL);
		p = pte_mapped(e) ? ptshare_page(e) : NULL;
		spin_unlock(&as->pt_lock);
		if (p && p->kind == PAGE_ANON && p != anon_zero_page())
			return true;
		if (signal_fatal_pending_current())
			return false;
	}
	return false;
}

static bool starts_as_elf(const struct vma *v)
{
	const struct file *f = v->object;
	struct page *p = v->ops->peek ? v->ops->peek(v->object, 0) : NULL;
	bool is = false;

	if (f->inode->mode & 0111)
		is = true;
	if (p) {
		const char *va = kmap_local(p);

		is = is || !memcmp(va, "\177ELF", 4);
		kunmap_local(va);
		page_put(p);
	}
	return is;
}

/* How much of a region is written, by coredump_filter (core(5)). as->lock held. */
static unsigned long dump_size(struct aspace *as, const struct vma *v, unsigned filter)
{
	const struct file *f = v->ops == &mapping_vm_ops ? v->object : NULL;
	unsigned long all = v->end - v->start;

	if (v->flags & VMA_SPECIAL)
		return all;
	if (v->flags & VMA_DONTDUMP)
		return 0;
	if (v->flags & VMA_SHARED)
		return filter & (f && f->inode->nlink ? CORE_FILE_SHARED : CORE_ANON_SHARED) ? all : 0;
	if (filter & CORE_ANON_PRIVATE && was_written(as, v))
		return all;
	if (!f)
		return 0;
	if (filter & CORE_FILE_PRIVATE)
		return all;
	return filter & CORE_ELF_HEADERS && !v->pgoff && v->flags & VMA_READ && starts_as_elf(v) ? PAGE_SIZE : 0;
}

static void add_region(struct core *c, struct aspace *as, const struct vma *v, unsigned filter)
{
	struct region *r = &c->regions[c->count++];
	uint64_t dev, ino;

	*r = (struct region){ v->start, v->end, dump_size(as, v, filter), v->flags, v->pgoff, v->ops == &mapping_vm_ops };
	if (!r->file)
		return;
	v->ops->describe(v, c->page, PAGE_SIZE, &dev, &ino);
	text_add(&c->names, c->page, strlen(c->page) + 1);
	c->with_file++;
}

/* All regions as they are now: another process that shares the memory may change them while this writes. */
static bool take_regions(struct core *c, struct aspace *as)
{
	unsigned filter = READ_ONCE(process_current()->core_filter);
	bool ok;

	rwlock_read_lock(&as->lock);
	c->regions = kmalloc(as->vma_count * sizeof(*c->regions), 0);
	ok = c->regions;
	for (struct vma *v = vma_first(as); v && ok; v = vma_next(v)) {
		add_region(c, as, v, filter);
		ok = !signal_fatal_pending_current();
	}
	rwlock_read_unlock(&as->lock);
	return ok;
}

static bool emit_region(struct core *c, struct aspace *as, const struct region *r)
{
	for (uaddr_t va = r->start; va < r->start + r->dumped; va += PAGE_SIZE) {
		struct page *p = page_at(as, va);

		if (p) {
			const char *from = kmap_local(p);

			memcpy(c->page, from, PAGE_SIZE);
			kunmap_local(from);
			page_put(p);
		}
		if (p ? !emit(c, c->page, PAGE_SIZE) : !skip(c, PAGE_SIZE))
			return false;
	}
	return true;
}

/* ---- notes ---- */

static struct elf_time elf_time(uint64_t ns) { return (struct elf_time){ (uint32_t)(ns / NSEC_PER_SEC), (uint32_t)(ns % NSEC_PER_SEC / 1000) }; }

static void fill_ids(struct process *p, int32_t ids[4])
{
	spin_lock(&proc_tree_lock);
	ids[0] = p->pid;
	ids[1] = p->ppid;
	ids[2] = p->group->pgid;
	ids[3] = p->session->sid;
	spin_unlock(&proc_tree_lock);
}

static bool emit_status(struct core *c, struct task *t)
{
	struct process *p = t->process;
	struct prstatus s = { .signo = c->signo, .cursig = (int16_t)c->signo, .fpvalid = 1 };
	uint64_t user = 0, sys = 0;
	int32_t ids[4];
	unsigned long irq;

	fill_ids(p, ids);
	sched_thread_times(&t->thread, &user, &sys);
	irq = sighand_lock(p);
	s.sigpend = (uint32_t)t->pending.set;
	s.sighold = (uint32_t)t->sigmask;
	sighand_unlock(p, irq);
	s.pid = t->tid;
	s.ppid = ids[1];
	s.pgrp = ids[2];
	s.sid = ids[3];
	s.utime = elf_time(user);
	s.stime = elf_time(sys);
	s.cutime = elf_time(p->child_usage.user_ns);
	s.cstime = elf_time(p->child_usage.system_ns);
	arch_regs_get(arch_thread_frame(thread_stack_top(&t->thread)), s.regs);
	return note(c, "CORE", NT_PRSTATUS, &s, sizeof(s));
}

static bool emit_process(struct core *c, struct aspace *as)
{
	struct process *p = process_current();
	const struct cred *cred = cred_current();
	struct prpsinfo i = { .sname = 'R', .nice = thread_current()->se.nice, .uid = (uint16_t)MIN(cred->uid, 65534u), .gid = (uint16_t)MIN(cred->gid, 65534u) };
	size_t len = MIN((size_t)(as->arg_end - as->arg_start), (size_t)PSARGS - 1);
	int32_t ids[4];

	fill_ids(p, ids);
	i.pid = ids[0];
	i.ppid = ids[1];
	i.pgrp = ids[2];
	i.sid = ids[3];
	memcpy(i.fname, p->comm, sizeof(i.fname));
	if (vm_read_foreign(as, as->arg_start, i.psargs, len) < 0)
		len = 0;
	for (size_t n = 0; n < len; n++)
		if (!i.psargs[n])
			i.psargs[n] = ' ';
	return note(c, "CORE", NT_PRPSINFO, &i, sizeof(i)) && note(c, "CORE", NT_SIGINFO, c->info, 128)
	       && note(c, "CORE", NT_AUXV, as->auxv, as->auxv_words * sizeof(as->auxv[0]));
}

static size_t files_size(const struct core *c) { return c->with_file ? 8 + 12 * c->with_file + c->names.len : 0; }

static bool emit_files(struct core *c)
{
	uint32_t head[2] = { c->with_file, PAGE_SIZE };
	size_t len = files_size(c);
	bool ok;

	if (!len)
		return true;
	ok = note_head(c, "CORE", NT_FILE, len) && emit(c, head, sizeof(head));
	for (unsigned i = 0; i < c->count && ok; i++) {
		const struct region *r = &c->regions[i];
		uint32_t entry[3] = { (uint32_t)r->start, (uint32_t)r->end, (uint32_t)r->pgoff };

		ok = !r->file || emit(c, entry, sizeof(entry));
	}
	return ok && emit(c, c->names.buf, c->names.len) && emit(c, "\0\0\0", ALIGN_UP(len, (size_t)4) - len);
}

/* The thread's segments; how many bytes. */
static size_t tls_image(const struct task *t, uint8_t image[ARCH_TLS_SLOTS * ARCH_TLS_DESC_BYTES])
{
	bool any = false;

	for (unsigned i = 0; i < ARCH_TLS_SLOTS; i++)
		any |= arch_tls_slot(&t->thread.arch, i, image + i * ARCH_TLS_DESC_BYTES);
	return any ? ARCH_TLS_SLOTS * ARCH_TLS_DESC_BYTES : 0;
}

static bool emit_registers(struct core *c, const struct core_thread *ct)
{
	uint8_t image[ARCH_FPXREGS_BYTES], tls[ARCH_TLS_SLOTS * ARCH_TLS_DESC_BYTES];
	size_t tls_len = tls_image(ct->task, tls);

	arch_fpregs_get(&ct->fp, image);
	if (!note(c, "CORE", NT_PRFPREG, image, ARCH_FPREGS_BYTES))
		return false;
	arch_fpxregs_get(&ct->fp, image);
	return note(c, "LINUX", NT_PRXFPREG, image, ARCH_FPXREGS_BYTES) && (!tls_len || note(c, "LINUX", NT_386_TLS, tls, tls_len));
}

static size_t thread_notes_size(const struct core_thread *ct)
{
	uint8_t tls[ARCH_TLS_SLOTS * ARCH_TLS_DESC_BYTES];
	size_t tls_len = tls_image(ct->task, tls);

	return note_size("CORE", sizeof(struct prstatus)) + note_size("CORE", ARCH_FPREGS_BYTES) + note_size("LINUX", ARCH_FPXREGS_BYTES)
	       + (tls_len ? note_size("LINUX", tls_len) : 0);
}

static size_t notes_size(const struct core *c, const struct aspace *as)
{
	size_t files = files_size(c), size = note_size("CORE", sizeof(struct prpsinfo)) + note_size("CORE", 128)
		+ note_size("CORE", as->auxv_words * sizeof(as->auxv[0])) + (files ? note_size("CORE", files) : 0);
	struct core_thread *ct;

	list_for_each_entry(ct, &c->meet->threads, link)
		size += thread_notes_size(ct);
	return size;
}

/* The thread that the signal happened to comes first, and what is the process's after its status. */
static bool emit_notes(struct core *c, struct aspace *as)
{
	struct core_thread *ct;

	list_for_each_entry(ct, &c->meet->threads, link) {
		bool first = ct == &c->meet->own;

		if (!emit_status(c, ct->task) || (first && !(emit_process(c, as) && emit_files(c))) || !emit_registers(c, ct))
			return false;
	}
	return true;
}

/* ---- the file ---- */

static bool emit_headers(struct core *c, size_t notes)
{
	struct elf_header h = { .ident = "\177ELF\1\1\1", .type = ET_CORE, .machine = EM_386, .version = 1, .phoff = sizeof(h), .ehsize = sizeof(h),
				  .phentsize = sizeof(struct elf_phdr), .phnum = (uint16_t)(c->count + 1) };
	struct elf_phdr ph = { .type = PT_NOTE, .offset = (uint32_t)(sizeof(h) + h.phnum * sizeof(ph)), .filesz = (uint32_t)notes };
	uint64_t offset = ALIGN_UP((uint64_t)ph.offset + notes, (uint64_t)PAGE_SIZE);
	bool ok = emit(c, &h, sizeof(h)) && emit(c, &ph, sizeof(ph));

	for (unsigned i = 0; i < c->count && ok; i++) {
		const struct region *r = &c->regions[i];

		ph = (struct elf_phdr){ .type = PT_LOAD, .offset = (uint32_t)offset, .vaddr = (uint32_t)r->start, .filesz = (uint32_t)r->dumped,
					  .memsz = (uint32_t)(r->end - r->start), .align = PAGE_SIZE };
		ph.flags = (r->flags & VMA_READ ? PF_R : 0) | (r->flags & VMA_WRITE ? PF_W : 0) | (r->flags & VMA_EXEC ? PF_X : 0);
		offset += r->dumped;
		ok = emit(c, &ph, sizeof(ph));
	}
	return ok;
}

static void write_all(struct core *c, struct aspace *as)
{
	if (c->names.failed || files_size(c) > NOTE_FILES_MAX)
		c->with_file = 0;
	if (!emit_headers(c, notes_size(c, as)) || !emit_notes(c, as) || !skip(c, (loff_t)ALIGN_UP((uint64_t)c->pos, (uint64_t)PAGE_SIZE) - c->pos))
		return;
	for (unsigned i = 0; i < c->count; i++)
		if (!emit_region(c, as, &c->regions[i]))
			return;
	if (c->skipped) {
		c->pos--; /* the file is to be as long as its headers say */
		emit(c, "", 1);
	}
}

bool corefile_write(struct file *f, uint64_t limit, struct coremeet *m, int signo, const unsigned char info[128])
{
	struct core c = { .f = f, .room = limit, .meet = m, .signo = signo, .info = info, .page = kmalloc(PAGE_SIZE, 0) };
	struct aspace *as = process_current()->aspace;
	bool ok = c.page && take_regions(&c, as);

	if (ok)
		write_all(&c, as);
	text_free(&c.names);
	kfree(c.regions);
	kfree(c.page);
	return ok;
}
