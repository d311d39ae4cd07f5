#include "core/host_attention.h"

#include <omp.h>

#include "core/error.h"
#include "core/host_memory.h"
#include "core/onednn.h"
#include "kernels/attention.h"

namespace saddle {
namespace {

using onednn::multiply_alone;

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

void check(bool refused) { require(!refused, "attention: out of memory: oneDNN has none for it"); }

}  // namespace

void host_attention(const AttentionShape& s, const float* q, const float* k, const float* v,
                    float* p, float* y) {
  const std::int64_t heads = s.sequences * s.heads, width = s.heads * s.size;
  bool refused = false;
#pragma omp parallel for schedule(static) reduction(|| : refused)
  for (std::int64_t number = 0; number < heads; ++number) {
    const Head head(s, number);
    const std::int64_t rows = head.rows;
    float* weights = p + head.at_weights;
    bool done = multiply_alone({rows, rows, s.size}, {q + head.at, s.row},
                               {k + head.at, s.row, true}, weights, s.longest);
    for (std::int64_t i = 0; i < rows; ++i) {
      const Array<float> row{weights + i * s.longest, rows};
      const Array<const std::int32_t> length =
          s.length ? Array<const std::int32_t>{s.length.data + head.sequence, 1} : s.length;
      Softmax<float>{row, row, rows, s.scale, length, 1}.reference(0);
    }
    done = multiply_alone({rows, s.size, rows}, {weights, s.longest}, {v + head.at, s.row},
                          y + head.at_result, width) &&
           done;
    refused = !done || refused;
  }
  check(refused);
}

void host_attention_backward(const AttentionShape& s, const float* q, const float* k,
                             const float* v, const float* p, const float* dy, float* dq, float* dk,
                             float* dv) {
  const std::int64_t heads = s.sequences * s.heads, width = s.heads * s.size;
  const std::int64_t square = s.longest * s.longest;
  float* memory = working_memory(omp_get_max_threads() * square);
  bool refused = false;
#pragma omp parallel for schedule(static) reduction(|| : refused)
  for (std::int64_t number = 0; number < heads; ++number) {
    const Head head(s, number);
    const std::int64_t rows = head.rows;
    const float* weights = p + head.at_weights;
    const onednn::Rows d_result{dy + head.at_result, width};
    float* ds = memory + omp_get_thread_num() * square;  // of the weights, then of the scores
    bool done = multiply_alone({rows, rows, s.size}, d_result, {v + head.at, s.row, true}, ds,
                               s.longest);  // dy v^T
    for (std::int64_t i = 0; i < rows; ++i) {
      const Array<float> row{ds + i * s.longest, rows};
      SoftmaxBackward<float>{{weights + i * s.longest, rows}, row, row, rows, s.scale}.reference(0);
    }
    if (dv != nullptr) {  // p^T dy
      done = multiply_alone({rows, s.size, rows}, {weights, s.longest, true}, d_result,
                            dv + head.at, s.row) &&
             done;
    }
    if (dq != nullptr) {  // ds k
      done = multiply_alone({rows, s.size, rows}, {ds, s.longest}, {k + head.at, s.row},
                            dq + head.at, s.row) &&
             done;
    }
    if (dk != nullptr) {  // ds^T q
      done = multiply_alone({rows, s.size, rows}, {ds, s.longest, true}, {q + head.at, s.row},
                            dk + head.at, s.row) &&
             done;
    }
    refused = !done || refused;
  }
  check(refused);
}

}  // namespace saddle
