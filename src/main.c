/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/escape.h"
#include "base/log.h"
#include "shell/command.h"
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static volatile int cancel;

static void on_signal(int number)
{
        cancel = 1;
}

static void catch_signals(void)
{
        static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
        struct sigaction action = {.sa_handler = on_signal};

        for (size_t i = 0; i < ARRAY_LEN(stops); i++)
                sigaction(stops[i], &action, NULL);
        action.sa_handler = SIG_IGN;
        sigaction(SIGPIPE, &action, NULL);
        /* A lost terminal must not stop a run in the background of its shell. */
        sigaction(SIGTTOU, &action, NULL);
}

/* A core would hold what must not be written anywhere (proxy passwords, tokens). */
static void make_no_core(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_CORE, &limit) == 0) {
                limit.rlim_cur = 0;
                (void) setrlimit(RLIMIT_CORE, &limit);
        }
        /* The limit says nothing about cores that are piped into a program (core(5)). It also takes
         * /proc/self away from who is not root, and who is not root holds no secret of a machine.
         */
        if (geteuid() == 0)
                (void) prctl(PR_SET_DUMPABLE, 0);
}

static void say_memory(void)
{
        static const char text[] = "k3wizard: out of memory\n";

        (void) !write(STDERR_FILENO, text, sizeof(text) - 1);
        _exit(ERROR_FAILED);
}

static void set_locale(const char *lang, bool json)
{
        if (lang)
                setenv("LANGUAGE", lang, 1);
        setlocale(LC_ALL, "");
        /* What machines read is never translated, and numbers have points. */
        setlocale(LC_NUMERIC, "C");
        if (json) {
                setlocale(LC_MESSAGES, "C");
                unsetenv("LANGUAGE");
        }
#ifdef ENABLE_NLS
        bindtextdomain("k3wizard", K3WIZARD_LOCALE_DIR);
        bind_textdomain_codeset("k3wizard", "UTF-8");
        textdomain("k3wizard");
#endif
}

static void log_to_stderr(void *data, const char *line)
{
        fprintf(stderr, "%s\n", line);
}

/* ---- options ---- */

enum option_code {
        OPTION_ANSWERS = 256,
        OPTION_SET,
        OPTION_ROLE,
        OPTION_PRACTICE,
        OPTION_DRY_RUN,
        OPTION_YES,
        OPTION_ON_FAILURE,
        OPTION_OUTPUT,
        OPTION_LANG,
        OPTION_COLOR,
        OPTION_ACCESSIBLE,
        OPTION_STATE_DIR,
        OPTION_STEPS,
        OPTION_VERBOSE,
        OPTION_VERSION,
        OPTION_HELP,
        OPTION_TO,
        OPTION_SHOW_TOKEN,
};

static const struct option long_options[] = {
        {"answers", required_argument, NULL, OPTION_ANSWERS},
        {"set", required_argument, NULL, OPTION_SET},
        {"role", required_argument, NULL, OPTION_ROLE},
        {"practice", optional_argument, NULL, OPTION_PRACTICE},
        {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
        {"yes", no_argument, NULL, OPTION_YES},
        {"on-failure", required_argument, NULL, OPTION_ON_FAILURE},
        {"output", required_argument, NULL, OPTION_OUTPUT},
        {"lang", required_argument, NULL, OPTION_LANG},
        {"color", required_argument, NULL, OPTION_COLOR},
        {"accessible", no_argument, NULL, OPTION_ACCESSIBLE},
        {"state-dir", required_argument, NULL, OPTION_STATE_DIR},
        {"steps", required_argument, NULL, OPTION_STEPS},
        {"verbose", no_argument, NULL, OPTION_VERBOSE},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"help", no_argument, NULL, OPTION_HELP},
        {"to", required_argument, NULL, OPTION_TO},
        {"show-token", no_argument, NULL, OPTION_SHOW_TOKEN},
        {NULL},
};

struct start {
        struct options options;
        const char *lang;
        bool help, version;
};

/* The index of word among the choices, or -EINVAL. */
static int one_of(
        const char *option, const char *word, const char *const *choices, struct error **err)
{
        _cleanup_free_ char *shown = escape_text(word), *list = NULL;

        for (int i = 0; choices[i]; i++)
                if (str_eq(choices[i], word))
                        return i;
        list = strv_join((char *const *) choices, ", ");
        error_kind(err, ERROR_USAGE, EINVAL, "--%s %s is not known", option, shown);
        error_hint(err, "One of: %s", list);
        return -EINVAL;
}

static int take_option(struct start *s, int code, struct error **err)
{
        static const char *const failures[] = {"step", "all", "keep", NULL};
        static const char *const outputs[] = {"text", "json", NULL};
        static const char *const colors[] = {"auto", "always", "never", NULL};
        struct options *o = &s->options;
        int r = 0;

        switch (code) {
        case OPTION_ANSWERS:
                o->answers_file = optarg;
                break;
        case OPTION_SET:
                strv_add(&o->set, optarg);
                break;
        case OPTION_ROLE:
                o->role = optarg;
                break;
        case OPTION_PRACTICE:
                o->practice = true;
                o->scenario = optarg;
                break;
        case OPTION_DRY_RUN:
                o->dry_run = true;
                break;
        case OPTION_YES:
                o->yes = true;
                break;
        case OPTION_ON_FAILURE:
                r = one_of("on-failure", optarg, failures, err);
                o->on_failure = r < 0 ? ON_FAILURE_STEP : (enum on_failure) r;
                break;
        case OPTION_OUTPUT:
                r = one_of("output", optarg, outputs, err);
                o->json = r == 1;
                break;
        case OPTION_LANG:
                s->lang = optarg;
                break;
        case OPTION_COLOR:
                r = one_of("color", optarg, colors, err);
                o->color = r < 0 ? COLOR_AUTO : (enum color_choice) r;
                break;
        case OPTION_ACCESSIBLE:
                o->accessible = true;
                break;
        case OPTION_STATE_DIR:
                str_set(&o->state_dir, optarg);
                break;
        case OPTION_STEPS:
                o->steps_dir = optarg;
                break;
        case OPTION_VERBOSE:
                o->verbose = true;
                break;
        case OPTION_VERSION:
                s->version = true;
                break;
        case OPTION_HELP:
                s->help = true;
                break;
        case OPTION_TO:
                o->to = optarg;
                break;
        case OPTION_SHOW_TOKEN:
                o->show_token = true;
                break;
        }
        return r < 0 ? r : 0;
}

/* What getopt_long(3) did not take: unknown, ambiguous, or without its argument. */
static int bad_option(const char *word, int code, struct error **err)
{
        const char *names[ARRAY_LEN(long_options)] = {0}, *nearest;
        _cleanup_free_ char *shown = escape_text(word);
        _cleanup_free_ char *name = xstrndup(word + strspn(word, "-"), strcspn(word, "="));

        for (size_t i = 0; long_options[i].name; i++)
                names[i] = long_options[i].name;
        if (code == ':') {
                error_kind(err, ERROR_USAGE, EINVAL, "%s needs a value", shown);
                error_hint(err, "All options: k3wizard --help");
                return -EINVAL;
        }
        nearest = str_nearest(name, names);
        error_kind(err, ERROR_USAGE, EINVAL, "There is no option %s", shown);
        if (nearest)
                error_hint(err, "Did you mean --%s? All options: k3wizard --help", nearest);
        else
                error_hint(err, "All options: k3wizard --help");
        return -EINVAL;
}

static int parse(int argc, char **argv, struct start *s, struct error **err)
{
        opterr = 0;
        for (;;) {
                int before = optind;
                int code = getopt_long(argc, argv, ":", long_options, NULL), r;

                if (code < 0)
                        return 0;
                if (code == '?' || code == ':')
                        return bad_option(argv[optind > before ? optind - 1 : before], code, err);
                r = take_option(s, code, err);
                if (r < 0)
                        return r;
        }
}

/* ---- the program ---- */

static int run(struct start *start, char **words, struct error **err)
{
        struct session session;
        int r;

        session_begin(&session, &start->options, &cancel);
        r = words[0] ? command_run(&session, words, err) : command_guided(&session, err);
        start->options = session.options;
        session_end(&session);
        return r;
}

static void report(const struct start *start, const struct error *e)
{
        struct theme theme;

        if (start->options.json) {
                json_error_event(stdout, e);
                return;
        }
        theme_detect(&theme, stderr, start->options.color, start->options.accessible);
        terminal_error(&theme, stderr, e);
}

int main(int argc, char **argv)
{
        struct start start = {0};
        _cleanup_error_ struct error *e = NULL;
        int r;

        /* Asked for by scripts in loops: nothing else is needed for it. */
        if (argc == 2 && str_eq(argv[1], "--version")) {
                puts("k3wizard " K3WIZARD_VERSION);
                return 0;
        }
        memory_set_handler(say_memory);
        umask(077);
        make_no_core();
        catch_signals();
        set_locale(NULL, false);
        r = parse(argc, argv, &start, &e);
        if (start.lang || start.options.json)
                set_locale(start.lang, start.options.json);
        if (r == 0 && start.version)
                puts("k3wizard " K3WIZARD_VERSION);
        else if (r == 0 && start.help)
                command_usage(stdout);
        else if (r == 0) {
                if (start.options.verbose)
                        log_set_sink(log_to_stderr, NULL);
                r = run(&start, argv + optind, &e);
        }
        if (r < 0)
                report(&start, e);
        strv_free(start.options.set);
        free(start.options.state_dir);
        if (fflush(stdout) != 0 && r == 0)
                return ERROR_FAILED;
        return r < 0 ? (e ? (int) e->kind : ERROR_FAILED) : 0;
}
