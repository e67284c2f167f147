/* SPDX-License-Identifier: GPL-3.0-or-later */

/* api: reads from the Kubernetes API over one kept-alive connection, with what the admin kubeconfig
 * holds. Every byte from there is foreign: sizes are limited here, words are escaped. */

#include "../base/escape.h"
#include "../base/str.h"
#include "../base/yaml.h"
#include "k3s.h"

#define JSON_LIMIT ((int64_t) 4 * 1024 * 1024)

struct api {
        struct host *host;
        struct http_session *session;
        char *server;
        char *ca, *cert;
        struct secret key, basic;
};

static int base64_digit(char c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648, section 4, strict: whole groups, padding only at the end, no bits left over, no NUL
 * inside. NULL when it is anything else. */
static char *base64_text(const char *s)
{
        size_t len = strlen(s), pad = 0, n = 0;
        char *out;

        if (len == 0 || len % 4)
                return NULL;
        while (pad < 2 && s[len - 1 - pad] == '=')
                pad++;
        out = xcalloc(len / 4 * 3 + 1, 1);
        uint32_t bits = 0;
        for (size_t i = 0; i < len; i++) {
                int d = i >= len - pad ? 0 : base64_digit(s[i]);

                if (d < 0)
                        goto bad;
                bits = bits << 6 | (uint32_t) d;
                if (i % 4 != 3)
                        continue;
                for (int shift = 16; shift >= 0; shift -= 8)
                        out[n++] = (char) (bits >> shift & 0xff);
                bits = 0;
        }
        for (size_t i = n - pad; i < n; i++)
                if (out[i])
                        goto bad;
        if (strlen(out) != n - pad)
                goto bad;
        return out;
bad:
        secret_free_string(out);
        return NULL;
}

static const char *text_of(const struct yaml_node *mapping, const char *key)
{
        const struct yaml_node *v =
                mapping && mapping->kind == YAML_MAPPING ? yaml_get(mapping, key) : NULL;

        return v && v->kind == YAML_SCALAR && v->value[0] ? v->value : NULL;
}

/* The entry called name in a list of a kubeconfig, and of that its part. */
static const struct yaml_node *entry(
        const struct yaml_node *root, const char *list, const char *name, const char *part)
{
        const struct yaml_node *all = yaml_get(root, list);

        for (size_t i = 0; name && all && all->kind == YAML_SEQUENCE && i < all->n; i++)
                if (str_eq(text_of(all->items[i], "name"), name)) {
                        const struct yaml_node *v = yaml_get(all->items[i], part);

                        return v && v->kind == YAML_MAPPING ? v : NULL;
                }
        return NULL;
}

static int fill_user(struct api *api, const struct yaml_node *user)
{
        const char *cert = text_of(user, "client-certificate-data");
        const char *key = text_of(user, "client-key-data");
        const char *name = text_of(user, "username"), *password = text_of(user, "password");
        char *plain;

        if (cert && key) {
                api->cert = base64_text(cert);
                plain = base64_text(key);
                if (plain)
                        secret_set(&api->key, plain, strlen(plain));
                secret_free_string(plain);
                return api->cert && api->key.bytes ? 0 : -EINVAL;
        }
        if (!name || !password || strchr(name, ':'))
                return -EINVAL;
        plain = xasprintf("%s:%s", name, password);
        secret_set(&api->basic, plain, strlen(plain));
        secret_free_string(plain);
        return 0;
}

static int fill(struct api *api, const struct yaml_node *root)
{
        const struct yaml_node *context, *cluster, *user;
        const char *server, *ca;

        if (!root || root->kind != YAML_MAPPING)
                return -EINVAL;
        context = entry(root, "contexts", text_of(root, "current-context"), "context");
        cluster = entry(root, "clusters", text_of(context, "cluster"), "cluster");
        user = entry(root, "users", text_of(context, "user"), "user");
        server = text_of(cluster, "server");
        ca = text_of(cluster, "certificate-authority-data");
        if (!user || !ca || !server || !str_starts(server, "https://"))
                return -EINVAL;
        api->server = xstrdup(server);
        if (str_ends(api->server, "/"))
                api->server[strlen(api->server) - 1] = '\0';
        api->ca = base64_text(ca);
        return api->ca ? fill_user(api, user) : -EINVAL;
}

void api_close(struct api *api)
{
        if (!api)
                return;
        if (api->session)
                api->host->ops->http_close(api->host, api->session);
        free(api->server);
        free(api->ca);
        free(api->cert);
        secret_done(&api->key);
        secret_done(&api->basic);
        free(api);
}

int api_open(struct host *h, const char *kubeconfig, struct api **ret, struct error **err)
{
        _cleanup_problems_ struct problems problems = {0};
        _cleanup_yaml_ struct yaml_node *root = NULL;
        _cleanup_api_ struct api *api = xcalloc(1, sizeof(*api));
        _cleanup_free_ char *shown = escape_text(kubeconfig);
        char *text = NULL;
        size_t len = 0;
        int r;

        r = file_read(&h->root, kubeconfig, YAML_SIZE_MAX, &text, &len, err);
        if (r < 0)
                return error_prefix(err, "Could not read the kubeconfig");
        api->host = h;
        r = yaml_parse(kubeconfig, text, len, &root, &problems);
        secret_free_string(text);
        if (r >= 0)
                r = fill(api, root);
        if (r < 0)
                return error_set(err, EINVAL,
                        "Cannot use the kubeconfig %s: it lacks a current context with an https "
                        "server, a "
                        "CA and a user",
                        shown);
        *ret = TAKE_PTR(api);
        return 0;
}

int api_get(struct api *api, const char *path, int64_t timeout_ms, int *ret_status, char **ret_body,
        struct error **err)
{
        _cleanup_http_reply_ struct http_reply reply = {.date = -1, .length = -1};
        _cleanup_free_ char *url = xasprintf("%s%s", api->server, path);
        struct http_request request = {.url = url,
                .no_redirect = true,
                .ca_pem = api->ca,
                .cert_pem = api->cert,
                .key_pem = api->key.bytes ? &api->key : NULL,
                .basic = api->basic.bytes ? &api->basic : NULL,
                .no_proxy = true,
                .timeout_ms = timeout_ms,
                .limit = JSON_LIMIT};
        int r;

        r = api->host->ops->http(api->host, &api->session, &request, &reply, err);
        if (r < 0)
                return r;
        if (ret_status)
                *ret_status = reply.status;
        if (ret_body)
                *ret_body = reply.body ? TAKE_PTR(reply.body) : xstrdup("");
        return 0;
}

int api_get_json(
        struct api *api, const char *path, int64_t timeout_ms, json_t **ret, struct error **err)
{
        _cleanup_free_ char *body = NULL, *why = NULL, *shown = escape_text(path);
        int status = 0, r;
        json_t *json;

        r = api_get(api, path, timeout_ms, &status, &body, err);
        if (r < 0)
                return r;
        json = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
        if (status == 200 && json) {
                *ret = json;
                return 0;
        }
        why = escape_text(json_string_value(json_object_get(json, "message")));
        json_decref(json);
        if (status == 200)
                return error_set(err, EBADMSG, "The API server's answer to %s is not JSON", shown);
        return error_set(err, status == 404 ? ENOENT : EPROTO,
                "The API server answered %s with HTTP status %d%s%s", shown, status,
                *why ? ": " : "", why);
}

int api_node_condition(struct api *api, const char *node, const char *condition, char **ret_status,
        char **ret_why, struct error **err)
{
        _cleanup_free_ char *path = xasprintf("/api/v1/nodes/%s", node);
        json_t *json = NULL, *list, *item, *found = NULL;
        size_t i;
        int r;

        r = api_get_json(api, path, 10000, &json, err);
        if (r < 0)
                return r;
        list = json_object_get(json_object_get(json, "status"), "conditions");
        json_array_foreach(list, i,
                item) if (str_eq(json_string_value(json_object_get(item, "type")), condition))
                found = item;
        *ret_status = escape_text(json_string_value(json_object_get(found, "status")));
        if (ret_why) {
                _cleanup_free_ char *reason =
                        escape_text(json_string_value(json_object_get(found, "reason")));
                _cleanup_free_ char *message =
                        escape_text(json_string_value(json_object_get(found, "message")));

                *ret_why = xasprintf("%s%s%s", reason, *reason && *message ? ": " : "", message);
        }
        json_decref(json);
        return 0;
}
