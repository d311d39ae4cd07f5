// The block context: what a block kernel may ask of the block of threads it runs in.
//
// A block kernel is a struct of plain data:
//
//   struct RowSums {
//     static constexpr int kThreads = 256;                       // a multiple of 32, at most 1024
//     Array<const float> x;  Array<float> y;  std::int64_t columns;  // x [rows, columns], y [rows]
//     template <class Block>
//     SADDLE_DEVICE void operator()(Block& b) const { ... }      // what one thread does
//     void reference(std::int64_t block) const;                  // one block's work as plain loops
//   };
//
// `b` is a CudaBlock on a GPU and an EmulatedBlock (emulator.h) on a CPU. Both offer:
//
//   int b.thread()             which thread of the block this is, [0, b.threads())
//   int b.threads()            kThreads
//   std::int64_t b.block()     which block this is, [0, b.blocks())
//   std::int64_t b.blocks()    how many blocks were launched
//   b.sync()                   returns when every thread of the block has called it; what one wrote
//                              to memory before, all read after
//   b.template shared<Tag, T, N>()
//                              an array of N elements (T trivial) that the block's threads share,
//                              one for each (Tag, T, N); its contents are undefined at first
//   T b.shuffle_xor(value, lane_mask)
//                              the `value` of the thread whose lane (place in its warp) is
//                              lane ^ lane_mask, [1, 31]; all 32 threads of the warp must call it
//                              alike; it is no barrier for memory
//
// A kernel may also have a `kResidentBlocks`: how many blocks share a multiprocessor (README.md).
//
// Kernels use sync and shuffle_xor only through collectives.h. An element of shared memory is read
// into a variable with its type written out, `const float x = sums[i];`: with `auto`, which would
// name the emulator's stand-in for the element, it does not compile.
#pragma once

#include <cstdint>

#include "kernels/portable.h"

namespace saddle {

inline constexpr int kWarp = 32;  // threads of a warp
inline constexpr int kMaxBlockThreads = 1024;

// Whether a block of so many threads exists on every card.
constexpr bool is_block_size(int threads) {
  return threads > 0 && threads <= kMaxBlockThreads && threads % kWarp == 0;
}

#if defined(__CUDACC__)

// The block context on a GPU. `Threads` is the kernel's kThreads, the extent of the launch.
template <int Threads>
struct CudaBlock {
  static_assert(is_block_size(Threads));

  __device__ __forceinline__ int thread() const { return static_cast<int>(threadIdx.x); }
  __device__ __forceinline__ int threads() const { return Threads; }
  __device__ __forceinline__ std::int64_t block() const { return blockIdx.x; }
  __device__ __forceinline__ std::int64_t blocks() const { return gridDim.x; }
  __device__ __forceinline__ void sync() const {
    if constexpr (Threads == kWarp) {
      __syncwarp();  // all threads there are, without the block's barrier
    } else {
      __syncthreads();
    }
  }

  template <class Tag, class T, int N>
  __device__ __forceinline__ T* shared() const {
    __shared__ T elements[N];
    return elements;
  }

  template <class T>
  __device__ __forceinline__ T shuffle_xor(T value, int lane_mask) const {
    return __shfl_xor_sync(0xffffffffu, value, lane_mask);
  }
};

#endif

}  // namespace saddle
