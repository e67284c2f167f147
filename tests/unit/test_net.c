/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "../../src/base/str.h"
#include "../../src/host/host.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct net_address one_address[] = {
        {.family = FAMILY_IPV4, .text = "192.168.1.20", .prefix = 24, .scope = "global"},
        {.family = FAMILY_IPV6, .text = "fd00::20", .prefix = 64, .scope = "global"},
};
static struct net_address other_address[] = {
        {.family = FAMILY_IPV4, .text = "10.0.2.15", .prefix = 24, .scope = "global"}};
static struct net_address docker_address[] = {
        {.family = FAMILY_IPV4, .text = "172.17.0.1", .prefix = 16, .scope = "global"}};

static struct net_link links[] = {
        {.index = 1, .name = "lo", .type = "loopback"},
        {.index = 2,
                .name = "eth0",
                .type = "ethernet",
                .addresses = one_address,
                .n_addresses = 2},
        {.index = 5, .name = "eth1", .type = "veth", .addresses = other_address, .n_addresses = 1},
        {.index = 9,
                .name = "docker0",
                .type = "bridge",
                .addresses = docker_address,
                .n_addresses = 1},
};

static struct net_nexthop hop0 = {.link = 2}, hop1 = {.link = 5}, hop_docker = {.link = 9};
static struct net_nexthop both[] = {{.link = 2}, {.link = 5}};

static struct net_picture picture(struct net_default_route *defaults, size_t n)
{
        return (struct net_picture){
                .links = links, .n_links = ARRAY_LEN(links), .defaults = defaults, .n_defaults = n};
}

static void suggests_the_link_of_the_best_default_route(void **state)
{
        struct net_default_route routes[] = {{.metric = 100, .hops = &hop1, .n_hops = 1},
                {.metric = 200, .hops = &hop0, .n_hops = 1}};
        struct net_picture p = picture(routes, 2);
        bool ambiguous = true;

        assert_string_equal(net_suggest(&p, &ambiguous)->name, "eth1");
        assert_false(ambiguous);
}

static void two_best_routes_are_ambiguous(void **state)
{
        struct net_default_route routes[] = {{.metric = 100, .hops = &hop0, .n_hops = 1},
                {.metric = 100, .hops = &hop1, .n_hops = 1}};
        struct net_default_route multipath[] = {{.metric = 0, .hops = both, .n_hops = 2}};
        struct net_picture p = picture(routes, 2), q = picture(multipath, 1);
        bool ambiguous = false;

        (void) net_suggest(&p, &ambiguous);
        assert_true(ambiguous);
        ambiguous = false;
        (void) net_suggest(&q, &ambiguous);
        assert_true(ambiguous);
}

static void never_suggests_what_containers_made(void **state)
{
        struct net_default_route routes[] = {{.metric = 0, .hops = &hop_docker, .n_hops = 1}};
        struct net_picture p = picture(routes, 1);
        static const char *const never[] = {"docker0", "cni0", "flannel.1", "flannel-wg",
                "veth12ab", "br-0123456789ab", "kube-ipvs0", "virbr0", "lo"};
        static const char *const fine[] = {"eth0", "br-lan", "br0", "bond0", "enp0s8", "wlan0"};

        assert_null(net_suggest(&p, NULL));
        for (size_t i = 0; i < ARRAY_LEN(never); i++) {
                struct net_link link = {.type = "ethernet"};

                snprintf(link.name, sizeof(link.name), "%s", never[i]);
                assert_false(net_link_is_candidate(&link));
        }
        for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
                struct net_link link = {.type = "ethernet"};

                snprintf(link.name, sizeof(link.name), "%s", fine[i]);
                assert_true(net_link_is_candidate(&link));
        }
}

static void without_a_default_route_only_one_candidate_is_a_suggestion(void **state)
{
        struct net_picture p = picture(NULL, 0);
        bool ambiguous = false;

        assert_null(net_suggest(&p, &ambiguous));
        assert_true(ambiguous);
        p.n_links = 2;
        assert_string_equal(net_suggest(&p, NULL)->name, "eth0");
}

static void finds_a_link_by_any_spelling_of_its_address(void **state)
{
        struct net_picture p = picture(NULL, 0);

        assert_string_equal(net_link_by_address(&p, "fd00:0:0::20")->name, "eth0");
        assert_string_equal(net_link_by_address(&p, "10.0.2.15")->name, "eth1");
        assert_null(net_link_by_address(&p, "10.0.2.16"));
        assert_null(net_link_by_address(&p, "nonsense"));
        assert_ptr_equal(net_link_by_index(&p, 9), &links[3]);
        assert_null(net_link_by_index(&p, 3));
}

static void networks_overlap_when_one_is_inside_the_other(void **state)
{
        assert_int_equal(net_overlap("10.42.0.0/16", "10.42.7.0/24"), 1);
        assert_int_equal(net_overlap("10.42.0.0/16", "10.0.0.0/8"), 1);
        assert_int_equal(net_overlap("10.42.0.0/16", "10.43.0.0/16"), 0);
        assert_int_equal(net_overlap("10.42.0.0/15", "10.43.0.0/16"), 1);
        assert_int_equal(net_overlap("fd00::/8", "10.0.0.0/8"), 0);
        assert_int_equal(net_overlap("10.42.0.0/16", "10.42.0.0"), -EINVAL);
        assert_int_equal(net_overlap("10.42.0.0/33", "10.42.0.0/16"), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(suggests_the_link_of_the_best_default_route),
                cmocka_unit_test(two_best_routes_are_ambiguous),
                cmocka_unit_test(never_suggests_what_containers_made),
                cmocka_unit_test(without_a_default_route_only_one_candidate_is_a_suggestion),
                cmocka_unit_test(finds_a_link_by_any_spelling_of_its_address),
                cmocka_unit_test(networks_overlap_when_one_is_inside_the_other),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
