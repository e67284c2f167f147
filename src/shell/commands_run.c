/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Commands that change the machine. */

#include "ask.h"
#include "command.h"

int command_apply(struct session *s, char **arguments, struct error **err)
{
        int r = session_whole_answers(s, false, err);

        if (r == 0)
                r = session_engine(s, err);
        return r < 0 ? r : engine_apply(s->engine, s->answers, err);
}

int command_resume(struct session *s, char **arguments, struct error **err)
{
        int r = session_engine(s, err);

        if (r < 0)
                return r;
        if (s->options.yes)
                engine_insist(s->engine);
        return engine_resume(s->engine, err);
}

int command_rollback(struct session *s, char **arguments, struct error **err)
{
        int r = session_engine(s, err);

        if (r == 0 && engine_phase(s->engine) != RUN_NONE)
                r = session_confirm(s,
                        s->options.to ? _("Undo the steps after it?") :
                                        _("Take back everything that the last run changed?"),
                        err);
        return r < 0 ? r : engine_rollback(s->engine, s->options.to, err);
}

/* ---- guided ---- */

static void first_screen(struct session *s)
{
        struct platform p = {0};

        if (platform_read(s->host, &p, NULL) < 0)
                return;
        printf("%sk3wizard %s%s   %s · %s%s%s\n", theme_on(&s->theme, MEANING_TITLE),
                K3WIZARD_VERSION, theme_off(&s->theme), p.hostname, p.arch ?: p.machine,
                *p.board ? " · " : "", p.board);
        printf(_("%1$s, kernel %2$s\n"), p.os, p.kernel);
        if (s->options.practice)
                printf("%s\n", _("Practice: a simulated machine. Nothing here is real."));
        platform_done(&p);
}

static int guided_unfinished(struct session *s, struct error **err)
{
        char *none[] = {NULL};
        const struct command *status = command_find("status");
        int r = status->run(s, none, err);

        if (r < 0)
                return r;
        putchar('\n');
        r = ask_yes(s, _("Go on with it?"), err);
        return r < 0 ? r : engine_resume(s->engine, err);
}

int command_guided(struct session *s, struct error **err)
{
        int r;

        if (s->options.answers_file) {
                s->options.yes = true;
                s->terminal.ask = NULL;
                return command_apply(s, NULL, err);
        }
        if (!s->interactive) {
                error_kind(err, ERROR_USAGE, ENOTTY, "The guided session needs a terminal");
                error_hint(err, "Unattended: k3wizard --answers FILE. All commands: k3wizard help");
                return -ENOTTY;
        }
        r = session_answers(s, err);
        if (r == 0 && !answers_is_set(s->answers, "role"))
                r = answers_set(s->answers, "role", "server", ANSWER_FROM_PROMPT, err);
        if (r == 0)
                r = session_engine(s, err);
        if (r < 0)
                return r;
        first_screen(s);
        if (engine_phase(s->engine) == RUN_UNFINISHED || engine_phase(s->engine) == RUN_ATTENTION)
                return guided_unfinished(s, err);
        r = ask_answers(s, err);
        if (r == 0)
                r = session_whole_answers(s, true, err);
        return r < 0 ? r : engine_apply(s->engine, s->answers, err);
}
