/* SPDX-License-Identifier: GPL-3.0-or-later */

/* systemd in the world: unit files are files, enablement is a link, the rest is in world.json. K3s,
 * when it starts, writes what the real one writes (facts: K3s server/server.go, docs "k3s server").
 */

#include "world.h"
#include <stdio.h>
#include <sys/stat.h>

#define UNIT_DIRECTORY "/etc/systemd/system"

static char *unit_file(const char *unit)
{
        return xasprintf(UNIT_DIRECTORY "/%s.service", unit);
}

static char *wants_link(const char *unit)
{
        return xasprintf(UNIT_DIRECTORY "/multi-user.target.wants/%s.service", unit);
}

static json_t *unit_of(struct world *w, const char *unit)
{
        json_t *units = json_object_get(w->state, "units"), *u = json_object_get(units, unit);

        if (!u) {
                u = json_pack("{s:s, s:s, s:s, s:i, s:[]}", "active", "inactive", "sub", "dead",
                        "result", "success", "exit", 0, "log");
                json_object_set_new(units, unit, u);
        }
        return u;
}

static const char *text_of(const json_t *u, const char *key)
{
        return json_string_value(json_object_get(u, key)) ?: "";
}

bool practice_k3s_active(struct world *w)
{
        const json_t *u = json_object_get(json_object_get(w->state, "units"), "k3s");

        return u && str_eq(text_of(u, "active"), "active");
}

int practice_unit_show(struct host *h, const char *unit, struct unit_state *ret, struct error **err)
{
        struct world *w = world_of(h);
        _cleanup_free_ char *file = unit_file(unit), *link = wants_link(unit);
        const json_t *u = json_object_get(json_object_get(w->state, "units"), unit);
        bool there = world_has(w, file);

        *ret = (struct unit_state){.main_pid = 0};
        snprintf(ret->load, sizeof(ret->load), "%s", there ? "loaded" : "not-found");
        snprintf(ret->active, sizeof(ret->active), "%s", u ? text_of(u, "active") : "inactive");
        snprintf(ret->sub, sizeof(ret->sub), "%s", u ? text_of(u, "sub") : "dead");
        snprintf(ret->result, sizeof(ret->result), "%s", u ? text_of(u, "result") : "success");
        snprintf(ret->enabled, sizeof(ret->enabled), "%s",
                !there             ? "" :
                world_has(w, link) ? "enabled" :
                                     "disabled");
        ret->exit_status = (int) json_integer_value(json_object_get(u, "exit"));
        ret->main_pid = str_eq(ret->active, "active") ? 2143 : 0;
        return 0;
}

static void set_state(struct world *w, const char *unit, const char *active, const char *sub,
        const char *result, int exit_status)
{
        json_t *u = unit_of(w, unit);

        json_object_set_new(u, "active", json_string(active));
        json_object_set_new(u, "sub", json_string(sub));
        json_object_set_new(u, "result", json_string(result));
        json_object_set_new(u, "exit", json_integer(exit_status));
}

/* ---- K3s ---- */

static char *flag_value(const char *flags, const char *key)
{
        _cleanup_free_ char *flag = xasprintf("--%s", key);
        _cleanup_strv_ char **words = strv_split(flags, " \t\n\\'\"");

        for (size_t i = 0; words && words[i]; i++) {
                size_t len = strlen(flag);

                if (!str_starts(words[i], flag))
                        continue;
                if (words[i][len] == '=')
                        return xstrdup(words[i] + len + 1);
                if (!words[i][len])
                        return xstrdup(words[i + 1] ? words[i + 1] : "");
        }
        return NULL;
}

/* The value of a flat key, unquoted; nothing more of YAML is needed for K3s' settings. */
static char *yaml_value(const char *text, const char *key)
{
        _cleanup_strv_ char **lines = strv_split(text, "\n");
        _cleanup_free_ char *prefix = xasprintf("%s:", key);

        for (size_t i = 0; lines && lines[i]; i++) {
                char *value;
                size_t len;

                if (!str_starts(lines[i], prefix))
                        continue;
                value = str_strip(lines[i] + strlen(prefix));
                len = strlen(value);
                if (len >= 2 && (value[0] == '"' || value[0] == '\'') &&
                        value[len - 1] == value[0]) {
                        value[len - 1] = '\0';
                        value++;
                }
                return xstrdup(value);
        }
        return NULL;
}

static char *read_text(struct world *w, const char *path)
{
        char *text = NULL;

        return file_read(&w->host.root, path, 65536, &text, NULL, NULL) == 0 ? text : NULL;
}

char *practice_k3s_setting(struct world *w, const char *key)
{
        _cleanup_free_ char *unit = read_text(w, UNIT_DIRECTORY "/k3s.service");
        _cleanup_strv_ char **parts = NULL;
        char *value = unit ? flag_value(unit, key) : NULL;

        if (value)
                return value;
        /* Later files win. */
        (void) file_list(&w->host.root, "/etc/rancher/k3s/config.yaml.d", &parts, NULL);
        for (size_t i = strv_len(parts); i > 0 && !value; i--) {
                _cleanup_free_ char *path =
                        xasprintf("/etc/rancher/k3s/config.yaml.d/%s", parts[i - 1]);
                _cleanup_free_ char *text = str_ends(path, ".yaml") ? read_text(w, path) : NULL;

                value = text ? yaml_value(text, key) : NULL;
        }
        if (!value) {
                _cleanup_free_ char *text = read_text(w, "/etc/rancher/k3s/config.yaml");

                value = text ? yaml_value(text, key) : NULL;
        }
        return value;
}

static char *base64(const char *text)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        _cleanup_strbuf_ struct strbuf b = {0};
        size_t len = strlen(text);

        for (size_t i = 0; i < len; i += 3) {
                uint32_t n = (uint32_t) (unsigned char) text[i] << 16;

                n |= i + 1 < len ? (uint32_t) (unsigned char) text[i + 1] << 8 : 0;
                n |= i + 2 < len ? (uint32_t) (unsigned char) text[i + 2] : 0;
                strbuf_putc(&b, digits[n >> 18]);
                strbuf_putc(&b, digits[n >> 12 & 63]);
                strbuf_putc(&b, i + 1 < len ? digits[n >> 6 & 63] : '=');
                strbuf_putc(&b, i + 2 < len ? digits[n & 63] : '=');
        }
        return strbuf_take(&b);
}

static const char practice_ca[] = "-----BEGIN CERTIFICATE-----\n"
                                  "cHJhY3RpY2U6IHRoaXMgY2x1c3RlciBpcyBzaW11bGF0ZWQ=\n"
                                  "-----END CERTIFICATE-----\n";
static const char practice_key[] = "-----BEGIN EC PRIVATE KEY-----\n"
                                   "cHJhY3RpY2U6IHRoaXMga2V5IG9wZW5zIG5vdGhpbmc=\n"
                                   "-----END EC PRIVATE KEY-----\n";

static char *kubeconfig(void)
{
        _cleanup_free_ char *ca = base64(practice_ca), *key = base64(practice_key);

        return xasprintf("apiVersion: v1\n"
                         "clusters:\n"
                         "- cluster:\n"
                         "    certificate-authority-data: %s\n"
                         "    server: https://127.0.0.1:6443\n"
                         "  name: default\n"
                         "contexts:\n"
                         "- context:\n"
                         "    cluster: default\n"
                         "    user: default\n"
                         "  name: default\n"
                         "current-context: default\n"
                         "kind: Config\n"
                         "preferences: {}\n"
                         "users:\n"
                         "- name: default\n"
                         "  user:\n"
                         "    client-certificate-data: %s\n"
                         "    client-key-data: %s\n",
                ca, ca, key);
}

static int write_cluster(struct world *w, struct error **err)
{
        static const char password[] = "5f2c8a417b9e60d3f4a1c2b8e7d6095a";
        _cleanup_free_ char *config = kubeconfig(),
                            *mode = practice_k3s_setting(w, "write-kubeconfig-mode"), *token = NULL;
        char hash[DIGEST_HEX_SIZE];
        int r;

        digest_bytes(practice_ca, strlen(practice_ca), hash);
        token = xasprintf("K10%s::server:%s\n", hash, password);
        r = world_put(w, "/var/lib/rancher/k3s/server/tls/server-ca.crt", practice_ca, 0644, err);
        if (r == 0)
                r = world_put(w, "/var/lib/rancher/k3s/server/token", token, 0600, err);
        if (r == 0)
                r = file_symlink(
                        &w->host.root, "/var/lib/rancher/k3s/server/node-token", "token", err);
        if (r == 0)
                r = world_put(w, "/var/lib/rancher/k3s/agent/etc/flannel/net-conf.json", "{}\n",
                        0644, err);
        if (r == 0)
                r = world_put(w, "/etc/rancher/node/password", password, 0600, err);
        if (r == 0)
                r = world_put(
                        w, "/run/flannel/subnet.env", "FLANNEL_NETWORK=10.42.0.0/16\n", 0644, err);
        if (r == 0)
                r = world_put(w, "/run/k3s/containerd/containerd.sock.lock", "", 0600, err);
        if (r == 0)
                r = world_put(w, "/var/lib/kubelet/pki/kubelet.crt", practice_ca, 0644, err);
        if (r == 0)
                r = world_put(
                        w, "/var/lib/cni/networks/cbr0/last_reserved_ip.0", "10.42.0.6", 0644, err);
        if (r == 0)
                r = world_put(w, "/etc/rancher/k3s/k3s.yaml", config,
                        mode ? (mode_t) strtoul(mode, NULL, 8) & 0777 : 0600, err);
        return r;
}

struct start {
        struct world *w;
        const char *unit;
        void (*on_line)(void *data, const char *line, size_t len);
        void *data;
        int64_t deadline; /* ms of the world */
};

/* A line of the unit's journal, after ms of the world's time. Returns -ETIMEDOUT at the deadline.
 */
static int say(struct start *s, int64_t ms, const char *line)
{
        json_t *log = json_object_get(unit_of(s->w, s->unit), "log");
        int r = world_pass(s->w, ms);

        if (r < 0)
                return r;
        json_array_append_new(log, json_string(line));
        if (s->on_line)
                s->on_line(s->data, line, strlen(line));
        return world_ms(s->w) > s->deadline ? -ETIMEDOUT : 0;
}

static int fail_start(struct start *s, int exit_status, struct error **err)
{
        set_state(s->w, s->unit, "activating", "auto-restart", "exit-code", exit_status);
        (void) world_save(s->w, NULL);
        return error_set(err, EIO, "%s.service failed to start (result exit-code)", s->unit);
}

static int start_k3s(struct start *s, struct error **err)
{
        struct world *w = s->w;
        int r;

        json_array_clear(json_object_get(unit_of(w, s->unit), "log"));
        set_state(w, s->unit, "activating", "start", "success", 0);
        r = say(s, 300, "level=info msg=\"Starting k3s\"");
        if (r == 0 && world_has_fault(w, "start-fails")) {
                (void) say(s, 900,
                        "level=fatal msg=\"starting kubernetes: preparing server: creating storage "
                        "endpoint: database is locked\"");
                return fail_start(s, 1, err);
        }
        if (r == 0 && world_has_fault(w, "port-6443-taken")) {
                (void) say(s, 900,
                        "level=fatal msg=\"Error: listen tcp :6443: bind: address already in "
                        "use\"");
                return fail_start(s, 1, err);
        }
        if (r == 0)
                r = say(s, world_has_fault(w, "slow-start") ? 240000 : 1800,
                        "level=info msg=\"Active TLS secret kube-system/k3s-serving\"");
        if (r == 0)
                r = say(s, 2600, "level=info msg=\"Running kube-apiserver --advertise-port=6443\"");
        if (r == 0)
                r = write_cluster(w, err);
        if (r == 0)
                r = say(s, 1500, "level=info msg=\"k3s is up and running\"");
        if (r < 0)
                return r;
        set_state(w, s->unit, "active", "running", "success", 0);
        json_object_set_new(w->state, "ready_ms", json_integer(world_ms(w) + 4000));
        return world_save(w, err);
}

/* ---- verbs ---- */

static int start(struct world *w, const char *unit, int64_t timeout_ms,
        void (*on_line)(void *data, const char *line, size_t len), void *data, struct error **err)
{
        struct start s = {.w = w,
                .unit = unit,
                .on_line = on_line,
                .data = data,
                .deadline = world_ms(w) + (timeout_ms > 0 ? timeout_ms : 90000)};
        _cleanup_free_ char *file = unit_file(unit);
        _cleanup_file_state_ struct file_state binary = {0};
        int r;

        if (!world_has(w, file))
                return error_set(err, ENOENT, "Unit %s.service not found", unit);
        if (practice_k3s_active(w))
                return 0;
        r = file_state(&w->host.root, "/usr/local/bin/k3s", false, &binary, err);
        if (r < 0)
                return r;
        if (binary.kind != FILE_REGULAR || !(binary.mode & 0100)) {
                (void) say(&s, 10,
                        "Failed to locate executable /usr/local/bin/k3s: No such file or "
                        "directory");
                return fail_start(&s, 203, err);
        }
        r = start_k3s(&s, err);
        if (r != -ETIMEDOUT && r != -ECANCELED)
                return r;
        set_state(w, unit, "inactive", "dead", "success", 0);
        (void) world_save(w, NULL);
        if (r == -ECANCELED)
                return error_kind(err, ERROR_INTERRUPTED, ECANCELED,
                        "The start of %s.service was interrupted", unit);
        return error_set(err, ETIMEDOUT, "%s.service did not become ready within %lld s", unit,
                (long long) timeout_ms / 1000);
}

int practice_unit_do(struct host *h, enum unit_verb verb, const char *unit, int64_t timeout_ms,
        void (*on_line)(void *data, const char *line, size_t len), void *data, struct error **err)
{
        struct world *w = world_of(h);
        _cleanup_free_ char *link = wants_link(unit), *file = unit_file(unit);

        switch (verb) {
        case UNIT_START:
                return start(w, unit, timeout_ms, on_line, data, err);
        case UNIT_RESTART:
                set_state(w, unit, "inactive", "dead", "success", 0);
                return start(w, unit, timeout_ms, on_line, data, err);
        case UNIT_STOP:
                set_state(w, unit, "inactive", "dead", "success", 0);
                json_object_del(w->state, "ready_ms");
                return world_save(w, err);
        case UNIT_ENABLE:
                if (!world_has(w, file))
                        return error_set(err, ENOENT, "Unit file %s.service does not exist", unit);
                return world_has(w, link) ? 0 : file_symlink(&w->host.root, link, file, err);
        case UNIT_DISABLE:
                return file_remove(&w->host.root, link, err);
        case UNIT_RESET_FAILED:
                if (!practice_k3s_active(w))
                        json_object_del(json_object_get(w->state, "units"), unit);
                return world_save(w, err);
        case UNIT_RELOAD_ALL:
                return 0;
        }
        return error_set(err, EINVAL, "Unknown verb for %s.service", unit);
}

int practice_unit_log(struct host *h, const char *unit, int lines, char **ret, struct error **err)
{
        const json_t *log = json_object_get(unit_of(world_of(h), unit), "log");
        size_t n = json_array_size(log), first = n > (size_t) lines ? n - (size_t) lines : 0;
        struct strbuf b = {0};

        for (size_t i = first; i < n; i++)
                strbuf_addf(&b, "%s\n", json_string_value(json_array_get(log, i)));
        *ret = strbuf_take(&b);
        return 0;
}
