/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "../../src/base/str.h"
#include "../../src/engine/journal.h"
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

struct place {
        char path[64];
        int fd;
};

static int set_up(void **state)
{
        struct place *p = xcalloc(1, sizeof(*p));

        strcpy(p->path, "/tmp/k3wizard-journal-XXXXXX");
        assert_non_null(mkdtemp(p->path));
        p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(p->fd >= 0);
        *state = p;
        return 0;
}

static int tear_down(void **state)
{
        struct place *p = *state;

        (void) unlinkat(p->fd, "journal", 0);
        (void) unlinkat(p->fd, "journal.reserve", 0);
        close(p->fd);
        rmdir(p->path);
        free(p);
        return 0;
}

static void append(struct journal *j, const char *type)
{
        struct error *err = NULL;

        assert_int_equal(journal_append(j, json_pack("{s:s}", "type", type), &err), 0);
        assert_null(err);
}

static void write_three(struct place *p)
{
        struct journal *j = NULL;

        assert_int_equal(journal_open(p->fd, false, &j, NULL), 0);
        append(j, "one");
        append(j, "two");
        append(j, "three");
        journal_close(j);
}

static char *content(struct place *p, size_t *len)
{
        _cleanup_close_ int fd = openat(p->fd, "journal", O_RDONLY | O_CLOEXEC);
        char *text = NULL;

        assert_true(fd >= 0);
        assert_int_equal(fd_read_all(fd, 1 << 20, &text, len), 0);
        return text;
}

static void put(struct place *p, const char *bytes, size_t len)
{
        _cleanup_close_ int fd =
                openat(p->fd, "journal", O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, bytes, len), 0);
}

static const char *type_of(const struct journal *j, size_t i)
{
        return json_string_value(json_object_get(journal_record(j, i), "type"));
}

static void keeps_records_in_order(void **state)
{
        struct place *p = *state;
        struct journal *j = NULL;

        write_three(p);
        assert_int_equal(journal_open(p->fd, true, &j, NULL), 0);
        assert_int_equal(journal_len(j), 3);
        assert_string_equal(type_of(j, 0), "one");
        assert_string_equal(type_of(j, 2), "three");
        assert_non_null(json_object_get(journal_record(j, 0), "time"));
        journal_close(j);
}

static void is_absent_when_only_read(void **state)
{
        struct place *p = *state;
        struct journal *j = NULL;

        assert_int_equal(journal_open(p->fd, true, &j, NULL), -ENOENT);
        assert_null(j);
        assert_int_equal(faccessat(p->fd, "journal", F_OK, 0), -1);
}

/* Cut at every byte: what was whole before stays, and the next append goes behind it. */
static void drops_a_torn_tail_wherever_it_is_cut(void **state)
{
        struct place *p = *state;
        size_t len = 0;
        _cleanup_free_ char *text = NULL;

        write_three(p);
        text = content(p, &len);
        for (size_t cut = 0; cut < len; cut++) {
                struct journal *j = NULL;
                size_t lines = 0, whole;

                for (size_t i = 0; i < cut; i++)
                        lines += text[i] == '\n';
                whole = lines > 0 ? lines - 1 : 0;
                put(p, text, cut);
                assert_int_equal(journal_open(p->fd, false, &j, NULL), 0);
                assert_int_equal(journal_len(j), whole);
                append(j, "again");
                journal_close(j);
                j = NULL;
                assert_int_equal(journal_open(p->fd, true, &j, NULL), 0);
                assert_int_equal(journal_len(j), whole + 1);
                assert_string_equal(type_of(j, whole), "again");
                journal_close(j);
        }
}

static void drops_blocks_that_were_never_written(void **state)
{
        struct place *p = *state;
        struct journal *j = NULL;
        size_t len = 0;
        _cleanup_free_ char *text = NULL, *longer = NULL;

        write_three(p);
        text = content(p, &len);
        longer = xcalloc(1, len + 4096);
        memcpy(longer, text, len);
        put(p, longer, len + 4096);
        assert_int_equal(journal_open(p->fd, false, &j, NULL), 0);
        assert_int_equal(journal_len(j), 3);
        journal_close(j);
}

static void refuses_a_flipped_bit_anywhere_but_in_the_tail(void **state)
{
        struct place *p = *state;
        size_t len = 0;
        _cleanup_free_ char *text = NULL;

        write_three(p);
        text = content(p, &len);
        for (size_t i = 0; i + 1 < len; i++) {
                _cleanup_error_ struct error *err = NULL;
                struct journal *j = NULL;
                char old = text[i];
                int r;

                text[i] ^= 0x04;
                put(p, text, len);
                r = journal_open(p->fd, true, &j, &err);
                text[i] = old;
                assert_true(r == -EBADMSG || r == -EPROTONOSUPPORT);
                assert_int_equal(err->kind, ERROR_ATTENTION);
                assert_null(j);
        }
}

static void refuses_a_newer_format(void **state)
{
        struct place *p = *state;
        struct journal *j = NULL;
        _cleanup_error_ struct error *err = NULL;

        put(p, "k3wizard-journal 2\n", 19);
        assert_int_equal(journal_open(p->fd, true, &j, &err), -EPROTONOSUPPORT);
        assert_int_equal(err->kind, ERROR_ATTENTION);
        assert_non_null(strstr(err->plain, "newer"));
}

static void refuses_a_record_that_was_taken_out(void **state)
{
        struct place *p = *state;
        struct journal *j = NULL;
        size_t len = 0;
        _cleanup_free_ char *text = NULL;
        char *second, *third;

        write_three(p);
        text = content(p, &len);
        second = strchr(strchr(text, '\n') + 1, '\n') + 1;
        third = strchr(second, '\n') + 1;
        memmove(second, third, len - (size_t) (third - text));
        put(p, text, len - (size_t) (third - second));
        assert_int_equal(journal_open(p->fd, true, &j, NULL), -EBADMSG);
}

static void refuses_a_link(void **state)
{
        struct place *p = *state;
        struct journal *j = NULL;

        assert_int_equal(symlinkat("/etc/hostname", p->fd, "journal"), 0);
        assert_true(journal_open(p->fd, false, &j, NULL) < 0);
        assert_null(j);
}

/* In a file system of 512 kB that is then filled to the last byte. */
static int append_on_a_full_disk(const char *path)
{
        struct journal *j = NULL;
        _cleanup_close_ int dir = -1, filler = -1;
        char block[4096] = {1};

        if (mount("k3wizard", path, "tmpfs", 0, "size=512k") < 0)
                return 77;
        dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0 || journal_open(dir, false, &j, NULL) < 0)
                return 1;
        filler = openat(dir, "filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        while (write(filler, block, sizeof(block)) > 0)
                ;
        for (int i = 0; i < 200; i++)
                if (journal_append(j, json_pack("{s:s}", "type", "still"), NULL) < 0)
                        return 2;
        journal_close(j);
        j = NULL;
        if (journal_open(dir, true, &j, NULL) < 0 || journal_len(j) != 200)
                return 3;
        journal_close(j);
        return 0;
}

static void can_still_be_written_on_a_full_disk(void **state)
{
        struct place *p = *state;
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
                if (unshare(CLONE_NEWNS) < 0 ||
                        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                        _exit(77);
                _exit(append_on_a_full_disk(p->path));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                skip();
        assert_int_equal(WEXITSTATUS(status), 0);
}

/* CRC-32C (RFC 3720, appendix B.4), bit by bit: a second opinion. */
static unsigned crc_of(const char *text)
{
        unsigned crc = ~0U;

        for (; *text; text++) {
                crc ^= (unsigned char) *text;
                for (int bit = 0; bit < 8; bit++)
                        crc = crc & 1 ? (crc >> 1) ^ 0x82f63b78U : crc >> 1;
        }
        return ~crc;
}

static void refuses_records_that_are_whole_and_wrong(void **state)
{
        static const struct {
                const char *record, *words;
        } wrong[] = {
                {"2 {\"type\":\"one\"}", "out of order"},
                {"x {\"type\":\"one\"}", "out of order"},
                {"1", "short"},
                {"1 [1,2,3]", "not a JSON object"},
                {"1 {\"a\":1,\"a\":2}", "not a JSON object"},
                {"1 nonsense", "not a JSON object"},
        };
        struct place *p = *state;
        char header[64];
        _cleanup_close_ int fd = -1;
        ssize_t n;

        write_three(p);
        fd = openat(p->fd, "journal", O_RDONLY | O_CLOEXEC);
        n = read(fd, header, sizeof(header) - 1);
        assert_true(n > 0);
        header[n] = '\0';
        *strchr(header, '\n') = '\0';
        for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
                struct journal *j = NULL;
                _cleanup_error_ struct error *e = NULL;
                _cleanup_free_ char *text = xasprintf("%s\n%08x %s\n%08x 2 {\"type\":\"end\"}\n",
                        header, crc_of(wrong[i].record), wrong[i].record,
                        crc_of("2 {\"type\":\"end\"}"));

                put(p, text, strlen(text));
                assert_int_equal(journal_open(p->fd, false, &j, &e), -EBADMSG);
                if (!strstr(e->message, wrong[i].words))
                        fail_msg("%s: %s", wrong[i].record, e->message);
                assert_int_equal(e->kind, ERROR_ATTENTION);
        }
}

static void refuses_what_is_no_journal(void **state)
{
        static const char *const texts[] = {"hello\n", "k3wizard journal x\n", "\n"};
        struct place *p = *state;

        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                struct journal *j = NULL;

                put(p, texts[i], strlen(texts[i]));
                assert_true(journal_open(p->fd, false, &j, NULL) < 0);
                assert_null(j);
        }
}

static void what_is_only_read_is_not_written(void **state)
{
        struct place *p = *state;
        struct journal *j = NULL;
        struct error *e = NULL;

        write_three(p);
        assert_int_equal(journal_open(p->fd, true, &j, NULL), 0);
        assert_true(journal_append(j, json_pack("{s:s}", "type", "four"), &e) < 0);
        assert_non_null(e);
        error_free(e);
        journal_close(j);
        assert_int_equal(journal_len(NULL), 0);
}

static void the_states_have_names(void **state)
{
        for (enum step_state s = STEP_PENDING; s <= STEP_ATTENTION; s++) {
                enum step_state back = STEP_PENDING;

                assert_int_equal(step_state_parse(step_state_name(s), &back), 0);
                assert_int_equal(back, s);
        }
        assert_true(step_state_parse("nonsense", &(enum step_state){0}) < 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
                T(keeps_records_in_order),
                T(is_absent_when_only_read),
                T(drops_a_torn_tail_wherever_it_is_cut),
                T(drops_blocks_that_were_never_written),
                T(refuses_a_flipped_bit_anywhere_but_in_the_tail),
                T(refuses_a_newer_format),
                T(refuses_a_record_that_was_taken_out),
                T(refuses_a_link),
                T(can_still_be_written_on_a_full_disk),
                T(refuses_records_that_are_whole_and_wrong),
                T(refuses_what_is_no_journal),
                T(what_is_only_read_is_not_written),
                T(the_states_have_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
