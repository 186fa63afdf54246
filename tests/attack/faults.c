/* File operations that fail, or at which the process is killed: preloaded before the C library (LD_PRELOAD).
 *
 * It counts every operation on a path below GRAPHS_FAULT_ROOT, and on what was opened there. Each is written to
 * GRAPHS_FAULT_LOG, if that is set. GRAPHS_FAULT is "number how error": what happens at the operation of that number,
 * counted from 1. It does nothing in a program that was begun with GRAPHS_FAULT set: what a test's child starts, such as
 * a compiler, works as ever.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { FAIL, LASTING, SHORT, KILL_BEFORE, KILL_AFTER };
enum { READS = 1, WRITES = 2 };

static int inherited, counted, full;
static pid_t mine;        /* the process whose operations count: not what it forks to start another program */
static char below[65536]; /* which descriptors were opened there */

__attribute__((constructor)) static void begin(void) { inherited = getenv("GRAPHS_FAULT") != NULL; }

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

static int is_mine(void) {
    if (inherited || !getenv("GRAPHS_FAULT")) return 0;
    if (!mine) mine = getpid();
    return mine == getpid();
}

static int is_below(int folder, const char *path) {
    const char *root = getenv("GRAPHS_FAULT_ROOT");
    if (!root || !path || !is_mine()) return 0;
    if (path[0] != '/') return folder >= 0 && folder < (int)sizeof below && below[folder];
    size_t length = strlen(root);
    return !strncmp(path, root, length) && (!path[length] || path[length] == '/');
}

static int is_open_below(int descriptor) {
    return descriptor >= 0 && descriptor < (int)sizeof below && below[descriptor] && is_mine();
}

static void entered(int descriptor, int is) {
    if (descriptor >= 0 && descriptor < (int)sizeof below && is_mine()) below[descriptor] = (char)is;
}

static void note(int number, const char *what, const char *where) {
    const char *log = getenv("GRAPHS_FAULT_LOG");
    char line[PATH_MAX + 64];
    if (!log) return;
    int length = snprintf(line, sizeof line, "%d %s %s\n", number, what, where);
    long to = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    syscall(SYS_write, to, line, (long)length);
    syscall(SYS_close, to);
}

static void kill_here(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* What is to become of the operation at hand: 0 nothing, SHORT or KILL_AFTER as said, -1 it fails with errno set. */
static int fate(const char *what, const char *where, int kind) {
    int at = 0, how = FAIL, error = 0, saved = errno;
    const char *asked = getenv("GRAPHS_FAULT");
    int number = __atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST);
    if (asked) sscanf(asked, "%d %d %d", &at, &how, &error);
    note(number, what, where);
    errno = saved;
    if (how == LASTING && at && number >= at && (error == EIO || kind == WRITES)) {
        errno = error;
        return -1;
    }
    if (full && kind == WRITES) { /* what a short write is followed by */
        errno = ENOSPC;
        return -1;
    }
    if (number != at) return 0;
    if (how == KILL_BEFORE) kill_here();
    if (how == FAIL) {
        errno = error;
        return -1;
    }
    full = how == SHORT;
    return how;
}

/* name, its arguments with and without types, whether it is below, where that is, reads or writes */
#define OPERATION(type, failed, name, typed, given, watched, where, kind)     \
    type name typed {                                                         \
        type(*next) typed = real(#name);                                      \
        int then = 0;                                                         \
        if (watched) then = fate(#name, where, kind);                         \
        if (then < 0) return failed;                                          \
        type result = next given;                                             \
        if (then == KILL_AFTER) kill_here();                                  \
        return result;                                                        \
    }

#define PATHS(name, typed, given, path, kind) \
    OPERATION(int, -1, name, typed, given, is_below(-1, path), path, kind)
#define AT(name, typed, given, folder, path, kind) \
    OPERATION(int, -1, name, typed, given, is_below(folder, path), path, kind)
#define OPENED(type, name, typed, given, kind) \
    OPERATION(type, -1, name, typed, given, is_open_below(fd), "", kind)

#define OPENING(name, typed, folder, ...)                                             \
    int name typed {                                                                  \
        int (*next) typed = real(#name);                                              \
        mode_t mode = 0;                                                              \
        int then = 0, is = is_below(folder, path);                                    \
        if (flags & (O_CREAT | O_TMPFILE)) {                                          \
            va_list more;                                                             \
            va_start(more, flags);                                                    \
            mode = va_arg(more, mode_t);                                              \
            va_end(more);                                                             \
        }                                                                             \
        if (is) then = fate(flags & O_CREAT ? "create" : "open", path, flags & O_CREAT ? WRITES : READS); \
        if (then < 0) return -1;                                                      \
        int result = next(__VA_ARGS__, flags, mode);                                  \
        entered(result, is);                                                          \
        if (then == KILL_AFTER) kill_here();                                          \
        return result;                                                                \
    }

OPENING(open, (const char *path, int flags, ...), -1, path)
OPENING(open64, (const char *path, int flags, ...), -1, path)
OPENING(openat, (int folder, const char *path, int flags, ...), folder, folder, path)
OPENING(openat64, (int folder, const char *path, int flags, ...), folder, folder, path)

int close(int fd) {
    int (*next)(int) = real("close");
    int then = 0, is = is_open_below(fd);
    if (is) then = fate("close", "", READS);
    entered(fd, 0);
    int saved = errno, result = next(fd);
    if (then == KILL_AFTER) kill_here();
    if (then < 0) errno = saved;
    return then < 0 ? -1 : result;
}

ssize_t write(int fd, const void *data, size_t size) {
    ssize_t (*next)(int, const void *, size_t) = real("write");
    int then = is_open_below(fd) ? fate("write", "", WRITES) : 0;
    if (then < 0) return -1;
    ssize_t result = next(fd, data, then == SHORT ? (size + 1) / 2 : size);
    if (then == KILL_AFTER) kill_here();
    return result;
}

OPENED(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size), READS)
OPENED(int, fsync, (int fd), (fd), WRITES)
OPENED(int, fdatasync, (int fd), (fd), WRITES)
OPENED(int, flock, (int fd, int how), (fd, how), READS)
OPENED(int, fchmod, (int fd, mode_t mode), (fd, mode), WRITES)
OPENED(int, ftruncate64, (int fd, off64_t size), (fd, size), WRITES)
OPENED(int, fstat, (int fd, struct stat *is), (fd, is), READS)
OPENED(int, fstat64, (int fd, struct stat64 *is), (fd, is), READS)
PATHS(stat, (const char *path, struct stat *is), (path, is), path, READS)
PATHS(stat64, (const char *path, struct stat64 *is), (path, is), path, READS)
PATHS(lstat, (const char *path, struct stat *is), (path, is), path, READS)
PATHS(lstat64, (const char *path, struct stat64 *is), (path, is), path, READS)
AT(fstatat, (int f, const char *path, struct stat *is, int how), (f, path, is, how), f, path, READS)
AT(fstatat64, (int f, const char *path, struct stat64 *is, int how), (f, path, is, how), f, path, READS)
PATHS(mkdir, (const char *path, mode_t mode), (path, mode), path, WRITES)
PATHS(rmdir, (const char *path), (path), path, READS)
PATHS(unlink, (const char *path), (path), path, READS)
AT(unlinkat, (int f, const char *path, int how), (f, path, how), f, path, READS)
PATHS(chmod, (const char *path, mode_t mode), (path, mode), path, READS)
AT(fchmodat, (int f, const char *path, mode_t mode, int how), (f, path, mode, how), f, path, READS)
PATHS(rename, (const char *path, const char *to), (path, to), to, WRITES)
AT(renameat, (int f, const char *path, int g, const char *to), (f, path, g, to), g, to, WRITES)
PATHS(link, (const char *path, const char *to), (path, to), to, WRITES)
AT(linkat, (int f, const char *path, int g, const char *to, int how), (f, path, g, to, how), g, to, WRITES)
PATHS(utimes, (const char *path, const struct timeval *when), (path, when), path, READS)
OPERATION(DIR *, NULL, opendir, (const char *path), (path), is_below(-1, path), path, READS)
OPERATION(DIR *, NULL, fdopendir, (int fd), (fd), is_open_below(fd), "", READS)
OPERATION(void *, (void *)-1, mmap, (void *at, size_t size, int how, int kind, int fd, off_t from),
          (at, size, how, kind, fd, from), is_open_below(fd), "", READS)
