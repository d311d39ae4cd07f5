// check: turns a status of CUDA, cuBLAS or cuDNN that is not success into an Error.
//
//   check(cudaMalloc(&memory, bytes), "cudaMalloc");
//   "cuda: cudaMalloc: out of memory (cudaErrorMemoryAllocation)"
//
// CUDA reports a kernel's failure with whichever call comes next, so the call named may be
// innocent; CUDA_LAUNCH_BLOCKING=1 in the environment makes each launch report its own.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include "core/error.h"

namespace saddle {

// `call` says what was asked: the function's name, or the kernel's.
inline void check(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  // The runtime keeps the error for whoever asks for the last one; it has been reported here, and
  // an innocent launch afterwards must not report it again.
  cudaGetLastError();
  fail("cuda: ", call, ": ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ")");
}

inline void check(cublasStatus_t status, const char* call) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail("cublas: ", call, ": ", cublasLtGetStatusName(status), " (", cublasLtGetStatusString(status),
       ")");
}

inline void check(cudnnStatus_t status, const char* call) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  char detail[512] = "";
  cudnnGetLastErrorString(detail, sizeof(detail));
  fail("cudnn: ", call, ": ", cudnnGetErrorString(status), *detail ? ": " : "", detail);
}

}  // namespace saddle
