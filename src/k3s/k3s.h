/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* k3s: what the rest of the program needs to know of K3s: paths, the platform, the release. */

#include "../host/host.h"
#include "../model/answers.h"

#define K3S_CONFIG_DROPIN "/etc/rancher/k3s/config.yaml.d/50-k3wizard.yaml"
#define K3S_KUBECONFIG    "/etc/rancher/k3s/k3s.yaml"
#define K3S_NODE_TOKEN    "/var/lib/rancher/k3s/server/node-token"
#define K3S_SERVER_CA     "/var/lib/rancher/k3s/server/tls/server-ca.crt"
#define K3S_BINARY        "/usr/local/bin/k3s"

/* ---- platform.c: facts read from files of the host and uname(2) ---- */

enum cgroup_mode { CGROUP_NONE, CGROUP_V1, CGROUP_HYBRID, CGROUP_V2 };

struct platform {
        char *hostname;    /* lower-cased, first label kept whole as Kubernetes does */
        char *machine;     /* uname -m */
        const char *arch;  /* "amd64" "arm64" "arm", NULL: unsupported */
        const char *asset; /* "k3s" "k3s-arm64" "k3s-armhf" */
        char *os;          /* PRETTY_NAME */
        char *kernel;      /* uname -r */
        char *board;       /* "NVIDIA Jetson AGX Xavier", "Raspberry Pi 4 Model B Rev 1.4", or "" */
        char *l4t;         /* "35.3.1" or "" */
        bool systemd;      /* /run/systemd/system */
        int64_t memory;    /* bytes */
        enum cgroup_mode cgroup;
        char *controllers; /* space-separated, of v1 (enabled) or v2 */
};
int platform_read(struct host *h, struct platform *ret, struct error **err);
void platform_done(struct platform *p);
#define _cleanup_platform_ _cleanup_(platform_done)

/* ---- release.c: channel, version, checksum, URLs; resolution as upstream's install.sh does it
 * ---- */

struct release {
        char *version; /* "v1.36.3+k3s1" */
        char *binary_url;
        char sha256[DIGEST_HEX_SIZE]; /* from sha256sum-ARCH.txt */
        int64_t size;                 /* -1: not told */
        int64_t server_date;          /* Date header of the last reply; -1 */
};
/* Resolves k3s.version or k3s.channel, then the checksum line for the platform. Network, no change.
 */
int release_resolve(struct host *h, const struct answers *a, const struct platform *p,
        struct release *ret, struct error **err);
void release_done(struct release *r);
#define _cleanup_release_ _cleanup_(release_done)

/* K3s version to major/minor: "v1.36.3+k3s1" → 1, 36. Returns 0 or -EINVAL. */
int k3s_version_parse(const char *version, int *ret_major, int *ret_minor);

/* ---- fetch.c: one file into the cache: streamed, hashed in the same pass, resumed, retried ----
 */

struct fetch_progress {
        int64_t done, total;  /* bytes; total -1 unknown */
        int64_t rate;         /* bytes per second over the last seconds */
        int64_t seconds_left; /* -1 unknown */
};
struct fetch_request {
        const char *url;
        const char *sha256;            /* expected; NULL: any, told in ret_sha256 */
        int cache_fd;                  /* directory */
        const char *name;              /* file name in the cache */
        int64_t limit;                 /* most bytes */
        int64_t timeout_ms;            /* whole, with retries */
        const struct answers *answers; /* source.ca_file, source.proxy */
        void (*on_progress)(void *data, const struct fetch_progress *p);
        void *data;
};
/* Returns 0 with the file complete, fsynced and its digest right. A file there already with the
 * right digest is not fetched again. */
int fetch(struct host *h, const struct fetch_request *request, char ret_sha256[DIGEST_HEX_SIZE],
        struct error **err);

/* source.ca_file and source.proxy (or source.proxy_file) into a request; *proxy must outlive it. */
int fetch_source_options(struct host *h, const struct answers *a, struct http_request *request,
        struct secret *proxy, struct error **err);

/* ---- token.c ---- */

enum token_form { TOKEN_SHORT, TOKEN_SECURE, TOKEN_BOOTSTRAP, TOKEN_SECURE_BOOTSTRAP };
struct token {
        enum token_form form;
        char ca_hash[65];       /* lower-case hex, "" when the form has none */
        char *user;             /* NULL for bootstrap forms */
        struct secret password; /* or id.secret */
};
/* Parses text (white space around it ignored). legacy: v0.9.1's rules. Returns 0, or -EINVAL with
 * the reason, which never quotes the token. Grammar: pkg/clientaccess/token.go of K3s v1.37. */
int token_parse(const char *text, bool legacy, struct token *ret, struct error **err);
void token_done(struct token *t);
#define _cleanup_token_ _cleanup_(token_done)
const char *token_form_name(enum token_form f); /* "secure" … */

/* ---- api.c: reads from the Kubernetes API through the admin kubeconfig ---- */

#include <jansson.h>
struct api; /* one kept-alive connection */
/* Reads the kubeconfig (inline client certificate, key and CA; or basic auth, v0.9.1). */
int api_open(struct host *h, const char *kubeconfig, struct api **ret, struct error **err);
void api_close(struct api *api);
CLEANUP_FUNC(struct api, api_close);
#define _cleanup_api_ _cleanup_(api_closep)
/* GET path. ret_status: HTTP status; ret_body: text, the caller frees; either may be NULL. */
int api_get(struct api *api, const char *path, int64_t timeout_ms, int *ret_status, char **ret_body,
        struct error **err);
/* GET path and parse JSON; a status other than 200 is an error with the Status message, escaped. */
int api_get_json(
        struct api *api, const char *path, int64_t timeout_ms, json_t **ret, struct error **err);
/* "True", "False", "Unknown" or "" of a node's condition; reason and message into *ret_why when not
 * NULL. */
int api_node_condition(struct api *api, const char *node, const char *condition, char **ret_status,
        char **ret_why, struct error **err);
