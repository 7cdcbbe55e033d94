# Sourced by the commands beside it: find Python, make the virtual environment, install a lock file once.
# POSIX sh; needs nothing but Python >= 3.11 with venv.

cd "$(dirname "$0")/.." || exit 1
unset PYTHONHOME PYTHONPATH

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

as_root() {
    # How this person would run a command as root, for the lines we print.
    if [ "$(id -u)" = 0 ]; then printf '%s' "$1"; else printf 'sudo %s' "$1"; fi
}

find_python() {
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$candidate"
            return 0
        fi
    done
    return 1
}

make_venv() {
    # A virtual environment whose Python was removed or that was moved does not run: make it anew.
    if [ -x .venv/bin/python ] && .venv/bin/python -c 'import pip' 2>/dev/null; then return 0; fi
    python=$(find_python) || fail "Python 3.11 or newer is needed and was not found. On Debian or Ubuntu:" \
        "    $(as_root 'apt-get install -y python3 python3-venv')"
    if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        [ "$python" = python3 ] && package=python3-venv
        fail "Python has no venv module. On Debian or Ubuntu:" "    $(as_root "apt-get install -y $package")"
    fi
    echo "Making a virtual environment in .venv ..."
    "$python" -m venv --clear .venv || fail "The virtual environment could not be made."
}

lock_hash() {
    .venv/bin/python -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"
}

install_lock() {
    # $1: requirements.txt, or requirements-dev.txt, which holds all of the former.
    make_venv
    stamp=.venv/installed-$1
    wanted=$(lock_hash "$1")
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return 0
    echo "Installing $1 (once, then again only when it changes) ..."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$1" ||
        fail "The packages could not be installed; see above. A network connection to PyPI is needed." \
            "If a package does not support this Python yet: remove .venv, and set PYTHON=python3.13 (or another from 3.11)."
    printf '%s' "$wanted" >"$stamp"
}
