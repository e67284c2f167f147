/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "look.h"
#include "../base/escape.h"
#include "../ui/table.h"

/* ---- interfaces ---- */

static bool selectable(const struct net_link *link)
{
        return net_link_is_candidate(link) && net_first_global(link);
}

static char *addresses(const struct net_link *link)
{
        struct strbuf b = {0};

        for (size_t i = 0; i < link->n_addresses; i++) {
                const struct net_address *a = &link->addresses[i];

                /* Link-local addresses say nothing to a person who chooses. */
                if (a->family == FAMILY_IPV6 && str_eq(a->scope, "link"))
                        continue;
                strbuf_addf(&b, "%s%s/%d", b.len ? " " : "", a->text, a->prefix);
        }
        return strbuf_take(&b);
}

static void add_row(struct table *t, const struct net_picture *p, const struct net_link *link)
{
        _cleanup_free_ char *name = escape_text(link->name), *list = addresses(link);
        int64_t metric = net_default_metric(p, link);

        table_cell(t, name);
        table_cell(t, link->state);
        table_cell(t, link->type);
        table_cell(t, *list ? list : "-");
        if (link->speed_mbps > 0)
                table_cellf(t, "%lld", (long long) link->speed_mbps);
        else
                table_cell(t, "-");
        if (metric >= 0)
                table_cellf(t, _("yes (metric %lld)"), (long long) metric);
        else
                table_cell(t, _("no"));
}

char *look_interfaces_text(const struct net_picture *p, const struct theme *theme, bool numbered)
{
        _cleanup_table_ struct table t = {0};
        int number = 0;

        table_begin(&t, 7);
        table_cell(&t, "#");
        table_cell(&t, _("name"));
        table_cell(&t, _("state"));
        table_cell(&t, _("kind"));
        table_cell(&t, _("address"));
        table_cell(&t, _("Mb/s"));
        table_cell(&t, _("default route"));
        t.right[0] = t.right[5] = true;
        for (size_t i = 0; i < p->n_links; i++) {
                if (numbered && !selectable(&p->links[i]))
                        continue;
                table_cellf(&t, "%d", numbered ? ++number : p->links[i].index);
                add_row(&t, p, &p->links[i]);
        }
        return table_text(&t, theme, 2);
}

/* Written out here, field by field: a machine with a thousand links is no rarity among servers of
 * containers, and a tree of objects would cost more than asking the kernel. */
static void add_quoted(struct strbuf *b, const char *text)
{
        strbuf_putc(b, '"');
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        strbuf_putc(b, '\\');
                strbuf_putc(b, *text);
        }
        strbuf_putc(b, '"');
}

static void add_field(struct strbuf *b, const char *name, const char *text)
{
        strbuf_puts(b, ",\"");
        strbuf_puts(b, name);
        strbuf_puts(b, "\":");
        add_quoted(b, text);
}

/* known: else null */
static void add_number(struct strbuf *b, const char *name, int64_t value, bool known)
{
        strbuf_puts(b, ",\"");
        strbuf_puts(b, name);
        strbuf_puts(b, "\":");
        if (known)
                strbuf_addf(b, "%lld", (long long) value);
        else
                strbuf_puts(b, "null");
}

static void add_address(struct strbuf *b, const struct net_address *a)
{
        strbuf_puts(b, a->family == FAMILY_IPV4 ? "{\"family\":\"ipv4\"" : "{\"family\":\"ipv6\"");
        add_field(b, "address", a->text);
        add_number(b, "prefix", a->prefix, true);
        add_field(b, "scope", a->scope);
        strbuf_puts(b, a->dynamic ? ",\"dynamic\":true" : ",\"dynamic\":false");
        add_number(b, "valid_seconds", a->valid_seconds, a->valid_seconds >= 0);
        strbuf_putc(b, '}');
}

static void add_link(struct strbuf *b, const struct net_picture *p, const struct net_link *link)
{
        _cleanup_free_ char *name = escape_text(link->name), *type = escape_text(link->type);
        int64_t metric = net_default_metric(p, link);

        strbuf_addf(b, "{\"index\":%d", link->index);
        add_field(b, "name", name);
        add_field(b, "type", type);
        add_field(b, "state", link->state);
        add_field(b, "mac", link->mac);
        add_number(b, "mtu", link->mtu, true);
        add_number(b, "speed_mbps", link->speed_mbps, link->speed_mbps >= 0);
        strbuf_puts(b, ",\"addresses\":[");
        for (size_t i = 0; i < link->n_addresses; i++) {
                if (i)
                        strbuf_putc(b, ',');
                add_address(b, &link->addresses[i]);
        }
        strbuf_puts(b, metric >= 0 ? "],\"default_route\":true" : "],\"default_route\":false");
        add_number(b, "metric", metric, metric >= 0);
        strbuf_putc(b, '}');
}

char *look_interfaces_json(const struct net_picture *p)
{
        struct strbuf b = {0};

        strbuf_putc(&b, '[');
        for (size_t i = 0; i < p->n_links; i++) {
                if (i)
                        strbuf_putc(&b, ',');
                add_link(&b, p, &p->links[i]);
        }
        strbuf_puts(&b, "]\n");
        return strbuf_take(&b);
}

void look_choices(struct session *s)
{
        _cleanup_net_picture_ struct net_picture p = {0};
        _cleanup_free_ char *text = NULL;

        if (s->host->ops->network(s->host, &p, NULL) < 0)
                return;
        text = look_interfaces_text(&p, &s->theme, true);
        fprintf(stdout, "\n%s\n", text);
}

char *look_interface(struct session *s, const char *text, struct error **err)
{
        _cleanup_net_picture_ struct net_picture p = {0};
        _cleanup_free_ char *shown = escape_text(text);
        const struct net_link *link;
        int64_t number = 0;
        int n = 0;

        if (s->host->ops->network(s->host, &p, err) < 0)
                return NULL;
        link = net_link_by_name(&p, text);
        if (!link)
                link = net_link_by_address(&p, text);
        if (!link && str_to_int(text, 1, 10000, &number) == 0)
                for (size_t i = 0; i < p.n_links; i++)
                        if (selectable(&p.links[i]) && ++n == number)
                                link = &p.links[i];
        if (link)
                return xstrdup(link->name);
        error_kind(
                err, ERROR_INVALID, ENODEV, "There is no interface \"%s\" on this machine", shown);
        error_hint(err, "Type a number, a name or an address of the table.");
        return NULL;
}
