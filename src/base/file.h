/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* file: reading and changing files so that a power cut finds either the old or the new one.
 *
 * Every function works below a root: "/" for a real machine, a private directory for a practice
 * world or a test. Paths are absolute as the machine sees them. Parents are walked component by
 * component with openat(2) and O_NOFOLLOW; a symlink on the way is followed only when it belongs to
 * root or to us and its directory is not writable by others (invariant 6); with `confined` an
 * absolute link or ".." starts again at the root and never leaves it. The last component is never
 * followed. openat2(2) would do this in one call, but Jetson kernels (4.9) do not have it.
 *
 * Writes: temporary file in the same directory, fsync, rename, fsync of the directory; each result
 * is checked (invariant 7). Temporary files are named ".k3wizard-XXXXXX" so that an interrupted
 * write can be found and swept. */

#include "digest.h"
#include <sys/types.h>

#define FILE_TEMPORARY_PREFIX ".k3wizard-"

struct fsroot {
        int fd;        /* O_PATH or O_DIRECTORY descriptor; -1 when closed */
        bool confined; /* private directory: nothing outside is reached */
};

int fsroot_open(const char *path, bool confined, struct fsroot *ret, struct error **err);
void fsroot_close(struct fsroot *root);

enum file_kind { FILE_ABSENT, FILE_REGULAR, FILE_DIRECTORY, FILE_SYMLINK, FILE_OTHER };

struct file_state {
        enum file_kind kind;
        mode_t mode; /* permission bits, 07777 */
        uid_t uid;
        gid_t gid;
        int64_t size;
        int64_t mtime_ns;
        dev_t device;
        char *target;                 /* of a symlink, else NULL */
        char sha256[DIGEST_HEX_SIZE]; /* of a regular file when asked for, else "" */
};
void file_state_done(struct file_state *s);
#define _cleanup_file_state_ _cleanup_(file_state_done)

/* What is at path. Absent (also: a parent that is absent) is not an error. hash: fill sha256. */
int file_state(const struct fsroot *root, const char *path, bool hash, struct file_state *ret,
        struct error **err);

/* Whole content of a regular file (procfs and sysfs too), NUL-terminated, at most limit bytes
 * (-EFBIG above). -ENOENT when absent, -EINVAL for anything that is not a regular file: a FIFO or a
 * device is never opened. ret_len may be NULL. */
int file_read(const struct fsroot *root, const char *path, size_t limit, char **ret,
        size_t *ret_len, struct error **err);

struct file_owner {
        mode_t mode;
        uid_t uid; /* (uid_t) -1: as the file that is replaced, else ours */
        gid_t gid;
};
#define FILE_OWNER_OURS(m) (&(struct file_owner){.mode = (m), .uid = (uid_t) -1, .gid = (gid_t) -1})

/* Atomic whole-file write. Parents must exist. Replaces a regular file or a symlink (the link
 * itself). */
int file_write(const struct fsroot *root, const char *path, const void *bytes, size_t len,
        const struct file_owner *owner, struct error **err);

/* The same from a descriptor (its whole content, from offset 0), hashing on the way: ret_sha256 may
 * be NULL. */
int file_write_fd(const struct fsroot *root, const char *path, int source,
        const struct file_owner *owner, char ret_sha256[DIGEST_HEX_SIZE], struct error **err);

int file_symlink(
        const struct fsroot *root, const char *path, const char *target, struct error **err);

/* Sets mode, owner and modification time of what is there (a symlink: owner only). */
int file_attributes(const struct fsroot *root, const char *path, const struct file_state *want,
        struct error **err);

/* Makes one directory; there already as a directory: 0 and nothing changed. Fsyncs the parent. */
int file_mkdir(const struct fsroot *root, const char *path, mode_t mode, struct error **err);

/* Makes path and its missing parents with this mode. */
int file_mkdirs(const struct fsroot *root, const char *path, mode_t mode, struct error **err);

/* Removes a file, a link or an empty directory; absent is fine; -ENOTEMPTY is returned without
 * ceremony. Fsyncs the parent. */
int file_remove(const struct fsroot *root, const char *path, struct error **err);

/* Removes a tree without following links and without crossing into another file system: a mount
 * point on the way is -EBUSY and is named. Absent is fine. */
int file_remove_tree(const struct fsroot *root, const char *path, struct error **err);

/* Names in a directory, sorted, without "." and "..". -ENOENT when absent. */
int file_list(const struct fsroot *root, const char *path, char ***ret, struct error **err);

/* Opens a regular file for reading, O_CLOEXEC. Returns the descriptor or a negative errno. */
int file_open(const struct fsroot *root, const char *path, struct error **err);

/* Opens the parent directory of path; *ret_name is the last component, inside path. Returns the
 * descriptor or a negative errno. */
int file_open_parent(
        const struct fsroot *root, const char *path, const char **ret_name, struct error **err);

/* Removes left-over temporary files of ours in one directory. Absent is fine. */
int file_sweep(const struct fsroot *root, const char *directory, struct error **err);

/* All bytes, across short writes and EINTR. Returns 0 or -errno. */
int fd_write_all(int fd, const void *bytes, size_t len);
/* Reads to the end, at most limit bytes (-EFBIG). */
int fd_read_all(int fd, size_t limit, char **ret, size_t *ret_len);
