/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "transfer.h"
#include "../base/escape.h"
#include "../base/log.h"
#include "../base/str.h"
#include <strings.h>

#define TRIES_MAX        6
#define TRIES_MAX_DNS    3
#define BACKOFF_FIRST_MS 500
#define BACKOFF_MAX_MS   16000

void transfer_begin(struct transfer *t, struct host *h, const char *url, int64_t timeout_ms)
{
        int64_t now = h->ops->monotonic(h);

        *t = (struct transfer){.host = h, .url = url, .started = now, .deadline = now + timeout_ms};
}

int64_t transfer_left(const struct transfer *t)
{
        int64_t left = t->deadline - t->host->ops->monotonic(t->host);

        return left > 0 ? left : 0;
}

/* How many tries a failure deserves. A wrong certificate, a page that is not there or a body that
 * is too large will be the same next time. */
static int tries_worth(int r, const struct http_reply *reply)
{
        if (r >= 0)
                return reply->status >= 500 || reply->status == 429 || reply->status == 408 ?
                               TRIES_MAX :
                               1;
        switch (reply->failure) {
        case HTTP_DNS:
                return TRIES_MAX_DNS;
        case HTTP_CONNECT:
        case HTTP_TIMEOUT:
        case HTTP_TRUNCATED:
                return TRIES_MAX;
        default:
                return 1;
        }
}

static int status_error(const struct transfer *t, int status, struct error **err)
{
        _cleanup_free_ char *url = escape_text(t->url);
        int r;

        if (status == 404 || status == 410)
                return error_set(err, ENOENT,
                        "Could not get %s: there is no such file (HTTP status %d)", url, status);
        if (status == 407) {
                r = error_set(err, EACCES,
                        "Could not get %s: the proxy wants a user and password (HTTP "
                        "status 407)",
                        url);
                error_hint(err, "Put them into a file and answer source.proxy_file");
                return r;
        }
        if (status == 401 || status == 403)
                return error_set(err, EACCES,
                        "Could not get %s: the server refuses it (HTTP status %d)", url, status);
        return error_set(err, status >= 500 ? EREMOTEIO : EPROTO,
                "Could not get %s: the server answered with HTTP status %d", url, status);
}

static int failure_error(const struct transfer *t, int r, const struct http_reply *reply,
        struct error *cause, struct error **err)
{
        _cleanup_free_ char *url = escape_text(t->url);

        if (!cause)
                r = error_set(err, -r, "Could not get %s", url);
        else {
                r = error_move(err, cause);
                (void) error_prefix(err, "Could not get %s", url);
        }
        switch (reply->failure) {
        case HTTP_DNS:
                error_hint(
                        err, "Look at the name and at the machine's resolver: getent hosts NAME");
                break;
        case HTTP_TLS:
        case HTTP_TLS_NAME:
                error_hint(err,
                        "If a proxy or mirror of your own answers here, name its CA certificate in "
                        "source.ca_file; verification cannot be switched off");
                break;
        case HTTP_TLS_EXPIRED:
                error_hint(err, "If this machine's clock is wrong, set it first: timedatectl");
                break;
        case HTTP_PROXY:
                error_hint(err, "Look at source.proxy, and at https_proxy in the environment");
                break;
        default:
                break;
        }
        return r;
}

static int time_is_up(const struct transfer *t, struct error **err)
{
        _cleanup_free_ char *url = escape_text(t->url);
        int r = error_set(err, ETIMEDOUT, "Could not get %s: it was not complete after %lld s", url,
                (long long) ((t->deadline - t->started) / 1000));

        error_hint(err,
                "Answer timeouts.download with more time, then run it again: what has arrived is "
                "kept");
        return r;
}

int transfer_retry(struct transfer *t, int r, const struct http_reply *reply, struct error *cause,
        struct error **err)
{
        _cleanup_error_ struct error *owned = cause;
        int64_t wait;

        if (host_cancelled(t->host) || (r < 0 && reply->failure == HTTP_CANCELLED))
                return error_kind(err, ERROR_INTERRUPTED, ECANCELED, "The download was stopped");
        t->tries++;
        if (t->tries >= tries_worth(r, reply)) {
                if (r >= 0)
                        return status_error(t, reply->status, err);
                if (reply->failure == HTTP_TIMEOUT && transfer_left(t) == 0)
                        return time_is_up(t, err);
                return failure_error(t, r, reply, TAKE_PTR(owned), err);
        }
        wait = t->tries > 6 ? BACKOFF_MAX_MS : BACKOFF_FIRST_MS << (t->tries - 1);
        if (wait >= transfer_left(t))
                return reply->failure == HTTP_TIMEOUT || !owned ?
                               time_is_up(t, err) :
                               failure_error(t, r, reply, TAKE_PTR(owned), err);
        log_line("http: %s: try %d failed (%s, status %d), next in %lld ms", t->url, t->tries,
                owned ? error_plain(owned) : "no error", reply->status, (long long) wait);
        if (t->host->ops->sleep(t->host, wait) < 0)
                return error_kind(err, ERROR_INTERRUPTED, ECANCELED, "The download was stopped");
        return 1;
}

bool transfer_is_html(const char *content_type, const void *body, size_t len)
{
        const unsigned char *s = body;
        size_t i = 0;

        if (content_type && strncasecmp(content_type, "text/html", 9) == 0)
                return true;
        if (len >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0)
                i = 3;
        while (i < len && (s[i] == ' ' || (s[i] >= '\t' && s[i] <= '\r')))
                i++;
        return i < len && s[i] == '<';
}

int transfer_html_error(const char *url, struct error **err)
{
        _cleanup_free_ char *text = escape_text(url);
        int r = error_set(err, EPROTO,
                "Could not get %s: a web page came instead of the file, as from the login page of "
                "a "
                "network (captive portal)",
                text);

        error_hint(err, "Look at what answers: curl -IL %s", text);
        return r;
}

static int discard(void *data, const void *bytes, size_t len)
{
        return 0;
}

int transfer_text(struct host *h, const struct answers *a, const char *url, int64_t limit,
        bool any_status, struct http_reply *ret, struct error **err)
{
        _cleanup_secret_ struct secret proxy = {0};
        struct http_request request = {.url = url, .limit = limit, .stall_ms = TRANSFER_STALL_MS};
        struct http_session *session = NULL;
        struct transfer t;
        int r;

        if (any_status)
                request.sink = discard;
        r = fetch_source_options(h, a, &request, &proxy, err);
        if (r < 0)
                return r;
        transfer_begin(&t, h, url, answers_get_ms(a, "timeouts.download"));
        do {
                struct http_reply reply = {.date = -1, .length = -1};
                struct error *cause = NULL;

                request.timeout_ms = transfer_left(&t) < 60000 ? transfer_left(&t) : 60000;
                if (request.timeout_ms == 0) {
                        r = time_is_up(&t, err);
                        break;
                }
                r = h->ops->http(h, &session, &request, &reply, &cause);
                if (r >= 0 && (reply.status == 200 || (any_status && reply.status < 500))) {
                        error_free(cause);
                        *ret = reply;
                        r = 0;
                        break;
                }
                r = transfer_retry(&t, r, &reply, cause, err);
                http_reply_done(&reply);
        } while (r > 0);
        if (session)
                h->ops->http_close(h, session);
        return r;
}
