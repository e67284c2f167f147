/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "command.h"
#include "../base/escape.h"
#include "../ui/width.h"

const struct command commands[] = {
        {"interfaces", "", 0, 0, N_("the network interfaces, their addresses and default routes"),
                N_("Reads links, addresses and routes from the kernel. Changes nothing."),
                command_interfaces},
        {"preflight", "", 0, 0, N_("check this machine; changes nothing"),
                N_("Runs every check that comes before an installation, worst finding first. Exit "
                   "code 4 when one of them would stop it."),
                command_preflight},
        {"plan", "", 0, 0, N_("what would be done, step by step; changes nothing"),
                N_("Shows each step with what it changes and how it is undone."), command_plan},
        {"apply", "", 0, 0, N_("carry out the plan of the answers"),
                N_("Checks, shows the plan, asks, and carries it out. Done already: says so and "
                   "changes nothing. Broken off: goes on where it stopped."),
                command_apply},
        {"resume", "", 0, 0, N_("go on with a run that was broken off"),
                N_("Asks the machine what is true and goes on from there. After three failures of "
                   "one step in a row it wants --yes."),
                command_resume},
        {"rollback", "[--to STEP]", 0, 0, N_("take the last run back"),
                N_("Undoes the steps of the last run, last first, wholly or down to and excluding "
                   "STEP. What changed since by another hand is left alone and told."),
                command_rollback},
        {"status", "", 0, 0, N_("where the last run stands"),
                N_("The state of the last run and of each of its steps."), command_status},
        {"changes", "", 0, 0, N_("every change that was made to this machine"),
                N_("From the journal: each file and unit that was touched, and whether the change "
                   "still stands."),
                command_changes},
        {"summary", "[--show-token]", 0, 0, N_("the last page again"),
                N_("How to reach the cluster. The node token is shown only with --show-token, and "
                   "only on a terminal."),
                command_summary},
        {"explain", "[STEP]", 0, 1, N_("the steps and why they are there"),
                N_("Each step with its reason, what is typed by hand, what is done instead, and "
                   "how it is undone."),
                command_explain},
        {"answers", "check|show|schema|save [FILE]", 1, 2, N_("look at answers without using them"),
                N_("check: every error at once. show: every key with its value and where it comes "
                   "from. schema: JSON Schema of the keys. save: the answers, replayable, into "
                   "FILE "
                   "or to stdout."),
                command_answers},
        {"token", "inspect [FILE]", 1, 2, N_("what a join token says, without its password"),
                N_("Reads FILE, or stdin, never an argument: an argument can be seen by every "
                   "user."),
                command_token},
        {"help", "[COMMAND]", 0, 1, N_("this list, or one command"), N_("Explains a command."),
                command_help},
        {NULL},
};

const struct command *command_find(const char *name)
{
        for (const struct command *c = commands; c->name; c++)
                if (str_eq(c->name, name))
                        return c;
        return NULL;
}

static int unknown(const char *name, struct error **err)
{
        _cleanup_free_ char *shown = escape_text(name);
        const char *names[ARRAY_LEN(commands)] = {0}, *nearest;

        for (size_t i = 0; commands[i].name; i++)
                names[i] = commands[i].name;
        nearest = str_nearest(name, names);
        error_kind(err, ERROR_USAGE, EINVAL, "There is no command \"%s\"", shown);
        if (nearest)
                error_hint(err, "Did you mean %s? All commands: k3wizard help", nearest);
        else
                error_hint(err, "All commands: k3wizard help");
        return -EINVAL;
}

static int misfit(const struct session *s, const struct command *c, size_t n, struct error **err)
{
        if (n >= (size_t) c->least && n <= (size_t) c->most) {
                if (s->options.to && !str_eq(c->name, "rollback"))
                        return error_kind(err, ERROR_USAGE, EINVAL, "--to belongs to rollback");
                if (s->options.show_token && !str_eq(c->name, "summary"))
                        return error_kind(
                                err, ERROR_USAGE, EINVAL, "--show-token belongs to summary");
                return 0;
        }
        error_kind(err, ERROR_USAGE, EINVAL,
                n < (size_t) c->least ? "%s needs an argument" : "%s takes fewer arguments",
                c->name);
        error_hint(err, "Type: k3wizard %s %s", c->name, c->arguments);
        return -EINVAL;
}

int command_run(struct session *s, char **words, struct error **err)
{
        const struct command *c = command_find(words[0]);
        int r;

        if (!c)
                return unknown(words[0], err);
        r = misfit(s, c, strv_len(words + 1), err);
        return r < 0 ? r : c->run(s, words + 1, err);
}

/* ---- help ---- */

static const struct {
        const char *option, *text;
} options[] = {
        {"--answers FILE", N_("take the answers from FILE (- is stdin); unattended")},
        {"--set KEY=VALUE", N_("one answer; wins over the file; may be repeated")},
        {"--role server|agent", N_("what this machine is to become")},
        {"--practice[=SCENARIO]", N_("on a simulated machine; any user, no network")},
        {"--dry-run", N_("stop after the plan")},
        {"--yes", N_("do not ask")},
        {"--on-failure step|all|keep", N_("what a failed step leaves: undo it (default), undo all, "
                                          "or keep")},
        {"--output text|json", N_("json: one object per line")},
        {"--lang LANG", N_("language of the texts")},
        {"--color auto|always|never", N_("colour")},
        {"--accessible", N_("no redrawing, for screen readers and plain terminals")},
        {"--state-dir DIR", N_("where the journal is; /var/lib/k3wizard")},
        {"--steps DIR", N_("step files of your own")},
        {"--verbose", N_("more words")},
        {"--version, --help", N_("what you think")},
};

static void rows(struct strbuf *b, const char *left, const char *right)
{
        strbuf_puts(b, "  ");
        text_pad(b, left, 28);
        if (text_width(left) > 27)
                strbuf_puts(b, "\n                              ");
        text_wrap(b, right, 30, 30, 80);
}

void command_usage(FILE *stream)
{
        _cleanup_strbuf_ struct strbuf b = {0};

        strbuf_puts(&b, _("k3wizard walks you from a bare machine to a working K3s cluster.\n\n"
                          "  k3wizard [OPTIONS]                   guided\n"
                          "  k3wizard [OPTIONS] --answers FILE    unattended\n"
                          "  k3wizard [OPTIONS] COMMAND           one command\n\n"
                          "Commands:\n"));
        for (const struct command *c = commands; c->name; c++)
                rows(&b, c->name, _(c->summary));
        strbuf_puts(&b, _("\nOptions:\n"));
        for (size_t i = 0; i < ARRAY_LEN(options); i++)
                rows(&b, options[i].option, _(options[i].text));
        strbuf_puts(&b, _("\nExit codes: 0 done, 1 failed and resumable, 2 usage, 3 answers, 4 "
                          "checks,\n5 needs a person, 6 locked, 7 interrupted, 8 unhealthy.\n"));
        fputs(b.s, stream);
}

int command_help(struct session *s, char **arguments, struct error **err)
{
        const struct command *c;
        _cleanup_strbuf_ struct strbuf b = {0};

        if (!arguments[0]) {
                command_usage(stdout);
                return 0;
        }
        c = command_find(arguments[0]);
        if (!c)
                return unknown(arguments[0], err);
        strbuf_addf(&b, "  k3wizard %s %s\n\n", c->name, c->arguments);
        text_wrap(&b, _(c->help), 0, 0, theme_columns(&s->theme));
        fputs(b.s, stdout);
        return 0;
}
