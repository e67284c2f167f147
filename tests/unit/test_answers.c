/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "../../src/base/str.h"
#include "../../src/model/answers.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct value {
        const char *key, *text;
};

static const struct value good[] = {
        {"version", "1"},
        {"role", "server"},
        {"profile", "blog-2020"},
        {"network.interface", "enp0s8"},
        {"network.interface", "wlx00c0ca.7"},
        {"network.node_ip", "192.168.1.20"},
        {"network.node_ip", "192.168.1.20,fd00::20"},
        {"network.flannel_backend", "wireguard-native"},
        {"k3s.version", "v1.36.3+k3s1"},
        {"k3s.version", "v1.37.0-rc0+k3s1"},
        {"k3s.version", "v0.9.1"},
        {"k3s.channel", "v1.34"},
        {"k3s.node_name", "node-1.example"},
        {"k3s.disable", "traefik,servicelb"},
        {"k3s.kubeconfig_mode", "0600"},
        {"k3s.kubeconfig_mode", "644"},
        {"join.server", "https://[fd00::1]:6443"},
        {"join.token", "any $thing `at` all"},
        {"join.token_file", "/root/join-token"},
        {"dashboard.node_port", "30000"},
        {"dashboard.token_ttl", "1h30m"},
        {"source.installer_sha256",
                "ed01f89fd977bf20ac1516bbebf8370bf3ddbaa55dac8aba610956a4c78cc00b"},
        {"source.proxy", "http://user:secret@proxy:3128"},
        {"timeouts.start", "90s"},
};

static const struct value bad[] = {
        {"version", "2"},
        {"role", "master"},
        {"profile", "Current"},
        {"network.interface", "averylonginterface"},
        {"network.interface", "eth0/.."},
        {"network.interface", "-eth0"},
        {"network.interface", "."},
        {"network.interface", "$(reboot)"},
        {"network.node_ip", "192.168.1"},
        {"network.node_ip", "192.168.1.20/24"},
        {"network.node_ip", "1e3"},
        {"network.flannel_backend", "ipsec"},
        {"k3s.version", "1.36.3+k3s1"},
        {"k3s.version", "v1.36"},
        {"k3s.version", "v1.36.3+k3s"},
        {"k3s.version", "v1.36.3+k3s1;reboot"},
        {"k3s.channel", "-stable"},
        {"k3s.channel", "sta ble"},
        {"k3s.node_name", "Node"},
        {"k3s.node_name", "-node"},
        {"k3s.node_name", "node-"},
        {"k3s.node_name", "no..de"},
        {"k3s.node_name", "node."},
        {"k3s.node_name", "no_de"},
        {"k3s.disable", "traefik,treafik"},
        {"k3s.tls_san", "a;b"},
        {"k3s.kubeconfig_mode", "0888"},
        {"k3s.kubeconfig_mode", "06000"},
        {"join.server", "http://server:6443"},
        {"join.server", "server:6443"},
        {"join.server", "https://user:pw@server:6443"},
        {"join.server", "https://"},
        {"join.server", "https://a b"},
        {"join.token_file", "join-token"},
        {"join.token_file", "/root/"},
        {"dashboard.node_port", "443"},
        {"dashboard.node_port", "30443x"},
        {"dashboard.token_ttl", "8"},
        {"dashboard.token_ttl", "0s"},
        {"dashboard.token_ttl", "9000h"},
        {"source.installer_sha256", "abc"},
        {"source.installer_sha256",
                "ED01F89FD977BF20AC1516BBEBF8370BF3DDBAA55DAC8ABA610956A4C78CC00B"},
        {"source.proxy", "socks5://x"},
        {"k3s.node_name", "a\nb"},
        {"k3s.node_name", "a\033[31m"},
        {"network.interface", "e\xe2\x80\xaeth0"},
};

static void takes_what_is_right(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(good); i++) {
                _cleanup_answers_ struct answers *a = answers_new();
                _cleanup_error_ struct error *e = NULL;

                if (answers_set(a, good[i].key, good[i].text, ANSWER_FROM_OPTION, &e) < 0)
                        fail_msg("%s: %s", good[i].key, error_message(e));
                assert_string_equal(answers_get(a, good[i].key), good[i].text);
                assert_true(answers_is_set(a, good[i].key));
                assert_int_equal(answers_source(a, good[i].key), ANSWER_FROM_OPTION);
        }
}

static void refuses_what_is_wrong_and_keeps_what_was(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                _cleanup_answers_ struct answers *a = answers_new();
                _cleanup_error_ struct error *e = NULL;

                if (answers_set(a, bad[i].key, bad[i].text, ANSWER_FROM_OPTION, &e) == 0)
                        fail_msg("%s takes %s", bad[i].key, bad[i].text);
                assert_int_equal(e->kind, ERROR_INVALID);
                assert_false(answers_is_set(a, bad[i].key));
                /* Nothing foreign reaches a terminal as it is. */
                assert_null(strchr(e->message, '\033'));
                assert_null(strchr(e->message, '\n'));
        }
}

static void an_unknown_key_is_told_with_the_nearest(void **state)
{
        _cleanup_answers_ struct answers *a = answers_new();
        _cleanup_error_ struct error *e = NULL;

        assert_true(answers_set(a, "network.interfase", "eth0", ANSWER_FROM_OPTION, &e) < 0);
        assert_non_null(strstr(e->hint ?: e->message, "network.interface"));
        assert_null(answers_get(a, "nonsense"));
        assert_null(answer_key_nearest("zzzzzzzzzzzzzz"));
}

static int load(struct answers *a, const char *text, struct problems *p)
{
        return answers_load(a, "f.yaml", text, strlen(text), p);
}

static void reads_a_file_with_positions(void **state)
{
        _cleanup_answers_ struct answers *a = answers_new();
        _cleanup_problems_ struct problems p = {0};
        const char *file = NULL;
        int line = 0, column = 0;

        assert_int_equal(load(a,
                                 "version: 1\nrole: server\nnetwork:\n  node_ip: [192.168.1.20, "
                                 "'fd00::20']\nk3s:\n  disable: []\n  kubeconfig_mode: \"0600\"\n"
                                 "  version: ~\njoin:\n",
                                 &p),
                0);
        assert_string_equal(answers_get(a, "network.node_ip"), "192.168.1.20,fd00::20");
        assert_null(answers_get(a, "k3s.disable"));
        assert_true(answers_is_set(a, "k3s.disable"));
        assert_false(answers_is_set(a, "k3s.version"));
        answers_position(a, "network.node_ip", &file, &line, &column);
        assert_string_equal(file, "f.yaml");
        assert_int_equal(line, 4);
        assert_int_equal(column, 12);
        assert_int_equal(answers_check(a, &p), 0);
}

static void tells_everything_that_is_wrong_at_once(void **state)
{
        _cleanup_answers_ struct answers *a = answers_new();
        _cleanup_problems_ struct problems p = {0};
        _cleanup_error_ struct error *e = NULL;
        static const char *const words[] = {"f.yaml:2:7", "f.yaml:4:3", "network.interface",
                "f.yaml:5:12", "f.yaml:7:22", "f.yaml:8:12", "f.yaml:9:1", "did you mean network?"};

        assert_int_equal(load(a,
                                 "version: 1\nrole: [server]\nnetwork:\n  interfase: eth0\n  "
                                 "node_ip: 1.2.3\nk3s:\n  disable: [traefik, [x], nginx]\n  "
                                 "channel: {a: b}\nnetwerk: x\n",
                                 &p),
                -EINVAL);
        problems_error(&p, &e);
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
                if (!strstr(e->message, words[i]))
                        fail_msg("no %s in %s", words[i], e->message);
}

static void refuses_files_that_are_no_answers(void **state)
{
        static const char *const texts[] = {"", "just text\n", "- a\n- b\n", "role: server\n",
                "version: 1\nnetwork: eth0\n", "version: 1\nrole: server\nrole: agent\n"};

        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                _cleanup_answers_ struct answers *a = answers_new();
                _cleanup_problems_ struct problems p = {0};

                if (load(a, texts[i], &p) == 0)
                        fail_msg("takes \"%s\"", texts[i]);
                assert_true(p.n > 0);
        }
}

struct whole {
        const char *text;
        const char *words; /* NULL: valid */
};

static const struct whole wholes[] = {
        {"role: server\n", NULL},
        {"profile: current\n", "role is missing"},
        {"role: server\njoin: {server: 'https://a:6443'}\n", "join.server is for role agent"},
        {"role: agent\njoin: {server: 'https://a:6443', token_file: /t}\n", NULL},
        {"role: agent\n", "join.server is missing"},
        {"role: agent\njoin: {server: 'https://a:6443'}\n", "join.token_file is missing"},
        {"role: agent\njoin: {server: 'https://a:6443', token: x, token_file: /t}\n", "exclude"},
        {"role: server\nprofile: blog-2020\n", NULL},
        {"role: server\nprofile: blog-2020\nk3s: {version: v1.36.3+k3s1}\n", "blog-2020 passes"},
        {"role: server\nk3s: {version: v0.9.1}\n", "take profile"},
        {"role: server\nnetwork: {node_ip: [1.2.3.4, 1.2.3.5]}\n", "one of IPv4"},
        {"role: server\nnetwork: {node_ip: [1.2.3.4, 'fd00::1', 'fd00::2']}\n", "one of IPv4"},
        {"role: server\nsource: {proxy: 'http://p:1', proxy_file: /p}\n", "exclude"},
        {"role: server\ndashboard: {token_ttl: 5m}\n", "less than 10m"},
};

static void judges_the_whole(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(wholes); i++) {
                _cleanup_answers_ struct answers *a = answers_new();
                _cleanup_problems_ struct problems p = {0};
                _cleanup_error_ struct error *e = NULL;
                _cleanup_free_ char *text = xasprintf("version: 1\n%s", wholes[i].text);

                if (load(a, text, &p) == 0)
                        (void) answers_check(a, &p);
                if (p.n > 0)
                        problems_error(&p, &e);
                if (!wholes[i].words != !e || (e && !strstr(e->message, wholes[i].words)))
                        fail_msg("%s: %s", wholes[i].text, e ? e->message : "valid");
        }
}

static void defaults_follow_the_profile(void **state)
{
        _cleanup_answers_ struct answers *a = answers_new();
        char **list;

        assert_string_equal(answers_get(a, "k3s.runtime"), "containerd");
        assert_null(answers_get(a, "k3s.version"));
        assert_int_equal(answers_get_ms(a, "timeouts.download"), 600000);
        assert_int_equal(answers_get_integer(a, "dashboard.node_port"), 30443);
        list = answers_get_list(a, "k3s.disable");
        assert_int_equal(strv_len(list), 2);
        strv_free(list);
        answers_set(a, "profile", "blog-2020", ANSWER_FROM_OPTION, NULL);
        assert_string_equal(answers_get(a, "k3s.runtime"), "docker");
        assert_string_equal(answers_get(a, "k3s.version"), "v0.9.1");
        assert_string_equal(answers_get(a, "k3s.kubeconfig_mode"), "0644");
        answers_set(a, "k3s.runtime", "containerd", ANSWER_FROM_OPTION, NULL);
        assert_string_equal(answers_get(a, "k3s.runtime"), "containerd");
        answers_set(a, "k3s.runtime", "", ANSWER_FROM_OPTION, NULL);
        assert_string_equal(answers_get(a, "k3s.runtime"), "docker");
        assert_int_equal(answers_source(a, "k3s.runtime"), ANSWER_FROM_DEFAULT);
}

static void what_is_saved_reads_back_the_same_without_secrets(void **state)
{
        _cleanup_answers_ struct answers *a = answers_new(), *b = answers_new(), *copy = NULL;
        _cleanup_problems_ struct problems p = {0};
        _cleanup_free_ char *yaml = NULL, *bare = NULL, *shown = NULL;
        static const struct value kept[] = {{"role", "agent"}, {"network.node_ip", "fd00::20"},
                {"k3s.node_name", "yes"}, {"k3s.version", "v1.36.3+k3s1"},
                {"join.server", "https://a:6443"}, {"timeouts.start", "5m"}};

        for (size_t i = 0; i < ARRAY_LEN(kept); i++)
                assert_int_equal(
                        answers_set(a, kept[i].key, kept[i].text, ANSWER_FROM_PROMPT, NULL), 0);
        answers_set(a, "join.token", "canary", ANSWER_FROM_PROMPT, NULL);
        answers_set(a, "source.proxy", "http://u:canary@p:1", ANSWER_FROM_PROMPT, NULL);
        assert_true(answers_hold_secret(a));
        shown = answers_display(a, "join.token");
        assert_null(strstr(shown, "canary"));
        copy = answers_copy(a);
        yaml = answers_to_yaml(copy, "/state/secrets");
        bare = answers_to_yaml(a, NULL);
        assert_null(strstr(yaml, "canary"));
        assert_null(strstr(bare, "canary"));
        if (load(b, yaml, &p) < 0)
                fail_msg("%s: %s", yaml, p.list[0].message);
        for (size_t i = 0; i < ARRAY_LEN(kept); i++)
                assert_string_equal(answers_get(b, kept[i].key), kept[i].text);
        assert_string_equal(answers_get(b, "join.token_file"), "/state/secrets/join.token");
        assert_string_equal(answers_get(b, "source.proxy_file"), "/state/secrets/source.proxy");
        assert_false(answers_hold_secret(b));
}

static void an_empty_list_stays_empty_when_saved(void **state)
{
        _cleanup_answers_ struct answers *a = answers_new(), *b = answers_new();
        _cleanup_problems_ struct problems p = {0};
        _cleanup_free_ char *yaml = NULL;

        assert_int_equal(load(a, "version: 1\nrole: server\nk3s: {disable: []}\n", &p), 0);
        yaml = answers_to_yaml(a, NULL);
        assert_int_equal(load(b, yaml, &p), 0);
        assert_true(answers_is_set(b, "k3s.disable"));
        assert_null(answers_get(b, "k3s.disable"));
}

static void the_schema_names_every_key(void **state)
{
        _cleanup_free_ char *text = answers_schema();
        json_t *schema = json_loads(text, 0, NULL);

        assert_non_null(schema);
        for (size_t i = 0; i < answer_keys_len; i++) {
                const json_t *at = schema;
                char **parts = strv_split(answer_keys[i].name, ".");

                for (size_t k = 0; parts[k]; k++)
                        at = json_object_get(json_object_get(at, "properties"), parts[k]);
                if (!at)
                        fail_msg("no %s in the schema", answer_keys[i].name);
                strv_free(parts);
        }
        json_decref(schema);
}

static void every_key_explains_itself(void **state)
{
        for (size_t i = 0; i < answer_keys_len; i++) {
                assert_non_null(answer_keys[i].title);
                assert_non_null(answer_keys[i].why);
                assert_non_null(answer_keys[i].help);
                if (answer_keys[i].default_value && !(answer_keys[i].flags & ANSWER_LIST))
                        assert_int_equal(answer_value_check(&answer_keys[i],
                                                 answer_keys[i].default_value, NULL),
                                0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(takes_what_is_right),
                cmocka_unit_test(refuses_what_is_wrong_and_keeps_what_was),
                cmocka_unit_test(an_unknown_key_is_told_with_the_nearest),
                cmocka_unit_test(reads_a_file_with_positions),
                cmocka_unit_test(tells_everything_that_is_wrong_at_once),
                cmocka_unit_test(refuses_files_that_are_no_answers),
                cmocka_unit_test(judges_the_whole),
                cmocka_unit_test(defaults_follow_the_profile),
                cmocka_unit_test(what_is_saved_reads_back_the_same_without_secrets),
                cmocka_unit_test(an_empty_list_stays_empty_when_saved),
                cmocka_unit_test(the_schema_names_every_key),
                cmocka_unit_test(every_key_explains_itself),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
