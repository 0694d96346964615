#!/bin/sh
# make screen: run lentigo on a folder of images, or on a synthetic clinic upload when none is
# named, and say where to look. usage: screen.sh BIN OUT [IMAGES]
set -eu
bin=$1
out=$2
images=${3:-}

if [ -z "$images" ]; then
    images=$(dirname "$out")/demo
    if [ ! -f "$images/upload/manifest.csv" ]; then
        mkdir -p "$(dirname "$out")"
        "$bin/lentigo" demo-data "$images" --patients 12 --seed 1
    fi
    images=$images/upload
fi

"$bin/lentigo" run "$images" -o "$out"
echo "all patients:  $out/summary.html"
# The work list is worst first and ends each line with the report's path, which holds no comma.
echo "one report:    $out/$(sed -n '2s/.*,//p' "$out/worklist.csv" | tr -d '\r')"
