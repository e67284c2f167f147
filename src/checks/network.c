/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The network: which interface and address, routes, names, ports, firewalls.
 *
 * Networks and ports: docs.k3s.io, "Requirements" and "Networking Services"; k3s pkg/cli/cmds. */

#include "../base/escape.h"
#include "../base/str.h"
#include "families.h"
#include <ctype.h>

#define POD_NETWORK     "10.42.0.0/16"
#define SERVICE_NETWORK "10.43.0.0/16"
#define TEXT_MAX        ((size_t) 64 * 1024)

/* ---- words for what is there ---- */

/* "FILE:LINE:COLUMN: " of an answer that stands in a file, else "". */
static char *position(const struct check_context *c, const char *key)
{
        const char *file = NULL;
        _cleanup_free_ char *shown = NULL;
        int line = 0, column = 0;

        answers_position(c->answers, key, &file, &line, &column);
        if (!file || !line)
                return xstrdup("");
        shown = escape_text(file);
        return xasprintf("%s:%d:%d: ", shown, line, column);
}

static char *addresses_of(const struct net_link *link)
{
        struct strbuf b = {0};

        for (size_t i = 0; i < link->n_addresses; i++)
                if (str_eq(link->addresses[i].scope, "global"))
                        strbuf_addf(&b, "%s%s", b.len ? ", " : "", link->addresses[i].text);
        return strbuf_take(&b);
}

/* "enp0s3 (10.0.2.15), enp0s8 (192.168.1.20)" */
static char *candidates(const struct check_context *c)
{
        struct strbuf b = {0};

        for (size_t i = 0; i < c->network->n_links; i++) {
                const struct net_link *link = &c->network->links[i];
                _cleanup_free_ char *addresses = NULL, *name = NULL;

                if (!net_link_is_candidate(link) || !net_first_global(link))
                        continue;
                addresses = addresses_of(link);
                name = escape_text(link->name);
                strbuf_addf(&b, "%s%s (%s)", b.len ? ", " : "", name, addresses);
        }
        return strbuf_take(&b);
}

/* ---- P01, P02, P04: the interface and the address on it ---- */

static void no_interface(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        _cleanup_free_ char *list = candidates(c);
        bool ambiguous = false;

        (void) net_suggest(c->network, &ambiguous);
        if (!*list) {
                finding_add(f, self, FINDING_BLOCK,
                        N_("No network interface has an address that other machines can reach."));
                finding_fix(f, N_("Give one an address, then look: k3wizard interfaces"));
                return;
        }
        finding_add(f, self, FINDING_BLOCK,
                N_("Which interface the cluster is to use is not clear: %s."), list);
        finding_fix(f, N_("Answer network.interface: %s"), strtok(list, " "));
        if (ambiguous)
                f->list[f->n - 1].check = "P02";
}

static const struct net_link *find_interface(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        const char *name = answers_get(c->answers, "network.interface");
        const struct net_link *link = net_link_by_name(c->network, name);
        _cleanup_free_ char *list = NULL, *at = position(c, "network.interface");

        if (link)
                return link;
        list = candidates(c);
        finding_add(f, self, FINDING_BLOCK, N_("%sThere is no interface %s on this machine."), at,
                name);
        if (*list)
                finding_fix(f, N_("There are: %s"), list);
        else
                finding_fix(f, N_("See what there is: k3wizard interfaces"));
        return NULL;
}

static bool usable(const struct net_link *link, const struct check *self, struct findings *f)
{
        if (str_eq(link->type, "loopback")) {
                finding_add(f, self, FINDING_BLOCK,
                        N_("%s reaches this machine only; other nodes need another interface."),
                        link->name);
                finding_fix(f, N_("See what there is: k3wizard interfaces"));
                return false;
        }
        if (!link->up || str_eq(link->state, "down") || str_eq(link->state, "lowerlayerdown")) {
                finding_add(f, self, FINDING_BLOCK, N_("%s is down."), link->name);
                finding_fix(f, N_("Plug the cable in, or: ip link set %s up"), link->name);
                return false;
        }
        if (!net_link_is_candidate(link)) {
                finding_add(f, self, FINDING_WARN,
                        N_("%s looks like an interface that containers made for themselves."),
                        link->name);
                finding_fix(f, N_("See what else there is: k3wizard interfaces"));
        }
        return true;
}

static bool address_on(const struct check_context *c, const struct net_link *link,
        const char *address, const struct check *self, struct findings *f)
{
        const struct net_link *owner = net_link_by_address(c->network, address);
        _cleanup_free_ char *at = NULL, *have = NULL;

        for (size_t i = 0; owner && i < link->n_addresses; i++)
                if (str_eq(link->addresses[i].text, address))
                        return true;
        if (owner == link)
                return true;
        at = position(c, "network.node_ip");
        have = addresses_of(link);
        if (*have)
                finding_add(f, self, FINDING_BLOCK,
                        N_("%snetwork.node_ip is %s, which is not an address of %s (%s)."), at,
                        address, link->name, have);
        else
                finding_add(f, self, FINDING_BLOCK,
                        N_("%snetwork.node_ip is %s, and %s has no address at all."), at, address,
                        link->name);
        if (owner)
                finding_fix(f, N_("That address is on %s."), owner->name);
        else
                finding_fix(f, N_("See what there is: k3wizard interfaces"));
        return false;
}

static void check_interface(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        _cleanup_strv_ char **addresses = answers_get_list(c->answers, "network.node_ip");
        const struct net_link *link;

        if (!answers_get(c->answers, "network.interface")) {
                if (addresses && !net_link_by_address(c->network, addresses[0])) {
                        _cleanup_free_ char *at = position(c, "network.node_ip");

                        finding_add(f, self, FINDING_BLOCK,
                                N_("%sNo interface of this machine has the address %s."), at,
                                addresses[0]);
                        finding_fix(f, N_("See what there is: k3wizard interfaces"));
                        return;
                }
                no_interface(c, self, f);
                return;
        }
        link = find_interface(c, self, f);
        if (!link || !usable(link, self, f))
                return;
        if (!addresses) {
                finding_add(f, self, FINDING_BLOCK,
                        N_("%s has no address that other machines can reach."), link->name);
                finding_fix(f, N_("Give it one, or choose another: k3wizard interfaces"));
                return;
        }
        for (size_t i = 0; addresses[i]; i++)
                if (!address_on(c, link, addresses[i], self, f))
                        return;
        finding_add(f, self, FINDING_OK, N_("The cluster will use %s on %s."),
                answers_get(c->answers, "network.node_ip"), link->name);
}

/* ---- P03: a default route ---- */

static void check_default_route(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        const char *interface = answers_get(c->answers, "network.interface");

        if (c->network->n_defaults > 0) {
                finding_add(f, self, FINDING_OK, N_("There is a default route."));
                return;
        }
        finding_add(f, self, FINDING_BLOCK,
                N_("There is no default route; K3s and kube-proxy do not work without one."));
        finding_fix(f,
                N_("Without a gateway, one into the local network will do: ip route add default "
                   "dev %s metric 4096"),
                interface ?: "eth0");
}

/* ---- P05: an address that may change ---- */

static void check_lease(const struct check_context *c, const struct check *self, struct findings *f)
{
        _cleanup_strv_ char **want = answers_get_list(c->answers, "network.node_ip");
        const struct net_link *link = want ? net_link_by_address(c->network, want[0]) : NULL;

        for (size_t i = 0; link && i < link->n_addresses; i++) {
                const struct net_address *a = &link->addresses[i];

                if (!a->dynamic || !strv_has(want, a->text))
                        continue;
                finding_add(f, self, FINDING_WARN,
                        N_("%s is leased for another %lld min; when it changes, the node is "
                           "lost."),
                        a->text, (long long) (a->valid_seconds / 60));
                finding_fix(f, N_("Reserve it for %s at the DHCP server, or make it static."),
                        link->mac);
                return;
        }
        if (link)
                finding_add(f, self, FINDING_OK, N_("The address is static."));
}

/* ---- networks that overlap ---- */

static bool own_setting(const struct check_context *c, const char *key)
{
        _cleanup_free_ char *text = check_read(c, "/etc/rancher/k3s/config.yaml", TEXT_MAX);

        return text && strstr(text, key);
}

/* The network of a route or an address that overlaps, as text; "" when none does. */
static char *overlapping(const struct check_context *c, const char *network)
{
        for (size_t i = 0; i < c->network->n_routes; i++) {
                const struct net_route *r = &c->network->routes[i];
                const struct net_link *link = net_link_by_index(c->network, r->link);
                _cleanup_free_ char *text = xasprintf("%s/%d", r->destination, r->prefix);

                /* K3s's own, while it runs. */
                if (link && (str_starts(link->name, "flannel") || str_eq(link->name, "cni0")))
                        continue;
                if (net_overlap(network, text) > 0)
                        return link ? xasprintf("%s (%s)", text, link->name) : xstrdup(text);
        }
        return xstrdup("");
}

static void check_overlap(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        _cleanup_free_ char *pods = overlapping(c, POD_NETWORK);
        _cleanup_free_ char *services = overlapping(c, SERVICE_NETWORK);
        const char *key = *pods ? "cluster-cidr" : "service-cidr";

        if (!*pods && !*services) {
                finding_add(f, self, FINDING_OK,
                        N_("The pod and service networks are free (10.42.0.0/16, 10.43.0.0/16)."));
                return;
        }
        finding_add(f, self, own_setting(c, key) ? FINDING_NOTE : FINDING_BLOCK,
                *pods ? N_("The pod network 10.42.0.0/16 overlaps %s.") :
                        N_("The service network 10.43.0.0/16 overlaps %s."),
                *pods ? pods : services);
        finding_fix(f, *pods ? N_("Put a free one into /etc/rancher/k3s/config.yaml: cluster-cidr: "
                                  "10.52.0.0/16") :
                               N_("Put a free one into /etc/rancher/k3s/config.yaml: service-cidr: "
                                  "10.53.0.0/16"));
}

/* ---- P06: the name ---- */

/* A DNS-1123 subdomain: what Kubernetes accepts as the name of a node. */
static bool valid_name(const char *name)
{
        size_t len = strlen(name);

        if (len == 0 || len > 253 || !isalnum((unsigned char) name[0]) ||
                !isalnum((unsigned char) name[len - 1]))
                return false;
        return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == len;
}

static void check_name(const struct check_context *c, const struct check *self, struct findings *f)
{
        static const char *const factory[] = {"jetson", "raspberrypi", "ubuntu", "debian",
                "localhost", "localhost.localdomain", "nano", "xavier", "nvidia", "tegra-ubuntu",
                "linux", "archlinux", "fedora", NULL};
        const char *name = answers_get(c->answers, "k3s.node_name") ?: c->platform->hostname;

        if (!valid_name(name)) {
                finding_add(f, self, FINDING_BLOCK,
                        N_("The host name \"%s\" cannot be the name of a node."), name);
                finding_fix(f, N_("Answer k3s.node_name with letters, digits and hyphens."));
        } else if (str_in(name, factory)) {
                finding_add(f, self, FINDING_WARN,
                        N_("\"%s\" is a name that many machines have from the factory."), name);
                finding_fix(f,
                        N_("A second node of that name cannot join. Answer k3s.node_name: "
                           "%s-1"),
                        name);
        } else {
                finding_add(f, self, FINDING_OK, N_("The node will be called %s."), name);
        }
}

/* ---- P18: ports ---- */

static const struct {
        int port;
        bool tcp;
        bool server_only;
        const char *component; /* only while it is not disabled */
        enum severity severity;
        const char *what; /* N_() */
} ports[] = {
        {6443, true, true, NULL, FINDING_BLOCK, N_("the Kubernetes API")},
        {6444, true, false, NULL, FINDING_BLOCK, N_("K3s's own load balancer")},
        {10250, true, false, NULL, FINDING_BLOCK, N_("the kubelet")},
        {10248, true, false, NULL, FINDING_BLOCK, N_("the kubelet's health check")},
        {10257, true, true, NULL, FINDING_BLOCK, N_("the controller manager")},
        {10259, true, true, NULL, FINDING_BLOCK, N_("the scheduler")},
        {8472, false, false, NULL, FINDING_WARN, N_("the pod network (vxlan)")},
        {80, true, true, "traefik", FINDING_WARN, N_("Traefik")},
        {443, true, true, "traefik", FINDING_WARN, N_("Traefik")},
};

static bool is_wanted(const struct check_context *c, size_t i)
{
        _cleanup_strv_ char **disabled = answers_get_list(c->answers, "k3s.disable");

        if (ports[i].server_only && !check_server(c))
                return false;
        return !ports[i].component || !strv_has(disabled, ports[i].component);
}

static void port_taken(
        const struct listener *l, size_t i, const struct check *self, struct findings *f)
{
        _cleanup_free_ char *process = escape_text(l->process);
        const char *protocol = ports[i].tcp ? "TCP" : "UDP";

        if (l->pid > 0)
                finding_add(f, self, ports[i].severity,
                        N_("Port %d/%s, for %s, is taken by %s (process %d)."), ports[i].port,
                        protocol, _(ports[i].what), process, l->pid);
        else
                finding_add(f, self, ports[i].severity, N_("Port %d/%s, for %s, is taken."),
                        ports[i].port, protocol, _(ports[i].what));
        if (ports[i].component)
                finding_fix(
                        f, N_("Stop that program, or add %s to k3s.disable."), ports[i].component);
        else if (l->pid > 0)
                finding_fix(f,
                        N_("Stop it. To see which service it belongs to: systemctl status "
                           "%d"),
                        l->pid);
        else
                finding_fix(f, N_("See who has it: ss -lnp sport = :%d"), ports[i].port);
}

static bool clashes(const struct check_context *c, const struct listener *l, size_t i)
{
        if (l->port != ports[i].port || l->tcp != ports[i].tcp)
                return false;
        /* Of a run of ours, which is being looked at again. */
        return !(c->ours && (l->pid == 0 || str_starts(l->process, "k3s")));
}

static void check_ports(const struct check_context *c, const struct check *self, struct findings *f)
{
        _cleanup_free_ struct listener *list = NULL;
        size_t n = 0, taken = 0;

        if (c->host->ops->listeners(c->host, &list, &n, NULL) < 0) {
                finding_add(f, self, FINDING_NOTE, N_("Which ports are taken, is not known."));
                return;
        }
        for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
                if (!is_wanted(c, i))
                        continue;
                for (size_t k = 0; k < n; k++)
                        if (clashes(c, &list[k], i)) {
                                port_taken(&list[k], i, self, f);
                                taken++;
                                break;
                        }
        }
        if (!taken)
                finding_add(f, self, FINDING_OK, N_("The ports K3s listens on are free."));
}

/* ---- P10: firewalls ---- */

static bool ufw_on(const struct check_context *c)
{
        _cleanup_free_ char *text = check_read(c, "/etc/ufw/ufw.conf", TEXT_MAX);

        return text && strstr(text, "ENABLED=yes");
}

static void check_firewall(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        struct unit_state unit = {0};

        if (ufw_on(c)) {
                finding_add(
                        f, self, FINDING_WARN, N_("ufw is on and will keep nodes and pods apart."));
                finding_fix(f, N_("ufw allow 6443/tcp; ufw allow from " POD_NETWORK
                                  "; ufw allow from " SERVICE_NETWORK));
        } else if (c->host->ops->unit_show(c->host, "firewalld", &unit, NULL) == 0 &&
                   str_eq(unit.active, "active")) {
                finding_add(f, self, FINDING_WARN,
                        N_("firewalld is on and will keep nodes and pods apart."));
                finding_fix(f, N_("firewall-cmd --permanent --add-port=6443/tcp; firewall-cmd "
                                  "--permanent --zone=trusted --add-source=" POD_NETWORK
                                  " --add-source=" SERVICE_NETWORK "; firewall-cmd --reload"));
        } else {
                finding_add(f, self, FINDING_OK, N_("No firewall is in the way."));
        }
}

/* ---- P17: name servers ---- */

static bool only_loopback(const char *text)
{
        bool any = false;

        for (const char *line = text; line && *line; line = strchr(line, '\n')) {
                if (*line == '\n')
                        line++;
                if (!str_starts(line, "nameserver"))
                        continue;
                line += strlen("nameserver");
                line += strspn(line, " \t");
                if (!str_starts(line, "127.") && !str_starts(line, "::1"))
                        return false;
                any = true;
        }
        return any;
}

static void check_resolver(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        _cleanup_free_ char *text = check_read(c, "/etc/resolv.conf", TEXT_MAX);

        /* K3s itself takes systemd-resolved's real list when there is one (pkg/agent/config). */
        if (!text || !only_loopback(text) || check_has(c, "/run/systemd/resolve/resolv.conf")) {
                finding_add(f, self, FINDING_OK, N_("Pods can use the machine's name servers."));
                return;
        }
        finding_add(f, self, FINDING_WARN,
                N_("/etc/resolv.conf names only this machine, which pods cannot ask; K3s will use "
                   "8.8.8.8."));
        finding_fix(f, N_("Put resolv-conf: FILE with a real name server into "
                          "/etc/rancher/k3s/config.yaml"));
}

const struct check checks_network[] = {
        {"P01", N_("Interface and address"), NULL, check_interface},
        {"P03", N_("Default route"), NULL, check_default_route},
        {"P05", N_("Lease of the address"), NULL, check_lease},
        {"networks", N_("Pod and service networks"), NULL, check_overlap},
        {"P06", N_("Node name"), NULL, check_name},
        {"P18", N_("Ports"), NULL, check_ports},
        {"P10", N_("Firewall"), NULL, check_firewall},
        {"P17", N_("Name servers"), NULL, check_resolver},
        {NULL},
};
