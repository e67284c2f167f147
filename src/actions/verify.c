/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Statements about the machine that must be true after a step. Each waits, within its limit, until
 * it is; what it waits for is told on the way. */

#include "../base/escape.h"
#include "../base/str.h"
#include "action.h"

#define POLL_FIRST_MS 50
#define POLL_LAST_MS  500

/* One look. Returns 1: true; 0: not yet, *ret_why says what is there; negative: will never be. */
typedef int (*look_fn)(struct action_context *c, const struct plan_action *a, void *state,
        char **ret_why, struct error **err);

static void tell(struct action_context *c, const char *text, int64_t elapsed, int64_t limit)
{
        if (c->progress)
                c->progress(c->data, &(struct action_progress){.text = text,
                                             .total = -1,
                                             .elapsed_ms = elapsed,
                                             .limit_ms = limit});
}

/* What has waited long may be looked at less often. */
static int64_t pause_after(int64_t elapsed)
{
        int64_t pause = elapsed / 10;

        return pause < POLL_FIRST_MS ? POLL_FIRST_MS : pause > POLL_LAST_MS ? POLL_LAST_MS : pause;
}

static int wait_until(struct action_context *c, const struct plan_action *a, const char *what,
        look_fn look, void *state, struct error **err)
{
        int64_t started = c->host->ops->monotonic(c->host), limit = 0, elapsed = 0;
        const char *within = plan_text(a, "within");
        _cleanup_free_ char *why = NULL;

        if (within && *within && str_to_duration(within, &limit) < 0)
                return error_set(err, EINVAL, "\"%s\" is not a duration", within);
        for (;;) {
                int r = look(c, a, state, &why, err);

                if (r != 0)
                        return r < 0 ? r : 0;
                elapsed = c->host->ops->monotonic(c->host) - started;
                if (elapsed >= limit)
                        break;
                tell(c, why && *why ? why : what, elapsed, limit);
                r = c->host->ops->sleep(c->host, pause_after(elapsed));
                if (r < 0)
                        return error_kind(
                                err, ERROR_INTERRUPTED, -r, "Interrupted while waiting: %s", what);
        }
        if (limit == 0)
                return error_set(err, ETIMEDOUT, "%s: %s", what, why ?: "");
        return error_set(err, ETIMEDOUT, "%s: not within %s (%s)", what, within, why ?: "");
}

/* ---- address ---- */

static int verify_address_perform(struct action_context *c, const struct plan_action *a,
        const json_t *intent, json_t **ret_done, struct error **err)
{
        const char *interface = plan_text(a, "interface");
        _cleanup_net_picture_ struct net_picture picture = {0};
        _cleanup_strv_ char **wanted = strv_split(plan_text(a, "address"), ",");
        const struct net_link *link;
        int r = c->host->ops->network(c->host, &picture, err);

        if (r < 0)
                return r;
        link = net_link_by_name(&picture, interface);
        if (!link)
                return error_set(err, ENODEV, "There is no interface %s any more", interface);
        for (size_t i = 0; wanted && wanted[i]; i++)
                if (net_link_by_address(&picture, wanted[i]) != link)
                        return error_set(err, EADDRNOTAVAIL, "%s is not an address of %s any more",
                                wanted[i], interface);
        return 0;
}

const struct action action_verify_address = {
        .verb = {"address", VERB_VERIFY,
                (const struct verb_arg[]){
                        {"interface", VERB_ARG_TEXT, true}, {"address", VERB_ARG_TEXT, true}, {0}}},
        .perform = verify_address_perform,
};

/* ---- unit ---- */

static int look_unit(struct action_context *c, const struct plan_action *a, void *state,
        char **ret_why, struct error **err)
{
        struct unit_state unit = {0};
        int r = c->host->ops->unit_show(c->host, plan_text(a, "unit"), &unit, err);

        if (r < 0)
                return r;
        free(*ret_why);
        *ret_why = xasprintf("%s (%s)", unit.active, unit.sub);
        return str_eq(unit.active, "active");
}

static int verify_unit_perform(struct action_context *c, const struct plan_action *a,
        const json_t *intent, json_t **ret_done, struct error **err)
{
        _cleanup_free_ char *what = xasprintf(_("%s.service is active"), plan_text(a, "unit"));

        return wait_until(c, a, what, look_unit, NULL, err);
}

const struct action action_verify_unit = {
        .verb = {"unit_active", VERB_VERIFY,
                (const struct verb_arg[]){
                        {"unit", VERB_ARG_TEXT, true}, {"within", VERB_ARG_TEXT, false}, {0}}},
        .perform = verify_unit_perform,
};

/* ---- api and node: one connection for all looks ---- */

struct api_state {
        struct api *api;
};

static int connect_api(struct action_context *c, struct api_state *s, char **ret_why)
{
        _cleanup_error_ struct error *e = NULL;

        if (s->api)
                return 0;
        if (api_open(c->host, K3S_KUBECONFIG, &s->api, &e) == 0)
                return 0;
        /* The file appears some moments after the service does. */
        free(*ret_why);
        *ret_why = xstrdup(error_message(e));
        return -EAGAIN;
}

static int look_api(struct action_context *c, const struct plan_action *a, void *data,
        char **ret_why, struct error **err)
{
        struct api_state *s = data;
        _cleanup_error_ struct error *e = NULL;
        int status = 0;

        if (connect_api(c, s, ret_why) < 0)
                return 0;
        if (api_get(s->api, plan_text(a, "path"), 10000, &status, NULL, &e) == 0 && status == 200)
                return 1;
        if (host_cancelled(c->host))
                return error_kind(err, ERROR_INTERRUPTED, ECANCELED, "Interrupted");
        free(*ret_why);
        *ret_why = e ? xstrdup(error_message(e)) :
                       xasprintf(_("the API answers with status %d"), status);
        return 0;
}

static int verify_api_perform(struct action_context *c, const struct plan_action *a,
        const json_t *intent, json_t **ret_done, struct error **err)
{
        _cleanup_free_ char *what = xasprintf(_("The API answers %s"), plan_text(a, "path"));
        struct api_state s = {0};
        int r = wait_until(c, a, what, look_api, &s, err);

        api_close(s.api);
        return r;
}

const struct action action_verify_api = {
        .verb = {"api", VERB_VERIFY,
                (const struct verb_arg[]){
                        {"path", VERB_ARG_TEXT, true}, {"within", VERB_ARG_TEXT, false}, {0}}},
        .perform = verify_api_perform,
};

static int look_node(struct action_context *c, const struct plan_action *a, void *data,
        char **ret_why, struct error **err)
{
        struct api_state *s = data;
        _cleanup_error_ struct error *e = NULL;
        _cleanup_free_ char *status = NULL, *why = NULL;

        if (connect_api(c, s, ret_why) < 0)
                return 0;
        if (api_node_condition(s->api, plan_text(a, "name"), plan_text(a, "condition"), &status,
                    &why, &e) == 0 &&
                str_eq(status, "True"))
                return 1;
        if (host_cancelled(c->host))
                return error_kind(err, ERROR_INTERRUPTED, ECANCELED, "Interrupted");
        free(*ret_why);
        *ret_why = e ? xstrdup(error_message(e)) : escape_text(why && *why ? why : status);
        return 0;
}

static int verify_node_perform(struct action_context *c, const struct plan_action *a,
        const json_t *intent, json_t **ret_done, struct error **err)
{
        _cleanup_free_ char *what =
                xasprintf(_("Node %s is %s"), plan_text(a, "name"), plan_text(a, "condition"));
        struct api_state s = {0};
        int r = wait_until(c, a, what, look_node, &s, err);

        api_close(s.api);
        return r;
}

const struct action action_verify_node = {
        .verb = {"node", VERB_VERIFY,
                (const struct verb_arg[]){{"name", VERB_ARG_TEXT, true},
                        {"condition", VERB_ARG_TEXT, true}, {"within", VERB_ARG_TEXT, false}, {0}}},
        .perform = verify_node_perform,
};

/* ---- file_mode: a file is there, with this mode ---- */

static int verify_file_perform(struct action_context *c, const struct plan_action *a,
        const json_t *intent, json_t **ret_done, struct error **err)
{
        const char *path = plan_text(a, "path"), *mode = plan_text(a, "mode");
        _cleanup_file_state_ struct file_state s = {0};
        int r = file_state(&c->host->root, path, false, &s, err);

        if (r < 0)
                return r;
        if (s.kind == FILE_ABSENT)
                return error_set(err, ENOENT, "%s is not there", path);
        if (mode && *mode && s.kind == FILE_REGULAR && s.mode != (mode_t) strtoul(mode, NULL, 8))
                return error_set(err, EPERM, "%s has mode %04o instead of %s", path, s.mode, mode);
        return 0;
}

const struct action action_verify_file = {
        .verb = {"file_present", VERB_VERIFY,
                (const struct verb_arg[]){
                        {"path", VERB_ARG_TEXT, true}, {"mode", VERB_ARG_TEXT, false}, {0}}},
        .perform = verify_file_perform,
};

/* ---- token: a join token that K3s would accept ---- */

static int verify_token_perform(struct action_context *c, const struct plan_action *a,
        const json_t *intent, json_t **ret_done, struct error **err)
{
        const char *path = plan_text(a, "path");
        _cleanup_token_ struct token token = {0};
        char *text = NULL;
        _cleanup_file_state_ struct file_state s = {0};
        _cleanup_free_ char *target = NULL;
        int r = file_state(&c->host->root, path, false, &s, err);

        if (r < 0)
                return r;
        /* node-token is a link to `token` beside it since K3s 1.22; a final link is never followed
         * blindly. */
        if (s.kind == FILE_SYMLINK && s.target) {
                const char *slash = strrchr(path, '/');

                target = s.target[0] == '/' ?
                                 xstrdup(s.target) :
                                 xasprintf("%.*s/%s", (int) (slash - path), path, s.target);
        }
        r = file_read(&c->host->root, target ?: path, 4096, &text, NULL, err);
        if (r < 0)
                return error_prefix(err, "Could not read the node token");
        r = token_parse(text, false, &token, err);
        secret_free_string(text);
        return r < 0 ? error_prefix(err, "The node token in %s is not one", path) : 0;
}

const struct action action_verify_token = {
        .verb = {"token", VERB_VERIFY,
                (const struct verb_arg[]){{"path", VERB_ARG_TEXT, true}, {0}}},
        .perform = verify_token_perform,
};
