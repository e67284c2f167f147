/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "internal.h"
#include <poll.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <time.h>

#define SLEEP_SLICE_MS 100

int64_t monotonic_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t machine_monotonic(struct host *h)
{
        return monotonic_ms();
}

static int64_t machine_now(struct host *h)
{
        return time(NULL);
}

static bool machine_is_root(struct host *h)
{
        return geteuid() == 0;
}

static int machine_sleep(struct host *h, int64_t ms)
{
        int64_t end = monotonic_ms() + ms;

        while (!host_cancelled(h)) {
                int64_t left = end - monotonic_ms();

                if (left <= 0)
                        return 0;
                (void) poll(NULL, 0, left > SLEEP_SLICE_MS ? SLEEP_SLICE_MS : (int) left);
        }
        return -ECANCELED;
}

static int machine_uname(struct host *h, struct host_uname *ret, struct error **err)
{
        struct utsname u;

        if (uname(&u) < 0)
                return error_errno(err, errno, "Could not ask the kernel for its name");
        snprintf(ret->node, sizeof(ret->node), "%s", u.nodename);
        snprintf(ret->release, sizeof(ret->release), "%s", u.release);
        snprintf(ret->machine, sizeof(ret->machine), "%s", u.machine);
        return 0;
}

/* Of the file system that path is on, or will be. */
static int machine_disk_free(struct host *h, const char *path, int64_t *ret, struct error **err)
{
        _cleanup_free_ char *part = xstrdup(path);
        struct statvfs st;

        while (statvfs(part, &st) < 0) {
                char *slash = strrchr(part, '/');

                if (errno != ENOENT || !slash || str_eq(part, "/"))
                        return error_errno(
                                err, errno, "Could not ask how much space is free in %s", part);
                slash[slash == part] = '\0';
        }
        *ret = (int64_t) st.f_bavail * (int64_t) st.f_frsize;
        return 0;
}

static void machine_free(struct host *h)
{
        struct machine *m = (struct machine *) h;

        bus_close(m->bus);
        fsroot_close(&h->root);
        free(m);
}

static const struct host_ops machine_ops = {
        .name = "machine",
        .network = machine_network,
        .run = machine_run,
        .unit_show = machine_unit_show,
        .unit_do = machine_unit_do,
        .unit_log = machine_unit_log,
        .http = machine_http,
        .http_close = machine_http_close,
        .listeners = machine_listeners,
        .uname = machine_uname,
        .disk_free = machine_disk_free,
        .is_root = machine_is_root,
        .now = machine_now,
        .monotonic = machine_monotonic,
        .sleep = machine_sleep,
        .free = machine_free,
};

int machine_new(volatile int *cancel, struct host **ret, struct error **err)
{
        struct machine *m = xcalloc(1, sizeof(*m));
        int r;

        m->host.ops = &machine_ops;
        m->host.cancel = cancel;
        r = fsroot_open("/", false, &m->host.root, err);
        if (r < 0) {
                free(m);
                return r;
        }
        *ret = &m->host;
        return 0;
}
