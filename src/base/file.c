/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "file.h"
#include "escape.h"
#include "str.h"
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

#define LINKS_MAX 16
#define BLOCK     (256 * 1024)

int fsroot_open(const char *path, bool confined, struct fsroot *ret, struct error **err)
{
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return error_errno(err, errno, "Could not open %s", path);
        ret->fd = fd;
        ret->confined = confined;
        return 0;
}

void fsroot_close(struct fsroot *root)
{
        closep(&root->fd);
        root->fd = -1;
}

void file_state_done(struct file_state *s)
{
        free(s->target);
        *s = (struct file_state){0};
}

/* ---- walking to a parent ---- */

/* A link on the way is followed when nobody but root or we could have put it there. */
static bool link_is_trusted(int directory, const char *name)
{
        struct stat link, holder;

        if (fstatat(directory, name, &link, AT_SYMLINK_NOFOLLOW) < 0 ||
                fstat(directory, &holder) < 0)
                return false;
        if (link.st_uid != 0 && link.st_uid != geteuid())
                return false;
        return !(holder.st_mode & S_IWOTH) || (holder.st_mode & S_ISVTX);
}

static char *read_link(int directory, const char *name)
{
        char target[4096];
        ssize_t n = readlinkat(directory, name, target, sizeof(target) - 1);

        if (n < 0)
                return NULL;
        target[n] = '\0';
        return xstrdup(target);
}

/* One component down from *fd. `rest` is what is still to be walked; a link is put in front of it.
 * Returns 0 or -errno. */
static int descend(const struct fsroot *root, int *fd, const char *name, char **rest, int *links)
{
        _cleanup_free_ char *target = NULL;
        int next = openat(*fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (next < 0)
                return -errno;
        if (fstat(next, &st) < 0) {
                int saved = errno;

                close(next);
                return -saved;
        }
        if (!S_ISLNK(st.st_mode)) {
                closep(fd);
                *fd = next;
                return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
        }
        close(next);
        if (++*links > LINKS_MAX || !link_is_trusted(*fd, name))
                return -ELOOP;
        target = read_link(*fd, name);
        if (!target)
                return -errno;
        if (target[0] == '/') {
                closep(fd);
                *fd = fcntl(root->fd, F_DUPFD_CLOEXEC, 3);
                if (*fd < 0)
                        return -errno;
        }
        {
                char *longer = xasprintf("%s/%s", target, *rest);

                free(*rest);
                *rest = longer;
        }
        return 0;
}

static bool same_directory(int a, int b)
{
        struct stat x, y;

        return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
               x.st_ino == y.st_ino;
}

/* Walks all of path, which names a directory. Returns a descriptor (O_PATH) or -errno. */
static int walk(const struct fsroot *root, const char *path)
{
        _cleanup_free_ char *rest = xstrdup(path);
        _cleanup_close_ int fd = fcntl(root->fd, F_DUPFD_CLOEXEC, 3);
        int links = 0;

        if (fd < 0)
                return -errno;
        for (;;) {
                char *start = rest + strspn(rest, "/");
                size_t len = strcspn(start, "/");
                _cleanup_free_ char *name = xstrndup(start, len);
                char *tail;
                int r;

                if (len == 0)
                        return TAKE_FD(fd);
                tail = xstrdup(start + len);
                free(rest);
                rest = tail;
                if (str_eq(name, ".") || (str_eq(name, "..") && same_directory(fd, root->fd)))
                        continue;
                r = descend(root, &fd, name, &rest, &links);
                if (r < 0)
                        return r;
        }
}

static int open_parent(const struct fsroot *root, const char *path, const char **ret_name)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = NULL;

        if (path[0] != '/' || !slash[1] || str_eq(slash + 1, ".") || str_eq(slash + 1, ".."))
                return -EINVAL;
        parent = xstrndup(path, (size_t) (slash - path));
        *ret_name = slash + 1;
        return walk(root, parent);
}

static int parent_error(struct error **err, int r, const char *path)
{
        _cleanup_free_ char *shown = escape_text(path);

        if (r == -ELOOP)
                return error_set(err, ELOOP,
                        "%s leads through a symbolic link that others could have made; it is not "
                        "followed",
                        shown);
        return error_errno(err, -r, "Could not reach %s", shown);
}

int file_open_parent(
        const struct fsroot *root, const char *path, const char **ret_name, struct error **err)
{
        int fd = open_parent(root, path, ret_name);

        return fd < 0 ? parent_error(err, fd, path) : fd;
}

static int failed(struct error **err, const char *format, const char *path)
{
        int saved = errno;
        _cleanup_free_ char *shown = escape_text(path);

        return error_errno(err, saved, format, shown);
}

/* fsync needs a descriptor that is not O_PATH. */
static int sync_directory(int parent)
{
        _cleanup_close_ int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* ---- reading ---- */

/* A regular file and nothing else, without ever blocking on a FIFO. Returns a descriptor or -errno;
 * -EINVAL: not a regular file. */
static int open_regular(int parent, const char *name)
{
        _cleanup_close_ int fd = -1;
        struct stat st;

        /* Looked at first: opening a device can have effects. */
        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -EINVAL;
}

int file_open(const struct fsroot *root, const char *path, struct error **err)
{
        const char *name = NULL;
        _cleanup_close_ int parent = open_parent(root, path, &name);
        _cleanup_free_ char *shown = NULL;
        int fd;

        if (parent < 0)
                return parent_error(err, parent, path);
        fd = open_regular(parent, name);
        if (fd >= 0)
                return fd;
        shown = escape_text(path);
        if (fd == -EINVAL)
                return error_set(err, EINVAL, "%s is not a regular file", shown);
        return error_errno(err, -fd, "Could not open %s", shown);
}

int fd_read_all(int fd, size_t limit, char **ret, size_t *ret_len)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        char block[16384];

        for (;;) {
                ssize_t n = read(fd, block, sizeof(block));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                if (b.len + (size_t) n > limit)
                        return -EFBIG;
                strbuf_add(&b, block, (size_t) n);
        }
        if (ret_len)
                *ret_len = b.len;
        *ret = strbuf_take(&b);
        return 0;
}

int fd_write_all(int fd, const void *bytes, size_t len)
{
        const char *at = bytes;

        while (len > 0) {
                ssize_t n = write(fd, at, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EIO;
                at += n;
                len -= (size_t) n;
        }
        return 0;
}

int file_read(const struct fsroot *root, const char *path, size_t limit, char **ret,
        size_t *ret_len, struct error **err)
{
        _cleanup_close_ int fd = file_open(root, path, err);
        _cleanup_free_ char *shown = NULL;
        int r;

        if (fd < 0)
                return fd;
        r = fd_read_all(fd, limit, ret, ret_len);
        if (r == 0)
                return 0;
        shown = escape_text(path);
        if (r == -EFBIG)
                return error_set(err, EFBIG, "%s is larger than %zu bytes", shown, limit);
        return error_errno(err, -r, "Could not read %s", shown);
}

static int hash_regular(int parent, const char *name, char ret[DIGEST_HEX_SIZE], struct error **err)
{
        _cleanup_close_ int fd = open_regular(parent, name);

        if (fd < 0)
                return error_errno(err, -fd, "Could not open %s", name);
        return digest_fd(fd, ret, err);
}

int file_state(const struct fsroot *root, const char *path, bool hash, struct file_state *ret,
        struct error **err)
{
        const char *name = NULL;
        _cleanup_close_ int parent = -1;
        _cleanup_file_state_ struct file_state s = {0};
        struct stat st;
        int r;

        if (str_eq(path, "/"))
                path = "/.", name = ".";
        parent = name ? fcntl(root->fd, F_DUPFD_CLOEXEC, 3) : open_parent(root, path, &name);
        if (parent == -ENOENT || parent == -ENOTDIR) {
                *ret = s;
                return 0;
        }
        if (parent < 0)
                return parent_error(err, parent, path);
        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                if (errno != ENOENT)
                        return failed(err, "Could not look at %s", path);
                *ret = s;
                return 0;
        }
        s.kind = S_ISREG(st.st_mode) ? FILE_REGULAR :
                 S_ISDIR(st.st_mode) ? FILE_DIRECTORY :
                 S_ISLNK(st.st_mode) ? FILE_SYMLINK :
                                       FILE_OTHER;
        s.mode = st.st_mode & 07777;
        s.uid = st.st_uid;
        s.gid = st.st_gid;
        s.size = st.st_size;
        s.mtime_ns = (int64_t) st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
        s.device = st.st_dev;
        if (s.kind == FILE_SYMLINK) {
                s.target = read_link(parent, name);
                if (!s.target)
                        return failed(err, "Could not read the link %s", path);
        }
        if (hash && s.kind == FILE_REGULAR) {
                r = hash_regular(parent, name, s.sha256, err);
                if (r < 0)
                        return r;
        }
        *ret = s;
        s.target = NULL;
        return 0;
}

static int by_name(const void *a, const void *b)
{
        return strcmp(*(char *const *) a, *(char *const *) b);
}

int file_list(const struct fsroot *root, const char *path, char ***ret, struct error **err)
{
        _cleanup_close_ int fd = walk(root, path);
        _cleanup_strv_ char **names = NULL;
        struct dirent *entry;
        int readable;
        DIR *dir;

        if (fd < 0) {
                (void) parent_error(err, fd, path);
                return fd;
        }
        readable = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        dir = readable >= 0 ? fdopendir(readable) : NULL;
        if (!dir) {
                int r = failed(err, "Could not open the directory %s", path);

                closep(&readable);
                return r;
        }
        while ((errno = 0, entry = readdir(dir)))
                if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
                        strv_add(&names, entry->d_name);
        if (errno != 0) {
                int r = failed(err, "Could not read the directory %s", path);

                closedir(dir);
                return r;
        }
        closedir(dir);
        if (names)
                qsort(names, strv_len(names), sizeof(*names), by_name);
        *ret = TAKE_PTR(names);
        return 0;
}

/* ---- changing ---- */

/* A temporary file beside its target. */
struct draft {
        int parent;
        int fd;
        const char *target;
        char name[sizeof(FILE_TEMPORARY_PREFIX) + 16];
};

static int draft_open(struct draft *d)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";

        for (int tries = 0; tries < 100; tries++) {
                unsigned char random[8];

                if (getrandom(random, sizeof(random), 0) != (ssize_t) sizeof(random))
                        return -errno;
                strcpy(d->name, FILE_TEMPORARY_PREFIX);
                for (size_t i = 0; i < sizeof(random); i++)
                        d->name[sizeof(FILE_TEMPORARY_PREFIX) - 1 + i] =
                                letters[random[i] % (sizeof(letters) - 1)];
                d->name[sizeof(FILE_TEMPORARY_PREFIX) - 1 + sizeof(random)] = '\0';
                d->fd = openat(d->parent, d->name,
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
                if (d->fd >= 0)
                        return 0;
                if (errno != EEXIST)
                        return -errno;
        }
        return -EEXIST;
}

static void draft_drop(struct draft *d)
{
        if (d->fd >= 0)
                closep(&d->fd);
        d->fd = -1;
        if (d->name[0] && d->parent >= 0)
                (void) unlinkat(d->parent, d->name, 0);
        closep(&d->parent);
}

/* Owner and mode before the rename, so that the file never shows with others. */
static int draft_dress(struct draft *d, const struct file_owner *owner)
{
        uid_t uid = owner->uid;
        gid_t gid = owner->gid;
        struct stat st;

        if (fstatat(d->parent, d->target, &st, AT_SYMLINK_NOFOLLOW) == 0) {
                if (S_ISDIR(st.st_mode))
                        return -EISDIR;
                uid = uid == (uid_t) -1 ? st.st_uid : uid;
                gid = gid == (gid_t) -1 ? st.st_gid : gid;
        } else if (errno != ENOENT) {
                return -errno;
        }
        if (fstat(d->fd, &st) < 0)
                return -errno;
        if (((uid != (uid_t) -1 && uid != st.st_uid) || (gid != (gid_t) -1 && gid != st.st_gid)) &&
                fchown(d->fd, uid, gid) < 0)
                return -errno;
        return fchmod(d->fd, owner->mode) < 0 ? -errno : 0;
}

static int draft_commit(struct draft *d)
{
        int fd;

        if (fsync(d->fd) < 0)
                return -errno;
        /* A close that fails may be the only word of a lost write (NFS, quota). */
        fd = TAKE_FD(d->fd);
        if (close(fd) < 0)
                return -errno;
        if (renameat(d->parent, d->name, d->parent, d->target) < 0)
                return -errno;
        d->name[0] = '\0';
        return sync_directory(d->parent);
}

static int write_error(struct error **err, int r, const char *path)
{
        _cleanup_free_ char *shown = escape_text(path);

        if (r == -EISDIR)
                return error_set(err, EISDIR, "%s is a directory; a file should go there", shown);
        error_errno(err, -r, "Could not write %s", shown);
        if (r == -ENOSPC || r == -EDQUOT)
                error_hint(err, "Make room on that file system. What was there is as it was.");
        if (r == -EROFS)
                error_hint(err, "That file system is mounted read-only.");
        return r;
}

/* Fills the draft from bytes, or, when bytes is NULL, from source. */
static int draft_fill(struct draft *d, const void *bytes, size_t len, int source,
        char ret_sha256[DIGEST_HEX_SIZE])
{
        _cleanup_digest_ struct digest *digest = NULL;
        _cleanup_free_ char *block = NULL;
        off_t at = 0;

        if (bytes)
                return fd_write_all(d->fd, bytes, len);
        digest = digest_new();
        block = xcalloc(1, BLOCK);
        for (;;) {
                ssize_t n = pread(source, block, BLOCK, at);
                int r;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                digest_update(digest, block, (size_t) n);
                r = fd_write_all(d->fd, block, (size_t) n);
                if (r < 0)
                        return r;
                at += n;
        }
        if (ret_sha256)
                digest_finish(digest, ret_sha256);
        return 0;
}

static int write_file(const struct fsroot *root, const char *path, const void *bytes, size_t len,
        int source, const struct file_owner *owner, char ret_sha256[DIGEST_HEX_SIZE],
        struct error **err)
{
        _cleanup_(draft_drop) struct draft d = {.parent = -1, .fd = -1};
        int r;

        d.parent = open_parent(root, path, &d.target);
        if (d.parent < 0)
                return parent_error(err, d.parent, path);
        r = draft_open(&d);
        if (r == 0)
                r = draft_fill(&d, bytes, len, source, ret_sha256);
        if (r == 0)
                r = draft_dress(&d, owner);
        if (r == 0)
                r = draft_commit(&d);
        return r < 0 ? write_error(err, r, path) : 0;
}

int file_write(const struct fsroot *root, const char *path, const void *bytes, size_t len,
        const struct file_owner *owner, struct error **err)
{
        return write_file(root, path, bytes ?: "", len, -1, owner, NULL, err);
}

int file_write_fd(const struct fsroot *root, const char *path, int source,
        const struct file_owner *owner, char ret_sha256[DIGEST_HEX_SIZE], struct error **err)
{
        return write_file(root, path, NULL, 0, source, owner, ret_sha256, err);
}

int file_symlink(
        const struct fsroot *root, const char *path, const char *target, struct error **err)
{
        const char *name = NULL;
        _cleanup_close_ int parent = open_parent(root, path, &name);
        _cleanup_free_ char *temporary = NULL;
        int r;

        if (parent < 0)
                return parent_error(err, parent, path);
        temporary = xasprintf(FILE_TEMPORARY_PREFIX "link-%d", (int) getpid());
        (void) unlinkat(parent, temporary, 0);
        if (symlinkat(target, parent, temporary) < 0)
                return failed(err, "Could not make the link %s", path);
        if (renameat(parent, temporary, parent, name) < 0) {
                r = failed(err, "Could not make the link %s", path);
                (void) unlinkat(parent, temporary, 0);
                return r;
        }
        r = sync_directory(parent);
        return r < 0 ? write_error(err, r, path) : 0;
}

int file_attributes(const struct fsroot *root, const char *path, const struct file_state *want,
        struct error **err)
{
        const char *name = NULL;
        _cleanup_close_ int parent = open_parent(root, path, &name);
        struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                {.tv_sec = want->mtime_ns / 1000000000, .tv_nsec = want->mtime_ns % 1000000000}};
        struct stat st;

        if (parent < 0)
                return parent_error(err, parent, path);
        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return failed(err, "Could not look at %s", path);
        if ((st.st_uid != want->uid || st.st_gid != want->gid) &&
                fchownat(parent, name, want->uid, want->gid, AT_SYMLINK_NOFOLLOW) < 0)
                return failed(err, "Could not give %s back to its owner", path);
        if (S_ISLNK(st.st_mode))
                return 0;
        /* After the owner: a change of owner clears set-id bits. */
        if (fchmodat(parent, name, want->mode, 0) < 0)
                return failed(err, "Could not set the mode of %s", path);
        if (utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
                return failed(err, "Could not set the time of %s", path);
        return 0;
}

int file_mkdir(const struct fsroot *root, const char *path, mode_t mode, struct error **err)
{
        const char *name = NULL;
        _cleanup_close_ int parent = open_parent(root, path, &name);
        struct stat st;
        mode_t mask;
        int r;

        if (parent < 0)
                return parent_error(err, parent, path);
        /* The mode asked for from the first moment: a directory that is there already after a crash
         * is taken as it is. */
        mask = umask(0);
        r = mkdirat(parent, name, mode) < 0 ? -errno : 0;
        umask(mask);
        if (r < 0) {
                errno = -r;
                if (errno != EEXIST)
                        return failed(err, "Could not make the directory %s", path);
                if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        return failed(err, "Could not look at %s", path);
                if (S_ISDIR(st.st_mode))
                        return 0;
                errno = ENOTDIR;
                return failed(err, "Could not make the directory %s", path);
        }
        r = sync_directory(parent);
        return r < 0 ? write_error(err, r, path) : 0;
}

int file_mkdirs(const struct fsroot *root, const char *path, mode_t mode, struct error **err)
{
        for (const char *slash = path; *slash;) {
                _cleanup_free_ char *part = NULL;
                _cleanup_close_ int fd = -1;
                int r;

                slash += strspn(slash, "/");
                slash += strcspn(slash, "/");
                part = xstrndup(path, (size_t) (slash - path));
                if (!part[strspn(part, "/")])
                        break;
                /* There already, perhaps through a link. */
                fd = walk(root, part);
                if (fd >= 0)
                        continue;
                r = file_mkdir(root, part, mode, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

int file_remove(const struct fsroot *root, const char *path, struct error **err)
{
        const char *name = NULL;
        _cleanup_close_ int parent = open_parent(root, path, &name);
        struct stat st;
        int r;

        if (parent == -ENOENT)
                return 0;
        if (parent < 0)
                return parent_error(err, parent, path);
        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : failed(err, "Could not look at %s", path);
        if (unlinkat(parent, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0) {
                if (errno == ENOENT)
                        return 0;
                return failed(err, "Could not remove %s", path);
        }
        r = sync_directory(parent);
        return r < 0 ? write_error(err, r, path) : 0;
}

/* From /proc, for kernels before 5.8. */
static int mount_from_proc(int parent, const char *name, uint64_t *ret)
{
        _cleanup_close_ int fd = *name ? openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) :
                                         fcntl(parent, F_DUPFD_CLOEXEC, 3);
        char path[64], line[128];
        FILE *file;
        int r = -ENODATA;

        if (fd < 0)
                return -errno;
        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
        file = fopen(path, "re");
        if (!file)
                return -errno;
        while (r < 0 && fgets(line, sizeof(line), file))
                if (sscanf(line, "mnt_id: %" SCNu64, ret) == 1)
                        r = 0;
        fclose(file);
        return r;
}

/* Which mount name below parent is in; name "": parent itself. Device numbers do not tell: a bind
 * mount has the same, and in an overlay two files of one directory may have different ones. */
static int mount_of(int parent, const char *name, uint64_t *ret)
{
#ifdef STATX_MNT_ID
        struct statx sx;

        if (statx(parent, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH, STATX_MNT_ID,
                    &sx) == 0 &&
                sx.stx_mask & STATX_MNT_ID) {
                *ret = sx.stx_mnt_id;
                return 0;
        }
#endif
        return mount_from_proc(parent, name, ret);
}

/* Removes name below parent. path is for messages. */
static int remove_below(
        int parent, const char *name, uint64_t mount, const char *path, struct error **err)
{
        _cleanup_close_ int fd = -1;
        struct dirent *entry;
        struct stat st;
        uint64_t here = 0;
        DIR *dir;
        int r = 0;

        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : failed(err, "Could not look at %s", path);
        r = mount_of(parent, name, &here);
        if (r < 0)
                return r == -ENOENT ? 0 : write_error(err, r, path);
        if (here != mount) {
                _cleanup_free_ char *shown = escape_text(path);

                error_set(err, EBUSY, "%s is a mount point; what is mounted there is not removed",
                        shown);
                error_hint(err, "Unmount it, then try again.");
                return -EBUSY;
        }
        if (!S_ISDIR(st.st_mode))
                return unlinkat(parent, name, 0) < 0 && errno != ENOENT ?
                               failed(err, "Could not remove %s", path) :
                               0;
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (!dir)
                return failed(err, "Could not open the directory %s", path);
        fd = -1;
        while (r == 0 && (entry = readdir(dir))) {
                _cleanup_free_ char *child = NULL;

                if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
                        continue;
                child = xasprintf("%s/%s", path, entry->d_name);
                r = remove_below(dirfd(dir), entry->d_name, mount, child, err);
        }
        closedir(dir);
        if (r == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
                r = failed(err, "Could not remove %s", path);
        return r;
}

int file_remove_tree(const struct fsroot *root, const char *path, struct error **err)
{
        const char *name = NULL;
        _cleanup_close_ int parent = open_parent(root, path, &name);
        uint64_t mount = 0;
        int r;

        if (parent == -ENOENT)
                return 0;
        if (parent < 0)
                return parent_error(err, parent, path);
        r = mount_of(parent, "", &mount);
        if (r < 0)
                return write_error(err, r, path);
        r = remove_below(parent, name, mount, path, err);
        if (r < 0)
                return r;
        r = sync_directory(parent);
        return r < 0 ? write_error(err, r, path) : 0;
}

int file_sweep(const struct fsroot *root, const char *directory, struct error **err)
{
        _cleanup_strv_ char **names = NULL;
        _cleanup_close_ int fd = walk(root, directory);

        if (fd == -ENOENT || fd == -ENOTDIR)
                return 0;
        if (file_list(root, directory, &names, err) < 0)
                return -EIO;
        for (size_t i = 0; names && names[i]; i++)
                if (str_starts(names[i], FILE_TEMPORARY_PREFIX) && unlinkat(fd, names[i], 0) < 0 &&
                        errno != ENOENT)
                        return failed(err, "Could not remove a temporary file in %s", directory);
        return 0;
}
