/* SPDX-License-Identifier: MIT */
/* The first stack of a program. */
#include "proc/ustack.h"
#include "arch/vdso.h"
#include "arch/platform.h"
#include "core/clock.h"
#include "dev/random.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "task/process.h"
#include "task/sigqueue.h"
#include "vm/fault.h"
#include "vm/usercopy.h"

enum { AT_NULL, AT_PHDR = 3, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_FLAGS, AT_ENTRY, AT_UID = 11, AT_EUID, AT_GID, AT_EGID, AT_PLATFORM, AT_HWCAP,
       AT_CLKTCK, AT_SECURE = 23, AT_RANDOM = 25, AT_HWCAP2, AT_EXECFN = 31, AT_SYSINFO, AT_SYSINFO_EHDR, AT_MINSIGSTKSZ = 51 };

void args_init(struct args *a, size_t limit)
{
	*a = (struct args){ .limit = limit };
}

void args_free(struct args *a)
{
	for (unsigned i = 0; i < a->page_count; i++)
		kfree(a->pages[i]);
	kfree(a->pages);
}

static int add_page(struct args *a)
{
	if (a->page_count == a->page_cap) {
		unsigned cap = a->page_cap ? a->page_cap * 2 : 8;
		char **grown = kmalloc(cap * sizeof(*grown), 0);

		if (!grown)
			return -ENOMEM;
		if (a->page_count)
			memcpy(grown, a->pages, a->page_count * sizeof(*grown));
		kfree(a->pages);
		a->pages = grown;
		a->page_cap = cap;
	}
	a->pages[a->page_count] = kmalloc(PAGE_SIZE, 0);
	if (!a->pages[a->page_count])
		return -ENOMEM;
	a->page_count++;
	return 0;
}

int args_add(struct args *a, const char *s, size_t len, bool env)
{
	if (len > ARG_STRING_MAX || a->bytes + len + (a->argc + a->envc + 1) * sizeof(long) > a->limit)
		return -E2BIG;
	while (len) {
		size_t off = a->bytes % PAGE_SIZE, n = MIN(len, PAGE_SIZE - off);

		if (!off && a->bytes / PAGE_SIZE == a->page_count && add_page(a))
			return -ENOMEM;
		memcpy(a->pages[a->bytes / PAGE_SIZE] + off, s, n);
		a->bytes += n;
		s += n;
		len -= n;
	}
	*(env ? &a->envc : &a->argc) += 1;
	return 0;
}

static int add_user_string(struct args *a, uaddr_t s, bool env, char *buf)
{
	ssize_t n = user_strnlen(s, ARG_STRING_MAX);
	size_t left;

	if (n < 0)
		return (int)n;
	if ((size_t)n > ARG_STRING_MAX)
		return -E2BIG;
	*(env ? &a->envc : &a->argc) += 1;
	for (left = (size_t)n; left;) {
		size_t part = MIN(left, PAGE_SIZE);
		int err;

		if (user_read(buf, s, part))
			return -EFAULT;
		left -= part;
		s += part;
		if (!left)
			buf[part - 1] = '\0'; /* another thread may have changed it since it was measured */
		err = args_add(a, buf, part, env);
		if (err)
			return err;
		*(env ? &a->envc : &a->argc) -= 1;
	}
	return 0;
}

int args_add_user_vector(struct args *a, uaddr_t vector, bool env)
{
	char *buf;
	int err = 0;

	if (!vector)
		return 0;
	buf = kmalloc(PAGE_SIZE, 0);
	if (!buf)
		return -ENOMEM;
	for (; !err; vector += sizeof(uint32_t)) {
		uint32_t s;

		err = user_get(&s, vector);
		if (err || !s)
			break;
		err = add_user_string(a, s, env, buf);
		if (!err && signal_fatal_pending_current())
			err = -EINTR;
	}
	kfree(buf);
	return err;
}

static char byte_at(const struct args *a, size_t i) { return a->pages[i / PAGE_SIZE][i % PAGE_SIZE]; }

int args_replace_first(struct args *a, const char *const *with, unsigned count)
{
	struct args n;
	size_t at = a->skip;
	char *buf;
	int err = 0;

	args_init(&n, a->limit);
	for (unsigned i = 0; i < count && !err; i++)
		err = args_add(&n, with[i], strlen(with[i]) + 1, false);
	if (a->argc)
		while (byte_at(a, at++))
			;
	/* the rest is copied as it is: chunks that need not end at strings */
	while (!err && at < a->bytes) {
		size_t part = MIN(a->bytes - at, PAGE_SIZE - at % PAGE_SIZE);

		buf = a->pages[at / PAGE_SIZE] + at % PAGE_SIZE;
		err = args_add(&n, buf, part, true);
		at += part;
	}
	n.argc = count + (a->argc ? a->argc - 1 : 0);
	n.envc = a->envc;
	args_free(err ? &n : a);
	if (!err)
		*a = n;
	return err;
}

struct builder {
	struct aspace *as;
	uaddr_t sp;
	int err;
};

static uaddr_t push(struct builder *b, const void *data, size_t n)
{
	b->sp -= n;
	if (!b->err && vm_write_foreign(b->as, b->sp, data, n) != (ssize_t)n)
		b->err = -EFAULT;
	return b->sp;
}

static uaddr_t push_strings(struct builder *b, const struct args *a)
{
	size_t end = a->bytes;

	while (end > 0) {
		size_t start = (end - 1) / PAGE_SIZE * PAGE_SIZE;

		push(b, a->pages[start / PAGE_SIZE], end - start);
		end = start;
	}
	return b->sp;
}

static void aux(struct aspace *as, unsigned long type, unsigned long value)
{
	as->auxv[as->auxv_words++] = type;
	as->auxv[as->auxv_words++] = value;
}

static void fill_auxv(struct aspace *as, const struct program *p, uaddr_t random, uaddr_t platform, uaddr_t name)
{
	const struct cred *c = cred_current();

	as->auxv_words = 0;
	if (as->vdso) {
		aux(as, AT_SYSINFO, arch_vdso_entry(as->vdso));
		aux(as, AT_SYSINFO_EHDR, as->vdso);
	}
	aux(as, AT_HWCAP, arch_hwcap());
	aux(as, AT_PAGESZ, PAGE_SIZE);
	aux(as, AT_CLKTCK, 100);
	aux(as, AT_PHDR, p->image->phdrs);
	aux(as, AT_PHENT, sizeof(struct elf_phdr));
	aux(as, AT_PHNUM, p->image->h.phnum);
	aux(as, AT_BASE, p->interp ? p->interp->base : 0);
	aux(as, AT_FLAGS, 0);
	aux(as, AT_ENTRY, p->image->entry);
	aux(as, AT_UID, c->uid);
	aux(as, AT_EUID, c->euid);
	aux(as, AT_GID, c->gid);
	aux(as, AT_EGID, c->egid);
	aux(as, AT_SECURE, p->secure);
	aux(as, AT_RANDOM, random);
	aux(as, AT_HWCAP2, 0);
	aux(as, AT_EXECFN, name);
	aux(as, AT_PLATFORM, platform);
	aux(as, AT_NULL, 0);
}

/* Pointers to count strings that lie at *at one after the other, and a null. */
static void push_pointers(uint32_t **out, const struct args *a, size_t *at, uaddr_t base, unsigned long count)
{
	for (unsigned long i = 0; i < count; i++) {
		*(*out)++ = (uint32_t)(base + *at);
		while (byte_at(a, (*at)++))
			;
	}
	*(*out)++ = 0;
}

int ustack_build(struct aspace *as, const struct args *a, const struct program *prog, uaddr_t *sp)
{
	struct builder b = { as, as->stack_top - sizeof(uint32_t), 0 };
	uaddr_t strings, name, platform, random;
	unsigned char noise[16];
	size_t words, at = 0;
	uint32_t *block, *w;

	name = push(&b, prog->name, strlen(prog->name) + 1);
	strings = push_strings(&b, a);
	platform = push(&b, "i686", 5);
	random_bytes(noise, sizeof(noise));
	b.sp = ALIGN_DOWN(b.sp, 16ul);
	random = push(&b, noise, sizeof(noise));
	fill_auxv(as, prog, random, platform, name);
	words = 1 + a->argc + 1 + a->envc + 1 + as->auxv_words;
	block = w = kmalloc(words * sizeof(*w), 0);
	if (!block)
		return -ENOMEM;
	*w++ = (uint32_t)a->argc;
	push_pointers(&w, a, &at, strings, a->argc);
	as->arg_start = strings;
	as->arg_end = as->env_start = strings + at;
	push_pointers(&w, a, &at, strings, a->envc);
	as->env_end = strings + at;
	for (unsigned i = 0; i < as->auxv_words; i++)
		*w++ = (uint32_t)as->auxv[i];
	b.sp = ALIGN_DOWN(b.sp - words * sizeof(*w), 16ul) + words * sizeof(*w);
	*sp = push(&b, block, words * sizeof(*w));
	kfree(block);
	return b.err;
}
