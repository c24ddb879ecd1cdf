/*
 * The program inside the lab's machines. It reads one request a line from a serial port and answers there:
 *   request   ID VERB ARGUMENTS
 *   answer    ID| a line of output          (any number)
 *             ID= STATUS a word of comment  (exactly one; status 0 is success)
 * It shapes the guest's memory on demand, so that the host sees a balloon in a fragmented or a tidy guest.
 * Build: cc -O1 -static -o agent agent.c
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define MIB (1024UL * 1024UL)
#define PAGE 4096UL
#define LONGEST 4096

static int control = -1;
static const char *console = "/dev/ttyS0";
static char *region;
static size_t region_bytes;

static void send_all(const char *text, size_t left)
{
	while (left > 0) {
		ssize_t sent = write(control, text, left);
		if (sent < 0 && errno != EINTR)
			return;
		if (sent > 0) {
			text += sent;
			left -= sent;
		}
	}
}

static void answer(const char *format, ...)
{
	char text[LONGEST * 2];
	va_list rest;
	va_start(rest, format);
	int length = vsnprintf(text, sizeof text, format, rest);
	va_end(rest);
	if (length >= (int)sizeof text)
		length = sizeof text - 1;
	send_all(text, length);
}

static void say(const char *text)
{
	int fd = open(console, O_WRONLY | O_NOCTTY);
	if (fd < 0)
		return;
	dprintf(fd, "%s\n", text);
	close(fd);
}

static void forget_region(void)
{
	if (region)
		munmap(region, region_bytes);
	region = NULL;
	region_bytes = 0;
}

/* Map and touch memory without huge pages; a page is never all zeroes, so that nobody can share or drop it. */
static int hold(size_t bytes)
{
	forget_region();
	char *fresh = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (fresh == MAP_FAILED)
		return errno;
	region = fresh;
	region_bytes = bytes;
	madvise(region, bytes, MADV_NOHUGEPAGE);
	madvise(region, bytes, MADV_DONTFORK);
	for (size_t at = 0; at < bytes; at += PAGE)
		*(size_t *)(region + at) = at + 1;
	return 0;
}

/* Give back every second page: the guest's free memory is now single pages, which is what its balloon will take. */
static int punch(size_t bytes)
{
	int error = hold(bytes);
	if (error)
		return error;
	for (size_t at = PAGE; at < bytes; at += 2 * PAGE)
		if (madvise(region + at, PAGE, MADV_DONTNEED))
			return errno;
	return 0;
}

static int touch(size_t bytes)
{
	if (!region)
		return ENOENT;
	if (bytes > region_bytes)
		bytes = region_bytes;
	for (size_t at = 0; at < bytes; at += PAGE)
		*(volatile size_t *)(region + at) = at + 2;
	return 0;
}

static int fill(size_t bytes)
{
	static char block[MIB];
	int fd = open("/mem/fill", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return errno;
	memset(block, 'k', sizeof block);
	int error = 0;
	for (size_t done = 0; done < bytes && !error; done += MIB)
		if (write(fd, block, MIB) != (ssize_t)MIB)
			error = errno ? errno : ENOSPC;
	close(fd);
	return error;
}

static int read_disk(size_t bytes)
{
	static char block[MIB];
	int fd = open("/dev/vda", O_RDONLY);
	if (fd < 0)
		return errno;
	for (size_t done = 0; done < bytes; done += MIB)
		if (read(fd, block, MIB) <= 0)
			break;
	close(fd);
	return 0;
}

static int count_seconds(void)
{
	pid_t child = fork();
	if (child != 0)
		return child < 0 ? errno : 0;
	char text[64];
	for (unsigned long beat = 0;; beat++) {
		snprintf(text, sizeof text, "COUNT %lu", beat);
		say(text);
		sleep(1);
	}
}

/* Run a shell command and pass on each line it prints. */
static int shell(const char *id, const char *command)
{
	char line[LONGEST];
	FILE *output = popen(command, "r");
	if (!output)
		return errno;
	while (fgets(line, sizeof line, output)) {
		line[strcspn(line, "\n")] = 0;
		answer("%s| %s\n", id, line);
	}
	int status = pclose(output);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Pass one request to an agent behind a unix socket (a guest of this host) and hand its answer back. */
static int relay(const char *id, char *arguments)
{
	char *path = strsep(&arguments, " ");
	char *inner = arguments ? arguments : "";
	char end[64], line[LONGEST];
	snprintf(end, sizeof end, "%.*s= ", (int)strcspn(inner, " "), inner);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
		return errno;
	dprintf(fd, "\n%s\n", inner);
	FILE *input = fdopen(fd, "r");
	int seen = 0;
	while (!seen && fgets(line, sizeof line, input)) {
		line[strcspn(line, "\r\n")] = 0;
		answer("%s| %s\n", id, line);
		seen = strncmp(line, end, strlen(end)) == 0;
	}
	fclose(input);
	return seen ? 0 : EPIPE;
}

/* A relay may wait for ever for a guest that died: it gets a process of its own and a deadline. */
static int relay_in_child(const char *id, char *arguments)
{
	char *seconds = strsep(&arguments, " ");
	if (!arguments)
		return EINVAL;
	pid_t child = fork();
	if (child == 0) {
		signal(SIGALRM, SIG_DFL);
		alarm(atoi(seconds));
		_exit(relay(id, arguments));
	}
	int status;
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : ETIMEDOUT;
}

static int perform(const char *id, const char *verb, char *rest)
{
	size_t bytes = strtoul(rest, NULL, 10) * MIB;
	if (!strcmp(verb, "ping"))
		return 0;
	if (!strcmp(verb, "hold"))
		return hold(bytes);
	if (!strcmp(verb, "punch"))
		return punch(bytes);
	if (!strcmp(verb, "touch"))
		return touch(bytes);
	if (!strcmp(verb, "free"))
		return forget_region(), 0;
	if (!strcmp(verb, "fill"))
		return fill(bytes);
	if (!strcmp(verb, "unfill"))
		return unlink("/mem/fill") ? errno : 0;
	if (!strcmp(verb, "contiguous"))
		return fill(bytes) || unlink("/mem/fill") ? errno : 0;
	if (!strcmp(verb, "cache"))
		return read_disk(bytes);
	if (!strcmp(verb, "count"))
		return count_seconds();
	if (!strcmp(verb, "sh"))
		return shell(id, rest);
	if (!strcmp(verb, "relay"))
		return relay_in_child(id, rest);
	return ENOSYS;
}

static void obey(char *line)
{
	char *rest = line;
	char *id = strsep(&rest, " ");
	char *verb = rest ? strsep(&rest, " ") : NULL;
	if (!verb || !*id || !*verb)
		return;
	int status = perform(id, verb, rest ? rest : "");
	answer("%s= %d %s\n", id, status, status ? strerror(status) : "done");
}

/* Load one module file; a compressed one is handed to the kernel as it is (flag 4 of finit_module). */
static int load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = strlen(path);
	int is_plain = length > 3 && !strcmp(path + length - 3, ".ko");
	if (fd < 0 || syscall(SYS_finit_module, fd, "", is_plain ? 0 : 4)) {
		if (errno == EEXIST)
			return 0;
		perror(path);
		return 1;
	}
	close(fd);
	return 0;
}

static void take_orders_from_kernel_command_line(void)
{
	char *orders = getenv("KVMEDIC_RUN");
	char line[LONGEST], text[LONGEST + 16];
	for (char *order; orders && (order = strsep(&orders, ",")) != NULL;) {
		snprintf(line, sizeof line, "boot %s", order);
		for (char *at = line; *at; at++)
			if (*at == ':')
				*at = ' ';
		snprintf(text, sizeof text, "READY %s", line);
		obey(line);
		say(text);
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "insmod"))
		return load_module(argv[2]);
	if (argc != 3)
		return 2;
	struct termios raw;
	signal(SIGPIPE, SIG_IGN);
	console = argv[2];
	control = open(argv[1], O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (control < 0)
		return 1;
	if (!tcgetattr(control, &raw)) {
		cfmakeraw(&raw);
		tcsetattr(control, TCSANOW, &raw);
	}
	say("READY agent");
	take_orders_from_kernel_command_line();
	FILE *input = fdopen(dup(control), "r");
	char line[LONGEST];
	while (input && fgets(line, sizeof line, input)) {
		line[strcspn(line, "\r\n")] = 0;
		obey(line);
	}
	return 0;
}
