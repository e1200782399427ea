#!/bin/sh
# Make the peers' environments under var/peers, once each: `setup.sh [NAME...]`, all without a name.
# `setup.sh lock` compiles NAME.txt from NAME.in, which names what a peer needs.
set -eu
cd "$(dirname "$0")/../.."
here=benchmarks/peers
uv=.venv/bin/uv
[ -x "$uv" ] || { echo "the project's own environment comes first: make setup" >&2; exit 1; }

lock() {
    for name in "$@"; do
        "$uv" pip compile --quiet --no-annotate --python-version 3.11 "$here/$name.in" -o "$here/$name.txt"
    done
}

environment() {
    pins=$here/$1.txt
    stamp=var/peers/$1/.requirements
    [ -f "$pins" ] || { echo "$pins is missing: a peer is one of" "$all" >&2; exit 2; }
    if [ -f "$stamp" ] && cmp -s "$stamp" "$pins"; then
        return
    fi
    echo "setting up var/peers/$1 ..."
    "$uv" venv --quiet --clear --no-project --python 3.11 "var/peers/$1"
    "$uv" pip sync --quiet --python "var/peers/$1/bin/python" "$pins"
    cp "$pins" "$stamp"
}

all=$(cd "$here" && ls ./*.in | sed -E 's|^\./(.*)\.in$|\1|' | tr '\n' ' ')
if [ "${1:-}" = lock ]; then
    # shellcheck disable=SC2086 # one word a peer
    lock $all
    exit
fi
# shellcheck disable=SC2086 # one word a peer
[ $# -gt 0 ] || set -- $all
for name in "$@"; do
    environment "$name"
done
