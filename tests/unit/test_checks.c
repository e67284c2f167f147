/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Every check against the practice world: the world as it comes, and the world with one thing
 * wrong. Each case names the finding that must be the worst of its check. */

#include "../../src/base/str.h"
#include "../../src/checks/check.h"
#include "../../src/host/practice/practice.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

struct world {
        char directory[64];
        struct host *host;
        struct answers *answers;
        struct net_picture network;
        struct platform platform;
        struct release release;
        bool released;
};

static int open_world(struct world *w, const char *scenario)
{
        struct practice_options options = {.scenario = scenario};
        static volatile int cancel;

        snprintf(w->directory, sizeof(w->directory), "/tmp/k3wizard-checks-XXXXXX");
        if (!mkdtemp(w->directory))
                return -1;
        options.directory = w->directory;
        if (practice_new(&options, &cancel, &w->host, NULL) < 0)
                return -1;
        w->answers = answers_new();
        return answers_set(w->answers, "role", "server", ANSWER_FROM_OPTION, NULL);
}

static void close_world(struct world *w)
{
        struct fsroot slash = {.fd = -1};

        host_free(w->host);
        answers_free(w->answers);
        net_picture_done(&w->network);
        platform_done(&w->platform);
        release_done(&w->release);
        if (fsroot_open("/", false, &slash, NULL) == 0)
                (void) file_remove_tree(&slash, w->directory, NULL);
        fsroot_close(&slash);
}

static void put(struct world *w, const char *path, const char *text)
{
        _cleanup_free_ char *parent = xstrndup(path, (size_t) (strrchr(path, '/') - path));

        assert_int_equal(file_mkdirs(&w->host->root, parent, 0755, NULL), 0);
        assert_int_equal(
                file_write(&w->host->root, path, text, strlen(text), FILE_OWNER_OURS(0644), NULL),
                0);
}

static void set(struct world *w, const char *key, const char *value)
{
        assert_int_equal(answers_set(w->answers, key, value, ANSWER_FROM_OPTION, NULL), 0);
}

static void run_checks(struct world *w, struct findings *f, struct error **release_error)
{
        struct check_context c = {.host = w->host,
                .answers = w->answers,
                .platform = &w->platform,
                .network = &w->network};

        assert_int_equal(platform_read(w->host, &w->platform, NULL), 0);
        assert_int_equal(w->host->ops->network(w->host, &w->network, NULL), 0);
        if (release_resolve(w->host, w->answers, &w->platform, &w->release, release_error) == 0)
                c.release = &w->release;
        c.release_error = *release_error;
        checks_run(&c, f);
}

static enum severity worst(const struct findings *f, const char *check)
{
        enum severity s = FINDING_OK;

        for (size_t i = 0; i < f->n; i++)
                if (str_eq(f->list[i].check, check) && f->list[i].severity > s)
                        s = f->list[i].severity;
        return s;
}

static void a_fresh_world_has_nothing_to_say_against(void **state)
{
        struct world w = {0};
        _cleanup_findings_ struct findings f = {0};
        _cleanup_error_ struct error *e = NULL;

        assert_int_equal(open_world(&w, NULL), 0);
        set(&w, "network.interface", "enp0s8");
        set(&w, "network.node_ip", "192.168.1.20");
        run_checks(&w, &f, &e);
        assert_true(f.n > 15);
        assert_int_equal(findings_count(&f, FINDING_OK), f.n);
        assert_false(findings_block(&f));
        close_world(&w);
}

struct spoiled {
        const char *name;
        const char *scenario;
        const char *path, *text; /* a file put there */
        const char *key, *value; /* an answer */
        const char *check;
        enum severity severity;
};

static const struct spoiled cases[] = {
        {"an interface that does not exist", NULL, NULL, NULL, "network.interface", "eth9", "P01",
                FINDING_BLOCK},
        {"an address of another interface", NULL, NULL, NULL, "network.node_ip", "10.0.2.15", "P01",
                FINDING_BLOCK},
        {"an address of no interface", NULL, NULL, NULL, "network.node_ip", "192.168.1.21", "P01",
                FINDING_BLOCK},
        {"loopback", NULL, NULL, NULL, "network.interface", "lo", "P01", FINDING_BLOCK},
        {"docker0", NULL, NULL, NULL, "network.interface", "docker0", "P01", FINDING_BLOCK},
        {"no default route", "server+no-default-route", NULL, NULL, NULL, NULL, "P03",
                FINDING_BLOCK},
        {"a leased address", NULL, NULL, NULL, "network.interface", "enp0s3", "P05", FINDING_WARN},
        {"a factory name", NULL, NULL, NULL, "k3s.node_name", "jetson", "P06", FINDING_WARN},
        {"6443 taken", "server+port-6443-taken", NULL, NULL, NULL, NULL, "P18", FINDING_BLOCK},
        {"a firewall", NULL, "/etc/ufw/ufw.conf", "ENABLED=yes\n", NULL, NULL, "P10", FINDING_WARN},
        {"only a loopback resolver", NULL, "/etc/resolv.conf", "nameserver 127.0.0.53\n", NULL,
                NULL, "P17", FINDING_WARN},
        {"a real resolver beside it", NULL, "/etc/resolv.conf",
                "nameserver 127.0.0.53\nnameserver 1.1.1.1\n", NULL, NULL, "P17", FINDING_OK},
        {"cgroup v1", "server+cgroup-v1", NULL, NULL, NULL, NULL, "cgroup", FINDING_BLOCK},
        {"no memory cgroup", NULL, "/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n",
                NULL, NULL, "P11", FINDING_BLOCK},
        {"little memory", NULL, "/proc/meminfo", "MemTotal:  999424 kB\n", NULL, NULL, "memory",
                FINDING_WARN},
        {"too little memory", NULL, "/proc/meminfo", "MemTotal:  262144 kB\n", NULL, NULL, "memory",
                FINDING_BLOCK},
        {"a full disk", "server+disk-full", NULL, NULL, NULL, NULL, "disk", FINDING_BLOCK},
        {"a wrong clock", "server+clock-behind", NULL, NULL, NULL, NULL, "P16", FINDING_BLOCK},
        {"a K3s of somebody else", NULL, "/usr/local/bin/k3s", "x", NULL, NULL, "k3s",
                FINDING_BLOCK},
        {"the data of an old cluster", NULL, "/var/lib/rancher/k3s/server/db/state.db", "x", NULL,
                NULL, "k3s", FINDING_BLOCK},
        {"settings of the user", NULL, "/etc/rancher/k3s/config.yaml", "debug: true\n", NULL, NULL,
                "settings", FINDING_NOTE},
        {"an old node password", NULL, "/etc/rancher/node/password", "x", NULL, NULL, "P07",
                FINDING_WARN},
        {"a web page instead of a release", "server+captive-portal", NULL, NULL, NULL, NULL,
                "release", FINDING_BLOCK},
        {"Docker that is not there", NULL, NULL, NULL, "k3s.runtime", "docker", "docker",
                FINDING_BLOCK},
        {"a kubeconfig for everybody", NULL, NULL, NULL, "k3s.kubeconfig_mode", "0644", "P21",
                FINDING_WARN},
        {"the profile of 2020", NULL, NULL, NULL, "profile", "blog-2020", "profile-age",
                FINDING_WARN},
        {"the profile of 2020 on cgroup v2", NULL, NULL, NULL, "profile", "blog-2020", "cgroup",
                FINDING_BLOCK},
        {"a kernel without vxlan", NULL, "/lib/modules/6.8.0-60-generic/modules.dep",
                "kernel/fs/overlayfs/overlay.ko.zst:\n", NULL, NULL, "P12", FINDING_OK},
};

static void sees_what_is_wrong(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct spoiled *s = &cases[i];
                struct world w = {0};
                _cleanup_findings_ struct findings f = {0};
                _cleanup_error_ struct error *e = NULL;

                assert_int_equal(open_world(&w, s->scenario), 0);
                set(&w, "network.interface", "enp0s8");
                set(&w, "network.node_ip", "192.168.1.20");
                if (str_eq(s->value, "enp0s3"))
                        set(&w, "network.node_ip", "10.0.2.15");
                if (s->path)
                        put(&w, s->path, s->text);
                if (s->key)
                        set(&w, s->key, s->value);
                run_checks(&w, &f, &e);
                if (worst(&f, s->check) != s->severity)
                        fail_msg("%s: %s is %s", s->name, s->check,
                                severity_name(worst(&f, s->check)));
                for (size_t k = 0; k < f.n; k++)
                        if (f.list[k].severity >= FINDING_WARN && !f.list[k].fix)
                                fail_msg("%s has no fix", f.list[k].message);
                for (size_t k = 1; k < f.n; k++)
                        assert_true(f.list[k].severity <= f.list[k - 1].severity);
                close_world(&w);
        }
}

static void two_best_routes_block_only_when_nothing_was_chosen(void **state)
{
        for (int chosen = 0; chosen < 2; chosen++) {
                struct world w = {0};
                _cleanup_findings_ struct findings f = {0};
                _cleanup_error_ struct error *e = NULL;

                assert_int_equal(open_world(&w, "server+two-default-routes"), 0);
                if (chosen) {
                        set(&w, "network.interface", "enp0s8");
                        set(&w, "network.node_ip", "192.168.1.20");
                }
                run_checks(&w, &f, &e);
                assert_int_equal(worst(&f, "P02"), chosen ? FINDING_OK : FINDING_BLOCK);
                close_world(&w);
        }
}

static void networks_of_pods_and_services_must_be_free(void **state)
{
        static const char *const own[] = {NULL, "cluster-cidr: 10.52.0.0/16\n"};

        for (size_t i = 0; i < ARRAY_LEN(own); i++) {
                struct world w = {0};
                _cleanup_findings_ struct findings f = {0};
                _cleanup_error_ struct error *e = NULL;
                struct net_route route = {.family = FAMILY_IPV4,
                        .destination = "10.42.16.0",
                        .prefix = 20,
                        .link = 2};
                struct check_context c = {.host = NULL};

                assert_int_equal(open_world(&w, NULL), 0);
                if (own[i])
                        put(&w, "/etc/rancher/k3s/config.yaml", own[i]);
                set(&w, "network.interface", "enp0s8");
                set(&w, "network.node_ip", "192.168.1.20");
                run_checks(&w, &f, &e);
                assert_int_equal(worst(&f, "networks"), FINDING_OK);
                findings_done(&f);
                w.network.routes[0] = route;
                c = (struct check_context){.host = w.host,
                        .answers = w.answers,
                        .platform = &w.platform,
                        .network = &w.network,
                        .release = &w.release};
                checks_run(&c, &f);
                assert_int_equal(worst(&f, "networks"), own[i] ? FINDING_NOTE : FINDING_BLOCK);
                close_world(&w);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_fresh_world_has_nothing_to_say_against),
                cmocka_unit_test(sees_what_is_wrong),
                cmocka_unit_test(two_best_routes_block_only_when_nothing_was_chosen),
                cmocka_unit_test(networks_of_pods_and_services_must_be_free),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
