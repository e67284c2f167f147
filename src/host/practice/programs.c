/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The programs that the world can run: the K3s installer and the scripts it writes. What they write
 * is what upstream's install.sh writes (facts: K3s install.sh, functions create_*). */

#include "world.h"

#define BIN "/usr/local/bin"

/* What install.sh of the practice mirror looks like; see web.c. */
static const char marker[] = "#!/bin/sh\n# k3wizard practice installer\n";

struct program {
        struct world *w;
        const struct run_request *request;
        struct strbuf out, err;
};

static const char *environment(const struct program *p, const char *name)
{
        size_t len = strlen(name);

        for (size_t i = 0; p->request->environment && p->request->environment[i]; i++)
                if (str_starts(p->request->environment[i], name) &&
                        p->request->environment[i][len] == '=')
                        return p->request->environment[i] + len + 1;
        return "";
}

static void info(struct program *p, const char *line)
{
        strbuf_addf(&p->out, "[INFO]  %s\n", line);
        if (p->request->on_line)
                p->request->on_line(p->request->data, line, strlen(line));
}

/* ---- install.sh ---- */

static const char killall_script[] = "#!/bin/sh\n# practice: stops K3s and what it left running\n";
static const char uninstall_script[] = "#!/bin/sh\n# practice: removes K3s\n";

static char *unit_text(const struct program *p, char *const *arguments)
{
        _cleanup_strbuf_ struct strbuf b = {0};

        strbuf_puts(&b, "[Unit]\n"
                        "Description=Lightweight Kubernetes\n"
                        "Documentation=https://k3s.io\n"
                        "Wants=network-online.target\n"
                        "After=network-online.target\n\n"
                        "[Install]\n"
                        "WantedBy=multi-user.target\n\n"
                        "[Service]\n"
                        "Type=notify\n"
                        "EnvironmentFile=-/etc/default/%N\n"
                        "EnvironmentFile=-/etc/sysconfig/%N\n"
                        "EnvironmentFile=-/etc/systemd/system/k3s.service.env\n"
                        "KillMode=process\n"
                        "Delegate=yes\n"
                        "LimitNOFILE=1048576\n"
                        "TimeoutStartSec=0\n"
                        "Restart=always\n"
                        "RestartSec=5s\n"
                        "ExecStartPre=-/sbin/modprobe br_netfilter\n"
                        "ExecStartPre=-/sbin/modprobe overlay\n"
                        "ExecStart=/usr/local/bin/k3s \\\n"
                        "    server \\\n");
        for (size_t i = 0; arguments && arguments[i]; i++)
                if (!str_eq(arguments[i], "server"))
                        strbuf_addf(&b, "\t'%s' \\\n", arguments[i]);
        return strbuf_take(&b);
}

static int link_command(struct program *p, const char *name, struct error **err)
{
        _cleanup_free_ char *path = xasprintf(BIN "/%s", name),
                            *other = xasprintf("/usr/bin/%s", name), *line = NULL;

        if (world_has(p->w, path) || world_has(p->w, other)) {
                line = xasprintf("Skipping " BIN "/%s symlink to k3s, already exists", name);
                info(p, line);
                return 0;
        }
        line = xasprintf("Creating " BIN "/%s symlink to k3s", name);
        info(p, line);
        return file_symlink(&p->w->host.root, path, "k3s", err);
}

static int write_install(struct program *p, char *const *arguments, struct error **err)
{
        static const char *const links[] = {"kubectl", "crictl", "ctr"};
        _cleanup_free_ char *unit = unit_text(p, arguments);
        int r = 0;

        info(p, "Skipping k3s download and verify");
        for (size_t i = 0; r == 0 && i < ARRAY_LEN(links); i++)
                r = link_command(p, links[i], err);
        info(p, "Creating killall script " BIN "/k3s-killall.sh");
        if (r == 0)
                r = world_put(p->w, BIN "/k3s-killall.sh", killall_script, 0755, err);
        info(p, "Creating uninstall script " BIN "/k3s-uninstall.sh");
        if (r == 0)
                r = world_put(p->w, BIN "/k3s-uninstall.sh", uninstall_script, 0755, err);
        info(p, "env: Creating environment file /etc/systemd/system/k3s.service.env");
        if (r == 0)
                r = world_put(p->w, "/etc/systemd/system/k3s.service.env", "", 0600, err);
        info(p, "systemd: Creating service file /etc/systemd/system/k3s.service");
        if (r == 0)
                r = world_put(p->w, "/etc/systemd/system/k3s.service", unit, 0644, err);
        return r;
}

static int install(struct program *p, struct error **err)
{
        _cleanup_strv_ char **arguments = strv_split(environment(p, "INSTALL_K3S_EXEC"), " ");
        _cleanup_file_state_ struct file_state binary = {0};
        int r;

        for (size_t i = 2; p->request->argv[i]; i++)
                strv_add(&arguments, p->request->argv[i]);
        r = world_pass(p->w, 800);
        if (r == 0)
                r = file_state(&p->w->host.root, BIN "/k3s", false, &binary, err);
        if (r < 0)
                return r;
        if (binary.kind != FILE_REGULAR || !(binary.mode & 0100)) {
                strbuf_puts(&p->err, "[ERROR]  Executable k3s binary not found at " BIN "/k3s\n");
                return 1;
        }
        /* The world starts and enables nothing from here: the wizard does not ask for it. */
        if (!str_eq(environment(p, "INSTALL_K3S_SKIP_START"), "true")) {
                strbuf_puts(&p->err,
                        "[ERROR]  practice: this world wants INSTALL_K3S_SKIP_START=true\n");
                return 1;
        }
        return write_install(p, arguments, err);
}

/* ---- k3s-killall.sh ---- */

static int killall(struct program *p, struct error **err)
{
        int r = practice_unit_do(&p->w->host, UNIT_STOP, "k3s", 0, NULL, NULL, err);

        if (r == 0)
                r = file_remove_tree(&p->w->host.root, "/run/k3s", err);
        if (r == 0)
                r = file_remove_tree(&p->w->host.root, "/var/lib/cni", err);
        return r;
}

/* ---- dispatch ---- */

static int run_script(struct program *p, struct error **err)
{
        _cleanup_free_ char *text = NULL;

        if (!p->request->argv[1] ||
                file_read(&p->w->host.root, p->request->argv[1], 4 << 20, &text, NULL, NULL) < 0) {
                strbuf_puts(&p->err, "/bin/sh: 0: cannot open script\n");
                return 2;
        }
        if (!str_starts(text, marker)) {
                strbuf_puts(&p->err, "practice: only the practice installer can be run here\n");
                return 127;
        }
        return install(p, err);
}

static int dispatch(struct program *p, struct error **err)
{
        const char *program = p->request->argv[0];

        if (str_eq(program, "/bin/sh"))
                return run_script(p, err);
        if (!world_has(p->w, program)) {
                strbuf_addf(&p->err, "%s: not found in this practice world\n", program);
                return 127;
        }
        if (str_eq(program, BIN "/k3s-killall.sh"))
                return killall(p, err);
        strbuf_addf(&p->err, "%s: this practice world does not play it\n", program);
        return 127;
}

int practice_run(struct host *h, const struct run_request *request, struct run_result *ret,
        struct error **err)
{
        struct program p = {.w = world_of(h), .request = request};
        int r = dispatch(&p, err);

        if (r < 0) {
                strbuf_done(&p.out);
                strbuf_done(&p.err);
                return r;
        }
        *ret = (struct run_result){
                .status = r, .out = strbuf_take(&p.out), .err = strbuf_take(&p.err)};
        return 0;
}
