/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A machine that nobody has touched: an Ubuntu VM with the interfaces of the blog. */

#include "world.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static const struct {
        const char *path, *text;
} files[] = {
        {"/etc/hostname", "k3s-master\n"},
        {"/etc/hosts",
                "127.0.0.1 localhost\n127.0.1.1 k3s-master\n\n::1 ip6-localhost ip6-loopback\n"},
        {"/etc/os-release", "PRETTY_NAME=\"Ubuntu 24.04.2 "
                            "LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\nID=ubuntu\n"},
        {"/etc/resolv.conf", "nameserver 192.168.1.1\n"},
        {"/etc/passwd",
                "root:x:0:0:root:/root:/bin/bash\nstudent:x:1000:1000::/home/student:/bin/bash\n"},
        {"/proc/meminfo", "MemTotal:        8142380 kB\nMemFree:         6412004 kB\nMemAvailable: "
                          "   7330112 kB\n"
                          "SwapTotal:             0 kB\nSwapFree:              0 kB\n"},
        {"/proc/cpuinfo", "processor\t: 0\nmodel name\t: Practice CPU\n\nprocessor\t: 1\nmodel "
                          "name\t: Practice CPU\n"},
        {"/proc/cgroups",
                "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t80\t1\ncpu\t0\t80\t1\n"
                "cpuacct\t0\t80\t1\nmemory\t0\t80\t1\ndevices\t0\t80\t1\nfreezer\t0\t80\t1\npids\t0"
                "\t80\t1\n"},
        {"/proc/filesystems", "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tcgroup2\n\text4\nnod"
                              "ev\toverlay\n"},
        {"/proc/modules", "overlay 212992 0 - Live 0x0\nbr_netfilter 32768 0 - Live 0x0\nvxlan "
                          "155648 0 - Live 0x0\n"
                          "nf_conntrack 196608 1 - Live 0x0\nip_tables 32768 0 - Live 0x0\n"},
        {"/proc/mounts",
                "/dev/vda1 / ext4 rw,relatime 0 0\ntmpfs /run tmpfs rw,nosuid,nodev 0 0\n"},
        {"/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"},
        {"/proc/self/cgroup", "0::/user.slice\n"},
};

static const char *const directories[] = {
        "/etc/systemd/system/multi-user.target.wants",
        "/usr/local/bin",
        "/usr/bin",
        "/var/lib",
        "/var/log",
        "/run/systemd/system",
        "/home/student",
        "/root",
        "/tmp",
        "/sys/module/overlay",
        "/sys/module/br_netfilter",
        "/sys/module/vxlan",
        "/sys/module/nf_conntrack",
        "/sys/fs/cgroup",
        "/lib/modules/6.8.0-60-generic",
};

/* The world is thrown away when it was not begun whole (world.json comes last), so nothing here is
 * synced file by file: a world begins in milliseconds. */
static int make_directories(int root, const char *path)
{
        _cleanup_free_ char *part = xstrdup(path + 1);

        for (char *p = part; *p; p++)
                if (*p == '/') {
                        *p = '\0';
                        if (mkdirat(root, part, 0755) < 0 && errno != EEXIST)
                                return -errno;
                        *p = '/';
                }
        return mkdirat(root, part, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int put(int root, const char *path, const char *text)
{
        _cleanup_free_ char *parent = xstrndup(path, (size_t) (strrchr(path, '/') - path));
        int r = make_directories(root, parent);
        int fd;

        if (r < 0)
                return r;
        fd = openat(root, path + 1, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, text, strlen(text));
        return close(fd) < 0 && r == 0 ? -errno : r;
}

int world_populate(struct world *w, struct error **err)
{
        int root = w->host.root.fd, r = 0;
        mode_t old = umask(022);

        for (size_t i = 0; r == 0 && i < ARRAY_LEN(directories); i++)
                r = make_directories(root, directories[i]);
        for (size_t i = 0; r == 0 && i < ARRAY_LEN(files); i++)
                r = put(root, files[i].path, files[i].text);
        if (r == 0 && !world_has_fault(w, "cgroup-v1"))
                r = put(root, "/sys/fs/cgroup/cgroup.controllers",
                        "cpuset cpu io memory hugetlb pids rdma misc\n");
        umask(old);
        return r < 0 ? error_errno(err, -r, "Could not begin the practice world") : 0;
}

/* ---- its network ---- */

static void add_link(struct net_picture *p, int index, const char *name, const char *type,
        const char *state, const char *mac, unsigned mtu, int64_t speed)
{
        struct net_link *link = &p->links[p->n_links++];

        link->index = index;
        snprintf(link->name, sizeof(link->name), "%s", name);
        snprintf(link->type, sizeof(link->type), "%s", type);
        snprintf(link->state, sizeof(link->state), "%s", state);
        snprintf(link->mac, sizeof(link->mac), "%s", mac);
        link->mtu = mtu;
        link->speed_mbps = speed;
        link->up = !str_eq(state, "down");
}

static void add_address(
        struct net_picture *p, const char *text, int prefix, const char *scope, int64_t valid)
{
        struct net_link *link = &p->links[p->n_links - 1];
        struct net_address *a;

        link->addresses = xrealloc(link->addresses, link->n_addresses + 1, sizeof(*a));
        a = &link->addresses[link->n_addresses++];
        *a = (struct net_address){.family = strchr(text, ':') ? FAMILY_IPV6 : FAMILY_IPV4,
                .prefix = prefix,
                .scope = scope,
                .dynamic = valid >= 0,
                .valid_seconds = valid};
        snprintf(a->text, sizeof(a->text), "%s", text);
}

static void add_default(struct net_picture *p, const char *gateway, int link, uint32_t metric)
{
        struct net_default_route *d = &p->defaults[p->n_defaults++];

        d->family = FAMILY_IPV4;
        d->metric = metric;
        d->hops = xcalloc(1, sizeof(*d->hops));
        d->n_hops = 1;
        d->hops[0].link = link;
        d->hops[0].weight = 1;
        snprintf(d->hops[0].gateway, sizeof(d->hops[0].gateway), "%s", gateway);
}

static void add_route(struct net_picture *p, const char *destination, int prefix, int link)
{
        struct net_route *r = &p->routes[p->n_routes++];

        r->family = FAMILY_IPV4;
        r->prefix = prefix;
        r->link = link;
        snprintf(r->destination, sizeof(r->destination), "%s", destination);
}

int practice_network(struct host *h, struct net_picture *ret, struct error **err)
{
        struct world *w = world_of(h);
        struct net_picture p = {0};

        p.links = xcalloc(6, sizeof(*p.links));
        p.defaults = xcalloc(2, sizeof(*p.defaults));
        p.routes = xcalloc(4, sizeof(*p.routes));
        add_link(&p, 1, "lo", "loopback", "unknown", "00:00:00:00:00:00", 65536, -1);
        add_address(&p, "127.0.0.1", 8, "host", -1);
        add_address(&p, "::1", 128, "host", -1);
        add_link(&p, 2, "enp0s3", "ethernet", "up", "08:00:27:4e:66:a1", 1500, 1000);
        add_address(&p, "10.0.2.15", 24, "global", 86400 - world_ms(w) / 1000 % 43200);
        add_link(&p, 3, "enp0s8", "ethernet", "up", "08:00:27:9c:13:5e", 1500, 1000);
        add_address(&p, "192.168.1.20", 24, "global", -1);
        add_address(&p, "fe80::a00:27ff:fe9c:135e", 64, "link", -1);
        add_link(&p, 4, "docker0", "bridge", "down", "02:42:8b:3a:5c:0d", 1500, -1);
        add_address(&p, "172.17.0.1", 16, "global", -1);
        if (!world_has_fault(w, "no-default-route")) {
                add_default(&p, "192.168.1.1", 3, 100);
                add_default(
                        &p, "10.0.2.2", 2, world_has_fault(w, "two-default-routes") ? 100 : 101);
        }
        add_route(&p, "10.0.2.0", 24, 2);
        add_route(&p, "192.168.1.0", 24, 3);
        add_route(&p, "172.17.0.0", 16, 4);
        if (practice_k3s_active(w)) {
                add_link(&p, 5, "flannel.1", "vxlan", "unknown", "ee:7b:21:0f:44:90", 1450, -1);
                add_address(&p, "10.42.0.0", 32, "global", -1);
                add_link(&p, 6, "cni0", "bridge", "up", "aa:3c:9e:51:70:02", 1450, -1);
                add_address(&p, "10.42.0.1", 24, "global", -1);
                add_route(&p, "10.42.0.0", 24, 6);
        }
        *ret = p;
        return 0;
}
