#!/bin/sh
# Resolves the dependencies anew and writes requirements/*.txt with hashes. uv.lock holds addresses: not kept.
set -eu
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never
uv=.uv/bin/uv
$uv lock --upgrade --python .venv/bin/python
export_() { $uv export --quiet --frozen --format requirements-txt --no-emit-project --no-header "$@"; }
export_ --no-default-groups --group build --extra act > requirements/run.txt
export_ --all-groups --extra act > requirements/dev.txt
$uv --version | sed 's/^uv \([0-9.]*\).*/uv==\1/' | $uv pip compile --quiet --generate-hashes --no-header --no-annotate - > requirements/uv.txt
rm -f uv.lock
