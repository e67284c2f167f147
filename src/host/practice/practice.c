/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "world.h"
#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#define WORLD_MAX (4 * 1024 * 1024)

static const char *const faults[] = {"port-6443-taken", "node-never-ready", "start-fails",
        "slow-start", "no-default-route", "two-default-routes", "cgroup-v1", "wrong-checksum",
        "disk-full", "clock-behind", "captive-portal", NULL};

bool world_has_fault(const struct world *w, const char *fault)
{
        return str_eq(w->fault, fault);
}

int64_t world_ms(const struct world *w)
{
        return json_integer_value(json_object_get(w->state, "ms"));
}

int world_pass(struct world *w, int64_t ms)
{
        int64_t real_us = w->speed > 0 ? (int64_t) ((double) ms * 1000 / w->speed) : 0;

        json_object_set_new(w->state, "ms", json_integer(world_ms(w) + ms));
        /* In short pieces, so that a cancelled run is not waited for. */
        while (real_us > 0 && !host_cancelled(&w->host)) {
                int64_t piece = real_us > 50000 ? 50000 : real_us;
                struct timespec t = {.tv_nsec = piece * 1000};

                (void) nanosleep(&t, NULL);
                real_us -= piece;
        }
        return host_cancelled(&w->host) ? -ECANCELED : 0;
}

int world_save(struct world *w, struct error **err)
{
        char *text = json_dumps(w->state, JSON_INDENT(1) | JSON_SORT_KEYS);
        int r = file_write(
                &w->directory, WORLD_FILE, text, strlen(text), FILE_OWNER_OURS(0600), err);

        free(text);
        return r < 0 ? error_prefix(err, "Could not keep the practice world") : 0;
}

int world_put(struct world *w, const char *path, const char *text, mode_t mode, struct error **err)
{
        _cleanup_free_ char *parent = xstrndup(path, (size_t) (strrchr(path, '/') - path));
        int r = *parent ? file_mkdirs(&w->host.root, parent, 0755, err) : 0;

        return r < 0 ? r :
                       file_write(
                               &w->host.root, path, text, strlen(text), FILE_OWNER_OURS(mode), err);
}

bool world_has(struct world *w, const char *path)
{
        _cleanup_file_state_ struct file_state s = {0};

        return file_state(&w->host.root, path, false, &s, NULL) == 0 && s.kind != FILE_ABSENT;
}

/* ---- the small operations ---- */

static int practice_uname(struct host *h, struct host_uname *ret, struct error **err)
{
        *ret = (struct host_uname){
                .node = "k3s-master", .release = "6.8.0-60-generic", .machine = "x86_64"};
        return 0;
}

static int practice_disk_free(struct host *h, const char *path, int64_t *ret, struct error **err)
{
        *ret = world_has_fault(world_of(h), "disk-full") ? 20 * 1000 * 1000 :
                                                           60LL * 1000 * 1000 * 1000;
        return 0;
}

static bool practice_is_root(struct host *h)
{
        return true;
}

static int64_t practice_now(struct host *h)
{
        int64_t now = WORLD_EPOCH + world_ms(world_of(h)) / 1000;

        return world_has_fault(world_of(h), "clock-behind") ? now - 400LL * 24 * 3600 : now;
}

static int64_t practice_monotonic(struct host *h)
{
        return world_ms(world_of(h));
}

static int practice_sleep(struct host *h, int64_t ms)
{
        return world_pass(world_of(h), ms);
}

static int practice_listeners(
        struct host *h, struct listener **ret, size_t *ret_n, struct error **err)
{
        static const int k3s_ports[] = {6443, 6444, 10248, 10250, 10010};
        struct world *w = world_of(h);
        struct listener *list = xcalloc(ARRAY_LEN(k3s_ports) + 2, sizeof(*list));
        size_t n = 0;

        list[n++] = (struct listener){
                .port = 22, .tcp = true, .address = "0.0.0.0", .pid = 712, .process = "sshd"};
        if (world_has_fault(w, "port-6443-taken"))
                list[n++] = (struct listener){.port = 6443,
                        .tcp = true,
                        .address = "0.0.0.0",
                        .pid = 1337,
                        .process = "haproxy"};
        for (size_t i = 0; practice_k3s_active(w) && i < ARRAY_LEN(k3s_ports); i++)
                list[n++] = (struct listener){.port = k3s_ports[i],
                        .tcp = true,
                        .address = "0.0.0.0",
                        .pid = 2143,
                        .process = "k3s-server"};
        *ret = list;
        *ret_n = n;
        return 0;
}

static void practice_free(struct host *h)
{
        struct world *w = world_of(h);

        if (w->state && json_object_get(w->state, "ms"))
                (void) world_save(w, NULL);
        json_decref(w->state);
        fsroot_close(&w->host.root);
        fsroot_close(&w->directory);
        free(w->fault);
        free(w);
}

static const struct host_ops practice_ops = {
        .name = "practice",
        .network = practice_network,
        .run = practice_run,
        .unit_show = practice_unit_show,
        .unit_do = practice_unit_do,
        .unit_log = practice_unit_log,
        .http = practice_http,
        .http_close = practice_http_close,
        .listeners = practice_listeners,
        .uname = practice_uname,
        .disk_free = practice_disk_free,
        .is_root = practice_is_root,
        .now = practice_now,
        .monotonic = practice_monotonic,
        .sleep = practice_sleep,
        .free = practice_free,
};

/* ---- opening ---- */

static int check_scenario(const char *scenario, char **ret_fault, struct error **err)
{
        const char *plus = scenario ? strchr(scenario, '+') : NULL;
        _cleanup_free_ char *base = NULL, *shown = NULL;
        const char *nearest;

        if (!scenario)
                return 0;
        base = plus ? xstrndup(scenario, (size_t) (plus - scenario)) : xstrdup(scenario);
        if (str_eq(base, "server") && (!plus || str_in(plus + 1, faults))) {
                *ret_fault = plus ? xstrdup(plus + 1) : NULL;
                return 0;
        }
        shown = escape_text(scenario);
        error_kind(err, ERROR_USAGE, EINVAL, "There is no practice scenario \"%s\"", shown);
        nearest = str_nearest(plus ? plus + 1 : scenario, faults);
        if (nearest)
                error_hint(err, "Did you mean server+%s?", nearest);
        else
                error_hint(err,
                        "There is server, and server with a fault planted, such as server+%s.",
                        faults[0]);
        return -EINVAL;
}

/* What the K3s of this world was writing when the program was killed. A real K3s lives on then, or
 * cleans up after itself; what is ours outside its places is the engine's to sweep. */
static void sweep(struct world *w, const char *directory)
{
        _cleanup_strv_ char **names = NULL;

        if (file_list(&w->host.root, directory, &names, NULL) < 0)
                return;
        (void) file_sweep(&w->host.root, directory, NULL);
        for (size_t i = 0; names && names[i]; i++) {
                _cleanup_free_ char *path = xasprintf("%s/%s", directory, names[i]);
                _cleanup_file_state_ struct file_state s = {0};

                if (file_state(&w->host.root, path, false, &s, NULL) == 0 &&
                        s.kind == FILE_DIRECTORY)
                        sweep(w, path);
        }
}

static void sweep_k3s(struct world *w)
{
        static const char *const places[] = {"/etc/rancher/node", "/var/lib/rancher",
                "/var/lib/kubelet", "/var/lib/cni", "/run/k3s", "/run/flannel"};

        for (size_t i = 0; i < ARRAY_LEN(places); i++)
                if (world_has(w, places[i]))
                        sweep(w, places[i]);
}

static int load(struct world *w, struct error **err)
{
        _cleanup_free_ char *text = NULL;
        size_t len = 0;
        int r = file_read(&w->directory, WORLD_FILE, WORLD_MAX, &text, &len, NULL);

        if (r == -ENOENT)
                return r;
        if (r < 0)
                return file_read(&w->directory, WORLD_FILE, WORLD_MAX, &text, &len, err);
        w->state = json_loadb(text, len, 0, NULL);
        if (json_is_object(w->state) && json_is_integer(json_object_get(w->state, "ms"))) {
                sweep_k3s(w);
                return 0;
        }
        error_set(err, EBADMSG, "The practice world is damaged");
        error_hint(err, "It holds nothing of value: remove its directory and start again.");
        return -EBADMSG;
}

static int begin(struct world *w, const char *scenario, struct error **err)
{
        int r;

        w->state =
                json_pack("{s:s, s:i, s:{}}", "scenario", scenario ?: "server", "ms", 0, "units");
        r = world_populate(w, err);
        return r < 0 ? r : world_save(w, err);
}

static int open_below(const char *directory, struct world *w, struct error **err)
{
        _cleanup_free_ char *path = xasprintf("%s/root", directory);
        struct fsroot slash = {.fd = -1};
        int r = fsroot_open("/", false, &slash, err);

        if (r == 0)
                r = file_mkdirs(&slash, directory, 0700, err);
        if (r == 0)
                r = file_mkdir(&slash, path, 0755, err);
        fsroot_close(&slash);
        if (r == 0)
                r = fsroot_open(directory, true, &w->directory, err);
        return r < 0 ? r : fsroot_open(path, true, &w->host.root, err);
}

int practice_new(const struct practice_options *options, volatile int *cancel, struct host **ret,
        struct error **err)
{
        struct world *w = xcalloc(1, sizeof(*w));
        _cleanup_host_ struct host *host = &w->host;
        const char *kept;
        int r;

        w->host.ops = &practice_ops;
        w->host.cancel = cancel;
        w->host.root.fd = w->directory.fd = -1;
        w->speed = options->speed;
        r = check_scenario(options->scenario, &w->fault, err);
        if (r == 0)
                r = open_below(options->directory, w, err);
        if (r == 0)
                r = load(w, err);
        if (r == -ENOENT)
                r = begin(w, options->scenario, err);
        if (r < 0)
                return r;
        kept = json_string_value(json_object_get(w->state, "scenario"));
        if (options->scenario && !str_eq(kept, options->scenario)) {
                error_kind(err, ERROR_USAGE, EEXIST, "This practice world plays %s", kept ?: "?");
                error_hint(err, "Take another --state-dir, or remove the world's directory.");
                return -EEXIST;
        }
        if (!w->fault && kept)
                (void) check_scenario(kept, &w->fault, NULL);
        *ret = TAKE_PTR(host);
        return 0;
}
