#include "core/host_attention.h"

#include <omp.h>

#include "core/error.h"
#include "core/host_memory.h"
#include "core/onednn.h"
#include "kernels/attention.h"

namespace saddle {
namespace {

// Where a head of a sequence lies.
struct Head {
  Head(const AttentionShape& s, std::int64_t number)
      : sequence(number / s.heads),
        rows(s.rows.rows(sequence)),
        at(s.rows.begin(sequence) * s.row + number % s.heads * s.size),
        at_result(s.rows.begin(sequence) * s.heads * s.size + number % s.heads * s.size),
        at_weights(number * s.longest * s.longest) {}

  std::int64_t sequence, rows;
  std::int64_t at, at_result, at_weights;  // in q, k and v; in y; in p
};

// Products on the calling thread, one after another; `refused` once memory has run out.
struct Products {
  bool refused = false;

  void operator()(const onednn::ProductSize& size, const onednn::Rows& a, const onednn::Rows& b,
                  float* c, std::int64_t row_of_c) {
    refused = !onednn::multiply_alone(size, a, b, c, row_of_c) || refused;
  }
};

void check(bool refused) { require(!refused, "attention: out of memory: oneDNN has none for it"); }

}  // namespace

void host_attention(const AttentionShape& s, const float* q, const float* k, const float* v,
                    float* p, float* y) {
  const std::int64_t heads = s.sequences * s.heads, width = s.heads * s.size;
  onednn::find_room();
  bool refused = false;
#pragma omp parallel for schedule(static) reduction(|| : refused)
  for (std::int64_t number = 0; number < heads; ++number) {
    const Head head(s, number);
    const std::int64_t rows = head.rows;
    float* weights = p + head.at_weights;
    const Array<const std::int32_t> length =
        s.length ? Array<const std::int32_t>{s.length.data + head.sequence, 1} : s.length;
    Products multiply;
    multiply({rows, rows, s.size}, {q + head.at, s.row}, {k + head.at, s.row, true}, weights,
             s.longest);
    for (std::int64_t i = 0; i < rows; ++i) {
      const Array<float> row{weights + i * s.longest, rows};
      Softmax<float>{row, row, rows, s.scale, length, 1}.reference(0);
    }
    multiply({rows, s.size, rows}, {weights, s.longest}, {v + head.at, s.row}, y + head.at_result,
             width);
    refused = multiply.refused || refused;
  }
  check(refused);
}

void host_attention_backward(const AttentionShape& s, const float* q, const float* k,
                             const float* v, const float* p, const float* dy, float* dq, float* dk,
                             float* dv) {
  const std::int64_t heads = s.sequences * s.heads, width = s.heads * s.size;
  const std::int64_t square = s.longest * s.longest;
  onednn::find_room();
  float* memory = working_memory(omp_get_max_threads() * square);
  bool refused = false;
#pragma omp parallel for schedule(static) reduction(|| : refused)
  for (std::int64_t number = 0; number < heads; ++number) {
    const Head head(s, number);
    const std::int64_t rows = head.rows;
    const float* weights = p + head.at_weights;
    const onednn::Rows d_result{dy + head.at_result, width};
    float* ds = memory + omp_get_thread_num() * square;  // of the weights, then of the scores
    Products multiply;
    multiply({rows, rows, s.size}, d_result, {v + head.at, s.row, true}, ds, s.longest);  // dy v^T
    for (std::int64_t i = 0; i < rows; ++i) {
      const Array<float> row{ds + i * s.longest, rows};
      SoftmaxBackward<float>{{weights + i * s.longest, rows}, row, row, rows, s.scale}.reference(0);
    }
    const onednn::ProductSize size{rows, s.size, rows};
    if (dv != nullptr)  // p^T dy
      multiply(size, {weights, s.longest, true}, d_result, dv + head.at, s.row);
    if (dq != nullptr)  // ds k
      multiply(size, {ds, s.longest}, {k + head.at, s.row}, dq + head.at, s.row);
    if (dk != nullptr)  // ds^T q
      multiply(size, {ds, s.longest, true}, {q + head.at, s.row}, dk + head.at, s.row);
    refused = multiply.refused || refused;
  }
  check(refused);
}

}  // namespace saddle
