/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* host: the machine as an interface. Everything the program knows about a machine, or does to it,
 * goes through struct host; machine/ is the real one, practice/ a simulated one.
 *
 * Files are the same code for both (base/file.h) below host->root: "/" or the world's private
 * directory. Where a fact is a file (/proc/meminfo, /etc/os-release,
 * /sys/fs/cgroup/cgroup.controllers) it is read as one, and a practice world simply has that file.
 * The rest are operations. */

#include "../base/error.h"
#include "../base/file.h"
#include "../base/secret.h"
#include <net/if.h>

struct host;

/* ---- network (rtnetlink(7)) ---- */

enum address_family { FAMILY_IPV4 = 4, FAMILY_IPV6 = 6 };

struct net_address {
        enum address_family family;
        char text[46]; /* INET6_ADDRSTRLEN */
        int prefix;
        const char *scope;     /* "global", "link", "host", "site" */
        bool dynamic;          /* has a lifetime: IFA_F_PERMANENT is not set */
        int64_t valid_seconds; /* IFA_CACHEINFO ifa_valid; -1: for ever */
};

struct net_link {
        int index;
        char name[IFNAMSIZ];
        char type[16];  /* "ethernet" "wireless" "loopback" "bridge" "veth" "vxlan" "dummy" "bond"
                           "vlan"  "tun" "wireguard" …: IFLA_INFO_KIND, else from ARPHRD and sysfs */
        char state[16]; /* operational state, RFC 2863: "up" "down" "unknown" "dormant"
                           "lowerlayerdown" "notpresent" "testing" */
        char mac[18];   /* "" when none */
        unsigned mtu;
        int64_t speed_mbps; /* -1: unknown */
        bool up;            /* IFF_UP */
        struct net_address *addresses;
        size_t n_addresses;
};

struct net_nexthop {
        int link;         /* ifindex */
        char gateway[46]; /* "" : on link */
        int weight;
};

struct net_default_route {
        enum address_family family;
        uint32_t metric;
        struct net_nexthop *hops; /* at least one */
        size_t n_hops;
        char source[46]; /* preferred source, "" when none */
};

struct net_route { /* connected and other non-default unicast routes of the main table */
        enum address_family family;
        char destination[46];
        int prefix;
        int link; /* ifindex of the first hop */
};

/* One consistent look at links, addresses and routes. */
struct net_picture {
        struct net_link *links; /* by index */
        size_t n_links;
        struct net_default_route *defaults; /* best first: lowest metric, IPv4 before IPv6 */
        size_t n_defaults;
        struct net_route *routes;
        size_t n_routes;
};
void net_picture_done(struct net_picture *p);
#define _cleanup_net_picture_ _cleanup_(net_picture_done)

/* Helpers over a picture (host/net.c; pure). */
const struct net_link *net_link_by_name(const struct net_picture *p, const char *name);
const struct net_link *net_link_by_index(const struct net_picture *p, int index);
/* The link that holds this address, or NULL. */
const struct net_link *net_link_by_address(const struct net_picture *p, const char *address);
/* First global address of the link: IPv4 before IPv6, not temporary; or NULL. */
const struct net_address *net_first_global(const struct net_link *link);
/* Whether the link can carry cluster traffic: not loopback, docker0, cni0, flannel.*, veth*, br-…
 * of Docker, kube-ipvs0, virbr*. */
bool net_link_is_candidate(const struct net_link *link);
/* The best default route's link when it is a candidate with a global address; else the only
 * candidate with one; else NULL. *ret_ambiguous (may be NULL): several default routes of equal
 * metric, or several next hops, leave by different candidate links. */
const struct net_link *net_suggest(const struct net_picture *p, bool *ret_ambiguous);
/* Lowest metric of a default route through the link; -1 when there is none. */
int64_t net_default_metric(const struct net_picture *p, const struct net_link *link);
/* Whether two networks "10.42.0.0/16" overlap; -EINVAL for nonsense. */
int net_overlap(const char *a, const char *b);

/* ---- processes ---- */

struct run_request {
        const char *const *argv;        /* argv[0] absolute; never a secret inside */
        const char *const *environment; /* complete "K=V" list; NULL: PATH, LANG=C.UTF-8 only */
        const char *directory;          /* working directory; NULL: "/" */
        int64_t timeout_ms;             /* then SIGTERM to the group, 5 s later SIGKILL; 0: 30 s */
        size_t output_limit; /* bytes kept of stdout and stderr each, the last ones; 0: 64 KiB */
        void (*on_line)(void *data, const char *line, size_t len); /* foreign bytes; may be NULL */
        void *data;
        bool finish_on_cancel; /* let the child end by itself when the run is being cancelled */
};
struct run_result {
        int status; /* exit status, or 128 + signal */
        bool timed_out;
        char *out, *err; /* foreign bytes, NUL-terminated */
};
void run_result_done(struct run_result *r);
#define _cleanup_run_result_ _cleanup_(run_result_done)

/* ---- services (systemd.unit(5), systemctl show) ---- */

struct unit_state {
        char load[24];    /* "loaded" "not-found" "masked" … */
        char active[24];  /* ActiveState */
        char sub[32];     /* SubState */
        char enabled[24]; /* UnitFileState: "enabled" "disabled" "static" "" … */
        char result[32];  /* Result */
        int restarts;     /* NRestarts */
        int exit_status;  /* ExecMainStatus */
        int main_pid;
};
enum unit_verb {
        UNIT_START,
        UNIT_STOP,
        UNIT_RESTART,
        UNIT_ENABLE,
        UNIT_DISABLE,
        UNIT_RESET_FAILED,
        UNIT_RELOAD_ALL
};

/* ---- HTTP ---- */

struct http_request {
        const char *url; /* https:// only, also after redirects */
        bool head;
        bool no_redirect;     /* report 3xx with its location instead of following */
        const char *ca_file;  /* real path of PEM roots trusted in addition to the system's; NULL:
                                 none */
        const char *ca_pem;   /* when set: exactly these roots, nothing else (invariant 5 stays) */
        const char *cert_pem; /* client certificate and key */
        const struct secret *key_pem;
        const struct secret *basic; /* "user:password" */
        const char *connect_to;     /* CURLOPT_CONNECT_TO "host:port:host:port" */
        const struct secret
                *proxy;     /* URL, may hold credentials; NULL: the environment's, as curl does */
        bool no_proxy;      /* direct: the cluster's own API */
        int64_t timeout_ms; /* whole request; 0: 30 s */
        int64_t stall_ms;   /* no progress at 1 kB/s for this long ends it; 0: off */
        int64_t offset;     /* Range: bytes=offset- ; 0: none */
        int64_t limit;      /* most bytes of body; 0: 1 MiB */
        /* Where the body goes; NULL: into reply->body. Negative return stops the transfer with it.
         */
        int (*sink)(void *data, const void *bytes, size_t len);
        /* Called once, before the first byte of body. Negative return stops. */
        int (*on_head)(void *data, int status, int64_t length, int64_t offset);
        void *data;
};
enum http_failure { /* why nothing usable came; the words are k3s/fetch.c's and checks' to choose */
        HTTP_OK,
        HTTP_DNS,
        HTTP_CONNECT,
        HTTP_TIMEOUT,
        HTTP_TLS,      /* certificate not accepted: reason in the error */
        HTTP_TLS_NAME, /* certificate is for other names */
        HTTP_TLS_EXPIRED,
        HTTP_INSECURE, /* redirect to something that is not https */
        HTTP_TRUNCATED,
        HTTP_TOO_LARGE,
        HTTP_PROXY,
        HTTP_CANCELLED,
        HTTP_SINK, /* the sink said no */
        HTTP_OTHER,
};
struct http_reply {
        enum http_failure failure;
        int status;
        char *effective_url;
        char *location;
        int64_t date;   /* Date header, seconds since the epoch; -1 when absent */
        int64_t length; /* Content-Length of the whole body; -1 unknown */
        char *content_type;
        char *body; /* NUL-terminated; foreign */
        size_t body_len;
};
void http_reply_done(struct http_reply *r);
#define _cleanup_http_reply_ _cleanup_(http_reply_done)

struct http_session; /* keeps a connection alive between requests */

/* ---- the rest ---- */

struct listener {
        int port;
        bool tcp; /* else udp */
        char address[46];
        int pid;          /* 0: unknown */
        char process[64]; /* comm of the owner, foreign, "" when unknown */
};

struct host_uname {
        char node[65], release[65], machine[65];
};

struct host_ops {
        const char *name; /* "machine" | "practice" */
        int (*network)(struct host *h, struct net_picture *ret, struct error **err);
        int (*run)(struct host *h, const struct run_request *request, struct run_result *ret,
                struct error **err);
        int (*unit_show)(
                struct host *h, const char *unit, struct unit_state *ret, struct error **err);
        /* timeout_ms is for START, RESTART and STOP: then the job is cancelled and -ETIMEDOUT
         * returned. A unit that fails is -EIO. on_line gets the unit's own journal lines while it
         * waits. */
        int (*unit_do)(struct host *h, enum unit_verb verb, const char *unit, int64_t timeout_ms,
                void (*on_line)(void *data, const char *line, size_t len), void *data,
                struct error **err);
        /* The last lines of the unit's journal since its last start; foreign bytes. */
        int (*unit_log)(
                struct host *h, const char *unit, int lines, char **ret, struct error **err);
        /* *session NULL: made; kept by the caller for further requests, or closed by http_close().
         * Returns 0 when an HTTP status came (whatever it is), else negative and ret->failure says
         * why. */
        int (*http)(struct host *h, struct http_session **session,
                const struct http_request *request, struct http_reply *ret, struct error **err);
        void (*http_close)(struct host *h, struct http_session *session);
        int (*listeners)(struct host *h, struct listener **ret, size_t *ret_n, struct error **err);
        int (*uname)(struct host *h, struct host_uname *ret, struct error **err);
        int (*disk_free)(struct host *h, const char *path, int64_t *ret_bytes, struct error **err);
        bool (*is_root)(struct host *h);
        int64_t (*now)(struct host *h);       /* seconds since the epoch */
        int64_t (*monotonic)(struct host *h); /* milliseconds */
        /* Returns early with -ECANCELED when the run is being cancelled. */
        int (*sleep)(struct host *h, int64_t ms);
        void (*free)(struct host *h);
};

struct host {
        const struct host_ops *ops;
        struct fsroot root;
        /* Set by a signal handler or the engine: 1 = stop at the next safe point. Long waits look
         * at it. */
        volatile int *cancel;
};

static inline bool host_cancelled(const struct host *h)
{
        return h->cancel && *h->cancel;
}

/* Text of a file that states a fact (os-release(5), resolv.conf(5)), through symlinks; NULL when it
 * cannot be had. ret_len may be NULL. The caller frees. */
char *host_fact(struct host *h, const char *path, size_t limit, size_t *ret_len);

void host_free(struct host *h);
CLEANUP_FUNC(struct host, host_free);
#define _cleanup_host_ _cleanup_(host_freep)
