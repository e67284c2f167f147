/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host.h"
#include "../base/str.h"

void host_free(struct host *h)
{
        if (h)
                h->ops->free(h);
}

void net_picture_done(struct net_picture *p)
{
        for (size_t i = 0; i < p->n_links; i++)
                free(p->links[i].addresses);
        for (size_t i = 0; i < p->n_defaults; i++)
                free(p->defaults[i].hops);
        free(p->links);
        free(p->defaults);
        free(p->routes);
        *p = (struct net_picture){0};
}

void run_result_done(struct run_result *r)
{
        free(r->out);
        free(r->err);
        *r = (struct run_result){0};
}

void http_reply_done(struct http_reply *r)
{
        free(r->effective_url);
        free(r->location);
        free(r->content_type);
        free(r->body);
        *r = (struct http_reply){0};
}

#define LINKS_MAX 4

/* A link's target as a path of its own: os-release(5) is "../usr/lib/os-release" nearly everywhere.
 */
static char *link_path(const char *path, const char *target)
{
        const char *slash = strrchr(path, '/');

        if (target[0] == '/')
                return xstrdup(target);
        return xasprintf("%.*s/%s", (int) (slash - path), path, target);
}

char *host_fact(struct host *h, const char *path, size_t limit, size_t *ret_len)
{
        _cleanup_free_ char *now = xstrdup(path);

        for (int i = 0; i < LINKS_MAX; i++) {
                _cleanup_file_state_ struct file_state state = {0};
                char *text = NULL, *next;

                if (file_state(&h->root, now, false, &state, NULL) < 0)
                        return NULL;
                if (state.kind != FILE_SYMLINK)
                        return file_read(&h->root, now, limit, &text, ret_len, NULL) < 0 ? NULL :
                                                                                           text;
                next = link_path(now, state.target);
                free(now);
                now = next;
        }
        return NULL;
}
