/* SPDX-License-Identifier: GPL-3.0-or-later */

/* K3s: what of it is here, and whether the one that is wanted can be had. */

#include "../base/str.h"
#include "families.h"

static void check_present(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        /* What upstream's uninstaller leaves behind (/etc/rancher/node) is not among them. */
        static const char *const paths[] = {K3S_BINARY, "/etc/systemd/system/k3s.service",
                "/etc/systemd/system/k3s-agent.service", "/var/lib/rancher/k3s/server/db",
                "/var/lib/rancher/k3s/agent/kubelet.kubeconfig"};

        if (c->ours) {
                finding_add(f, self, FINDING_OK, N_("The K3s here is ours: %s."),
                        c->run_version ?: "?");
                return;
        }
        for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
                if (!check_has(c, paths[i]))
                        continue;
                finding_add(f, self, FINDING_BLOCK,
                        N_("K3s is here already, and k3wizard did not put it here: %s."), paths[i]);
                if (check_has(c, "/usr/local/bin/k3s-uninstall.sh"))
                        finding_fix(f, N_("If it may go: /usr/local/bin/k3s-uninstall.sh"));
                else if (check_has(c, "/usr/local/bin/k3s-agent-uninstall.sh"))
                        finding_fix(f, N_("If it may go: /usr/local/bin/k3s-agent-uninstall.sh"));
                else
                        finding_fix(f, N_("Look what it is, and move it away."));
                return;
        }
        finding_add(f, self, FINDING_OK, N_("No other K3s is here."));
}

static bool has_own_settings(const struct check_context *c)
{
        return check_has(c, "/etc/rancher/k3s/config.yaml");
}

static void check_settings(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        finding_add(f, self, FINDING_NOTE,
                N_("K3s will also read your /etc/rancher/k3s/config.yaml; ours is read after it."));
        finding_fix(f, N_("It stays as it is, also after rollback."));
}

static bool has_old_password(const struct check_context *c)
{
        return !c->ours && check_has(c, "/etc/rancher/node/password");
}

static void check_old_password(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        finding_add(f, self, FINDING_WARN,
                N_("/etc/rancher/node/password is left from an earlier cluster."));
        finding_fix(f, N_("A new server takes it as it is. If it is of no use: rm -r "
                          "/etc/rancher/node"));
}

static void check_release(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        if (c->release) {
                finding_add(f, self, FINDING_OK, N_("K3s %s can be had."), c->release->version);
                return;
        }
        if (!c->release_error)
                return;
        finding_add(f, self, FINDING_BLOCK, "%s", c->release_error->plain);
        /* The words exist in both languages already. */
        str_set(&f->list[f->n - 1].message, c->release_error->message);
        if (c->release_error->plain_hint) {
                finding_fix(f, "%s", c->release_error->plain_hint);
                str_set(&f->list[f->n - 1].fix, c->release_error->hint);
        }
}

const struct check checks_k3s[] = {
        {"k3s", N_("K3s already here"), NULL, check_present},
        {"settings", N_("Your own settings"), has_own_settings, check_settings},
        {"P07", N_("Left-over node password"), has_old_password, check_old_password},
        {"release", N_("The release"), NULL, check_release},
        {NULL},
};
