/* SPDX-License-Identifier: GPL-3.0-or-later */

/* installer: upstream's install.sh, from our cache, with a clean environment.
 *
 * It is copied into a private directory below /run/k3wizard and run by /bin/sh with an argv;
 * nothing is piped. The environment is complete and ours: install.sh rebuilds its env file from
 * whatever K3S_… and …_PROXY variables it finds (facts: K3s install.sh, create_env_file). */

#include "../base/escape.h"
#include "../base/str.h"
#include "action.h"

#define RUN_DIRECTORY       "/run/k3wizard"
#define INSTALLER_DIRECTORY RUN_DIRECTORY "/installer"
#define INSTALLER_SCRIPT    INSTALLER_DIRECTORY "/install.sh"
#define INSTALLER_MAX       (4 * 1024 * 1024)
#define INSTALLER_LIMIT_MS  (5 * 60 * 1000)

static int installer_prepare(
        struct action_context *c, const struct plan_action *a, json_t **ret, struct error **err)
{
        json_t *images = NULL;
        int r = images_take(c, json_object_get(a->args, "creates"), true, false, &images, err);

        if (r < 0)
                return r;
        *ret = json_pack("{s:o, s:s}", "images", images, "unit", plan_text(a, "unit"));
        return 0;
}

static int put_script(struct action_context *c, const struct plan_action *a,
        char sha256[DIGEST_HEX_SIZE], struct error **err)
{
        struct fsroot cache = {.fd = c->cache_fd, .confined = true};
        _cleanup_free_ char *name = xasprintf("/%s", plan_text(a, "script"));
        _cleanup_close_ int source = -1;
        int r = file_mkdirs(&c->host->root, INSTALLER_DIRECTORY, 0700, err);

        if (r < 0)
                return r;
        source = file_open(&cache, name, err);
        if (source < 0)
                return error_prefix(err, "The cache lost the installer");
        return file_write_fd(
                &c->host->root, INSTALLER_SCRIPT, source, FILE_OWNER_OURS(0700), sha256, err);
}

static char **environment_of(const struct plan_action *a)
{
        char **environment = NULL;
        const char *key;
        json_t *value;

        strv_add(&environment, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        strv_add(&environment, "LANG=C.UTF-8");
        strv_add(&environment, "HOME=/root");
        json_object_foreach(json_object_get(a->args, "environment"), key, value)
                strv_addf(&environment, "%s=%s", key, json_string_value(value));
        return environment;
}

static char **command_of(const struct plan_action *a)
{
        json_t *args = json_object_get(a->args, "args");
        char **argv = NULL;

        strv_add(&argv, "/bin/sh");
        strv_add(&argv, INSTALLER_SCRIPT);
        for (size_t i = 0; i < json_array_size(args); i++)
                strv_add(&argv, json_string_value(json_array_get(args, i)));
        return argv;
}

/* The last line that upstream marks as an error, else the last line at all. */
static char *last_words(const struct run_result *result)
{
        const char *text = result->err && *result->err ? result->err : result->out;
        _cleanup_strv_ char **lines = strv_split(text ?: "", "\n");
        size_t n = strv_len(lines);

        for (size_t i = n; i > 0; i--)
                if (strstr(lines[i - 1], "[ERROR]"))
                        return escape_text(lines[i - 1]);
        return escape_text(n > 0 ? lines[n - 1] : "");
}

static void remove_script(struct action_context *c)
{
        (void) file_remove_tree(&c->host->root, INSTALLER_DIRECTORY, NULL);
        (void) file_remove(&c->host->root, RUN_DIRECTORY, NULL);
}

static int run_script(struct action_context *c, const struct plan_action *a, struct error **err)
{
        _cleanup_strv_ char **argv = command_of(a), **environment = environment_of(a);
        _cleanup_run_result_ struct run_result result = {0};
        struct run_request request = {
                .argv = (const char *const *) argv,
                .environment = (const char *const *) environment,
                .directory = INSTALLER_DIRECTORY,
                .timeout_ms = INSTALLER_LIMIT_MS,
                .finish_on_cancel = true,
        };
        _cleanup_free_ char *words = NULL;
        int r = c->host->ops->run(c->host, &request, &result, err);

        if (r < 0)
                return error_prefix(err, "Could not run the K3s installer");
        if (result.timed_out)
                return error_set(err, ETIMEDOUT,
                        "The K3s installer did not end within 5 min and was stopped");
        if (result.status == 0)
                return 0;
        words = last_words(&result);
        return error_set(err, EIO, "The K3s installer ended with status %d and said: %s",
                result.status, *words ? words : _("nothing"));
}

static int states_now(
        struct action_context *c, const json_t *images, json_t **ret, struct error **err)
{
        json_t *after = json_array();

        for (size_t i = 0; i < json_array_size(images); i++) {
                const char *path =
                        json_string_value(json_object_get(json_array_get(images, i), "path"));
                json_t *now = NULL;
                int r = image_take(c, path, false, false, &now, err);

                if (r < 0) {
                        json_decref(after);
                        return r;
                }
                json_array_append_new(after, now);
        }
        *ret = after;
        return 0;
}

static int installer_perform(struct action_context *c, const struct plan_action *a,
        const json_t *intent, json_t **ret_done, struct error **err)
{
        char sha256[DIGEST_HEX_SIZE];
        json_t *after = NULL;
        int r = put_script(c, a, sha256, err);

        if (r == 0)
                r = run_script(c, a, err);
        remove_script(c);
        if (r < 0)
                return r;
        r = states_now(c, json_object_get(intent, "images"), &after, err);
        if (r < 0)
                return r;
        *ret_done = json_pack("{s:o, s:s}", "after", after, "sha256", sha256);
        return 0;
}

/* Whether a cut-off installer got to its end cannot be seen from outside; it is meant to be run
 * again. */
static int installer_is_done(struct action_context *c, const struct plan_action *a,
        const json_t *intent, bool *ret, struct error **err)
{
        const json_t *after = json_object_get(intent, "after");

        *ret = json_array_size(after) > 0;
        for (size_t i = 0; i < json_array_size(after) && *ret; i++) {
                int r = image_matches(c, json_array_get(after, i), ret, err);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int installer_undo(
        struct action_context *c, const json_t *intent, const json_t *done, struct error **err)
{
        const char *unit = json_string_value(json_object_get(intent, "unit"));
        int r;

        remove_script(c);
        r = images_restore(
                c, json_object_get(intent, "images"), json_object_get(done, "after"), err);
        /* systemd remembers units whose files are gone until it is told to look. */
        (void) c->host->ops->unit_do(c->host, UNIT_RELOAD_ALL, unit, 30000, NULL, NULL, NULL);
        (void) c->host->ops->unit_do(c->host, UNIT_RESET_FAILED, unit, 30000, NULL, NULL, NULL);
        return r;
}

static char *installer_describe(const struct plan_action *a)
{
        const json_t *creates = json_object_get(a->args, "creates");
        _cleanup_strbuf_ struct strbuf b = {0};

        strbuf_puts(&b,
                _("runs the K3s installer, without its download and without a start; it writes"));
        for (size_t i = 0; i < json_array_size(creates); i++)
                strbuf_addf(&b, "\n  %s", json_string_value(json_array_get(creates, i)));
        return strbuf_take(&b);
}

const struct action action_installer = {
        .verb = {"installer", VERB_DO,
                (const struct verb_arg[]){{"script", VERB_ARG_TEXT, true},
                        {"unit", VERB_ARG_TEXT, true}, {"environment", VERB_ARG_MAP, false},
                        {"args", VERB_ARG_LIST, false}, {"creates", VERB_ARG_LIST, true}, {0}}},
        .describe = installer_describe,
        .prepare = installer_prepare,
        .perform = installer_perform,
        .is_done = installer_is_done,
        .undo = installer_undo,
};
