/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session.h"
#include "../base/escape.h"
#include "../host/machine/machine.h"
#include "../host/practice/practice.h"
#include "ask.h"
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/stat.h>

#define STATE_DIR       "/var/lib/k3wizard"
#define WRITER_LIMIT_MS 2000
/* A walk through the whole procedure that can be followed with the eyes. */
#define PRACTICE_SPEED 15

static bool ask_consent(void *data, const char *question)
{
        struct session *s = data;

        return session_confirm(s, question, NULL) == 0;
}

void session_begin(struct session *s, const struct options *options, volatile int *cancel)
{
        *s = (struct session){.options = *options, .cancel = cancel};
        theme_detect(&s->theme, stdout, options->color, options->accessible);
        terminal_begin(&s->terminal, stdout, &s->theme);
        s->terminal.verbose = options->verbose;
        json_ui(&s->json, stdout);
        s->ui = options->json ? &s->json : &s->terminal.ui;
        s->interactive = !options->json && s->theme.terminal && isatty(STDIN_FILENO);
        if (!options->yes) {
                s->terminal.ask = ask_consent;
                s->terminal.ask_data = s;
        }
}

void session_end(struct session *s)
{
        terminal_done(&s->terminal);
        engine_close(s->engine);
        host_free(s->host);
        answers_free(s->answers);
        free(s->user_home);
        free(s->user_name);
}

/* ---- the machine ---- */

static char *practice_directory(void)
{
        const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

        if (state && state[0] == '/')
                return xasprintf("%s/k3wizard", state);
        if (home && home[0] == '/')
                return xasprintf("%s/.local/state/k3wizard", home);
        return xasprintf("/tmp/k3wizard-%ld", (long) getuid());
}

static void settle_state_dir(struct session *s)
{
        if (!s->options.state_dir)
                s->options.state_dir =
                        s->options.practice ? practice_directory() : xstrdup(STATE_DIR);
        if (s->options.state_dir[0] != '/') {
                char *here = getcwd(NULL, 0);
                char *path = xasprintf("%s/%s", here ?: "", s->options.state_dir);

                free(here);
                free(s->options.state_dir);
                s->options.state_dir = path;
        }
}

static int practice_host(struct session *s, struct error **err)
{
        _cleanup_free_ char *directory = xasprintf("%s/world", s->options.state_dir);
        struct practice_options options = {
                .directory = directory,
                .scenario = s->options.scenario,
                .speed = s->theme.redraw ? PRACTICE_SPEED : 0,
        };
        struct fsroot slash = {.fd = -1};
        int r = fsroot_open("/", false, &slash, err);

        if (r == 0)
                r = file_mkdirs(&slash, s->options.state_dir, 0700, err);
        fsroot_close(&slash);
        return r < 0 ? r : practice_new(&options, s->cancel, &s->host, err);
}

int session_host(struct session *s, struct error **err)
{
        if (s->host)
                return 0;
        settle_state_dir(s);
        return s->options.practice ? practice_host(s, err) : machine_new(s->cancel, &s->host, err);
}

/* Who typed sudo gets the kubeconfig; who is root without it, root. */
static void find_user(struct session *s, struct engine_options *o)
{
        const char *text = getenv("SUDO_UID");
        int64_t uid = 0;
        struct passwd *pw;

        if (s->options.practice) {
                s->user_home = xstrdup("/home/student");
                s->user_name = xstrdup("student");
                o->user_uid = getuid();
                o->user_gid = getgid();
        } else {
                if (geteuid() != 0 || !text || str_to_int(text, 0, UINT32_MAX - 1, &uid) < 0)
                        uid = getuid();
                pw = getpwuid((uid_t) uid);
                if (!pw || !pw->pw_dir || pw->pw_dir[0] != '/')
                        return;
                s->user_home = xstrdup(pw->pw_dir);
                s->user_name = xstrdup(pw->pw_name);
                o->user_uid = pw->pw_uid;
                o->user_gid = pw->pw_gid;
        }
        o->user_home = s->user_home;
        o->user_name = s->user_name;
}

int session_engine(struct session *s, struct error **err)
{
        struct engine_options options = {
                .steps_dir = s->options.steps_dir,
                .practice = s->options.practice,
                .dry_run = s->options.dry_run,
                .on_failure = s->options.on_failure,
        };
        int r;

        if (s->engine)
                return 0;
        r = session_host(s, err);
        if (r < 0)
                return r;
        options.state_dir = s->options.state_dir;
        find_user(s, &options);
        return engine_open(&options, s->host, s->ui, &s->engine, err);
}

/* ---- answers ---- */

static int invalid(struct error **err)
{
        error_set_kind(err, ERROR_INVALID);
        return -EINVAL;
}

static int may_hold_secrets(const char *shown, const struct stat *st, struct error **err)
{
        if (S_ISREG(st->st_mode) && (st->st_mode & 077) != 0) {
                error_kind(err, ERROR_INVALID, EPERM,
                        "%s holds a secret and is open to others (mode %04o)", shown,
                        (unsigned) st->st_mode & 07777);
                error_hint(err, "Close it: chmod 600 %s", shown);
                return -EPERM;
        }
        if (S_ISREG(st->st_mode) && st->st_uid != 0 && st->st_uid != geteuid() &&
                st->st_uid != getuid()) {
                error_kind(err, ERROR_INVALID, EPERM,
                        "%s holds a secret and belongs to another user", shown);
                error_hint(err, "Make it yours: chown root %s", shown);
                return -EPERM;
        }
        return 0;
}

/* As open(2). A pipe that nobody writes into would be waited for without end. */
static int open_answers(const char *name)
{
        _cleanup_close_ int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -1;
        if (S_ISFIFO(st.st_mode) && poll(&p, 1, WRITER_LIMIT_MS) <= 0) {
                errno = ENODATA;
                return -1;
        }
        return fcntl(fd, F_SETFL, 0) < 0 ? -1 : TAKE_FD(fd);
}

static int load_file(struct session *s, const char *name, struct error **err)
{
        bool is_stdin = str_eq(name, "-");
        _cleanup_free_ char *shown = is_stdin ? xstrdup("stdin") : escape_text(name);
        _cleanup_problems_ struct problems problems = {0};
        _cleanup_close_ int fd = is_stdin ? dup(STDIN_FILENO) : open_answers(name);
        char *text = NULL;
        size_t len = 0;
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0) {
                error_errno(err, errno, "Could not read %s", shown);
                error_hint(err, "Nothing was changed.");
                return invalid(err);
        }
        r = S_ISDIR(st.st_mode) ? -EISDIR : fd_read_all(fd, YAML_SIZE_MAX, &text, &len);
        if (r == -EFBIG) {
                error_set(err, EFBIG, "%s is larger than 64 KiB, which no answers file is", shown);
                return invalid(err);
        }
        if (r < 0) {
                error_errno(err, -r, "Could not read %s", shown);
                return invalid(err);
        }
        r = answers_load(s->answers, is_stdin ? "stdin" : name, text, len, &problems);
        if (answers_hold_secret(s->answers))
                secret_free_string(text);
        else
                free(text);
        if (r < 0) {
                problems_error(&problems, err);
                error_hint(err, "Nothing was changed. See all keys: k3wizard answers schema");
                return -EINVAL;
        }
        return answers_hold_secret(s->answers) ? may_hold_secrets(shown, &st, err) : 0;
}

static int set_one(struct session *s, const char *pair, struct error **err)
{
        const char *equals = strchr(pair, '=');
        _cleanup_free_ char *key = equals ? xstrndup(pair, (size_t) (equals - pair)) : NULL;
        int r;

        if (!equals) {
                _cleanup_free_ char *shown = escape_text(pair);

                error_kind(err, ERROR_USAGE, EINVAL, "--set %s has no \"=\"", shown);
                error_hint(err, "For example: --set network.interface=eth0");
                return -EINVAL;
        }
        r = answers_set(s->answers, key, equals + 1, ANSWER_FROM_OPTION, err);
        if (r < 0) {
                error_prefix(err, "--set");
                return invalid(err);
        }
        /* Every user of the machine can read a command line (proc(5), cmdline). */
        if (answers_value_is_secret(s->answers, key)) {
                answers_unset(s->answers, key);
                error_kind(err, ERROR_USAGE, EPERM,
                        "--set %s would show a secret to everybody who runs ps", key);
                error_hint(err, "Put it into a file of mode 0600 and give %s_file.", key);
                return -EPERM;
        }
        return 0;
}

int session_answers(struct session *s, struct error **err)
{
        int r = 0;

        if (s->answers)
                return 0;
        s->answers = answers_new();
        if (s->options.answers_file)
                r = load_file(s, s->options.answers_file, err);
        if (r == 0 && s->options.role) {
                r = answers_set(s->answers, "role", s->options.role, ANSWER_FROM_OPTION, err);
                if (r < 0) {
                        error_prefix(err, "--role");
                        error_set_kind(err, ERROR_USAGE);
                }
        }
        for (size_t i = 0; r == 0 && s->options.set && s->options.set[i]; i++)
                r = set_one(s, s->options.set[i], err);
        return r;
}

int session_whole_answers(struct session *s, bool server, struct error **err)
{
        _cleanup_problems_ struct problems problems = {0};
        int r = session_answers(s, err);

        if (r == 0 && server && !answers_is_set(s->answers, "role"))
                r = answers_set(s->answers, "role", "server", ANSWER_FROM_DEFAULT, err);
        if (r < 0)
                return r;
        if (answers_check(s->answers, &problems) < 0) {
                problems_error(&problems, err);
                error_hint(err, "Nothing was changed. See all keys: k3wizard answers schema");
                return -EINVAL;
        }
        return 0;
}

int session_confirm(struct session *s, const char *question, struct error **err)
{
        if (s->options.yes)
                return 0;
        if (!s->interactive) {
                error_kind(err, ERROR_USAGE, ENOTTY, "Without a terminal there is nobody to ask");
                error_hint(err, "Nothing was changed. If you mean it, add --yes");
                return -ENOTTY;
        }
        terminal_break(&s->terminal);
        return ask_yes(s, question, err);
}
