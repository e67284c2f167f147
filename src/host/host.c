/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host.h"

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
