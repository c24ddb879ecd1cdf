/* The floor: reads /proc/kpageflags from beginning to end in one thread, and does nothing with it.
 * Prints seconds and entries. Built and run by run.py. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
	static uint64_t buffer[64 << 10];
	struct timespec begin, end;
	off_t offset = 0;
	ssize_t got;
	int file = open("/proc/kpageflags", O_RDONLY);

	if (file < 0)
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	while ((got = pread(file, buffer, sizeof(buffer), offset)) > 0)
		offset += got;
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%.6f %lld\n", (end.tv_sec - begin.tv_sec) + (end.tv_nsec - begin.tv_nsec) / 1e9,
	       (long long)(offset / 8));
	return 0;
}
