/* SPDX-License-Identifier: GPL-3.0-or-later */

/* listeners: which ports are taken, and by whom. From /proc/net/{tcp,udp}{,6} (proc(5)); the owner
 * of a socket is found by its inode among the descriptors of all processes. */

#include "internal.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#define TCP_LISTEN_STATE 0x0a
#define UDP_OPEN_STATE   0x07
#define LINE_SIZE        512

struct found {
        struct listener *list;
        unsigned long *inodes;
        size_t n, room;
};

/* Addresses are printed as host-order words of the network-order bytes. */
static void address_text(const char *hex, bool six, char *ret, size_t size)
{
        uint32_t words[4] = {0};
        size_t n = six ? 4 : 1;

        for (size_t i = 0; i < n; i++) {
                char word[9] = {0};

                memcpy(word, hex + 8 * i, 8);
                words[i] = (uint32_t) strtoul(word, NULL, 16);
        }
        if (!inet_ntop(six ? AF_INET6 : AF_INET, words, ret, (socklen_t) size))
                *ret = '\0';
}

static void read_line(struct found *f, const char *line, bool tcp, bool six)
{
        char local[33] = "";
        unsigned port = 0, state = 0;
        unsigned long inode = 0;

        if (sscanf(line,
                    " %*u: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u "
                    "%lu",
                    local, &port, &state, &inode) != 4)
                return;
        if (state != (tcp ? TCP_LISTEN_STATE : UDP_OPEN_STATE) || strlen(local) != (six ? 32 : 8))
                return;
        if (f->n == f->room) {
                f->room = f->room ? f->room * 2 : 32;
                f->list = xrealloc(f->list, f->room, sizeof(*f->list));
                f->inodes = xrealloc(f->inodes, f->room, sizeof(*f->inodes));
        }
        f->list[f->n] = (struct listener){.port = (int) port, .tcp = tcp};
        address_text(local, six, f->list[f->n].address, sizeof(f->list[f->n].address));
        f->inodes[f->n++] = inode;
}

static void read_table(struct found *f, const char *path, bool tcp, bool six)
{
        FILE *file = fopen(path, "re");
        char line[LINE_SIZE];

        if (!file)
                return;
        while (fgets(line, sizeof(line), file))
                read_line(f, line, tcp, six);
        fclose(file);
}

/* ---- owners ---- */

static void name_owner(struct listener *l, int process_fd, int pid)
{
        int fd = openat(process_fd, "comm", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, l->process, sizeof(l->process) - 1) : -1;

        if (fd >= 0)
                (void) close(fd);
        l->pid = pid;
        l->process[n > 0 ? n : 0] = '\0';
        l->process[strcspn(l->process, "\n")] = '\0';
}

static void look_into(struct found *f, int process_fd, int pid)
{
        int fd = openat(process_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        struct dirent *entry;

        if (!dir) {
                if (fd >= 0)
                        (void) close(fd);
                return;
        }
        while ((entry = readdir(dir))) {
                char target[64];
                ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
                unsigned long inode;

                if (n <= 0)
                        continue;
                target[n] = '\0';
                if (sscanf(target, "socket:[%lu]", &inode) != 1)
                        continue;
                for (size_t i = 0; i < f->n; i++)
                        if (f->inodes[i] == inode && !f->list[i].pid)
                                name_owner(&f->list[i], process_fd, pid);
        }
        closedir(dir);
}

static void find_owners(struct found *f)
{
        DIR *dir = opendir("/proc");
        struct dirent *entry;

        while (dir && (entry = readdir(dir))) {
                int fd;

                if (!isdigit((unsigned char) entry->d_name[0]))
                        continue;
                fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (fd < 0)
                        continue;
                look_into(f, fd, (int) strtol(entry->d_name, NULL, 10));
                (void) close(fd);
        }
        if (dir)
                closedir(dir);
}

int machine_listeners(struct host *h, struct listener **ret, size_t *ret_n, struct error **err)
{
        struct found f = {0};

        if (access("/proc/net/tcp", R_OK) < 0)
                return error_errno(err, errno, "Could not read /proc/net/tcp");
        read_table(&f, "/proc/net/tcp", true, false);
        read_table(&f, "/proc/net/tcp6", true, true);
        read_table(&f, "/proc/net/udp", false, false);
        read_table(&f, "/proc/net/udp6", false, true);
        if (f.n > 0)
                find_owners(&f);
        free(f.inodes);
        *ret = f.list;
        *ret_n = f.n;
        return 0;
}
