/* SPDX-License-Identifier: GPL-3.0-or-later */

/* run: one child process, in a group of its own, with a clean environment, a time limit, and its
 * last words kept. */

#include "../../base/escape.h"
#include "internal.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define TIMEOUT_MS   30000
#define OUTPUT_LIMIT ((size_t) 64 * 1024)
#define LINE_LIMIT   ((size_t) 8 * 1024)
#define GRACE_MS     5000 /* between SIGTERM and SIGKILL */
#define DRAIN_MS     200  /* a grandchild may hold the pipes open for ever */
#define TICK_MS      100

static const char *const bare_environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", NULL};

/* ---- starting ---- */

static void close_from(int first)
{
#ifdef SYS_close_range
        if (syscall(SYS_close_range, (unsigned) first, ~0U, 0) == 0)
                return;
#endif
        for (int fd = first; fd < 1024; fd++)
                (void) close(fd);
}

/* In the child: nothing but system calls. Returns the errno of what failed. */
static int become(const struct run_request *request, int in, int out, int error)
{
        static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGTTOU, SIGCHLD};
        sigset_t none;

        for (size_t i = 0; i < ARRAY_LEN(signals); i++)
                (void) signal(signals[i], SIG_DFL);
        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        if (setpgid(0, 0) < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(error, 2) < 0 ||
                chdir(request->directory ?: "/") < 0)
                return errno;
        (void) umask(022);
        return 0;
}

static _Noreturn void run_child(
        const struct run_request *request, int in, int out, int error, int report)
{
        int failed = become(request, in, out, error);

        if (!failed) {
                /* The report's descriptor closes itself when the program starts. */
                if (report != 3)
                        (void) dup3(report, 3, O_CLOEXEC);
                close_from(4);
                execve(request->argv[0], (char *const *) request->argv,
                        (char *const *) (request->environment ?: bare_environment));
                failed = errno;
                report = 3;
        }
        (void) !write(report, &failed, sizeof(failed));
        _exit(127);
}

static int read_report(int fd)
{
        int failed = 0;
        ssize_t n;

        do
                n = read(fd, &failed, sizeof(failed));
        while (n < 0 && errno == EINTR);
        return n == sizeof(failed) ? failed : 0;
}

static int make_pipe(int ends[2], bool blocking)
{
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        if (!blocking)
                (void) fcntl(ends[0], F_SETFL, O_NONBLOCK);
        return 0;
}

int child_start(
        const struct run_request *request, bool want_err, struct child *ret, struct error **err)
{
        _cleanup_free_ char *shown = escape_text(request->argv[0]);
        int out[2] = {-1, -1}, error[2] = {-1, -1}, report[2] = {-1, -1}, failed = 0;
        _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        pid_t pid = -1;

        *ret = (struct child){.pid = -1, .out = -1, .err = -1};
        if (null < 0 || make_pipe(out, false) < 0 || make_pipe(report, true) < 0 ||
                (want_err && make_pipe(error, false) < 0))
                failed = errno;
        if (!failed) {
                pid = fork();
                if (pid == 0)
                        run_child(request, null, out[1], want_err ? error[1] : null, report[1]);
                if (pid < 0)
                        failed = errno;
        }
        closep(&out[1]);
        closep(&error[1]);
        closep(&report[1]);
        if (pid > 0) {
                (void) setpgid(pid, pid);
                failed = read_report(report[0]);
                if (failed)
                        (void) waitpid(pid, NULL, 0);
        }
        closep(&report[0]);
        if (failed) {
                closep(&out[0]);
                closep(&error[0]);
                return error_errno(err, failed, "Could not run %s", shown);
        }
        *ret = (struct child){.pid = pid, .out = out[0], .err = error[0]};
        return 0;
}

void child_stop(struct child *c)
{
        if (c->pid > 0) {
                (void) kill(-c->pid, SIGTERM);
                for (int i = 0; i < 50 && waitpid(c->pid, NULL, WNOHANG) == 0; i++)
                        (void) poll(NULL, 0, 10);
                (void) kill(-c->pid, SIGKILL);
                (void) waitpid(c->pid, NULL, 0);
        }
        closep(&c->out);
        closep(&c->err);
        *c = (struct child){.pid = -1, .out = -1, .err = -1};
}

/* ---- what it says ---- */

/* Keeps the last bytes of a stream, and hands out its lines. */
struct tail {
        struct strbuf kept, line;
        size_t limit;
};

static void take(struct tail *t, const struct run_request *q, const char *bytes, size_t len)
{
        strbuf_add(&t->kept, bytes, len);
        if (t->kept.len > 2 * t->limit) {
                size_t surplus = t->kept.len - t->limit;

                memmove(t->kept.s, t->kept.s + surplus, t->limit);
                t->kept.len = t->limit;
                t->kept.s[t->limit] = '\0';
        }
        for (size_t i = 0; q->on_line && i < len; i++) {
                if (bytes[i] != '\n' && t->line.len < LINE_LIMIT) {
                        strbuf_putc(&t->line, bytes[i]);
                        continue;
                }
                q->on_line(q->data, t->line.s ?: "", t->line.len);
                t->line.len = 0;
        }
}

static char *last(struct tail *t)
{
        size_t surplus = t->kept.len > t->limit ? t->kept.len - t->limit : 0;
        struct strbuf whole = {0};

        strbuf_add(&whole, (t->kept.s ?: "") + surplus, t->kept.len - surplus);
        return strbuf_take(&whole);
}

/* Everything that can be read now; closes at the end of the stream. */
static void drain(int *fd, struct tail *t, const struct run_request *q)
{
        char buffer[4096];
        ssize_t n;

        while (*fd >= 0) {
                n = read(*fd, buffer, sizeof(buffer));
                if (n > 0) {
                        take(t, q, buffer, (size_t) n);
                } else if (n == 0) {
                        (void) close(*fd);
                        *fd = -1;
                } else if (errno != EINTR) {
                        return;
                }
        }
}

/* ---- waiting ---- */

struct watch {
        int64_t deadline; /* of the child */
        int64_t kill_at;  /* after SIGTERM; 0: not sent */
        int64_t gone;     /* when it had ended; 0: runs */
        bool timed_out, cancelled;
        int status;
};

static void end_early(struct host *h, const struct run_request *q, struct child *c, struct watch *w)
{
        int64_t now = monotonic_ms();

        if (w->kill_at) {
                if (now >= w->kill_at)
                        (void) kill(-c->pid, SIGKILL);
                return;
        }
        w->timed_out = now >= w->deadline;
        w->cancelled = !q->finish_on_cancel && host_cancelled(h);
        if (w->timed_out || w->cancelled) {
                (void) kill(-c->pid, SIGTERM);
                w->kill_at = now + GRACE_MS;
        }
}

static int wait_for(struct host *h, const struct run_request *q, struct child *c, struct watch *w,
        struct tail *out, struct tail *error)
{
        while (!w->gone || c->out >= 0 || c->err >= 0) {
                struct pollfd fds[] = {
                        {.fd = c->out, .events = POLLIN}, {.fd = c->err, .events = POLLIN}};

                /* With both pipes closed the end itself is waited for, in short steps. */
                (void) poll(fds, 2, c->out < 0 && c->err < 0 ? 5 : w->gone ? 20 : TICK_MS);
                drain(&c->out, out, q);
                drain(&c->err, error, q);
                if (!w->gone) {
                        pid_t pid = waitpid(c->pid, &w->status, WNOHANG);

                        if (pid < 0 && errno != EINTR)
                                return -errno;
                        if (pid == c->pid)
                                w->gone = monotonic_ms();
                        else
                                end_early(h, q, c, w);
                } else if (monotonic_ms() - w->gone > DRAIN_MS) {
                        break;
                }
        }
        return 0;
}

int machine_run(struct host *h, const struct run_request *request, struct run_result *ret,
        struct error **err)
{
        struct tail out = {.limit = request->output_limit ?: OUTPUT_LIMIT};
        struct tail error = {.limit = request->output_limit ?: OUTPUT_LIMIT};
        struct watch w = {.deadline = monotonic_ms() + (request->timeout_ms ?: TIMEOUT_MS)};
        struct child c;
        int r;

        *ret = (struct run_result){0};
        r = child_start(request, true, &c, err);
        if (r < 0)
                return r;
        r = wait_for(h, request, &c, &w, &out, &error);
        closep(&c.out);
        closep(&c.err);
        ret->out = last(&out);
        ret->err = last(&error);
        strbuf_done(&out.kept);
        strbuf_done(&out.line);
        strbuf_done(&error.kept);
        strbuf_done(&error.line);
        ret->timed_out = w.timed_out;
        ret->status = WIFSIGNALED(w.status) ? 128 + WTERMSIG(w.status) : WEXITSTATUS(w.status);
        if (r == 0 && w.cancelled)
                return error_kind(err, ERROR_INTERRUPTED, ECANCELED, "Interrupted");
        return r < 0 ? error_errno(err, -r, "Could not wait for %s", request->argv[0]) : 0;
}
