/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The actions that put one file in its place: file, settings, place, copy. Each knows the file's
 * state after it beforehand, so that a cut-off attempt can be told from somebody else's change. */

#include "../base/str.h"
#include "action.h"
#include <fcntl.h>

static mode_t mode_arg(const struct plan_action *a, mode_t fallback)
{
        const char *text = plan_text(a, "mode");

        return text && *text ? (mode_t) strtoul(text, NULL, 8) & 07777 : fallback;
}

/* {"image": before, "after": {path, kind, sha256, mode, uid, gid}} */
static int intent_for(struct action_context *c, const char *path, const char *sha256, mode_t mode,
        uid_t uid, gid_t gid, json_t **ret, struct error **err)
{
        json_t *image = NULL;
        int r = image_take(c, path, true, false, &image, err);

        if (r < 0)
                return r;
        if (str_eq(json_string_value(json_object_get(image, "kind")), "directory")) {
                json_decref(image);
                return error_set(err, EISDIR, "%s is a directory; a file should go there", path);
        }
        *ret = json_pack("{s:o, s:{s:s, s:s, s:s, s:i, s:i, s:i}}", "image", image, "after", "path",
                path, "kind", "file", "sha256", sha256, "mode", (int) mode, "uid", (int) uid, "gid",
                (int) gid);
        return 0;
}

static int file_is_done(struct action_context *c, const struct plan_action *a, const json_t *intent,
        bool *ret, struct error **err)
{
        return image_matches(c, json_object_get(intent, "after"), ret, err);
}

static int file_undo(
        struct action_context *c, const json_t *intent, const json_t *done, struct error **err)
{
        const json_t *after = json_object_get(done, "after") ?: json_object_get(intent, "after");

        return image_restore(c, json_object_get(intent, "image"), after, err);
}

static int write_as_intended(struct action_context *c, const json_t *intent, const char *bytes,
        size_t len, json_t **ret_done, struct error **err)
{
        const json_t *after = json_object_get(intent, "after");
        struct file_owner owner = {
                .mode = (mode_t) json_integer_value(json_object_get(after, "mode")),
                .uid = (uid_t) json_integer_value(json_object_get(after, "uid")),
                .gid = (gid_t) json_integer_value(json_object_get(after, "gid")),
        };
        const char *path = json_string_value(json_object_get(after, "path"));
        int r = image_make_parents(c, json_object_get(intent, "image"), err);

        if (r < 0)
                return r;
        r = file_write(&c->host->root, path, bytes, len, &owner, err);
        if (r < 0)
                return r;
        *ret_done = json_object();
        return 0;
}

/* ---- file ---- */

static int file_prepare(
        struct action_context *c, const struct plan_action *a, json_t **ret, struct error **err)
{
        const char *content = plan_text(a, "content");
        char hash[DIGEST_HEX_SIZE];

        digest_bytes(content, strlen(content), hash);
        return intent_for(
                c, plan_text(a, "path"), hash, mode_arg(a, 0644), geteuid(), getegid(), ret, err);
}

static int file_perform(struct action_context *c, const struct plan_action *a, const json_t *intent,
        json_t **ret_done, struct error **err)
{
        const char *content = plan_text(a, "content");

        return write_as_intended(c, intent, content, strlen(content), ret_done, err);
}

static char *file_describe(const struct plan_action *a)
{
        return xasprintf(_("writes %s"), plan_text(a, "path"));
}

const struct action action_file = {
        .verb = {"file", VERB_DO,
                (const struct verb_arg[]){{"path", VERB_ARG_TEXT, true},
                        {"content", VERB_ARG_TEXT, true}, {"mode", VERB_ARG_TEXT, false}, {0}}},
        .describe = file_describe,
        .prepare = file_prepare,
        .perform = file_perform,
        .is_done = file_is_done,
        .undo = file_undo,
};

/* ---- settings: a K3s configuration file from keys and values ---- */

static void put_quoted(struct strbuf *b, const char *text)
{
        strbuf_putc(b, '"');
        for (const char *p = text; *p; p++) {
                if (*p == '"' || *p == '\\')
                        strbuf_putc(b, '\\');
                strbuf_putc(b, *p);
        }
        strbuf_putc(b, '"');
}

static char *settings_text(const struct plan_action *a)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        const char *key;
        json_t *value;

        strbuf_puts(&b,
                "# Written by k3wizard. Your own settings belong into another file beside it:\n"
                "# this one is replaced by `k3wizard apply` and removed by `k3wizard rollback`.\n");
        json_object_foreach(json_object_get(a->args, "values"), key, value)
        {
                strbuf_addf(&b, "%s: ", key);
                put_quoted(&b, json_string_value(value));
                strbuf_putc(&b, '\n');
        }
        json_object_foreach(json_object_get(a->args, "lists"), key, value)
        {
                _cleanup_strv_ char **items = strv_split(json_string_value(value), ",");

                if (!items)
                        continue;
                strbuf_addf(&b, "%s:\n", key);
                for (size_t i = 0; items[i]; i++) {
                        strbuf_puts(&b, "  - ");
                        put_quoted(&b, items[i]);
                        strbuf_putc(&b, '\n');
                }
        }
        return strbuf_take(&b);
}

static int settings_prepare(
        struct action_context *c, const struct plan_action *a, json_t **ret, struct error **err)
{
        _cleanup_free_ char *text = settings_text(a);
        char hash[DIGEST_HEX_SIZE];

        digest_bytes(text, strlen(text), hash);
        return intent_for(
                c, plan_text(a, "path"), hash, mode_arg(a, 0600), geteuid(), getegid(), ret, err);
}

static int settings_perform(struct action_context *c, const struct plan_action *a,
        const json_t *intent, json_t **ret_done, struct error **err)
{
        _cleanup_free_ char *text = settings_text(a);

        return write_as_intended(c, intent, text, strlen(text), ret_done, err);
}

static char *settings_describe(const struct plan_action *a)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        const char *key;
        json_t *value;

        strbuf_addf(&b, _("writes %s (%s)"), plan_text(a, "path"), plan_text(a, "mode") ?: "0600");
        json_object_foreach(json_object_get(a->args, "values"), key, value)
                strbuf_addf(&b, "\n  %s: %s", key, json_string_value(value));
        json_object_foreach(json_object_get(a->args, "lists"), key, value)
                strbuf_addf(&b, "\n  %s: [%s]", key, json_string_value(value));
        return strbuf_take(&b);
}

const struct action action_settings = {
        .verb = {"settings", VERB_DO,
                (const struct verb_arg[]){{"path", VERB_ARG_TEXT, true},
                        {"values", VERB_ARG_MAP, false}, {"lists", VERB_ARG_MAP, false},
                        {"mode", VERB_ARG_TEXT, false}, {0}}},
        .describe = settings_describe,
        .prepare = settings_prepare,
        .perform = settings_perform,
        .is_done = file_is_done,
        .undo = file_undo,
};

/* ---- place: an acquired file into its place ---- */

static int place_prepare(
        struct action_context *c, const struct plan_action *a, json_t **ret, struct error **err)
{
        return intent_for(c, plan_text(a, "to"), plan_text(a, "sha256"), mode_arg(a, 0755),
                geteuid(), getegid(), ret, err);
}

static int place_perform(struct action_context *c, const struct plan_action *a,
        const json_t *intent, json_t **ret_done, struct error **err)
{
        const char *to = plan_text(a, "to"), *want = plan_text(a, "sha256");
        _cleanup_free_ char *name = xasprintf("/%s", plan_text(a, "from"));
        struct fsroot cache = {.fd = c->cache_fd, .confined = true};
        struct file_owner owner = {.mode = mode_arg(a, 0755), .uid = geteuid(), .gid = getegid()};
        _cleanup_close_ int source = -1;
        char got[DIGEST_HEX_SIZE];
        int r = image_make_parents(c, json_object_get(intent, "image"), err);

        if (r < 0)
                return r;
        source = file_open(&cache, name, err);
        if (source < 0)
                return error_prefix(err, "The cache lost %s", plan_text(a, "from"));
        /* Hashed before it is executable anywhere: the cache may have rotted since it was filled.
         */
        r = digest_fd(source, got, err);
        if (r < 0)
                return r;
        if (!str_eq(got, want))
                return error_set(err, EBADMSG,
                        "%s in the cache no longer has its digest; remove it and resume",
                        plan_text(a, "from"));
        r = file_write_fd(&c->host->root, to, source, &owner, got, err);
        if (r < 0)
                return r;
        if (!str_eq(got, want))
                return error_set(err, EIO, "%s did not arrive as it was read", to);
        *ret_done = json_object();
        return 0;
}

static char *place_describe(const struct plan_action *a)
{
        return xasprintf(_("writes %s (%s)"), plan_text(a, "to"), plan_text(a, "mode") ?: "0755");
}

const struct action action_place = {
        .verb = {"place", VERB_DO,
                (const struct verb_arg[]){{"from", VERB_ARG_TEXT, true},
                        {"to", VERB_ARG_TEXT, true}, {"sha256", VERB_ARG_TEXT, true},
                        {"mode", VERB_ARG_TEXT, false}, {0}}},
        .describe = place_describe,
        .prepare = place_prepare,
        .perform = place_perform,
        .is_done = file_is_done,
        .undo = file_undo,
};

/* ---- copy: a file of the host, for the invoking user ---- */

#define COPY_MAX (1024 * 1024)

static int copy_source(struct action_context *c, const struct plan_action *a, struct secret *ret,
        struct error **err)
{
        char *bytes = NULL;
        size_t len = 0;
        int r = file_read(&c->host->root, plan_text(a, "from"), COPY_MAX, &bytes, &len, err);

        if (r < 0)
                return r;
        secret_set(ret, bytes, len);
        secret_free_string(bytes);
        return 0;
}

static int copy_prepare(
        struct action_context *c, const struct plan_action *a, json_t **ret, struct error **err)
{
        _cleanup_secret_ struct secret text = {0};
        char hash[DIGEST_HEX_SIZE];
        int r = copy_source(c, a, &text, err);

        if (r < 0)
                return r;
        digest_bytes(text.bytes, text.len, hash);
        return intent_for(
                c, plan_text(a, "to"), hash, mode_arg(a, 0600), c->user_uid, c->user_gid, ret, err);
}

static int give_parents(struct action_context *c, const json_t *image, struct error **err)
{
        const json_t *parents = json_object_get(image, "parents");
        struct file_state want = {
                .kind = FILE_DIRECTORY, .mode = 0700, .uid = c->user_uid, .gid = c->user_gid};

        for (size_t i = 0; i < json_array_size(parents); i++) {
                const char *path = json_string_value(json_array_get(parents, i));
                _cleanup_file_state_ struct file_state now = {0};
                int r = file_state(&c->host->root, path, false, &now, err);

                want.mtime_ns = now.mtime_ns;
                if (r == 0)
                        r = file_attributes(&c->host->root, path, &want, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The source may have changed between the intent and now (K3s rewrites its kubeconfig when it
 * starts). */
static void note_digest(json_t *done, const json_t *intent, const struct secret *text)
{
        json_t *after = json_deep_copy(json_object_get(intent, "after"));
        char hash[DIGEST_HEX_SIZE];

        digest_bytes(text->bytes, text->len, hash);
        json_object_set_new(after, "sha256", json_string(hash));
        json_object_set_new(done, "after", after);
}

static int copy_perform(struct action_context *c, const struct plan_action *a, const json_t *intent,
        json_t **ret_done, struct error **err)
{
        _cleanup_secret_ struct secret text = {0};
        const json_t *image = json_object_get(intent, "image");
        int r = copy_source(c, a, &text, err);

        if (r < 0)
                return r;
        r = image_make_parents(c, image, err);
        if (r == 0)
                r = give_parents(c, image, err);
        if (r < 0)
                return r;
        r = write_as_intended(c, intent, text.bytes, text.len, ret_done, err);
        if (r == 0)
                note_digest(*ret_done, intent, &text);
        return r;
}

static char *copy_describe(const struct plan_action *a)
{
        return xasprintf(_("copies %s to %s (%s)"), plan_text(a, "from"), plan_text(a, "to"),
                plan_text(a, "mode") ?: "0600");
}

const struct action action_copy = {
        .verb = {"copy", VERB_DO,
                (const struct verb_arg[]){{"from", VERB_ARG_TEXT, true},
                        {"to", VERB_ARG_TEXT, true}, {"mode", VERB_ARG_TEXT, false}, {0}}},
        .describe = copy_describe,
        .prepare = copy_prepare,
        .perform = copy_perform,
        .is_done = file_is_done,
        .undo = file_undo,
};
