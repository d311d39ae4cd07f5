#!/usr/bin/env bash
# Runs the tests that use the GPU under compute-sanitizer.
#
#   tests/gpu_sanitize.sh BIN [CHECKER...]        memcheck, racecheck and initcheck unless given
#
# From the environment: TESTS="test_core ..." programs of BIN, and SANITIZE_FILTER, GoogleTest's, which cases.
#
# Only Saddle's own kernels are looked into: those of cuDNN and cuBLAS give alarms that are none. What CUDA's functions
# return is not reported: a test asks for 2^60 bytes, so as to be refused.
set -euo pipefail
bin=$1
shift
[ $# -gt 0 ] || set -- memcheck racecheck initcheck
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null) || {
  echo "gpu_sanitize: no compute-sanitizer in PATH or /usr/local/cuda/bin" >&2
  exit 1
}
tests=${TESTS:-test_core test_layers test_attacks test_optim test_train}
cases=${SANITIZE_FILTER:-*cuda*:*Cuda*:*gpu*}
# Where others' kernels are not looked into, what they wrote counts as never written: initcheck takes only tests of
# own kernels alone.
own=test_core
own_cases='*Cuda*:*cuda*-*onvolution*:*pilogue*:*inear*:*emm*:*roduct*:*ttention*:*apture*:*cudnn*'

failed=0
for checker in "$@"; do
  filter=$cases programs=$tests
  [ "$checker" != initcheck ] || { filter=${SANITIZE_FILTER:-$own_cases} programs=$own; }
  for program in $programs; do
    echo "-- $checker: $program"
    status=0
    "$sanitizer" --tool "$checker" --kernel-regex kns=saddle --report-api-errors no --error-exitcode 1 \
      --print-limit 20 "$bin/$program" --gtest_brief=1 --gtest_filter="$filter" || status=$?
    [ $status = 0 ] || { echo "gpu_sanitize: FAILED: $checker: $program (exit status $status)"; failed=1; }
  done
done
exit $failed
