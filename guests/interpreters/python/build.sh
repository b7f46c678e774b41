#!/bin/sh
# Builds the Python interpreter unit: build.sh OUTPUT.wasm
# Wants componentize-py 0.25.1 (`pip install componentize-py==0.25.1`), on PATH or in $COMPONENTIZE_PY. No network.
set -eu
output=$(realpath -m "$1")
here=$(dirname "$(realpath "$0")")
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
mkdir -p "$build/glue" "$build/venv/lib/python3/site-packages"
cp "$here"/*.py "$here"/interpreter.wit "$build/glue"
# Where componentize-py looks for libraries to link.
cp "$here/hashseed.wasm" "$build/glue/hashseed.cpython-314-wasm32-wasi.so"
cd "$build"
# Without it componentize-py takes the packages of the machine's own Python into the build.
export VIRTUAL_ENV="$build/venv"
${COMPONENTIZE_PY:-componentize-py} --wit-path glue/interpreter.wit --world interpreter componentize --python-path glue app --output unit.wasm
mkdir -p "$(dirname "$output")"
mv unit.wasm "$output"
