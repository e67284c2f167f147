/* SPDX-License-Identifier: GPL-3.0-or-later */

/* network: links, addresses and routes by rtnetlink(7), four dumps over one socket.
 *
 * libnl carries the messages and walks the attributes; its object caches are left aside, because a
 * host may have a thousand links and only a few fields of each are wanted. */

#include "internal.h"
#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>

#define RECEIVE_BUFFER (64 * 1024)
#define SOCKET_BUFFER  (1024 * 1024)
#define DUMP_TRIES     5
#ifndef RTEXT_FILTER_SKIP_STATS
#define RTEXT_FILTER_SKIP_STATS (1 << 3)
#endif

struct dump {
        struct net_picture *picture;
        size_t room_links, room_defaults, room_routes;
        size_t last; /* where the last address went: they come link by link */
        int family;  /* of the route dump */
        bool interrupted;
};

static void *one_more(void *list, size_t n, size_t *room, size_t size)
{
        if (n < *room)
                return list;
        *room = *room ? *room * 2 : 16;
        return xrealloc(list, *room, size);
}

/* ---- links ---- */

/* RFC 2863, section 3.1.14; linux/if.h, IF_OPER_… */
static const char *operational_state(unsigned state)
{
        static const char *const names[] = {
                "unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"};

        return state < ARRAY_LEN(names) ? names[state] : "unknown";
}

static bool in_sysfs(const char *name, const char *what)
{
        char path[64 + IFNAMSIZ];

        snprintf(path, sizeof(path), "/sys/class/net/%s/%s", name, what);
        return access(path, F_OK) == 0;
}

static const char *kind_by_hardware(const struct net_link *link, unsigned hardware)
{
        switch (hardware) {
        case ARPHRD_LOOPBACK:
                return "loopback";
        case ARPHRD_ETHER:
                return in_sysfs(link->name, "phy80211") ? "wireless" : "ethernet";
        case ARPHRD_PPP:
                return "ppp";
        case ARPHRD_NONE:
                return "tun";
        case ARPHRD_INFINIBAND:
                return "infiniband";
        case ARPHRD_TUNNEL:
        case ARPHRD_TUNNEL6:
        case ARPHRD_SIT:
        case ARPHRD_IPGRE:
                return "tunnel";
        default:
                return "other";
        }
}

/* Only hardware knows a speed; asking a virtual link costs a system call for nothing. */
static int64_t read_speed(const struct net_link *link)
{
        char path[64 + IFNAMSIZ], text[32];
        FILE *f;
        long speed = -1;

        if (!link->up || !str_eq(link->state, "up"))
                return -1;
        snprintf(path, sizeof(path), "/sys/class/net/%s/speed", link->name);
        f = fopen(path, "re");
        if (!f)
                return -1;
        if (fgets(text, sizeof(text), f))
                speed = strtol(text, NULL, 10);
        fclose(f);
        return speed > 0 && speed < 100000000 ? speed : -1;
}

static void copy_text(char *to, size_t size, const struct nlattr *a)
{
        size_t len = a ? strnlen(nla_data(a), (size_t) nla_len(a)) : 0;

        if (len >= size)
                len = size - 1;
        if (a)
                memcpy(to, nla_data(a), len);
        to[len] = '\0';
}

static void write_mac(char *to, const unsigned char *bytes)
{
        static const char digits[] = "0123456789abcdef";

        for (int i = 0; i < 6; i++) {
                *to++ = digits[bytes[i] >> 4];
                *to++ = digits[bytes[i] & 15];
                *to++ = i < 5 ? ':' : '\0';
        }
}

static int on_link(struct nl_msg *message, void *data)
{
        static struct nla_policy policy[IFLA_MAX + 1];
        struct dump *d = data;
        struct nlmsghdr *header = nlmsg_hdr(message);
        struct ifinfomsg *info = nlmsg_data(header);
        struct nlattr *a[IFLA_MAX + 1], *kind = NULL;
        struct net_link *link;

        if (header->nlmsg_type != RTM_NEWLINK ||
                nlmsg_parse(header, sizeof(*info), a, IFLA_MAX, policy) < 0)
                return NL_OK;
        d->picture->links = one_more(
                d->picture->links, d->picture->n_links, &d->room_links, sizeof(*d->picture->links));
        link = &d->picture->links[d->picture->n_links++];
        *link = (struct net_link){
                .index = info->ifi_index, .up = info->ifi_flags & IFF_UP, .speed_mbps = -1};
        copy_text(link->name, sizeof(link->name), a[IFLA_IFNAME]);
        if (a[IFLA_MTU])
                link->mtu = nla_get_u32(a[IFLA_MTU]);
        strcpy(link->state,
                operational_state(a[IFLA_OPERSTATE] ? nla_get_u8(a[IFLA_OPERSTATE]) : 0));
        if (a[IFLA_ADDRESS] && nla_len(a[IFLA_ADDRESS]) == 6)
                write_mac(link->mac, nla_data(a[IFLA_ADDRESS]));
        if (a[IFLA_LINKINFO])
                kind = nla_find(
                        nla_data(a[IFLA_LINKINFO]), nla_len(a[IFLA_LINKINFO]), IFLA_INFO_KIND);
        if (kind) {
                copy_text(link->type, sizeof(link->type), kind);
        } else {
                snprintf(link->type, sizeof(link->type), "%s",
                        kind_by_hardware(link, info->ifi_type));
                link->speed_mbps = str_eq(link->type, "loopback") ? -1 : read_speed(link);
        }
        return NL_OK;
}

static int by_index(const void *a, const void *b)
{
        return ((const struct net_link *) a)->index - ((const struct net_link *) b)->index;
}

/* ---- addresses ---- */

static const char *scope_name(unsigned scope)
{
        switch (scope) {
        case RT_SCOPE_UNIVERSE:
                return "global";
        case RT_SCOPE_SITE:
                return "site";
        case RT_SCOPE_LINK:
                return "link";
        default:
                return "host";
        }
}

static struct net_link *link_of(struct dump *d, int index)
{
        struct net_picture *p = d->picture;

        if (d->last < p->n_links && p->links[d->last].index == index)
                return &p->links[d->last];
        for (size_t low = 0, high = p->n_links; low < high;) {
                size_t middle = low + (high - low) / 2;

                if (p->links[middle].index == index) {
                        d->last = middle;
                        return &p->links[middle];
                }
                if (p->links[middle].index < index)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

static int on_address(struct nl_msg *message, void *data)
{
        static struct nla_policy policy[IFA_MAX + 1];
        struct dump *d = data;
        struct nlmsghdr *header = nlmsg_hdr(message);
        struct ifaddrmsg *info = nlmsg_data(header);
        struct nlattr *a[IFA_MAX + 1], *value;
        struct net_address *address;
        struct net_link *link;
        uint32_t flags;

        if (header->nlmsg_type != RTM_NEWADDR ||
                (info->ifa_family != AF_INET && info->ifa_family != AF_INET6) ||
                nlmsg_parse(header, sizeof(*info), a, IFA_MAX, policy) < 0)
                return NL_OK;
        link = link_of(d, (int) info->ifa_index);
        /* On point-to-point links IFA_ADDRESS is the peer (rtnetlink(7)). */
        value = a[IFA_LOCAL] ?: a[IFA_ADDRESS];
        flags = a[IFA_FLAGS] ? nla_get_u32(a[IFA_FLAGS]) : info->ifa_flags;
        if (!link || !value || nla_len(value) < (info->ifa_family == AF_INET ? 4 : 16))
                return NL_OK;
        link->addresses =
                xrealloc(link->addresses, link->n_addresses + 1, sizeof(*link->addresses));
        address = &link->addresses[link->n_addresses];
        *address = (struct net_address){
                .family = info->ifa_family == AF_INET ? FAMILY_IPV4 : FAMILY_IPV6,
                .prefix = info->ifa_prefixlen,
                .scope = scope_name(info->ifa_scope),
                .dynamic = !(flags & IFA_F_PERMANENT),
                .valid_seconds = -1,
        };
        inet_ntop(info->ifa_family, nla_data(value), address->text, sizeof(address->text));
        if (a[IFA_CACHEINFO] && nla_len(a[IFA_CACHEINFO]) >= (int) sizeof(struct ifa_cacheinfo)) {
                const struct ifa_cacheinfo *c = nla_data(a[IFA_CACHEINFO]);

                address->valid_seconds = c->ifa_valid == UINT32_MAX ? -1 : (int64_t) c->ifa_valid;
        }
        /* A temporary address (RFC 8981) is no name for a node: it comes last. */
        if (flags & IFA_F_TEMPORARY && info->ifa_family == AF_INET6)
                address->scope = "temporary";
        link->n_addresses++;
        return NL_OK;
}

/* ---- routes ---- */

static void add_hop(struct net_default_route *route, int family, int link,
        const struct nlattr *gateway, int weight)
{
        struct net_nexthop *hop;

        route->hops = xrealloc(route->hops, route->n_hops + 1, sizeof(*route->hops));
        hop = &route->hops[route->n_hops++];
        *hop = (struct net_nexthop){.link = link, .weight = weight};
        if (gateway && nla_len(gateway) >= (family == AF_INET ? 4 : 16))
                inet_ntop(family, nla_data(gateway), hop->gateway, sizeof(hop->gateway));
}

static void add_hops(struct net_default_route *route, int family, struct nlattr *multipath)
{
        struct rtnexthop *hop = nla_data(multipath);
        int left = nla_len(multipath);

        while (left >= (int) sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) &&
                hop->rtnh_len <= left) {
                int step = (int) RTNH_ALIGN(hop->rtnh_len);
                struct nlattr *gateway = nla_find((struct nlattr *) RTNH_DATA(hop),
                        hop->rtnh_len - (int) sizeof(*hop), RTA_GATEWAY);

                add_hop(route, family, hop->rtnh_ifindex, gateway, hop->rtnh_hops + 1);
                left -= step;
                hop = (struct rtnexthop *) ((char *) hop + step);
        }
}

static void add_default(struct dump *d, struct nlattr **a)
{
        struct net_picture *p = d->picture;
        struct net_default_route *route;

        p->defaults = one_more(p->defaults, p->n_defaults, &d->room_defaults, sizeof(*p->defaults));
        route = &p->defaults[p->n_defaults];
        *route = (struct net_default_route){
                .family = d->family == AF_INET ? FAMILY_IPV4 : FAMILY_IPV6,
                .metric = a[RTA_PRIORITY] ? nla_get_u32(a[RTA_PRIORITY]) : 0,
        };
        if (a[RTA_MULTIPATH])
                add_hops(route, d->family, a[RTA_MULTIPATH]);
        else if (a[RTA_OIF])
                add_hop(route, d->family, (int) nla_get_u32(a[RTA_OIF]), a[RTA_GATEWAY], 1);
        if (a[RTA_PREFSRC] && nla_len(a[RTA_PREFSRC]) >= (d->family == AF_INET ? 4 : 16))
                inet_ntop(
                        d->family, nla_data(a[RTA_PREFSRC]), route->source, sizeof(route->source));
        if (route->n_hops > 0)
                p->n_defaults++;
}

static int on_route(struct nl_msg *message, void *data)
{
        static struct nla_policy policy[RTA_MAX + 1];
        struct dump *d = data;
        struct nlmsghdr *header = nlmsg_hdr(message);
        struct rtmsg *info = nlmsg_data(header);
        struct nlattr *a[RTA_MAX + 1];
        struct net_picture *p = d->picture;
        struct net_route *route;

        if (header->nlmsg_type != RTM_NEWROUTE || info->rtm_family != d->family ||
                info->rtm_table != RT_TABLE_MAIN || info->rtm_type != RTN_UNICAST ||
                (info->rtm_flags & RTM_F_CLONED) ||
                nlmsg_parse(header, sizeof(*info), a, RTA_MAX, policy) < 0)
                return NL_OK;
        if (info->rtm_dst_len == 0) {
                add_default(d, a);
                return NL_OK;
        }
        if (!a[RTA_DST])
                return NL_OK;
        p->routes = one_more(p->routes, p->n_routes, &d->room_routes, sizeof(*p->routes));
        route = &p->routes[p->n_routes++];
        *route = (struct net_route){
                .family = d->family == AF_INET ? FAMILY_IPV4 : FAMILY_IPV6,
                .prefix = info->rtm_dst_len,
                .link = a[RTA_OIF] ? (int) nla_get_u32(a[RTA_OIF]) : 0,
        };
        inet_ntop(d->family, nla_data(a[RTA_DST]), route->destination, sizeof(route->destination));
        return NL_OK;
}

static int best_first(const void *one, const void *other)
{
        const struct net_default_route *a = one, *b = other;

        if (a->metric != b->metric)
                return a->metric < b->metric ? -1 : 1;
        return (int) a->family - (int) b->family;
}

/* ---- dumps ---- */

static int on_interrupted(struct nl_msg *message, void *data)
{
        ((struct dump *) data)->interrupted = true;
        return NL_SKIP;
}

static int dump_once(struct nl_sock *sock, int type, int family, struct dump *d,
        int (*on_message)(struct nl_msg *message, void *data))
{
        struct {
                union {
                        struct ifinfomsg link;
                        struct ifaddrmsg address;
                        struct rtmsg route;
                };
                struct nlattr head;
                uint32_t mask;
        } body = {.link = {.ifi_family = (unsigned char) family}};
        size_t len = type == RTM_GETADDR  ? sizeof(body.address) :
                     type == RTM_GETROUTE ? sizeof(body.route) :
                                            sizeof(body.link);
        struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
        int r;

        if (!cb)
                return -NLE_NOMEM;
        if (type == RTM_GETLINK) {
                /* Counters are half of what a link says. */
                body.head = (struct nlattr){.nla_type = IFLA_EXT_MASK, .nla_len = 8};
                body.mask = RTEXT_FILTER_SKIP_STATS;
                len = sizeof(struct ifinfomsg) + 8;
        }
        nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_message, d);
        nl_cb_set(cb, NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_interrupted, d);
        r = nl_send_simple(sock, type, NLM_F_DUMP, &body, len);
        if (r >= 0)
                r = nl_recvmsgs(sock, cb);
        nl_cb_put(cb);
        return r;
}

static void forget(struct dump *d, int type)
{
        struct net_picture *p = d->picture;

        if (type == RTM_GETLINK)
                p->n_links = 0;
        for (size_t i = 0; type == RTM_GETADDR && i < p->n_links; i++) {
                free(p->links[i].addresses);
                p->links[i].addresses = NULL;
                p->links[i].n_addresses = 0;
        }
}

/* A dump during which the kernel's list changed is not one picture: again. Routes of the other
 * family stay, so they are told apart by their family. */
static void forget_routes(struct dump *d)
{
        struct net_picture *p = d->picture;
        enum address_family family = d->family == AF_INET ? FAMILY_IPV4 : FAMILY_IPV6;

        while (p->n_routes > 0 && p->routes[p->n_routes - 1].family == family)
                p->n_routes--;
        while (p->n_defaults > 0 && p->defaults[p->n_defaults - 1].family == family)
                free(p->defaults[--p->n_defaults].hops);
}

static int dump(struct nl_sock *sock, int type, int family, struct dump *d,
        int (*on_message)(struct nl_msg *message, void *data))
{
        int r = 0;

        d->family = family;
        for (int i = 0; i < DUMP_TRIES; i++) {
                d->interrupted = false;
                r = dump_once(sock, type, family, d, on_message);
                if (r != -NLE_DUMP_INTR && !d->interrupted)
                        return r;
                if (type == RTM_GETROUTE)
                        forget_routes(d);
                else
                        forget(d, type);
        }
        return r < 0 ? r : -NLE_DUMP_INTR;
}

int machine_network(struct host *h, struct net_picture *ret, struct error **err)
{
        _cleanup_net_picture_ struct net_picture p = {0};
        struct dump d = {.picture = &p};
        struct nl_sock *sock = nl_socket_alloc();
        int r;

        if (!sock)
                return error_set(err, ENOMEM, "Could not ask the kernel for the network");
        r = nl_connect(sock, NETLINK_ROUTE);
        if (r == 0) {
                (void) nl_socket_set_buffer_size(sock, SOCKET_BUFFER, 0);
                (void) nl_socket_set_msg_buf_size(sock, RECEIVE_BUFFER);
                r = dump(sock, RTM_GETLINK, AF_UNSPEC, &d, on_link);
        }
        if (r == 0) {
                qsort(p.links, p.n_links, sizeof(*p.links), by_index);
                r = dump(sock, RTM_GETADDR, AF_UNSPEC, &d, on_address);
        }
        if (r == 0)
                r = dump(sock, RTM_GETROUTE, AF_INET, &d, on_route);
        /* A kernel without IPv6 has no such routes. */
        if (r == 0)
                (void) dump(sock, RTM_GETROUTE, AF_INET6, &d, on_route);
        nl_socket_free(sock);
        if (r < 0)
                return error_set(
                        err, EIO, "Could not ask the kernel for the network: %s", nl_geterror(r));
        if (p.n_defaults > 1)
                qsort(p.defaults, p.n_defaults, sizeof(*p.defaults), best_first);
        *ret = p;
        p = (struct net_picture){0};
        return 0;
}
