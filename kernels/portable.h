// What lets one text be compiled by nvcc for the GPU and by g++ for the CPU.
//
// With block.h, span.h, array.h (index check) and bfloat16.h the only header that asks which
// compiler is reading it.
#pragma once

#if defined(__CUDACC__)
#define SADDLE_DEVICE __host__ __device__ __forceinline__
#else
#define SADDLE_DEVICE inline __attribute__((always_inline))
#endif
