// CublasGemm: the matrix products of a CudaDevice, from cuBLASLt.
//
// cuBLASLt is column-major, and what it calls an m x n matrix is our n x m one. So it is asked for
// the transposed product, c^T = b^T a^T, with the operands the other way round and their memory as
// it is; no matrix is transposed in memory.
#pragma once

#include <cublasLt.h>

#include <map>
#include <memory>
#include <tuple>
#include <type_traits>

#include "core/cuda/cuda_device.h"

namespace saddle {

class CublasGemm {
 public:
  // Work goes to the device's stream, workspaces come from its pool. Throws Error where cuBLAS
  // cannot be used.
  explicit CublasGemm(CudaDevice& device);
  ~CublasGemm();
  CublasGemm(const CublasGemm&) = delete;
  CublasGemm& operator=(const CublasGemm&) = delete;

  // As Device::gemm. The first call of a shape asks cuBLASLt for an algorithm, and cannot happen
  // inside captured work (Error). Same bits from run to run.
  void gemm(const Gemm& shape, const void* a, const void* b, void* c);

 private:
  struct Plan;
  // m, n, k, transpose_a, transpose_b, precision, type of the result, batch, alignment of the
  // addresses
  using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t, bool, bool, Precision, DType,
                         std::int64_t, unsigned>;

  // Products of so many rows that they are always as many, one after the other.
  void batch_invariant_gemm(const Gemm& shape, const void* a, const void* b, void* c);
  const Plan& plan_for(const Gemm& shape, unsigned alignment);
  void choose_algorithm(Plan& plan, unsigned alignment);

  struct DestroyHandle {
    void operator()(cublasLtHandle_t handle) const { cublasLtDestroy(handle); }
  };

  CudaDevice& device_;
  std::unique_ptr<std::remove_pointer_t<cublasLtHandle_t>, DestroyHandle> handle_;
  std::map<Key, std::unique_ptr<Plan>> plans_;
};

}  // namespace saddle
