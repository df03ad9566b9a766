/* SPDX-License-Identifier: MIT */
/* Capabilities: what changes of user and new programs do to each set, ambient ones, the bounding set, securebits; and what prctl keeps for a thread. */
#include "guest.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

enum { INH, PRM, EFF, BND, AMB };

#define ALL_SETS 5
#define AMBIENT(what, cap) prctl(PR_CAP_AMBIENT, what, cap, 0, 0)

/* Reads the sets from /proc/self/status. */
static void sets(unsigned long long out[ALL_SETS])
{
	static const char *const names[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
	char line[256], name[16];
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long v;
	int found = 0;

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		for (int i = 0; i < ALL_SETS; i++)
			if (sscanf(line, "%6s:\t%llx", name, &v) == 2 && !strcmp(name, names[i])) {
				out[i] = v;
				found++;
			}
	fclose(f);
	CHECK_EQ(found, ALL_SETS);
}

static int has(int set, int cap)
{
	unsigned long long s[ALL_SETS];

	sets(s);
	return (int)(s[set] >> cap & 1);
}

static int set_caps(unsigned long long eff, unsigned long long perm, unsigned long long inh)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {{(unsigned)eff, (unsigned)perm, (unsigned)inh}, {(unsigned)(eff >> 32), (unsigned)(perm >> 32), (unsigned)(inh >> 32)}};

	return (int)syscall(SYS_capset, &h, d);
}

static unsigned long long now(int set)
{
	unsigned long long s[ALL_SETS];

	sets(s);
	return s[set];
}

static void inherit(int cap) { CHECK_OK(set_caps(now(EFF), now(PRM), now(INH) | 1ull << cap)); }

/* Exits with 0 when the sets of the program have the capability as the letters say: i p e b a, upper case: not. */
HELPER(has)
{
	static const char letters[] = "ipeba";
	int cap = atoi(argv[2]);

	for (const char *c = argv[3]; *c; c++) {
		const char *small = strchr(letters, *c | 0x20);

		if (has((int)(small - letters), cap) != (*small == *c))
			return *c;
	}
	return 0;
}

static void run_as(const char *path, int cap, const char *letters)
{
	char number[12];

	snprintf(number, sizeof(number), "%d", cap);
	execl(path, "capabilities", "@has", number, letters, NULL);
	FAIL("exec: %s", strerror(errno));
}

static void run(int cap, const char *letters) { run_as("/proc/self/exe", cap, letters); }

static void become(uid_t uid) { CHECK_OK(setresuid(uid, uid, uid)); }

/* A user with one capability, which is inheritable. */
static void become_with(int cap)
{
	inherit(cap);
	CHECK_OK(prctl(PR_SET_KEEPCAPS, 1));
	become(1000);
	CHECK_OK(set_caps(1ull << cap, 1ull << cap, 1ull << cap));
}

TEST(ambient_capabilities_survive_exec)
{
	pid_t pid;

	FORK(pid) {
		become_with(CAP_CHOWN);
		CHECK_EQ(AMBIENT(PR_CAP_AMBIENT_IS_SET, CAP_CHOWN), 0);
		CHECK_ERR(AMBIENT(PR_CAP_AMBIENT_RAISE, CAP_KILL), EPERM);
		CHECK_OK(AMBIENT(PR_CAP_AMBIENT_RAISE, CAP_CHOWN));
		CHECK_EQ(AMBIENT(PR_CAP_AMBIENT_IS_SET, CAP_CHOWN), 1);
		CHECK_EQ(now(AMB), 1);
		FORK(pid)
			run(CAP_CHOWN, "ipea");
		reap_ok(pid);
		CHECK_OK(AMBIENT(PR_CAP_AMBIENT_LOWER, CAP_CHOWN));
		CHECK_EQ(AMBIENT(PR_CAP_AMBIENT_IS_SET, CAP_CHOWN), 0);
		FORK(pid)
			run(CAP_CHOWN, "iPEA");
		reap_ok(pid);
		CHECK_OK(AMBIENT(PR_CAP_AMBIENT_RAISE, CAP_CHOWN));
		CHECK_OK(AMBIENT(PR_CAP_AMBIENT_CLEAR_ALL, 0));
		CHECK_EQ(now(AMB), 0);
	}
	reap_ok(pid);
}

TEST(what_takes_ambient_capabilities_away)
{
	pid_t pid;

	FORK(pid) {
		become_with(CAP_CHOWN);
		CHECK_OK(AMBIENT(PR_CAP_AMBIENT_RAISE, CAP_CHOWN));
		CHECK_OK(set_caps(1, 1, 0)); /* not inheritable any more */
		CHECK_EQ(now(AMB), 0);
	}
	reap_ok(pid);
	FORK(pid) {
		become_with(CAP_CHOWN);
		CHECK_OK(AMBIENT(PR_CAP_AMBIENT_RAISE, CAP_CHOWN));
		CHECK_OK(set_caps(0, 0, 1)); /* not permitted any more */
		CHECK_EQ(now(AMB), 0);
	}
	reap_ok(pid);
	FORK(pid) { /* root gives itself up, even keeping what is permitted */
		inherit(CAP_CHOWN);
		CHECK_OK(AMBIENT(PR_CAP_AMBIENT_RAISE, CAP_CHOWN));
		CHECK_OK(prctl(PR_SET_KEEPCAPS, 1));
		become(1000);
		CHECK_EQ(now(AMB), 0);
		CHECK_EQ(has(PRM, CAP_CHOWN), 1);
	}
	reap_ok(pid);
}

static void copy_of_this(const char *name, uid_t uid, mode_t mode)
{
	char *block = map_rw(64 * PAGE);
	int in = CHECK_OK(open("/proc/self/exe", O_RDONLY)), out = CHECK_OK(open(name, O_CREAT | O_WRONLY, 0700));
	ssize_t n;

	while ((n = read(in, block, 64 * PAGE)) > 0)
		CHECK_EQ(write(out, block, (size_t)n), n);
	CHECK_OK(fchown(out, uid, uid));
	CHECK_OK(fchmod(out, mode));
	close(out);
}

TEST(set_user_id_programs_and_capabilities)
{
	pid_t pid;

	copy_of_this("other", 1234, 04755);
	copy_of_this("root", 0, 04755);
	CHECK_OK(chmod(".", 0755));
	FORK(pid) {
		become_with(CAP_CHOWN);
		CHECK_OK(AMBIENT(PR_CAP_AMBIENT_RAISE, CAP_CHOWN));
		FORK(pid)
			run_as("other", CAP_CHOWN, "iPEA");
		reap_ok(pid);
		FORK(pid)
			run_as("root", CAP_KILL, "IpebA");
		reap_ok(pid);
		CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		FORK(pid)
			run_as("root", CAP_KILL, "IPEbA");
		reap_ok(pid);
		FORK(pid) /* neither users nor capabilities are new here */
			run_as("root", CAP_CHOWN, "ipea");
		reap_ok(pid);
	}
	reap_ok(pid);
	FORK(pid) { /* root's real id permits, the effective one puts in effect */
		CHECK_OK(setresuid(0, 1000, 1000));
		run(CAP_CHOWN, "pE");
	}
	reap_ok(pid);
	FORK(pid) { /* what was given up does not come back without new privileges */
		CHECK_OK(set_caps(now(EFF) & ~1ull, now(PRM) & ~1ull, 0));
		FORK(pid)
			run(CAP_CHOWN, "pe");
		reap_ok(pid);
		CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		run(CAP_CHOWN, "PE");
	}
	reap_ok(pid);
}

TEST(bounding_set)
{
	pid_t pid;

	CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_KILL), 1);
	CHECK_ERR(prctl(PR_CAPBSET_READ, 64), EINVAL);
	CHECK_ERR(prctl(PR_CAPBSET_DROP, 64), EINVAL);
	FORK(pid) {
		CHECK_OK(prctl(PR_CAPBSET_DROP, CAP_KILL));
		CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_KILL), 0);
		CHECK_EQ(has(EFF, CAP_KILL), 1); /* exec takes it */
		CHECK_ERR(set_caps(now(EFF), now(PRM), 1ull << CAP_KILL), EPERM);
		FORK(pid)
			run(CAP_KILL, "PEB");
		reap_ok(pid);
		FORK(pid)
			run(CAP_CHOWN, "peb");
		reap_ok(pid);
		CHECK_OK(set_caps(now(EFF) & ~(1ull << CAP_SETPCAP), now(PRM), 0));
		CHECK_ERR(prctl(PR_CAPBSET_DROP, CAP_CHOWN), EPERM);
		CHECK_OK(set_caps(now(EFF), now(PRM), 1ull << CAP_CHOWN));
	}
	reap_ok(pid);
	FORK(pid) { /* without CAP_SETPCAP only what is permitted can be made inheritable */
		CHECK_OK(set_caps(1, 1, 0));
		CHECK_ERR(set_caps(1, 1, 1ull << CAP_KILL), EPERM);
		CHECK_OK(set_caps(1, 1, 1));
		CHECK_ERR(set_caps(3, 1, 1), EPERM);
		CHECK_ERR(set_caps(1, 3, 1), EPERM);
	}
	reap_ok(pid);
}

TEST(securebits)
{
	pid_t pid;

	CHECK_EQ(prctl(PR_GET_SECUREBITS), 0);
	CHECK_ERR(prctl(PR_SET_SECUREBITS, 0x100), EPERM);
	FORK(pid) {
		CHECK_OK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT));
		CHECK_EQ(prctl(PR_GET_SECUREBITS), SECBIT_NOROOT);
		run(CAP_CHOWN, "PEb");
	}
	reap_ok(pid);
	FORK(pid) {
		CHECK_OK(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
		become(1000);
		CHECK_EQ(has(EFF, CAP_CHOWN), 1);
		run(CAP_CHOWN, "PE");
	}
	reap_ok(pid);
	FORK(pid) {
		CHECK_OK(prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED));
		inherit(CAP_CHOWN);
		CHECK_ERR(AMBIENT(PR_CAP_AMBIENT_RAISE, CAP_CHOWN), EPERM);
		CHECK_ERR(prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED), EPERM);
		CHECK_ERR(prctl(PR_SET_SECUREBITS, 0), EPERM);
		CHECK_OK(prctl(PR_SET_SECUREBITS, prctl(PR_GET_SECUREBITS) | SECBIT_KEEP_CAPS_LOCKED));
		CHECK_ERR(prctl(PR_SET_KEEPCAPS, 1), EPERM);
	}
	reap_ok(pid);
	FORK(pid) {
		CHECK_OK(prctl(PR_SET_KEEPCAPS, 1));
		CHECK_EQ(prctl(PR_GET_SECUREBITS), SECBIT_KEEP_CAPS);
		CHECK_OK(set_caps(0, now(PRM), 0));
		CHECK_ERR(prctl(PR_SET_SECUREBITS, 0), EPERM);
		CHECK_OK(prctl(PR_SET_KEEPCAPS, 0));
	}
	reap_ok(pid);
}

TEST(timer_slack_is_kept)
{
	int first = CHECK_OK(prctl(PR_GET_TIMERSLACK));
	pid_t pid;

	CHECK_EQ(first, 50000);
	CHECK_OK(prctl(PR_SET_TIMERSLACK, 777));
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 777);
	FORK(pid) {
		CHECK_EQ(prctl(PR_GET_TIMERSLACK), 777);
		CHECK_OK(prctl(PR_SET_TIMERSLACK, 888));
		CHECK_OK(prctl(PR_SET_TIMERSLACK, 0));
		CHECK_EQ(prctl(PR_GET_TIMERSLACK), 777); /* as it was born */
	}
	reap_ok(pid);
	CHECK_OK(prctl(PR_SET_TIMERSLACK, 0));
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), first);
}

TEST(small_options)
{
	int tsc = 0;

	CHECK_EQ(prctl(PR_GET_TIMING), PR_TIMING_STATISTICAL);
	CHECK_OK(prctl(PR_SET_TIMING, PR_TIMING_STATISTICAL));
	CHECK_ERR(prctl(PR_SET_TIMING, PR_TIMING_TIMESTAMP), EINVAL);
	CHECK_OK(prctl(PR_GET_TSC, &tsc));
	CHECK_EQ(tsc, PR_TSC_ENABLE);
	CHECK_OK(prctl(PR_SET_TSC, PR_TSC_ENABLE));
	CHECK_ERR(prctl(PR_SET_TSC, 7), EINVAL);
	CHECK_ERR(prctl(PR_GET_TSC, 8), EFAULT);
	CHECK_ERR(prctl(99999), EINVAL);
}
