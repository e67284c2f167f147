/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The machine itself: rights, init system, hardware, kernel, clock.
 *
 * Sizes: docs.k3s.io, "Requirements" (512 MB is the least for an agent, 2 GB for a server). */

#include "../base/escape.h"
#include "../base/str.h"
#include "families.h"
#include <fcntl.h>
#include <limits.h>
#include <time.h>

#define MB           1000000LL
#define DISK_LEAST   (500 * MB)
#define DISK_WISE    (5000 * MB)
#define MEMORY_LEAST (480 * MB) /* 512 MiB less what firmware and kernel keep */
#define MEMORY_WISE  (1800 * MB)
#define CLOCK_SAYS   60
#define CLOCK_BREAKS ((int64_t) 24 * 3600)
/* 2025-01-01: no clock that is right shows less. */
#define CLOCK_EARLIEST   1735689600
#define MODULES_TEXT_MAX ((size_t) 8 * 1024 * 1024)

static void check_root(const struct check_context *c, const struct check *self, struct findings *f)
{
        if (c->host->ops->is_root(c->host)) {
                finding_add(f, self, FINDING_OK, N_("Runs as root."));
                return;
        }
        finding_add(f, self, FINDING_BLOCK, N_("Installing K3s needs root."));
        finding_fix(f, N_("Put sudo in front of the command."));
}

static void check_systemd(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        if (c->platform->systemd) {
                finding_add(f, self, FINDING_OK, N_("systemd runs this machine."));
                return;
        }
        finding_add(f, self, FINDING_BLOCK,
                N_("This machine was not booted with systemd, which runs K3s."));
        finding_fix(
                f, N_("In a container or WSL, boot systemd in it; k3wizard drives no other init."));
}

static void check_arch(const struct check_context *c, const struct check *self, struct findings *f)
{
        if (c->platform->arch) {
                finding_add(f, self, FINDING_OK, N_("K3s is built for this architecture, %s."),
                        c->platform->arch);
                return;
        }
        finding_add(f, self, FINDING_BLOCK, N_("K3s is not built for this architecture, %s."),
                c->platform->machine);
        finding_fix(f, N_("K3s runs on x86-64, 64-bit ARM and 32-bit ARM with hard floats."));
}

static void check_memory(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        long long mb = c->platform->memory / MB;

        if (c->platform->memory <= 0) {
                finding_add(f, self, FINDING_NOTE, N_("How much memory there is, is not known."));
        } else if (c->platform->memory < MEMORY_LEAST) {
                finding_add(f, self, FINDING_BLOCK,
                        N_("There are %lld MB of memory; K3s needs 512 MB or more."), mb);
                finding_fix(f, N_("Give the machine more memory: 2 GB for a server."));
        } else if (check_server(c) && c->platform->memory < MEMORY_WISE) {
                finding_add(f, self, FINDING_WARN,
                        N_("There are %lld MB of memory; a K3s server wants 2 GB."), mb);
                finding_fix(f, N_("It will start, and be slow. Keep other programs small."));
        } else {
                finding_add(f, self, FINDING_OK, N_("There is memory enough: %lld MB."), mb);
        }
}

static void check_disk(const struct check_context *c, const struct check *self, struct findings *f)
{
        int64_t bytes = 0;

        if (c->host->ops->disk_free(c->host, "/var/lib/rancher", &bytes, NULL) < 0) {
                finding_add(f, self, FINDING_NOTE, N_("How much disk is free, is not known."));
        } else if (bytes < DISK_LEAST) {
                finding_add(f, self, FINDING_BLOCK,
                        N_("Only %lld MB are free below /var/lib; K3s needs 500 MB to begin with."),
                        (long long) (bytes / MB));
                finding_fix(f, N_("Free some space. Look where it went: du -xhd1 /var | sort -h"));
        } else if (bytes < DISK_WISE) {
                finding_add(f, self, FINDING_WARN,
                        N_("%lld MB are free below /var/lib; container images soon need more."),
                        (long long) (bytes / MB));
                finding_fix(f, N_("5 GB or more leave room for the first images."));
        } else {
                finding_add(f, self, FINDING_OK, N_("There is disk enough: %lld GB free."),
                        (long long) (bytes / MB / 1000));
        }
}

/* 0, or the errno of writing into the nearest directory that exists. */
static int writable(const struct check_context *c, const char *path)
{
        _cleanup_free_ char *inside = xasprintf("%s/x", path);
        const char *name = NULL;
        _cleanup_close_ int fd = -1;

        while ((fd = file_open_parent(&c->host->root, inside, &name, NULL)) == -ENOENT) {
                char *slash = strrchr(inside, '/');

                *slash = '\0';
                slash = strrchr(inside, '/');
                if (!slash || slash == inside)
                        return 0;
        }
        if (fd < 0)
                return -fd;
        return faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0 ? errno : 0;
}

static bool as_root(const struct check_context *c)
{
        return c->host->ops->is_root(c->host);
}

static void check_writable(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        static const char *const paths[] = {
                "/usr/local/bin", "/etc/systemd/system", "/etc/rancher/k3s", "/var/lib/rancher"};

        for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
                int error = writable(c, paths[i]);

                if (!error)
                        continue;
                finding_add(f, self, FINDING_BLOCK,
                        error == EROFS ? N_("%s is on a read-only file system.") :
                                         N_("%s cannot be written to."),
                        paths[i]);
                finding_fix(f, N_("See what is mounted there: findmnt -T %s"), paths[i]);
                return;
        }
        finding_add(f, self, FINDING_OK, N_("The places K3s lives in can be written to."));
}

/* ---- cgroups ---- */

static bool has_controller(const struct check_context *c, const char *name)
{
        _cleanup_strv_ char **list = strv_split(c->platform->controllers ?: "", " ");

        return strv_has(list, name);
}

static const char *boot_options_file(const struct check_context *c)
{
        static const char *const files[] = {"/boot/firmware/cmdline.txt", "/boot/cmdline.txt",
                "/boot/extlinux/extlinux.conf", "/etc/default/grub"};

        for (size_t i = 0; i < ARRAY_LEN(files); i++)
                if (check_has(c, files[i]))
                        return files[i];
        return NULL;
}

static void check_cgroup(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        bool old = c->platform->cgroup == CGROUP_V1 || c->platform->cgroup == CGROUP_HYBRID;

        if (c->platform->cgroup == CGROUP_NONE) {
                finding_add(f, self, FINDING_BLOCK, N_("The kernel offers no cgroups."));
                finding_fix(f, N_("K3s needs a kernel with cgroup v2, mounted by systemd."));
        } else if (old && check_at_least(c, 1, 35)) {
                finding_add(f, self, FINDING_BLOCK,
                        N_("This machine uses cgroup v1, which Kubernetes refuses since 1.35."));
                finding_fix(f, N_("Boot with systemd.unified_cgroup_hierarchy=1, or answer "
                                  "k3s.channel: v1.34"));
        } else if (!old && !check_at_least(c, 1, 20)) {
                finding_add(f, self, FINDING_BLOCK,
                        N_("This machine uses cgroup v2, which K3s before 1.20 does not know."));
                finding_fix(f, N_("Answer profile: current, or boot with "
                                  "systemd.unified_cgroup_hierarchy=0"));
        } else {
                finding_add(f, self, FINDING_OK, N_("cgroups: %s."), old ? "v1" : "v2");
        }
}

static bool any_cgroup(const struct check_context *c)
{
        return c->platform->cgroup != CGROUP_NONE;
}

static void check_memory_cgroup(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        const char *file;

        if (has_controller(c, "memory")) {
                finding_add(f, self, FINDING_OK, N_("The memory cgroup is on."));
                return;
        }
        file = boot_options_file(c);
        finding_add(f, self, FINDING_BLOCK,
                N_("The memory cgroup is off, as on a fresh Raspberry Pi; K3s cannot start."));
        finding_fix(f,
                N_("Add cgroup_memory=1 cgroup_enable=memory to the one line of %s and reboot."),
                file ?: N_("the kernel's command line"));
}

/* ---- kernel modules ---- */

enum module { MODULE_THERE, MODULE_MISSING, MODULE_UNKNOWN };

/* modules.dep and modules.builtin (modprobe(8)) name files: "kernel/fs/overlayfs/overlay.ko.zst:".
 */
static bool listed(const struct check_context *c, const char *list, const char *module)
{
        _cleanup_free_ char *path = xasprintf("/lib/modules/%s/%s", c->platform->kernel, list);
        _cleanup_free_ char *text = check_read(c, path, MODULES_TEXT_MAX);
        _cleanup_free_ char *name = xasprintf("/%s.ko", module);

        return text && strstr(text, name);
}

static enum module find_module(const struct check_context *c, const char *module)
{
        _cleanup_free_ char *loaded = xasprintf("/sys/module/%s", module);
        _cleanup_free_ char *list = xasprintf("/lib/modules/%s/modules.dep", c->platform->kernel);

        if (check_has(c, loaded))
                return MODULE_THERE;
        /* Without a list (in a container) it may be built in, or be there on the outside. */
        if (!check_has(c, list))
                return MODULE_UNKNOWN;
        return listed(c, "modules.dep", module) || listed(c, "modules.builtin", module) ?
                       MODULE_THERE :
                       MODULE_MISSING;
}

static void check_modules(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        static const char *const modules[] = {"overlay", "br_netfilter", "nf_conntrack"};
        _cleanup_strv_ char **missing = NULL, **unknown = NULL;
        _cleanup_free_ char *names = NULL;

        for (size_t i = 0; i < ARRAY_LEN(modules); i++) {
                enum module m = find_module(c, modules[i]);

                if (m == MODULE_MISSING)
                        strv_add(&missing, modules[i]);
                else if (m == MODULE_UNKNOWN)
                        strv_add(&unknown, modules[i]);
        }
        if (missing) {
                names = strv_join(missing, ", ");
                finding_add(
                        f, self, FINDING_BLOCK, N_("The kernel lacks what K3s needs: %s."), names);
                finding_fix(f, N_("Install the kernel's module package, or a kernel with them."));
        } else if (unknown) {
                names = strv_join(unknown, ", ");
                finding_add(f, self, FINDING_NOTE,
                        N_("Whether the kernel has these modules cannot be seen from here: %s."),
                        names);
        } else {
                finding_add(f, self, FINDING_OK, N_("The kernel has the modules K3s needs."));
        }
}

static bool uses_vxlan(const struct check_context *c)
{
        return str_eq(answers_get(c->answers, "network.flannel_backend"), "vxlan");
}

static void check_vxlan(const struct check_context *c, const struct check *self, struct findings *f)
{
        switch (find_module(c, "vxlan")) {
        case MODULE_THERE:
                finding_add(f, self, FINDING_OK, N_("The kernel has vxlan for the pod network."));
                break;
        case MODULE_MISSING:
                finding_add(f, self, FINDING_BLOCK,
                        N_("The kernel has no vxlan, over which the pod network would run."));
                finding_fix(f,
                        N_("On Ubuntu: apt install linux-modules-extra-%s. Or answer "
                           "network.flannel_backend: host-gw"),
                        c->platform->kernel);
                break;
        case MODULE_UNKNOWN:
                break;
        }
}

/* ---- the clock ---- */

static void check_clock(const struct check_context *c, const struct check *self, struct findings *f)
{
        int64_t now = c->host->ops->now(c->host);
        int64_t theirs = c->release ? c->release->server_date : -1;
        int64_t off = theirs >= 0 ? now - theirs : 0;
        long long seconds = off < 0 ? -off : off;

        if (now < CLOCK_EARLIEST || seconds > CLOCK_BREAKS) {
                char text[32] = "";
                time_t t = (time_t) now;
                struct tm tm;

                if (gmtime_r(&t, &tm))
                        strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm);
                finding_add(f, self, FINDING_BLOCK,
                        N_("This machine's clock is wrong: it says %s UTC. Certificates made now "
                           "would not be valid."),
                        text);
                finding_fix(f, N_("Set it: timedatectl set-ntp true"));
        } else if (seconds > CLOCK_SAYS) {
                finding_add(f, self, FINDING_WARN,
                        off < 0 ? N_("This machine's clock is %lld s behind.") :
                                  N_("This machine's clock is %lld s ahead."),
                        seconds);
                finding_fix(f, N_("Set it: timedatectl set-ntp true"));
        } else if (theirs >= 0) {
                finding_add(f, self, FINDING_OK, N_("The clock is right."));
        }
}

const struct check checks_system[] = {
        {"root", N_("Rights"), NULL, check_root},
        {"systemd", N_("Init system"), NULL, check_systemd},
        {"arch", N_("Architecture"), NULL, check_arch},
        {"memory", N_("Memory"), NULL, check_memory},
        {"disk", N_("Disk"), NULL, check_disk},
        {"writable", N_("Places to write"), as_root, check_writable},
        {"cgroup", N_("Control groups"), NULL, check_cgroup},
        {"P11", N_("Memory cgroup"), any_cgroup, check_memory_cgroup},
        {"modules", N_("Kernel modules"), NULL, check_modules},
        {"P12", N_("vxlan"), uses_vxlan, check_vxlan},
        {"P16", N_("Clock"), NULL, check_clock},
        {NULL},
};
