#!/usr/bin/env bash
# Packs a build for a machine that cannot build it: one with a GPU, but without a network or the libraries that
# Saddle links. There gpu_run.sh, which is put beside the archive, unpacks and runs it.
#
#   apps/bench/gpu_pack.sh BIN [OUT]        BIN: a folder of programs; OUT: gpu-kit unless given
#
# From the environment:
#   PROGRAMS="NAME ..."   of BIN [those that gpu_run.sh has a stage for]
#   GPU_DATA=DIR|none     a data set's folder [Debian's Fashion-MNIST, where it fits]
#   GPU_EXTRA="PATH ..."  further files and folders, found there in $KIT/extra
#   GPU_KIT_MIB=N         the most that archive and script may take [60]
#   XZ_PRESET=0...9       how hard to compress [6]
set -euo pipefail
tree=$(cd "$(dirname "$0")/../.." && pwd)
bin=${1:?usage: gpu_pack.sh BIN [OUT]} out=${2:-gpu-kit}
programs=${PROGRAMS:-test_core test_cudnn test_layers test_optim test_attacks test_train saddle-train saddle-attack saddle-bench}
data=${GPU_DATA:-/usr/share/datasets/fashion-mnist}
most=$((${GPU_KIT_MIB:-60} << 20))

fail() {
  echo "gpu_pack: $*" >&2
  exit 1
}

kit=$(mktemp -d)
trap 'rm -rf "$kit"' EXIT
mkdir -p "$kit"/kit/{bin,lib,runtime,extra,source/apps/bench,source/apps/reproduce,source/tests/attacks/text} "$kit/data" "$out"

for program in $programs; do
  [ -x "$bin/$program" ] || fail "$bin/$program is missing. Build it, or say with PROGRAMS what to pack"
  strip -o "$kit/kit/bin/$program" "$bin/$program"
done

# Of the libraries
#   * CUDA's and cuDNN's stay here: they are larger than all else, PyTorch brings them, and driver and library must fit;
#   * so do those of glibc, which fit that machine's loader alone (gpu_run.sh says so where it is too old);
#   * libstdc++ and libgcc_s go apart: one of the two machines has the later one, which serves the programs of both,
#     and the driver's libraries are loaded into the same process. gpu_run.sh uses ours where that machine's is too old;
#   * all others are carried and come first there, libgomp among them, which a machine without compilers lacks.
lost=$(cd "$bin" && ldd $programs | awk '/not found/ {print $1}' | sort -u | tr '\n' ' ')
[ -z "$lost" ] || fail "this machine itself lacks $lost"
(cd "$bin" && ldd $programs) | awk '/=> \// {print $3}' | sort -u | while read -r library; do
  case $(basename "$library") in
    libcuda* | libcudnn* | libcublas* | libnv*) ;;
    ld-linux* | libc.so* | libm.so* | libmvec.so* | libdl.so* | librt.so* | libpthread.so* | libresolv.so*) ;;
    libstdc++.so* | libgcc_s.so*) cp -L "$library" "$kit/kit/runtime/" ;;
    *) cp -L "$library" "$kit/kit/lib/" ;;
  esac
done

# What programs and tests read of the tree, which $SADDLE_SOURCE_DIR is then for them.
cp -R "$tree/tests/vectors" "$kit/kit/source/tests/"
cp "$tree/tests/attacks/text/tagged_reviews.txt" "$kit/kit/source/tests/attacks/text/"
cp "$tree/tests/gpu_sanitize.sh" "$kit/kit/source/tests/"
cp -R "$tree/apps/reproduce/tables" "$kit/kit/source/apps/reproduce/"
cp "$tree"/apps/bench/*.py "$kit/kit/source/apps/bench/"
find "$kit/kit/source" -name __pycache__ -prune -exec rm -rf {} +
for path in ${GPU_EXTRA:-}; do cp -RL "$path" "$kit/kit/extra/"; done
git -C "$tree" describe --always --dirty >"$kit/kit/commit" 2>/dev/null || echo unknown >"$kit/kit/commit"

# packed(FOLDER, OPTION...): the programs hold mostly the same code, so the compressor looks back over several of them.
packed() {
  tar -C "$1" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -chf - . | xz -c "${@:2}"
}
archive=$out/kit.tar.xz
packed "$kit/kit" --lzma2=preset="${XZ_PRESET:-6}",dict=96MiB >"$archive"
script=$(stat -c %s "$tree/apps/bench/gpu_run.sh")

# Data sets come compressed, or as photographs: stored as they are, in a second archive behind the first.
if [ "$data" != none ] && [ -d "$data" ]; then
  ln -s "$(realpath "$data")" "$kit/data/data"
  packed "$kit/data" -0 >"$kit/data.tar.xz"
  if [ $(($(stat -c %s "$archive" "$kit/data.tar.xz" | paste -sd+) + script)) -le $most ] || [ -n "${GPU_DATA:-}" ]; then
    cat "$kit/data.tar.xz" >>"$archive"
  else
    echo "gpu_pack: $data is left out, it does not fit into $((most >> 20)) MiB" >&2
    data=none
  fi
else
  [ -z "${GPU_DATA:-}" ] || [ "$data" = none ] || fail "GPU_DATA: there is no folder $data"
  data=none
fi
cp "$tree/apps/bench/gpu_run.sh" "$out/"
size=$(($(stat -c %s "$archive") + script))
awk -v size=$size -v out="$out" -v data="$data" 'BEGIN { printf "%s: %.1f MiB, data: %s\n", out, size / 1048576, data }'
[ $size -le $most ] || fail "that is more than $((most >> 20)) MiB: pack less (PROGRAMS, GPU_DATA, GPU_EXTRA) or allow more (GPU_KIT_MIB)"
