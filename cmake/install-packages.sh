#!/bin/sh
# Install what cmake/packages.txt lists and is missing. Without root and without sudo: print the
# missing packages and stop.
set -eu
cd "$(dirname "$0")"

missing=
for package in $(sed 's/#.*//' packages.txt); do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1; then
    as_root=sudo
else
    echo "lentigo needs these Debian packages; ask an administrator to install them:" >&2
    printf '  apt-get install%s\n' "$missing" >&2
    exit 1
fi

echo "installing:$missing" >&2
# RUNLEVEL=1 keeps Debian from starting a redis-server of its own: lentigo run starts a private one.
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -y -qq --no-install-recommends $missing >&2
