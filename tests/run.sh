#!/usr/bin/env bash
# Runs every test program of a build folder, JOBS at a time, and prints the whole output of those that
# fail. A program runs all its cases in one process, which starts once: with thousands of cases, and
# libraries of hundreds of megabytes to load, that is several times faster than a process a case.
#
#   tests/run.sh build/bin [JOBS]
set -euo pipefail
folder=$1
jobs=${2:-$(nproc)}
export OMP_NUM_THREADS=1  # the programs run side by side, and waiting threads would spin
export SADDLE_PLAN=default  # bits and times of a test do not hang on what its machine has measured

run_one() {
  local log status=0
  log=$(mktemp)
  timeout 1500 "$1" --gtest_brief=1 >"$log" 2>&1 || status=$?
  if [ $status = 0 ]; then
    echo "$(basename "$1"): $(grep -E 'tests? from .* ran' "$log" | sed 's/\[=*\] //'), $(grep -c 'Skipped' "$log" || true) skipped"
  else
    cat "$log"
    echo "$(basename "$1"): FAILED with exit status $status"
  fi
  rm -f "$log"
  return $status
}
export -f run_one

# The longest first, so that none is left to run alone at the end.
ls -S "$folder"/test_* | xargs -P "$jobs" -I{} bash -c 'run_one {}'
