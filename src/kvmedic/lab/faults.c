/*
 * Makes trouble in the memory of the host it runs on. Build: cc -O1 -static -o faults faults.c
 *   faults grow MIB NAME      take MIB under the process name NAME and stay
 *   faults shred MIB          take MIB, locked and without huge pages, keep one page in four, and stay
 *   faults blocks KIB NAME    take blocks of KIB for the kernel until one is refused, and stay
 *   faults churn MIB          touch MIB again and again, so that it must stay in memory
 *   faults slab MIB NAME      take MIB of slab for the kernel, under the process name NAME, and stay
 *   faults signals NAME       ask for small objects that may not wait until one is refused, and stay
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE 4096UL
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

/* With pauses: whoever looks at the host while it thrashes must get somewhere. */
static void churn(char *start, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += PAGE) {
		start[at] += 1;
		if (at % (128 * PAGE) == 0)
			usleep(10000);
	}
}

/* Control data of sendmsg(2) is copied to one block (net/socket.c), held while the call waits for room. */
static struct msghdr message;
static int full[2], is_refused;

static void *hold_block(void *unused)
{
	if (sendmsg(full[0], &message, 0) < 0 && errno == ENOBUFS)
		is_refused = 1;
	return unused;
}

static void *no_thread_starts(void)
{
	perror("pthread_create");
	exit(1);
}

static int hold_blocks(size_t bytes)
{
	static char filler[65536];
	struct iovec part = { filler, 1 };
	struct cmsghdr *data = calloc(1, bytes);
	pthread_attr_t small;
	pthread_t thread;

	if (!data || socketpair(AF_UNIX, SOCK_STREAM, 0, full))
		return 1;
	while (send(full[0], filler, sizeof filler, MSG_DONTWAIT) > 0)
		;
	data->cmsg_len = bytes;
	message = (struct msghdr){ .msg_iov = &part, .msg_iovlen = 1, .msg_control = data, .msg_controllen = bytes };
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (int count = 0; count < 3000 && !is_refused; count++) {
		if (pthread_create(&thread, &small, hold_block, NULL))
			no_thread_starts();
		usleep(3000);
	}
	return !is_refused;
}

/* Messages that nobody receives are slab that cannot be given back. */
static int hold_slab(size_t bytes)
{
	static char text[3000];
	int pair[2], limit = 1 << 30;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return 1;
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &limit, sizeof limit);
	for (size_t sent = 0; sent < bytes; sent += 4096)
		if (send(pair[0], text, sizeof text, MSG_DONTWAIT) < 0)
			return 1;
	return 0;
}

/* Each pending signal is an object of its own, asked for with GFP_ATOMIC (kernel/signal.c). */
static int hold_signals(void)
{
	struct rlimit many = { 1 << 28, 1 << 28 };
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	if (setrlimit(RLIMIT_SIGPENDING, &many))
		return 1;
	while (!sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }))
		;
	return errno != EAGAIN;
}

static int stay(int status)
{
	puts(status ? "failed" : "done");
	fflush(stdout);
	return status ? status : pause();
}

int main(int count, char **words)
{
	const char *verb = count > 1 ? words[1] : "";
	size_t bytes = count > 2 ? strtoul(words[2], NULL, 10) << 20 : 0;

	if (count > 3 || (count > 2 && !bytes))
		prctl(PR_SET_NAME, words[count - 1]);
	if (!strcmp(verb, "signals"))
		return stay(hold_signals());
	if (!bytes)
		return 2;
	if (!strcmp(verb, "blocks"))
		return stay(hold_blocks(bytes >> 10));
	if (!strcmp(verb, "slab"))
		return stay(hold_slab(bytes));
	char *start = take(bytes, !strcmp(verb, "grow"));
	if (!strcmp(verb, "shred") && mlock(start, bytes))
		return 1;
	touch(start, bytes);
	if (!strcmp(verb, "shred"))
		for (size_t at = 0; at < bytes; at += 4 * PAGE)
			madvise(start + at, 3 * PAGE, MADV_DONTNEED_LOCKED);
	while (!strcmp(verb, "churn"))
		churn(start, bytes);
	return stay(0);
}
