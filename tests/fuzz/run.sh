#!/bin/sh
# run.sh BUILD SECONDS [TARGET ...]: run the fuzzers of a build of the preset fuzz, one after another.
# New inputs go to BUILD/fuzz/<target>, what fails to BUILD/fuzz/failed. Status 1 when any failed.
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
for target; do
    mkdir -p "$build/fuzz/$target"
    dict=
    [ -f "$tree/$target.dict" ] && dict=-dict=$tree/$target.dict
    # 1 GiB, as a decode child has; no parser of ours needs more than a second for so small an input.
    "$build/tests/fuzz.$target" -max_total_time="$seconds" -rss_limit_mb=1024 -malloc_limit_mb=1024 \
        -timeout=5 -max_len=65536 -artifact_prefix="$failed/$target-" $dict -print_final_stats=1 \
        "$build/fuzz/$target" "$tree/corpus/$target" >"$build/fuzz/$target.log" 2>&1
    result=$?
    [ $result = 0 ] || status=1
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/fuzz/$target.log")
    slowest=$(sed -n 's/^stat::slowest_unit_time_sec: *//p' "$build/fuzz/$target.log")
    peak=$(sed -n 's/^stat::peak_rss_mb: *//p' "$build/fuzz/$target.log")
    edges=$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' "$build/fuzz/$target.log" | tail -1)
    echo "$target: $([ $result = 0 ] && echo clean || echo FAILED), ${runs:-?} inputs, ${edges:-?} edges," \
        "slowest ${slowest:-?} s, ${peak:-?} MB"
done
exit $status
