/* SPDX-License-Identifier: MIT */
/* Torture of processes: births, deaths, statuses, stops, groups and exec from many processes and threads at once. */
#include "torture.h"

static uint32_t seed;
static volatile int *words; /* shared with the children */

static int code_of(pid_t pid) { return (pid * 7 + 3) & 0xff; }

/* ---- every status arrives once; a number belongs to one living process ---- */

static unsigned char *living;
#define PIDS (1u << 22)

static void live_and_die(void)
{
	unsigned char *mine = &living[(unsigned)getpid() % PIDS];

	CHECK_EQ(__atomic_exchange_n(mine, 1, __ATOMIC_SEQ_CST), 0);
	_exit(code_of(getpid()));
}

static pid_t bear(void)
{
	pid_t pid = CHECK_OK(fork());

	if (pid == 0)
		live_and_die();
	return pid;
}

/* A number is free again once its process is waited for, not before. */
static void bury(pid_t pid)
{
	siginfo_t info;

	CHECK_OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_status, code_of(pid));
	CHECK_EQ(__atomic_exchange_n(&living[(unsigned)pid % PIDS], 0, __ATOMIC_SEQ_CST), 1);
	CHECK_EQ(reap(pid), code_of(pid) << 8);
}

static void breed(int i)
{
	uint32_t s = draw_start(seed, i);
	pid_t pid[4];

	for (int k = rounds(8); k > 0 && in_time(); k--) {
		int n = 1 + (int)draw(&s, 4);

		for (int c = 0; c < n; c++)
			pid[c] = bear();
		for (int c = n - 1; c >= 0; c--)
			bury(pid[c]);
	}
}

static void breed_with_threads(int i)
{
	(void)i;
	gang(3, breed);
	no_children();
}

TEST(every_status_arrives)
{
	seed = torture_seed();
	living = shared(PIDS);
	crowd(4, breed_with_threads);
	no_children();
}

/* Threads wait for any child of the process: each is had by one of them, none twice, none never. */
static volatile int borne, buried, threads_done;
static unsigned char *seen;

static void bear_some(int i)
{
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(40); k > 0 && in_time(); k--) {
		pid_t pid = CHECK_OK(fork());

		if (pid == 0)
			_exit(code_of(getpid()));
		add(&borne, 1);
		spin_for(draw(&s, 2000));
	}
	add(&threads_done, 1);
}

static void bury_any(int i)
{
	int status, options = i & 1 ? WNOHANG : 0;

	for (;;) {
		int all = get(&threads_done) == 2;
		pid_t pid = waitpid(-1, &status, options);

		if (pid > 0) {
			CHECK_EQ(status, code_of(pid) << 8);
			CHECK_EQ(__atomic_exchange_n(&seen[(unsigned)pid % PIDS], 1, __ATOMIC_SEQ_CST), 0);
			add(&buried, 1);
		} else if (pid < 0) {
			CHECK_EQ(errno, ECHILD);
			if (all)
				return;
			sched_yield();
		} else {
			sched_yield();
		}
	}
}

static void bear_or_bury(int i)
{
	if (i < 2)
		bear_some(i);
	else
		bury_any(i);
}

TEST(any_child_is_had_by_one_waiter)
{
	seed = torture_seed();
	seen = shared(PIDS);
	gang(6, bear_or_bury);
	CHECK_EQ(buried, borne);
	CHECK(borne > 0);
	no_children();
}

/* Orphans go to the first process; their parent's end and their own race. */
static void leave_orphans(int i)
{
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(25); k > 0 && in_time(); k--) {
		uint32_t wait = draw(&s, 3000), wait2 = draw(&s, 3000);
		pid_t pid;

		FORK(pid) {
			pid_t inner;

			for (int c = 0; c < 2; c++, add(&words[1], 1))
				FORK(inner) {
					spin_for(wait);
					add(&words[0], 1);
				}
			spin_for(wait2);
		}
		reap_ok(pid);
	}
}

TEST(orphans_end)
{
	seed = torture_seed();
	words = shared(PAGE);
	crowd(3, leave_orphans);
	for (int k = 0; k < 60 && get(&words[0]) != get(&words[1]); k++)
		sleep_ms(500);
	CHECK_EQ(get(&words[0]), get(&words[1]));
	no_children();
}

/* ---- exit_group against clone ---- */

static volatile int endings;

static void *breed_threads(void *arg)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 3; i++)
		if (add(&endings, 1) < 24)
			pthread_create(&t, &attr, breed_threads, arg);
	for (;;)
		pause();
	return arg;
}

static void end_amid_births(int i)
{
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(15); k > 0 && in_time(); k--) {
		int code = (int)draw(&s, 90);
		uint32_t wait = draw(&s, 60000);
		pid_t pid = CHECK_OK(fork());

		if (pid == 0) {
			pthread_t t;

			pthread_create(&t, NULL, breed_threads, NULL);
			spin_for(wait);
			_exit(code);
		}
		reap_exit(pid, code);
	}
}

TEST(exit_amid_new_threads)
{
	seed = torture_seed();
	crowd(2, end_amid_births);
	no_children();
}

/* Two threads end the process with different codes at once: one of the two is its status. */
static void end_with(int i) { _exit(10 + i); }

TEST(two_exits_one_status)
{
	for (int k = rounds(60); k > 0 && in_time(); k--) {
		int status;
		pid_t pid = CHECK_OK(fork());

		if (pid == 0)
			gang(4, end_with);
		status = reap(pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) >= 10 && WEXITSTATUS(status) < 14);
	}
	no_children();
}

/* A signal on the way meets an end on the way. */
TEST(kill_while_exiting)
{
	uint32_t s = seed = torture_seed();

	for (int k = rounds(80); k > 0 && in_time(); k--) {
		uint32_t wait = draw(&s, 4000), wait2 = draw(&s, 20000);
		int sig = draw(&s, 2) ? SIGKILL : SIGTERM, status;
		pid_t pid = CHECK_OK(fork());

		if (pid == 0) {
			spin_for(wait);
			_exit(5);
		}
		spin_for(wait2);
		CHECK_OK(kill(pid, sig));
		status = reap(pid);
		CHECK(status == 5 << 8 || (status & 0x7f) == sig);
		CHECK_ERR(kill(pid, 0), ESRCH);
	}
}

/* ---- exec among threads that are in calls ---- */

static int idle_pipe[2];
static volatile int idle_word, ready;

static void be_in_a_call(int i)
{
	struct timespec hour = {3600, 0};
	char c;

	add(&ready, 1);
	for (;;) {
		if (i % 5 == 0)
			(void)!read(idle_pipe[0], &c, 1);
		else if (i % 5 == 1)
			futex(&idle_word, FUTEX_WAIT, 0);
		else if (i % 5 == 2)
			nanosleep(&hour, NULL);
		else if (i % 5 == 3)
			waitpid(-1, NULL, 0);
		else
			getppid();
	}
}

/* One thread, and the number of the process that called exec: argv[2]. Exits with 40 + argv[3]. */
HELPER(alone)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	if (n != 1 || getpid() != atoi(argv[2]) || syscall(SYS_gettid) != getpid())
		return 1;
	return 40 + atoi(argv[3]);
}

static void exec_alone(int i)
{
	char pid[16], number[16];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	snprintf(number, sizeof(number), "%d", i);
	execl("/proc/self/exe", "torture_proc", "@alone", pid, number, NULL);
	FAIL("execl: %s", strerror(errno));
}

static void crowd_then_exec(int execers)
{
	struct gang_member m[7], e[3];
	pid_t child;

	CHECK_OK(pipe(idle_pipe));
	FORK(child) { /* for waitpid to wait for; it ends when the process has none of its pipe left */
		char c;

		close(idle_pipe[1]);
		(void)!read(idle_pipe[0], &c, 1);
	}
	CHECK_OK(fcntl(idle_pipe[1], F_SETFD, FD_CLOEXEC));
	gang_start(m, 7, be_in_a_call);
	while (get(&ready) < 7)
		sched_yield();
	if (execers == 0)
		exec_alone(0);
	gang_start(e, execers, exec_alone);
	for (;;)
		pause();
}

static void exec_round(int i)
{
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(8); k > 0 && in_time(); k--) {
		int execers = (int)draw(&s, 4), status;
		pid_t pid = CHECK_OK(fork());

		if (pid == 0)
			crowd_then_exec(execers);
		status = reap(pid);
		if (!WIFEXITED(status) || WEXITSTATUS(status) < 40 || WEXITSTATUS(status) > 42)
			FAIL("exec by one of %d threads: status %#x", execers, status);
	}
}

TEST(exec_among_threads_in_calls)
{
	seed = torture_seed();
	crowd(2, exec_round);
	no_children();
}

/* exec and exit_group at once: one of both happens wholly. */
static void exec_or_exit(int i)
{
	if (i == 0)
		_exit(7);
	exec_alone(i - 1);
}

TEST(exec_against_exit)
{
	for (int k = rounds(20); k > 0 && in_time(); k--) {
		int status;
		pid_t pid = CHECK_OK(fork());

		if (pid == 0) {
			gang(3, exec_or_exit);
			_exit(7);
		}
		status = reap(pid);
		CHECK(WIFEXITED(status));
		CHECK(WEXITSTATUS(status) == 7 || WEXITSTATUS(status) == 40 || WEXITSTATUS(status) == 41);
	}
	no_children();
}

/* ---- stops ---- */

static void count_for_ever(int i)
{
	for (;;)
		add(&words[i], 1);
}

static long counted(void)
{
	long sum = 0;

	for (int i = 0; i < 3; i++)
		sum += get(&words[i]);
	return sum;
}

/* Once the stop is reported, no thread of the process runs; each stop and each continuation is reported once. */
TEST(a_stop_stops_every_thread)
{
	pid_t pid;
	int status;

	words = shared(PAGE);
	FORK(pid)
		gang(3, count_for_ever);
	for (int k = rounds(40); k > 0 && in_time(); k--) {
		long at;

		CHECK_OK(kill(pid, SIGSTOP));
		CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
		at = counted();
		CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
		spin_for(20000);
		CHECK_EQ(counted(), at);
		CHECK_OK(kill(pid, SIGCONT));
		CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
		CHECK(WIFCONTINUED(status));
		CHECK_EQ(waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
	}
	CHECK_OK(kill(pid, SIGKILL));
	reap_signal(pid, SIGKILL);
}

static pid_t target;

static void send_stops(int i)
{
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(150); k > 0; k--) {
		int stop = (int)draw(&s, 2);

		if (stop)
			add(&words[8], 1);
		kill(target, stop ? SIGSTOP : SIGCONT);
		spin_for(draw(&s, 1000));
	}
}

/* Stops and continuations from three senders: never more stops reported than sent, and the process lives through it. */
TEST(stop_and_continue_storm)
{
	struct gang_member m[3];
	int status, stops = 0, goes = 0;
	long before;

	seed = torture_seed();
	words = shared(PAGE);
	FORK(target)
		gang(3, count_for_ever);
	gang_start(m, 3, send_stops);
	for (int k = 0; k < rounds(100); k++) {
		pid_t got = CHECK_OK(waitpid(target, &status, WUNTRACED | WCONTINUED | WNOHANG));

		stops += got > 0 && WIFSTOPPED(status);
		goes += got > 0 && WIFCONTINUED(status);
		CHECK(got == 0 || WIFSTOPPED(status) || WIFCONTINUED(status));
		spin_for(3000);
	}
	gang_join(m, 3);
	CHECK_OK(kill(target, SIGCONT));
	before = counted();
	CHECK_SOON(counted() != before);
	while (waitpid(target, &status, WUNTRACED | WCONTINUED | WNOHANG) > 0)
		stops += WIFSTOPPED(status) != 0;
	CHECK(stops <= get(&words[8]));
	CHECK_OK(kill(target, SIGSTOP)); /* a stopped process can be killed */
	CHECK_OK(kill(target, SIGKILL));
	reap_signal(target, SIGKILL);
	(void)goes;
}

/* ---- groups ---- */

static void member(uint32_t how, uint32_t wait)
{
	spin_for(wait);
	if (how == 0)
		_exit(3);
	if (how == 1)
		setpgid(0, 0); /* out of the group: the signal may miss it */
	if (how == 2)
		setsid();
	if (how <= 2)
		_exit(3);
	for (;;)
		pause();
}

/* A signal for a group ends its members while others of them end, leave or are born. */
static void group_round(int i)
{
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(12); k > 0 && in_time(); k--) {
		pid_t leader, pid[6];
		int status;

		FORK(leader)
			pause();
		CHECK_OK(setpgid(leader, leader));
		for (int c = 0; c < 6; c++) {
			uint32_t how = draw(&s, 5), wait = draw(&s, 20000);

			FORK(pid[c]) {
				setpgid(0, leader);
				member(how, wait);
			}
			CHECK(setpgid(pid[c], leader) == 0 || errno == EPERM || errno == ESRCH);
		}
		spin_for(draw(&s, 40000));
		CHECK_OK(kill(-leader, SIGKILL));
		for (int c = 0; c < 6; c++) {
			status = reap(pid[c]);
			CHECK(status == 3 << 8 || (status & 0x7f) == SIGKILL);
		}
		reap_signal(leader, SIGKILL);
		CHECK_ERR(kill(-leader, 0), ESRCH);
	}
}

TEST(groups_are_killed_whole)
{
	seed = torture_seed();
	crowd(3, group_round);
	no_children();
}
