#include "core/host_attention.h"

#include <omp.h>

#include <algorithm>

#include "core/host_memory.h"
#include "core/small_product.h"
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

// A head's matrix of a row a token between two steps, and what products of them take.
class HeadMemory {
 public:
  explicit HeadMemory(const AttentionShape& s)
      : tokens_(s.longest),
        size_(s.size),
        row_(whole_vectors(s.longest) + kApart),
        result_row_(whole_vectors(s.size)) {}

  std::int64_t floats() const {
    return tokens_ * (row_ + result_row_) +
           std::max(small_product_floats({tokens_, tokens_, size_}),
                    small_product_floats({tokens_, size_, tokens_}));
  }
  void use(float* memory) { memory_ = memory; }

  // [rows, rows]: scores, or the gradient with respect to the weights.
  float* scores() { return memory_; }
  std::int64_t row() const { return row_; }

  // scores() <- a b^T of `rows` rows, a and b [rows, size].
  void multiply_to_scores(std::int64_t rows, const Operand& a, const Operand& b) {
    multiply_small({rows, rows, size_}, a, {b.data, b.row, true}, scores(), row_, copy());
  }
  // to [rows, size] <- weights b, weights [rows, rows].
  void multiply(std::int64_t rows, const Operand& weights, const Operand& b, float* to,
                std::int64_t row_of_to) {
    const ProductSize size{rows, size_, rows};
    if (size_ == result_row_) return multiply_small(size, weights, b, to, row_of_to, copy());
    float* result = memory_ + tokens_ * row_;
    multiply_small(size, weights, b, result, result_row_, copy());
    for (std::int64_t i = 0; i < rows; ++i)
      std::copy_n(result + i * result_row_, size_, to + i * row_of_to);
  }

 private:
  // Rows that begin a power of two apart would share their place in the caches.
  static constexpr std::int64_t kApart = 16;

  float* copy() { return memory_ + tokens_ * (row_ + result_row_); }

  std::int64_t tokens_, size_, row_, result_row_;
  float* memory_ = nullptr;
};

}  // namespace

void host_attention(const AttentionShape& s, const float* q, const float* k, const float* v,
                    float* p, float* y) {
  const std::int64_t heads = s.sequences * s.heads, width = s.heads * s.size;
  const HeadMemory shared(s);
  float* memory = working_memory(omp_get_max_threads() * shared.floats());
#pragma omp parallel for schedule(static)
  for (std::int64_t number = 0; number < heads; ++number) {
    const Head head(s, number);
    const std::int64_t rows = head.rows;
    HeadMemory own = shared;
    own.use(memory + omp_get_thread_num() * shared.floats());
    float* weights = p + head.at_weights;
    const Array<const std::int32_t> length =
        s.length ? Array<const std::int32_t>{s.length.data + head.sequence, 1} : s.length;
    own.multiply_to_scores(rows, {q + head.at, s.row}, {k + head.at, s.row});
    for (std::int64_t i = 0; i < rows; ++i) {
      Softmax<float>{{own.scores() + i * own.row(), rows},
                     {weights + i * s.longest, rows},
                     rows,
                     s.scale,
                     length,
                     1}
          .reference(0);
    }
    own.multiply(rows, {weights, s.longest}, {v + head.at, s.row}, y + head.at_result, width);
  }
}

void host_attention_backward(const AttentionShape& s, const float* q, const float* k,
                             const float* v, const float* p, const float* dy, float* dq, float* dk,
                             float* dv) {
  const std::int64_t heads = s.sequences * s.heads, width = s.heads * s.size;
  const HeadMemory shared(s);
  float* memory = working_memory(omp_get_max_threads() * shared.floats());
#pragma omp parallel for schedule(static)
  for (std::int64_t number = 0; number < heads; ++number) {
    const Head head(s, number);
    const std::int64_t rows = head.rows;
    HeadMemory own = shared;
    own.use(memory + omp_get_thread_num() * shared.floats());
    const float* weights = p + head.at_weights;
    const Operand d_result{dy + head.at_result, width};
    own.multiply_to_scores(rows, d_result, {v + head.at, s.row});  // of the weights: dy v^T
    for (std::int64_t i = 0; i < rows; ++i) {
      const Array<float> row{own.scores() + i * own.row(), rows};
      SoftmaxBackward<float>{{weights + i * s.longest, rows}, row, row, rows, s.scale}.reference(0);
    }
    const Operand ds{own.scores(), own.row()}, ds_transposed{own.scores(), own.row(), true};
    if (dv != nullptr)  // p^T dy
      own.multiply(rows, {weights, s.longest, true}, d_result, dv + head.at, s.row);
    if (dq != nullptr)  // ds k
      own.multiply(rows, ds, {k + head.at, s.row}, dq + head.at, s.row);
    if (dk != nullptr)  // ds^T q
      own.multiply(rows, ds_transposed, {q + head.at, s.row}, dk + head.at, s.row);
  }
}

}  // namespace saddle
