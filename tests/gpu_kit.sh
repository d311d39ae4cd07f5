#!/usr/bin/env bash
# Packs programs for another machine (apps/bench/gpu_pack.sh), unpacks them elsewhere and runs stages of the kit
# (apps/bench/gpu_run.sh) without a GPU: what it says of stages that pass, fail and take too long is true.
#
#   tests/gpu_kit.sh build/bin
set -euo pipefail
bin=$1
tree=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset SADDLE_SOURCE_DIR SADDLE_DATA
export DEVICE=cpu OMP_NUM_THREADS=1 SADDLE_PLAN=default KIT=$work/kit OUT=$work/out TAIL=40
export LD_LIBRARY_PATH=$work/of_this_machine

fail() {
  echo "gpu_kit: FAILED: $*" >&2
  cat "$work/said" >&2
  exit 1
}
# ends(STATUS, COMMAND...): it ends so; what it says is kept in $work/said.
ends() {
  local want=$1 status=0
  shift
  "$@" >"$work/said" 2>&1 || status=$?
  [ $status = "$want" ] || fail "$* ended with $status instead of $want"
}
# says(FILE, PATTERN)
says() { grep -qE -- "$2" "$1" || { cp "$1" "$work/said"; fail "no line '$2' in $(basename "$1")"; }; }
# pack(BIN, PROGRAMS)
pack() { XZ_PRESET=0 PROGRAMS=$2 "$tree/apps/bench/gpu_pack.sh" "$1" "$work/packed"; }
run() { (cd / && bash "$work/packed/gpu_run.sh" "$@"); }
# gone(PID): it runs no more, within 5 seconds.
gone() {
  for _ in {1..50}; do
    grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status" || return 0
    sleep 0.1
  done
  return 1
}
# program(NAME, TEXT): takes the place of one in the kit.
program() {
  printf '#!/bin/bash\n%s\n' "$2" >"$work/program"
  chmod +x "$work/program"
  mv "$work/program" "$KIT/bin/$1"
}

# What is missing or too much is refused; a folder of data, files, and what programs read are carried.
ends 1 pack "$bin" 'saddle-train no_such_program'
says "$work/said" 'no_such_program is missing'
GPU_DATA=$tree/apps/bench GPU_KIT_MIB=0 ends 1 pack /bin true
says "$work/said" 'more than 0 MiB'
GPU_DATA=$tree/apps/bench GPU_EXTRA=$tree/Makefile ends 0 pack /bin true
says "$work/said" "MiB, data: $tree/apps/bench"
KIT=$work/small ends 0 run sanitize
says "$OUT/summary.txt" '^sanitize +77 .* skipped$'
cmp -s "$tree/apps/bench/torch_peer.py" "$work/small/data/torch_peer.py" || fail 'GPU_DATA was not carried'
cmp -s "$tree/Makefile" "$work/small/extra/Makefile" || fail 'GPU_EXTRA was not carried'
diff -r --exclude=__pycache__ "$tree/tests/vectors" "$work/small/source/tests/vectors" || fail 'vectors were not carried'

GPU_DATA=none ends 0 pack "$bin" 'saddle-train saddle-attack saddle-bench test_optim'
# From here on nothing finds the tree, nor a library beside it, by the paths that were compiled in.
ends 0 run sanitize # unpacks
LC_ALL=C sed -i "s|$tree|${tree//[!\/]/x}|g" "$KIT"/bin/*
ends 1 env LD_LIBRARY_PATH="$KIT/lib" "$KIT/bin/test_optim" --gtest_filter='*ectors*'
says "$work/said" 'xxx/tests/vectors'

# A peer that answers at once, and notes what it was asked.
cat >"$work/peer" <<'PEER'
#!/bin/bash
if [ "$1" = -c ]; then case $2 in *nvidia*) exit 1 ;; *) exit 0 ;; esac; fi
echo "$LD_LIBRARY_PATH $*" >>"$(dirname "$0")/asked"
[ -f "$1" ] || exit 1
while [ $# -gt 0 ]; do [ "$1" != --mode ] || modes=${2//,/ }; shift; done
for mode in $modes; do
  [ "$mode" != "${REFUSED:-}" ] || exit 1
  [ "$mode" != "${ENDLESS:-}" ] || sleep 1000
  echo "{\"mode\": \"$mode\", \"images_per_second\": 8, \"peak_bytes\": 1048576}"
done
PEER
chmod +x "$work/peer"
export PEER=$work/peer BATCHES=2,3 MODES=sgd,sam TEST_FILTER='*ectors*:*cpu*'

# All is well: every stage passes, and the peer was asked once for all modes of a batch size.
ends 0 run smoke tests bench
for stage in smoke tests bench; do says "$OUT/summary.txt" "^$stage +0 .* passed$"; done
says "$OUT/smoke.log" '^fp32, epoch 2, loss: .*: agrees$'
says "$OUT/smoke.log" '^clean accuracy: .*: agrees$'
says "$OUT/tests.log" '^test_optim: [1-9][0-9]* tests ran, 0 of them skipped, exit status 0$'
[ "$(wc -l <"$work/asked")" = 2 ] || fail "the peer was asked $(wc -l <"$work/asked") times"
says "$work/asked" "^$work/of_this_machine $KIT/source/apps/bench/torch_peer.py .*--batch 2 --mode sgd,sam .*--execution compile"
says "$work/asked" '--batch 3 --mode sgd,sam '
[ "$(grep -c '"torch_compile": \[' "$OUT/bench-2.json")" = 2 ] || fail 'bench-2.json has not both rows of the peer'

# A peer that fails at its second mode: the first counts, the next batch size is measured, the stage has failed.
rm "$OUT"/bench-*.json
REFUSED=sam ends 1 run bench
[ -e "$OUT/bench-3.json" ] || fail 'a peer that failed has kept the next batch size from being measured'
says "$OUT/summary.txt" '^bench +1 .* FAILED$'
says "$OUT/bench.log" '^. fp32 . sgd .* 8\.0 '
says "$OUT/bench.log" '^. fp32 . sam .* failed '

# One that does not come to an end there: the same, before the stage's own limit.
rm "$OUT/peer.jsonl"
ENDLESS=sam BATCHES=2 PEER_SECONDS=1 ends 1 run bench
says "$OUT/summary.txt" '^bench +1 .* FAILED$'
says "$OUT/bench.log" '^. fp32 . sgd .* 8\.0 '
says "$OUT/bench.log" '^. fp32 . sam .* failed '
says "$OUT/peer.jsonl" '"mode": "sgd"'

# A stage ends at the first command that fails, and takes no result of an earlier run for its own.
program saddle-train 'case "$*" in *--version*) exit 0 ;; esac; exit 3'
ends 1 run smoke train
says "$OUT/summary.txt" '^smoke +3 .* FAILED$'
says "$OUT/summary.txt" '^train +3 .* FAILED$'
! grep -q 'agrees' "$OUT/smoke.log" || fail 'smoke has judged the losses of an earlier run'

# Losses that disagree, a test that fails, programs that ran none; what comes after them runs.
program saddle-train 'while [ $# -gt 1 ] && [ "$1" != --output ]; do shift; done
[ $# -gt 1 ] || exit 0 # --version
loss=1.9; case $2 in *cpu) loss=2.2 ;; esac
mkdir -p "$2"; printf "{\"train_loss\":%s}\n" 2.25 $loss >"$2/metrics.jsonl"'
program test_optim 'echo "[  FAILED  ] Sam.climbs (3 ms)"; echo "[==========] 3 tests from 1 test suite ran. (9 ms total)"; exit 1'
program test_empty 'echo "[==========] 0 tests from 0 test suites ran. (0 ms total)"'
program test_skips 'echo "[  SKIPPED ] Gpu.runs/0, where GetParam() = (2, 3) (0 ms)"; echo "[==========] 1 test from 1 test suite ran. (0 ms total)"
echo "[  SKIPPED ] Gpu.runs/0, where GetParam() = (2, 3)"'
MODES=sgd BATCHES=2 FEW_FILES=1 ends 1 run smoke tests breakdown
says "$OUT/summary.txt" '^smoke +1 .* FAILED$'
says "$OUT/summary.txt" '^tests +1 .* FAILED$'
says "$OUT/summary.txt" '^breakdown +0 .* passed$'
says "$work/said" '^fp32, epoch 1, loss: .*: agrees$'
says "$work/said" '^fp32, epoch 2, loss: 1.9 beside 2.2, bound 0.05: DISAGREES$'
says "$work/said" '^  failed: test_optim: Sam.climbs$'
says "$work/said" '^test_empty: 0 tests ran'
says "$work/said" '^test_skips: 1 tests ran, 1 of them skipped, exit status 0'
tar -tzf "$OUT/results.tar.gz" >"$work/said"
for file in smoke.log tests.log breakdown.log breakdown.json; do says "$work/said" "/$file$"; done
[ ! -e "$OUT/breakdown.log" ] || fail 'FEW_FILES has left a log'

# Alone, skipping all is a failure, too.
rm "$KIT/bin/test_empty" "$KIT/bin/test_optim"
ends 1 run tests
says "$OUT/summary.txt" '^tests +1 .* FAILED$'
rm "$KIT/bin/test_skips"

# A test that never ends, and does not want to be ended, is killed with its children; what comes after it runs.
program test_optim "trap '' TERM
sleep 1000 & echo \$! >$work/child
while :; do sleep 1; done"
MODES=sgd BATCHES=2 LIMIT_tests=2 ends 1 run tests breakdown
says "$OUT/summary.txt" '^tests +124 +[2-9] +2  OVER ITS LIMIT$'
says "$OUT/summary.txt" '^breakdown +0 .* passed$'
gone "$(cat "$work/child")" || fail 'a child of a killed stage is alive'
TEST_SECONDS=1 ends 1 run tests
says "$OUT/summary.txt" '^tests +1 .* FAILED$'

# No time is left for a stage, or the machine is wanted back: the table says so.
TOTAL=2 ends 1 run breakdown
says "$OUT/summary.txt" '^breakdown +- +- +-  not run$'
rm "$work/child"
(cd / && exec bash "$work/packed/gpu_run.sh" tests breakdown) >"$work/said" 2>&1 &
run=$!
while [ ! -s "$work/child" ]; do sleep 0.1; done
kill -TERM $run
! wait $run || fail 'a run that was stopped has ended well'
says "$work/said" '^breakdown +- +- +-  not run$'
gone "$(cat "$work/child")" || fail 'a child of a stopped run is alive'

echo "gpu_kit: packed, unpacked, and true to what became of its stages"
