/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminal.h"
#include "width.h"

#define SAY_EVERY 15 /* seconds between words in a pipe */
#define TITLE_MAX 54

char *terminal_size(int64_t bytes)
{
        if (bytes < 100 * 1000)
                return xasprintf(_("%.1f kB"), (double) bytes / 1e3);
        return xasprintf(_("%.1f MB"), (double) bytes / 1e6);
}

char *terminal_seconds(double seconds)
{
        long whole = (long) (seconds + 0.5);

        if (seconds < 9.95)
                return xasprintf(_("%.1f s"), seconds);
        if (whole < 60)
                return xasprintf(_("%ld s"), whole);
        return xasprintf(_("%ld min %ld s"), whole / 60, whole % 60);
}

/* ---- findings ---- */

static enum meaning meaning_of(enum severity s)
{
        static const enum meaning map[] = {
                [FINDING_OK] = MEANING_OK,
                [FINDING_NOTE] = MEANING_NOTE,
                [FINDING_WARN] = MEANING_WARN,
                [FINDING_BLOCK] = MEANING_STOP,
        };

        return map[s];
}

static const char *word_of(enum severity s)
{
        switch (s) {
        case FINDING_OK:
                return _("ok");
        case FINDING_NOTE:
                return _("note");
        case FINDING_WARN:
                return _("warn");
        case FINDING_BLOCK:
                return _("stop");
        }
        return "";
}

static void add_count(struct strbuf *b, size_t n, const char *one, const char *many)
{
        if (n == 0)
                return;
        if (b->len)
                strbuf_puts(b, ", ");
        strbuf_addf(b, ngettext(one, many, n), (int) n);
}

static void one_finding(struct terminal *t, struct strbuf *b, const struct finding *f)
{
        enum meaning m = meaning_of(f->severity);
        size_t columns = theme_columns(&t->theme), indent = 9;

        strbuf_addf(b, "  %s%s ", theme_on(&t->theme, m), theme_sign(&t->theme, m));
        text_pad(b, word_of(f->severity), 4);
        strbuf_addf(b, "%s ", theme_off(&t->theme));
        text_wrap(b, f->message, indent, indent, columns);
        if (f->fix) {
                strbuf_puts(b, "         ");
                text_wrap(b, f->fix, indent, indent, columns);
        }
}

void terminal_findings(struct terminal *t, const struct findings *f, bool all)
{
        _cleanup_strbuf_ struct strbuf b = {0}, counts = {0};

        add_count(&counts, findings_count(f, FINDING_BLOCK), N_("%d stop"), N_("%d stops"));
        add_count(&counts, findings_count(f, FINDING_WARN), N_("%d warning"), N_("%d warnings"));
        add_count(&counts, findings_count(f, FINDING_NOTE), N_("%d note"), N_("%d notes"));
        add_count(&counts, findings_count(f, FINDING_OK), N_("%d ok"), N_("%d ok"));
        strbuf_addf(&b, "\n%s%s%s: %s\n", theme_on(&t->theme, MEANING_TITLE), _("Checks"),
                theme_off(&t->theme), counts.s ?: "0");
        for (size_t i = 0; i < f->n; i++)
                if (all || f->list[i].severity != FINDING_OK)
                        one_finding(t, &b, &f->list[i]);
        fputs(b.s, t->out);
}

/* ---- the plan ---- */

static const char *class_words(enum step_class c)
{
        switch (c) {
        case STEP_REVERSIBLE:
                return _("undone exactly");
        case STEP_COMPENSABLE:
                return _("undone by a counter-move");
        case STEP_IRREVERSIBLE:
                return _("cannot be undone");
        }
        return "";
}

static void add_indented(struct strbuf *b, const char *lead, const char *text, size_t columns)
{
        size_t indent = strlen(lead);

        strbuf_puts(b, lead);
        text_wrap(b, text, indent, indent, columns);
}

void terminal_plan(struct terminal *t, const struct event *e)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        size_t columns = theme_columns(&t->theme);

        strbuf_addf(&b, "\n%s", theme_on(&t->theme, MEANING_TITLE));
        strbuf_addf(&b, ngettext("Plan: %d step", "Plan: %d steps", e->plan->n), (int) e->plan->n);
        strbuf_addf(&b, "%s\n", theme_off(&t->theme));
        for (size_t i = 0; i < e->plan->n; i++) {
                const struct plan_step *s = &e->plan->steps[i];
                _cleanup_strv_ char **lines = strv_split(e->changes[i], "\n");

                strbuf_addf(&b, " %2d  %s\n", (int) i + 1, _(s->title));
                for (size_t k = 0; lines && lines[k]; k++)
                        add_indented(&b, "       ", lines[k], columns);
                if (s->n_actions > 0 && e->classes) {
                        _cleanup_free_ char *undo = xasprintf(
                                "%s: %s", class_words(e->classes[i]), s->undo ? _(s->undo) : "");

                        add_indented(&b, "       ", undo, columns);
                }
        }
        strbuf_putc(&b, '\n');
        fputs(b.s, t->out);
}

/* ---- the checklist ---- */

void terminal_break(struct terminal *t)
{
        if (t->live)
                fputs(t->theme.redraw ? "\r\033[K" : "\n", t->out);
        t->live = false;
}

static void step_line(struct terminal *t, enum meaning m, size_t index, const char *title,
        const char *rest, bool live)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        size_t columns = theme_columns(&t->theme);
        size_t room = columns > 30 ? columns - 26 : columns / 2;
        _cleanup_free_ char *shown =
                text_fit(title, room < TITLE_MAX ? room : TITLE_MAX, t->theme.utf8);
        _cleanup_free_ char *fit = NULL;

        terminal_break(t);
        strbuf_addf(&b, "  %s%s%s %2d  ", theme_on(&t->theme, m), theme_sign(&t->theme, m),
                theme_off(&t->theme), (int) index);
        if (rest && *rest) {
                size_t used = 8 + (live ? text_width(shown) + 2 : TITLE_MAX);

                text_pad(&b, shown, live ? 0 : TITLE_MAX < room ? TITLE_MAX : room);
                fit = text_fit(rest, used < columns ? columns - used : 12, t->theme.utf8);
                strbuf_addf(&b, "  %s%s%s", theme_on(&t->theme, MEANING_QUIET), fit,
                        theme_off(&t->theme));
        } else {
                strbuf_puts(&b, shown);
        }
        fprintf(t->out, "%s%s", b.s, live ? "" : "\n");
        fflush(t->out);
        t->live = live;
}

static void failed(struct terminal *t, const struct event *e)
{
        _cleanup_strbuf_ struct strbuf b = {0};

        step_line(t, MEANING_STOP, e->index, _(e->title), "", false);
        if (!e->error)
                return;
        strbuf_puts(&b, "        ");
        text_wrap(&b, error_message(e->error), 8, 8, theme_columns(&t->theme));
        fputs(b.s, t->out);
}

static void step(struct terminal *t, const struct event *e)
{
        _cleanup_free_ char *took = terminal_seconds(e->seconds);

        str_set(&t->running, _(e->title));
        t->index = e->index;
        t->said = 0;
        switch (e->state) {
        case STEP_DOING:
                if (t->theme.redraw)
                        step_line(t, MEANING_RUNNING, e->index, t->running, NULL, true);
                break;
        case STEP_DONE:
                step_line(t, MEANING_OK, e->index, t->running, took, false);
                break;
        case STEP_FAILED:
                failed(t, e);
                break;
        case STEP_UNDOING:
                if (t->theme.redraw)
                        step_line(t, MEANING_RUNNING, e->index, t->running, _("undoing"), true);
                break;
        case STEP_UNDONE:
                step_line(t, MEANING_UNDONE, e->index, t->running, _("undone"), false);
                break;
        case STEP_SKIPPED:
                step_line(t, MEANING_SKIPPED, e->index, t->running, _("skipped"), false);
                break;
        case STEP_ATTENTION:
                step_line(t, MEANING_STOP, e->index, t->running, _("needs a person"), false);
                if (e->error)
                        terminal_error(&t->theme, t->out, e->error);
                break;
        case STEP_PENDING:
                break;
        }
}

static void add_bytes(struct strbuf *b, const struct event *e)
{
        _cleanup_free_ char *done = terminal_size(e->done), *total = NULL, *rate = NULL;

        if (e->total_bytes > 0) {
                total = terminal_size(e->total_bytes);
                strbuf_addf(b, _("%1$s of %2$s"), done, total);
        } else {
                strbuf_puts(b, done);
        }
        if (e->rate > 0) {
                rate = terminal_size(e->rate);
                strbuf_addf(b, "  %s/s", rate);
        }
        if (e->seconds_left >= 0 && e->rate > 0) {
                _cleanup_free_ char *left = terminal_seconds((double) e->seconds_left);

                strbuf_addf(b, _("  %s left"), left);
        }
}

static void progress(struct terminal *t, const struct event *e)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        bool bytes = e->total_bytes != 0 || e->done > 0;
        int64_t seconds = e->elapsed_ms / 1000;

        if (bytes) {
                add_bytes(&b, e);
        } else if (e->limit_ms > 0) {
                _cleanup_free_ char *limit = terminal_seconds((double) e->limit_ms / 1000);

                strbuf_addf(&b, "%s  ", e->text ?: "");
                strbuf_addf(&b, _("%1$lld s of %2$s"), (long long) seconds, limit);
        } else {
                strbuf_puts(&b, e->text ?: "");
        }
        if (t->theme.redraw) {
                step_line(t, MEANING_RUNNING, t->index, t->running ?: "", b.s ?: "", true);
        } else if (!bytes && seconds >= t->said + SAY_EVERY) {
                t->said = seconds;
                fprintf(t->out, "        %s\n", b.s ?: "");
                fflush(t->out);
        }
}

/* ---- the rest ---- */

/* On a terminal lines are wrapped; elsewhere they stay whole, to be searched. */
static void add_text(struct strbuf *b, const struct theme *theme, const char *text, size_t at)
{
        if (theme->terminal)
                text_wrap(b, text, at, 0, theme_columns(theme));
        else
                strbuf_addf(b, "%s\n", text);
}

void terminal_error(const struct theme *theme, FILE *stream, const struct error *error)
{
        _cleanup_strbuf_ struct strbuf b = {0};

        strbuf_addf(&b, "%sk3wizard:%s ", theme_on(theme, MEANING_STOP), theme_off(theme));
        add_text(&b, theme, error_message(error), strlen("k3wizard: "));
        if (error && error->hint)
                add_text(&b, theme, error->hint, 0);
        fputs(b.s, stream);
        fflush(stream);
}

static void terminal_event(struct ui *ui, const struct event *e)
{
        struct terminal *t = ui->data;

        if (e->type != EVENT_STEP && e->type != EVENT_PROGRESS)
                terminal_break(t);
        switch (e->type) {
        case EVENT_FINDINGS:
                terminal_findings(t, e->findings, t->verbose);
                break;
        case EVENT_PLAN:
                terminal_plan(t, e);
                break;
        case EVENT_STEP:
                step(t, e);
                break;
        case EVENT_PROGRESS:
                progress(t, e);
                break;
        case EVENT_MESSAGE:
                fprintf(t->out, "%s\n", e->text);
                break;
        case EVENT_ERROR:
                terminal_error(&t->theme, t->out, e->error);
                break;
        case EVENT_SUMMARY: {
                _cleanup_free_ char *text = summary_text(e->summary);

                fprintf(t->out, "\n%s", text);
                break;
        }
        }
        fflush(t->out);
}

static enum consent terminal_consent(struct ui *ui, const char *question)
{
        struct terminal *t = ui->data;

        if (!t->ask)
                return CONSENT_YES;
        return t->ask(t->ask_data, question) ? CONSENT_YES : CONSENT_NO;
}

void terminal_begin(struct terminal *t, FILE *out, const struct theme *theme)
{
        *t = (struct terminal){.theme = *theme, .out = out};
        t->ui = (struct ui){.event = terminal_event, .consent = terminal_consent, .data = t};
}

void terminal_done(struct terminal *t)
{
        terminal_break(t);
        free(t->running);
}
