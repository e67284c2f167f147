/* SPDX-License-Identifier: GPL-3.0-or-later */

/* fetch: one file into the cache.
 *
 * The body goes from the socket to the file and through SHA-256 in one pass. What arrived before a
 * break stays in NAME.partial and is hashed again when the next attempt, or the next run, goes on
 * from there. Only a complete file with the right digest ever gets the name NAME. */

#include "../base/escape.h"
#include "../base/log.h"
#include "../base/str.h"
#include "transfer.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define WRITEBACK_STEP    ((int64_t) 8 * 1024 * 1024)
#define PROGRESS_EVERY_MS 100
#define RATE_SLOTS        16 /* one per RATE_SLOT_MS: the rate is that of the last four seconds */
#define RATE_SLOT_MS      250

struct stream {
        struct host *host;
        const struct fetch_request *request;
        char *partial; /* name */
        int fd;
        struct digest *digest;
        int64_t done, total;
        int64_t started_writeback;
        int status;     /* of the reply whose body comes */
        bool resumed;   /* bytes of an earlier run are in the file */
        bool html;      /* the body is a web page */
        bool too_large; /* more than the limit */
        int write_error;
        int64_t last_progress;
        struct {
                int64_t time, done;
        } slots[RATE_SLOTS];
        size_t n_slots;
};

static void stream_close(struct stream *s)
{
        if (s->fd >= 0)
                (void) close(s->fd);
        digest_free(s->digest);
        free(s->partial);
}

/* ---- progress ---- */

static void tell_progress(struct stream *s, bool last)
{
        struct fetch_progress p = {.done = s->done, .total = s->total, .seconds_left = -1};
        int64_t now, elapsed;
        size_t newest;

        if (!s->request->on_progress)
                return;
        now = s->host->ops->monotonic(s->host);
        if (!last && s->n_slots > 0 && now - s->last_progress < PROGRESS_EVERY_MS)
                return;
        s->last_progress = now;
        newest = s->n_slots ? (s->n_slots - 1) % RATE_SLOTS : 0;
        if (s->n_slots == 0 || now - s->slots[newest].time >= RATE_SLOT_MS) {
                s->slots[s->n_slots % RATE_SLOTS].time = now;
                s->slots[s->n_slots % RATE_SLOTS].done = s->done;
                s->n_slots++;
        }
        newest =
                s->n_slots > RATE_SLOTS ? s->n_slots % RATE_SLOTS : 0; /* the oldest that is kept */
        elapsed = now - s->slots[newest].time;
        if (elapsed > 0)
                p.rate = (s->done - s->slots[newest].done) * 1000 / elapsed;
        if (s->total >= s->done && p.rate > 0)
                p.seconds_left = (s->total - s->done + p.rate - 1) / p.rate;
        s->request->on_progress(s->request->data, &p);
}

/* ---- the file ---- */

/* Empties the partial file; what was hashed of it counts no more. */
static int stream_restart(struct stream *s)
{
        if (ftruncate(s->fd, 0) < 0 || lseek(s->fd, 0, SEEK_SET) < 0)
                return -errno;
        digest_free(s->digest);
        s->digest = digest_new();
        s->done = s->started_writeback = 0;
        s->n_slots = 0;
        s->resumed = false;
        return 0;
}

/* Hashes what is in the file already; the offset is then at its end. */
static int rehash(struct stream *s)
{
        enum { CHUNK = 256 * 1024 };
        _cleanup_free_ char *buffer = xcalloc(1, CHUNK);
        ssize_t n;

        do {
                n = read(s->fd, buffer, CHUNK);
                if (n > 0) {
                        digest_update(s->digest, buffer, (size_t) n);
                        s->done += n;
                }
        } while (n > 0 || (n < 0 && errno == EINTR));
        return n < 0 ? -errno : 0;
}

static int stream_open(struct stream *s, struct error **err)
{
        const struct fetch_request *q = s->request;
        struct stat st;
        int r;

        s->fd = openat(q->cache_fd, s->partial,
                O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
        if (s->fd < 0 || fstat(s->fd, &st) < 0)
                return error_errno(err, errno, "Could not open \"%s\" in the cache", s->partial);
        if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
                return error_set(
                        err, EINVAL, "\"%s\" in the cache is not an ordinary file", s->partial);
        s->digest = digest_new();
        /* Without a digest to compare with in the end, bytes of another day cannot be trusted. */
        if (!q->sha256 || st.st_size > q->limit)
                r = stream_restart(s);
        else
                r = rehash(s);
        if (r < 0)
                return error_errno(err, -r, "Could not read \"%s\" in the cache", s->partial);
        s->resumed = s->done > 0;
        s->started_writeback = s->done;
        return 0;
}

/* Where the cache is, for messages. */
static char *cache_path(const struct fetch_request *q, const char *name)
{
        char link[64], path[4096];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", q->cache_fd);
        n = readlink(link, path, sizeof(path) - 1);
        if (n <= 0)
                return escape_text(name);
        path[n] = '\0';
        _cleanup_free_ char *whole = xasprintf("%s/%s", path, name);
        return escape_text(whole);
}

static int write_failed(struct stream *s, int error, struct error **err)
{
        _cleanup_free_ char *path = cache_path(s->request, s->partial);
        int r;

        (void) unlinkat(s->request->cache_fd, s->partial, 0);
        if (error != ENOSPC && error != EDQUOT)
                return error_errno(err, error, "Could not write %s", path);
        if (s->total > 0)
                r = error_set(err, error,
                        "Could not write %s: the disk is full; the file needs %.1f MB", path,
                        (double) s->total / 1e6);
        else
                r = error_set(err, error, "Could not write %s: the disk is full after %.1f MB",
                        path, (double) s->done / 1e6);
        error_hint(err, "Make room and run it again; this shows what is there: df -h");
        return r;
}

/* ---- the body ---- */

static int on_head(void *data, int status, int64_t length, int64_t offset)
{
        struct stream *s = data;

        s->status = status;
        if (status != 200 && status != 206)
                return 0;
        if (status == 200 && s->done > 0) {
                s->write_error = -stream_restart(s); /* the server does not resume */
                if (s->write_error)
                        return -s->write_error;
        }
        if (status == 206 && offset != s->done)
                return -ERANGE;
        s->total = length;
        s->too_large = length > s->request->limit;
        return s->too_large ? -EFBIG : 0;
}

static int on_body(void *data, const void *bytes, size_t len)
{
        struct stream *s = data;
        int r;

        if (s->status != 200 && s->status != 206)
                return 0;
        if (s->done == 0 && transfer_is_html(NULL, bytes, len)) {
                s->html = true;
                return -EPROTO;
        }
        if (s->done + (int64_t) len > s->request->limit) {
                s->too_large = true;
                return -EFBIG;
        }
        r = fd_write_all(s->fd, bytes, len);
        if (r < 0) {
                s->write_error = -r;
                return r;
        }
        digest_update(s->digest, bytes, len);
        s->done += (int64_t) len;
        /* The disk starts now, so that the fsync at the end has little left to wait for. */
        if (s->done - s->started_writeback >= WRITEBACK_STEP) {
                (void) sync_file_range(s->fd, s->started_writeback, s->done - s->started_writeback,
                        SYNC_FILE_RANGE_WRITE);
                s->started_writeback = s->done;
        }
        tell_progress(s, false);
        return host_cancelled(s->host) ? -ECANCELED : 0;
}

static int too_large_error(const struct fetch_request *q, struct error **err)
{
        _cleanup_free_ char *url = escape_text(q->url);

        return error_set(err, EFBIG,
                "Could not get %s: it is larger than the %.1f MB that it may have", url,
                (double) q->limit / 1e6);
}

static int empty_error(const struct fetch_request *q, struct error **err)
{
        _cleanup_free_ char *url = escape_text(q->url);

        return error_set(err, ENODATA, "Could not get %s: the answer is empty", url);
}

/* What a finished request means: 0 complete, 1 try again, negative: over, with *err. */
static int judge(struct stream *s, struct transfer *t, int r, const struct http_reply *reply,
        int64_t before, struct error *cause, struct error **err)
{
        bool body = s->status == 200 || s->status == 206;
        struct http_reply cut;

        if (s->write_error || s->html || s->too_large || reply->failure == HTTP_TOO_LARGE) {
                error_free(cause);
                if (s->write_error)
                        return write_failed(s, s->write_error, err);
                (void) unlinkat(s->request->cache_fd, s->partial, 0);
                return s->html ? transfer_html_error(s->request->url, err) :
                                 too_large_error(s->request, err);
        }
        if (r >= 0 && (reply->status == 200 || reply->status == 206)) {
                error_free(cause);
                if (s->done == 0 || transfer_is_html(reply->content_type, "", 0)) {
                        (void) unlinkat(s->request->cache_fd, s->partial, 0);
                        return s->done ? transfer_html_error(s->request->url, err) :
                                         empty_error(s->request, err);
                }
                /* Less than was announced is no file, also where no digest would tell. */
                if (s->total < 0 || s->done == s->total)
                        return 0;
                cut = (struct http_reply){.failure = HTTP_TRUNCATED, .date = -1, .length = -1};
                cause = NULL;
                (void) error_set(&cause, EIO, "Only %lld of %lld bytes came", (long long) s->done,
                        (long long) s->total);
                return transfer_retry(t, -EIO, &cut, cause, err);
        }
        /* The server has another idea of what is left: begin anew, once. */
        if (s->done > 0 && ((r >= 0 && reply->status == 416) ||
                                   (r < 0 && s->status == 206 && reply->failure == HTTP_SINK &&
                                           !host_cancelled(s->host)))) {
                error_free(cause);
                r = stream_restart(s);
                return r < 0 ? write_failed(s, -r, err) : 1;
        }
        if (body && s->done > before)
                t->tries = 0;
        return transfer_retry(t, r, reply, cause, err);
}

/* Requests until the body is complete. */
static int stream_body(struct stream *s, struct transfer *t, struct error **err)
{
        _cleanup_secret_ struct secret proxy = {0};
        struct http_request request = {.url = s->request->url,
                .stall_ms = TRANSFER_STALL_MS,
                .sink = on_body,
                .on_head = on_head,
                .data = s};
        struct http_session *session = NULL;
        int r;

        r = fetch_source_options(s->host, s->request->answers, &request, &proxy, err);
        if (r < 0)
                return r;
        do {
                _cleanup_http_reply_ struct http_reply reply = {.date = -1, .length = -1};
                struct error *cause = NULL;
                int64_t before = s->done;

                s->status = 0;
                request.offset = s->done;
                /* A server that does not resume sends everything, so the limit is the whole file's;
                 * on_body() counts. */
                request.limit = s->request->limit;
                request.timeout_ms = transfer_left(t);
                if (request.timeout_ms == 0)
                        request.timeout_ms = 1;
                r = s->host->ops->http(s->host, &session, &request, &reply, &cause);
                r = judge(s, t, r, &reply, before, cause, err);
        } while (r > 0);
        if (session)
                s->host->ops->http_close(s->host, session);
        return r;
}

/* ---- the end ---- */

/* "10571d20 5d4c867f …": a person compares groups. */
static char *grouped(const char *hex)
{
        struct strbuf b = {0};

        for (size_t i = 0; hex[i]; i++) {
                if (i && i % 8 == 0)
                        strbuf_putc(&b, ' ');
                strbuf_putc(&b, hex[i]);
        }
        return strbuf_take(&b);
}

static int mismatch_error(const struct fetch_request *q, const char *got, struct error **err)
{
        _cleanup_free_ char *want_text = grouped(q->sha256), *got_text = grouped(got);
        _cleanup_free_ char *url = escape_text(q->url);
        int r;

        r = error_set(err, EBADMSG,
                "The file from %s has the wrong SHA-256 and was removed.\n  expected %s\n  got     "
                " %s",
                url, want_text, got_text);
        error_hint(err,
                "Something on the way changed it, or a mirror mixes releases. Compare with the "
                "release page, look at source.artifact_url and at proxies on the way, then run it "
                "again");
        return r;
}

/* The file becomes what it is called, and survives a power cut. */
static int publish(struct stream *s, struct error **err)
{
        const struct fetch_request *q = s->request;
        int fd = TAKE_FD(s->fd);

        if (fsync(fd) < 0) {
                int e = errno;

                (void) close(fd);
                return write_failed(s, e, err);
        }
        if (close(fd) < 0)
                return write_failed(s, errno, err);
        if (renameat(q->cache_fd, s->partial, q->cache_fd, q->name) < 0)
                return error_errno(err, errno, "Could not rename \"%s\" in the cache", s->partial);
        if (fsync(q->cache_fd) < 0)
                return error_errno(err, errno, "Could not write the directory of the cache");
        return 0;
}

/* Whether NAME is in the cache already, complete and right. */
static bool cached(const struct fetch_request *q, char ret[DIGEST_HEX_SIZE])
{
        _cleanup_close_ int fd = -1;
        struct stat st;

        if (!q->sha256)
                return false;
        fd = openat(q->cache_fd, q->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > q->limit)
                return false;
        return digest_fd(fd, ret, NULL) >= 0 && str_eq(ret, q->sha256);
}

/* The digest of what is in the partial file so far; digest_finish() ends a digest, so the file is
 * read again. Only for a partial file of an earlier run. */
static bool partial_is_complete(struct stream *s, char ret[DIGEST_HEX_SIZE])
{
        if (!s->resumed || !s->request->sha256 || lseek(s->fd, 0, SEEK_SET) < 0)
                return false;
        return digest_fd(s->fd, ret, NULL) >= 0 && str_eq(ret, s->request->sha256) &&
               lseek(s->fd, 0, SEEK_END) >= 0;
}

static int stream_whole(
        struct stream *s, struct transfer *t, char got[DIGEST_HEX_SIZE], struct error **err)
{
        const struct fetch_request *q = s->request;
        int r;

        for (;;) {
                bool resumed;

                r = stream_body(s, t, err);
                if (r < 0)
                        return r;
                resumed = s->resumed;
                digest_finish(s->digest, got);
                if (!q->sha256 || str_eq(got, q->sha256))
                        return 0;
                log_line("fetch: %s: expected %s, got %s", q->url, q->sha256, got);
                if (!resumed) {
                        (void) unlinkat(q->cache_fd, s->partial, 0);
                        return mismatch_error(q, got, err);
                }
                /* The bytes of the earlier run may be those of another file: once more, from the
                 * start. */
                r = stream_restart(s);
                if (r < 0)
                        return write_failed(s, -r, err);
        }
}

int fetch(struct host *h, const struct fetch_request *request, char ret_sha256[DIGEST_HEX_SIZE],
        struct error **err)
{
        _cleanup_(stream_close) struct stream s = {
                .host = h, .request = request, .fd = -1, .total = -1};
        char got[DIGEST_HEX_SIZE];
        struct transfer t;
        int r;

        if (!cached(request, got)) {
                s.partial = xasprintf("%s.partial", request->name);
                transfer_begin(&t, h, request->url, request->timeout_ms);
                r = stream_open(&s, err);
                if (r < 0)
                        return r;
                if (!partial_is_complete(&s, got)) {
                        r = lseek(s.fd, s.done, SEEK_SET) < 0 ? -errno : 0;
                        if (r < 0)
                                return write_failed(&s, -r, err);
                        r = stream_whole(&s, &t, got, err);
                        if (r < 0)
                                return r;
                }
                tell_progress(&s, true);
                r = publish(&s, err);
                if (r < 0)
                        return r;
        }
        if (ret_sha256)
                memcpy(ret_sha256, got, DIGEST_HEX_SIZE);
        return 0;
}

/* ---- options ---- */

/* A file with credentials in it: nobody else may read it. */
static int read_proxy_file(const char *path, struct secret *proxy, struct error **err)
{
        _cleanup_close_ int fd = -1;
        _cleanup_free_ char *shown = escape_text(path);
        struct stat st;
        char *text = NULL, *url;
        size_t len = 0;
        int r;

        /* What answers name is a file of the person who wrote them, in practice too. */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0) {
                error_errno(err, errno, "Could not read source.proxy_file %s", shown);
                error_set_kind(err, ERROR_INVALID);
                return -EINVAL;
        }
        if (fstat(fd, &st) < 0)
                return error_errno(err, errno, "Could not look at %s", shown);
        if ((st.st_mode & 077) || (st.st_uid != 0 && st.st_uid != geteuid())) {
                r = error_kind(err, ERROR_INVALID, EPERM,
                        "source.proxy_file %s may be read or written by others than its owner",
                        shown);
                error_hint(err, "chmod 600 %s", shown);
                return r;
        }
        r = fd_read_all(fd, 4096, &text, &len);
        if (r < 0)
                return error_errno(err, -r, "Could not read %s", shown);
        url = str_strip(text);
        if (!*url)
                r = error_kind(err, ERROR_INVALID, EINVAL, "source.proxy_file %s is empty", shown);
        else
                secret_set(proxy, url, strlen(url));
        secret_free_string(text);
        return r < 0 ? r : 0;
}

int fetch_source_options(struct host *h, const struct answers *a, struct http_request *request,
        struct secret *proxy, struct error **err)
{
        const char *url, *file;
        int r;

        if (!a)
                return 0;
        request->ca_file = answers_get(a, "source.ca_file");
        url = answers_get(a, "source.proxy");
        file = answers_get(a, "source.proxy_file");
        if (url)
                secret_set(proxy, url, strlen(url));
        else if (file) {
                r = read_proxy_file(file, proxy, err);
                if (r < 0)
                        return r;
        }
        if (proxy->bytes)
                request->proxy = proxy;
        return 0;
}
