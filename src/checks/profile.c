/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What the chosen profile and its settings mean today. */

#include "../base/str.h"
#include "families.h"

static bool is_2020(const struct check_context *c)
{
        return str_eq(answers_get(c->answers, "profile"), "blog-2020");
}

static void check_age(const struct check_context *c, const struct check *self, struct findings *f)
{
        finding_add(f, self, FINDING_WARN,
                N_("Profile blog-2020 installs K3s %s, which gets no security fixes any more."),
                c->release ? c->release->version : "v0.9.1");
        finding_fix(f, N_("Use it to learn, not to serve. Today's: profile: current"));
}

/* Readable by more than its owner: whoever reads it owns the cluster. */
static bool kubeconfig_open(const struct check_context *c)
{
        const char *mode = answers_get(c->answers, "k3s.kubeconfig_mode");

        return check_server(c) && mode && (strtoul(mode, NULL, 8) & 077) != 0;
}

static void check_kubeconfig(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        finding_add(f, self, FINDING_WARN,
                N_("With mode %s other users can read the kubeconfig, and so own the cluster."),
                answers_get(c->answers, "k3s.kubeconfig_mode"));
        finding_fix(f, N_("Answer k3s.kubeconfig_mode: \"0600\". You get a copy of your own."));
}

static bool uses_docker(const struct check_context *c)
{
        return str_eq(answers_get(c->answers, "k3s.runtime"), "docker");
}

static void check_docker(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        struct unit_state unit = {0};

        if (c->host->ops->unit_show(c->host, "docker", &unit, NULL) == 0 &&
                str_eq(unit.active, "active")) {
                finding_add(f, self, FINDING_WARN,
                        N_("Docker as the runtime is one more daemon than K3s needs."));
                finding_fix(f, N_("Unless your images are in it, answer k3s.runtime: containerd"));
                return;
        }
        finding_add(f, self, FINDING_BLOCK,
                str_eq(unit.load, "loaded") ? N_("Docker is to run the containers, and its service "
                                                 "is not active.") :
                                              N_("Docker is to run the containers, and is not "
                                                 "installed."));
        finding_fix(f, N_("Start or install Docker, or answer k3s.runtime: containerd"));
}

static bool sends_no_deploy(const struct check_context *c)
{
        return is_2020(c) && answers_get(c->answers, "k3s.disable");
}

static void check_no_deploy(
        const struct check_context *c, const struct check *self, struct findings *f)
{
        if (check_at_least(c, 1, 26)) {
                finding_add(f, self, FINDING_BLOCK,
                        N_("--no-deploy is gone since K3s 1.26; profile blog-2020 cannot start "
                           "it."));
                finding_fix(f, N_("Answer profile: current, or leave k3s.version away."));
                return;
        }
        finding_add(f, self, FINDING_NOTE,
                N_("--no-deploy, as the blog writes it, is called disable today."));
        finding_fix(f, N_("Nothing to do: this K3s knows it by the old name."));
}

const struct check checks_profile[] = {
        {"profile-age", N_("Age of the profile"), is_2020, check_age},
        {"P21", N_("Mode of the kubeconfig"), kubeconfig_open, check_kubeconfig},
        {"docker", N_("Docker"), uses_docker, check_docker},
        {"no-deploy", N_("Flags of 2020"), sends_no_deploy, check_no_deploy},
        {NULL},
};
