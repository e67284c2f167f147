/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "../../src/base/file.h"
#include "../../src/base/str.h"
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

struct place {
        char path[64];
        struct fsroot root;
};

static int set_up(void **state)
{
        struct place *p = xcalloc(1, sizeof(*p));

        strcpy(p->path, "/tmp/k3wizard-file-XXXXXX");
        assert_non_null(mkdtemp(p->path));
        assert_int_equal(fsroot_open(p->path, true, &p->root, NULL), 0);
        *state = p;
        return 0;
}

static int tear_down(void **state)
{
        struct place *p = *state;
        _cleanup_strv_ char **names = NULL;

        assert_int_equal(file_list(&p->root, "/", &names, NULL), 0);
        for (size_t i = 0; names && names[i]; i++) {
                _cleanup_free_ char *path = xasprintf("/%s", names[i]);

                assert_int_equal(file_remove_tree(&p->root, path, NULL), 0);
        }
        fsroot_close(&p->root);
        assert_int_equal(rmdir(p->path), 0);
        free(p);
        return 0;
}

static void put(struct place *p, const char *path, const char *text)
{
        assert_int_equal(
                file_write(&p->root, path, text, strlen(text), FILE_OWNER_OURS(0644), NULL), 0);
}

static void assert_content(struct place *p, const char *path, const char *text)
{
        _cleanup_free_ char *got = NULL;
        size_t len = 0;

        assert_int_equal(file_read(&p->root, path, 1 << 20, &got, &len, NULL), 0);
        assert_int_equal(len, strlen(text));
        assert_string_equal(got, text);
}

static size_t count(struct place *p, const char *directory)
{
        _cleanup_strv_ char **names = NULL;

        assert_int_equal(file_list(&p->root, directory, &names, NULL), 0);
        return strv_len(names);
}

static void writes_replaces_and_keeps_the_owner(void **state)
{
        struct place *p = *state;
        _cleanup_file_state_ struct file_state s = {0};
        struct file_owner other = {.mode = 0640, .uid = 1234, .gid = 1235};

        if (geteuid() != 0)
                skip();
        assert_int_equal(file_write(&p->root, "/a", "one", 3, &other, NULL), 0);
        assert_int_equal(file_write(&p->root, "/a", "two", 3, FILE_OWNER_OURS(0600), NULL), 0);
        assert_content(p, "/a", "two");
        assert_int_equal(file_state(&p->root, "/a", true, &s, NULL), 0);
        assert_int_equal(s.kind, FILE_REGULAR);
        assert_int_equal(s.mode, 0600);
        assert_int_equal(s.uid, 1234);
        assert_int_equal(s.gid, 1235);
        assert_string_equal(
                s.sha256, "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3");
        assert_int_equal(count(p, "/"), 1);
}

static void absent_is_a_state_and_not_an_error(void **state)
{
        struct place *p = *state;
        _cleanup_file_state_ struct file_state s = {.kind = FILE_OTHER};

        assert_int_equal(file_state(&p->root, "/no/such/thing", true, &s, NULL), 0);
        assert_int_equal(s.kind, FILE_ABSENT);
        assert_int_equal(file_remove(&p->root, "/no/such/thing", NULL), 0);
        assert_int_equal(file_remove_tree(&p->root, "/no/such/thing", NULL), 0);
}

static void a_link_that_is_replaced_leaves_its_target_alone(void **state)
{
        struct place *p = *state;
        _cleanup_file_state_ struct file_state s = {0};

        put(p, "/target", "old");
        assert_int_equal(file_symlink(&p->root, "/link", "target", NULL), 0);
        put(p, "/link", "new");
        assert_content(p, "/target", "old");
        assert_int_equal(file_state(&p->root, "/link", false, &s, NULL), 0);
        assert_int_equal(s.kind, FILE_REGULAR);
}

static void a_confined_root_is_never_left(void **state)
{
        struct place *p = *state;
        _cleanup_free_ char *outside = xasprintf("%s-outside", p->path);
        struct stat st;

        assert_int_equal(mkdir(outside, 0700), 0);
        assert_int_equal(file_symlink(&p->root, "/up", "../../../..", NULL), 0);
        assert_int_equal(file_symlink(&p->root, "/absolute", outside, NULL), 0);
        put(p, "/up/x", "inside");
        assert_content(p, "/x", "inside");
        assert_int_equal(
                file_write(&p->root, "/absolute/y", "z", 1, FILE_OWNER_OURS(0644), NULL), -ENOENT);
        put(p, "/../../w", "inside");
        assert_content(p, "/w", "inside");
        assert_int_equal(rmdir(outside), 0);
        assert_int_equal(stat(p->path, &st), 0);
}

static void a_link_that_another_user_made_is_not_followed(void **state)
{
        struct place *p = *state;
        _cleanup_error_ struct error *err = NULL;
        _cleanup_free_ char *link = xasprintf("%s/link", p->path);

        if (geteuid() != 0)
                skip();
        assert_int_equal(file_mkdir(&p->root, "/dir", 0755, NULL), 0);
        assert_int_equal(file_symlink(&p->root, "/link", "dir", NULL), 0);
        assert_int_equal(lchown(link, 1234, 1234), 0);
        assert_int_equal(
                file_write(&p->root, "/link/a", "x", 1, FILE_OWNER_OURS(0644), &err), -ELOOP);
        assert_non_null(strstr(err->plain, "symbolic link"));
        assert_int_equal(count(p, "/dir"), 0);
}

static void reads_no_fifo_no_device_no_directory_and_no_more_than_the_limit(void **state)
{
        struct place *p = *state;
        _cleanup_free_ char *fifo = xasprintf("%s/fifo", p->path), *text = NULL;
        struct fsroot slash = {.fd = -1};

        assert_int_equal(mkfifo(fifo, 0600), 0);
        assert_int_equal(file_read(&p->root, "/fifo", 100, &text, NULL, NULL), -EINVAL);
        assert_int_equal(file_mkdir(&p->root, "/dir", 0755, NULL), 0);
        assert_int_equal(file_read(&p->root, "/dir", 100, &text, NULL, NULL), -EINVAL);
        put(p, "/long", "12345678901");
        assert_int_equal(file_read(&p->root, "/long", 10, &text, NULL, NULL), -EFBIG);
        assert_int_equal(fsroot_open("/", false, &slash, NULL), 0);
        assert_int_equal(file_read(&slash, "/dev/zero", 100, &text, NULL, NULL), -EINVAL);
        assert_null(text);
        assert_int_equal(file_read(&slash, "/proc/self/stat", 4096, &text, NULL, NULL), 0);
        assert_true(strlen(text) > 10);
        fsroot_close(&slash);
}

static void sweeps_only_our_own_left_overs(void **state)
{
        struct place *p = *state;

        put(p, "/" FILE_TEMPORARY_PREFIX "abc", "x");
        put(p, "/keep", "x");
        assert_int_equal(file_sweep(&p->root, "/", NULL), 0);
        assert_int_equal(count(p, "/"), 1);
        assert_content(p, "/keep", "x");
}

static void removes_a_tree_and_nothing_behind_its_links(void **state)
{
        struct place *p = *state;

        assert_int_equal(file_mkdirs(&p->root, "/tree/a/b", 0755, NULL), 0);
        put(p, "/tree/a/b/file", "x");
        put(p, "/keep", "y");
        assert_int_equal(file_symlink(&p->root, "/tree/a/link", "/keep", NULL), 0);
        assert_int_equal(file_remove_tree(&p->root, "/tree", NULL), 0);
        assert_int_equal(count(p, "/"), 1);
        assert_content(p, "/keep", "y");
}

static int in_a_mount_namespace(struct place *p, int (*what)(struct place *p))
{
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
                if (unshare(CLONE_NEWNS) < 0 ||
                        mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0)
                        _exit(77);
                _exit(what(p));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static int remove_over_a_mount(struct place *p)
{
        _cleanup_free_ char *path = xasprintf("%s/tree/mnt", p->path),
                            *file = xasprintf("%s/data", path);
        _cleanup_error_ struct error *err = NULL;
        struct fsroot root = {.fd = -1};

        /* Opened here: a descriptor from before belongs to the other mount namespace. */
        if (fsroot_open(p->path, true, &root, NULL) < 0 ||
                mount("k3wizard", path, "tmpfs", 0, "size=64k") < 0 ||
                mknod(file, S_IFREG | 0644, 0) < 0)
                return 77;
        if (file_remove_tree(&root, "/tree", &err) != -EBUSY || !strstr(err->plain, "mount point"))
                return 1;
        return access(file, F_OK) == 0 ? 0 : 2;
}

/* Of the same file system, and so with the same device number. */
static int remove_over_a_bind_mount(struct place *p)
{
        _cleanup_free_ char *from = xasprintf("%s/precious", p->path),
                            *to = xasprintf("%s/tree/mnt", p->path),
                            *data = xasprintf("%s/data", from);
        struct fsroot root = {.fd = -1};

        if (fsroot_open(p->path, true, &root, NULL) < 0 ||
                mount(from, to, "none", MS_BIND, NULL) < 0)
                return 77;
        if (file_remove_tree(&root, "/tree", NULL) != -EBUSY)
                return 1;
        return access(data, F_OK) == 0 ? 0 : 2;
}

static void a_bind_mount_below_a_tree_is_not_emptied(void **state)
{
        struct place *p = *state;
        int r;

        assert_int_equal(file_mkdirs(&p->root, "/tree/mnt", 0755, NULL), 0);
        assert_int_equal(file_mkdirs(&p->root, "/precious", 0755, NULL), 0);
        put(p, "/precious/data", "keep me");
        r = in_a_mount_namespace(p, remove_over_a_bind_mount);
        if (r == 77)
                skip();
        assert_int_equal(r, 0);
}

/* In an overlay over two file systems, a file and its directory have different device numbers. */
static int remove_in_an_overlay(struct place *p)
{
        _cleanup_free_ char *upper = xasprintf("%s/disk", p->path),
                            *at = xasprintf("%s/merged", p->path),
                            *options = xasprintf("lowerdir=%s/lower,upperdir=%s/disk/u,"
                                                 "workdir=%s/disk/w",
                                    p->path, p->path, p->path);
        struct fsroot root = {.fd = -1};

        if (mount("k3wizard", upper, "tmpfs", 0, "size=256k") < 0 ||
                fsroot_open(p->path, true, &root, NULL) < 0 ||
                file_mkdir(&root, "/disk/u", 0755, NULL) < 0 ||
                file_mkdir(&root, "/disk/w", 0755, NULL) < 0 ||
                mount("overlay", at, "overlay", 0, options) < 0)
                return 77;
        if (file_write(&root, "/merged/tree/new", "x", 1, FILE_OWNER_OURS(0644), NULL) < 0)
                return 1;
        return file_remove_tree(&root, "/merged/tree", NULL) == 0 ? 0 : 2;
}

static void a_tree_in_an_overlay_can_be_removed(void **state)
{
        struct place *p = *state;
        int r;

        assert_int_equal(file_mkdirs(&p->root, "/lower/tree", 0755, NULL), 0);
        assert_int_equal(file_mkdirs(&p->root, "/disk", 0755, NULL), 0);
        assert_int_equal(file_mkdirs(&p->root, "/merged", 0755, NULL), 0);
        put(p, "/lower/tree/old", "y");
        r = in_a_mount_namespace(p, remove_in_an_overlay);
        if (r == 77)
                skip();
        assert_int_equal(r, 0);
}

static void a_mount_point_below_a_tree_stops_its_removal(void **state)
{
        struct place *p = *state;
        int r;

        assert_int_equal(file_mkdirs(&p->root, "/tree/mnt", 0755, NULL), 0);
        r = in_a_mount_namespace(p, remove_over_a_mount);
        if (r == 77)
                skip();
        assert_int_equal(r, 0);
}

static int write_on_a_full_disk(struct place *p)
{
        _cleanup_free_ char *path = xasprintf("%s/full", p->path), *big = xcalloc(1, 128 * 1024);
        struct fsroot full = {.fd = -1};
        char **names = NULL;
        char *text = NULL;

        if (mount("k3wizard", path, "tmpfs", 0, "size=64k") < 0 ||
                fsroot_open(path, true, &full, NULL) < 0)
                return 77;
        if (file_write(&full, "/a", "old", 3, FILE_OWNER_OURS(0644), NULL) < 0)
                return 1;
        if (file_write(&full, "/a", big, 128 * 1024, FILE_OWNER_OURS(0644), NULL) != -ENOSPC)
                return 2;
        if (file_read(&full, "/a", 100, &text, NULL, NULL) < 0 || !str_eq(text, "old"))
                return 3;
        if (file_list(&full, "/", &names, NULL) < 0 || strv_len(names) != 1)
                return 4;
        free(text);
        strv_free(names);
        fsroot_close(&full);
        return 0;
}

static void a_full_disk_leaves_the_old_file_and_no_temporary_one(void **state)
{
        struct place *p = *state;
        int r;

        assert_int_equal(file_mkdir(&p->root, "/full", 0755, NULL), 0);
        r = in_a_mount_namespace(p, write_on_a_full_disk);
        if (r == 77)
                skip();
        assert_int_equal(r, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
                T(writes_replaces_and_keeps_the_owner),
                T(absent_is_a_state_and_not_an_error),
                T(a_link_that_is_replaced_leaves_its_target_alone),
                T(a_confined_root_is_never_left),
                T(a_link_that_another_user_made_is_not_followed),
                T(reads_no_fifo_no_device_no_directory_and_no_more_than_the_limit),
                T(sweeps_only_our_own_left_overs),
                T(removes_a_tree_and_nothing_behind_its_links),
                T(a_mount_point_below_a_tree_stops_its_removal),
                T(a_bind_mount_below_a_tree_is_not_emptied),
                T(a_tree_in_an_overlay_can_be_removed),
                T(a_full_disk_leaves_the_old_file_and_no_temporary_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
