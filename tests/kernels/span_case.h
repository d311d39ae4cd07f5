// What every case of a span kernel is made of: the kernel, run by element or in spans, and all that
// it wrote.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <typeindex>
#include <vector>

#include "kernels/emulator.h"
#include "kernels/span.h"
#include "tests/support/random_values.h"

namespace saddle::testing_support::span_cases {

enum class How { by_element, in_spans };

template <class Kernel>
void run(How how, const Kernel& kernel, std::int64_t n) {
  if (how == How::by_element) return emulate_flat(kernel, n);
  ASSERT_TRUE(kernel.aligned());
  const FlatSpans<Kernel> spans{kernel, n};
  emulate_flat(spans, spans.threads());
}

template <class Kernel>
void run(How how, const Kernel& kernel, std::int64_t rows, std::int64_t columns) {
  if (how == How::by_element) return emulate_flat(kernel, rows, columns);
  ASSERT_TRUE(kernel.aligned(columns));
  const GridSpans<Kernel> spans{kernel, rows};
  emulate_flat(spans, spans.row_threads(), columns / Kernel::kSpan);
}

// All that a kernel wrote, widened.
class Outputs {
 public:
  template <class T>
  Outputs& operator<<(const std::vector<T>& values) {
    all.insert(all.end(), values.begin(), values.end());
    return *this;
  }
  std::vector<float> all;
};

struct SpanCase {
  std::string name;
  std::type_index kernel;
  std::function<Outputs(How)> outputs;
};

template <class T>
inline const std::string type_name = std::is_same_v<T, float> ? "_f32" : "_bf16";

template <class T>
std::vector<T> values(std::int64_t n, std::uint64_t seed) {
  return rounded_to<T>(random_values(n, seed));
}

template <class T>
std::vector<T> unwritten(std::int64_t n) {
  return std::vector<T>(static_cast<std::size_t>(n), T(std::nanf("")));
}

// The cases of the kernels on rows (row_span_cases.cpp).
std::vector<SpanCase> span_cases_on_rows();

}  // namespace saddle::testing_support::span_cases
