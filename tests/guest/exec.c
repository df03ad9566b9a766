/* SPDX-License-Identifier: MIT */
/*
 * execve: what a program finds when it starts, scripts, what is refused, and corrupt files.
 */
#include "guest.h"

#include <elf.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

extern char **environ;

static int run(const char *path, char *const argv[], char *const envp[])
{
	pid_t pid;

	FORK(pid) {
		execve(path, argv, envp);
		_exit(200 + (errno == ENOEXEC) + 2 * (errno == EACCES) + 4 * (errno == E2BIG));
	}
	return reap(pid);
}

static void copy_self(const char *to, mode_t mode)
{
	int in = CHECK_OK(open("/proc/self/exe", O_RDONLY)), out = CHECK_OK(open(to, O_CREAT | O_WRONLY, 0700));
	char *block = map_rw(64 * PAGE);
	ssize_t n;

	while ((n = read(in, block, 64 * PAGE)) > 0)
		CHECK_EQ(write(out, block, (size_t)n), n);
	CHECK_OK(fchmod(out, mode));
	close(in);
	close(out);
}

HELPER(args)
{
	if (argc != 5 || strcmp(argv[0], "zero") != 0 || strcmp(argv[2], "") != 0 || strcmp(argv[3], "a b") != 0 ||
	    strcmp(argv[4], "\xff\x01") != 0 || argv[5] != NULL)
		return 1;
	if (!environ[0] || !environ[1] || environ[2])
		return 2;
	return strcmp(environ[0], "A=1") != 0 || strcmp(environ[1], "=odd") != 0 ? 3 : 0;
}

TEST(arguments_and_environment)
{
	char *argv[] = {"zero", "@args", "", "a b", "\xff\x01", NULL}, *envp[] = {"A=1", "=odd", NULL};

	CHECK_EQ(run("/proc/self/exe", argv, envp), 0);
}

HELPER(count)
{
	size_t bytes = 0;

	for (int i = 2; i < argc; i++)
		bytes += strlen(argv[i]) + 1;
	return argc - 2 == 1000 && bytes == 1000 * 101 ? 0 : 1;
}

TEST(many_arguments)
{
	static char *argv[1003], text[101];

	memset(text, 'x', 100);
	argv[0] = "exec";
	argv[1] = "@count";
	for (int i = 2; i < 1002; i++)
		argv[i] = text;
	CHECK_EQ(run("/proc/self/exe", argv, environ), 0);
}

HELPER(length)
{
	return strlen(argv[2]) == 131071 ? 0 : 1;
}

TEST(long_argument)
{
	char *text = map_rw(34 * PAGE), *argv[] = {"exec", "@length", text, NULL};

	memset(text, 'y', 131071);
	CHECK_EQ(run("/proc/self/exe", argv, environ), 0);
	text[131071] = 'y'; /* more than 32 pages with the zero byte */
	CHECK_EQ(run("/proc/self/exe", argv, environ), (200 + 4) << 8);
}

TEST(too_many_arguments)
{
	char *text = map_rw(33 * PAGE);
	static char *argv[300];

	memset(text, 'y', 131000);
	for (int i = 0; i < 299; i++)
		argv[i] = text;
	CHECK_EQ(run("/proc/self/exe", argv, environ), (200 + 4) << 8);
}

HELPER(auxv)
{
	const char *random = (const char *)getauxval(AT_RANDOM);

	if (getauxval(AT_PAGESZ) != 4096 || getauxval(AT_CLKTCK) != 100)
		return 1;
	if (!random || strcmp((const char *)getauxval(AT_EXECFN), argv[2]) != 0)
		return 2;
	if (!getauxval(AT_PHDR) || getauxval(AT_PHENT) != sizeof(Elf32_Phdr) || !getauxval(AT_PHNUM))
		return 3;
	if (getauxval(AT_UID) != getuid() || getauxval(AT_EUID) != geteuid() || getauxval(AT_GID) != getgid() ||
	    getauxval(AT_EGID) != getegid() || getauxval(AT_SECURE) != 0)
		return 5;
	if (strcmp((const char *)getauxval(AT_PLATFORM), "i686") != 0 || !(getauxval(AT_HWCAP) & 1))
		return 6;
	return !getauxval(AT_ENTRY) ? 7 : 0;
}

TEST(auxiliary_vector)
{
	char *argv[] = {"exec", "@auxv", "/proc/self/exe", NULL};

	CHECK_EQ(run("/proc/self/exe", argv, environ), 0);
}

TEST(random_bytes_differ)
{
	int fd[2];
	char a[16], b[16];
	pid_t pid;

	CHECK_OK(pipe(fd));
	for (int i = 0; i < 2; i++) {
		FORK(pid) {
			dup2(fd[1], 1);
			execl("/proc/self/exe", "exec", "@random", NULL);
		}
		reap_ok(pid);
		CHECK_EQ(read(fd[0], i ? a : b, 16), 16);
	}
	CHECK(memcmp(a, b, 16) != 0);
}

HELPER(random)
{
	return write(1, (void *)getauxval(AT_RANDOM), 16) == 16 ? 0 : 1;
}

__attribute__((used)) unsigned long sysenter_entry __asm__("sysenter_entry");

TEST(sysenter_page)
{
	unsigned long entry = getauxval(AT_SYSINFO), base = getauxval(AT_SYSINFO_EHDR), pid;

	if (!entry)
		SKIP("no AT_SYSINFO");
	CHECK(base != 0 && entry > base && entry < base + 16 * PAGE);
	CHECK(memcmp((void *)base, ELFMAG, SELFMAG) == 0);
	__asm__ volatile("call *%1" : "=a"(pid) : "r"(entry), "0"(SYS_getpid) : "memory");
	CHECK_EQ(pid, getpid());
	for (int i = 0; i < 1000; i++)
		__asm__ volatile("call *%1" : "=a"(pid) : "r"(entry), "0"(SYS_getpid) : "memory");
	__asm__ volatile("call *%1" : "=a"(pid) : "r"(entry), "0"(0x1000) : "memory");
	CHECK_EQ((int)pid, -ENOSYS);
}

TEST(sysenter_with_six_arguments)
{
	unsigned long entry = getauxval(AT_SYSINFO);
	long result;

	if (!entry)
		SKIP("no AT_SYSINFO");
	sysenter_entry = entry;
	__asm__ volatile("pushl %%ebp\n xorl %%ebp, %%ebp\n call *sysenter_entry\n popl %%ebp"
			 : "=a"(result)
			 : "0"(SYS_mmap2), "b"(0), "c"(2 * PAGE), "d"(PROT_READ | PROT_WRITE),
			   "S"(MAP_PRIVATE | MAP_ANONYMOUS), "D"(-1)
			 : "memory");
	CHECK((unsigned long)result < 0xfffff000ul);
	((char *)result)[2 * PAGE - 1] = 1;
}

TEST(errors)
{
	char *argv[] = {"x", NULL};

	CHECK_OK(mkdir("d", 0755));
	write_file("text", "hello\n", 6);
	write_file("empty", "", 0);
	CHECK_ERR(execve("none", argv, environ), ENOENT);
	CHECK_ERR(execve("", argv, environ), ENOENT);
	CHECK_ERR(execve("text/x", argv, environ), ENOTDIR);
	CHECK_ERR(execve("d", argv, environ), EACCES);
	CHECK_ERR(execve("text", argv, environ), EACCES);
	CHECK_OK(chmod("text", 0755));
	CHECK_OK(chmod("empty", 0755));
	CHECK_ERR(execve("text", argv, environ), ENOEXEC);
	CHECK_ERR(execve("empty", argv, environ), ENOEXEC);
	CHECK_OK(symlink("loop", "loop"));
	CHECK_ERR(execve("loop", argv, environ), ELOOP);
	CHECK_ERR(execve("/dev/null", argv, environ), EACCES);
}

static void write_script(const char *name, const char *text)
{
	write_file(name, text, strlen(text));
	CHECK_OK(chmod(name, 0755));
}

HELPER(script)
{
	/* argv: interpreter, the one argument of the #! line, script, its arguments */
	return argc == 5 && strcmp(argv[2], "./s") == 0 && strcmp(argv[3], "one") == 0 && strcmp(argv[4], "two") == 0 ? 0 : 1;
}

TEST(scripts)
{
	char text[400], self[300], *argv[] = {"ignored", "one", "two", NULL};

	CHECK(readlink("/proc/self/exe", self, sizeof(self)) > 0);
	copy_self("prog", 0755);
	snprintf(text, sizeof(text), "#! \t./prog   @script  \nrest\n");
	write_script("s", text);
	CHECK_EQ(run("./s", argv, environ), 0);
	write_script("bad", "#!\n");
	CHECK_ERR(execve("bad", argv, environ), ENOEXEC);
	write_script("gone", "#!/no/such/program\n");
	CHECK_ERR(execve("gone", argv, environ), ENOENT);
	write_script("self", "#!./self\n");
	CHECK_ERR(execve("self", argv, environ), ELOOP);
	write_script("noexec", "#!./plain\n");
	write_file("plain", "x", 1);
	CHECK_ERR(execve("noexec", argv, environ), EACCES);
}

HELPER(nested)
{
	return argc == 4 && strcmp(argv[2], "./inner") == 0 && strcmp(argv[3], "./outer") == 0 ? 0 : 1;
}

TEST(nested_scripts)
{
	char *argv[] = {"x", NULL};

	copy_self("prog", 0755);
	write_script("inner", "#!./prog @nested\n");
	write_script("outer", "#!./inner\n");
	CHECK_EQ(run("./outer", argv, environ), 0);
}

HELPER(ids)
{
	return geteuid() == 1000 && getuid() == 0 && getauxval(AT_SECURE) == 1 ? 0 : 1;
}

TEST(set_user_id_program)
{
	char *argv[] = {"exec", "@ids", NULL};

	copy_self("prog", 0755);
	CHECK_OK(chown("prog", 1000, 0));
	CHECK_OK(chmod("prog", 04755));
	CHECK_EQ(run("./prog", argv, environ), 0);
}

TEST(execute_permission_of_others)
{
	char *argv[] = {"exec", "@exit0", NULL};
	pid_t pid;

	copy_self("prog", 0700);
	FORK(pid) {
		CHECK_OK(setuid(1000));
		CHECK_ERR(execve("./prog", argv, environ), EACCES);
	}
	reap_ok(pid);
	CHECK_OK(chmod("prog", 0711)); /* need not be readable */
	FORK(pid) {
		CHECK_OK(setuid(1000));
		execve("./prog", argv, environ);
		FAIL("exec: %s", strerror(errno));
	}
	reap_ok(pid);
	CHECK_OK(chmod("prog", 0600));
	CHECK_ERR(execve("./prog", argv, environ), EACCES); /* root needs one x bit, too */
}

HELPER(exit0)
{
	return 0;
}

TEST(written_to_while_running)
{
	char *argv[] = {"exec", "@exit0", NULL};
	int fd;

	copy_self("prog", 0755);
	fd = CHECK_OK(open("prog", O_WRONLY));
	CHECK_ERR(execve("./prog", argv, environ), ETXTBSY);
	close(fd);
	CHECK_EQ(run("./prog", argv, environ), 0);
	fd = CHECK_OK(open("prog", O_WRONLY));
}

TEST(unlinked_program_runs_on)
{
	struct gate g = gate_make();
	pid_t pid;

	copy_self("prog", 0755);
	FORK(pid) {
		CHECK_OK(fcntl(g.fd[1], F_SETFD, 0));
		execl("./prog", "exec", "@exit0", NULL);
	}
	CHECK_OK(unlink("prog"));
	int status = reap(pid);
	CHECK(status == 0 || WIFEXITED(status));
}

HELPER(comm)
{
	char name[17] = "";

	prctl(PR_GET_NAME, name);
	return strcmp(name, argv[2]) != 0;
}

TEST(command_name)
{
	char *argv[] = {"x", "@comm", "prog-with-a-lon", NULL};

	copy_self("prog-with-a-long-name", 0755);
	CHECK_EQ(run("./prog-with-a-long-name", argv, environ), 0);
}

HELPER(state)
{
	struct itimerval timer;
	sigset_t mask, pending;
	stack_t alt;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	sigpending(&pending);
	getitimer(ITIMER_REAL, &timer);
	sigaltstack(NULL, &alt);
	return !sigismember(&mask, SIGUSR1) + 2 * !sigismember(&pending, SIGUSR1) + 4 * (timer.it_value.tv_sec < 50) +
	       8 * !(alt.ss_flags & SS_DISABLE) + 16 * (getpriority(PRIO_PROCESS, 0) != 3) + 32 * (umask(0) != 071);
}

TEST(what_exec_keeps)
{
	static char stack[32768];
	char *argv[] = {"x", "@state", NULL};
	struct itimerval timer = {.it_value = {100, 0}};
	pid_t pid;

	FORK(pid) {
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		sigprocmask(SIG_BLOCK, &set, NULL);
		raise(SIGUSR1);
		kill(getpid(), SIGUSR1);
		CHECK_OK(setitimer(ITIMER_REAL, &timer, NULL));
		CHECK_OK(sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, NULL));
		CHECK_OK(setpriority(PRIO_PROCESS, 0, 3));
		umask(071);
		execve("/proc/self/exe", argv, environ);
	}
	reap_exit(pid, 0);
}

static unsigned random_state;

static unsigned next_random(void)
{
	return (random_state = random_state * 1103515245u + 12345u) >> 4;
}

/* Damages the file: headers mostly. */
static void corrupt(int fd, unsigned seed)
{
	static const uint32_t edges[] = {0, 1, 0xff, 0xfff, 0x1000, 0x7fffffff, 0x80000000, 0xbffff000, 0xc0000000, 0xfffff000,
					 0xffffffff};

	random_state = seed * 2654435761u;
	for (unsigned n = next_random() % 6 + 1; n > 0; n--) {
		uint32_t value = next_random() % 2 ? edges[next_random() % 11] : next_random();
		off_t at = (off_t)(next_random() % 4 ? next_random() % 0x120 : next_random() % 0x1000);

		CHECK_OK(pwrite(fd, &value, next_random() % 4 + 1, at));
	}
	if (next_random() % 8 == 0)
		CHECK_OK(ftruncate(fd, (off_t)(next_random() % 0x2000)));
}

static void run_corrupt(unsigned seed, const void *head, size_t bytes)
{
	char *argv[] = {"exec", "@exit0", NULL};
	int fd, status;
	pid_t pid;

	fd = CHECK_OK(open("prog", O_RDWR));
	CHECK_EQ(pwrite(fd, head, bytes, 0), bytes);
	corrupt(fd, seed);
	close(fd);
	FORK(pid) {
		struct rlimit limit = {0, 0};

		setrlimit(RLIMIT_CORE, &limit);
		alarm(2);
		close(0);
		close(1);
		close(2);
		execve("./prog", argv, environ);
		_exit(0);
	}
	status = reap(pid);
	CHECK(WIFEXITED(status) || WIFSIGNALED(status));
}

TEST(corrupt_programs)
{
	char *head = map_rw(2 * PAGE);
	struct stat st;
	int fd;

	copy_self("prog", 0755);
	fd = open("prog", O_RDONLY);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(read(fd, head, 2 * PAGE), 2 * PAGE);
	close(fd);
	for (unsigned seed = 1; seed <= 150; seed++) {
		CHECK_OK(stat("prog", &st));
		if (st.st_size < 100000) {
			CHECK_OK(unlink("prog"));
			copy_self("prog", 0755);
		}
		run_corrupt(seed, head, 2 * PAGE);
	}
}

TEST(headers_refused)
{
	char *argv[] = {"x", NULL};
	union { Elf32_Ehdr h; char bytes[4096]; } file;
	int fd = CHECK_OK(open("/proc/self/exe", O_RDONLY));

	CHECK_EQ(read(fd, &file, sizeof(file)), sizeof(file));
	Elf32_Ehdr good = file.h;
	for (int n = 0; n < 6; n++) {
		file.h = good;
		switch (n) {
		case 0: file.h.e_ident[0] = 0; break;
		case 1: file.h.e_machine = EM_ARM; break;
		case 2: file.h.e_type = ET_REL; break;
		case 3: file.h.e_phnum = 0; break;
		case 4: file.h.e_phentsize = 8; break;
		case 5: file.h.e_phnum = 0xffff; break;
		}
		unlink("bad");
		write_file("bad", &file, sizeof(file));
		CHECK_OK(chmod("bad", 0755));
		CHECK_ERR(execve("./bad", argv, environ), ENOEXEC);
	}
}

HELPER(wait)
{
	char c = 0;

	(void)!write(1, &c, 1);
	(void)!read(0, &c, 1);
	return 0;
}

/* From the start of exec to the end of the last process that runs the program; not longer. */
TEST(running_program_is_not_written_to)
{
	char *argv[] = {"exec", "@wait", NULL}, *quick[] = {"exec", "@exit0", NULL};
	struct gate started = gate_make();
	int in[2], fd;
	pid_t pid;

	copy_self("prog", 0755);
	CHECK_OK(pipe(in));
	FORK(pid) {
		dup2(in[0], 0);
		dup2(started.fd[1], 1);
		close(in[0]);
		close(in[1]);
		execve("./prog", argv, environ);
		FAIL("exec: %s", strerror(errno));
	}
	close(in[0]);
	gate_wait(&started);
	CHECK_ERR(open("prog", O_WRONLY), ETXTBSY);
	CHECK_ERR(open("prog", O_RDONLY | O_TRUNC), ETXTBSY);
	CHECK_ERR(truncate("prog", 10), ETXTBSY);
	CHECK_OK(chmod("prog", 0700));
	close(in[1]);
	reap_ok(pid);
	fd = CHECK_OK(open("prog", O_WRONLY));
	CHECK_ERR(execve("./prog", quick, environ), ETXTBSY);
	close(fd);
	CHECK_EQ(run("./prog", quick, environ), 0);
	CHECK_OK(truncate("prog", 10));
}

/* ---- execveat ---- */

HELPER(name_seen)
{
	/* argv: program, @name_seen, what the program is to be called */
	char comm[17] = {0};

	CHECK_OK(prctl(PR_GET_NAME, comm));
	return strcmp(comm, argv[2]) == 0 && strstr((char *)getauxval(AT_EXECFN), argv[3] ? argv[3] : argv[2]) ? 0 : 1;
}

static int run_at(int dirfd, const char *path, char *const argv[], int flags)
{
	pid_t pid;

	FORK(pid) {
		syscall(SYS_execveat, dirfd, path, argv, environ, flags);
		_exit(100 + errno);
	}
	return WEXITSTATUS(reap(pid));
}

TEST(from_a_directory)
{
	char *argv[] = {"zero", "@name_seen", "prog", NULL, NULL};
	int dir, fd;
	char number[20];

	copy_self("prog", 0755);
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(symlink("../prog", "d/link"));
	dir = CHECK_OK(open("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	CHECK_EQ(run_at(dir, "../prog", argv, 0), 0);
	CHECK_EQ(run_at(AT_FDCWD, "prog", argv, 0), 0);
	argv[2] = "link";
	CHECK_EQ(run_at(dir, "link", argv, 0), 0);
	CHECK_EQ(run_at(dir, "link", argv, AT_SYMLINK_NOFOLLOW), 100 + ELOOP);
	CHECK_EQ(run_at(dir, "none", argv, 0), 100 + ENOENT);
	CHECK_EQ(run_at(dir, "", argv, 0), 100 + ENOENT);
	CHECK_EQ(run_at(dir, "", argv, AT_EMPTY_PATH), 100 + EACCES);
	CHECK_EQ(run_at(999, "prog", argv, 0), 100 + EBADF);
	CHECK_EQ(run_at(999, "", argv, AT_EMPTY_PATH), 100 + EBADF);
	CHECK_EQ(run_at(dir, "link", argv, 1), 100 + EINVAL);
	CHECK_EQ(run_at(dir, (void *)8, argv, 0), 100 + EFAULT);
	fd = CHECK_OK(open("prog", O_RDONLY | O_CLOEXEC));
	snprintf(number, sizeof(number), "/dev/fd/%d", fd);
	argv[2] = "prog"; /* and not the number */
	argv[3] = number;
	CHECK_EQ(run_at(fd, "", argv, AT_EMPTY_PATH), 0);
	close(fd);
	fd = CHECK_OK(open("prog", O_PATH));
	CHECK_EQ(run_at(fd, "", argv, AT_EMPTY_PATH), 0);
	CHECK_EQ(run_at(fd, "x", argv, 0), 100 + ENOTDIR);
}

/* A script by descriptor: its interpreter opens it by that, unless it is closed by then. */
TEST(script_from_a_descriptor)
{
	char *argv[] = {"zero", NULL};
	int fd;

	copy_self("prog", 0755);
	write_script("at", "#!./prog @script\nrest\n");
	fd = CHECK_OK(open("at", O_RDONLY | O_CLOEXEC));
	CHECK_EQ(run_at(fd, "", argv, AT_EMPTY_PATH), 100 + ENOENT);
	CHECK_OK(fcntl(fd, F_SETFD, 0));
	CHECK(run_at(fd, "", argv, AT_EMPTY_PATH) < 100);
}
