#!/usr/bin/env bash
# Builds every fuzz target and runs each for SECONDS (default 20): tests/fuzz/run.sh [SECONDS]
#
# One line a target. Exit 1 if a parser crashed, hung, took too much memory or broke a promise;
# the offending input is kept and named. What the fuzzer learns stays in build-fuzz/corpus.
# A fresh corpus meets the same inputs in the same order each time; FUZZ_SEED=N takes others.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-20}
if ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then
  echo "run.sh: error: SECONDS is '$seconds', expected a whole number from 1. Try: run.sh 20" >&2
  exit 2
fi

build=build-fuzz
install_hint="Install both: apt-get install clang libclang-rt-dev"
if ! command -v clang++ > /dev/null; then
  echo "run.sh: error: clang++ is missing, and libFuzzer comes with it. $install_hint" >&2
  exit 1
fi
mkdir -p "$build"
probe='extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'
if ! clang++ -fsanitize=fuzzer,address,undefined -x c++ - -o "$build/probe" <<< "$probe" \
    2> "$build/probe.log"; then
  echo "run.sh: error: clang++ cannot link libFuzzer (see $build/probe.log). $install_hint" >&2
  exit 1
fi

# ---- Seeds: a few sound files, so that the fuzzer starts behind the first checks ----

# little_endian N: N as eight bytes.
little_endian() {
  local n=$1 i
  for i in 1 2 3 4 5 6 7 8; do
    printf "\\x$(printf %02x $((n & 255)))"
    n=$((n >> 8))
  done
}

# safetensors HEADER DATA
safetensors() {
  little_endian "${#1}"
  printf '%s%s' "$1" "$2"
}

seeds_safetensors_fuzz() {
  safetensors '{}' '' > "$1/empty"
  safetensors '{"__metadata__":{"format":"pt","k":"\u00e9\n"}}  ' '' > "$1/metadata"
  local dtype size fields i
  local sizes=(F64 8 F32 4 F16 2 BF16 2 I64 8 I32 4 U8 1)
  for ((i = 0; i < ${#sizes[@]}; i += 2)); do
    dtype=${sizes[i]} size=${sizes[i + 1]}
    fields="\"dtype\":\"$dtype\",\"shape\":[2,1],\"data_offsets\":[0,$((2 * size))]"
    safetensors "{\"a.b\":{$fields}}" "$(head -c $((2 * size)) <<< abcdefghijklmnopq)" > "$1/$dtype"
  done
  local scalar='{"dtype":"U8","shape":[],"data_offsets":[0,1]}'
  local nothing='{"dtype":"BOOL","shape":[0,7],"data_offsets":[1,1]}'
  safetensors "{\"s\":$scalar,\"n\":$nothing}" x > "$1/scalar_and_nothing"
}

# The words of the format, for the fuzzer to put in where it likes.
words_safetensors_fuzz() {
  local word
  for word in __metadata__ dtype shape data_offsets F64 F32 F16 BF16 I64 I32 U8 BOOL F8_E4M3 \
      '[0,0]' '[]' '{}' ':{' '},' 9007199254740991 4294967296 1e9 -0 null true 'u0061' 'ud83d'; do
    printf '"%s"\n' "$word"
  done
}

seeds_idx_fuzz() {
  printf '\0\0\x08\x03\0\0\0\x02\0\0\0\x03\0\0\0\x01abcdef' > "$1/images"
  printf '\0\0\x08\x01\0\0\0\x03\x00\x05\x09' > "$1/labels"
  gzip -nc "$1/images" > "$1/images_gz"
  gzip -nc "$1/labels" > "$1/labels_gz"
}

seeds_cifar_fuzz() {
  head -c 3073 /dev/zero > "$1/cifar10"
  head -c 6148 /dev/zero > "$1/cifar100"
  printf 'cat\ndog\r\nfrog\n\n' > "$1/names"
}

# hex DIGITS: the bytes.
hex() {
  local i
  for ((i = 0; i < ${#1}; i += 2)); do printf "\\x${1:i:2}"; done
}

# A JPEG of one channel, 8 x 8, and a PNG with a palette, 9 x 5.
seeds_image_fuzz() {
  hex "ffd8ffe000104a46494600010100000100010000ffdb0043000201010101010201010102020202020403\
020202020504040304060506060605060606070908060709070606080b08090a0a0a0a0a06080b0c0b0a\
0c090a0a0affc0000b080008000801011100ffc40014000100000000000000000000000000000007ffc4\
00181000020300000000000000000000000000000a4583c1ffda0008010100003f00235dc82af0ffd9" > "$1/jpeg"
  hex "89504e470d0a1a0a0000000d4948445200000009000000050203000000ea3d2ef80000000c504c544596\
9680269680961980261980f050282d0000001849444154789c63fcbffa1a130303034328030313030403\
00313002ddddbd28d50000000049454e44ae426082" > "$1/png"
}

words_image_fuzz() {
  local word
  for word in IHDR PLTE tRNS IDAT IEND CgBI; do printf '"%s"\n' "$word"; done
  for word in d8 c0 c2 c4 da db dd e0 ee d9; do printf '"\\xff\\x%s"\n' "$word"; done  # markers
}

seeds_tiny_imagenet_fuzz() {
  printf 'n00000002\nn00000001\r\n\n' > "$1/wnids"
  printf 'val_1.JPEG\tn00000002\t0\t0\t9\t9\nval_0.JPEG\tn00000001\n' > "$1/annotations"
  printf 'n00000001\ttench, Tinca tinca\nn00000009\tother\n' > "$1/words"
}

# ---- Build and run ----

if ! { cmake --preset fuzz && cmake --build --preset fuzz -j 2; } > "$build/build.log" 2>&1; then
  tail -n 30 "$build/build.log" >&2
  echo "run.sh: error: the fuzz targets do not build; the whole log is $build/build.log" >&2
  exit 1
fi

found=0
mkdir -p "$build/findings"
for source in tests/fuzz/*_fuzz.cpp; do
  target=$(basename "$source" .cpp)
  corpus=$build/corpus/$target
  log=$build/$target.log
  options=(-seed="${FUZZ_SEED:-1}" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024
    -max_len=8192 -print_final_stats=1 -artifact_prefix="$build/findings/$target-")
  rm -rf "$build/seeds/$target"
  mkdir -p "$corpus" "$build/seeds/$target"
  if declare -F "seeds_$target" > /dev/null; then "seeds_$target" "$build/seeds/$target"; fi
  if declare -F "words_$target" > /dev/null; then
    "words_$target" > "$build/$target.words"
    options+=(-dict="$build/$target.words")
  fi
  if "$build/bin/$target" "${options[@]}" "$corpus" "$build/seeds/$target" > "$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$target: nothing found in $runs runs ($seconds s)"
  else
    found=1
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    what=$(grep -m 1 -oE '(ERROR|SUMMARY): .*|.*runtime error: .*' "$log" || true)
    echo "$target: FOUND $what, log $log, repeat with: $build/bin/$target ${input:-INPUT}"
  fi
done
exit $found
