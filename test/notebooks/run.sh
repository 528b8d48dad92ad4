#!/usr/bin/env bash
# Executes every notebook of examples/ with Deno's kernel; the last line is `notebooks: N passed, N failed`.
# Usage: test/notebooks/run.sh [--keep] [notebook...]; with --keep, the outputs are written into the notebooks.
# The kernel now and then loses what a cell has printed last: look at outputs before they are kept for good.
# Needs Python packages of test/peers/requirements.txt: PYTHON says whose (default python3). DENO may name a Deno that is there already.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../examples"

python=${PYTHON:-python3}
keep=false
if [[ ${1:-} == --keep ]]; then
  keep=true
  shift
fi
notebooks=("$@")
[[ $# -gt 0 ]] || notebooks=(*.ipynb)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
deno=${DENO:-}
if [[ -z $deno ]]; then
  echo '{}' >"$work/package.json"
  if ! npm install --prefix "$work" --no-audit --no-fund --silent deno@2.9.6; then
    echo 'npm could not install deno'
    echo 'notebooks: 0 passed, 1 failed'
    exit 1
  fi
  deno="$work/node_modules/.bin/deno"
fi
mkdir -p "$work/jupyter/kernels/deno"
cat >"$work/jupyter/kernels/deno/kernel.json" <<JSON
{ "argv": ["$deno", "jupyter", "--kernel", "--conn", "{connection_file}"], "display_name": "Deno", "language": "typescript" }
JSON
export JUPYTER_PATH="$work/jupyter"

passed=0
failed=0
for notebook in "${notebooks[@]}"; do
  notebook=$(basename "$notebook")
  began=$SECONDS
  if "$python" -m nbconvert --to notebook --execute --log-level=ERROR --ExecutePreprocessor.timeout=300 \
    --ExecutePreprocessor.record_timing=False --output-dir "$work/out" "$notebook"; then
    echo "$notebook: $((SECONDS - began)) s"
    passed=$((passed + 1))
    [[ $keep == false ]] || cp "$work/out/$notebook" "$notebook"
  else
    echo "$notebook: failed"
    failed=$((failed + 1))
  fi
done
echo "notebooks: $passed passed, $failed failed"
[[ $failed -eq 0 ]]
