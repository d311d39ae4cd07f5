#!/usr/bin/env bash
# Runs the tests of ops, networks and a training as other processors would run them: with the instruction
# sets that oneDNN can be held to on this machine, and with several numbers of threads. Its kernels divide
# their work and their memory by both.
#
#   tests/processors.sh build/bin
set -euo pipefail
folder=$1

# Compiled for a processor without AVX-512, with the build's other flags: what only one with it takes (a warning of
# GCC's is an error) would show on nobody's machine who has it.
compile=$(python3 - "$folder/../compile_commands.json" <<'EOF'
import json, re, sys
for entry in json.load(open(sys.argv[1])):
    if entry["file"].endswith("core/vector_code_8.cpp"):
        command = re.sub(r"-march=native|-mavx512\S*", "", entry["command"])
        print("cd", entry["directory"], "&&", re.sub(r" -o \S+| -M[DTF]( \S+\.[do])?", "", command).replace(" -c ", " -march=x86-64-v3 -o /dev/null -c "))
EOF
)
case $(uname -m) in
  x86_64 | amd64) bash -c "${compile:?no command for core/vector_code_8.cpp}" || { echo "processors: FAILED: core/vector_code_8.cpp for AVX2 alone"; exit 1; }
    echo "vector_code_8.cpp for AVX2 alone: compiled" ;;
esac

export OMP_WAIT_POLICY=passive  # both sets run side by side, and waiting threads would spin

# run_set NAME ISA THREADS...
run_set() {
  local name=$1 isa=$2 log run status=0
  shift 2
  log=$(mktemp)
  for threads in "$@"; do
    for run in test_core:-*cuda* test_layers:-*emulated* test_train:training.learns*:*LossVectors*; do
      ONEDNN_MAX_CPU_ISA=$isa OMP_NUM_THREADS=$threads timeout 600 "$folder/${run%%:*}" \
        --gtest_brief=1 --gtest_filter="${run#*:}" >"$log" 2>&1 || status=$?
      if [ $status != 0 ]; then
        cat "$log"
        echo "${run%%:*}: FAILED with exit status $status ($name, $threads threads)"
        rm -f "$log"
        return 1
      fi
    done
  done
  rm -f "$log"
  echo "$name, $* threads: passed"
}

# More threads than cores are slow, so each set has one such number, and not the same.
run_set "oneDNN held to AVX2" AVX2 1 2 5 &
other=$!
failed=0
run_set "all that this processor has" "" 2 3 || failed=1  # tests/run.sh has run it with 1
wait $other || failed=1
exit $failed
