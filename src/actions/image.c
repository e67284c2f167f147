/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "../base/escape.h"
#include "../base/str.h"
#include "action.h"
#include <fcntl.h>
#include <sys/stat.h>

#define IMAGE_MAX        (256 * 1024 * 1024)
#define TREE_ENTRIES_MAX 50000

static const char *const kind_names[] = {
        [FILE_ABSENT] = "absent",
        [FILE_REGULAR] = "file",
        [FILE_DIRECTORY] = "directory",
        [FILE_SYMLINK] = "link",
        [FILE_OTHER] = "other",
};

static const char *text_of(const json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key));
}

static json_t *absent_parents(struct action_context *c, const char *path)
{
        json_t *list = json_array();
        _cleanup_free_ char *parent = xstrdup(path);

        for (char *slash = strrchr(parent, '/'); slash && slash != parent;
                slash = strrchr(parent, '/')) {
                _cleanup_file_state_ struct file_state s = {0};

                *slash = '\0';
                if (file_state(&c->host->root, parent, false, &s, NULL) < 0 ||
                        s.kind != FILE_ABSENT)
                        break;
                json_array_insert_new(list, 0, json_string(parent));
        }
        return list;
}

static json_t *state_to_json(const char *path, const struct file_state *s)
{
        json_t *image = json_pack("{s:s, s:s}", "path", path, "kind", kind_names[s->kind]);

        if (s->kind == FILE_ABSENT)
                return image;
        json_object_set_new(image, "mode", json_integer(s->mode));
        json_object_set_new(image, "uid", json_integer(s->uid));
        json_object_set_new(image, "gid", json_integer(s->gid));
        if (s->kind == FILE_REGULAR) {
                json_object_set_new(image, "sha256", json_string(s->sha256));
                json_object_set_new(image, "mtime_ns", json_integer(s->mtime_ns));
        }
        if (s->kind == FILE_SYMLINK)
                json_object_set_new(image, "target", json_string(s->target));
        return image;
}

/* Content goes to images/SHA256, once. */
static int keep_content(
        struct action_context *c, const char *path, struct file_state *s, struct error **err)
{
        _cleanup_close_ int source = -1;
        _cleanup_free_ char *name = xasprintf("/%s", s->sha256);
        struct fsroot images = {.fd = c->images_fd, .confined = true};
        char hash[DIGEST_HEX_SIZE];
        int r;

        if (s->size > IMAGE_MAX)
                return error_set(err, EFBIG, "%s is too large to keep a copy of it (%lld MB)", path,
                        (long long) (s->size / 1000000));
        source = file_open(&c->host->root, path, err);
        if (source < 0)
                return source;
        r = file_write_fd(&images, name, source, FILE_OWNER_OURS(0600), hash, err);
        if (r < 0)
                return error_prefix(err, "Could not keep a copy of %s", path);
        if (!str_eq(hash, s->sha256))
                return error_set(err, EAGAIN, "%s is being changed by somebody else", path);
        return 0;
}

static int list_tree(struct action_context *c, const char *path, json_t *list, struct error **err)
{
        _cleanup_strv_ char **names = NULL;
        int r = file_list(&c->host->root, path, &names, err);

        if (r < 0)
                return r;
        for (size_t i = 0; names && names[i]; i++) {
                _cleanup_free_ char *child = xasprintf("%s/%s", path, names[i]);
                _cleanup_file_state_ struct file_state s = {0};

                if (json_object_set_new(list, child, json_true()) < 0)
                        return error_set(err, EILSEQ, "A name below %s is not UTF-8", path);
                if (json_object_size(list) > TREE_ENTRIES_MAX)
                        return error_set(
                                err, E2BIG, "%s holds too many files to undo exactly", path);
                r = file_state(&c->host->root, child, false, &s, err);
                if (r < 0)
                        return r;
                if (s.kind == FILE_DIRECTORY) {
                        r = list_tree(c, child, list, err);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

int image_take(struct action_context *c, const char *path, bool keep, bool tree, json_t **ret,
        struct error **err)
{
        _cleanup_file_state_ struct file_state s = {0};
        json_t *image, *parents;
        int r = file_state(&c->host->root, path, true, &s, err);

        if (r < 0)
                return r;
        if (s.kind == FILE_OTHER)
                return error_set(err, EINVAL, "%s is neither a file, a directory nor a link", path);
        if (keep && s.kind == FILE_REGULAR) {
                r = keep_content(c, path, &s, err);
                if (r < 0)
                        return r;
        }
        image = state_to_json(path, &s);
        parents = absent_parents(c, path);
        if (json_array_size(parents) > 0)
                json_object_set(image, "parents", parents);
        json_decref(parents);
        if (tree && s.kind == FILE_DIRECTORY) {
                json_t *entries = json_object();

                json_object_set_new(image, "entries", entries);
                r = list_tree(c, path, entries, err);
                if (r < 0) {
                        json_decref(image);
                        return r;
                }
        }
        if (tree)
                json_object_set_new(image, "tree", json_true());
        *ret = image;
        return 0;
}

int image_make_parents(struct action_context *c, const json_t *image, struct error **err)
{
        const json_t *parents = json_object_get(image, "parents");

        for (size_t i = 0; i < json_array_size(parents); i++) {
                int r = file_mkdir(
                        &c->host->root, json_string_value(json_array_get(parents, i)), 0755, err);

                if (r < 0)
                        return r;
        }
        return 0;
}

static bool looks_like(const json_t *image, const struct file_state *s)
{
        if (!str_eq(text_of(image, "kind"), kind_names[s->kind]))
                return false;
        if (s->kind == FILE_ABSENT)
                return true;
        if (json_integer_value(json_object_get(image, "uid")) != s->uid ||
                json_integer_value(json_object_get(image, "gid")) != s->gid)
                return false;
        if (s->kind == FILE_SYMLINK)
                return str_eq(text_of(image, "target"), s->target);
        if (json_integer_value(json_object_get(image, "mode")) != s->mode)
                return false;
        return s->kind != FILE_REGULAR || str_eq(text_of(image, "sha256"), s->sha256);
}

int image_matches(struct action_context *c, const json_t *image, bool *ret, struct error **err)
{
        _cleanup_file_state_ struct file_state s = {0};
        int r = file_state(&c->host->root, text_of(image, "path"), true, &s, err);

        if (r < 0)
                return r;
        *ret = looks_like(image, &s);
        return 0;
}

static int put_file_back(struct action_context *c, const json_t *image, struct error **err)
{
        const char *path = text_of(image, "path"), *hash = text_of(image, "sha256");
        _cleanup_free_ char *name = xasprintf("/%s", hash ?: "");
        struct fsroot images = {.fd = c->images_fd, .confined = true};
        _cleanup_close_ int source = -1;
        char got[DIGEST_HEX_SIZE];
        struct file_owner owner = {
                .mode = (mode_t) json_integer_value(json_object_get(image, "mode")),
                .uid = (uid_t) json_integer_value(json_object_get(image, "uid")),
                .gid = (gid_t) json_integer_value(json_object_get(image, "gid")),
        };
        struct file_state want = {.kind = FILE_REGULAR,
                .mode = owner.mode,
                .uid = owner.uid,
                .gid = owner.gid,
                .mtime_ns = json_integer_value(json_object_get(image, "mtime_ns"))};
        int r;

        source = file_open(&images, name, err);
        if (source < 0)
                return error_prefix(err, "The copy of %s from before is gone", path);
        r = digest_fd(source, got, err);
        if (r < 0)
                return r;
        if (!str_eq(got, hash) || lseek(source, 0, SEEK_SET) < 0)
                return error_kind(err, ERROR_ATTENTION, EBADMSG,
                        "The copy of %s from before is damaged; it was not put back", path);
        r = file_write_fd(&c->host->root, path, source, &owner, NULL, err);
        if (r < 0)
                return r;
        return file_attributes(&c->host->root, path, &want, err);
}

/* Removes what a tree holds now and did not hold then, deepest first. */
static int prune_tree(
        struct action_context *c, const char *path, const json_t *entries, struct error **err)
{
        _cleanup_strv_ char **names = NULL;
        int r = file_list(&c->host->root, path, &names, NULL);

        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return file_list(&c->host->root, path, &names, err);
        for (size_t i = 0; names && names[i]; i++) {
                _cleanup_free_ char *child = xasprintf("%s/%s", path, names[i]);
                _cleanup_file_state_ struct file_state s = {0};
                bool known = json_object_get(entries, child) != NULL;

                r = file_state(&c->host->root, child, false, &s, err);
                if (r == 0 && known && s.kind == FILE_DIRECTORY)
                        r = prune_tree(c, child, entries, err);
                else if (r == 0 && !known)
                        r = file_remove_tree(&c->host->root, child, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void remove_parents(struct action_context *c, const json_t *image)
{
        const json_t *parents = json_object_get(image, "parents");

        /* Not empty: somebody else has put something there since; then it stays. */
        for (size_t i = json_array_size(parents); i > 0; i--)
                if (file_remove(&c->host->root, json_string_value(json_array_get(parents, i - 1)),
                            NULL) < 0)
                        return;
}

static int put_back(struct action_context *c, const json_t *image, const struct file_state *now,
        struct error **err)
{
        const char *path = text_of(image, "path"), *kind = text_of(image, "kind");
        const json_t *entries = json_object_get(image, "entries");
        struct file_state want = {0};

        if (str_eq(kind, "absent"))
                return json_is_true(json_object_get(image, "tree")) ?
                               file_remove_tree(&c->host->root, path, err) :
                               file_remove(&c->host->root, path, err);
        if (str_eq(kind, "file"))
                return put_file_back(c, image, err);
        if (str_eq(kind, "link"))
                return file_symlink(&c->host->root, path, text_of(image, "target"), err);
        if (entries) {
                int r = prune_tree(c, path, entries, err);

                if (r < 0)
                        return r;
        }
        want.kind = FILE_DIRECTORY;
        want.mode = (mode_t) json_integer_value(json_object_get(image, "mode"));
        want.uid = (uid_t) json_integer_value(json_object_get(image, "uid"));
        want.gid = (gid_t) json_integer_value(json_object_get(image, "gid"));
        want.mtime_ns = now->mtime_ns;
        return file_attributes(&c->host->root, path, &want, err);
}

int image_restore(
        struct action_context *c, const json_t *image, const json_t *after, struct error **err)
{
        const char *path = text_of(image, "path");
        _cleanup_file_state_ struct file_state now = {0};
        int r;

        if (!path)
                return error_kind(err, ERROR_ATTENTION, EBADMSG, "A before-image names no path");
        r = file_state(&c->host->root, path, true, &now, err);
        if (r < 0)
                return r;
        if (looks_like(image, &now) && !json_object_get(image, "entries")) {
                remove_parents(c, image);
                return 0;
        }
        if (after && !looks_like(after, &now)) {
                error_kind(err, ERROR_ATTENTION, EEXIST,
                        "%s was changed by somebody else since; it was left as it is", path);
                error_hint(
                        err, "Compare it with what you want, then remove or restore it by hand.");
                return -EEXIST;
        }
        r = put_back(c, image, &now, err);
        if (r < 0)
                return error_prefix(err, "Could not put %s back", path);
        remove_parents(c, image);
        return 0;
}

int images_take(struct action_context *c, const json_t *paths, bool keep, bool tree, json_t **ret,
        struct error **err)
{
        json_t *list = json_array();

        for (size_t i = 0; i < json_array_size(paths); i++) {
                json_t *image = NULL;
                int r = image_take(
                        c, json_string_value(json_array_get(paths, i)), keep, tree, &image, err);

                if (r < 0) {
                        json_decref(list);
                        return r;
                }
                json_array_append_new(list, image);
        }
        *ret = list;
        return 0;
}

static const json_t *image_of_path(const json_t *images, const char *path)
{
        for (size_t i = 0; i < json_array_size(images); i++)
                if (str_eq(text_of(json_array_get(images, i), "path"), path))
                        return json_array_get(images, i);
        return NULL;
}

int images_restore(
        struct action_context *c, const json_t *images, const json_t *after, struct error **err)
{
        struct error *first = NULL;

        for (size_t i = json_array_size(images); i > 0; i--) {
                const json_t *image = json_array_get(images, i - 1);
                _cleanup_error_ struct error *e = NULL;

                if (image_restore(c, image, image_of_path(after, text_of(image, "path")), &e) == 0)
                        continue;
                if (!first)
                        first = TAKE_PTR(e);
                else
                        (void) error_prefix(&first, "%s", error_message(e));
        }
        return first ? error_move(err, first) : 0;
}
