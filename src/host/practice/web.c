/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The servers that the world can reach, without a socket: the channel server, the releases, the
 * installer, and the API of its own K3s. */

#include "world.h"
#include <stdio.h>
#include <time.h>

#define CHANNELS    "https://update.k3s.io/v1-release/channels/"
#define RELEASES    "https://github.com/k3s-io/k3s/releases/"
#define BINARY_SIZE (2 * 1024 * 1024)
#define CHUNK       (64 * 1024)
#define RATE        (8 * 1024) /* simulated bytes per ms */

static const char installer[] =
        "#!/bin/sh\n# k3wizard practice installer\n"
        "# Stands in for install.sh in a practice world and does nothing elsewhere.\n"
        "exit 1\n";

struct answer {
        int status;
        const char *type;
        char *body;
        size_t len;
        char *location;
};

static void say(struct answer *a, int status, const char *type, char *body)
{
        a->status = status;
        a->type = type;
        a->body = body;
        a->len = strlen(body);
}

static void not_found(struct answer *a)
{
        say(a, 404, "text/plain", xstrdup("Not Found\n"));
}

/* ---- channels and releases ---- */

static char *version_of(const char *channel)
{
        if (str_eq(channel, "stable"))
                return xstrdup("v1.36.3+k3s1");
        if (str_eq(channel, "latest"))
                return xstrdup("v1.37.1+k3s1");
        if (str_starts(channel, "v1.") && channel[strspn(channel + 1, "0123456789.") + 1] == '\0')
                return xasprintf("%s.4+k3s1", channel);
        return NULL;
}

static void answer_channel(struct answer *a, const char *channel)
{
        _cleanup_free_ char *version = version_of(channel);

        if (!version) {
                not_found(a);
                return;
        }
        say(a, 302, "text/plain", xstrdup(""));
        a->location = xasprintf(RELEASES "tag/%s", version);
}

/* The same bytes for the same name, everywhere and always. */
static char *binary_of(const char *name)
{
        char *bytes = xcalloc(1, BINARY_SIZE + 1);
        char hash[DIGEST_HEX_SIZE];
        uint64_t x;
        size_t at;

        digest_bytes(name, strlen(name), hash);
        hash[16] = '\0';
        x = strtoull(hash, NULL, 16) | 1;
        at = (size_t) snprintf(bytes, BINARY_SIZE, "#!/bin/false\n# k3wizard practice: %s\n", name);
        while (at + sizeof(x) <= BINARY_SIZE) {
                x ^= x << 13;
                x ^= x >> 7;
                x ^= x << 17;
                memcpy(bytes + at, &x, sizeof(x));
                at += sizeof(x);
        }
        return bytes;
}

static void answer_checksums(
        struct world *w, struct answer *a, const char *version, const char *arch)
{
        const char *suffix = str_eq(arch, "arm64") ? "-arm64" : str_eq(arch, "arm") ? "-armhf" : "";
        _cleanup_free_ char *name = xasprintf("%s/k3s%s", version, suffix);
        _cleanup_free_ char *bytes = binary_of(name);
        char hash[DIGEST_HEX_SIZE];

        digest_bytes(bytes, BINARY_SIZE, hash);
        if (world_has_fault(w, "wrong-checksum"))
                memcpy(hash, "0000000000000000", 16);
        say(a, 200, "text/plain",
                xasprintf(
                        "%s  k3s-airgap-images-%s.tar.zst\n%s  k3s%s\n", hash, arch, hash, suffix));
}

static void answer_release(struct world *w, struct answer *a, const char *path)
{
        _cleanup_strv_ char **parts = strv_split(path, "/");
        const char *version = parts ? parts[0] : NULL, *file = parts && parts[0] ? parts[1] : NULL;

        if (!version || !file || version[0] != 'v') {
                not_found(a);
        } else if (world_has_fault(w, "captive-portal")) {
                say(a, 200, "text/html",
                        xstrdup("<!DOCTYPE html><title>Welcome to Airport Wi-Fi</title>\n"));
        } else if (str_starts(file, "sha256sum-") && str_ends(file, ".txt")) {
                _cleanup_free_ char *arch = xstrndup(file + 10, strlen(file) - 14);

                answer_checksums(w, a, version, arch);
        } else if (str_in(file, (const char *const[]){"k3s", "k3s-arm64", "k3s-armhf", NULL})) {
                _cleanup_free_ char *name = xasprintf("%s/%s", version, file);

                a->status = 200;
                a->type = "application/octet-stream";
                a->body = binary_of(name);
                a->len = BINARY_SIZE;
        } else {
                not_found(a);
        }
}

/* ---- the API ---- */

static char *stamp(struct world *w)
{
        time_t now = (time_t) (WORLD_EPOCH + world_ms(w) / 1000);
        char text[32];
        struct tm tm;

        gmtime_r(&now, &tm);
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
        return xstrdup(text);
}

static bool node_ready(struct world *w)
{
        const json_t *at = json_object_get(w->state, "ready_ms");

        return at && world_ms(w) >= json_integer_value(at) &&
               !world_has_fault(w, "node-never-ready");
}

static json_t *condition(const char *type, const char *status, const char *reason,
        const char *message, const char *time)
{
        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "type", type, "status", status, "reason",
                reason, "message", message, "lastHeartbeatTime", time, "lastTransitionTime", time);
}

static json_t *node_object(struct world *w)
{
        _cleanup_free_ char *ip = practice_k3s_setting(w, "node-ip"), *now = stamp(w),
                            *name = practice_k3s_setting(w, "node-name"), *address = NULL;
        bool ready = node_ready(w);
        json_t *conditions = json_array();

        address = xstrndup(ip ?: "192.168.1.20", strcspn(ip ?: "192.168.1.20", ","));
        json_array_append_new(
                conditions, condition("MemoryPressure", "False", "KubeletHasSufficientMemory",
                                    "kubelet has sufficient memory available", now));
        json_array_append_new(conditions,
                ready ? condition("Ready", "True", "KubeletReady",
                                "kubelet is posting ready status", now) :
                        condition("Ready", "False", "KubeletNotReady",
                                "container runtime network not ready: NetworkReady=false "
                                "reason:NetworkPluginNotReady message:Network plugin returns "
                                "error: cni plugin "
                                "not initialized",
                                now));
        return json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:s, s:s}}, s:{}, "
                         "s:{s:o, s:[{s:s, s:s}, {s:s, s:s}], s:{s:s, s:s, s:s, s:s, s:s}}}",
                "kind", "Node", "apiVersion", "v1", "metadata", "name", name ?: "k3s-master",
                "creationTimestamp", now, "labels", "node-role.kubernetes.io/control-plane", "true",
                "kubernetes.io/arch", "amd64", "spec", "status", "conditions", conditions,
                "addresses", "type", "InternalIP", "address", address, "type", "Hostname",
                "address", name ?: "k3s-master", "nodeInfo", "kubeletVersion", "v1.36.3+k3s1",
                "containerRuntimeVersion", "containerd://2.1.4-k3s1", "osImage",
                "Ubuntu 24.04.2 LTS", "kernelVersion", "6.8.0-60-generic", "architecture", "amd64");
}

static char *dump(json_t *json)
{
        char *text = json_dumps(json, JSON_COMPACT);

        json_decref(json);
        return text;
}

static void answer_api(
        struct world *w, struct answer *a, const struct http_request *request, const char *path)
{
        _cleanup_free_ char *name = practice_k3s_setting(w, "node-name"), *one = NULL;

        one = xasprintf("/api/v1/nodes/%s", name ?: "k3s-master");
        if (str_eq(path, "/ping"))
                say(a, 200, "text/plain", xstrdup("pong"));
        else if (!request->cert_pem)
                say(a, 401, "application/json",
                        xstrdup("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\","
                                "\"message\":"
                                "\"Unauthorized\",\"reason\":\"Unauthorized\",\"code\":401}\n"));
        else if (str_starts(path, "/readyz") || str_starts(path, "/livez"))
                say(a, 200, "text/plain",
                        xstrdup(str_ends(path, "?verbose") ?
                                        "[+]ping ok\n[+]etcd ok\nreadyz check passed\n" :
                                        "ok"));
        else if (str_eq(path, "/api/v1/nodes"))
                say(a, 200, "application/json",
                        dump(json_pack("{s:s, s:s, s:[o]}", "kind", "NodeList", "apiVersion", "v1",
                                "items", node_object(w))));
        else if (str_eq(path, one))
                say(a, 200, "application/json", dump(node_object(w)));
        else
                say(a, 404, "application/json",
                        xstrdup("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\","
                                "\"message\":"
                                "\"the server could not find the requested "
                                "resource\",\"reason\":\"NotFound\","
                                "\"code\":404}\n"));
}

/* ---- transport ---- */

static char *decode_plus(const char *url)
{
        _cleanup_strbuf_ struct strbuf b = {0};

        for (const char *p = url; *p; p++)
                if (str_starts(p, "%2B") || str_starts(p, "%2b"))
                        strbuf_putc(&b, '+'), p += 2;
                else
                        strbuf_putc(&b, *p);
        return strbuf_take(&b);
}

static bool is_api(const char *url)
{
        return str_starts(url, "https://127.0.0.1:6443/") ||
               str_starts(url, "https://192.168.1.20:6443/");
}

/* Returns 0, or -errno with the failure. */
static int answer(struct world *w, const struct http_request *request, const char *url,
        struct answer *a, struct http_reply *ret, struct error **err)
{
        if (str_starts(url, CHANNELS)) {
                answer_channel(a, url + strlen(CHANNELS));
        } else if (str_starts(url, RELEASES "tag/")) {
                say(a, 200, "text/html", xstrdup("<!DOCTYPE html><title>Release</title>\n"));
        } else if (str_starts(url, RELEASES "download/")) {
                answer_release(w, a, url + strlen(RELEASES "download/"));
        } else if (str_eq(url, "https://get.k3s.io") || str_eq(url, "https://get.k3s.io/")) {
                say(a, 200, "text/plain", xstrdup(installer));
        } else if (is_api(url) && practice_k3s_active(w)) {
                answer_api(w, a, request, strchr(url + 8, '/'));
        } else if (is_api(url)) {
                ret->failure = HTTP_CONNECT;
                return error_set(err, ECONNREFUSED, "Could not reach %s: connection refused", url);
        } else {
                ret->failure = HTTP_DNS;
                return error_set(
                        err, EHOSTUNREACH, "This practice world has no server for %s", url);
        }
        return 0;
}

static int deliver(struct world *w, const struct http_request *request, struct answer *a,
        struct http_reply *ret, struct error **err)
{
        size_t at = request->offset > 0 && (size_t) request->offset < a->len ?
                            (size_t) request->offset :
                            0;
        int64_t limit = request->limit > 0 ? request->limit : 1024 * 1024;
        int r = 0;

        if (at > 0)
                ret->status = 206;
        if (!request->sink && (int64_t) a->len > limit) {
                ret->failure = HTTP_TOO_LARGE;
                return error_set(
                        err, EFBIG, "%s answers with more than was expected", request->url);
        }
        if (request->on_head)
                r = request->on_head(request->data, ret->status, (int64_t) a->len, (int64_t) at);
        if (!request->sink) {
                ret->body = xcalloc(1, a->len + 1);
                memcpy(ret->body, a->body, a->len);
                ret->body_len = a->len;
                return r;
        }
        while (r == 0 && at < a->len) {
                size_t n = a->len - at > CHUNK ? CHUNK : a->len - at;

                r = world_pass(w, (int64_t) n / RATE);
                if (r < 0) {
                        ret->failure = HTTP_CANCELLED;
                        return error_kind(
                                err, ERROR_INTERRUPTED, ECANCELED, "The download was interrupted");
                }
                r = request->sink(request->data, a->body + at, n);
                at += n;
        }
        if (r < 0) {
                ret->failure = HTTP_SINK;
                return error_set(err, -r, "Could not store what %s sent", request->url);
        }
        return 0;
}

int practice_http(struct host *h, struct http_session **session, const struct http_request *request,
        struct http_reply *ret, struct error **err)
{
        struct world *w = world_of(h);
        _cleanup_free_ char *url = decode_plus(request->url);
        struct answer a = {0};
        int r = world_pass(w, 40);

        *ret = (struct http_reply){.date = -1, .length = -1};
        if (r < 0) {
                ret->failure = HTTP_CANCELLED;
                return error_kind(err, ERROR_INTERRUPTED, ECANCELED, "The request was interrupted");
        }
        r = answer(w, request, url, &a, ret, err);
        if (r == 0 && a.status == 302 && !request->no_redirect) {
                str_set(&url, a.location);
                free(a.body);
                free(a.location);
                a = (struct answer){0};
                r = answer(w, request, url, &a, ret, err);
        }
        if (r == 0) {
                ret->status = a.status;
                ret->effective_url = xstrdup(url);
                ret->location = xstrdup(a.location);
                ret->date = WORLD_EPOCH + world_ms(w) / 1000;
                ret->length = (int64_t) a.len;
                ret->content_type = xstrdup(a.type);
                if (!request->head)
                        r = deliver(w, request, &a, ret, err);
        }
        free(a.body);
        free(a.location);
        return r;
}

void practice_http_close(struct host *h, struct http_session *session)
{
}
