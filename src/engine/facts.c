/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Facts: what the machine and the release say, as names that step files can use. */

#include "internal.h"

void machine_facts_done(struct machine_facts *f)
{
        platform_done(&f->platform);
        net_picture_done(&f->network);
        release_done(&f->release);
        error_free(f->release_error);
        *f = (struct machine_facts){0};
}

/* A run of ours that is not rolled back keeps its release: a channel that has moved on since must
 * not turn a second `apply`, or a resume, into an upgrade. */
static bool release_from_run(struct engine *e, const struct answers *a, struct release *ret)
{
        const json_t *facts = e->run && e->run->phase != RUN_NONE ? e->run->facts : NULL;
        const char *version = json_string_value(json_object_get(facts, "k3s.release"));
        const char *wanted = answers_get(a, "k3s.version");
        const char *hash = json_string_value(json_object_get(facts, "k3s.binary_sha256"));

        if (!version || !hash || strlen(hash) != DIGEST_HEX_SIZE - 1 ||
                (wanted && !str_eq(wanted, version)))
                return false;
        ret->version = xstrdup(version);
        ret->binary_url = xstrdup(json_string_value(json_object_get(facts, "k3s.binary_url")));
        memcpy(ret->sha256, hash, DIGEST_HEX_SIZE);
        ret->size = -1;
        ret->server_date = -1;
        return true;
}

int machine_facts_read(
        struct engine *e, const struct answers *a, struct machine_facts *ret, struct error **err)
{
        int r = platform_read(e->host, &ret->platform, err);

        if (r == 0)
                r = e->host->ops->network(e->host, &ret->network, err);
        if (r < 0)
                return r;
        if (!ret->platform.arch)
                return 0;
        ret->release_known = release_from_run(e, a, &ret->release) ||
                             release_resolve(e->host, a, &ret->platform, &ret->release,
                                     &ret->release_error) == 0;
        return 0;
}

int facts_suggest(struct answers *a, const struct net_picture *network,
        const struct platform *platform, struct error **err)
{
        const char *interface = answers_get(a, "network.interface");
        const char *ip = answers_get(a, "network.node_ip");
        const struct net_link *link = NULL;
        bool ambiguous = false;
        int r = 0;

        if (!interface) {
                _cleanup_strv_ char **first = strv_split(ip ?: "", ",");

                link = first ? net_link_by_address(network, first[0]) :
                               net_suggest(network, &ambiguous);
                if (link && !ambiguous)
                        r = answers_set(a, "network.interface", link->name, ANSWER_FROM_FACT, err);
                if (r < 0)
                        return r;
                interface = answers_get(a, "network.interface");
        }
        if (!ip && interface) {
                const struct net_address *address;

                link = net_link_by_name(network, interface);
                address = link ? net_first_global(link) : NULL;
                if (address)
                        r = answers_set(a, "network.node_ip", address->text, ANSWER_FROM_FACT, err);
        }
        /* A host name that cannot be one of a node is told by a check. */
        if (r == 0 && platform && !answers_get(a, "k3s.node_name"))
                (void) answers_set(a, "k3s.node_name", platform->hostname, ANSWER_FROM_FACT, NULL);
        return r;
}

static void put(json_t *facts, const char *name, const char *value)
{
        json_t *text = json_string(value ?: "");

        /* Not UTF-8: foreign, and of no use to a plan. */
        json_object_set_new(facts, name, text ?: json_string(""));
}

static void put_user(struct engine *e, json_t *facts)
{
        _cleanup_free_ char *path = NULL;
        _cleanup_file_state_ struct file_state s = {0};
        const json_t *before = e->run && e->run->phase != RUN_NONE ? e->run->facts : NULL;
        bool wants;

        put(facts, "user.name", e->options.user_name);
        if (!e->options.user_home) {
                put(facts, "user.kubeconfig", "");
                put(facts, "user.wants_kubeconfig", "no");
                return;
        }
        path = xasprintf("%s/.kube/config", e->options.user_home);
        wants = file_state(&e->host->root, path, false, &s, NULL) == 0 && s.kind == FILE_ABSENT;
        /* The copy that is there is the one this run made. */
        if (str_eq(json_string_value(json_object_get(before, "user.kubeconfig")), path))
                wants = str_eq(
                        json_string_value(json_object_get(before, "user.wants_kubeconfig")), "yes");
        put(facts, "user.kubeconfig", path);
        put(facts, "user.wants_kubeconfig", wants ? "yes" : "no");
}

static void put_flags_2020(json_t *facts, const struct answers *a)
{
        _cleanup_strbuf_ struct strbuf flags = {0};
        _cleanup_strv_ char **disable = answers_get_list(a, "k3s.disable");

        if (str_eq(answers_get(a, "k3s.runtime"), "docker"))
                strbuf_puts(&flags, "--docker ");
        strbuf_addf(&flags, "--node-ip=%s --flannel-iface=%s --write-kubeconfig-mode %s",
                answers_get(a, "network.node_ip") ?: "", answers_get(a, "network.interface") ?: "",
                str_starts(answers_get(a, "k3s.kubeconfig_mode"), "0") ?
                        answers_get(a, "k3s.kubeconfig_mode") + 1 :
                        answers_get(a, "k3s.kubeconfig_mode"));
        for (size_t i = 0; disable && disable[i]; i++)
                strbuf_addf(&flags, " --no-deploy=%s", disable[i]);
        put(facts, "k3s.flags_2020", flags.s);
}

json_t *facts_to_json(struct engine *e, const struct answers *a, const struct machine_facts *f)
{
        json_t *facts = json_object();
        const char *backend = answers_get(a, "network.flannel_backend");
        _cleanup_free_ char *name = NULL;

        put(facts, "host.arch", f->platform.arch);
        put(facts, "host.os", f->platform.os);
        put(facts, "host.kernel", f->platform.kernel);
        put(facts, "host.board", f->platform.board);
        put(facts, "k3s.release", f->release_known ? f->release.version : NULL);
        put(facts, "k3s.binary_url", f->release_known ? f->release.binary_url : NULL);
        put(facts, "k3s.binary_sha256", f->release_known ? f->release.sha256 : NULL);
        if (f->release_known)
                name = xasprintf("k3s-%s-%s", f->release.version, f->platform.arch);
        put(facts, "k3s.binary_name", name);
        put(facts, "k3s.node_name", answers_get(a, "k3s.node_name") ?: f->platform.hostname);
        put(facts, "k3s.docker", str_eq(answers_get(a, "k3s.runtime"), "docker") ? "true" : "");
        put(facts, "network.flannel_interface",
                str_eq(backend, "none") ? "" : answers_get(a, "network.interface"));
        put_flags_2020(facts, a);
        put_user(e, facts);
        return facts;
}

struct lookup {
        const struct answers *answers;
        const json_t *facts;
};

static const char *look_up(void *data, const char *name)
{
        struct lookup *l = data;
        const json_t *fact = json_object_get(l->facts, name);

        if (fact)
                return json_string_value(fact);
        if (!answer_key_find(name) || answers_value_is_secret(l->answers, name))
                return NULL;
        return answers_get(l->answers, name) ?: "";
}

int facts_plan(struct engine *e, const struct answers *a, const json_t *facts, struct plan **ret,
        struct error **err)
{
        struct lookup lookup = {.answers = a, .facts = facts};
        struct vars vars = {.get = look_up, .data = &lookup};
        _cleanup_procedure_ struct procedure *procedure = NULL;
        _cleanup_problems_ struct problems problems = {0};
        int r = engine_procedure(e, answers_get(a, "role") ?: "server", &procedure, err);

        if (r < 0)
                return r;
        if (plan_build(procedure, &vars, ret, &problems) < 0)
                return problems_error(&problems, err);
        return 0;
}
