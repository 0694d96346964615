/* fake_json FILL TICK NODE: made-up figures of one machine as the JSON that stands in Redis. */
#include <stdio.h>

#include "common/json.h"
#include "tests/tui/fake_stats.h"

int main(int argc, char **argv)
{
    static struct stats stats;

    if (argc != 4)
        return 64;
    fake_stats(&stats, (enum fake_fill)strtol(argv[1], NULL, 10), (int)strtol(argv[2], NULL, 10));
    snprintf(stats.node, sizeof(stats.node), "%s", argv[3]);
    json_t *object = stats_to_json(&stats);
    char *line = object ? json_line(object) : NULL;
    if (!line)
        return 1;
    puts(line);
    free(line);
    json_decref(object);
    return 0;
}
