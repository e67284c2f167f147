/* SPDX-License-Identifier: GPL-3.0-or-later */

/* platform: what the machine is, from its files and uname(2). A file that is absent is a fact that
 * is unknown; it is never an error. */

#include "../base/escape.h"
#include "../base/str.h"
#include "k3s.h"
#include <ctype.h>
#include <stdio.h>

#define FACT_LIMIT     ((size_t) 256 * 1024)
#define PACKAGES_LIMIT ((size_t) 16 * 1024 * 1024)

static const struct {
        const char *machine; /* a trailing '*' stands for any rest */
        const char *arch, *asset;
} arches[] = {
        {"x86_64", "amd64", "k3s"},
        {"amd64", "amd64", "k3s"},
        {"aarch64", "arm64", "k3s-arm64"},
        {"arm64", "arm64", "k3s-arm64"},
        {"arm*", "arm", "k3s-armhf"},
};

static bool present(struct host *h, const char *path, enum file_kind kind)
{
        _cleanup_file_state_ struct file_state state = {0};

        return file_state(&h->root, path, false, &state, NULL) >= 0 && state.kind == kind;
}

static void read_arch(struct platform *p)
{
        for (size_t i = 0; i < ARRAY_LEN(arches); i++) {
                size_t n = strcspn(arches[i].machine, "*");
                bool prefix = arches[i].machine[n] == '*';

                if (prefix ? strncmp(p->machine, arches[i].machine, n) == 0 :
                             str_eq(p->machine, arches[i].machine)) {
                        p->arch = arches[i].arch;
                        p->asset = arches[i].asset;
                        return;
                }
        }
}

/* The value of KEY= in os-release(5), without its quotes; NULL when absent. */
static char *os_release_value(char *text, const char *key)
{
        char *save = NULL;
        size_t n = strlen(key);

        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char *value = str_strip(line);
                size_t len;

                if (strncmp(value, key, n) != 0 || value[n] != '=')
                        continue;
                value += n + 1;
                len = strlen(value);
                if (len >= 2 && (value[0] == '"' || value[0] == '\'') &&
                        value[len - 1] == value[0]) {
                        value[len - 1] = '\0';
                        value++;
                }
                return escape_text(value);
        }
        return NULL;
}

static void read_os(struct host *h, struct platform *p)
{
        static const char *const paths[] = {"/etc/os-release", "/usr/lib/os-release"};

        for (size_t i = 0; !p->os && i < ARRAY_LEN(paths); i++) {
                _cleanup_free_ char *text = host_fact(h, paths[i], FACT_LIMIT, NULL);

                if (text)
                        p->os = os_release_value(text, "PRETTY_NAME");
        }
        if (!p->os)
                p->os = xstrdup("Linux");
}

/* Device tree strings end with NUL, which file_read() hands over with the rest. */
static void read_board(struct host *h, struct platform *p)
{
        _cleanup_free_ char *model = host_fact(h, "/proc/device-tree/model", 4096, NULL);

        p->board = escape_text(model ? str_strip(model) : "");
}

/* JetPack 5 and later may lack /etc/nv_tegra_release; the package's version begins with the same
 * number. */
static char *l4t_from_packages(struct host *h)
{
        _cleanup_free_ char *text = host_fact(h, "/var/lib/dpkg/status", PACKAGES_LIMIT, NULL);
        char *package = text ? strstr(text, "Package: nvidia-l4t-core\n") : NULL;
        char *end = package ? strstr(package, "\n\n") : NULL;
        char *version;

        if (!package)
                return NULL;
        if (end)
                *end = '\0';
        version = strstr(package, "\nVersion: ");
        if (!version)
                return NULL;
        version += strlen("\nVersion: ");
        return xstrndup(version, strspn(version, "0123456789."));
}

/* "# R35 (release), REVISION: 3.1, GCID: …" is 35.3.1. */
static void read_l4t(struct host *h, struct platform *p)
{
        _cleanup_free_ char *text = host_fact(h, "/etc/nv_tegra_release", 4096, NULL);
        unsigned major;
        char minor[16];

        if (text && sscanf(text, "# R%4u (release), REVISION: %15[0-9.]", &major, minor) == 2)
                p->l4t = xasprintf("%u.%s", major, minor);
        else if (strcasestr(p->board, "nvidia") || str_ends(p->kernel, "-tegra"))
                p->l4t = l4t_from_packages(h);
        if (!p->l4t)
                p->l4t = xstrdup("");
}

static void read_memory(struct host *h, struct platform *p)
{
        _cleanup_free_ char *text = host_fact(h, "/proc/meminfo", FACT_LIMIT, NULL);
        const char *line = text ? strstr(text, "MemTotal:") : NULL;
        long long kib;

        if (line && sscanf(line, "MemTotal: %lld kB", &kib) == 1 && kib > 0 &&
                kib < INT64_MAX / 1024)
                p->memory = (int64_t) kib * 1024;
}

/* Names of the v1 controllers that are enabled (cgroups(7), /proc/cgroups). */
static char *v1_controllers(struct host *h)
{
        _cleanup_free_ char *text = host_fact(h, "/proc/cgroups", FACT_LIMIT, NULL);
        struct strbuf names = {0};
        char *save = NULL;

        for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line;
                line = strtok_r(NULL, "\n", &save)) {
                char name[64];
                int enabled;

                if (line[0] == '#' || sscanf(line, "%63s %*d %*d %d", name, &enabled) != 2 ||
                        !enabled)
                        continue;
                if (names.len)
                        strbuf_putc(&names, ' ');
                strbuf_puts(&names, name);
        }
        return strbuf_take(&names);
}

/* Whether a file system of this type is mounted; `unknown` when the list of mounts cannot be read.
 */
static bool mounted(struct host *h, const char *type, bool unknown)
{
        _cleanup_free_ char *text = host_fact(h, "/proc/self/mounts", FACT_LIMIT * 4, NULL);
        char *save = NULL;

        if (!text)
                return unknown;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char found[64];

                if (sscanf(line, "%*s %*s %63s", found) == 1 && str_eq(found, type))
                        return true;
        }
        return false;
}

static void read_cgroups(struct host *h, struct platform *p)
{
        _cleanup_free_ char *v2 = host_fact(h, "/sys/fs/cgroup/cgroup.controllers", 4096, NULL);
        _cleanup_free_ char *escaped = NULL;

        if (v2) {
                p->cgroup = CGROUP_V2;
                p->controllers = escape_text(str_strip(v2));
                return;
        }
        escaped = v1_controllers(h);
        p->controllers = escape_text(escaped);
        if (!p->controllers[0] || !mounted(h, "cgroup", true))
                p->cgroup = CGROUP_NONE;
        else if (present(h, "/sys/fs/cgroup/unified/cgroup.controllers", FILE_REGULAR) ||
                 mounted(h, "cgroup2", false))
                p->cgroup = CGROUP_HYBRID;
        else
                p->cgroup = CGROUP_V1;
}

int platform_read(struct host *h, struct platform *ret, struct error **err)
{
        struct host_uname name = {0};
        struct platform p = {0};
        int r;

        r = h->ops->uname(h, &name, err);
        if (r < 0)
                return r;
        p.hostname = escape_text(name.node);
        for (char *c = p.hostname; *c; c++)
                *c = (char) tolower((unsigned char) *c);
        p.machine = escape_text(name.machine);
        p.kernel = escape_text(name.release);
        read_arch(&p);
        read_os(h, &p);
        read_board(h, &p);
        read_l4t(h, &p);
        read_memory(h, &p);
        read_cgroups(h, &p);
        p.systemd = present(h, "/run/systemd/system", FILE_DIRECTORY);
        *ret = p;
        return 0;
}

void platform_done(struct platform *p)
{
        free(p->hostname);
        free(p->machine);
        free(p->os);
        free(p->kernel);
        free(p->board);
        free(p->l4t);
        free(p->controllers);
        *p = (struct platform){0};
}
