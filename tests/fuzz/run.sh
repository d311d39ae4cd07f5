#!/usr/bin/env bash
# Builds every fuzz target and runs each for SECONDS (default 12): tests/fuzz/run.sh [SECONDS]
#
# One line a target. Exit 1 if a parser crashed, hung, took too much memory or broke a promise;
# the offending input is kept and named. What the fuzzer learns stays in build-fuzz/corpus.
# A fresh corpus meets the same inputs in the same order each time; FUZZ_SEED=N takes others.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-12}
if ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then
  echo "run.sh: error: SECONDS is '$seconds', expected a whole number from 1. Try: run.sh 12" >&2
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

seeds_csv_fuzz() {
  printf 'text,label\n"a ""fine"", film",1\r\n\nb,0\n' > "$1/comma"
  printf '\xef\xbb\xbflabel\ttext\n1\t"two\nlines"\n0\tcaf\xc3\xa9' > "$1/tab"
}

seeds_image_fuzz() { tests/fuzz/image_seeds.py "$1"; }
seeds_label_png_fuzz() { tests/fuzz/image_seeds.py --labels "$1"; }

words_label_png_fuzz() {
  local word
  for word in IHDR PLTE tRNS IDAT IEND CgBI; do printf '"%s"\n' "$word"; done
}

words_image_fuzz() {
  local word
  words_label_png_fuzz
  for word in d8 c0 c2 c4 da db dd e0 ee d9; do printf '"\\xff\\x%s"\n' "$word"; done  # markers
}

seeds_label_text_fuzz() {
  printf '0 1 2\n7 -1 3\r\n' > "$1/regions"
  printf '# Camera\n128 64 0  3\n0,0,0 255 # void\n' > "$1/colours"
  printf '7 0\n255 1\n' > "$1/map"
}

seeds_tiny_imagenet_fuzz() {
  printf 'n00000002\nn00000001\r\n\n' > "$1/wnids"
  printf 'val_1.JPEG\tn00000002\t0\t0\t9\t9\nval_0.JPEG\tn00000001\n' > "$1/annotations"
  printf 'n00000001\ttench, Tinca tinca\nn00000009\tother\n' > "$1/words"
}

seeds_wordpiece_fuzz() {
  local special='[PAD]\n[UNK]\n[CLS]\n[SEP]\n'
  printf "$special"'[MASK]\nun\n##aff\n##able\n.\nthe\n\xe6\x9d\xb1\n\0The [MASK], Unaffable \xe6\x9d\xb1\xe4\xba\xac.' \
    > "$1/small"
  printf "$special"'a\r\n##a\r\n##aa\r\n\0aaaaa a\xcc\x81 \xed\x95\x9c\xe3\x80\xae\xc2\xad\xcd\xbe\xff' > "$1/marks"
}

words_wordpiece_fuzz() {
  local word
  for word in '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' '##' '\xcc\x81' '\xe3\x80\xae' '\xe6\x9d\xb1' '\xea\xb0\x81' \
      '\xe2\x80\x8d' '\xf0\xab\xa4\xa0'; do
    printf '"%s"\n' "$word"
  done
}

# The members of a sound state.
state_summary='"robust_accuracy":50,"max_linf":0.1,"max_l2":1,"max_l1":2,"forward":3,"backward":4,"seconds":0.5,
"attacked":2,"warnings":["w"],"members":[{"name":"m","robust_accuracy":50,"forward":3,"backward":4,"seconds":0.5,
"zero_gradients":1}]'

seeds_attack_state_fuzz() {
  local begin='{"command":{"attacks":"fgsm"},"circumstances":{"threads":"1"},"finished":['
  printf '%s{%s}]}' "$begin" "$state_summary" > "$1/finished"
  printf '%s],"current":{%s},"queue":{"member":0,"attempt":1,"position":1}}' "$begin" "$state_summary" > "$1/current"
}

words_json() {
  local word
  for word in '{' '}' '[[' ']]' '":' '",' null true false -1 1e400 1e300 9223372036854775808 0.5 u0000 "$@"; do
    printf '"%s"\n' "${word//\"/\\\"}"
  done
}

words_attack_state_fuzz() {
  words_json command finished current queue members warnings robust_accuracy max_linf forward seconds attacked
}

seeds_pixel_state_fuzz() {
  local result='{"forward":3,"backward":4,"seconds":0.5}'
  printf '{"command":{"attacks":"pgd"},"results":{"0.0":%s,"0.1":%s}}' "$result" "$result" > "$1/state"
  { cat "$1/state"; printf '\0\0\0\0\1'; } > "$1/overlaid"
}

words_pixel_state_fuzz() { words_json command results 0.0 0.1 forward backward seconds attacks pgd; }

seeds_text_state_fuzz() {
  local scores='"score_before":0.25,"predicted_before":1,"score_after":0.75,"predicted_after":0'
  local counts='"queries":7,"asked":5,"rejected_candidates":0'
  local one="{\"index\":0,\"label\":1,$scores,$counts,\"original\":\"a good film\",\"adversarial\":\"a bad film\"}"
  printf '{"command":{"attacks":"pso; iga"},"attacks":[{"seconds":0.5,"outcomes":[%s]},{"seconds":0,"outcomes":[]}]}' \
    "$one" > "$1/state"
}

words_text_state_fuzz() {
  words_json command attacks seconds outcomes index label original adversarial queries asked rejected_candidates \
    score_before predicted_before score_after predicted_after
}

seeds_model_json_fuzz() {
  printf '{"model":"preact_resnet10","options":{"width":4,"patch":2},"classes":2,"input_shape":[3,8,8],
"mean":[0.5,0.5,0.5],"std":[1,1,1],"class_names":["a","b"]}' > "$1/model"
  printf '{"model":"deeplabv3_mobilenetv2","options":{"width":0.5,"output_stride":8,"rates":[3,6,9],
"head_channels":64,"dropout":0.5,"padding":"inside","stretched_pixels":false},"classes":2,"input_shape":[3,8,8],
"mean":[0.5,0.5,0.5],"std":[1,1,1]}' > "$1/pixels"
}

words_model_json_fuzz() {
  words_json model options width patch classes input_shape mean std class_names deeplabv3_mobilenetv2 \
    deeplabv3_resnet50 output_stride rates head_channels dropout padding before inside stretched_pixels
}

seeds_plan_file_fuzz() {
  printf '{"saddle_plans":1,"machine":"CPU (0x1), avx2, oneDNN 3.2.0","plans":{"forward 8x8, 2 > 4":"winograd"}}' > "$1/plans"
}

words_plan_file_fuzz() { words_json saddle_plans machine plans; }

seeds_run_json_fuzz() {
  printf '{"run":"0123","epochs_done":1,"steps_done":4,"best_accuracy":50.5,"batches_tracked":4,"optimizer_steps":4,
"metrics":[{"epoch":1,"seconds":0.5,"test_accuracy":50.5}]}' > "$1/position"
  printf '{"settings":{"epochs":2},"inputs":{"train_data":"0"},"environment":{"threads":1},"warnings":[]}' > "$1/config"
}

words_run_json_fuzz() {
  words_json run epochs_done steps_done best_accuracy batches_tracked optimizer_steps metrics epoch seconds \
    test_accuracy settings inputs environment warnings
}

seeds_reproduce_fuzz() {
  cp apps/reproduce/tables/table5.json "$1/table"
  cp apps/reproduce/tables/presets.json "$1/presets"
  printf '{"train":["saddle-train","--epochs","2"],"fgsm":["saddle-attack"]}' > "$1/commands"
  printf '{"settings":{"epochs":2},"environment":{"version":"1","device":"cpu","threads":1},"warnings":[]}' > "$1/config"
  printf '{"epoch":1,"test_accuracy":50.5,"seconds":1.5}\n{"epoch":2,"test_accuracy":60,"seconds":1}\n' > "$1/metrics"
  printf '{"finished":true,"examples":2,"clean_accuracy":50,"device":"cpu","warnings":[],"attacks":[{"attacked":1,
"robust_accuracy":25,"seconds":1,"warnings":["w"]}],"eps_curves":[{"eps":[0.1],"robust_accuracy":[25]}]}' > "$1/result"
  printf 'checkpoint,attack,example,attacked,broken,linf\n"m","fgsm:a=1,b",0,1,0,0.5\n"m","x",1,0,0,0\n' > "$1/csv"
  printf '{"epoch":1,"iteration":4,"test_miou":50.5,"seconds":1.5}\n' > "$1/metrics_of_pixels"
  printf '{"examples":2,"clean":{"miou":50},"device":"cpu","warnings":[],"attacks":[{"eps":0.1,"miou":25,"seconds":1,
"warnings":["w"]}]}' > "$1/result_of_pixels"
  local counts='{"dtype":"I64","shape":[1,1,1,1],"data_offsets":[0,8]}'
  { safetensors "{\"attacks\":$counts}" ''; little_endian 7; } > "$1/counts"
}

words_reproduce_fuzz() {
  words_json table title task dataset notes average columns rows key attack name flags model paper seeds about train \
    attacks eps_curves eps robust_accuracy clean_accuracy examples attacked finished device warnings seconds \
    environment version threads test_accuracy settings epochs segmentation test_miou iteration miou clean I64
}

seeds_text_resources_fuzz() {
  printf '{"film":{"noun":["movie","pic"],"verb":["shoot"],"adj":[],"adv":[]},"good":{}}' > "$1/bank"
  printf '{"index":0,"tags":["DET","NOUN"]}\n{"index":7,"tags":[]}\r\n' > "$1/tags"
  printf 'the\nof\r\n\nThe\n' > "$1/stop_words"
}

words_text_resources_fuzz() { words_json index tags noun verb adj adv DET NOUN PROPN CCONJ SCONJ PUNCT SYM X; }

# numpy_file TYPE SHAPE DATA
numpy_file() {
  local header="{'descr': '$1', 'fortran_order': False, 'shape': ($2), }"
  printf "\\x93NUMPY\\x01\\x00\\x$(printf %02x ${#header})\\x00%s%b" "$header" "$3"
}

seeds_word_vectors_fuzz() {
  printf 'the 3 4\nfilm -1e0 0.5\nthe 0 0\n' > "$1/glove"
  printf '2 3\na 1 2 3 \nb 4 5 6\r\n' > "$1/word2vec"
  numpy_file '<f4' '2, 1' '\0\0\x80\x3f\0\0\0\xc0' > "$1/f4"
  numpy_file '<f8' '1, 1' '\0\0\0\0\0\0\xf0\x3f' > "$1/f8"
  numpy_file '<i4' '3, 1' '\0\0\0\0\1\0\0\0\2\0\0\0' > "$1/i4"
  numpy_file '<i8' '3, 1' '\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0' > "$1/i8"
}

words_word_vectors_fuzz() {
  words_json "'descr'" "'fortran_order'" "'shape'" False True '<f4' '<f8' '<i4' '<i8' '(3, 1)' 1e39 nan inf
}

# A part of speech of WordNet: its index, data and exceptions, each with a form feed behind it.
part_of_wordnet() {
  local pos=$1 frames=$2 lemma
  for lemma in bad good; do printf '%s %s 1 1 ! 1 0 00000000  \n' $lemma "$pos"; done
  printf '\f00000000 03 %s 02 good 0 Bad 1 003 ! 00000000 %s 0102 @ 00000000 %s 0000 ~ 00000000 n 0000%s | g  \n' \
    "$pos" "$pos" "$pos" "$frames"
  printf '\fbetter good bad\nbest good\n\f'
}

seeds_wordnet_fuzz() {
  {
    part_of_wordnet n ''; part_of_wordnet v ' 01 + 08 00'; part_of_wordnet a ''; part_of_wordnet r ''
    printf 'good%%1:07:00:: 1 20\ngood%%5:00:00:bad:00 2 3\n'
  } > "$1/all"
}

words_wordnet_fuzz() { words_json '00000000' '!' '@' '~' '&' '0101' ' s ' ' 01 ' '%1:' '%5:' 'ies' 'ing' '(ip)' '\x0c'; }

# ---- Build and run ----

if ! { cmake --preset fuzz && cmake --build --preset fuzz -j 2; } > "$build/build.log" 2>&1; then
  tail -n 30 "$build/build.log" >&2
  echo "run.sh: error: the fuzz targets do not build; the whole log is $build/build.log" >&2
  exit 1
fi

# fuzz TARGET: its one line; 1 if something was found.
fuzz() {
  local target=$1 corpus=$build/corpus/$1 log=$build/$1.log runs input what
  local options=(-seed="${FUZZ_SEED:-1}" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048
    -malloc_limit_mb=1024 -max_len=8192 -print_final_stats=1 -artifact_prefix="$build/findings/$target-")
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
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    what=$(grep -m 1 -oE '(ERROR|SUMMARY): .*|.*runtime error: .*' "$log" || true)
    echo "$target: FOUND $what, log $log, repeat with: $build/bin/$target ${input:-INPUT}"
    return 1
  fi
}

mkdir -p "$build/findings"
running=()
for source in tests/fuzz/*_fuzz.cpp; do
  while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n || true; done  # their ends are looked at below
  fuzz "$(basename "$source" .cpp)" &
  running+=($!)
done
found=0
for process in "${running[@]}"; do wait "$process" || found=1; done
exit $found
