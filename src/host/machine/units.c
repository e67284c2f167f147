/* SPDX-License-Identifier: GPL-3.0-or-later */

/* units: the service manager over D-Bus, by sd-bus(3).
 *
 * libsystemd is loaded when a unit is first asked for: the commands that need none start faster,
 * and the build needs no headers of it. Root talks to the manager's private socket, as systemctl(1)
 * does, so that no D-Bus daemon is needed; others use the system bus. A job is waited for by its
 * JobRemoved signal (org.freedesktop.systemd1(5)); no process is started per look. */

#include "../../base/escape.h"
#include "internal.h"
#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>

#define LIBRARY         "libsystemd.so.0"
#define PRIVATE_ADDRESS "unix:path=/run/systemd/private"
#define SERVICE         "org.freedesktop.systemd1"
#define MANAGER_PATH    "/org/freedesktop/systemd1"
#define MANAGER         "org.freedesktop.systemd1.Manager"
#define UNIT            "org.freedesktop.systemd1.Unit"
#define SERVICE_UNIT    "org.freedesktop.systemd1.Service"
#define TICK_MS         100
#define CALL_USEC       ((uint64_t) 90 * 1000 * 1000)

/* sd-bus(3): part of libsystemd's stable interface. */
typedef struct sd_bus sd_bus;
typedef struct sd_bus_message sd_bus_message;
typedef struct {
        const char *name, *message;
        int need_free;
} sd_bus_error;
typedef int (*message_handler)(sd_bus_message *m, void *data, sd_bus_error *error);

struct bus {
        void *library;
        sd_bus *connection;
        int (*new)(sd_bus **ret);
        int (*set_address)(sd_bus *bus, const char *address);
        int (*start)(sd_bus *bus);
        int (*open_system)(sd_bus **ret);
        sd_bus *(*unref)(sd_bus *bus);
        int (*set_timeout)(sd_bus *bus, uint64_t usec); /* since systemd 240; may be NULL */
        int (*call_method)(sd_bus *bus, const char *destination, const char *path,
                const char *interface, const char *member, sd_bus_error *error,
                sd_bus_message **reply, const char *types, ...);
        int (*get_string)(sd_bus *bus, const char *destination, const char *path,
                const char *interface, const char *member, sd_bus_error *error, char **ret);
        int (*get_trivial)(sd_bus *bus, const char *destination, const char *path,
                const char *interface, const char *member, sd_bus_error *error, char type,
                void *ret);
        int (*add_match)(
                sd_bus *bus, void **slot, const char *match, message_handler handler, void *data);
        int (*process)(sd_bus *bus, sd_bus_message **ret);
        int (*get_fd)(sd_bus *bus);
        int (*is_signal)(sd_bus_message *m, const char *interface, const char *member);
        int (*read)(sd_bus_message *m, const char *types, ...);
        sd_bus_message *(*message_unref)(sd_bus_message *m);
        void (*error_free)(sd_bus_error *e);
};

static const struct {
        const char *name;
        size_t at;
        bool optional;
} symbols[] = {
        {"sd_bus_new", offsetof(struct bus, new)},
        {"sd_bus_set_address", offsetof(struct bus, set_address)},
        {"sd_bus_start", offsetof(struct bus, start)},
        {"sd_bus_open_system", offsetof(struct bus, open_system)},
        {"sd_bus_unref", offsetof(struct bus, unref)},
        {"sd_bus_set_method_call_timeout", offsetof(struct bus, set_timeout), true},
        {"sd_bus_call_method", offsetof(struct bus, call_method)},
        {"sd_bus_get_property_string", offsetof(struct bus, get_string)},
        {"sd_bus_get_property_trivial", offsetof(struct bus, get_trivial)},
        {"sd_bus_add_match", offsetof(struct bus, add_match)},
        {"sd_bus_process", offsetof(struct bus, process)},
        {"sd_bus_get_fd", offsetof(struct bus, get_fd)},
        {"sd_bus_message_is_signal", offsetof(struct bus, is_signal)},
        {"sd_bus_message_read", offsetof(struct bus, read)},
        {"sd_bus_message_unref", offsetof(struct bus, message_unref)},
        {"sd_bus_error_free", offsetof(struct bus, error_free)},
};

/* ---- connecting ---- */

void bus_close(struct bus *b)
{
        if (!b)
                return;
        if (b->connection)
                b->unref(b->connection);
        if (b->library)
                (void) dlclose(b->library);
        free(b);
}

static int load(struct bus *b, struct error **err)
{
        b->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
        for (size_t i = 0; b->library && i < ARRAY_LEN(symbols); i++) {
                void *symbol = dlsym(b->library, symbols[i].name);

                memcpy((char *) b + symbols[i].at, &symbol, sizeof(symbol));
                if (!symbol && !symbols[i].optional)
                        return error_set(
                                err, ENOSYS, LIBRARY " is too old: no %s", symbols[i].name);
        }
        if (!b->library)
                return error_set(err, ENOSYS, "There is no " LIBRARY ", by which systemd is asked");
        return 0;
}

static int connect_private(struct bus *b)
{
        int r = b->new (&b->connection);

        if (r >= 0)
                r = b->set_address(b->connection, PRIVATE_ADDRESS);
        if (r >= 0)
                r = b->start(b->connection);
        if (r < 0 && b->connection)
                b->connection = b->unref(b->connection);
        return r;
}

static int connect_manager(struct machine *m, struct bus **ret, struct error **err)
{
        struct bus *b;
        int r;

        if (m->bus) {
                *ret = m->bus;
                return 0;
        }
        b = xcalloc(1, sizeof(*b));
        r = load(b, err);
        if (r < 0) {
                bus_close(b);
                return r;
        }
        r = geteuid() == 0 ? connect_private(b) : -EPERM;
        if (r < 0)
                r = b->open_system(&b->connection);
        if (r < 0) {
                bus_close(b);
                error_errno(err, -r, "Could not reach systemd");
                error_hint(err, "Was this machine booted with it? systemctl is-system-running");
                return r;
        }
        if (b->set_timeout)
                (void) b->set_timeout(b->connection, CALL_USEC);
        *ret = m->bus = b;
        return 0;
}

static void disconnect(struct machine *m)
{
        bus_close(m->bus);
        m->bus = NULL;
}

static char *full_name(const char *unit)
{
        return strchr(unit, '.') ? xstrdup(unit) : xasprintf("%s.service", unit);
}

/* Frees error. A connection that broke is made anew the next time. */
static int complain(struct machine *m, struct bus *b, int r, sd_bus_error *error, const char *what,
        const char *unit, struct error **err)
{
        _cleanup_free_ char *why = escape_text(error->message ?: "");

        if (*why)
                error_set(err, -r, "systemd did not %s %s: %s", what, unit, why);
        else
                error_errno(err, -r, "systemd did not %s %s", what, unit);
        b->error_free(error);
        if (r == -ECONNRESET || r == -ENOTCONN || r == -EPIPE)
                disconnect(m);
        return r;
}

/* ---- looking ---- */

static void get_text(struct bus *b, const char *path, const char *interface, const char *property,
        char *ret, size_t size)
{
        sd_bus_error error = {0};
        char *text = NULL;

        *ret = '\0';
        if (b->get_string(b->connection, SERVICE, path, interface, property, &error, &text) >= 0)
                snprintf(ret, size, "%s", text);
        b->error_free(&error);
        free(text);
}

static int get_number(struct bus *b, const char *path, const char *property, char type)
{
        sd_bus_error error = {0};
        int value = 0;

        if (b->get_trivial(
                    b->connection, SERVICE, path, SERVICE_UNIT, property, &error, type, &value) < 0)
                value = 0;
        b->error_free(&error);
        return value;
}

static int unit_path(
        struct machine *m, struct bus *b, const char *name, char **ret, struct error **err)
{
        sd_bus_error error = {0};
        sd_bus_message *reply = NULL;
        const char *path = NULL;
        int r = b->call_method(b->connection, SERVICE, MANAGER_PATH, MANAGER, "LoadUnit", &error,
                &reply, "s", name);

        if (r >= 0)
                r = b->read(reply, "o", &path);
        if (r < 0)
                return complain(m, b, r, &error, "describe", name, err);
        *ret = xstrdup(path);
        b->message_unref(reply);
        return 0;
}

int machine_unit_show(struct host *h, const char *unit, struct unit_state *ret, struct error **err)
{
        struct machine *m = (struct machine *) h;
        _cleanup_free_ char *name = full_name(unit), *path = NULL;
        struct bus *b = NULL;
        int r;

        *ret = (struct unit_state){.main_pid = 0};
        r = connect_manager(m, &b, err);
        if (r == 0)
                r = unit_path(m, b, name, &path, err);
        if (r < 0)
                return r;
        get_text(b, path, UNIT, "LoadState", ret->load, sizeof(ret->load));
        get_text(b, path, UNIT, "ActiveState", ret->active, sizeof(ret->active));
        get_text(b, path, UNIT, "SubState", ret->sub, sizeof(ret->sub));
        get_text(b, path, UNIT, "UnitFileState", ret->enabled, sizeof(ret->enabled));
        if (!str_ends(name, ".service") || str_eq(ret->load, "not-found"))
                return 0;
        get_text(b, path, SERVICE_UNIT, "Result", ret->result, sizeof(ret->result));
        ret->restarts = get_number(b, path, "NRestarts", 'u');
        ret->exit_status = get_number(b, path, "ExecMainStatus", 'i');
        ret->main_pid = get_number(b, path, "MainPID", 'u');
        return 0;
}

/* ---- the journal ---- */

static int journalctl(struct host *h, const char *unit, const char *match, int lines, char **ret,
        struct error **err)
{
        char count[16];
        const char *argv[] = {"/bin/journalctl", "--no-pager", "--quiet", "--output=cat", "--unit",
                unit, "--lines", count, match, NULL};
        struct run_request request = {.argv = argv, .timeout_ms = 10000, .finish_on_cancel = true};
        _cleanup_run_result_ struct run_result result = {0};
        int r;

        snprintf(count, sizeof(count), "%d", lines);
        r = machine_run(h, &request, &result, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(result.out);
        return 0;
}

/* Of the last start: InvocationID (systemd.exec(5)), 16 bytes, here as hex. */
static void invocation(struct machine *m, const char *name, char *ret, size_t size)
{
        const char *argv[] = {
                "/bin/systemctl", "show", "--property=InvocationID", "--value", name, NULL};
        struct run_request request = {.argv = argv, .timeout_ms = 10000, .finish_on_cancel = true};
        _cleanup_run_result_ struct run_result result = {0};

        *ret = '\0';
        if (machine_run(&m->host, &request, &result, NULL) < 0 || result.status != 0)
                return;
        result.out[strspn(result.out, "0123456789abcdef")] = '\0';
        if (strlen(result.out) == 32)
                snprintf(ret, size, "_SYSTEMD_INVOCATION_ID=%s", result.out);
}

int machine_unit_log(struct host *h, const char *unit, int lines, char **ret, struct error **err)
{
        _cleanup_free_ char *name = full_name(unit);
        char match[64];
        int r;

        invocation((struct machine *) h, name, match, sizeof(match));
        r = journalctl(h, name, *match ? match : NULL, lines, ret, err);
        /* A unit that never got to run has left its words under no invocation of its own. */
        if (r == 0 && *match && !**ret) {
                free(TAKE_PTR(*ret));
                r = journalctl(h, name, NULL, lines, ret, err);
        }
        return r;
}

/* ---- doing ---- */

struct job {
        struct host *host;
        struct bus *bus;
        char *path;
        char result[32]; /* of JobRemoved: "done" "failed" "canceled" … ; "": runs */
        struct child journal;
        struct strbuf line;
        void (*on_line)(void *data, const char *line, size_t len);
        void *data;
};

static int let_pass(sd_bus_message *m, void *data, sd_bus_error *error)
{
        return 0;
}

/* Signals that wait; returns 1 while there is more. */
static int take_message(struct job *j)
{
        sd_bus_message *m = NULL;
        const char *path = NULL, *unit = NULL, *result = NULL;
        uint32_t id = 0;
        int r = j->bus->process(j->bus->connection, &m);

        if (m && j->bus->is_signal(m, MANAGER, "JobRemoved") > 0 &&
                j->bus->read(m, "uoss", &id, &path, &unit, &result) > 0 && str_eq(path, j->path))
                snprintf(j->result, sizeof(j->result), "%s", result);
        if (m)
                j->bus->message_unref(m);
        return r;
}

static void follow_journal(struct job *j, const char *unit)
{
        const char *argv[] = {"/bin/journalctl", "--no-pager", "--quiet", "--output=cat",
                "--follow", "--lines=0", "--unit", unit, NULL};
        struct run_request request = {.argv = argv};

        j->journal = (struct child){.pid = -1, .out = -1, .err = -1};
        if (j->on_line)
                (void) child_start(&request, false, &j->journal, NULL);
}

static void take_lines(struct job *j)
{
        char buffer[4096];
        ssize_t n;

        if (j->journal.out < 0)
                return;
        while ((n = read(j->journal.out, buffer, sizeof(buffer))) > 0)
                for (ssize_t i = 0; i < n; i++) {
                        if (buffer[i] != '\n' && j->line.len < 4096) {
                                strbuf_putc(&j->line, buffer[i]);
                                continue;
                        }
                        j->on_line(j->data, j->line.s ?: "", j->line.len);
                        j->line.len = 0;
                }
        if (n == 0)
                child_stop(&j->journal);
}

static void cancel_job(struct job *j)
{
        sd_bus_error error = {0};

        (void) j->bus->call_method(j->bus->connection, SERVICE, j->path,
                "org.freedesktop.systemd1.Job", "Cancel", &error, NULL, "");
        j->bus->error_free(&error);
}

static int wait_job(struct job *j, bool may_cancel, int64_t timeout_ms, struct error **err)
{
        int64_t started = monotonic_ms(), told = started;

        while (!*j->result) {
                struct pollfd fds[] = {{.fd = j->bus->get_fd(j->bus->connection), .events = POLLIN},
                        {.fd = j->journal.out, .events = POLLIN}};
                int64_t now;
                int r;

                while ((r = take_message(j)) > 0 && !*j->result)
                        ;
                if (r < 0)
                        return error_errno(err, -r, "systemd hung up");
                take_lines(j);
                if (*j->result)
                        break;
                now = monotonic_ms();
                if (timeout_ms > 0 && now - started >= timeout_ms) {
                        cancel_job(j);
                        return error_set(err, ETIMEDOUT, "It did not become ready within %lld s",
                                (long long) timeout_ms / 1000);
                }
                if (may_cancel && host_cancelled(j->host)) {
                        cancel_job(j);
                        return error_kind(err, ERROR_INTERRUPTED, ECANCELED, "Interrupted");
                }
                /* The line that says how long it takes lives also when the unit says nothing. */
                if (j->on_line && now - told >= 1000) {
                        told = now;
                        j->on_line(j->data, j->line.s ?: "", 0);
                }
                (void) poll(fds, 2, TICK_MS);
        }
        return 0;
}

static int job_result(struct job *j, const char *name, struct error **err)
{
        if (str_eq(j->result, "done") || str_eq(j->result, "skipped"))
                return 0;
        return error_set(err, EIO, "The job of %s ended as \"%s\"", name, j->result);
}

static int do_job(struct machine *m, struct bus *b, const char *method, const char *name,
        int64_t timeout_ms, struct job *j, struct error **err)
{
        sd_bus_error error = {0};
        sd_bus_message *reply = NULL;
        const char *path = NULL;
        int r;

        (void) b->call_method(
                b->connection, SERVICE, MANAGER_PATH, MANAGER, "Subscribe", &error, NULL, "");
        b->error_free(&error);
        error = (sd_bus_error){0};
        (void) b->add_match(b->connection, NULL,
                "type='signal',interface='" MANAGER "',member='JobRemoved'", let_pass, NULL);
        follow_journal(j, name);
        r = b->call_method(b->connection, SERVICE, MANAGER_PATH, MANAGER, method, &error, &reply,
                "ss", name, "replace");
        if (r >= 0)
                r = b->read(reply, "o", &path);
        if (r < 0) {
                r = complain(
                        m, b, r, &error, str_eq(method, "StopUnit") ? "stop" : "start", name, err);
        } else {
                j->path = xstrdup(path);
                b->message_unref(reply);
                r = wait_job(j, !str_eq(method, "StopUnit"), timeout_ms, err);
                if (r == 0)
                        r = job_result(j, name, err);
        }
        child_stop(&j->journal);
        free(j->path);
        strbuf_done(&j->line);
        /* What is left over in the connection's queue belongs to this job. */
        disconnect(m);
        return r;
}

static int call(struct machine *m, struct bus *b, const char *what, const char *name, int r,
        sd_bus_error *error, struct error **err)
{
        if (r < 0)
                return complain(m, b, r, error, what, name, err);
        b->error_free(error);
        return 0;
}

static int reload(struct machine *m, struct bus *b, struct error **err)
{
        sd_bus_error error = {0};
        int r = b->call_method(
                b->connection, SERVICE, MANAGER_PATH, MANAGER, "Reload", &error, NULL, "");

        return call(m, b, "reload", "its units", r, &error, err);
}

static int enable(struct machine *m, struct bus *b, const char *name, struct error **err)
{
        sd_bus_error error = {0};
        int r = b->call_method(b->connection, SERVICE, MANAGER_PATH, MANAGER, "EnableUnitFiles",
                &error, NULL, "asbb", 1, name, 0, 0);

        r = call(m, b, "enable", name, r, &error, err);
        return r < 0 ? r : reload(m, b, err);
}

static int disable(struct machine *m, struct bus *b, const char *name, struct error **err)
{
        sd_bus_error error = {0};
        int r = b->call_method(b->connection, SERVICE, MANAGER_PATH, MANAGER, "DisableUnitFiles",
                &error, NULL, "asb", 1, name, 0);

        r = call(m, b, "disable", name, r, &error, err);
        return r < 0 ? r : reload(m, b, err);
}

int machine_unit_do(struct host *h, enum unit_verb verb, const char *unit, int64_t timeout_ms,
        void (*on_line)(void *data, const char *line, size_t len), void *data, struct error **err)
{
        struct machine *m = (struct machine *) h;
        _cleanup_free_ char *name = full_name(unit);
        struct bus *b = NULL;
        struct job job = {.host = h, .on_line = on_line, .data = data};
        sd_bus_error error = {0};
        int r = connect_manager(m, &b, err);

        if (r < 0)
                return r;
        job.bus = b;
        switch (verb) {
        case UNIT_START:
                return do_job(m, b, "StartUnit", name, timeout_ms, &job, err);
        case UNIT_STOP:
                return do_job(m, b, "StopUnit", name, timeout_ms, &job, err);
        case UNIT_RESTART:
                return do_job(m, b, "RestartUnit", name, timeout_ms, &job, err);
        case UNIT_ENABLE:
                return enable(m, b, name, err);
        case UNIT_DISABLE:
                return disable(m, b, name, err);
        case UNIT_RELOAD_ALL:
                return reload(m, b, err);
        case UNIT_RESET_FAILED:
                /* There may be nothing to reset. */
                (void) b->call_method(b->connection, SERVICE, MANAGER_PATH, MANAGER,
                        "ResetFailedUnit", &error, NULL, "s", name);
                b->error_free(&error);
                return 0;
        }
        return 0;
}
