/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "../base/str.h"
#include "action.h"

#define FETCH_LIMIT (512LL * 1024 * 1024)

static void on_progress(void *data, const struct fetch_progress *p)
{
        struct action_context *c = data;

        if (c->progress)
                c->progress(c->data, &(struct action_progress){.done = p->done,
                                             .total = p->total,
                                             .rate = p->rate,
                                             .seconds_left = p->seconds_left,
                                             .limit_ms = 0});
}

static int fetch_perform(struct action_context *c, const struct plan_action *a,
        const json_t *intent, json_t **ret_done, struct error **err)
{
        const char *sha256 = plan_text(a, "sha256");
        char got[DIGEST_HEX_SIZE];
        struct fetch_request request = {
                .url = plan_text(a, "url"),
                .sha256 = sha256 && *sha256 ? sha256 : NULL,
                .cache_fd = c->cache_fd,
                .name = plan_text(a, "name"),
                .limit = FETCH_LIMIT,
                .timeout_ms = answers_get_ms(c->answers, "timeouts.download"),
                .answers = c->answers,
                .on_progress = on_progress,
                .data = c,
        };
        int r = fetch(c->host, &request, got, err);

        if (r < 0)
                return r;
        *ret_done = json_pack("{s:s, s:s}", "name", request.name, "sha256", got);
        return 0;
}

static char *fetch_describe(const struct plan_action *a)
{
        return xasprintf(_("downloads %s into our cache"), plan_text(a, "url"));
}

const struct action action_fetch = {
        .verb = {"fetch", VERB_ACQUIRE,
                (const struct verb_arg[]){{"url", VERB_ARG_TEXT, true},
                        {"name", VERB_ARG_TEXT, true}, {"sha256", VERB_ARG_TEXT, false}, {0}}},
        .describe = fetch_describe,
        .perform = fetch_perform,
};
