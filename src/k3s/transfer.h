/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* transfer: which failed requests are worth another try, when, and the words for those that are
 * not. Shared by release.c (small texts) and fetch.c (large files). */

#include "k3s.h"

#define TRANSFER_STALL_MS 30000

struct transfer {
        struct host *host;
        const char *url;           /* for messages */
        int64_t started, deadline; /* milliseconds, monotonic */
        int tries;                 /* failed ones since the last progress */
};

void transfer_begin(struct transfer *t, struct host *h, const char *url, int64_t timeout_ms);
int64_t transfer_left(const struct transfer *t); /* milliseconds, never negative */

/* After a failed attempt: 1 = it was waited, try again; otherwise a negative errno and *err says
 * what happened. r: what ops->http returned; cause: its error, moved or freed here. */
int transfer_retry(struct transfer *t, int r, const struct http_reply *reply, struct error *cause,
        struct error **err);

/* Whether a body is a web page where none was expected, and the words for it. */
bool transfer_is_html(const char *content_type, const void *body, size_t len);
int transfer_html_error(const char *url, struct error **err);

/* GET of a small text into ret->body; a status other than 200 is an error. any_status: where the
 * redirects lead is all that counts, so the body is thrown away and a status below 500 is fine. */
int transfer_text(struct host *h, const struct answers *a, const char *url, int64_t limit,
        bool any_status, struct http_reply *ret, struct error **err);
