#!/usr/bin/env bash
# Runs stages of a kit that gpu_pack.sh made, on the machine that it was carried to.
#
#   bash gpu-kit/gpu_run.sh [STAGE...]        smoke unless given
#
#   smoke         versions; a short SAM run in each precision, whose losses must be those of the CPU; a short attack
#   tests         the tests that use the device
#   bench         training steps beside PyTorch, compiled: one process of it a batch size
#   bench_all     training steps and attacks without PyTorch, all precisions
#   kernels       the bandwidth of single kernels
#   convolutions  how fast each convolution of a step is
#   breakdown     where the time of a step goes
#   sanitize      tests under compute-sanitizer
#   train         SGD and SAM on a data set, then FGSM and PGD
#
# A stage that fails does not stop those after it. One that reaches its limit is killed with all that it started. A
# table at the end says what became of each; the exit status is 0 where none failed. Logs and JSON lie in $OUT.
#
# From the environment, with what holds unless given:
#   DEVICE=cuda           cpu or emulated: a rehearsal without a GPU, in small sizes
#   PEER=python3          a Python with torch, which may bring cuDNN and cuBLAS, too
#   OUT=gpu-kit/out       where results go; FEW_FILES=1 keeps there only the table and an archive of the rest
#   TOTAL=SECONDS         for all stages together [no limit]
#   LIMIT_smoke=SECONDS   (and so for each stage) instead of its own limit
#   KIT=DIR               where the archive is unpacked [a folder of its own in $TMPDIR]
#   PEER_SECONDS=160      that a process of the peer may take, for all modes of a batch size
#   MODEL, MODES, BATCHES, PRECISIONS, ALL_PRECISIONS, BENCH_SECONDS, EXECUTIONS (bench, bench_all, kernels, convolutions, breakdown)
#   TEST_FILTER, TEST_SECONDS (tests); CHECKERS, SANITIZE_TESTS, SANITIZE_FILTER (sanitize)
#   DATASET, DATA_DIR, TRAIN_MODEL, TRAIN_PRECISION, EPOCHS, RHO, TRAIN_FLAGS, ATTACK_FLAGS (train)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly SKIPPED=77 # a stage's exit status, where the device is not made for it
declare -A limits=([smoke]=90 [tests]=150 [bench]=360 [bench_all]=120 [kernels]=60 [convolutions]=90 [breakdown]=60 [sanitize]=150 [train]=300)

stages=("${@:-smoke}")
for name in "${stages[@]}"; do
  [ -n "${limits[$name]:-}" ] || { echo "gpu_run: no stage $name; there are ${!limits[*]}" >&2; exit 2; }
done

: "${DEVICE:=cuda}" "${PEER:=python3}" "${OUT:=$here/out}" "${TOTAL:=0}"
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(n=$(nproc); echo $((n < 8 ? n : 8)))} PYTHONUNBUFFERED=1
case $DEVICE in
  cuda*) gpu=1 small=() test_filter='*cuda*:*Cuda*:*gpu*'
    : "${MODEL:=preact_resnet18}" "${BATCHES:=128,512}" "${PRECISIONS:=bf16}" "${ALL_PRECISIONS:=fp32,tf32,bf16}" \
      "${BENCH_SECONDS:=1}" "${TRAIN_MODEL:=preact_resnet18}" "${TRAIN_PRECISION:=bf16}" "${EPOCHS:=10}" ;;
  cpu | emulated) gpu=0 small=(--train-limit 256 --test-limit 100 --width 8) test_filter="*$DEVICE*"
    : "${MODEL:=preact_resnet10}" "${BATCHES:=2,3}" "${PRECISIONS:=fp32}" "${ALL_PRECISIONS:=fp32}" \
      "${BENCH_SECONDS:=0.01}" "${TRAIN_MODEL:=preact_resnet10}" "${TRAIN_PRECISION:=fp32}" "${EPOCHS:=1}" ;;
  *) echo "gpu_run: DEVICE is $DEVICE; it may be cuda, cpu or emulated" >&2; exit 2 ;;
esac
: "${PEER_SECONDS:=160}" "${MODES:=sgd,sam,at}" "${EXECUTIONS:=compile}" "${DATASET:=fashion-mnist}" "${RHO:=0.1}" "${CHECKERS:=memcheck}"

# --- the kit -------------------------------------------------------------------------------------------------------

# Unpacks the archive, unless that was done. A data set is a second archive behind the first (--ignore-zeros).
unpack() {
  local archive=$here/kit.tar.xz
  kit=${KIT:-${TMPDIR:-/tmp}/saddle-gpu-$UID-$(cksum <"$archive" | tr ' ' -)}
  [ -e "$kit/unpacked" ] && return
  mkdir -p "$kit"
  if command -v xz >/dev/null; then
    xz -dc "$archive" | tar --ignore-zeros -C "$kit" -xf -
  else
    "$PEER" -c 'import sys, tarfile
tarfile.open(sys.argv[1], "r:xz", ignore_zeros=True).extractall(sys.argv[2])' "$archive" "$kit"
  fi
  touch "$kit/unpacked"
}

# write_peer(LIBRARIES): $kit/peer is PEER as this machine meant it to run, and for no longer than PEER_SECONDS, so that
# compiling leaves time for the rest. What it answers is kept, should the stage not live to print it.
write_peer() {
  cat >"$kit/peer" <<EOF
#!/bin/bash
set -o pipefail
timeout -k 5 $PEER_SECONDS env LD_LIBRARY_PATH=$(printf %q "$1") $(printf %q "$PEER") "\$@" | tee -a $(printf %q "$results/peer.jsonl")
EOF
  chmod +x "$kit/peer"
}

# Ours come first, then those of Python's nvidia package: the cuDNN that PyTorch uses beside us. The peer itself is
# started with the libraries that this machine meant for it.
find_libraries() {
  local of_machine=${LD_LIBRARY_PATH:-} theirs
  theirs=$("$PEER" -c 'import nvidia; print("\n".join(nvidia.__path__))' 2>/dev/null | while read -r folder; do
    find "$folder" -type d -name lib -printf '%p:'; done) || true
  theirs=$theirs$of_machine
  theirs=${theirs%:} # an empty name would be the working directory
  export LD_LIBRARY_PATH=$kit/lib${theirs:+:$theirs}
  if ldd "$kit"/bin/* 2>&1 | grep -qE "GLIBCXX|CXXABI|GCC_|lib(stdc\+\+|gcc_s)\.so.* not found"; then
    LD_LIBRARY_PATH=$kit/lib:$kit/runtime${theirs:+:$theirs}
  fi
  ldd "$kit"/bin/* 2>&1 | grep -E 'not found' | sort -u | sed 's/^/gpu_run: a library is missing or too old: /' >&2 || true
  write_peer "$of_machine"
  export PATH=$kit/bin:$PATH SADDLE_SOURCE_DIR=$kit/source TORCHINDUCTOR_CACHE_DIR=${TORCHINDUCTOR_CACHE_DIR:-$kit/inductor}
}

# --- the stages: each runs in a shell of its own, which ends at the first command that fails -----------------------

data_flags() {
  echo "--dataset $DATASET"
  if [ -n "${DATA_DIR:-}" ]; then echo "--data-dir $DATA_DIR"; elif [ -d "$kit/data" ]; then echo "--data-dir $kit/data"; fi
  case $DATASET in *mnist) [ "$1" = unpadded ] || echo "--pad-to 32" ;; esac
}

# short_sam(NAME, FLAG...): 16 steps of a small network.
short_sam() {
  local name=$1
  shift
  saddle-train $(data_flags unpadded) --model preact_resnet10 --width 8 --train-limit 1024 --test-limit 500 --epochs 2 \
    --optimizer sam --rho 0.1 --lr 0.03 --quiet --overwrite --output "$kit/smoke-$name" "$@"
}

# loss_of(NAME, EPOCH): the loss of training in that epoch; of the CPU or of a precision.
loss_of() { sed -n "$2s/.*\"train_loss\":\([-+.0-9e]*\).*/\1/p" "$kit/smoke-$1/metrics.jsonl"; }

# agree(WHAT, A, B, BOUND): says so, and fails where the two differ by more or one is no number.
agree() {
  awk -v what="$1" -v a="$2" -v b="$3" -v bound="$4" 'BEGIN {
    number = "^-?[0-9]+([.][0-9]+)?(e[-+]?[0-9]+)?$"
    well = a ~ number && b ~ number && (a - b) ^ 2 <= bound ^ 2
    printf "%s: %s beside %s, bound %s: %s\n", what, a, b, bound, well ? "agrees" : "DISAGREES"
    exit !well }'
}

# The reference is the CPU held to AVX2, so that a rehearsal on the CPU compares two computations, too. In seven pairs of
# runs the CPU's losses so differed by up to 0.002 in the first epoch and 0.010 in the second, in three bf16's on the
# emulated device by up to 0.005 and 0.033. Three seeds lie up to 0.11 apart in the second epoch, and a network that no
# longer learns after the first is off by 0.27.
stage_smoke() {
  if [ $gpu = 1 ]; then nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || true; fi
  echo "$(cat "$kit/commit"), $(uname -sr), $(nproc --all) cores, OMP_NUM_THREADS=$OMP_NUM_THREADS"
  saddle-train --version
  ldd "$kit/bin/saddle-train" | grep -E 'cudnn|cublas|stdc' || true
  local precision of_device=(fp32) failed=0
  [ "$DEVICE" = cpu ] || of_device+=(bf16)
  [ $gpu = 0 ] || of_device=(fp32 tf32 bf16)
  short_sam cpu --device cpu --cpu-isa avx2 --plan default
  for precision in "${of_device[@]}"; do
    short_sam "$precision" --device "$DEVICE" --precision "$precision" || { failed=1; continue; }
    local first=0.02 last=0.1
    case $precision in fp32) first=0.01 last=0.05 ;; tf32) last=0.08 ;; esac
    agree "$precision, epoch 1, loss" "$(loss_of "$precision" 1)" "$(loss_of cpu 1)" $first || failed=1
    agree "$precision, epoch 2, loss" "$(loss_of "$precision" 2)" "$(loss_of cpu 2)" $last || failed=1
  done
  short_attack || failed=1
  return $failed
}

# The CPU's network attacked on the device: as accurate there, and less so under attack.
short_attack() {
  local json=$results/smoke-attack.json clean trained
  rm -f "$json" "$json.state" # of a run before
  saddle-attack $(data_flags unpadded) --device "$DEVICE" --checkpoint "$kit/smoke-cpu/last.safetensors" --test-limit 500 \
    --attack fgsm:eps=4/255 --attack pgd:eps=4/255 --json "$json" || return 1
  clean=$(sed -n 's/.*"clean_accuracy": \([.0-9]*\).*/\1/p' "$json")
  trained=$(sed -n '$s/.*"test_accuracy":\([.0-9]*\).*/\1/p' "$kit/smoke-cpu/metrics.jsonl")
  agree "clean accuracy" "$clean" "$trained" 0.41 || return 1 # two images of 500
  sed -n 's/.*"robust_accuracy": \([.0-9]*\).*/\1/p' "$json" | awk -v clean="$clean" '
    $1 >= clean { wrong = 1 } END { if (wrong || !NR) { print "the attacks do not lower the accuracy: DISAGREES"; exit 1 } }'
}

# run_tests(PROGRAM, FILTER): its output but for what passed, then a line of what became of it.
run_tests() {
  local log=$kit/$1.log status=0 count failed skipped
  # One thread and the default plans, as tests/run.sh has them.
  OMP_NUM_THREADS=1 SADDLE_PLAN=default timeout -k 2 "${TEST_SECONDS:-60}" "$1" --gtest_filter="$2" >"$log" 2>&1 || status=$?
  count=$(sed -nE 's/^\[=+\] ([0-9]+) tests? from .* ran.*/\1/p' "$log")
  failed=$(sed -nE 's/^\[  FAILED  \] ([^ ,]+[.][^ ,]+).*/\1/p' "$log" | awk '!seen[$0]++')
  [ $status = 0 ] || grep -vE '^\[( RUN|       OK|-----)' "$log" | head -n 200 || true
  skipped=$(grep -cE '^\[  SKIPPED \] .* \([0-9]+ ms\)$' "$log") || true
  echo "$1: ${count:-no} tests ran, $skipped of them skipped, exit status $status"
  [ -z "$failed" ] || sed "s/^/  failed: $1: /" <<<"$failed"
  if [ -z "$count" ]; then echo "  ended in: $1: $(sed -n 's/^\[ RUN      \] //p' "$log" | tail -n 1)"; fi
  # No test at all, or none that was not skipped, is no success: the device was not found.
  [ $status = 0 ] && [ "${count:-0}" -gt "$skipped" ]
}

stage_tests() {
  local program failed=0
  for program in "$kit"/bin/test_*; do
    program=$(basename "$program")
    case $program in
      # Plans of cuDNN for GPUs that it is told of, without one.
      test_cudnn) run_tests "$program" "${TEST_FILTER:-*}" || failed=1 ;;
      *) run_tests "$program" "${TEST_FILTER:-$test_filter}" || failed=1 ;;
    esac
  done
  return $failed
}

# bench(NAME, FLAG...): fails where a peer has.
bench() {
  local name=$1
  shift
  saddle-bench --device "$DEVICE" --model "$MODEL" --rounds 1 --seconds "$BENCH_SECONDS" --json "$results/$name.json" "$@" |
    tee "$kit/$name.table" || return 1
  ! grep -q '| failed |' "$kit/$name.table"
}

stage_bench() {
  "$kit/peer" -c 'import torch; print("PyTorch", torch.__version__)' || {
    echo "gpu_run: $PEER has no torch; say with PEER which Python has, or run bench_all" >&2
    return 1
  }
  local batch failed=0
  # A run each, so that what the first found is kept where the second is killed.
  for batch in ${BATCHES//,/ }; do
    bench "bench-$batch" --precisions "$PRECISIONS" --mode "$MODES" --batch "$batch" --peer "$kit/peer" \
      --peer-execution "$EXECUTIONS" || failed=1
  done
  return $failed
}

stage_bench_all() { bench bench-all --precisions "$ALL_PRECISIONS" --mode sgd,sam,at,pgd --batch "$BATCHES"; }
stage_kernels() { bench kernels --kernels --precisions "$PRECISIONS" --batch "${BATCHES##*,}"; }
stage_convolutions() {
  BENCH_SECONDS=0.05 bench convolutions --convolutions --precisions "$PRECISIONS" --mode sgd --batch "${BATCHES%%,*}"
}
stage_breakdown() { bench breakdown --breakdown --precisions "$PRECISIONS" --mode "$MODES" --batch "${BATCHES%%,*}"; }

stage_sanitize() {
  if [ $gpu = 0 ]; then
    echo "compute-sanitizer looks into kernels on a GPU"
    return $SKIPPED
  fi
  # Tests of networks, and of what cuDNN and cuBLAS compute, take longer there than such a machine is at hand.
  export TESTS=${SANITIZE_TESTS:-test_core}
  export SANITIZE_FILTER=${SANITIZE_FILTER:-*cuda*:*Cuda*:*gpu*-*onvolution*:*pilogue*:*emm*}
  "$SADDLE_SOURCE_DIR/tests/gpu_sanitize.sh" "$kit/bin" $CHECKERS
}

stage_train() {
  local optimizer checkpoints=()
  for optimizer in sgd sam; do
    saddle-train $(data_flags padded) --device "$DEVICE" --precision "$TRAIN_PRECISION" --model "$TRAIN_MODEL" "${small[@]}" \
      --epochs "$EPOCHS" --optimizer $optimizer $([ $optimizer = sgd ] || echo "--rho $RHO") ${TRAIN_FLAGS:-} \
      --overwrite --output "$kit/train-$optimizer"
    cp "$kit/train-$optimizer/metrics.jsonl" "$results/train-$optimizer.jsonl"
    checkpoints+=(--checkpoint "$kit/train-$optimizer/last.safetensors")
  done
  local test_limit=() json=$results/train-attacks.json
  rm -f "$json" "$json.state" # of a run before
  [ $gpu = 1 ] || test_limit=(--test-limit 100)
  saddle-attack $(data_flags padded) --device "$DEVICE" "${checkpoints[@]}" "${test_limit[@]}" ${ATTACK_FLAGS:-} --attack fgsm:eps=4/255 \
    --attack pgd:eps=1/255 --attack pgd:eps=4/255 --attack pgd:norm=l2,eps=32/255 --json "$json"
}

# --- running them --------------------------------------------------------------------------------------------------

declare -A rc=() seconds=() allowed=() verdict=()
running=

# descendants(PID): those that live, in whatever process groups.
descendants() {
  cat /proc/[0-9]*/stat 2>/dev/null | sed 's/(.*)//' | awk -v root="$1" '
    { parent[$1] = $3 }
    END { for (p in parent) { for (a = parent[p]; a in parent && a != root; a = parent[a]); if (a == root) print p } }'
}

# kill_stage(PID): its process group and those that timeout has made within it.
kill_stage() {
  local all
  all=$(descendants "$1")
  kill -TERM -- -"$1" $all 2>/dev/null || true
  sleep 1 # for those who put something in order first
  kill -KILL -- -"$1" $all 2>/dev/null || true
}

# limited(SECONDS, NAME): the stage in a process group of its own, of which nothing is left afterwards.
limited() {
  local pid deadline=$((SECONDS + $1)) killed=0 status=0
  set -m
  (set +m -e; "stage_$2") >"$OUT/$2.log" 2>&1 </dev/null &
  pid=$! running=$pid
  set +m
  while kill -0 $pid 2>/dev/null; do
    if [ $SECONDS -ge $deadline ]; then
      kill_stage $pid
      killed=1
      break
    fi
    sleep 0.1
  done
  { wait $pid || status=$?; } 2>/dev/null
  kill -KILL -- -$pid 2>/dev/null || true
  running=
  [ $killed = 0 ] || return 124
  return $status
}

run_stage() {
  local name=$1 own=LIMIT_$1 begin=$SECONDS status left
  local limit=${!own:-${limits[$name]}}
  if [ "$TOTAL" -gt 0 ]; then
    left=$((TOTAL - SECONDS))
    [ $left -ge 5 ] || return 0 # it stays "not run"
    limit=$((limit < left ? limit : left))
  fi
  set +e # not "|| status=$?", after which bash would let no command of the stage end it
  limited "$limit" "$name"
  status=$?
  set -e
  rc[$name]=$status seconds[$name]=$((SECONDS - begin)) allowed[$name]=$limit
  case $status in
    0) verdict[$name]=passed ;;
    $SKIPPED) verdict[$name]=skipped ;;
    124) verdict[$name]="OVER ITS LIMIT" ;;
    *) verdict[$name]=FAILED ;;
  esac
  echo "-- $name: ${verdict[$name]}; its log ends so:"
  tail -n "${TAIL:-12}" "$OUT/$name.log" | cut -c1-200
  collect "$name"
}

# Where few files come back from that machine.
collect() {
  [ -n "${FEW_FILES:-}" ] || return 0
  mv "$OUT/$1.log" "$results/"
  tar -C "$results" -czf "$OUT/results.tar.gz.new" .
  mv "$OUT/results.tar.gz.new" "$OUT/results.tar.gz"
}

# The table; fails where a stage has.
summary() {
  local name failed=0
  printf '\n%-12s %4s %8s %6s  %s\n' stage rc seconds limit verdict
  for name in "${stages[@]}"; do
    printf '%-12s %4s %8s %6s  %s\n' "$name" "${rc[$name]:--}" "${seconds[$name]:--}" "${allowed[$name]:--}" \
      "${verdict[$name]:-not run}"
    case ${verdict[$name]:-not run} in passed | skipped) ;; *) failed=1 ;; esac
  done
  return $failed
}

finish() {
  local status=0
  if [ -n "$running" ]; then
    kill_stage $running
    wait $running 2>/dev/null || true
  fi
  summary >"$OUT/summary.txt" || status=1
  cat "$OUT/summary.txt"
  exit $status
}

unpack
mkdir -p "$OUT"
results=$OUT
[ -z "${FEW_FILES:-}" ] || results=$kit/results
mkdir -p "$results"
find_libraries
trap finish TERM INT # this machine's time is over: say what is known
for name in "${stages[@]}"; do run_stage "$name"; done
finish
