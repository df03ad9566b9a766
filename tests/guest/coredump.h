/* SPDX-License-Identifier: MIT */
/* What the tests of core dumps share: making them, and reading them. */
#ifndef COREDUMP_H
#define COREDUMP_H

#include "guest.h"
#include <elf.h>
#include <sys/procfs.h>

#ifndef NT_SIGINFO
#define NT_SIGINFO 0x53494749
#endif
#ifndef NT_FILE
#define NT_FILE 0x46494c45
#endif

#define CORE_FLAG 0x80

struct core {
	char *bytes;
	size_t size;
	Elf32_Ehdr *head;
	Elf32_Phdr *ph;
};

static UNUSED void set_text(const char *name, const char *text)
{
	int fd = CHECK_OK(open(name, O_WRONLY));

	CHECK_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static UNUSED void get_text(const char *name, char *text, size_t cap)
{
	int fd = CHECK_OK(open(name, O_RDONLY));
	ssize_t n = read(fd, text, cap - 1);

	CHECK(n >= 0);
	text[n] = 0;
	close(fd);
}

#define PATTERN "/proc/sys/kernel/core_pattern"
#define USES_PID "/proc/sys/kernel/core_uses_pid"
#define SUID_DUMPABLE "/proc/sys/fs/suid_dumpable"

static UNUSED void limit_core(unsigned long bytes)
{
	struct rlimit rl = {bytes, RLIM_INFINITY};

	CHECK_OK(setrlimit(RLIMIT_CORE, &rl));
}

static UNUSED void prepare(const char *pattern)
{
	set_text(PATTERN, pattern);
	set_text(USES_PID, "0\n");
	limit_core(RLIM_INFINITY);
}

static UNUSED void done(void)
{
	set_text(PATTERN, "core\n");
	set_text(SUID_DUMPABLE, "0\n");
}

static UNUSED void die_of(int sig)
{
	signal(sig, SIG_DFL);
	raise(sig);
	_exit(1);
}

/* The wait status of a child that dies of sig. */
static UNUSED int dies(int sig)
{
	pid_t pid;

	FORK(pid)
		die_of(sig);
	return reap(pid);
}

static UNUSED struct core read_core(const char *name)
{
	struct core c;
	struct stat st;
	int fd = CHECK_OK(open(name, O_RDONLY));

	CHECK_OK(fstat(fd, &st));
	c.size = (size_t)st.st_size;
	c.bytes = mmap(NULL, c.size, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(c.bytes != MAP_FAILED);
	close(fd);
	c.head = (Elf32_Ehdr *)c.bytes;
	CHECK(c.size > sizeof(*c.head) && !memcmp(c.head->e_ident, "\177ELF\1\1\1", 7));
	CHECK_EQ(c.head->e_type, ET_CORE);
	CHECK_EQ(c.head->e_machine, EM_386);
	CHECK_EQ(c.head->e_phentsize, sizeof(Elf32_Phdr));
	c.ph = (Elf32_Phdr *)(c.bytes + c.head->e_phoff);
	CHECK_EQ(c.ph[0].p_type, PT_NOTE);
	for (unsigned i = 0; i < c.head->e_phnum; i++)
		CHECK((unsigned long long)c.ph[i].p_offset + c.ph[i].p_filesz <= c.size);
	return c;
}

/* The n-th note of a type; its bytes in *len. */
static UNUSED void *find_note(const struct core *c, unsigned type, unsigned n, size_t *len)
{
	char *at = c->bytes + c->ph[0].p_offset, *end = at + c->ph[0].p_filesz;

	while (at < end) {
		Elf32_Nhdr *h = (Elf32_Nhdr *)at;
		char *desc = at + sizeof(*h) + (h->n_namesz + 3) / 4 * 4;

		if (h->n_type == type && n-- == 0) {
			*len = h->n_descsz;
			return desc;
		}
		at = desc + (h->n_descsz + 3) / 4 * 4;
	}
	CHECK(at == end);
	return NULL;
}

/* The byte that memory had at an address; -1: not in the core. */
static UNUSED int byte_at(const struct core *c, const volatile void *p)
{
	uint32_t a = (uint32_t)(uintptr_t)p;

	for (unsigned i = 1; i < c->head->e_phnum; i++)
		if (a - c->ph[i].p_vaddr < c->ph[i].p_filesz)
			return (unsigned char)c->bytes[c->ph[i].p_offset + (a - c->ph[i].p_vaddr)];
	return -1;
}

#endif
