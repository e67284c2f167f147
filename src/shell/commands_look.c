/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Commands that only look. */

#include "../base/escape.h"
#include "../ui/table.h"
#include "../ui/width.h"
#include "command.h"
#include "look.h"

/* Prints and lets go. */
static int print_json(json_t *json)
{
        json_t *null = json ? NULL : json_null();

        json_line(stdout, json ?: null);
        json_decref(json);
        return 0;
}

int command_interfaces(struct session *s, char **arguments, struct error **err)
{
        _cleanup_net_picture_ struct net_picture p = {0};
        _cleanup_free_ char *text = NULL;
        int r = session_host(s, err);

        if (r == 0)
                r = s->host->ops->network(s->host, &p, err);
        if (r < 0)
                return r;
        text = s->options.json ? look_interfaces_json(&p) :
                                 look_interfaces_text(&p, &s->theme, false);
        fputs(text, stdout);
        return 0;
}

static int whole(struct session *s, struct error **err)
{
        int r = session_whole_answers(s, true, err);

        return r < 0 ? r : session_engine(s, err);
}

int command_preflight(struct session *s, char **arguments, struct error **err)
{
        _cleanup_findings_ struct findings findings = {0};
        int r = whole(s, err);

        if (r == 0)
                r = engine_preflight(s->engine, s->answers, &findings, err);
        if (r < 0)
                return r;
        if (s->options.json)
                s->ui->event(s->ui, &(struct event){.type = EVENT_FINDINGS, .findings = &findings});
        else
                terminal_findings(&s->terminal, &findings, true);
        if (!findings_block(&findings))
                return 0;
        error_kind(err, ERROR_BLOCKED, EPERM, "The checks found what would make this fail.");
        error_hint(err, "Nothing was changed.");
        return -EPERM;
}

int command_plan(struct session *s, char **arguments, struct error **err)
{
        int r = whole(s, err);

        return r < 0 ? r : engine_show_plan(s->engine, s->answers, err);
}

/* ---- what was done ---- */

static const char *text_of(const json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key)) ?: "";
}

static enum meaning state_meaning(const char *state)
{
        static const struct {
                const char *state;
                enum meaning meaning;
        } map[] = {{"done", MEANING_OK}, {"doing", MEANING_RUNNING}, {"failed", MEANING_STOP},
                {"attention", MEANING_STOP}, {"undone", MEANING_UNDONE},
                {"undoing", MEANING_UNDONE}, {"skipped", MEANING_SKIPPED}};

        for (size_t i = 0; i < ARRAY_LEN(map); i++)
                if (str_eq(map[i].state, state))
                        return map[i].meaning;
        return MEANING_QUIET;
}

static const char *state_word(const char *state)
{
        static const struct {
                const char *state, *word;
        } map[] = {{"pending", N_("to do")}, {"doing", N_("begun")}, {"done", N_("done")},
                {"failed", N_("failed")}, {"undoing", N_("being undone")}, {"undone", N_("undone")},
                {"skipped", N_("skipped")}, {"attention", N_("needs a person")}};

        for (size_t i = 0; i < ARRAY_LEN(map); i++)
                if (str_eq(map[i].state, state))
                        return _(map[i].word);
        return state;
}

static void status_head(const json_t *status)
{
        const char *state = text_of(status, "state");

        if (str_eq(state, "unfinished"))
                printf(_("An unfinished run from %s.\n"), text_of(status, "started"));
        else if (str_eq(state, "committed"))
                printf(_("Done: K3s %s, by the run of %s.\n"), text_of(status, "version"),
                        text_of(status, "started"));
        else if (str_eq(state, "attention"))
                printf(_("The run from %s needs a person.\n"), text_of(status, "started"));
}

static void status_steps(struct session *s, const json_t *status)
{
        const json_t *step;
        size_t i;

        json_array_foreach(json_object_get(status, "steps"), i, step)
        {
                enum meaning m = state_meaning(text_of(step, "state"));
                _cleanup_strbuf_ struct strbuf b = {0};
                const char *sign = theme_sign(&s->theme, m);

                text_pad(&b, _(text_of(step, "title")), 44);
                printf("  %s%s%s %2zu  %s  %s\n", theme_on(&s->theme, m), *sign ? sign : " ",
                        theme_off(&s->theme), i + 1, b.s, state_word(text_of(step, "state")));
        }
}

static void status_tail(const json_t *status)
{
        const char *state = text_of(status, "state"), *error = text_of(status, "error");
        const json_t *line;
        size_t i;

        if (*error)
                printf("\n%s\n", error);
        json_array_foreach(json_object_get(status, "attention"), i, line)
                printf("  %s\n", json_string_value(line) ?: "");
        if (str_eq(state, "unfinished") || str_eq(state, "attention"))
                printf(_("\n  k3wizard resume      go on\n"
                         "  k3wizard rollback    take everything back\n"));
}

int command_status(struct session *s, char **arguments, struct error **err)
{
        int r = session_engine(s, err);
        json_t *status;

        if (r < 0)
                return r;
        status = engine_status(s->engine);
        if (s->options.json)
                return print_json(status);
        if (!status || str_eq(text_of(status, "state"), "none")) {
                printf("%s\n", _("There is no run here yet, or the last one was taken back."));
        } else {
                status_head(status);
                status_steps(s, status);
                status_tail(status);
        }
        json_decref(status);
        return 0;
}

int command_changes(struct session *s, char **arguments, struct error **err)
{
        int r = session_engine(s, err);
        _cleanup_table_ struct table t = {0};
        _cleanup_free_ char *text = NULL;
        json_t *changes;
        const json_t *one;
        size_t i;

        if (r < 0)
                return r;
        changes = engine_changes(s->engine);
        if (s->options.json)
                return print_json(changes ?: json_array());
        if (json_array_size(changes) == 0) {
                json_decref(changes);
                printf("%s\n", _("k3wizard has changed nothing on this machine."));
                return 0;
        }
        table_begin(&t, 3);
        table_cell(&t, _("change"));
        table_cell(&t, _("what"));
        table_cell(&t, _("now"));
        json_array_foreach(changes, i, one)
        {
                const char *what = text_of(one, "path");

                table_cell(&t, text_of(one, "change"));
                table_cell(&t, *what ? what : text_of(one, "unit"));
                table_cell(&t, json_is_true(json_object_get(one, "undone")) ? _("undone") :
                               json_is_true(json_object_get(one, "stands")) ? _("stands") :
                                                                              _("changed since"));
        }
        text = table_text(&t, &s->theme, 2);
        fputs(text, stdout);
        json_decref(changes);
        return 0;
}

static int show_token(struct session *s, struct error **err)
{
        _cleanup_secret_ struct secret token = {0};
        int r;

        if (!s->theme.terminal) {
                error_kind(err, ERROR_USAGE, ENOTTY, "The token is shown on a terminal only");
                error_hint(err, "A script reads the file: %s", K3S_NODE_TOKEN);
                return -ENOTTY;
        }
        r = engine_node_token(s->engine, &token, err);
        if (r < 0)
                return r;
        printf(_("\nWho has this may join the cluster:\n"));
        fflush(stdout);
        (void) fd_write_all(STDOUT_FILENO, token.bytes, token.len);
        (void) fd_write_all(STDOUT_FILENO, "\n", 1);
        return 0;
}

int command_summary(struct session *s, char **arguments, struct error **err)
{
        int r = session_engine(s, err);
        json_t *summary;

        if (r < 0)
                return r;
        summary = engine_phase(s->engine) == RUN_COMMITTED ? engine_summary(s->engine) : NULL;
        if (!summary) {
                error_kind(err, ERROR_FAILED, ENOENT, "There is no finished run to sum up.");
                error_hint(err, "Look: k3wizard status");
                return -ENOENT;
        }
        if (s->options.json) {
                print_json(summary);
        } else {
                _cleanup_free_ char *text = summary_text(summary);

                fputs(text, stdout);
                json_decref(summary);
        }
        return s->options.show_token ? show_token(s, err) : 0;
}

/* ---- explain ---- */

static void part(struct session *s, const char *title, const char *text)
{
        _cleanup_strbuf_ struct strbuf b = {0};

        if (!text || !*text)
                return;
        strbuf_addf(&b, "  %s%s%s\n    ", theme_on(&s->theme, MEANING_QUIET), title,
                theme_off(&s->theme));
        text_wrap(&b, text, 4, 4, theme_columns(&s->theme));
        fputs(b.s, stdout);
}

static const char *known_answer(void *data, const char *name)
{
        return answer_key_find(name) ? answers_get(data, name) : NULL;
}

/* What is typed by hand, with this machine's values; <key> where there is none yet. */
static char *by_hand(struct session *s, const char *text)
{
        struct vars vars = {.get = known_answer, .data = s->answers};
        _cleanup_free_ char *filled = plan_substitute(text, &vars);
        struct strbuf b = {0};

        for (const char *p = filled; *p; p++) {
                bool brace = (p[0] == '{' && p[1] == '{') || (p[0] == '}' && p[1] == '}');

                strbuf_putc(&b, brace ? (*p == '{' ? '<' : '>') : *p);
                p += brace;
        }
        return strbuf_take(&b);
}

static void explain_step(struct session *s, const struct step *step)
{
        _cleanup_free_ char *typed = by_hand(s, step->by_hand ?: "");

        printf("%s%s%s  %s%s%s\n", theme_on(&s->theme, MEANING_TITLE), _(step->title),
                theme_off(&s->theme), theme_on(&s->theme, MEANING_QUIET), step->id,
                theme_off(&s->theme));
        part(s, _("why"), step->explain ? _(step->explain) : NULL);
        part(s, _("by hand"), typed);
        part(s, _("here"), step->safer ? _(step->safer) : NULL);
        part(s, _("undone by"), step->undo ? _(step->undo) : NULL);
}

int command_explain(struct session *s, char **arguments, struct error **err)
{
        _cleanup_procedure_ struct procedure *p = NULL;
        const struct step *step;
        int r = session_engine(s, err);

        if (r == 0)
                r = session_answers(s, err);
        if (r == 0)
                r = engine_suggest(s->engine, s->answers, err);
        if (r == 0)
                r = engine_procedure(s->engine, s->options.role ?: "server", &p, err);
        if (r < 0)
                return r;
        if (!arguments[0]) {
                printf("%s%s%s\n", theme_on(&s->theme, MEANING_TITLE), _(p->title),
                        theme_off(&s->theme));
                for (size_t i = 0; i < p->n; i++)
                        printf("  %-20s %s\n", p->steps[i].id, _(p->steps[i].title));
                printf(_("\nMore about one: k3wizard explain %s\n"), p->steps[0].id);
                return 0;
        }
        step = procedure_find(p, arguments[0]);
        if (!step) {
                const char **ids = xcalloc(p->n + 1, sizeof(*ids)), *nearest;
                _cleanup_free_ char *shown = escape_text(arguments[0]);

                for (size_t i = 0; i < p->n; i++)
                        ids[i] = p->steps[i].id;
                nearest = str_nearest(arguments[0], ids);
                error_kind(err, ERROR_USAGE, ENOENT, "There is no step \"%s\"", shown);
                error_hint(
                        err, nearest ? "Did you mean %s?" : "All steps: k3wizard explain", nearest);
                free(ids);
                return -ENOENT;
        }
        explain_step(s, step);
        return 0;
}
