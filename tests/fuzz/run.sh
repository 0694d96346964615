#!/bin/sh
# [TIMEOUT=5] run.sh BUILD SECONDS [TARGET ...]: run the fuzzers of a build of the preset fuzz, one after
# another. TIMEOUT: seconds of the clock for one input; more where fuzzers are stopped now and then.
# New inputs go to BUILD/fuzz/<target>, what fails to BUILD/fuzz/failed. Status 1 when any failed.
# On a busy machine the seconds of the clock say little: those of the processor are printed beside them.
set -u
build=$1 seconds=$2
shift 2
tree=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- $(cd "$tree/corpus" && ls)
failed=$build/fuzz/failed
mkdir -p "$failed"
export ASAN_OPTIONS="allocator_may_return_null=1:detect_leaks=1"
export LSAN_OPTIONS="suppressions=$tree/../lsan.supp:print_suppressions=0"
export UBSAN_OPTIONS="print_stacktrace=1"
export LC_ALL=C.UTF-8
status=0

# Sets `computed`: seconds of processor time that the fuzzers took so far. Not in a subshell, whose children
# they are not.
count_computed() {
    times >"$build/fuzz/times.$$"
    computed=$(sed -n '2s/[ms]/ /gp' "$build/fuzz/times.$$" | awk '{print int($1 * 60 + $2 + $3 * 60 + $4)}')
    rm "$build/fuzz/times.$$"
}

for target; do
    mkdir -p "$build/fuzz/$target"
    dict=
    [ -f "$tree/$target.dict" ] && dict=-dict=$tree/$target.dict
    # 1 GiB, as a decode child has; no parser of ours needs more than a second for so small an input.
    count_computed
    begin=$(date +%s) before=$computed
    "$build/tests/fuzz.$target" -max_total_time="$seconds" -rss_limit_mb=1024 -malloc_limit_mb=1024 \
        -timeout="${TIMEOUT:-5}" -max_len=65536 -artifact_prefix="$failed/$target-" $dict -print_final_stats=1 \
        "$build/fuzz/$target" "$tree/corpus/$target" >"$build/fuzz/$target.log" 2>&1
    result=$?
    [ $result = 0 ] || status=1
    count_computed
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/fuzz/$target.log")
    slowest=$(sed -n 's/^stat::slowest_unit_time_sec: *//p' "$build/fuzz/$target.log")
    peak=$(sed -n 's/^stat::peak_rss_mb: *//p' "$build/fuzz/$target.log")
    edges=$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' "$build/fuzz/$target.log" | tail -1)
    echo "$target: $([ $result = 0 ] && echo clean || echo FAILED), $(($(date +%s) - begin)) s," \
        "$((computed - before)) s computed, ${runs:-?} inputs, ${edges:-?} edges," \
        "slowest ${slowest:-?} s, ${peak:-?} MB"
done
exit $status
