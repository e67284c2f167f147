/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Judgements over a picture of the network. Pure. */

#include "../base/str.h"
#include "host.h"
#include <arpa/inet.h>
#include <fnmatch.h>

const struct net_link *net_link_by_name(const struct net_picture *p, const char *name)
{
        for (size_t i = 0; i < p->n_links; i++)
                if (str_eq(p->links[i].name, name))
                        return &p->links[i];
        return NULL;
}

const struct net_link *net_link_by_index(const struct net_picture *p, int index)
{
        size_t low = 0, high = p->n_links;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (p->links[middle].index == index)
                        return &p->links[middle];
                if (p->links[middle].index < index)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

struct binary_address {
        int family;
        unsigned char bytes[16];
        int bits; /* of the family */
};

static int parse_address(const char *text, struct binary_address *ret)
{
        if (inet_pton(AF_INET, text, ret->bytes) == 1) {
                ret->family = AF_INET;
                ret->bits = 32;
                return 0;
        }
        if (inet_pton(AF_INET6, text, ret->bytes) == 1) {
                ret->family = AF_INET6;
                ret->bits = 128;
                return 0;
        }
        return -EINVAL;
}

/* Compared as numbers: fd00::1 and fd00:0::1 are one address. */
const struct net_link *net_link_by_address(const struct net_picture *p, const char *address)
{
        struct binary_address want;

        if (parse_address(address, &want) < 0)
                return NULL;
        for (size_t i = 0; i < p->n_links; i++)
                for (size_t k = 0; k < p->links[i].n_addresses; k++) {
                        struct binary_address have;

                        if (parse_address(p->links[i].addresses[k].text, &have) == 0 &&
                                have.family == want.family &&
                                memcmp(have.bytes, want.bytes, (size_t) want.bits / 8) == 0)
                                return &p->links[i];
                }
        return NULL;
}

const struct net_address *net_first_global(const struct net_link *link)
{
        static const enum address_family order[] = {FAMILY_IPV4, FAMILY_IPV6};

        for (size_t f = 0; f < ARRAY_LEN(order); f++)
                for (size_t i = 0; i < link->n_addresses; i++)
                        if (link->addresses[i].family == order[f] &&
                                str_eq(link->addresses[i].scope, "global"))
                                return &link->addresses[i];
        return NULL;
}

bool net_link_is_candidate(const struct net_link *link)
{
        static const char *const never[] = {"lo", "docker*", "cni*", "flannel*", "veth*", "kube-*",
                "virbr*", "cali*", "cilium*", "podman*", "lxc*", "dummy0"};
        static const char *const types[] = {"loopback", "vxlan", NULL};

        if (str_in(link->type, types))
                return false;
        for (size_t i = 0; i < ARRAY_LEN(never); i++)
                if (fnmatch(never[i], link->name, 0) == 0)
                        return false;
        /* Docker's own: "br-" and twelve digits of the network's id. Not br-lan. */
        return !(str_starts(link->name, "br-") && strlen(link->name) == 15 &&
                 strspn(link->name + 3, "0123456789abcdef") == 12);
}

static bool usable(const struct net_link *link)
{
        return link && net_link_is_candidate(link) && net_first_global(link);
}

const struct net_link *net_suggest(const struct net_picture *p, bool *ret_ambiguous)
{
        const struct net_link *best = NULL;
        uint32_t metric = 0;
        bool ambiguous = false;

        for (size_t i = 0; i < p->n_defaults; i++) {
                if (best && p->defaults[i].metric != metric)
                        break;
                for (size_t k = 0; k < p->defaults[i].n_hops; k++) {
                        const struct net_link *link =
                                net_link_by_index(p, p->defaults[i].hops[k].link);

                        if (!usable(link) || link == best)
                                continue;
                        if (best)
                                ambiguous = true;
                        else
                                best = link, metric = p->defaults[i].metric;
                }
        }
        /* Without a default route only a single candidate is a suggestion. */
        for (size_t i = 0; p->n_defaults == 0 && i < p->n_links; i++) {
                if (!usable(&p->links[i]))
                        continue;
                if (best)
                        ambiguous = true;
                else
                        best = &p->links[i];
        }
        if (p->n_defaults == 0 && ambiguous)
                best = NULL;
        if (ret_ambiguous)
                *ret_ambiguous = ambiguous;
        return best;
}

int64_t net_default_metric(const struct net_picture *p, const struct net_link *link)
{
        for (size_t i = 0; i < p->n_defaults; i++)
                for (size_t k = 0; k < p->defaults[i].n_hops; k++)
                        if (p->defaults[i].hops[k].link == link->index)
                                return p->defaults[i].metric;
        return -1;
}

static int parse_network(const char *text, struct binary_address *ret, int *ret_prefix)
{
        const char *slash = strchr(text, '/');
        _cleanup_free_ char *address = NULL;
        int64_t prefix = 0;

        if (!slash)
                return -EINVAL;
        address = xstrndup(text, (size_t) (slash - text));
        if (parse_address(address, ret) < 0 || str_to_int(slash + 1, 0, ret->bits, &prefix) < 0)
                return -EINVAL;
        *ret_prefix = (int) prefix;
        return 0;
}

int net_overlap(const char *a, const char *b)
{
        struct binary_address x, y;
        int px = 0, py = 0, shorter;

        if (parse_network(a, &x, &px) < 0 || parse_network(b, &y, &py) < 0)
                return -EINVAL;
        if (x.family != y.family)
                return 0;
        shorter = px < py ? px : py;
        for (int bit = 0; bit < shorter; bit++) {
                int mask = 0x80 >> (bit % 8);

                if ((x.bytes[bit / 8] & mask) != (y.bytes[bit / 8] & mask))
                        return 0;
        }
        return 1;
}
