/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ask.h"
#include "../base/escape.h"
#include "../ui/table.h"
#include "../ui/width.h"
#include "look.h"
#include <readline/readline.h>

static volatile int *cancelled;

/* Instead of readline's own, which goes on reading after a signal. */
static int get_character(FILE *in)
{
        while (!*cancelled) {
                unsigned char c;
                ssize_t n = read(fileno(in), &c, 1);

                if (n == 1)
                        return c;
                if (n == 0 || errno != EINTR)
                        break;
        }
        return EOF;
}

/* One line; NULL at the end of input or when interrupted. The caller frees. */
static char *read_line(struct session *s, const char *prompt)
{
        char *text;

        cancelled = s->cancel;
        rl_readline_name = "k3wizard";
        rl_getc_function = get_character;
        /* They are caught by main(); a resize is readline's. */
        rl_catch_signals = 0;
        rl_change_environment = 0;
        if (!rl_completion_entry_function)
                rl_bind_key('\t', rl_insert);
        text = readline(prompt);
        if (text && *s->cancel) {
                free(text);
                text = NULL;
        }
        if (!text)
                fputs("\n", stdout);
        return text;
}

static int left(struct error **err)
{
        error_kind(err, ERROR_INTERRUPTED, ECANCELED, "Left. Nothing was changed.");
        error_hint(err, "Come back any time: k3wizard");
        return -ECANCELED;
}

int ask_yes(struct session *s, const char *question, struct error **err)
{
        _cleanup_free_ char *prompt = xasprintf("%s [y/N] ", question);

        for (;;) {
                _cleanup_free_ char *text = read_line(s, prompt);
                const char *answer;

                if (!text)
                        return left(err);
                answer = str_strip(text);
                if (str_eq(answer, "y") || str_eq(answer, "yes") || str_eq(answer, _("yes")))
                        return 0;
                if (!*answer || str_eq(answer, "n") || str_eq(answer, "no") ||
                        str_eq(answer, _("no")))
                        return left(err);
                fprintf(stdout, "%s\n", _("Type yes or no; Enter alone is no."));
        }
}

/* ---- which questions ---- */

static bool is_asked(const struct session *s, const struct answer_key *key)
{
        static const char *const never[] = {"version", "role", "k3s.version", "k3s.runtime", NULL};
        static const char *const later[] = {"join.", "dashboard.", "source.", "timeouts."};

        if (key->flags & (ANSWER_ADVANCED | ANSWER_IS_SECRET) || str_in(key->name, never))
                return false;
        if (key->role && !str_eq(key->role, answers_get(s->answers, "role")))
                return false;
        for (size_t i = 0; i < ARRAY_LEN(later); i++)
                if (str_starts(key->name, later[i]))
                        return false;
        /* The profile brings a version of its own. */
        if (str_eq(key->name, "k3s.channel") && answers_get(s->answers, "k3s.version"))
                return false;
        return answers_source(s->answers, key->name) != ANSWER_FROM_FILE &&
               answers_source(s->answers, key->name) != ANSWER_FROM_OPTION;
}

static size_t count_asked(const struct session *s)
{
        size_t n = 0;

        for (size_t i = 0; i < answer_keys_len; i++)
                n += is_asked(s, &answer_keys[i]);
        return n;
}

/* ---- one question ---- */

static void paragraph(const struct session *s, const char *text)
{
        _cleanup_strbuf_ struct strbuf b = {0};

        text_wrap(&b, text, 0, 0, theme_columns(&s->theme));
        fputs(b.s ?: "", stdout);
}

static void show_question(struct session *s, const struct answer_key *key, size_t n, size_t total)
{
        fprintf(stdout, "\n%s", theme_on(&s->theme, MEANING_TITLE));
        fprintf(stdout, _("Question %1$zu of %2$zu"), n, total);
        fprintf(stdout, "  %s%s\n", _(key->title), theme_off(&s->theme));
        paragraph(s, _(key->why));
        if (key->type == ANSWER_INTERFACE)
                look_choices(s);
        if (key->choices) {
                _cleanup_free_ char *list = strv_join((char *const *) key->choices, ", ");
                _cleanup_free_ char *line = xasprintf(
                        key->flags & ANSWER_LIST ? _("Any of: %s. Several with commas, or none.") :
                                                   _("One of: %s"),
                        list);

                paragraph(s, line);
        }
}

static void show_help(struct session *s, const struct answer_key *key)
{
        paragraph(s, _(key->help));
        paragraph(
                s, _("Enter takes what stands in brackets. back: the question before. quit: leave; "
                     "nothing is changed."));
}

enum turn { TURN_NEXT, TURN_BACK, TURN_AGAIN, TURN_QUIT };

static enum turn take(struct session *s, const struct answer_key *key, const char *text)
{
        _cleanup_error_ struct error *e = NULL;
        _cleanup_free_ char *chosen = NULL;

        if (key->type == ANSWER_INTERFACE) {
                chosen = look_interface(s, text, &e);
                if (!chosen) {
                        terminal_error(&s->theme, stdout, e);
                        return TURN_AGAIN;
                }
                text = chosen;
                /* Of another interface the address is another one. */
                if (!str_eq(answers_get(s->answers, key->name), text) &&
                        answers_source(s->answers, "network.node_ip") == ANSWER_FROM_FACT)
                        answers_unset(s->answers, "network.node_ip");
        }
        if ((key->flags & ANSWER_LIST) && str_eq(text, "none"))
                text = "[]";
        if (answers_set(s->answers, key->name, text, ANSWER_FROM_PROMPT, &e) < 0) {
                terminal_error(&s->theme, stdout, e);
                return TURN_AGAIN;
        }
        return TURN_NEXT;
}

static enum turn ask_one(struct session *s, const struct answer_key *key, size_t n, size_t total)
{
        const char *suggestion = answers_get(s->answers, key->name);
        _cleanup_free_ char *prompt = NULL;
        bool shown = false;

        for (;;) {
                _cleanup_free_ char *text = NULL;
                const char *answer;
                enum turn turn;

                if (!shown)
                        show_question(s, key, n, total);
                shown = true;
                free(prompt);
                prompt = suggestion ? xasprintf("%s [%s]: ", key->name, suggestion) :
                                      xasprintf("%s: ", key->name);
                text = read_line(s, prompt);
                if (!text)
                        return TURN_QUIT;
                answer = str_strip(text);
                if (str_eq(answer, "?")) {
                        show_help(s, key);
                        continue;
                }
                if (str_eq(answer, "back"))
                        return TURN_BACK;
                if (str_eq(answer, "quit"))
                        return TURN_QUIT;
                if (!*answer && (suggestion || !str_starts(key->name, "network.")))
                        return TURN_NEXT;
                if (!*answer) {
                        paragraph(s, _("There is no suggestion for this one. ? explains it."));
                        continue;
                }
                turn = take(s, key, answer);
                if (turn != TURN_AGAIN)
                        return turn;
        }
}

/* The n-th asked question from 1, or NULL. */
static const struct answer_key *question(const struct session *s, size_t n)
{
        for (size_t i = 0; i < answer_keys_len; i++)
                if (is_asked(s, &answer_keys[i]) && --n == 0)
                        return &answer_keys[i];
        return NULL;
}

int ask_answers(struct session *s, struct error **err)
{
        size_t n = 1;

        while (true) {
                const struct answer_key *key = question(s, n);
                int r;

                if (!key)
                        return 0;
                r = engine_suggest(s->engine, s->answers, err);
                if (r < 0)
                        return r;
                switch (ask_one(s, key, n, count_asked(s))) {
                case TURN_NEXT:
                        n++;
                        break;
                case TURN_BACK:
                        if (n > 1)
                                n--;
                        else
                                paragraph(s, _("This is the first question."));
                        break;
                case TURN_AGAIN:
                        break;
                case TURN_QUIT:
                        return left(err);
                }
        }
}
