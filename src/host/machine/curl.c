/* SPDX-License-Identifier: GPL-3.0-or-later */

/* curl: HTTPS by libcurl, which is loaded when the first request is made: it brings twenty
 * libraries along, and most commands need none of them.
 *
 * Roots and client certificates are handed over as /proc/self/fd/N of a memfd, which every libcurl
 * understands; the options that take memory came with 7.71 and 7.77, and a Jetson has 7.58. */

#define CURL_DISABLE_TYPECHECK
#include "../../base/escape.h"
#include "internal.h"
#include <curl/curl.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo

#define TIMEOUT_MS     30000
#define CONNECT_MS     20000
#define BODY_LIMIT     ((int64_t) 1024 * 1024)
#define STALL_RATE     1000L /* bytes per second */
#define BUFFER_SIZE    (512L * 1024)
#define REDIRECTS_MOST 10L
#define ROOTS_MAX      ((size_t) 8 * 1024 * 1024)

/* X509_V_ERR_… of openssl/x509_vfy.h, as CURLINFO_SSL_VERIFYRESULT tells them. */
#define VERIFY_NOT_YET_VALID 9
#define VERIFY_EXPIRED       10

static struct {
        void *library;
        CURLcode (*global_init)(long flags);
        CURL *(*easy_init)(void);
        void (*easy_cleanup)(CURL *easy);
        void (*easy_reset)(CURL *easy);
        CURLcode (*setopt)(CURL *easy, CURLoption option, ...);
        CURLcode (*perform)(CURL *easy);
        CURLcode (*getinfo)(CURL *easy, CURLINFO info, ...);
        const char *(*strerror)(CURLcode code);
        struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
        void (*slist_free)(struct curl_slist *list);
        time_t (*getdate)(const char *text, const time_t *now);
} lib;

static const struct {
        const char *name;
        void *at;
} symbols[] = {
        {"curl_global_init", &lib.global_init},
        {"curl_easy_init", &lib.easy_init},
        {"curl_easy_cleanup", &lib.easy_cleanup},
        {"curl_easy_reset", &lib.easy_reset},
        {"curl_easy_setopt", &lib.setopt},
        {"curl_easy_perform", &lib.perform},
        {"curl_easy_getinfo", &lib.getinfo},
        {"curl_easy_strerror", &lib.strerror},
        {"curl_slist_append", &lib.slist_append},
        {"curl_slist_free_all", &lib.slist_free},
        {"curl_getdate", &lib.getdate},
};

struct http_session {
        CURL *easy;
        /* Kept open as long as the handle may look at them. */
        int roots, cert, key;
        char *ca_file, *ca_pem; /* what `roots` holds */
};

static int load(struct error **err)
{
        void *library;

        if (lib.library)
                return 0;
        library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
        if (!library)
                return error_set(err, ENOSYS, "There is no libcurl.so.4, by which files are got");
        for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
                void *symbol = dlsym(library, symbols[i].name);

                if (!symbol)
                        return error_set(
                                err, ENOSYS, "libcurl.so.4 is too old: no %s", symbols[i].name);
                memcpy(symbols[i].at, &symbol, sizeof(symbol));
        }
        if (lib.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return error_set(err, ENOSYS, "libcurl did not start");
        lib.library = library;
        return 0;
}

/* ---- one transfer ---- */

struct transfer {
        struct host *host;
        const struct http_request *request;
        struct http_reply *reply;
        int status;
        int64_t content_length, range_start, range_total;
        int64_t received, limit;
        bool told; /* on_head was called */
        int stopped;
        bool too_large;
        struct strbuf body;
};

static int tell_head(struct transfer *t)
{
        int64_t length = t->status == 206 ? t->range_total : t->content_length;

        t->told = true;
        t->reply->length = length;
        if (!t->request->on_head)
                return 0;
        return t->request->on_head(
                t->request->data, t->status, length, t->status == 206 ? t->range_start : 0);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *data)
{
        struct transfer *t = data;
        size_t len = size * n;

        if (!t->told)
                t->stopped = tell_head(t);
        if (t->stopped < 0)
                return 0;
        t->received += (int64_t) len;
        if (t->received > t->limit) {
                t->too_large = true;
                return 0;
        }
        if (t->request->sink)
                t->stopped = t->request->sink(t->request->data, bytes, len);
        else
                strbuf_add(&t->body, bytes, len);
        return t->stopped < 0 ? 0 : len;
}

static bool is_field(const char *line, size_t len, const char *name, const char **ret)
{
        size_t n = strlen(name);

        if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
                return false;
        *ret = line + n + 1;
        return true;
}

/* RFC 9110, section 14.4: "bytes 100-999/1000". */
static void read_range(struct transfer *t, const char *value)
{
        long long start = -1, end = -1, total = -1;

        if (sscanf(value, " bytes %lld-%lld/%lld", &start, &end, &total) >= 2 && start >= 0) {
                t->range_start = start;
                t->range_total = total >= 0 ? total : -1;
        }
}

/* Called for each header of each reply, of redirects too; a status line begins anew. */
static size_t on_header(char *bytes, size_t size, size_t n, void *data)
{
        struct transfer *t = data;
        _cleanup_free_ char *line = xstrndup(bytes, size * n);
        size_t len = strlen(line);
        const char *value;

        if (str_starts(line, "HTTP/")) {
                const char *space = strchr(line, ' ');

                t->status = space ? (int) strtol(space, NULL, 10) : 0;
                t->content_length = t->range_total = -1;
                t->range_start = 0;
        } else if (is_field(line, len, "Content-Length", &value)) {
                t->content_length = strtoll(value, NULL, 10);
        } else if (is_field(line, len, "Content-Range", &value)) {
                read_range(t, value);
        } else if (is_field(line, len, "Date", &value)) {
                time_t date = lib.getdate(value, NULL);

                t->reply->date = date < 0 ? -1 : (int64_t) date;
        }
        return size * n;
}

static int on_tick(void *data, curl_off_t download_total, curl_off_t download_now,
        curl_off_t upload_total, curl_off_t upload_now)
{
        return host_cancelled(((struct transfer *) data)->host);
}

/* ---- certificates ---- */

static int memory_file(const char *const *parts, size_t n)
{
        int fd = memfd_create("k3wizard-pem", MFD_CLOEXEC);

        for (size_t i = 0; fd >= 0 && i < n; i++)
                if (fd_write_all(fd, parts[i], strlen(parts[i])) < 0 ||
                        fd_write_all(fd, "\n", 1) < 0)
                        closep(&fd), fd = -1;
        return fd;
}

static char *fd_path(int fd)
{
        return xasprintf("/proc/self/fd/%d", fd);
}

static char *read_file(const char *path)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        char *text = NULL;
        size_t len = 0;

        return fd < 0 || fd_read_all(fd, ROOTS_MAX, &text, &len) < 0 ? NULL : text;
}

/* Where distributions keep the roots they trust. */
static char *system_roots(void)
{
        static const char *const paths[] = {"/etc/ssl/certs/ca-certificates.crt",
                "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};

        for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
                char *text = read_file(paths[i]);

                if (text)
                        return text;
        }
        return xstrdup("");
}

/* The memfd with the roots of this request; made once for each set of roots. */
static int make_roots(struct http_session *s, const struct http_request *q, struct error **err)
{
        if (s->roots >= 0 && str_eq(s->ca_pem, q->ca_pem) && str_eq(s->ca_file, q->ca_file))
                return 0;
        closep(&s->roots);
        s->roots = -1;
        str_set(&s->ca_pem, q->ca_pem);
        str_set(&s->ca_file, q->ca_file);
        if (q->ca_pem) {
                s->roots = memory_file(&q->ca_pem, 1);
        } else {
                _cleanup_free_ char *own = read_file(q->ca_file), *system = NULL;
                _cleanup_free_ char *shown = escape_text(q->ca_file);

                if (!own)
                        return error_errno(err, errno, "Could not read %s", shown);
                system = system_roots();
                s->roots = memory_file((const char *const[]){own, system}, 2);
        }
        return s->roots < 0 ? error_errno(err, errno, "Could not hand over the certificates") : 0;
}

static int set_certificates(
        struct http_session *s, const struct http_request *q, struct error **err)
{
        _cleanup_free_ char *roots = NULL, *cert = NULL, *key = NULL;
        int r = q->ca_pem || q->ca_file ? make_roots(s, q, err) : 0;

        if (r < 0)
                return r;
        if (q->ca_pem || q->ca_file) {
                roots = fd_path(s->roots);
                lib.setopt(s->easy, CURLOPT_CAINFO, roots);
                lib.setopt(s->easy, CURLOPT_CAPATH, NULL);
        }
        if (!q->cert_pem || !q->key_pem || !q->key_pem->bytes)
                return 0;
        if (s->cert < 0) {
                s->cert = memory_file(&q->cert_pem, 1);
                s->key = memory_file((const char *const[]){q->key_pem->bytes}, 1);
        }
        if (s->cert < 0 || s->key < 0)
                return error_errno(err, errno, "Could not hand over the certificates");
        cert = fd_path(s->cert);
        key = fd_path(s->key);
        lib.setopt(s->easy, CURLOPT_SSLCERT, cert);
        lib.setopt(s->easy, CURLOPT_SSLKEY, key);
        return 0;
}

/* ---- options ---- */

static void https_only(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
        if (lib.setopt(easy, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
                lib.setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https") == CURLE_OK)
                return;
        /* An older library than the headers: the numbers are the same. */
        lib.setopt(easy, (CURLoption) 181, (long) CURLPROTO_HTTPS);
        lib.setopt(easy, (CURLoption) 182, (long) CURLPROTO_HTTPS);
#else
        lib.setopt(easy, CURLOPT_PROTOCOLS, (long) CURLPROTO_HTTPS);
        lib.setopt(easy, CURLOPT_REDIR_PROTOCOLS, (long) CURLPROTO_HTTPS);
#endif
}

static void set_proxy(CURL *easy, const struct http_request *q)
{
        if (q->no_proxy) {
                lib.setopt(easy, CURLOPT_PROXY, "");
                lib.setopt(easy, CURLOPT_NOPROXY, "*");
        } else if (q->proxy && q->proxy->bytes) {
                lib.setopt(easy, CURLOPT_PROXY, q->proxy->bytes);
        }
}

static void set_options(CURL *easy, struct transfer *t, char *reason)
{
        const struct http_request *q = t->request;

        lib.setopt(easy, CURLOPT_URL, q->url);
        lib.setopt(easy, CURLOPT_ERRORBUFFER, reason);
        lib.setopt(easy, CURLOPT_NOSIGNAL, 1L);
        lib.setopt(easy, CURLOPT_USERAGENT, "k3wizard/" K3WIZARD_VERSION);
        https_only(easy);
        lib.setopt(easy, CURLOPT_FOLLOWLOCATION, q->no_redirect ? 0L : 1L);
        lib.setopt(easy, CURLOPT_MAXREDIRS, REDIRECTS_MOST);
        lib.setopt(easy, CURLOPT_NOBODY, q->head ? 1L : 0L);
        lib.setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) CONNECT_MS);
        lib.setopt(easy, CURLOPT_TIMEOUT_MS, (long) (q->timeout_ms ?: TIMEOUT_MS));
        lib.setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_SIZE);
        lib.setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        lib.setopt(easy, CURLOPT_WRITEDATA, t);
        lib.setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
        lib.setopt(easy, CURLOPT_HEADERDATA, t);
        lib.setopt(easy, CURLOPT_NOPROGRESS, 0L);
        lib.setopt(easy, CURLOPT_XFERINFOFUNCTION, on_tick);
        lib.setopt(easy, CURLOPT_XFERINFODATA, t);
        if (q->stall_ms > 0) {
                lib.setopt(easy, CURLOPT_LOW_SPEED_LIMIT, STALL_RATE);
                lib.setopt(easy, CURLOPT_LOW_SPEED_TIME, (long) ((q->stall_ms + 999) / 1000));
        }
        if (q->offset > 0) {
                char range[32];

                /* Not CURLOPT_RESUME_FROM: a server that sends everything instead is no failure. */
                snprintf(range, sizeof(range), "%lld-", (long long) q->offset);
                lib.setopt(easy, CURLOPT_RANGE, range);
        }
        if (q->basic && q->basic->bytes)
                lib.setopt(easy, CURLOPT_USERPWD, q->basic->bytes);
        set_proxy(easy, q);
}

/* ---- what it came to ---- */

static enum http_failure failure_of(
        const struct transfer *t, CURLcode code, CURL *easy, const char *reason)
{
        long verify = 0;

        if (t->too_large)
                return HTTP_TOO_LARGE;
        if (t->stopped < 0)
                return HTTP_SINK;
        switch ((int) code) {
        case CURLE_UNSUPPORTED_PROTOCOL:
                return HTTP_INSECURE;
        case CURLE_COULDNT_RESOLVE_HOST:
                return HTTP_DNS;
        case CURLE_COULDNT_RESOLVE_PROXY:
                return HTTP_PROXY;
        case CURLE_COULDNT_CONNECT:
                return HTTP_CONNECT;
        case CURLE_OPERATION_TIMEDOUT:
                return HTTP_TIMEOUT;
        case CURLE_PARTIAL_FILE:
                return HTTP_TRUNCATED;
        case CURLE_RECV_ERROR:
        case CURLE_GOT_NOTHING:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
                return t->told ? HTTP_TRUNCATED : HTTP_CONNECT;
        case CURLE_PEER_FAILED_VERIFICATION:
                lib.getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verify);
                if (verify == VERIFY_EXPIRED || verify == VERIFY_NOT_YET_VALID)
                        return HTTP_TLS_EXPIRED;
                /* libcurl compares the name itself, and has only words for it. */
                return strstr(reason, "target host name") ? HTTP_TLS_NAME : HTTP_TLS;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
                return HTTP_TLS;
        case CURLE_ABORTED_BY_CALLBACK:
                return HTTP_CANCELLED;
        default:
                return HTTP_OTHER;
        }
}

static char *info_text(CURL *easy, CURLINFO info)
{
        char *text = NULL;

        return lib.getinfo(easy, info, &text) == CURLE_OK ? xstrdup(text) : NULL;
}

static int conclude(
        struct transfer *t, CURLcode code, CURL *easy, const char *reason, struct error **err)
{
        struct http_reply *reply = t->reply;
        _cleanup_free_ char *why = NULL;

        reply->status = t->status;
        reply->effective_url = info_text(easy, CURLINFO_EFFECTIVE_URL);
        reply->location = info_text(easy, CURLINFO_REDIRECT_URL);
        reply->content_type = info_text(easy, CURLINFO_CONTENT_TYPE);
        reply->body_len = t->body.len;
        reply->body = strbuf_take(&t->body);
        if (code == CURLE_OK && !t->told && t->stopped == 0) {
                t->stopped = tell_head(t);
                if (t->stopped < 0)
                        code = CURLE_WRITE_ERROR;
        }
        if (code == CURLE_OK)
                return 0;
        reply->failure = failure_of(t, code, easy, reason);
        if (reply->failure == HTTP_CANCELLED)
                return error_kind(err, ERROR_INTERRUPTED, ECANCELED, "Interrupted");
        why = escape_text(*reason ? reason : lib.strerror(code));
        if (t->stopped < 0)
                return error_set(err, -t->stopped, "%s", why);
        return error_set(err, reply->failure == HTTP_TIMEOUT ? ETIMEDOUT : EIO, "%s", why);
}

void machine_http_close(struct host *h, struct http_session *session)
{
        if (!session)
                return;
        if (session->easy)
                lib.easy_cleanup(session->easy);
        closep(&session->roots);
        closep(&session->cert);
        closep(&session->key);
        free(session->ca_file);
        free(session->ca_pem);
        free(session);
}

int machine_http(struct host *h, struct http_session **session, const struct http_request *request,
        struct http_reply *ret, struct error **err)
{
        struct transfer t = {.host = h,
                .request = request,
                .reply = ret,
                .content_length = -1,
                .range_total = -1,
                .limit = request->limit ?: BODY_LIMIT};
        char reason[CURL_ERROR_SIZE] = "";
        struct curl_slist *connect_to = NULL;
        struct http_session *s;
        CURLcode code;
        int r = load(err);

        *ret = (struct http_reply){.failure = HTTP_OTHER, .date = -1, .length = -1};
        if (r < 0)
                return r;
        if (!*session) {
                *session = xcalloc(1, sizeof(**session));
                **session = (struct http_session){
                        .easy = lib.easy_init(), .roots = -1, .cert = -1, .key = -1};
        }
        s = *session;
        if (!s->easy)
                return error_set(err, ENOMEM, "libcurl did not start");
        /* Connections stay, options and credentials of the last request do not. */
        lib.easy_reset(s->easy);
        set_options(s->easy, &t, reason);
        if (request->connect_to) {
                connect_to = lib.slist_append(NULL, request->connect_to);
                lib.setopt(s->easy, CURLOPT_CONNECT_TO, connect_to);
        }
        r = set_certificates(s, request, err);
        if (r == 0) {
                ret->failure = HTTP_OK;
                code = lib.perform(s->easy);
                r = conclude(&t, code, s->easy, reason, err);
        }
        lib.setopt(s->easy, CURLOPT_ERRORBUFFER, NULL);
        lib.slist_free(connect_to);
        strbuf_done(&t.body);
        return r;
}
