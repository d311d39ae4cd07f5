#include "core/cuda/cublas_gemm.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/cuda/check.h"
#include "core/error.h"
#include "core/tensor.h"

namespace saddle {
namespace {

constexpr std::size_t kMostWorkspace = std::size_t{32} << 20;  // what NVIDIA advises for sm_90

// A cuBLASLt handle that `destroy` ends.
template <class Handle, cublasStatus_t (*destroy)(Handle)>
struct Destroy {
  void operator()(Handle handle) const { destroy(handle); }
};
template <class Handle, cublasStatus_t (*destroy)(Handle)>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy<Handle, destroy>>;

using Product = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

// The memory of `batch` row-major matrices [rows, columns], read as the column-major ones they also
// are.
Layout layout(DType dtype, std::int64_t batch, std::int64_t rows, std::int64_t columns) {
  cublasLtMatrixLayout_t made = nullptr;
  const cudaDataType_t type = dtype == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
  check(cublasLtMatrixLayoutCreate(&made, type, static_cast<std::uint64_t>(columns),
                                   static_cast<std::uint64_t>(rows), columns),
        "cublasLtMatrixLayoutCreate");
  Layout owned(made);
  if (batch == 1) return owned;
  const auto set = [&](cublasLtMatrixLayoutAttribute_t name, const auto& value) {
    check(cublasLtMatrixLayoutSetAttribute(made, name, &value, sizeof value),
          "cublasLtMatrixLayoutSetAttribute");
  };
  set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<std::int32_t>(batch));
  set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, rows * columns);
  return owned;
}

Product product(const Gemm& shape) {
  cublasLtMatmulDesc_t made = nullptr;
  const cublasComputeType_t compute =
      shape.precision == Precision::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  check(cublasLtMatmulDescCreate(&made, compute, CUDA_R_32F), "cublasLtMatmulDescCreate");
  Product owned(made);
  const auto set_transpose = [&](cublasLtMatmulDescAttributes_t name, bool transpose) {
    const cublasOperation_t operation = transpose ? CUBLAS_OP_T : CUBLAS_OP_N;
    check(cublasLtMatmulDescSetAttribute(made, name, &operation, sizeof operation),
          "cublasLtMatmulDescSetAttribute");
  };
  set_transpose(CUBLASLT_MATMUL_DESC_TRANSA, shape.transpose_b);  // its first operand is our b
  set_transpose(CUBLASLT_MATMUL_DESC_TRANSB, shape.transpose_a);
  return owned;
}

std::string describe(const Gemm& shape) {
  return text(shape.batch, " gemm [", shape.m, ", ", shape.k, "] x [", shape.k, ", ", shape.n, "]");
}

// Of all matrices of the batch; up to 16 bytes, the most that an instruction loads.
unsigned alignment_of(const Gemm& shape, const void* a, const void* b, const void* c) {
  unsigned alignment = 16;
  const auto hold = [&](const void* first, std::int64_t elements, DType dtype) {
    const std::int64_t next = shape.batch > 1 ? elements * size_of(dtype) : 0;
    const auto address = reinterpret_cast<std::uintptr_t>(first);
    while (address % alignment != 0 || next % alignment != 0) alignment /= 2;
  };
  hold(a, shape.m * shape.k, shape.operands());
  hold(b, shape.k * shape.n, shape.operands());
  hold(c, shape.m * shape.n, shape.result);
  return alignment;
}

}  // namespace

struct CublasGemm::Plan {
  Product product;
  Layout a, b, c;
  cublasLtMatmulAlgo_t algorithm;
  std::size_t workspace_bytes;
};

CublasGemm::CublasGemm(CudaDevice& device) : device_(device) {
  cublasLtHandle_t handle = nullptr;
  check(cublasLtCreate(&handle), "cublasLtCreate");
  handle_.reset(handle);
}

CublasGemm::~CublasGemm() = default;

void CublasGemm::gemm(const Gemm& shape, const void* a, const void* b, void* c) {
  if (shape.batch == 0 || shape.m == 0 || shape.n == 0) return;
  if (shape.batching == Batching::invariant) return batch_invariant_gemm(shape, a, b, c);
  const Plan& plan = plan_for(shape, alignment_of(shape, a, b, c));
  Tensor workspace;
  if (plan.workspace_bytes > 0) {
    workspace = Tensor(device_, Shape{static_cast<std::int64_t>(plan.workspace_bytes)}, DType::u8);
  }
  const float one = 1, zero = 0;
  check(cublasLtMatmul(handle_.get(), plan.product.get(), &one, b, plan.b.get(), a, plan.a.get(),
                       &zero, c, plan.c.get(), c, plan.c.get(), &plan.algorithm,
                       workspace ? workspace.data<std::uint8_t>() : nullptr, plan.workspace_bytes,
                       device_.stream()),
        "cublasLtMatmul");
}

void CublasGemm::batch_invariant_gemm(const Gemm& shape, const void* a, const void* b, void* c) {
  constexpr std::int64_t kRowsAtOnce = 1024;
  require(shape.batch == 1 && !shape.transpose_a, describe(shape),
          ": batch-invariant products are single ones, whose first matrix is not transposed");
  Gemm block = shape;
  block.m = kRowsAtOnce;
  block.batching = Batching::fastest;
  const std::int64_t left = shape.m % kRowsAtOnce, whole = shape.m - left;
  const std::int64_t row_of_a = shape.k * size_of(shape.operands()),
                     row_of_c = shape.n * size_of(shape.result);
  const auto* from = static_cast<const std::byte*>(a);
  auto* to = static_cast<std::byte*>(c);
  for (std::int64_t first = 0; first < whole; first += kRowsAtOnce) {
    gemm(block, from + first * row_of_a, b, to + first * row_of_c);
  }
  if (left == 0) return;
  const Tensor rows(device_, {kRowsAtOnce * row_of_a}, DType::u8),
      products(device_, {kRowsAtOnce * row_of_c}, DType::u8);
  device_.copy_within(rows.data<std::uint8_t>(), from + whole * row_of_a,
                      static_cast<std::size_t>(left * row_of_a));
  gemm(block, rows.data<std::uint8_t>(), b, products.data<std::uint8_t>());
  device_.copy_within(to + whole * row_of_c, products.data<std::uint8_t>(),
                      static_cast<std::size_t>(left * row_of_c));
}

const CublasGemm::Plan& CublasGemm::plan_for(const Gemm& shape, unsigned alignment) {
  const Key key(shape.m, shape.n, shape.k, shape.transpose_a, shape.transpose_b, shape.precision,
                shape.result, shape.batch, alignment);
  const auto found = plans_.find(key);
  if (found != plans_.end()) return *found->second;
  device_.refuse_while_capturing(text("choosing an algorithm for ", describe(shape)).c_str());

  const auto stored = [&](bool transposed, std::int64_t rows, std::int64_t columns) {
    return transposed ? layout(shape.operands(), shape.batch, columns, rows)
                      : layout(shape.operands(), shape.batch, rows, columns);
  };
  auto plan = std::make_unique<Plan>(Plan{.product = product(shape),
                                          .a = stored(shape.transpose_a, shape.m, shape.k),
                                          .b = stored(shape.transpose_b, shape.k, shape.n),
                                          .c = layout(shape.result, shape.batch, shape.m, shape.n),
                                          .algorithm = {},
                                          .workspace_bytes = 0});
  try {
    choose_algorithm(*plan, alignment);
  } catch (const Error& error) {
    fail(describe(shape), ": ", error.what());
  }
  return *plans_.emplace(key, std::move(plan)).first->second;
}

void CublasGemm::choose_algorithm(Plan& plan, unsigned alignment) {
  cublasLtMatmulPreference_t made = nullptr;
  check(cublasLtMatmulPreferenceCreate(&made), "cublasLtMatmulPreferenceCreate");
  const Preference preference(made);
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t name, const auto& value) {
    check(cublasLtMatmulPreferenceSetAttribute(made, name, &value, sizeof value),
          "cublasLtMatmulPreferenceSetAttribute");
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMostWorkspace);
  const std::uint32_t bytes = alignment;  // 256 unless it is told
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, bytes);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, bytes);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, bytes);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, bytes);

  cublasLtMatmulHeuristicResult_t result{};
  int found = 0;
  check(
      cublasLtMatmulAlgoGetHeuristic(handle_.get(), plan.product.get(), plan.b.get(), plan.a.get(),
                                     plan.c.get(), plan.c.get(), made, 1, &result, &found),
      "cublasLtMatmulAlgoGetHeuristic");
  require(found == 1, "cuBLASLt has no algorithm for it");
  plan.algorithm = result.algo;
  plan.workspace_bytes = result.workspaceSize;
}

}  // namespace saddle
