/* SPDX-License-Identifier: MIT */
/* Core dumps: when there is one, what it is called, whose it is, and what it holds. */
#include "coredump.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

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

/* With that core_pattern; the format is of the process's number. */
static void core_is_called(const char *pattern, const char *format)
{
	char name[64];
	pid_t pid;

	set_text(PATTERN, pattern);
	FORK(pid)
		die_of(SIGQUIT);
	CHECK_EQ(reap(pid), SIGQUIT | CORE_FLAG);
	snprintf(name, sizeof(name), format, pid);
	CHECK_OK(unlink(name));
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
	set_text(USES_PID, "1");
	core_is_called("x", "x.%d");
	core_is_called("y%p", "y%d");
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

HELPER(dumpable)
{
	return prctl(PR_GET_DUMPABLE) == atoi(argv[2]) ? 0 : 1;
}

static void copy_self(const char *name, mode_t mode)
{
	int from = CHECK_OK(open("/proc/self/exe", O_RDONLY)), to = CHECK_OK(open(name, O_WRONLY | O_CREAT, 0700));
	static char buffer[65536];
	ssize_t n;

	while ((n = read(from, buffer, sizeof(buffer))) > 0)
		CHECK_EQ(write(to, buffer, (size_t)n), n);
	close(from);
	close(to);
	CHECK_OK(chmod(name, mode));
}

static void run_as_user(const char *name, const char *dumpable)
{
	char *argv[] = {(char *)name, "@dumpable", (char *)dumpable, NULL};
	pid_t pid;

	FORK(pid)
	{
		CHECK_OK(setresuid(1000, 1000, 1000));
		execv(name, argv);
		FAIL("execv: %d", errno);
	}
	reap_ok(pid);
}

TEST(programs_that_may_not_be_read)
{
	copy_self("./p", 0755);
	run_as_user("./p", "1");
	CHECK_OK(chmod("./p", 0711)); /* a core would be a copy */
	run_as_user("./p", "0");
	CHECK_OK(chmod("./p", 04755));
	run_as_user("./p", "0");
	set_text(SUID_DUMPABLE, "2");
	run_as_user("./p", "2");
	done();
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
		char *p = map_anon(16384 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE);

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

/* What a process does that shares its memory with one whose core is written: regions go, come, change; the file under one is cut and grows. */
struct unrest {
	volatile pid_t who;
	volatile unsigned rounds;
	volatile char steady;
	char *changed, *mapped; /* 8 pages each */
	int file;
};

static int change_regions(void *arg)
{
	struct unrest *u = arg;

	for (;; u->rounds++) {
		char *more = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		mmap(u->changed + 2 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0);
		mprotect(u->changed + 3 * PAGE, PAGE, PROT_NONE);
		munmap(u->changed + 4 * PAGE, 3 * PAGE);
		ftruncate(u->file, (off_t)PAGE);
		madvise(u->mapped, PAGE, MADV_DONTNEED);
		ftruncate(u->file, (off_t)(8 * PAGE));
		munmap(more, 8 * PAGE);
	}
	return 0;
}

TEST(memory_shared_with_another_process)
{
	struct unrest *u = map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *stack = map_rw(16 * PAGE);
	struct core c;
	pid_t pid;

	prepare("core");
	u->changed = map_rw(8 * PAGE);
	u->file = new_file("mapped");
	CHECK_OK(ftruncate(u->file, (off_t)(8 * PAGE)));
	u->mapped = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, u->file, 0);
	CHECK(u->mapped != MAP_FAILED);
	for (unsigned i = 0; i < 8; i++)
		u->changed[i * PAGE] = u->mapped[i * PAGE] = 1;
	for (unsigned round = 0; round < 4; round++) {
		u->rounds = 0;
		u->steady = (char)round;
		FORK(pid)
		{
			u->who = CHECK_OK(clone(change_regions, stack + 16 * PAGE, CLONE_VM | SIGCHLD, u));
			while (u->rounds < 10 + round)
				;
			die_of(SIGQUIT);
		}
		CHECK_EQ(reap(pid), SIGQUIT | CORE_FLAG);
		for (unsigned seen = u->rounds; u->rounds == seen;) /* it lives */
			;
		CHECK_OK(kill(u->who, SIGKILL));
		c = read_core("core");
		CHECK_EQ(byte_at(&c, &u->steady), round);
		munmap(c.bytes, c.size);
	}
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

/* The core lies in memory as well: it is cut off, or the process is killed, but nobody else suffers. */
TEST(more_than_memory_holds)
{
	FILE *f = fopen("/proc/meminfo", "r");
	unsigned long kb = 0;
	char line[200];
	int status;
	pid_t pid;

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "MemAvailable: %lu", &kb);
	fclose(f);
	CHECK(kb > 0);
	prepare("core");
	FORK(pid)
	{
		char *p = map_rw(kb / 4 * 3 << 10);

		for (unsigned long at = 0; at < kb / 4 * 3 << 10; at += PAGE)
			p[at] = 1;
		die_of(SIGQUIT);
	}
	status = reap(pid);
	CHECK(status == (SIGQUIT | CORE_FLAG) || status == SIGKILL);
	CHECK_OK(unlink("core"));
}
