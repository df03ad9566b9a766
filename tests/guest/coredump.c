/* SPDX-License-Identifier: MIT */
/* Core dumps: when there is one, what it is called, whose it is, and what it holds. */
#include "guest.h"
#include <elf.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
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

static void set_text(const char *name, const char *text)
{
	int fd = CHECK_OK(open(name, O_WRONLY));

	CHECK_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void get_text(const char *name, char *text, size_t cap)
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

static void limit_core(unsigned long bytes)
{
	struct rlimit rl = {bytes, RLIM_INFINITY};

	CHECK_OK(setrlimit(RLIMIT_CORE, &rl));
}

static void prepare(const char *pattern)
{
	set_text(PATTERN, pattern);
	set_text(USES_PID, "0\n");
	limit_core(RLIM_INFINITY);
}

static void done(void)
{
	set_text(PATTERN, "core\n");
	set_text(SUID_DUMPABLE, "0\n");
}

static void die_of(int sig)
{
	signal(sig, SIG_DFL);
	raise(sig);
	_exit(1);
}

/* The wait status of a child that dies of sig. */
static int dies(int sig)
{
	pid_t pid;

	FORK(pid)
		die_of(sig);
	return reap(pid);
}

static struct core read_core(const char *name)
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
static void *find_note(const struct core *c, unsigned type, unsigned n, size_t *len)
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
static int byte_at(const struct core *c, const volatile void *p)
{
	uint32_t a = (uint32_t)(uintptr_t)p;

	for (unsigned i = 1; i < c->head->e_phnum; i++)
		if (a - c->ph[i].p_vaddr < c->ph[i].p_filesz)
			return (unsigned char)c->bytes[c->ph[i].p_offset + (a - c->ph[i].p_vaddr)];
	return -1;
}

TEST(signals_that_dump)
{
	static const int dumps[] = {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS, SIGXCPU, SIGXFSZ};
	static const int kills[] = {SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGUSR1, SIGPIPE, SIGALRM, SIGIO, SIGPWR, SIGVTALRM};

	prepare("core");
	for (unsigned i = 0; i < sizeof(dumps) / sizeof(*dumps); i++) {
		CHECK_EQ(dies(dumps[i]), dumps[i] | CORE_FLAG);
		CHECK_OK(unlink("core"));
	}
	for (unsigned i = 0; i < sizeof(kills) / sizeof(*kills); i++) {
		CHECK_EQ(dies(kills[i]), kills[i]);
		CHECK_ERR(unlink("core"), ENOENT);
	}
}

TEST(no_limit_no_core)
{
	struct stat st;

	prepare("core");
	limit_core(0);
	CHECK_EQ(dies(SIGQUIT), SIGQUIT);
	limit_core(PAGE - 1);
	CHECK_EQ(dies(SIGQUIT), SIGQUIT);
	CHECK_ERR(stat("core", &st), ENOENT);
	limit_core(2 * PAGE); /* too little: what fits is there */
	CHECK_EQ(dies(SIGQUIT), SIGQUIT | CORE_FLAG);
	CHECK_OK(stat("core", &st));
	CHECK(st.st_blocks * 512 <= (long)(2 * PAGE));
}

TEST(file_size_limit)
{
	struct rlimit rl = {3 * PAGE, RLIM_INFINITY};
	pid_t pid;
	struct stat st;

	prepare("core");
	FORK(pid)
	{
		CHECK_OK(setrlimit(RLIMIT_FSIZE, &rl));
		die_of(SIGQUIT);
	}
	CHECK_EQ(reap(pid), SIGQUIT | CORE_FLAG);
	CHECK_OK(stat("core", &st));
	CHECK(st.st_size <= (long)(3 * PAGE));
}

TEST(parent_is_told)
{
	siginfo_t info;
	pid_t pid;

	prepare("core");
	FORK(pid)
		die_of(SIGABRT);
	CHECK_OK(waitid(P_PID, (id_t)pid, &info, WEXITED));
	CHECK_EQ(info.si_code, CLD_DUMPED);
	CHECK_EQ(info.si_status, SIGABRT);
}

TEST(file_is_new_and_private)
{
	struct stat st, other;

	prepare("core");
	umask(0);
	write_file("core", "old", 3);
	CHECK_OK(link("core", "kept"));
	CHECK_EQ(dies(SIGQUIT), SIGQUIT | CORE_FLAG);
	CHECK_OK(stat("core", &st));
	CHECK_OK(stat("kept", &other));
	CHECK(st.st_ino != other.st_ino && other.st_size == 3);
	CHECK_EQ(st.st_mode, S_IFREG | 0600);
	CHECK_EQ(st.st_uid, 0);
	CHECK_OK(unlink("core"));
	CHECK_OK(mkdir("core", 0755)); /* in the way */
	CHECK_EQ(dies(SIGQUIT), SIGQUIT);
	CHECK_OK(rmdir("core"));
	CHECK_OK(symlink("kept", "core"));
	CHECK_EQ(dies(SIGQUIT), SIGQUIT | CORE_FLAG);
	CHECK_OK(lstat("core", &st));
	CHECK(S_ISREG(st.st_mode));
	umask(0777); /* then it cannot be of mode 0600 */
	CHECK_EQ(dies(SIGQUIT), SIGQUIT);
}

TEST(names)
{
	char name[300], host[65];
	pid_t pid;

	CHECK_OK(gethostname(host, sizeof(host)));
	prepare("c.%e.%p.%i.%s.%u.%g.%d.%h.%%.%z.%c%");
	CHECK_OK(prctl(PR_SET_NAME, "a/b"));
	FORK(pid)
		die_of(SIGABRT);
	CHECK_EQ(reap(pid), SIGABRT | CORE_FLAG);
	snprintf(name, sizeof(name), "c.a!b.%d.%d.6.0.0.1.%s.%%..%llu", pid, pid, host, (unsigned long long)-1);
	if (access(name, F_OK) < 0) { /* the limit is a long */
		snprintf(name, sizeof(name), "c.a!b.%d.%d.6.0.0.1.%s.%%..%lu", pid, pid, host, (unsigned long)-1);
		CHECK_OK(unlink(name));
	}
	prepare("d/%e");
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(prctl(PR_SET_NAME, ".."));
	CHECK_EQ(dies(SIGQUIT), SIGQUIT | CORE_FLAG);
	CHECK_OK(unlink("d/!."));
	set_text(PATTERN, "x");
	set_text(USES_PID, "1");
	FORK(pid)
		die_of(SIGQUIT);
	CHECK_EQ(reap(pid), SIGQUIT | CORE_FLAG);
	snprintf(name, sizeof(name), "x.%d", pid);
	CHECK_OK(unlink(name));
	set_text(PATTERN, "y%p");
	FORK(pid)
		die_of(SIGQUIT);
	CHECK_EQ(reap(pid), SIGQUIT | CORE_FLAG);
	snprintf(name, sizeof(name), "y%d", pid);
	CHECK_OK(unlink(name));
	set_text(USES_PID, "0");
	set_text(PATTERN, "none/core");
	CHECK_EQ(dies(SIGQUIT), SIGQUIT);
	done();
}

TEST(settings)
{
	char text[200];

	set_text(PATTERN, "abc.%p\n");
	get_text(PATTERN, text, sizeof(text));
	CHECK_STR(text, "abc.%p\n");
	CHECK_ERR(write(CHECK_OK(open(SUID_DUMPABLE, O_WRONLY)), "3", 1), EINVAL);
	get_text("/proc/self/coredump_filter", text, sizeof(text));
	CHECK_STR(text, "00000033\n");
	set_text("/proc/self/coredump_filter", "0x7f");
	get_text("/proc/self/coredump_filter", text, sizeof(text));
	CHECK_STR(text, "0000007f\n");
	CHECK_ERR(write(CHECK_OK(open("/proc/self/coredump_filter", O_WRONLY)), "x", 1), EINVAL);
	done();
}

TEST(nobody_dumps_what_is_not_dumpable)
{
	pid_t pid;

	prepare("core");
	FORK(pid)
	{
		CHECK_OK(prctl(PR_SET_DUMPABLE, 0));
		die_of(SIGQUIT);
	}
	CHECK_EQ(reap(pid), SIGQUIT);
	FORK(pid)
	{
		CHECK_OK(setresuid(1000, 1000, 1000));
		CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
		die_of(SIGQUIT);
	}
	CHECK_EQ(reap(pid), SIGQUIT);
	CHECK_ERR(unlink("core"), ENOENT);
	FORK(pid)
	{
		CHECK_OK(setresuid(1000, 1000, 1000));
		CHECK_OK(prctl(PR_SET_DUMPABLE, 1));
		die_of(SIGQUIT);
	}
	CHECK_EQ(reap(pid), SIGQUIT | CORE_FLAG);
}

TEST(root_keeps_what_changed_its_ids)
{
	char dir[200], name[300];
	struct stat st;
	pid_t pid;

	prepare("core");
	set_text(SUID_DUMPABLE, "2");
	FORK(pid)
	{
		CHECK_OK(setresuid(1000, 1000, 1000));
		CHECK_EQ(prctl(PR_GET_DUMPABLE), 2);
		die_of(SIGQUIT);
	}
	CHECK_EQ(reap(pid), SIGQUIT); /* not below an unknown directory */
	CHECK(getcwd(dir, sizeof(dir)) != NULL);
	snprintf(name, sizeof(name), "%s/k", dir);
	set_text(PATTERN, name);
	FORK(pid)
	{
		CHECK_OK(setresuid(1000, 1000, 1000));
		die_of(SIGQUIT);
	}
	CHECK_EQ(reap(pid), SIGQUIT | CORE_FLAG);
	CHECK_OK(stat("k", &st));
	CHECK_EQ(st.st_uid, 0);
	CHECK_EQ(st.st_mode & 07777, 0600);
	FORK(pid)
	{
		CHECK_OK(setresuid(1000, 1000, 1000));
		die_of(SIGQUIT);
	}
	CHECK_EQ(reap(pid), SIGQUIT); /* one is there already: it stays */
	done();
}

TEST(notes_of_the_process)
{
	struct elf_prpsinfo *ps;
	siginfo_t *info;
	uint32_t *file, *aux;
	struct core c;
	size_t len;
	pid_t pid;
	bool found = false;

	prepare("core");
	CHECK_OK(prctl(PR_SET_NAME, "dumper"));
	FORK(pid)
	{
		signal(SIGSEGV, SIG_DFL);
		*(volatile int *)0x1234 = 1;
	}
	CHECK_EQ(reap(pid), SIGSEGV | CORE_FLAG);
	c = read_core("core");
	ps = find_note(&c, NT_PRPSINFO, 0, &len);
	CHECK(ps && len == sizeof(*ps));
	CHECK_EQ(ps->pr_pid, pid);
	CHECK_EQ(ps->pr_ppid, getpid());
	CHECK_STR(ps->pr_fname, "dumper");
	CHECK(strstr(ps->pr_psargs, "coredump") != NULL);
	info = find_note(&c, NT_SIGINFO, 0, &len);
	CHECK(info && len == 128);
	CHECK_EQ(info->si_signo, SIGSEGV);
	CHECK_EQ(info->si_code, SEGV_MAPERR);
	CHECK_EQ((uintptr_t)info->si_addr, 0x1234);
	aux = find_note(&c, NT_AUXV, 0, &len);
	CHECK(aux && len >= 16 && len % 8 == 0);
	for (size_t i = 0; i < len / 4; i += 2)
		found |= aux[i] == AT_PAGESZ && aux[i + 1] == PAGE;
	CHECK(found);
	file = find_note(&c, NT_FILE, 0, &len);
	CHECK(file && file[0] > 0 && file[1] == PAGE);
	CHECK(memmem(file, len, "coredump", 8) != NULL);
	CHECK(8 + 12 * file[0] < len);
}

static void *thread_waits(void *arg)
{
	struct gate *g = arg;

	__asm__ volatile("movl $0x5eed, %%esi" : : : "esi");
	gate_wait(g);
	return NULL;
}

static void raise_with_registers(void)
{
	unsigned short control = 0x027f;
	static const float one[4] __attribute__((aligned(16))) = {1.5f, 2.5f, 3.5f, 4.5f};

	__asm__ volatile("fldcw %0\n movaps %1, %%xmm3\n movl $0x12345678, %%esi\n movl $0x55aa55aa, %%edi\n ud2"
			 : : "m"(control), "m"(one) : "esi", "edi", "memory");
}

TEST(notes_of_the_threads)
{
	struct gate g = gate_make();
	struct elf_prstatus *st;
	struct core c;
	unsigned n = 0, *fp;
	size_t len;
	float *fx;
	pid_t pid;

	prepare("core");
	FORK(pid)
	{
		pthread_t t;

		for (int i = 0; i < 5; i++)
			CHECK_EQ(pthread_create(&t, NULL, thread_waits, &g), 0);
		signal(SIGILL, SIG_DFL);
		raise_with_registers();
	}
	CHECK_EQ(reap(pid), SIGILL | CORE_FLAG);
	c = read_core("core");
	st = find_note(&c, NT_PRSTATUS, 0, &len);
	CHECK(st && len == sizeof(*st));
	CHECK_EQ(st->pr_pid, pid);
	CHECK_EQ(st->pr_ppid, getpid());
	CHECK_EQ(st->pr_pgrp, getpgrp());
	CHECK_EQ(st->pr_cursig, SIGILL);
	CHECK_EQ(st->pr_info.si_signo, SIGILL);
	CHECK_EQ(st->pr_fpvalid, 1);
	CHECK_EQ(st->pr_reg[3], 0x12345678); /* esi, edi: struct user_regs_struct */
	CHECK_EQ(st->pr_reg[4], 0x55aa55aa);
	CHECK_EQ(*(unsigned char *)st->pr_reg[12], 0x0f); /* eip: at ud2, in the program, which is the same here */
	CHECK_EQ(byte_at(&c, (void *)st->pr_reg[12]), -1); /* and is not in the core */
	CHECK(byte_at(&c, (void *)st->pr_reg[15]) >= 0); /* the stack */
	while ((st = find_note(&c, NT_PRSTATUS, n, &len)))
		n++;
	CHECK_EQ(n, 6);
	fp = find_note(&c, NT_PRFPREG, 0, &len);
	CHECK(fp && len == 108);
	CHECK_EQ(fp[0] & 0xffff, 0x027f);
	fx = find_note(&c, NT_PRXFPREG, 0, &len);
	CHECK(fx && len == 512);
	CHECK(fx[160 / 4 + 12] == 1.5f && fx[160 / 4 + 15] == 4.5f);
	CHECK(find_note(&c, NT_PRXFPREG, 5, &len) != NULL);
	CHECK(find_note(&c, NT_386_TLS, 5, &len) != NULL);
	CHECK_EQ(len, 48);
}

TEST(memory)
{
	char *p = map_rw(8 * PAGE), *hidden = map_rw(PAGE), *none = map_rw(PAGE), *shared = map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *file, *cow;
	struct core c;
	int fd = new_file("f");
	struct stat st;

	prepare("core");
	CHECK_OK(ftruncate(fd, (off_t)(2 * PAGE)));
	file = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cow = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	p[0] = 11;
	p[7 * PAGE] = 12;
	hidden[0] = 13;
	none[0] = 14;
	shared[0] = 15;
	file[0] = 16;
	cow[PAGE] = 17;
	CHECK_OK(madvise(hidden, PAGE, MADV_DONTDUMP));
	CHECK_OK(mprotect(none, PAGE, PROT_NONE));
	CHECK_EQ(dies(SIGQUIT), SIGQUIT | CORE_FLAG);
	c = read_core("core");
	CHECK_EQ(byte_at(&c, p), 11);
	CHECK_EQ(byte_at(&c, p + PAGE), 0);
	CHECK_EQ(byte_at(&c, p + 7 * PAGE), 12);
	CHECK_EQ(byte_at(&c, hidden), -1);
	CHECK_EQ(byte_at(&c, none), 14);
	CHECK_EQ(byte_at(&c, shared), 15);
	CHECK_EQ(byte_at(&c, file), -1);
	CHECK_EQ(byte_at(&c, cow), 16);
	CHECK_EQ(byte_at(&c, cow + PAGE), 17);
	CHECK_OK(stat("core", &st));
	CHECK(st.st_blocks * 512 < st.st_size); /* what nobody touched is a hole */
	CHECK_OK(madvise(hidden, PAGE, MADV_DODUMP));
	set_text("/proc/self/coredump_filter", "0x8");
	CHECK_EQ(dies(SIGQUIT), SIGQUIT | CORE_FLAG);
	c = read_core("core");
	CHECK_EQ(byte_at(&c, file), 16);
	CHECK_EQ(byte_at(&c, p), -1);
	CHECK_EQ(byte_at(&c, shared), -1);
	set_text("/proc/self/coredump_filter", "1");
	CHECK_EQ(dies(SIGQUIT), SIGQUIT | CORE_FLAG);
	c = read_core("core");
	CHECK_EQ(byte_at(&c, hidden), 13);
}

TEST(killed_while_it_writes)
{
	struct stat st;
	pid_t pid;
	int status;

	prepare("core");
	FORK(pid)
	{
		char *p = map_anon(16384 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);

		for (unsigned i = 0; i < 2000; i++)
			p[i * 8 * PAGE] = 1;
		die_of(SIGQUIT);
	}
	while (stat("core", &st) < 0 || st.st_size == 0) /* it writes */
		CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_OK(kill(pid, SIGTERM)); /* not that */
	CHECK_OK(kill(pid, SIGUSR1));
	CHECK_OK(kill(pid, SIGSTOP));
	CHECK_OK(kill(pid, SIGKILL));
	status = reap(pid);
	CHECK(status == SIGKILL || status == (SIGQUIT | CORE_FLAG));
}

static void *thread_dies(void *arg)
{
	gate_wait(arg);
	raise_with_registers();
	return NULL;
}

static void *thread_calls(void *arg UNUSED)
{
	for (;;)
		getppid();
	return NULL;
}

TEST(threads_that_all_die_at_once)
{
	prepare("core");
	for (int round = 0; round < 10; round++) {
		struct gate g = gate_make();
		struct core c;
		size_t len;
		pid_t pid;

		FORK(pid)
		{
			pthread_t t;

			signal(SIGILL, SIG_DFL);
			for (int i = 0; i < 4; i++) {
				CHECK_EQ(pthread_create(&t, NULL, thread_dies, &g), 0);
				CHECK_EQ(pthread_create(&t, NULL, thread_calls, &g), 0);
			}
			for (int i = 0; i < 4; i++)
				gate_open(&g);
			pause();
		}
		CHECK_EQ(reap(pid), SIGILL | CORE_FLAG);
		c = read_core("core");
		CHECK(find_note(&c, NT_PRSTATUS, 8, &len) != NULL);
		CHECK(find_note(&c, NT_PRSTATUS, 9, &len) == NULL);
		munmap(c.bytes, c.size);
		close(g.fd[0]);
		close(g.fd[1]);
	}
}

TEST(stack_that_takes_no_frame_dumps)
{
	pid_t pid;

	prepare("core");
	FORK(pid)
	{
		stack_t ss = {.ss_sp = map_anon(16 * PAGE, PROT_NONE, MAP_PRIVATE), .ss_size = 16 * PAGE};
		struct sigaction action = {.sa_sigaction = guest_on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

		CHECK_OK(sigaltstack(&ss, NULL));
		CHECK_OK(sigaction(SIGSEGV, &action, NULL));
		raise(SIGSEGV);
	}
	CHECK_EQ(reap(pid), SIGSEGV | CORE_FLAG);
}

static void *thread_makes_threads(void *arg)
{
	pthread_t t;

	for (int i = 0; i < 50; i++)
		if (pthread_create(&t, NULL, thread_calls, arg) != 0)
			break;
	return NULL;
}

static void *thread_execs(void *arg UNUSED)
{
	char *argv[] = {"/proc/self/exe", "@nothing", NULL};

	execv(argv[0], argv);
	return NULL;
}

static void *thread_forks(void *arg UNUSED)
{
	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
	return NULL;
}

static void *thread_raises(void *arg)
{
	gate_wait(arg);
	raise(SIGQUIT);
	return NULL;
}

HELPER(nothing)
{
	return 0;
}

/* Threads are born, fork, exec and end while others dump: one of that is how the process ends, and it does end. */
TEST(dumps_in_the_middle_of_everything)
{
	static void *(*const what[])(void *) = {thread_calls, thread_makes_threads, thread_execs, thread_forks};

	prepare("core");
	for (int round = 0; round < 24; round++) {
		struct gate g = gate_make();
		int status;
		pid_t pid;

		FORK(pid)
		{
			pthread_t t;

			signal(SIGQUIT, SIG_DFL);
			for (int i = 0; i < 3; i++)
				CHECK_EQ(pthread_create(&t, NULL, thread_raises, &g), 0);
			for (int i = 0; i < 3; i++)
				gate_open(&g);
			CHECK_EQ(pthread_create(&t, NULL, what[round % 4], &g), 0);
			for (;;)
				pause();
		}
		if (round % 3 == 0)
			kill(pid, SIGKILL);
		status = reap(pid);
		CHECK(status == (SIGQUIT | CORE_FLAG) || status == SIGKILL || (round % 4 == 2 && status == 0));
		close(g.fd[0]);
		close(g.fd[1]);
	}
}

TEST(memory_shared_with_another_process)
{
	char *p = map_anon(4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED), *stack = map_rw(16 * PAGE);
	pid_t pid, other;
	struct core c;

	prepare("core");
	p[0] = 21;
	FORK(pid)
	{
		other = (pid_t)syscall(SYS_clone, CLONE_VM | SIGCHLD, stack + 16 * PAGE - 64, NULL, NULL, NULL);
		if (other == 0) /* changes the regions all the while */
			for (;;) {
				long at = syscall(SYS_mmap2, 0, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

				syscall(SYS_munmap, at, 8 * PAGE);
			}
		die_of(SIGQUIT);
	}
	CHECK_EQ(reap(pid), SIGQUIT | CORE_FLAG);
	c = read_core("core");
	CHECK_EQ(byte_at(&c, p), 21);
}

TEST(own_core_in_a_mapping_of_itself)
{
	int fd = new_file("core");
	char *p;

	CHECK_OK(ftruncate(fd, (off_t)(4 * PAGE)));
	p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	p[0] = 1;
	prepare("core");
	set_text("/proc/self/coredump_filter", "0x1f");
	CHECK_EQ(dies(SIGQUIT), SIGQUIT | CORE_FLAG);
	CHECK_EQ(p[0], 1); /* the old file, which has no name any more */
}

TEST(full_file_system)
{
	struct stat st;
	int status;

	CHECK_OK(mkdir("m", 0755));
	if (mount("none", "m", "tmpfs", 0, "size=64k") < 0)
		SKIP("no right to mount");
	prepare("m/core");
	status = dies(SIGQUIT);
	CHECK_OK(stat("m/core", &st));
	CHECK_OK(umount("m"));
	CHECK_EQ(status, SIGQUIT | CORE_FLAG); /* what fitted is there */
	CHECK(st.st_blocks <= 128);
	done();
}
