/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "log.h"
#include "str.h"

static log_sink sink_function;
static void *sink_data;

void log_set_sink(log_sink sink, void *data)
{
        sink_function = sink;
        sink_data = data;
}

bool log_wanted(void)
{
        return sink_function != NULL;
}

void log_line(const char *format, ...)
{
        _cleanup_free_ char *line = NULL;
        int saved = errno;
        va_list ap;

        if (!sink_function)
                return;
        va_start(ap, format);
        line = xvasprintf(format, ap);
        va_end(ap);
        sink_function(sink_data, line);
        errno = saved;
}
