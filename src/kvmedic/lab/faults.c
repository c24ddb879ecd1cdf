/*
 * Makes trouble in the memory of the host it runs on. Build: cc -O1 -static -o faults faults.c
 *   faults grow MIB NAME      take MIB under the process name NAME and stay
 *   faults shred MIB          take MIB, locked and without huge pages, keep one page in sixteen, and stay
 *   faults blocks MIB         take up to MIB in blocks of 1 MiB (order 8) for the kernel, and stay
 *   faults churn MIB          touch MIB again and again, so that it must stay in memory
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#define PAGE 4096UL
#define MIB (1024UL * 1024UL)
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

static char *take(size_t bytes, int with_huge)
{
	char *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (start == MAP_FAILED)
		exit(1);
	madvise(start, bytes, with_huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return start;
}

static void touch(char *start, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += PAGE)
		start[at] += 1;
}

/* A packet ring takes blocks of its size while there are any, and then single pages (af_packet.c). */
static int take_blocks(size_t bytes)
{
	struct tpacket_req ring = {
		.tp_block_size = MIB,
		.tp_block_nr = bytes / MIB,
		.tp_frame_size = PAGE,
		.tp_frame_nr = bytes / PAGE,
	};
	int packets = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_LOOP));
	return packets < 0 || setsockopt(packets, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring);
}

int main(int count, char **words)
{
	size_t bytes = count > 2 ? strtoul(words[2], NULL, 10) << 20 : 0;
	if (count > 3)
		prctl(PR_SET_NAME, words[3]);
	if (!bytes)
		return 2;
	if (!strcmp(words[1], "blocks")) {
		if (take_blocks(bytes))
			return 1;
		puts("done");
		fflush(stdout);
		return pause();
	}
	char *start = take(bytes, !strcmp(words[1], "grow"));
	if (!strcmp(words[1], "shred") && mlock(start, bytes))
		return 1;
	touch(start, bytes);
	if (!strcmp(words[1], "shred"))
		for (size_t at = 0; at < bytes; at += 16 * PAGE)
			madvise(start + at, 15 * PAGE, MADV_DONTNEED_LOCKED);
	puts("done");
	fflush(stdout);
	while (!strcmp(words[1], "churn"))
		touch(start, bytes);
	pause();
	return 0;
}
