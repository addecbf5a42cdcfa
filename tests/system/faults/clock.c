/* A wall clock that is wrong: LD_PRELOAD has a process see CLOCK_REALTIME off by as many seconds as the
 * file says that CLOCK_OFFSET_FILE names, read at each look at the clock. The monotonic clock is right,
 * as it is where somebody sets the time. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long offset(void) {
    const char *path = getenv("CLOCK_OFFSET_FILE");
    char text[32];
    ssize_t length;
    int file;

    if (path == NULL || (file = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        return 0;
    length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    return strtol(text, NULL, 10);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, clock, time);

    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        time->tv_sec += offset();
    return result;
}
