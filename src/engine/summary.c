/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The last page: what is here now, how to reach it, how to go on and how to go back. Secrets are
 * named by the files that hold them. */

#include "internal.h"

static const char *fact(const struct engine *e, const char *name)
{
        return json_string_value(json_object_get(e->run->facts, name)) ?: "";
}

static char *agent_answers(const struct engine *e, const char *ip)
{
        bool old = str_eq(answers_get(e->run->answers, "profile"), "blog-2020");

        return xasprintf("version: 1\n"
                         "role: agent\n"
                         "profile: %s\n"
                         "k3s:\n"
                         "  version: %s\n"
                         "join:\n"
                         "  server: https://%s%s%s:6443\n"
                         "  token_file: /root/join-token\n",
                old ? "blog-2020" : "current", fact(e, "k3s.release"), strchr(ip, ':') ? "[" : "",
                ip, strchr(ip, ':') ? "]" : "");
}

static const char *installer_digest(const struct engine *e)
{
        for (size_t i = 0; i < e->run->plan->n; i++)
                for (size_t k = 0; k < json_array_size(e->run->steps[i].acquired); k++) {
                        const json_t *a = json_array_get(e->run->steps[i].acquired, k);

                        if (str_eq(json_string_value(json_object_get(a, "name")), "install.sh"))
                                return json_string_value(json_object_get(a, "sha256"));
                }
        return NULL;
}

json_t *engine_summary(struct engine *e)
{
        _cleanup_free_ char *first = NULL, *url = NULL, *agent = NULL, *answers_file = NULL;
        const char *ip;
        json_t *summary;
        bool wants;

        if (!e->run || e->run->phase == RUN_NONE)
                return NULL;
        ip = answers_get(e->run->answers, "network.node_ip") ?: "";
        first = xstrndup(ip, strcspn(ip, ","));
        url = xasprintf(strchr(first, ':') ? "https://[%s]:6443" : "https://%s:6443", first);
        agent = agent_answers(e, first);
        answers_file = xasprintf("%s/answers.yaml", e->options.state_dir);
        wants = str_eq(fact(e, "user.wants_kubeconfig"), "yes");
        summary = json_pack(
                "{s:s, s:s, s:s, s:s, s:s, s:s, s:[s], s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "role",
                answers_get(e->run->answers, "role") ?: "server", "version", fact(e, "k3s.release"),
                "node_name", fact(e, "k3s.node_name"), "node_ip", ip, "interface",
                answers_get(e->run->answers, "network.interface") ?: "", "api_url", url, "urls",
                url, "kubeconfig", K3S_KUBECONFIG, "kubeconfig_mode",
                answers_get(e->run->answers, "k3s.kubeconfig_mode") ?: "0600", "node_token_file",
                K3S_NODE_TOKEN, "agent_answers", agent, "answers_file", answers_file, "undo",
                "k3wizard rollback", "practice", e->options.practice);
        json_object_set_new(summary, "user_kubeconfig",
                wants ? json_string(fact(e, "user.kubeconfig")) : json_null());
        json_object_set_new(summary, "installer_sha256",
                installer_digest(e) ? json_string(installer_digest(e)) : json_null());
        return summary;
}

static const char *of(const json_t *summary, const char *key)
{
        return json_string_value(json_object_get(summary, key)) ?: "";
}

static void line(struct strbuf *b, const char *title, const char *value)
{
        strbuf_addf(b, "  %-18s %s\n", title, value);
}

char *summary_text(const json_t *summary)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        _cleanup_strv_ char **agent = strv_split(of(summary, "agent_answers"), "\n");
        _cleanup_free_ char *kubeconfig =
                xasprintf("%s (%s)", of(summary, "kubeconfig"), of(summary, "kubeconfig_mode"));
        _cleanup_free_ char *node = xasprintf(_("%1$s, %2$s on %3$s"), of(summary, "node_name"),
                of(summary, "node_ip"), of(summary, "interface"));

        strbuf_addf(&b, _("K3s %s is running.\n"), of(summary, "version"));
        strbuf_putc(&b, '\n');
        line(&b, _("node"), node);
        line(&b, _("API"), of(summary, "api_url"));
        line(&b, _("kubeconfig"), kubeconfig);
        if (*of(summary, "user_kubeconfig"))
                line(&b, _("your copy"), of(summary, "user_kubeconfig"));
        line(&b, _("try it"), "kubectl get nodes -o wide");
        line(&b, _("node token in"), of(summary, "node_token_file"));
        line(&b, "", _("shown on a terminal by: k3wizard summary --show-token"));
        if (*of(summary, "installer_sha256")) {
                strbuf_addf(&b, "  %s\n    %s\n", _("installer SHA-256"),
                        of(summary, "installer_sha256"));
        }
        strbuf_putc(&b, '\n');
        strbuf_puts(&b, _("An agent joins with these answers, and the token in the file they name "
                          "(0600):\n"));
        for (size_t i = 0; agent && agent[i]; i++)
                strbuf_addf(&b, "    %s\n", agent[i]);
        strbuf_putc(&b, '\n');
        line(&b, _("take it back"), of(summary, "undo"));
        line(&b, _("replay it"), of(summary, "answers_file"));
        if (json_is_true(json_object_get(summary, "practice")))
                strbuf_puts(&b, _("\nThis was practice: nothing on this machine was changed.\n"));
        return strbuf_take(&b);
}

int summary_write(struct engine *e, struct error **err)
{
        json_t *summary = engine_summary(e);
        _cleanup_free_ char *text = summary_text(summary);

        json_decref(summary);
        return state_write(e, "summary", text, err);
}

int engine_node_token(struct engine *e, struct secret *ret, struct error **err)
{
        _cleanup_file_state_ struct file_state s = {0};
        const char *path = K3S_NODE_TOKEN;
        char *text = NULL;
        size_t len = 0;
        int r = file_state(&e->host->root, path, false, &s, err);

        if (r < 0)
                return r;
        /* A link to `token` beside it since K3s 1.22; in v0.9.1 a file. */
        if (s.kind == FILE_SYMLINK)
                path = "/var/lib/rancher/k3s/server/token";
        r = file_read(&e->host->root, path, 4096, &text, &len, err);
        if (r < 0)
                return error_prefix(err, "Could not read the node token");
        while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
                len--;
        secret_set(ret, text, len);
        secret_free_string(text);
        return 0;
}
