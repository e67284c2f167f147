/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "escape.h"
#include "str.h"

int utf8_decode(const char *s, const char *end, uint32_t *ret)
{
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        unsigned char first;
        uint32_t c;
        int len;

        if (s >= end)
                return -EILSEQ;
        first = (unsigned char) *s;
        if (first < 0x80) {
                *ret = first;
                return 1;
        }
        if (first >= 0xc2 && first <= 0xdf)
                len = 2;
        else if (first >= 0xe0 && first <= 0xef)
                len = 3;
        else if (first >= 0xf0 && first <= 0xf4)
                len = 4;
        else
                return -EILSEQ;
        if (end - s < len)
                return -EILSEQ;
        c = first & (0x7fu >> len);
        for (int i = 1; i < len; i++) {
                unsigned char next = (unsigned char) s[i];

                if ((next & 0xc0) != 0x80)
                        return -EILSEQ;
                c = c << 6 | (next & 0x3f);
        }
        if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return -EILSEQ;
        *ret = c;
        return len;
}

/* What has no shape of its own, in ascending order: Unicode general categories Cc, Cf, Cs, Zl, Zp,
 * and the fillers and variation selectors of Default_Ignorable_Code_Point, which make two names
 * look the same. Private use passes: fonts give it a shape. */
static const struct {
        uint32_t first, last;
} not_plain[] = {
        {0x0000, 0x001f},
        {0x007f, 0x009f},
        {0x00ad, 0x00ad},
        {0x034f, 0x034f},
        {0x0600, 0x0605},
        {0x061c, 0x061c},
        {0x06dd, 0x06dd},
        {0x070f, 0x070f},
        {0x0890, 0x0891},
        {0x08e2, 0x08e2},
        {0x115f, 0x1160},
        {0x17b4, 0x17b5},
        {0x180b, 0x180f},
        {0x200b, 0x200f},
        {0x2028, 0x202e},
        {0x2060, 0x206f},
        {0x3164, 0x3164},
        {0xd800, 0xdfff},
        {0xfdd0, 0xfdef},
        {0xfe00, 0xfe0f},
        {0xfeff, 0xfeff},
        {0xffa0, 0xffa0},
        {0xfff0, 0xfffb},
        {0x110bd, 0x110bd},
        {0x110cd, 0x110cd},
        {0x13430, 0x1343f},
        {0x1bca0, 0x1bca3},
        {0x1d173, 0x1d17a},
        {0xe0000, 0xe0fff},
};

bool utf8_is_plain(uint32_t c)
{
        size_t low = 0, high = ARRAY_LEN(not_plain);

        if (c > 0x10ffff || (c & 0xfffe) == 0xfffe)
                return false;
        while (low < high) {
                size_t middle = (low + high) / 2;

                if (c > not_plain[middle].last)
                        low = middle + 1;
                else if (c < not_plain[middle].first)
                        high = middle;
                else
                        return false;
        }
        return true;
}

char *escape_bytes(const void *bytes, size_t len, unsigned flags)
{
        const char *s = bytes, *end = len ? s + len : s;
        struct strbuf b = {0};

        while (s < end) {
                uint32_t c = 0;
                int n = utf8_decode(s, end, &c);

                if (n < 0) {
                        strbuf_addf(&b, "\\x%02x", (unsigned char) *s);
                        s++;
                        continue;
                }
                if (utf8_is_plain(c) || ((flags & ESCAPE_LINES) && (c == '\n' || c == '\t')))
                        strbuf_add(&b, s, (size_t) n);
                else if (c == '\n')
                        strbuf_puts(&b, "\\n");
                else if (c == '\t')
                        strbuf_puts(&b, "\\t");
                else if (c < 0x80)
                        strbuf_addf(&b, "\\x%02x", (unsigned) c);
                else
                        strbuf_addf(&b, "\\u{%04X}", (unsigned) c);
                s += n;
        }
        return strbuf_take(&b);
}

char *escape_text(const char *s)
{
        return escape_bytes(s, s ? strlen(s) : 0, 0);
}
