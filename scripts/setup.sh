#!/bin/sh
# Make the virtual environment from requirements.txt, once: a second run with the same file does nothing.
# `setup.sh system` also installs the Debian packages that tests and benchmarks use, `setup.sh peers` the one that
# only the comparison with peers uses (both need root). `setup.sh docs` makes .venv-docs, which builds the site;
# `setup.sh locust` makes .venv-locust for `python deploy.py load --engine locust`;
# `setup.sh boosters` makes var/boosters: .venv's packages, and those of benchmarks/coverage/boosters.txt, which
# `setup.sh boosters lock` compiles.
set -eu
cd "$(dirname "$0")/.."

environment() {
    stamp=.venv/.requirements
    if [ -f "$stamp" ] && cmp -s "$stamp" requirements.txt; then
        return
    fi
    python=$(command -v python3.11 || command -v python3 || true)
    if [ -z "$python" ] || ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "Python 3.11 or newer is needed: apt-get install python3" >&2
        exit 1
    fi
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        packages python3-venv
    fi
    echo "setting up .venv with $("$python" --version) ..."
    [ -x .venv/bin/pip ] || "$python" -m venv .venv
    # uv is pinned and hashed in the same file; it installs the rest several times faster than pip.
    grep -A200 '^uv==' requirements.txt | awk 'NR>1 && /^[a-z]/ {exit} {print}' > .venv/uv.txt
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
    .venv/bin/uv pip sync --quiet --require-hashes --python .venv/bin/python requirements.txt
    cp requirements.txt "$stamp"
}

locust() {
    stamp=.venv-locust/.requirements
    if [ -f "$stamp" ] && cmp -s "$stamp" load/locust/requirements.txt; then
        return
    fi
    echo "setting up .venv-locust ..."
    environment
    .venv/bin/uv venv --quiet --allow-existing .venv-locust
    .venv/bin/uv pip sync --quiet --require-hashes --python .venv-locust/bin/python load/locust/requirements.txt
    cp load/locust/requirements.txt "$stamp"
}

documentation() {
    stamp=.venv-docs/.requirements
    if [ -f "$stamp" ] && cmp -s "$stamp" docs/requirements.txt; then
        return
    fi
    echo "setting up .venv-docs ..."
    [ -x .venv-docs/bin/pip ] || "$(command -v python3.11 || command -v python3)" -m venv .venv-docs
    .venv-docs/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r docs/requirements.txt
    cp docs/requirements.txt "$stamp"
}

boosters() {
    here=benchmarks/coverage/boosters
    if [ "${1:-}" = lock ]; then
        # XGBoost asks for the library of a graphics card, 300 MB, and computes without it.
        .venv/bin/uv pip compile --quiet --generate-hashes --no-annotate --no-header --python-version 3.11 \
            --no-emit-index-url --no-emit-find-links --no-emit-package nvidia-nccl-cu12 \
            --constraint requirements.txt "$here.in" -o "$here.txt"
        return
    fi
    stamp=var/boosters/.requirements
    if [ -f "$stamp" ] && cat requirements.txt "$here.txt" | cmp -s - "$stamp"; then
        return
    fi
    echo "setting up var/boosters ..."
    if ! .venv/bin/uv venv --quiet --clear --no-project --python .venv/bin/python var/boosters ||
        ! .venv/bin/uv pip sync --quiet --require-hashes --python var/boosters/bin/python requirements.txt "$here.txt"
    then
        echo "var/boosters cannot be made, for the reason above (it needs a network): try make boosters again" >&2
        exit 1
    fi
    cat requirements.txt "$here.txt" > "$stamp"
}

packages() {
    missing=
    for package in "$@"; do
        dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "not root: these Debian packages are missing, and what needs them is skipped:$missing"
        return 0
    fi
    echo "installing$missing ..."
    apt-get update -qq
    # shellcheck disable=SC2086 # one word a package
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

case "${1:-environment}" in
    environment) environment ;;
    docs) documentation ;;
    boosters) boosters "${2:-}" ;;
    peers) packages haproxy ;;
    locust) locust ;;
    system)
        environment
        locust
        packages postgresql nginx-light wrk prometheus chromium
        # Another Node than Debian's does as well, and would not bear Debian's npm beside it.
        command -v node >/dev/null || packages nodejs
        command -v npm >/dev/null || packages npm ;;
    *) echo "usage: setup.sh [environment|system|peers|docs|locust|boosters [lock]]" >&2; exit 2 ;;
esac
