/* SPDX-License-Identifier: GPL-3.0-or-later */

/* release: which K3s, from where, with which checksum; resolved as upstream's install.sh does it.
 */

#include "../base/escape.h"
#include "../base/log.h"
#include "../base/str.h"
#include "transfer.h"
#include <stdio.h>

#define CHECKSUMS_LIMIT ((int64_t) 64 * 1024)
#define CHANNEL_LIMIT   ((int64_t) 16 * 1024 * 1024) /* thrown away: only the final URL counts */

int k3s_version_parse(const char *version, int *ret_major, int *ret_minor)
{
        int major, minor, used = 0;

        if (!version || sscanf(version, "v%4d.%4d%n", &major, &minor, &used) != 2)
                return -EINVAL;
        if (version[1] < '0' || version[1] > '9' ||
                (version[used] && !strchr(".-+", version[used])))
                return -EINVAL;
        if (major < 0 || minor < 0)
                return -EINVAL;
        *ret_major = major;
        *ret_minor = minor;
        return 0;
}

/* Last component of a URL's path, with %2B back to '+'. */
static char *last_component(const char *url)
{
        size_t end = strcspn(url, "?#");
        struct strbuf name = {0};
        size_t start;

        while (end > 0 && url[end - 1] == '/')
                end--;
        for (start = end; start > 0 && url[start - 1] != '/'; start--)
                ;
        for (size_t i = start; i < end; i++)
                if (end - i >= 3 && strncasecmp(url + i, "%2b", 3) == 0) {
                        strbuf_putc(&name, '+');
                        i += 2;
                } else
                        strbuf_putc(&name, url[i]);
        return strbuf_take(&name);
}

static char *join_url(const char *base, const char *rest)
{
        size_t n = strlen(base);

        while (n > 0 && base[n - 1] == '/')
                n--;
        return xasprintf("%.*s/%s", (int) n, base, rest);
}

/* '+' stands for a space in some servers' eyes; upstream writes %2B. */
static char *version_in_url(const char *version)
{
        struct strbuf text = {0};

        for (const char *c = version; *c; c++)
                if (*c == '+')
                        strbuf_puts(&text, "%2B");
                else
                        strbuf_putc(&text, *c);
        return strbuf_take(&text);
}

static int channel_error(
        const char *url, const struct http_reply *reply, const char *channel, struct error **err)
{
        _cleanup_free_ char *u = escape_text(url);
        int r;

        if (reply->status == 404)
                r = error_set(err, ENOENT,
                        "There is no release channel \"%s\" (HTTP status 404 from %s)", channel, u);
        else if (reply->status == 200)
                r = error_set(err, EPROTO,
                        "Could not find the release of channel \"%s\": %s answered with a page of "
                        "its own "
                        "instead of the way to a release, as the login page of a network (captive "
                        "portal) "
                        "does",
                        channel, u);
        else
                r = error_set(err, EPROTO,
                        "Could not find the release of channel \"%s\": %s answered with HTTP "
                        "status %d",
                        channel, u, reply->status);
        error_hint(err,
                "Look at k3s.channel and source.channel_url, or answer k3s.version; this shows "
                "what "
                "answers: curl -IL %s",
                u);
        return r;
}

static int resolve_channel(
        struct host *h, const struct answers *a, struct release *r, struct error **err)
{
        _cleanup_http_reply_ struct http_reply reply = {0};
        const char *channel = answers_get(a, "k3s.channel");
        const char *base = answers_get(a, "source.channel_url");
        const struct answer_key *key = answer_key_find("k3s.version");
        _cleanup_free_ char *url = NULL, *version = NULL;
        int rc;

        if (!channel || !base)
                return error_kind(err, ERROR_INVALID, EINVAL,
                        "Neither k3s.version nor k3s.channel with source.channel_url is answered");
        url = join_url(base, channel);
        rc = transfer_text(h, a, url, CHANNEL_LIMIT, true, &reply, err);
        if (rc < 0)
                return rc;
        if (reply.effective_url && !str_eq(reply.effective_url, url))
                version = last_component(reply.effective_url);
        if (!version || answer_value_check(key, version, NULL) < 0)
                return channel_error(url, &reply, channel, err);
        log_line("release: channel %s is %s", channel, version);
        r->version = TAKE_PTR(version);
        r->server_date = reply.date;
        return 0;
}

static bool is_hex64(const char *s)
{
        return strspn(s, "0123456789abcdef") == 64;
}

/* One line "64 hex digits, spaces, name". Returns 1 when it is the asset's. */
static int checksum_line(char *line, const char *asset, char ret[DIGEST_HEX_SIZE])
{
        size_t n = strlen(line);
        const char *name;

        if (n > 0 && line[n - 1] == '\r')
                line[--n] = '\0';
        if (n < 66 || !is_hex64(line) || line[64] != ' ')
                return 0;
        name = line + 64;
        name += strspn(name, " ");
        if (!str_eq(name, asset))
                return 0;
        memcpy(ret, line, 64);
        ret[64] = '\0';
        return 1;
}

static int find_checksum(const char *url, char *text, const char *asset, char ret[DIGEST_HEX_SIZE],
        struct error **err)
{
        _cleanup_free_ char *u = escape_text(url);
        char found[DIGEST_HEX_SIZE] = "", *save = NULL;

        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char now[DIGEST_HEX_SIZE];

                if (!checksum_line(line, asset, now))
                        continue;
                if (found[0] && !str_eq(found, now))
                        return error_set(err, EBADMSG, "%s has two different checksums for \"%s\"",
                                u, asset);
                memcpy(found, now, sizeof(found));
        }
        if (!found[0]) {
                int r = error_set(err, EBADMSG, "%s has no checksum line for \"%s\"", u, asset);

                error_hint(err,
                        "Without it the file cannot be verified. Look at source.artifact_url and "
                        "k3s.version");
                return r;
        }
        memcpy(ret, found, sizeof(found));
        return 0;
}

static int read_checksum(struct host *h, const struct answers *a, const struct platform *p,
        const char *folder, struct release *r, struct error **err)
{
        _cleanup_http_reply_ struct http_reply reply = {0};
        _cleanup_free_ char *name = xasprintf("sha256sum-%s.txt", p->arch);
        _cleanup_free_ char *url = join_url(folder, name);
        struct error *cause = NULL;
        int rc;

        rc = transfer_text(h, a, url, CHECKSUMS_LIMIT, false, &reply, &cause);
        if (rc == -ENOENT) {
                error_free(cause);
                rc = error_set(err, ENOENT, "%s has no release %s for %s (HTTP status 404)",
                        answers_get(a, "source.artifact_url"), r->version, p->arch);
                error_hint(err, "Look at the channel or the version: k3s.channel, k3s.version");
                return rc;
        }
        if (rc < 0)
                return error_move(err, cause);
        if (reply.date >= 0)
                r->server_date = reply.date;
        if (transfer_is_html(reply.content_type, reply.body, reply.body_len))
                return transfer_html_error(url, err);
        if (!reply.body || strlen(reply.body) != reply.body_len)
                return error_set(err, EBADMSG, "%s is not a text", url);
        return find_checksum(url, reply.body, p->asset, r->sha256, err);
}

/* The size only serves the plan and the check of the disk: not being told it stops nothing. */
static void ask_size(struct host *h, const struct answers *a, struct release *r)
{
        _cleanup_http_reply_ struct http_reply reply = {.date = -1, .length = -1};
        _cleanup_secret_ struct secret proxy = {0};
        struct http_request request = {.url = r->binary_url, .head = true, .timeout_ms = 10000};
        struct http_session *session = NULL;

        if (fetch_source_options(h, a, &request, &proxy, NULL) >= 0 &&
                h->ops->http(h, &session, &request, &reply, NULL) >= 0 && reply.status == 200 &&
                reply.length > 0)
                r->size = reply.length;
        if (session)
                h->ops->http_close(h, session);
}

int release_resolve(struct host *h, const struct answers *a, const struct platform *p,
        struct release *ret, struct error **err)
{
        _cleanup_release_ struct release r = {.size = -1, .server_date = -1};
        const char *version = answers_get(a, "k3s.version");
        const char *base = answers_get(a, "source.artifact_url");
        _cleanup_free_ char *encoded = NULL, *folder = NULL;
        int rc;

        if (!p->arch)
                return error_kind(err, ERROR_BLOCKED, ENOTSUP,
                        "K3s has no release for the architecture %s", p->machine);
        if (!base)
                return error_kind(
                        err, ERROR_INVALID, EINVAL, "source.artifact_url is not answered");
        if (version)
                r.version = xstrdup(version);
        else {
                rc = resolve_channel(h, a, &r, err);
                if (rc < 0)
                        return rc;
        }
        encoded = version_in_url(r.version);
        folder = join_url(base, encoded);
        r.binary_url = join_url(folder, p->asset);
        rc = read_checksum(h, a, p, folder, &r, err);
        if (rc < 0)
                return rc;
        ask_size(h, a, &r);
        *ret = r;
        r = (struct release){0};
        return 0;
}

void release_done(struct release *r)
{
        free(r->version);
        free(r->binary_url);
        *r = (struct release){0};
}
