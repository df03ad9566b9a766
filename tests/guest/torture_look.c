/* SPDX-License-Identifier: MIT */
/* Torture by looking: /proc and clocks are read while what they show is born, changes and dies; vfork; memory taken and given by many. */
#include "torture.h"


static uint32_t seed;
static volatile int *words;

/* The whole text of a file of /proc; -1 when the process is gone (ENOENT when opened, ESRCH when read). */
static int slurp(const char *path, char *text, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;
	ssize_t n;

	if (fd < 0) {
		CHECK(errno == ENOENT || errno == ESRCH);
		return -1;
	}
	while ((n = read(fd, text + got, cap - 1 - got)) > 0)
		got += (size_t)n;
	if (n < 0)
		CHECK(errno == ESRCH || errno == ENOENT);
	close(fd);
	text[got] = 0;
	return n < 0 ? -1 : (int)got;
}

static const char *const files[] = {"stat", "status", "maps", "cmdline", "statm", "comm", "environ"};

/* What is read of a process is of this process, and well formed. */
static void look_at(pid_t pid, uint32_t *s)
{
	const char *file = files[draw(s, 7)];
	char path[60], text[8192], *p;
	int n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	n = slurp(path, text, sizeof(text));
	if (n <= 0)
		return;
	if (strcmp(file, "stat") == 0) {
		CHECK_EQ(atoi(text), pid);
		p = strrchr(text, ')');
		CHECK(p && strchr("RSDZTtXI", p[2]));
	} else if (strcmp(file, "status") == 0) {
		p = strstr(text, "\nPid:\t");
		CHECK(p && atoi(p + 6) == pid);
	} else if (strcmp(file, "maps") == 0) {
		unsigned long from, to, last = 0;

		for (p = text; p && *p && sscanf(p, "%lx-%lx ", &from, &to) == 2; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
			CHECK(from < to && from >= last);
			last = to;
		}
		CHECK(!p || !*p);
	}
}

/* Looks through all descriptors and threads of a process, too. */
static void look_inside(pid_t pid)
{
	static const char *const inner[] = {"fd", "task"};
	char path[60], link[300];

	for (int k = 0; k < 2; k++) {
		DIR *d;

		snprintf(path, sizeof(path), "/proc/%d/%s", pid, inner[k]);
		d = opendir(path);
		if (!d) {
			CHECK(errno == ENOENT || errno == ESRCH || errno == EACCES);
			continue;
		}
		for (struct dirent *e; (e = readdir(d));) {
			if (e->d_name[0] == '.' || k)
				continue;
			ssize_t n = readlinkat(dirfd(d), e->d_name, link, sizeof(link));
			CHECK(n > 0 || errno == ENOENT || errno == ESRCH || errno == EACCES);
		}
		closedir(d);
	}
}

static void look_at_all(int i)
{
	uint32_t s = draw_start(seed, i);

	while (get(&words[0]) < 3) {
		DIR *d = opendir("/proc");
		bool self = false;

		CHECK(d != NULL);
		for (struct dirent *e; (e = readdir(d));) {
			pid_t pid = atoi(e->d_name);

			if (pid <= 0)
				continue;
			self |= pid == getpid();
			look_at(pid, &s);
			if (draw(&s, 4) == 0)
				look_inside(pid);
		}
		closedir(d);
		CHECK(self);
	}
}

static void idle_thread(int i UNUSED)
{
	for (;;)
		pause();
}

/* Processes with threads, descriptors and mappings that come and go. */
static void be_looked_at(uint32_t s)
{
	struct gang_member m[3];
	int fd[2];

	CHECK_OK(pipe(fd));
	gang_start(m, (int)draw(&s, 4), idle_thread);
	for (int k = 0; k < 10; k++) {
		char *p = map_rw((1 + draw(&s, 8)) * PAGE);

		*p = 1;
		if (draw(&s, 2))
			CHECK_OK(munmap(p, PAGE));
		close(dup(fd[0]));
	}
	if (draw(&s, 3) == 0)
		execl("/proc/self/exe", "torture_look", "@end", NULL);
	_exit(0);
}

HELPER(end) { return 0; }

static void be_born_and_die(int i)
{
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(60); k > 0 && in_time(); k--) {
		pid_t pid[3];

		for (uint32_t c = 0; c < 3; c++)
			FORK(pid[c])
				be_looked_at(draw_start(s, (int)c + k));
		for (int c = 0; c < 3; c++)
			reap_ok(pid[c]);
	}
	add(&words[0], 1);
}

static void look_or_be(int i)
{
	if (i < 3)
		be_born_and_die(i);
	else
		look_at_all(i);
}

TEST(looking_at_the_dying)
{
	seed = torture_seed();
	words = shared(PAGE);
	crowd(5, look_or_be);
	no_children();
}

/* What stat says of the time that a process has used never falls. */
static void watch_times(int i UNUSED)
{
	unsigned long last = 0;

	while (get(&words[1]) == 0) {
		char path[40], text[1024], *p;
		unsigned long user, system;

		snprintf(path, sizeof(path), "/proc/%d/stat", get(&words[2]));
		if (slurp(path, text, sizeof(text)) <= 0)
			continue;
		p = strrchr(text, ')');
		CHECK(p && sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2);
		if (user + system < last)
			FAIL("the CPU time went from %lu to %lu ticks", last, user + system);
		last = user + system;
	}
}

static void burn(int i)
{
	uint32_t s = draw_start(seed, i);

	while (get(&words[1]) == 0) {
		spin_for(draw(&s, 5000));
		if (draw(&s, 4) == 0)
			sched_yield();
	}
}

/* The time that a process has used, as others see it, never falls while its threads run, move and sleep; nor do its own clocks. */
static void watch_own_clock(int i UNUSED)
{
	struct timespec t, last = {0, 0};

	while (get(&words[1]) == 0) {
		CHECK_OK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t));
		CHECK(t.tv_sec > last.tv_sec || (t.tv_sec == last.tv_sec && t.tv_nsec >= last.tv_nsec));
		last = t;
	}
}

static void burn_or_watch(int i)
{
	if (i < 2)
		burn(i);
	else
		watch_own_clock(i);
}

TEST(used_time_never_falls)
{
	struct gang_member m[3];
	pid_t pid;

	seed = torture_seed();
	words = shared(PAGE);
	put(&words[2], getpid());
	FORK(pid)
		watch_times(0);
	gang_start(m, 3, burn_or_watch);
	sleep_ms(700 * rounds(1));
	put(&words[1], 1);
	gang_join(m, 3);
	reap_ok(pid);
}

/* Clocks that all CPUs read go forward, from thread to thread as well. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct timespec latest;

static void read_clock_in_turn(int i UNUSED)
{
	for (int k = rounds(3000); k > 0 && in_time(); k--) {
		struct timespec t;

		pthread_mutex_lock(&lock);
		CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &t));
		if (t.tv_sec < latest.tv_sec || (t.tv_sec == latest.tv_sec && t.tv_nsec < latest.tv_nsec))
			FAIL("the clock went back %ld ns", latest.tv_nsec - t.tv_nsec);
		latest = t;
		pthread_mutex_unlock(&lock);
	}
}

TEST(the_clock_is_one)
{
	gang(4, read_clock_in_turn);
}

/* ---- vfork ---- */

__attribute__((noinline)) static void vfork_once(volatile int *mark)
{
	int before = *mark;
	pid_t pid = CHECK_OK(vfork());

	if (pid == 0) {
		*mark += 1; /* the parent's own memory */
		if (*mark & 1)
			_exit(0);
		execl("/proc/self/exe", "torture_look", "@end", NULL);
		_exit(1);
	}
	CHECK_EQ(*mark, before + 1);
	reap_ok(pid);
}

static void vfork_and_exec(int i)
{
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(20); k > 0 && in_time(); k--) {
		volatile int mark = (int)draw(&s, 1000);

		vfork_once(&mark);
	}
}

/* Some of those that wait for a vforked child are killed while they wait: the child goes on alone. */
static void vfork_and_be_killed(int i)
{
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(10); k > 0 && in_time(); k--) {
		uint32_t wait = draw(&s, 5000);
		pid_t pid = CHECK_OK(fork());

		if (pid == 0) {
			if (vfork() == 0) {
				spin_for(3000);
				_exit(0);
			}
			for (;;)
				pause();
		}
		spin_for(wait);
		CHECK_OK(kill(pid, SIGKILL));
		reap_signal(pid, SIGKILL);
	}
}

static void vfork_role(int i)
{
	if (i < 3)
		vfork_and_exec(i);
	else
		vfork_and_be_killed(i);
}

TEST(vfork_by_many)
{
	seed = torture_seed();
	words = shared(PAGE);
	crowd(4, vfork_role);
	no_children();
}

/* ---- memory is short ---- */

/* Processes take memory and give it back, in turn more than there is room for lazily mapped; each finds its own bytes again. */
static void take_and_give(int i)
{
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(12); k > 0 && in_time(); k--) {
		size_t pages = 200 + draw(&s, 800);
		volatile uint32_t *p = (uint32_t *)map_rw(pages * PAGE);

		for (size_t n = 0; n < pages; n++)
			p[n * 1024] = (uint32_t)n ^ seed;
		for (size_t n = 0; n < pages; n++)
			CHECK_EQ(p[n * 1024], (uint32_t)n ^ seed);
		CHECK_OK(munmap((void *)p, pages * PAGE));
	}
}

static void fill_files(int i)
{
	static char block[65536];
	char name[20];

	snprintf(name, sizeof(name), "big.%d", i);
	memset(block, i, sizeof(block));
	for (int k = rounds(4); k > 0 && in_time(); k--) {
		int fd = new_file(name);

		for (int n = 0; n < 30; n++)
			CHECK_EQ(write(fd, block, sizeof(block)), sizeof(block));
		CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
		for (int n = 0; n < 30; n++) {
			CHECK_EQ(read(fd, block, sizeof(block)), sizeof(block));
			CHECK(block[0] == i && block[65535] == i);
		}
		close(fd);
		CHECK_OK(unlink(name));
	}
}

static void memory_role(int i)
{
	if (i < 3)
		take_and_give(i);
	else
		fill_files(i);
}

TEST(memory_is_taken_and_given)
{
	seed = torture_seed();
	crowd(5, memory_role);
}
