/* SPDX-License-Identifier: MIT */
/* The system's part of /proc: what vmstat, free, slabtop, sysctl and the C library read. */
#include "guest.h"

#include <sys/mount.h>
#include <sys/statfs.h>

static char text[131072];

static size_t slurp(const char *path) { return guest_read_text(path, text, sizeof(text)); }

static long long number(const char *path)
{
	slurp(path);
	return strtoll(text, NULL, 10);
}

/* User, system and idle time of a CPU ("cpu " for all), in ticks. */
static unsigned long long cpu_ticks(const char *cpu)
{
	unsigned long long user, nice, system, idle;
	char *p;

	slurp("/proc/stat");
	p = strncmp(text, cpu, strlen(cpu)) == 0 ? text : strstr(text, cpu);
	CHECK(p != NULL);
	CHECK_EQ(sscanf(strchr(p + 1, ' '), "%llu %llu %llu %llu", &user, &nice, &system, &idle), 4);
	return user + nice + system + idle;
}

TEST(stat_of_each_cpu)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned long long all, sum = 0, before;
	char name[20];

	before = cpu_ticks("cpu ");
	for (long i = 0; i < cpus; i++) {
		snprintf(name, sizeof(name), "\ncpu%ld ", i);
		sum += cpu_ticks(name);
	}
	all = cpu_ticks("cpu ");
	CHECK(sum + 100 >= before && sum <= all + 100 * (unsigned long long)cpus);
	snprintf(name, sizeof(name), "\ncpu%ld ", cpus);
	CHECK(strstr(text, name) == NULL);
	CHECK(strstr(text, "\nintr ") && strstr(text, "\nctxt ") && strstr(text, "\nbtime ") && strstr(text, "\nprocesses ") && strstr(text, "\nprocs_running ")
	      && strstr(text, "\nprocs_blocked ") && strstr(text, "\nsoftirq "));
}

TEST(forks_are_counted)
{
	unsigned long long before, after;
	pid_t pid;

	slurp("/proc/stat");
	before = strtoull(strstr(text, "\nprocesses ") + 11, NULL, 10);
	for (int i = 0; i < 5; i++) {
		FORK(pid)
			;
		reap_ok(pid);
	}
	slurp("/proc/stat");
	after = strtoull(strstr(text, "\nprocesses ") + 11, NULL, 10);
	CHECK(after >= before + 5 && after < before + 50);
}

TEST(interrupts)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned long long total = 0;
	char *line;

	slurp("/proc/interrupts");
	CHECK(strstr(text, "CPU0") != NULL);
	line = strstr(text, "LOC:");
	CHECK(line != NULL);
	line += 4;
	for (long i = 0; i < cpus; i++)
		total += strtoull(line, &line, 10);
	CHECK(total > 0);
	slurp("/proc/softirqs");
	CHECK(strstr(text, "CPU0") && strstr(text, "TIMER:") && strstr(text, "RCU:"));
}

TEST(memory_figures)
{
	slurp("/proc/vmstat");
	CHECK(strstr(text, "nr_free_pages ") && strstr(text, "\npgpgin ") && strstr(text, "\npswpout ") && strstr(text, "\nnr_anon_pages "));
	slurp("/proc/meminfo");
	CHECK(strstr(text, "\nSReclaimable:") && strstr(text, "\nSUnreclaim:") && strstr(text, "\nKernelStack:") && strstr(text, "\nPageTables:")
	      && strstr(text, "\nCommitted_AS:"));
	slurp("/proc/slabinfo");
	CHECK(strstr(text, "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables ") == text);
	CHECK(strstr(text, "\ndentry ") != NULL);
	slurp("/proc/swaps");
	CHECK(strncmp(text, "Filename", 8) == 0);
}

TEST(devices_and_disks)
{
	slurp("/proc/devices");
	CHECK(strncmp(text, "Character devices:\n  1 mem\n", 27) == 0);
	CHECK(strstr(text, "\n136 pts\n") && strstr(text, "\nBlock devices:\n"));
	slurp("/proc/diskstats");
	slurp("/proc/modules");
	slurp("/proc/partitions");
}

TEST(values_of_sys)
{
	char a[60], b[60];

	CHECK(number("/proc/sys/kernel/pid_max") >= 32768);
	CHECK(number("/proc/sys/kernel/threads-max") > 100);
	CHECK_EQ(number("/proc/sys/kernel/ngroups_max"), 65536);
	CHECK_EQ(number("/proc/sys/kernel/cap_last_cap"), 40);
	CHECK_EQ(number("/proc/sys/kernel/randomize_va_space"), 2);
	CHECK_EQ(number("/proc/sys/kernel/overflowuid"), 65534);
	CHECK_EQ(number("/proc/sys/kernel/sched_rr_timeslice_ms"), 100);
	CHECK(number("/proc/sys/fs/file-max") > 1000);
	CHECK_EQ(number("/proc/sys/fs/nr_open"), 1048576);
	CHECK_EQ(number("/proc/sys/fs/pipe-max-size"), 1048576);
	CHECK_EQ(number("/proc/sys/fs/inotify/max_queued_events"), 16384);
	CHECK(number("/proc/sys/fs/file-nr") >= 0);
	CHECK_EQ(number("/proc/sys/vm/max_map_count"), 65530);
	CHECK(number("/proc/sys/vm/mmap_min_addr") >= 4096);
	CHECK_EQ(number("/proc/sys/vm/overcommit_memory"), 0);
	slurp("/proc/sys/kernel/random/boot_id");
	CHECK_EQ(strlen(text), 37);
	strcpy(a, text);
	slurp("/proc/sys/kernel/random/boot_id");
	CHECK_STR(text, a);
	slurp("/proc/sys/kernel/random/uuid");
	CHECK_EQ(strlen(text), 37);
	CHECK_EQ(text[14], '4');
	strcpy(b, text);
	CHECK(strcmp(a, b) != 0);
	slurp("/proc/sys/kernel/random/uuid");
	CHECK(strcmp(text, b) != 0);
}

TEST(sys_is_roots)
{
	pid_t pid;

	FORK(pid) {
		CHECK_OK(setgid(1000));
		CHECK_OK(setuid(1000));
		CHECK_ERR(open("/proc/sys/kernel/hostname", O_WRONLY), EACCES);
		CHECK_ERR(open("/proc/sys/vm/drop_caches", O_WRONLY), EACCES);
		CHECK_ERR(open("/proc/slabinfo", O_RDONLY), EACCES);
		CHECK(number("/proc/sys/kernel/pid_max") > 0);
	}
	reap_ok(pid);
	CHECK_ERR(open("/proc/sys/kernel/new", O_CREAT | O_WRONLY, 0600), ENOENT);
	CHECK_ERR(open("/proc/sys/kernel/osrelease", O_WRONLY), EACCES);
}

TEST(cpus_in_sysfs)
{
	static const char *const names[] = {"online", "possible", "present"};
	char path[80], want[20];
	struct statfs fs;

	snprintf(want, sizeof(want), sysconf(_SC_NPROCESSORS_ONLN) > 1 ? "0-%ld\n" : "%ld\n", sysconf(_SC_NPROCESSORS_ONLN) - 1);
	CHECK_OK(mkdir("sys", 0755));
	CHECK_OK(mount("sysfs", "sys", "sysfs", 0, NULL));
	CHECK_OK(statfs("sys", &fs));
	CHECK_EQ(fs.f_type, 0x62656572);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "sys/devices/system/cpu/%s", names[i]);
		slurp(path);
		CHECK_STR(text, want);
	}
	CHECK_ERR(open("sys/devices/system/cpu/new", O_CREAT | O_RDWR, 0600), EACCES);
	CHECK_ERR(mkdir("sys/new", 0700), EPERM);
	CHECK_ERR(open("sys/nothing", O_RDONLY), ENOENT);
	slurp("/proc/filesystems");
	CHECK(strstr(text, "nodev\tsysfs\n") != NULL);
	CHECK_OK(umount("sys"));
}
