/* SPDX-License-Identifier: MIT */
/*
 * Many children and what each has to tell: in which order, to whom, of which kind, and where they go when their parent ends.
 */
#include "guest.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#define FEW 12
#define MANY 150

/* Children that wait until they are told to end, or never are. */
static struct gate hold;

static pid_t child_in(pid_t group)
{
	pid_t pid;

	FORK(pid) {
		if (group >= 0)
			CHECK_OK(setpgid(0, group));
		gate_wait(&hold);
	}
	if (group >= 0)
		setpgid(pid, group);
	return pid;
}

/* It has ended, and nobody has been told yet. */
static void wait_for_end(pid_t pid)
{
	siginfo_t info;

	CHECK_OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
}

static void end(pid_t pid)
{
	CHECK_OK(kill(pid, SIGKILL));
	wait_for_end(pid);
}

TEST(told_in_order_of_birth)
{
	static const int order[FEW] = {7, 2, 11, 0, 5, 9, 1, 10, 3, 8, 4, 6};
	pid_t pid[FEW];
	siginfo_t info;

	hold = gate_make();
	for (int i = 0; i < FEW; i++)
		pid[i] = child_in(-1);
	for (int i = 0; i < FEW; i++)
		end(pid[order[i]]);
	CHECK_OK(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT));
	CHECK_EQ(info.si_pid, pid[0]);
	CHECK_EQ(waitpid(pid[4], NULL, 0), pid[4]);
	for (int i = 0; i < FEW; i++)
		if (i != 4)
			CHECK_EQ(wait(NULL), pid[i]);
	CHECK_ERR(wait(NULL), ECHILD);
}

/* Each kind of report is for who asks for it; among those that were asked for the eldest child goes first. */
TEST(kinds_of_reports)
{
	pid_t pid[4];
	int status;

	hold = gate_make();
	for (int i = 0; i < 4; i++)
		pid[i] = child_in(-1);
	for (int i = 0; i < 2; i++) { /* 0: continued, 1: stopped, 2: nothing, 3: ended */
		CHECK_OK(kill(pid[i], SIGSTOP));
		CHECK_EQ(waitid(P_PID, (id_t)pid[i], &(siginfo_t){ 0 }, WSTOPPED | WNOWAIT), 0);
	}
	CHECK_OK(kill(pid[0], SIGCONT));
	end(pid[3]);
	CHECK_EQ(waitpid(-1, &status, WCONTINUED | WUNTRACED | WNOHANG), pid[0]);
	CHECK_EQ(status, 0xffff);
	CHECK_EQ(waitpid(-1, &status, WCONTINUED | WNOHANG), pid[3]); /* not 1: nobody asks for stops */
	CHECK_EQ(status, SIGKILL);
	CHECK_EQ(waitpid(-1, &status, WCONTINUED | WNOHANG), 0);
	CHECK_EQ(waitpid(pid[2], &status, WUNTRACED | WNOHANG), 0);
	CHECK_EQ(waitpid(pid[1], &status, WNOHANG), 0);
	CHECK_EQ(waitpid(-1, &status, WUNTRACED | WNOHANG), pid[1]);
	CHECK_EQ(status, SIGSTOP << 8 | 0x7f);
	CHECK_EQ(waitpid(-1, &status, WUNTRACED | WNOHANG), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_OK(kill(pid[i], SIGKILL));
		CHECK_EQ(reap(pid[i]), SIGKILL);
	}
}

/* A stop that nobody has been told of is forgotten when it goes on, and so is what came before when it ends. */
TEST(only_the_last_report_counts)
{
	pid_t pid;
	int status;

	hold = gate_make();
	pid = child_in(-1);
	for (int i = 0; i < 3; i++) {
		CHECK_OK(kill(pid, SIGSTOP));
		CHECK_EQ(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WSTOPPED | WNOWAIT), 0);
		CHECK_OK(kill(pid, SIGCONT));
		CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
	}
	CHECK_OK(kill(pid, SIGSTOP));
	CHECK_EQ(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WSTOPPED | WNOWAIT), 0);
	end(pid);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WCONTINUED | WNOHANG), pid);
	CHECK_EQ(status, SIGKILL);
	CHECK_ERR(waitpid(pid, &status, WUNTRACED | WCONTINUED | WNOHANG), ECHILD);
}

static pid_t clone_with(int signal)
{
	return CHECK_OK((pid_t)syscall(SYS_clone, signal, NULL, NULL, NULL, NULL));
}

/* Children that end with another signal than SIGCHLD are waited for only by who says so. */
TEST(clones)
{
	pid_t plain, clone = clone_with(0);

	if (!clone)
		_exit(0);
	CHECK_ERR(waitpid(clone, NULL, 0), ECHILD);
	CHECK_ERR(wait(NULL), ECHILD);
	CHECK_OK(waitid(P_PID, (id_t)clone, &(siginfo_t){ 0 }, WEXITED | WNOWAIT | __WCLONE));
	CHECK_ERR(waitpid(-1, NULL, WNOHANG), ECHILD);
	FORK(plain)
		;
	wait_for_end(plain);
	CHECK_EQ(wait(NULL), plain); /* the younger one */
	FORK(plain)
		;
	wait_for_end(plain);
	CHECK_ERR(waitpid(plain, NULL, __WCLONE), ECHILD);
	CHECK_EQ(waitpid(-1, NULL, __WALL), clone);
	CHECK_ERR(waitpid(-1, NULL, __WCLONE), ECHILD);
	CHECK_EQ(waitpid(-1, NULL, __WALL), plain);
	CHECK_ERR(waitpid(-1, NULL, __WALL), ECHILD);
}

HELPER(ends)
{
	return 5;
}

/* A program that is executed ends with SIGCHLD, whatever its process was made with. */
TEST(a_clone_that_executes_is_a_child_like_others)
{
	int fd[2], status;
	char c;
	pid_t pid;

	CHECK_OK(pipe2(fd, O_CLOEXEC));
	pid = clone_with(SIGUSR1);
	if (!pid) {
		execl("/proc/self/exe", "x", "@ends", NULL);
		_exit(1);
	}
	close(fd[1]);
	CHECK_EQ(read(fd[0], &c, 1), 0);
	CHECK_ERR(waitpid(pid, &status, __WCLONE), ECHILD);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 5 << 8);
}

struct ones_own {
	pid_t others;       /* a child of another thread */
	pid_t thread, left; /* who leaves which child behind */
};

static void *wait_for_own(void *arg)
{
	struct ones_own *own = arg;
	pid_t mine;

	CHECK_ERR(waitpid(own->others, NULL, __WNOTHREAD), ECHILD);
	CHECK_ERR(waitpid(-1, NULL, __WNOTHREAD | WNOHANG), ECHILD);
	FORK(mine)
		;
	CHECK_EQ(waitpid(-1, NULL, __WNOTHREAD), mine);
	FORK(mine)
		;
	wait_for_end(mine);
	own->thread = gettid();
	own->left = mine;
	return NULL;
}

/* __WNOTHREAD: each thread's own; what a thread leaves behind is another one's, once it has gone. On Linux that wakes nobody who waits already. */
TEST(children_of_one_thread)
{
	struct ones_own own;
	pthread_t thread;
	pid_t mine;

	hold = gate_make();
	mine = own.others = child_in(-1);
	CHECK_EQ(pthread_create(&thread, NULL, wait_for_own, &own), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	thread_gone(own.thread);
	CHECK_EQ(waitpid(mine, NULL, __WNOTHREAD | WNOHANG), 0);
	CHECK_EQ(waitpid(-1, NULL, __WNOTHREAD), own.left);
	end(mine);
	CHECK_EQ(waitpid(-1, NULL, __WNOTHREAD), mine);
}

/* The only one of a group, among many zombies of others. */
TEST(one_of_a_group_among_many)
{
	pid_t pid[MANY], odd;

	hold = gate_make();
	for (int i = 0; i < MANY; i++)
		pid[i] = child_in(-1);
	odd = child_in(0);
	for (int i = 0; i < MANY; i++)
		end(pid[i]);
	CHECK_EQ(waitpid(-odd, NULL, WNOHANG), 0);
	CHECK_ERR(waitpid(-pid[3], NULL, 0), ECHILD);
	CHECK_OK(kill(odd, SIGKILL));
	CHECK_EQ(waitpid(-odd, NULL, 0), odd);
	CHECK_ERR(waitpid(-odd, NULL, 0), ECHILD);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(waitpid(0, NULL, 0), pid[i]);
	CHECK_ERR(waitpid(0, NULL, 0), ECHILD);
}

/* They are somebody else's when their parent has gone: in order of birth, those that have ended already, too. */
TEST(many_go_to_another_parent)
{
	pid_t parent, got[MANY], seen[MANY];
	int fd[2], status;

	hold = gate_make();
	CHECK_OK(pipe(fd));
	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	FORK(parent) {
		for (int i = 0; i < MANY; i++) {
			got[i] = child_in(-1);
			if (i & 1)
				end(got[i]);
		}
		CHECK_EQ(write(fd[1], got, sizeof(got)), sizeof(got));
	}
	reap_ok(parent);
	CHECK_EQ(read(fd[0], seen, sizeof(seen)), sizeof(seen));
	for (int i = 1; i < MANY; i += 2)
		CHECK_EQ(wait(&status), seen[i]);
	CHECK_EQ(waitpid(-1, &status, WNOHANG), 0);
	for (int i = 0; i < MANY; i += 2)
		end(seen[i]);
	for (int i = 0; i < MANY; i += 2)
		CHECK_EQ(wait(&status), seen[i]);
	CHECK_ERR(wait(&status), ECHILD);
}

/* What a child has to tell goes with it. */
TEST(reports_go_to_another_parent)
{
	pid_t parent, stopped;
	int fd[2], status;

	hold = gate_make();
	CHECK_OK(pipe(fd));
	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	FORK(parent) {
		pid_t pid = child_in(-1);

		CHECK_OK(kill(pid, SIGSTOP));
		CHECK_EQ(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WSTOPPED | WNOWAIT), 0);
		CHECK_EQ(write(fd[1], &pid, sizeof(pid)), sizeof(pid));
	}
	reap_ok(parent);
	CHECK_EQ(read(fd[0], &stopped, sizeof(stopped)), sizeof(stopped));
	CHECK_EQ(waitpid(-1, &status, WUNTRACED), stopped);
	CHECK_EQ(status, SIGSTOP << 8 | 0x7f);
	CHECK_OK(kill(stopped, SIGCONT));
	CHECK_EQ(waitpid(-1, &status, WCONTINUED), stopped);
	CHECK_OK(kill(stopped, SIGKILL));
	CHECK_EQ(reap(stopped), SIGKILL);
}

/* One parent ends and orphans several groups, one of them large; those with a stopped member get SIGHUP and SIGCONT, and only those. */
TEST(several_groups_are_orphaned_at_once)
{
	enum { GROUPS = 3, EACH = 20 };
	pid_t parent, seen[GROUPS * EACH];
	int fd[2], status;

	hold = gate_make();
	CHECK_OK(pipe(fd));
	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	FORK(parent) {
		CHECK_OK(setsid());
		for (int i = 0; i < GROUPS * EACH; i++)
			seen[i] = child_in(i % EACH ? seen[i - i % EACH] : 0);
		for (int g = 0; g < GROUPS - 1; g++) {
			pid_t last = seen[g * EACH + EACH - 1];

			CHECK_OK(kill(last, SIGSTOP));
			CHECK_EQ(waitid(P_PID, (id_t)last, &(siginfo_t){ 0 }, WSTOPPED), 0);
		}
		CHECK_EQ(write(fd[1], seen, sizeof(seen)), sizeof(seen));
	}
	reap_ok(parent);
	CHECK_EQ(read(fd[0], seen, sizeof(seen)), sizeof(seen));
	for (int i = 0; i < (GROUPS - 1) * EACH; i++)
		CHECK_EQ(reap(seen[i]), SIGHUP);
	for (int i = (GROUPS - 1) * EACH; i < GROUPS * EACH; i++) {
		CHECK_EQ(waitpid(seen[i], &status, WNOHANG), 0);
		CHECK_OK(kill(seen[i], SIGKILL));
		CHECK_EQ(reap(seen[i]), SIGKILL);
	}
}

static void *waits_for_any(void *count)
{
	int status, *ends = count;

	while (waitpid(-1, &status, WUNTRACED | WCONTINUED) > 0)
		*ends += WIFEXITED(status) || WIFSIGNALED(status);
	CHECK_EQ(errno, ECHILD);
	return NULL;
}

/* Threads wait for whatever there is while another one makes children, stops them, lets them go on and ends them: each end is told once. */
TEST(waiting_at_once)
{
	enum { ROUNDS = 24, WAITERS = 2 };
	pthread_t thread[WAITERS];
	int ends[WAITERS] = { 0 }, sum = 0;
	pid_t last, pid;

	hold = gate_make();
	last = child_in(-1); /* there is always one to wait for */
	for (int i = 0; i < WAITERS; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, waits_for_any, &ends[i]), 0);
	for (int i = 0; i < ROUNDS; i++) {
		FORK(pid)
			if (i % 3 == 0)
				for (;;)
					pause();
		if (i % 3)
			continue;
		CHECK_OK(kill(pid, SIGSTOP));
		CHECK_OK(kill(pid, SIGCONT));
		CHECK_OK(kill(pid, SIGKILL));
	}
	CHECK_OK(kill(last, SIGKILL));
	for (int i = 0; i < WAITERS; i++) {
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
		sum += ends[i];
	}
	CHECK_EQ(sum, ROUNDS + 1);
}
