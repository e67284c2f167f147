/* SPDX-License-Identifier: GPL-3.0-or-later */

/* fetch URL SHA256 CACHE CA_FILE: one download as the program does it, for tests/bench/run. */

#include "../../src/base/str.h"
#include "../../src/host/machine/machine.h"
#include "../../src/k3s/k3s.h"
#include <fcntl.h>
#include <stdio.h>

int main(int argc, char **argv)
{
        static volatile int cancel;
        _cleanup_host_ struct host *host = NULL;
        _cleanup_answers_ struct answers *answers = answers_new();
        _cleanup_error_ struct error *e = NULL;
        char sha256[DIGEST_HEX_SIZE];
        struct fetch_request request = {.limit = (int64_t) 1 << 32,
                .name = "file",
                .timeout_ms = 600000,
                .answers = answers};

        if (argc != 5 ||
                answers_set(answers, "source.ca_file", argv[4], ANSWER_FROM_OPTION, &e) < 0)
                return 2;
        request.url = argv[1];
        request.sha256 = argv[2];
        request.cache_fd = open(argv[3], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (request.cache_fd < 0 || machine_new(&cancel, &host, &e) < 0 ||
                fetch(host, &request, sha256, &e) < 0) {
                fprintf(stderr, "%s\n", error_message(e));
                return 1;
        }
        return 0;
}
