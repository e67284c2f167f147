/* SPDX-License-Identifier: GPL-3.0-or-later */

/* faults: a library to preload that dies or fails at the Nth call that can lose data.
 *
 *   K3W_FAULT=count:0       only counts
 *   K3W_FAULT=before:N      SIGKILL instead of call N
 *   K3W_FAULT=after:N       SIGKILL when call N has returned
 *   K3W_FAULT=eio:N         call N fails with EIO
 *   K3W_FAULT=enospc:N      call N and every writing call after it fails with ENOSPC
 *   K3W_FAULT=short:N       call N writes half (writes only; other calls pass)
 *   K3W_FAULT_COUNT=FILE    the number of calls is left there at exit
 *
 * Standard output and error do not count. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum mode { COUNT, BEFORE, AFTER, EIO_AT, ENOSPC_FROM, SHORT };

static enum mode mode = COUNT;
static long target, calls;
static pid_t owner;

__attribute__((constructor)) static void begin(void)
{
        static const char *const names[] = {"count", "before", "after", "eio", "enospc", "short"};
        const char *text = getenv("K3W_FAULT");
        const char *colon = text ? strchr(text, ':') : NULL;

        owner = getpid();
        for (size_t i = 0; colon && i < sizeof(names) / sizeof(*names); i++)
                if (strlen(names[i]) == (size_t) (colon - text) &&
                        strncmp(names[i], text, strlen(names[i])) == 0) {
                        mode = (enum mode) i;
                        target = strtol(colon + 1, NULL, 10);
                }
}

__attribute__((destructor)) static void end(void)
{
        const char *path = getenv("K3W_FAULT_COUNT");
        FILE *f = path && getpid() == owner ? fopen(path, "we") : NULL;

        if (f) {
                fprintf(f, "%ld\n", calls);
                fclose(f);
        }
}

/* Returns 1 when the call must fail with errno. `writes`: needs room on the disk. */
static int before(int writes)
{
        calls++;
        if (mode == BEFORE && calls == target)
                kill(getpid(), SIGKILL);
        if (mode == EIO_AT && calls == target) {
                errno = EIO;
                return 1;
        }
        if (mode == ENOSPC_FROM && calls >= target && writes) {
                errno = ENOSPC;
                return 1;
        }
        return 0;
}

static void after(void)
{
        if (mode == AFTER && calls == target)
                kill(getpid(), SIGKILL);
}

#define REAL(name)                                                                                 \
        static __typeof__(&name) real;                                                             \
        if (!real)                                                                                 \
        real = (__typeof__(&name)) dlsym(RTLD_NEXT, #name)

#define PASS(call)                                                                                 \
        do {                                                                                       \
                __typeof__(call) result_ = (call);                                                 \
                int saved_ = errno;                                                                \
                after();                                                                           \
                errno = saved_;                                                                    \
                return result_;                                                                    \
        } while (0)

static size_t length(size_t n)
{
        return mode == SHORT && calls == target && n > 1 ? n / 2 : n;
}

ssize_t write(int fd, const void *bytes, size_t n)
{
        REAL(write);
        if (fd == 1 || fd == 2)
                return real(fd, bytes, n);
        if (before(1))
                return -1;
        PASS(real(fd, bytes, length(n)));
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
        REAL(pwrite);
        if (before(1))
                return -1;
        PASS(real(fd, bytes, length(n), at));
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
        REAL(pwrite64);
        if (before(1))
                return -1;
        PASS(real(fd, bytes, length(n), at));
}

int fsync(int fd)
{
        REAL(fsync);
        if (before(0))
                return -1;
        PASS(real(fd));
}

int fdatasync(int fd)
{
        REAL(fdatasync);
        if (before(0))
                return -1;
        PASS(real(fd));
}

int renameat(int a, const char *from, int b, const char *to)
{
        REAL(renameat);
        if (before(0))
                return -1;
        PASS(real(a, from, b, to));
}

int renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
        REAL(renameat2);
        if (before(0))
                return -1;
        PASS(real(a, from, b, to, flags));
}

int rename(const char *from, const char *to)
{
        REAL(rename);
        if (before(0))
                return -1;
        PASS(real(from, to));
}

int unlinkat(int fd, const char *path, int flags)
{
        REAL(unlinkat);
        if (before(0))
                return -1;
        PASS(real(fd, path, flags));
}

int mkdirat(int fd, const char *path, mode_t m)
{
        REAL(mkdirat);
        if (before(1))
                return -1;
        PASS(real(fd, path, m));
}

int symlinkat(const char *to, int fd, const char *path)
{
        REAL(symlinkat);
        if (before(1))
                return -1;
        PASS(real(to, fd, path));
}

int ftruncate(int fd, off_t n)
{
        REAL(ftruncate);
        if (before(0))
                return -1;
        PASS(real(fd, n));
}

int ftruncate64(int fd, off64_t n)
{
        REAL(ftruncate64);
        if (before(0))
                return -1;
        PASS(real(fd, n));
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
        const posix_spawnattr_t *attributes, char *const argv[], char *const environment[])
{
        REAL(posix_spawn);
        if (before(0))
                return errno;
        PASS(real(pid, path, actions, attributes, argv, environment));
}
