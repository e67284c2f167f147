/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The real host: a network namespace of its own with links made by ip(8), real children, a real
 * HTTPS server on loopback. Without the right to make namespaces the network tests are skipped. */

#include "../../src/base/str.h"
#include "../../src/host/machine/machine.h"
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

static volatile int cancel;
static struct host *host;

/* ---- the network ---- */

static bool alone; /* in a namespace of our own */

static void need_namespace(void)
{
        if (!alone && unshare(CLONE_NEWNET) < 0)
                skip();
        alone = true;
}

static void ip(const char *command)
{
        char line[256];

        snprintf(line, sizeof(line), "ip %s", command);
        if (system(line) != 0)
                fail_msg("%s", line);
}

static const struct net_link *link_named(const struct net_picture *p, const char *name)
{
        const struct net_link *link = net_link_by_name(p, name);

        if (!link)
                fail_msg("no link %s", name);
        return link;
}

static void sees_links_addresses_and_routes(void **state)
{
        _cleanup_net_picture_ struct net_picture p = {0};
        const struct net_link *link;

        need_namespace();
        ip("link set lo up");
        ip("link add d0 type veth peer name d1");
        ip("link set d0 address 02:00:00:00:00:01 mtu 1400 up");
        ip("link set d1 up");
        ip("addr add 192.0.2.5/24 dev d0");
        ip("addr add 2001:db8::5/64 dev d0 nodad valid_lft 3600 preferred_lft 1800");
        ip("link add v0 type veth peer name v1");
        ip("addr add 198.51.100.1 peer 198.51.100.2/32 dev v0");
        ip("link add br0 type bridge");
        ip("link set v0 up");
        ip("link set v1 up");
        ip("route add default via 192.0.2.1 dev d0 metric 50");
        ip("route add default metric 10 nexthop via 192.0.2.1 dev d0 weight 3 nexthop via "
           "198.51.100.2 dev v0");
        ip("route add 203.0.113.0/25 via 192.0.2.9");
        ip("-6 route add default via 2001:db8::1 dev d0 metric 20");
        assert_int_equal(host->ops->network(host, &p, NULL), 0);

        link = link_named(&p, "d0");
        assert_string_equal(link->type, "veth");
        assert_string_equal(link->mac, "02:00:00:00:00:01");
        assert_int_equal(link->mtu, 1400);
        assert_true(link->up);
        assert_string_equal(net_first_global(link)->text, "192.0.2.5");
        assert_int_equal(net_first_global(link)->prefix, 24);
        assert_false(net_first_global(link)->dynamic);
        assert_int_equal(net_first_global(link)->valid_seconds, -1);
        assert_ptr_equal(net_link_by_address(&p, "2001:db8::5"), link);
        for (size_t i = 0; i < link->n_addresses; i++)
                if (str_eq(link->addresses[i].text, "2001:db8::5")) {
                        assert_true(link->addresses[i].dynamic);
                        assert_in_range(link->addresses[i].valid_seconds, 3500, 3600);
                }
        /* Its own end, not the peer's. */
        assert_string_equal(net_first_global(link_named(&p, "v0"))->text, "198.51.100.1");
        assert_string_equal(link_named(&p, "v0")->type, "veth");
        assert_string_equal(link_named(&p, "v0")->state, "up");
        assert_string_equal(link_named(&p, "br0")->type, "bridge");
        assert_string_equal(link_named(&p, "br0")->state, "down");
        assert_string_equal(link_named(&p, "lo")->type, "loopback");

        assert_int_equal(p.n_defaults, 3);
        assert_int_equal(p.defaults[0].metric, 10);
        assert_int_equal(p.defaults[0].n_hops, 2);
        assert_int_equal(p.defaults[0].hops[0].weight, 3);
        assert_string_equal(p.defaults[0].hops[1].gateway, "198.51.100.2");
        assert_int_equal(p.defaults[1].metric, 20);
        assert_int_equal(p.defaults[1].family, FAMILY_IPV6);
        assert_int_equal(p.defaults[2].metric, 50);
        assert_int_equal(net_default_metric(&p, link), 10);
        for (size_t i = 0;; i++) {
                assert_true(i < p.n_routes);
                if (str_eq(p.routes[i].destination, "203.0.113.0")) {
                        assert_int_equal(p.routes[i].prefix, 25);
                        assert_int_equal(p.routes[i].link, link->index);
                        break;
                }
        }
}

static void many_links_are_one_consistent_picture(void **state)
{
        _cleanup_net_picture_ struct net_picture p = {0};
        FILE *batch;

        need_namespace();
        batch = popen("ip -batch -", "w");
        assert_non_null(batch);
        for (int i = 0; i < 300; i++)
                fprintf(batch, "link add many%d type bridge\naddr add 10.9.%d.%d/32 dev many%d\n",
                        i, i / 250, i % 250 + 1, i);
        assert_int_equal(pclose(batch), 0);
        assert_int_equal(host->ops->network(host, &p, NULL), 0);
        for (int i = 0; i < 300; i++) {
                char name[IFNAMSIZ], address[46];

                snprintf(name, sizeof(name), "many%d", i);
                snprintf(address, sizeof(address), "10.9.%d.%d", i / 250, i % 250 + 1);
                assert_string_equal(net_link_by_address(&p, address)->name, name);
        }
        for (size_t i = 1; i < p.n_links; i++)
                assert_true(p.links[i].index > p.links[i - 1].index);
}

static void knows_who_listens(void **state)
{
        _cleanup_free_ struct listener *list = NULL;
        size_t n = 0;
        FILE *out;
        int port = 0;
        bool found = false;

        need_namespace();
        out = popen("exec python3 -c 'import socket,time; s=socket.socket(); "
                    "s.bind((\"127.0.0.1\",0)); s.listen(); print(s.getsockname()[1],flush=True); "
                    "time.sleep(3)'",
                "r");
        assert_non_null(out);
        assert_int_equal(fscanf(out, "%d", &port), 1);
        assert_int_equal(host->ops->listeners(host, &list, &n, NULL), 0);
        for (size_t i = 0; i < n; i++)
                if (list[i].port == port && list[i].tcp) {
                        assert_string_equal(list[i].address, "127.0.0.1");
                        assert_true(str_starts(list[i].process, "python3"));
                        assert_true(list[i].pid > 1);
                        found = true;
                }
        assert_true(found);
        pclose(out);
}

/* ---- children ---- */

static int shell(const char *script, struct run_request *request, struct run_result *result)
{
        const char *argv[] = {"/bin/sh", "-c", script, NULL};

        request->argv = argv;
        return host->ops->run(host, request, result, NULL);
}

static void keeps_both_streams_and_the_status(void **state)
{
        _cleanup_run_result_ struct run_result r = {0};
        struct run_request q = {.argv = NULL};

        assert_int_equal(shell("echo out; echo err >&2; exit 3", &q, &r), 0);
        assert_int_equal(r.status, 3);
        assert_string_equal(r.out, "out\n");
        assert_string_equal(r.err, "err\n");
        assert_false(r.timed_out);
}

static void a_child_gets_exactly_the_environment_given(void **state)
{
        _cleanup_run_result_ struct run_result r = {0};
        const char *environment[] = {"ONLY=this", NULL};
        const char *argv[] = {"/usr/bin/env", NULL};
        struct run_request q = {.argv = argv, .environment = environment};

        setenv("K3S_TOKEN", "leak", 1);
        assert_int_equal(host->ops->run(host, &q, &r, NULL), 0);
        assert_string_equal(r.out, "ONLY=this\n");
}

static void a_child_gets_no_descriptors_but_three(void **state)
{
        _cleanup_run_result_ struct run_result r = {0};
        _cleanup_close_ _unused_ int leak = open("/dev/null", O_RDONLY);
        struct run_request q = {.argv = NULL};

        /* valgrind keeps one of its own. */
        if (getenv("UNDER_VALGRIND"))
                skip();
        /* With nothing but what is built into the shell: a pipeline has descriptors of its own. */
        assert_int_equal(shell("i=0; while [ $i -lt 100 ]; do "
                               "[ ! -e /proc/$$/fd/$i ] || echo $i; i=$((i + 1)); done",
                                 &q, &r),
                0);
        assert_string_equal(r.out, "0\n1\n2\n");
}

/* A zombie does not: who reaps it is not ours to say. */
static bool runs(long pid)
{
        _cleanup_free_ char *path = xasprintf("/proc/%ld/stat", pid);
        FILE *f = fopen(path, "re");
        char state = 'Z';

        if (!f)
                return false;
        if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
                state = 'Z';
        fclose(f);
        return state != 'Z';
}

static void a_time_limit_ends_the_whole_group(void **state)
{
        _cleanup_run_result_ struct run_result r = {0};
        struct run_request q = {.timeout_ms = 200};

        assert_int_equal(shell("sleep 300 & echo $!; wait", &q, &r), 0);
        assert_true(r.timed_out);
        assert_int_equal(r.status, 128 + SIGTERM);
        for (int i = 0; i < 100 && runs(strtol(r.out, NULL, 10)); i++)
                usleep(10000);
        assert_false(runs(strtol(r.out, NULL, 10)));
}

static void a_grandchild_that_holds_the_pipes_does_not_hang_us(void **state)
{
        _cleanup_run_result_ struct run_result r = {0};
        struct run_request q = {.timeout_ms = 20000};
        time_t begin = time(NULL);

        assert_int_equal(shell("setsid sleep 5 & echo done", &q, &r), 0);
        assert_string_equal(r.out, "done\n");
        assert_true(time(NULL) - begin < 4);
}

static void the_last_words_are_kept(void **state)
{
        _cleanup_run_result_ struct run_result r = {0};
        struct run_request q = {.output_limit = 10};

        assert_int_equal(shell("for i in $(seq 1 5000); do echo line $i; done", &q, &r), 0);
        assert_string_equal(r.out, "line 5000\n");
}

static void being_cancelled_ends_the_child(void **state)
{
        _cleanup_run_result_ struct run_result r = {0};
        struct run_request q = {.timeout_ms = 20000};

        cancel = 1;
        assert_int_equal(shell("sleep 10", &q, &r), -ECANCELED);
        q.finish_on_cancel = true;
        run_result_done(&r);
        assert_int_equal(shell("sleep 0.1; echo whole", &q, &r), 0);
        assert_string_equal(r.out, "whole\n");
        cancel = 0;
}

static void a_program_that_is_not_there_is_an_error(void **state)
{
        _cleanup_run_result_ struct run_result r = {0};
        _cleanup_error_ struct error *e = NULL;
        const char *argv[] = {"/no/such/program", NULL};
        struct run_request q = {.argv = argv};

        assert_int_equal(host->ops->run(host, &q, &r, &e), -ENOENT);
        assert_non_null(strstr(error_message(e), "/no/such/program"));
}

/* ---- HTTPS ---- */

static char directory[64];
static char *ca_file;
static int ports[3]; /* good, expired, wrong name */
static pid_t server;
static int server_stdin = -1;

static int start_server(void **state)
{
        int in[2], out[2];
        char text[128] = "";

        snprintf(directory, sizeof(directory), "/tmp/k3wizard-https-XXXXXX");
        if (!mkdtemp(directory) || pipe(in) < 0 || pipe(out) < 0)
                return -1;
        server = fork();
        if (server == 0) {
                dup2(in[0], 0);
                dup2(out[1], 1);
                dup2(open("/dev/null", O_WRONLY), 2);
                close(in[1]);
                execlp("python3", "python3", HTTPS_SERVER, directory, NULL);
                _exit(127);
        }
        close(in[0]);
        close(out[1]);
        server_stdin = in[1];
        for (size_t n = 0; n < sizeof(text) - 1 && !strchr(text, '\n');) {
                ssize_t r = read(out[0], text + n, sizeof(text) - 1 - n);

                if (r <= 0)
                        return -1;
                n += (size_t) r;
        }
        ca_file = xasprintf("%s/ca.pem", directory);
        return sscanf(text, "%d %d %d", &ports[0], &ports[1], &ports[2]) == 3 ? 0 : -1;
}

static int stop_server(void **state)
{
        struct fsroot slash = {.fd = -1};

        close(server_stdin);
        kill(server, SIGTERM);
        waitpid(server, NULL, 0);
        if (fsroot_open("/", false, &slash, NULL) == 0)
                (void) file_remove_tree(&slash, directory, NULL);
        fsroot_close(&slash);
        free(ca_file);
        return 0;
}

struct got {
        int status;
        int64_t length, offset, bytes;
        int stop;
};

static int on_head(void *data, int status, int64_t length, int64_t offset)
{
        struct got *g = data;

        g->status = status;
        g->length = length;
        g->offset = offset;
        return 0;
}

static int on_bytes(void *data, const void *bytes, size_t len)
{
        struct got *g = data;

        g->bytes += (int64_t) len;
        return g->stop;
}

static int get(int port, const char *path, struct http_request *q, struct http_reply *reply,
        struct error **err)
{
        struct http_session *session = NULL;
        _cleanup_free_ char *url = xasprintf("https://localhost:%d%s", port, path);
        int r;

        q->url = url;
        q->no_proxy = true;
        if (!q->ca_pem && !q->ca_file)
                q->ca_file = ca_file;
        r = host->ops->http(host, &session, q, reply, err);
        host->ops->http_close(host, session);
        return r;
}

#define MEGABYTE 1048576

static void gets_a_body(void **state)
{
        _cleanup_http_reply_ struct http_reply reply = {0};
        struct http_request q = {.limit = 2 * MEGABYTE};

        assert_int_equal(get(ports[0], "/redirect", &q, &reply, NULL), 0);
        assert_int_equal(reply.status, 200);
        assert_int_equal(reply.body_len, MEGABYTE);
        assert_int_equal(reply.length, MEGABYTE);
        assert_true(reply.date > 1700000000);
        assert_true(str_ends(reply.effective_url, "/file"));
}

static void a_redirect_can_be_told_instead_of_followed(void **state)
{
        _cleanup_http_reply_ struct http_reply reply = {0};
        struct http_request q = {.no_redirect = true};

        assert_int_equal(get(ports[0], "/redirect", &q, &reply, NULL), 0);
        assert_int_equal(reply.status, 302);
        assert_true(str_ends(reply.location, "/file"));
}

static void goes_on_where_it_stopped(void **state)
{
        static const char *const paths[] = {"/file", "/norange"};

        for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
                _cleanup_http_reply_ struct http_reply reply = {0};
                struct got g = {0};
                struct http_request q = {.limit = 2 * MEGABYTE,
                        .offset = 1000,
                        .sink = on_bytes,
                        .on_head = on_head,
                        .data = &g};
                int r = get(ports[0], paths[i], &q, &reply, NULL);

                if (i == 0) {
                        assert_int_equal(r, 0);
                        assert_int_equal(g.status, 206);
                        assert_int_equal(g.offset, 1000);
                        assert_int_equal(g.length, MEGABYTE);
                        assert_int_equal(g.bytes, MEGABYTE - 1000);
                } else {
                        /* A server that knows no ranges sends all of it, from the start. */
                        assert_int_equal(r, 0);
                        assert_int_equal(g.status, 200);
                        assert_int_equal(g.offset, 0);
                        assert_int_equal(g.bytes, MEGABYTE);
                }
        }
}

static void tells_why_nothing_came(void **state)
{
        static const struct {
                int server;
                const char *path;
                enum http_failure failure;
        } bad[] = {
                {1, "/file", HTTP_TLS_EXPIRED},
                {2, "/file", HTTP_TLS_NAME},
                {0, "/http", HTTP_INSECURE},
                {0, "/cut", HTTP_TRUNCATED},
        };

        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                _cleanup_http_reply_ struct http_reply reply = {0};
                _cleanup_error_ struct error *e = NULL;
                struct http_request q = {.limit = 2 * MEGABYTE};

                assert_true(get(ports[bad[i].server], bad[i].path, &q, &reply, &e) < 0);
                if (reply.failure != bad[i].failure)
                        fail_msg(
                                "%s: failure %d: %s", bad[i].path, reply.failure, error_message(e));
        }
}

static void an_unknown_ca_is_refused(void **state)
{
        _cleanup_http_reply_ struct http_reply reply = {0};
        struct http_request q = {.ca_file = "/etc/ssl/certs/ca-certificates.crt"};

        assert_true(get(ports[0], "/file", &q, &reply, NULL) < 0);
        assert_int_equal(reply.failure, HTTP_TLS);
}

static void limits_hold(void **state)
{
        _cleanup_http_reply_ struct http_reply large = {0}, slow = {0}, stopped = {0};
        struct http_request q = {.limit = 1000};
        struct http_request w = {.timeout_ms = 300};
        struct got g = {.stop = -ENOSPC};
        struct http_request s = {.limit = 2 * MEGABYTE, .sink = on_bytes, .data = &g};

        assert_true(get(ports[0], "/file", &q, &large, NULL) < 0);
        assert_int_equal(large.failure, HTTP_TOO_LARGE);
        assert_int_equal(get(ports[0], "/slow", &w, &slow, NULL), -ETIMEDOUT);
        assert_int_equal(slow.failure, HTTP_TIMEOUT);
        assert_int_equal(get(ports[0], "/file", &s, &stopped, NULL), -ENOSPC);
        assert_int_equal(stopped.failure, HTTP_SINK);
}

static void on_alarm(int number)
{
        cancel = 1;
}

static void being_cancelled_ends_a_transfer(void **state)
{
        _cleanup_http_reply_ struct http_reply reply = {0};
        struct http_request q = {.timeout_ms = 20000};

        signal(SIGALRM, on_alarm);
        alarm(1);
        assert_int_equal(get(ports[0], "/slow", &q, &reply, NULL), -ECANCELED);
        assert_int_equal(reply.failure, HTTP_CANCELLED);
        cancel = 0;
}

static void credentials_do_not_outlive_their_request(void **state)
{
        _cleanup_secret_ struct secret basic = {0};
        _cleanup_http_reply_ struct http_reply first = {0}, second = {0};
        struct http_session *session = NULL;
        _cleanup_free_ char *url = xasprintf("https://localhost:%d/who", ports[0]);
        struct http_request q = {.url = url, .ca_file = ca_file, .no_proxy = true, .basic = &basic};

        secret_set(&basic, "node:canary", 11);
        assert_int_equal(host->ops->http(host, &session, &q, &first, NULL), 0);
        assert_true(str_starts(first.body, "Basic "));
        q.basic = NULL;
        assert_int_equal(host->ops->http(host, &session, &q, &second, NULL), 0);
        assert_string_equal(second.body, "nobody");
        host->ops->http_close(host, session);
}

static void exactly_these_roots_or_none(void **state)
{
        _cleanup_http_reply_ struct http_reply good = {0}, bad = {0};
        _cleanup_free_ char *pem = NULL;
        struct fsroot slash = {.fd = -1};
        struct http_request q = {.limit = 2 * MEGABYTE};

        assert_int_equal(fsroot_open("/", false, &slash, NULL), 0);
        assert_int_equal(file_read(&slash, ca_file, 65536, &pem, NULL, NULL), 0);
        fsroot_close(&slash);
        q.ca_pem = pem;
        assert_int_equal(get(ports[0], "/file", &q, &good, NULL), 0);
        q.ca_pem = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n";
        assert_true(get(ports[0], "/file", &q, &bad, NULL) < 0);
        assert_int_equal(bad.failure, HTTP_TLS);
}

/* ---- the rest ---- */

static void small_facts(void **state)
{
        struct host_uname name = {0};
        int64_t bytes = 0, before;

        assert_int_equal(host->ops->uname(host, &name, NULL), 0);
        assert_true(*name.machine);
        assert_int_equal(host->ops->disk_free(host, "/tmp/not/there/yet", &bytes, NULL), 0);
        assert_true(bytes > 0);
        before = host->ops->monotonic(host);
        assert_int_equal(host->ops->sleep(host, 30), 0);
        assert_true(host->ops->monotonic(host) - before >= 29);
        cancel = 1;
        assert_int_equal(host->ops->sleep(host, 30000), -ECANCELED);
        cancel = 0;
}

int main(void)
{
        const struct CMUnitTest http[] = {
                cmocka_unit_test(gets_a_body),
                cmocka_unit_test(a_redirect_can_be_told_instead_of_followed),
                cmocka_unit_test(goes_on_where_it_stopped),
                cmocka_unit_test(tells_why_nothing_came),
                cmocka_unit_test(an_unknown_ca_is_refused),
                cmocka_unit_test(limits_hold),
                cmocka_unit_test(being_cancelled_ends_a_transfer),
                cmocka_unit_test(credentials_do_not_outlive_their_request),
                cmocka_unit_test(exactly_these_roots_or_none),
        };
        const struct CMUnitTest local[] = {
                cmocka_unit_test(small_facts),
                cmocka_unit_test(keeps_both_streams_and_the_status),
                cmocka_unit_test(a_child_gets_exactly_the_environment_given),
                cmocka_unit_test(a_child_gets_no_descriptors_but_three),
                cmocka_unit_test(a_time_limit_ends_the_whole_group),
                cmocka_unit_test(a_grandchild_that_holds_the_pipes_does_not_hang_us),
                cmocka_unit_test(the_last_words_are_kept),
                cmocka_unit_test(being_cancelled_ends_the_child),
                cmocka_unit_test(a_program_that_is_not_there_is_an_error),
        };
        const struct CMUnitTest network[] = {
                cmocka_unit_test(sees_links_addresses_and_routes),
                cmocka_unit_test(many_links_are_one_consistent_picture),
                cmocka_unit_test(knows_who_listens),
        };
        int failed;

        if (machine_new(&cancel, &host, NULL) < 0)
                return 1;
        /* The namespace comes last: the server listens in the one before. */
        failed = cmocka_run_group_tests(http, start_server, stop_server);
        failed += cmocka_run_group_tests(local, NULL, NULL);
        failed += cmocka_run_group_tests(network, NULL, NULL);
        host_free(host);
        return failed;
}
