/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "journal.h"
#include "../base/str.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define JOURNAL_NAME    "journal"
#define RESERVE_NAME    "journal.reserve"
#define JOURNAL_HEADER  "k3wizard-journal "
#define JOURNAL_VERSION 1
#define JOURNAL_MAX     (64 * 1024 * 1024)
#define RESERVE         (256 * 1024)

struct journal {
        int directory;
        int fd; /* -1: read only, or given up after a failed write */
        bool read_only;
        off_t end;       /* where the next record goes */
        off_t allocated; /* up to where blocks are ours */
        bool reserve_file;
        json_t **records;
        size_t n;
};

static const char *const state_names[] = {
        [STEP_PENDING] = "pending",
        [STEP_DOING] = "doing",
        [STEP_DONE] = "done",
        [STEP_FAILED] = "failed",
        [STEP_UNDOING] = "undoing",
        [STEP_UNDONE] = "undone",
        [STEP_SKIPPED] = "skipped",
        [STEP_ATTENTION] = "attention",
};

const char *step_state_name(enum step_state s)
{
        return state_names[s];
}

int step_state_parse(const char *name, enum step_state *ret)
{
        for (size_t i = 0; i < ARRAY_LEN(state_names); i++)
                if (str_eq(name, state_names[i])) {
                        *ret = (enum step_state) i;
                        return 0;
                }
        return -EINVAL;
}

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), bit by bit: a record is a few hundred bytes and each
 * is followed by an fsync, which costs a thousand times more. */
static uint32_t crc32c(const char *bytes, size_t len)
{
        uint32_t crc = 0xffffffff;

        for (size_t i = 0; i < len; i++) {
                crc ^= (unsigned char) bytes[i];
                for (int bit = 0; bit < 8; bit++)
                        crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
        }
        return ~crc;
}

static int damaged(struct error **err, size_t line, const char *what)
{
        error_kind(err, ERROR_ATTENTION, EBADMSG,
                "The journal is damaged at record %zu: %s. What stands behind it cannot be "
                "trusted.",
                line, what);
        error_hint(err,
                "Nothing was changed. Restore the file `journal` in the state directory from a "
                "copy, or move the state directory away and undo by hand.");
        return -EBADMSG;
}

static int parse_header(const char *line, struct error **err)
{
        int64_t version;

        if (!str_starts(line, JOURNAL_HEADER) ||
                str_to_int(line + strlen(JOURNAL_HEADER), 1, INT32_MAX, &version) < 0)
                return damaged(err, 0, _("its first line is not a journal's"));
        if (version > JOURNAL_VERSION) {
                error_kind(err, ERROR_ATTENTION, EPROTONOSUPPORT,
                        "The journal was written by a newer k3wizard (format %d; this one knows "
                        "%d).",
                        (int) version, JOURNAL_VERSION);
                error_hint(err, "Use that newer k3wizard. Nothing was changed.");
                return -EPROTONOSUPPORT;
        }
        return 0;
}

/* One complete line, without its newline, that should be record number `number`. */
static int parse_record(char *line, size_t len, size_t number, json_t **ret, struct error **err)
{
        char *rest = NULL;
        unsigned long crc, seq;
        json_t *json;

        if (len < 12 || line[8] != ' ')
                return damaged(err, number, _("it is too short"));
        crc = strtoul(line, &rest, 16);
        if (rest != line + 8 || crc != crc32c(line + 9, len - 9))
                return damaged(err, number, _("its checksum is wrong"));
        seq = strtoul(line + 9, &rest, 10);
        if (*rest != ' ' || seq != number)
                return damaged(err, number, _("its number is out of order"));
        json = json_loads(rest + 1, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(json)) {
                json_decref(json);
                return damaged(err, number, _("it is not a JSON object"));
        }
        *ret = json;
        return 0;
}

static void keep_record(struct journal *j, json_t *record)
{
        j->records = xrealloc(j->records, j->n + 1, sizeof(*j->records));
        j->records[j->n++] = record;
}

/* Replays the bytes; j->end is left at the end of the last whole record. */
static int replay(struct journal *j, char *bytes, size_t len, struct error **err)
{
        char *at = bytes, *stop = bytes + len;
        size_t lines = 0;

        while (at < stop) {
                char *newline = memchr(at, '\n', (size_t) (stop - at));
                json_t *record = NULL;
                int r;

                /* Torn by a crash: cut off, or blocks that were allocated and never written. */
                if (!newline || memchr(at, '\0', (size_t) (newline - at)))
                        break;
                *newline = '\0';
                r = lines == 0 ? parse_header(at, err) :
                                 parse_record(at, (size_t) (newline - at), lines, &record, err);
                if (r < 0)
                        return r;
                if (record)
                        keep_record(j, record);
                lines++;
                at = newline + 1;
        }
        /* After a tear nothing but more of the same may follow. */
        for (char *p = at; p < stop; p++)
                if (*p == '\n' && p + 1 < stop && p[1] != '\0')
                        return damaged(err, lines, _("whole records follow a torn one"));
        j->end = at - bytes;
        return 0;
}

/* Blocks for RESERVE bytes behind the end, so that a full disk can still be recorded. Where the
 * file system has no fallocate, a second file holds them and is given up when a write finds no
 * room. */
static void reserve(struct journal *j)
{
        if (j->end + RESERVE / 2 <= j->allocated)
                return;
        if (fallocate(j->fd, FALLOC_FL_KEEP_SIZE, j->end, RESERVE) == 0) {
                j->allocated = j->end + RESERVE;
                return;
        }
        if (errno == EOPNOTSUPP && !j->reserve_file) {
                _cleanup_close_ int fd = openat(j->directory, RESERVE_NAME,
                        O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
                _cleanup_free_ char *zeros = xcalloc(1, RESERVE);

                if (fd >= 0 && fd_write_all(fd, zeros, RESERVE) == 0 && fsync(fd) == 0)
                        j->reserve_file = true;
        }
}

static int create(struct journal *j, struct error **err)
{
        _cleanup_free_ char *header = xasprintf(JOURNAL_HEADER "%d\n", JOURNAL_VERSION);

        if (ftruncate(j->fd, 0) < 0 ||
                pwrite(j->fd, header, strlen(header), 0) != (ssize_t) strlen(header) ||
                fsync(j->fd) < 0 || fsync(j->directory) < 0)
                return error_errno(err, errno, "Could not begin the journal");
        j->end = (off_t) strlen(header);
        return 0;
}

static int open_for_writing(struct journal *j, struct error **err)
{
        struct stat st;

        if (fstat(j->fd, &st) < 0)
                return error_errno(err, errno, "Could not look at the journal");
        if (j->end == 0)
                return create(j, err);
        if (st.st_size > j->end && (ftruncate(j->fd, j->end) < 0 || fsync(j->fd) < 0))
                return error_errno(err, errno, "Could not drop the torn end of the journal");
        return 0;
}

int journal_open(int state_fd, bool read_only, struct journal **ret, struct error **err)
{
        _cleanup_journal_ struct journal *j = xcalloc(1, sizeof(*j));
        _cleanup_free_ char *bytes = NULL;
        size_t len = 0;
        int r;

        j->read_only = read_only;
        j->fd = j->directory = -1;
        j->directory = fcntl(state_fd, F_DUPFD_CLOEXEC, 3);
        if (j->directory < 0)
                return error_errno(err, errno, "Could not open the state directory");
        j->fd = openat(j->directory, JOURNAL_NAME,
                (read_only ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                0600);
        if (j->fd < 0 && errno == ENOENT)
                return -ENOENT;
        if (j->fd < 0)
                return error_errno(err, errno, "Could not open the journal");
        r = fd_read_all(j->fd, JOURNAL_MAX, &bytes, &len);
        if (r < 0)
                return error_errno(err, -r, "Could not read the journal");
        r = replay(j, bytes, len, err);
        if (r < 0)
                return r;
        if (!read_only) {
                r = open_for_writing(j, err);
                if (r < 0)
                        return r;
                reserve(j);
        }
        *ret = TAKE_PTR(j);
        return 0;
}

void journal_close(struct journal *j)
{
        if (!j)
                return;
        if (j->reserve_file)
                (void) unlinkat(j->directory, RESERVE_NAME, 0);
        /* Gives the blocks behind the end back. */
        if (j->fd >= 0 && !j->read_only && j->allocated > j->end)
                (void) !ftruncate(j->fd, j->end);
        closep(&j->fd);
        closep(&j->directory);
        for (size_t i = 0; i < j->n; i++)
                json_decref(j->records[i]);
        free(j->records);
        free(j);
}

size_t journal_len(const struct journal *j)
{
        return j ? j->n : 0;
}

const json_t *journal_record(const struct journal *j, size_t i)
{
        return j->records[i];
}

static json_t *now_text(void)
{
        char text[32];
        time_t now = time(NULL);
        struct tm tm;

        gmtime_r(&now, &tm);
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
        return json_string(text);
}

static int write_at(int fd, const char *bytes, size_t len, off_t at)
{
        while (len > 0) {
                ssize_t n = pwrite(fd, bytes, len, at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EIO;
                bytes += n;
                at += n;
                len -= (size_t) n;
        }
        return 0;
}

static int give_up(struct journal *j, int errnum, struct error **err)
{
        /* What reached the disk is unknown; the next start reads it again and drops a torn end. */
        closep(&j->fd);
        j->fd = -1;
        error_errno(err, errnum, "Could not write the journal");
        error_hint(err,
                "Nothing more was attempted. Make room or mend the disk, then: k3wizard resume");
        return -errnum;
}

int journal_append(struct journal *j, json_t *record, struct error **err)
{
        _cleanup_free_ char *json = NULL, *body = NULL, *line = NULL;
        size_t len;
        int r;

        if (j->fd < 0 || j->read_only) {
                json_decref(record);
                return error_set(err, EIO, "The journal cannot be written any more");
        }
        json_object_set_new(record, "time", now_text());
        json = json_dumps(record, JSON_COMPACT);
        if (!json) {
                json_decref(record);
                return error_set(err, EILSEQ, "A journal record holds text that is not UTF-8");
        }
        body = xasprintf("%zu %s", j->n + 1, json);
        line = xasprintf("%08x %s\n", crc32c(body, strlen(body)), body);
        len = strlen(line);

        r = write_at(j->fd, line, len, j->end);
        if (r == -ENOSPC && j->reserve_file && unlinkat(j->directory, RESERVE_NAME, 0) == 0) {
                j->reserve_file = false;
                r = write_at(j->fd, line, len, j->end);
        }
        if (r == 0 && fdatasync(j->fd) < 0)
                r = -errno;
        if (r < 0) {
                json_decref(record);
                return give_up(j, -r, err);
        }
        j->end += (off_t) len;
        keep_record(j, record);
        reserve(j);
        return 0;
}
