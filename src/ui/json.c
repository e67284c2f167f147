/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "json.h"
#include "../base/str.h"
#include <time.h>

void json_line(FILE *stream, const json_t *json)
{
        char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(6));

        if (text)
                fprintf(stream, "%s\n", text);
        free(text);
        fflush(stream);
}

/* Steals fields. */
static void emit(FILE *stream, const char *event, json_t *fields)
{
        char text[32] = "";
        time_t now = time(NULL);
        struct tm tm;
        json_t *line;

        gmtime_r(&now, &tm);
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
        line = json_pack("{s:i, s:s, s:s}", "v", 1, "time", text, "event", event);
        json_object_update(line, fields);
        json_decref(fields);
        json_line(stream, line);
        json_decref(line);
}

static json_t *string_or_null(const char *text)
{
        json_t *json = text ? json_string(text) : NULL;

        return json ?: json_null();
}

static void send_findings(FILE *stream, const struct findings *f)
{
        for (size_t i = 0; i < f->n; i++) {
                const struct finding *one = &f->list[i];

                emit(stream, "finding",
                        json_pack("{s:s, s:s, s:o, s:o}", "check", one->check, "severity",
                                severity_name(one->severity), "message", string_or_null(one->plain),
                                "fix", string_or_null(one->plain_fix)));
        }
}

static void send_plan(FILE *stream, const struct event *e)
{
        json_t *steps = json_array();

        for (size_t i = 0; i < e->plan->n; i++) {
                const struct plan_step *s = &e->plan->steps[i];
                _cleanup_strv_ char **lines = strv_split(e->changes[i], "\n");
                json_t *changes = json_array();

                for (size_t k = 0; lines && lines[k]; k++)
                        json_array_append_new(changes, string_or_null(lines[k]));
                json_array_append_new(steps,
                        json_pack("{s:s, s:s, s:s, s:o}", "id", s->id, "title", s->title, "class",
                                step_class_name(e->classes[i]), "changes", changes));
        }
        emit(stream, "plan", json_pack("{s:o}", "steps", steps));
}

static void send_progress(FILE *stream, const struct event *e)
{
        bool bytes = e->total_bytes != 0 || e->done > 0;

        emit(stream, "progress",
                json_pack("{s:s, s:I, s:o, s:s, s:o}", "id", e->step_id ?: "", "done",
                        (json_int_t) (bytes ? e->done : e->elapsed_ms), "total",
                        bytes ? (e->total_bytes < 0 ? json_null() :
                                                      json_integer((json_int_t) e->total_bytes)) :
                                json_integer((json_int_t) e->limit_ms),
                        "unit", bytes ? "bytes" : "ms", "text", string_or_null(e->text)));
}

void json_error_event(FILE *stream, const struct error *error)
{
        emit(stream, "error",
                json_pack("{s:i, s:o, s:o}", "code", error ? (int) error->kind : 1, "message",
                        string_or_null(error_plain(error)), "hint",
                        string_or_null(error ? error->plain_hint : NULL)));
}

static void json_event(struct ui *ui, const struct event *e)
{
        FILE *stream = ui->data;

        switch (e->type) {
        case EVENT_FINDINGS:
                send_findings(stream, e->findings);
                break;
        case EVENT_PLAN:
                send_plan(stream, e);
                break;
        case EVENT_STEP:
                emit(stream, "step",
                        json_pack("{s:s, s:s, s:s, s:f, s:i, s:i, s:o}", "id", e->step_id, "title",
                                e->title, "state", step_state_name(e->state), "seconds", e->seconds,
                                "index", (int) e->index, "total", (int) e->total, "error",
                                string_or_null(e->error ? error_plain(e->error) : NULL)));
                break;
        case EVENT_PROGRESS:
                send_progress(stream, e);
                break;
        case EVENT_MESSAGE:
                emit(stream, "message", json_pack("{s:o}", "text", string_or_null(e->text)));
                break;
        case EVENT_ERROR:
                json_error_event(stream, e->error);
                break;
        case EVENT_SUMMARY:
                emit(stream, "summary", json_copy((json_t *) e->summary));
                break;
        }
}

void json_ui(struct ui *ui, FILE *stream)
{
        *ui = (struct ui){.event = json_event, .data = stream};
}
