/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "../base/escape.h"
#include "../base/str.h"
#include "action.h"
#include <fcntl.h>
#include <sys/stat.h>

#define IMAGE_MAX        (256 * 1024 * 1024)
#define TREE_ENTRIES_MAX 50000
/* Of a tree that was there before, so much is kept to be put back: settings and leases of another
 * program, not its data. What is beyond is known by name, so that it is at least not removed. */
#define TREE_KEPT_ENTRIES 2000
#define TREE_KEPT_FILE    ((int64_t) 4 * 1024 * 1024)
#define TREE_KEPT_BYTES   ((int64_t) 64 * 1024 * 1024)

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

struct tree {
        json_t *entries; /* path → image, or true where only the name is known */
        bool keep;
        int64_t bytes;
};

/* An image of one thing in a tree, or true. */
static json_t *entry_of(
        struct action_context *c, struct tree *t, const char *path, struct file_state *s)
{
        bool file = s->kind == FILE_REGULAR;

        if (!t->keep || s->kind == FILE_OTHER ||
                json_object_size(t->entries) >= TREE_KEPT_ENTRIES ||
                (file && (s->size > TREE_KEPT_FILE || t->bytes + s->size > TREE_KEPT_BYTES)))
                return json_true();
        if (file) {
                file_state_done(s);
                /* What is being written to while it is looked at belongs to a program that runs. */
                if (file_state(&c->host->root, path, true, s, NULL) < 0 ||
                        keep_content(c, path, s, NULL) < 0)
                        return json_true();
                t->bytes += s->size;
        }
        return state_to_json(path, s);
}

static int list_tree(struct action_context *c, const char *path, struct tree *t, struct error **err)
{
        _cleanup_strv_ char **names = NULL;
        int r = file_list(&c->host->root, path, &names, err);

        if (r < 0)
                return r;
        for (size_t i = 0; names && names[i]; i++) {
                _cleanup_free_ char *child = xasprintf("%s/%s", path, names[i]);
                _cleanup_file_state_ struct file_state s = {0};
                bool directory;

                r = file_state(&c->host->root, child, false, &s, err);
                if (r < 0)
                        return r;
                directory = s.kind == FILE_DIRECTORY;
                if (json_object_set_new(t->entries, child, entry_of(c, t, child, &s)) < 0)
                        return error_set(err, EILSEQ, "A name below %s is not UTF-8", path);
                if (json_object_size(t->entries) > TREE_ENTRIES_MAX)
                        return error_set(
                                err, E2BIG, "%s holds too many files to undo exactly", path);
                r = directory ? list_tree(c, child, t, err) : 0;
                if (r < 0)
                        return r;
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
                struct tree t = {.entries = json_object(), .keep = keep};

                json_object_set_new(image, "entries", t.entries);
                r = list_tree(c, path, &t, err);
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
        struct error **err);

/* What was in the tree and is not, or not as it was: parents come before what is in them. */
static int put_entries_back(struct action_context *c, const json_t *entries, struct error **err)
{
        const char *path;
        json_t *image;

        json_object_foreach((json_t *) entries, path, image)
        {
                _cleanup_file_state_ struct file_state now = {0};
                int r;

                if (!json_is_object(image))
                        continue;
                r = file_state(&c->host->root, path, true, &now, err);
                if (r == 0 && !looks_like(image, &now))
                        r = put_back(c, image, &now, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int put_directory_back(struct action_context *c, const json_t *image,
        const struct file_state *now, struct error **err)
{
        const char *path = text_of(image, "path");
        const json_t *entries = json_object_get(image, "entries");
        struct file_state want = {
                .kind = FILE_DIRECTORY,
                .mode = (mode_t) json_integer_value(json_object_get(image, "mode")),
                .uid = (uid_t) json_integer_value(json_object_get(image, "uid")),
                .gid = (gid_t) json_integer_value(json_object_get(image, "gid")),
                .mtime_ns = now->mtime_ns,
        };
        int r = 0;

        if (now->kind == FILE_ABSENT) {
                _cleanup_file_state_ struct file_state made = {0};

                r = file_mkdir(&c->host->root, path, want.mode, err);
                if (r == 0)
                        r = file_state(&c->host->root, path, false, &made, err);
                want.mtime_ns = made.mtime_ns;
        } else if (entries) {
                r = prune_tree(c, path, entries, err);
        }
        if (r == 0 && entries)
                r = put_entries_back(c, entries, err);
        return r < 0 ? r : file_attributes(&c->host->root, path, &want, err);
}

static int put_back(struct action_context *c, const json_t *image, const struct file_state *now,
        struct error **err)
{
        const char *path = text_of(image, "path"), *kind = text_of(image, "kind");

        if (str_eq(kind, "absent"))
                return json_is_true(json_object_get(image, "tree")) ?
                               file_remove_tree(&c->host->root, path, err) :
                               file_remove(&c->host->root, path, err);
        if (str_eq(kind, "file"))
                return put_file_back(c, image, err);
        if (str_eq(kind, "link"))
                return file_symlink(&c->host->root, path, text_of(image, "target"), err);
        return put_directory_back(c, image, now, err);
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
