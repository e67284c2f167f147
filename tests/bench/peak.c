/* SPDX-License-Identifier: GPL-3.0-or-later */

/* peak PROGRAM ARGS…: runs it and prints the most memory it had, in kB. What measures must be small
 * itself: until its exec a child counts with what its parent had (getrusage(2)). */

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
        struct rusage usage;
        int status = 0;
        pid_t pid = argc > 1 ? fork() : -1;

        if (pid == 0) {
                (void) dup2(open("/dev/null", O_RDWR), 1);
                execv(argv[1], argv + 1);
                _exit(127);
        }
        if (pid < 0 || wait4(pid, &status, 0, &usage) < 0 || status != 0)
                return 1;
        printf("%ld\n", usage.ru_maxrss);
        return 0;
}
