/*
 * Lets CRIU read the resource limits of processes of other users where root lacks CAP_SYS_RESOURCE.
 *
 * CRIU reads them by prlimit(2), which is refused there. /proc/PID/limits holds the same numbers and
 * may be read. Preloaded into criu on such machines only (see base.py): it replaces libc's syscall(),
 * which is how CRIU calls prlimit, and asks /proc when a read was refused. Everything else, setting
 * limits included, goes through unchanged.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if !defined(__x86_64__)
#error "the raw system call below is written for x86-64"
#endif

/* The rows of /proc/PID/limits, in the order of the RLIMIT_ numbers. */
static const char *const rows[] = {
	"Max cpu time",      "Max file size",     "Max data size",     "Max stack size",
	"Max core file size", "Max resident set", "Max processes",     "Max open files",
	"Max locked memory", "Max address space", "Max file locks",    "Max pending signals",
	"Max msgqueue size", "Max nice priority", "Max realtime priority",
	"Max realtime timeout",
};
#define ROWS ((long)(sizeof(rows) / sizeof(rows[0])))

static long raw_syscall(long number, const long a[6])
{
	long result;
	register long r10 __asm__("r10") = a[3];
	register long r8 __asm__("r8") = a[4];
	register long r9 __asm__("r9") = a[5];

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static rlim_t parse(const char *word)
{
	return strcmp(word, "unlimited") == 0 ? RLIM_INFINITY : strtoull(word, NULL, 10);
}

static long read_limit(long pid, long resource, struct rlimit *limit)
{
	char path[64], line[256], soft[32], hard[32];
	size_t width = strlen(rows[resource]);
	long result = -EPERM;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/limits", pid);
	file = fopen(path, "re");
	if (!file)
		return result;
	while (result && fgets(line, sizeof(line), file)) {
		if (strncmp(line, rows[resource], width) == 0 &&
		    sscanf(line + width, "%31s %31s", soft, hard) == 2) {
			limit->rlim_cur = parse(soft);
			limit->rlim_max = parse(hard);
			result = 0;
		}
	}
	fclose(file);
	return result;
}

long syscall(long number, ...)
{
	long a[6], result;
	va_list arguments;

	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(arguments, long);
	va_end(arguments);

	result = raw_syscall(number, a);
	/* prlimit64(pid, resource, new_limit, old_limit) */
	if (number == SYS_prlimit64 && result == -EPERM && !a[2] && a[3] && a[1] >= 0 && a[1] < ROWS)
		result = read_limit(a[0], a[1], (struct rlimit *)a[3]);
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}
