// A row of the table of ops, from which ops_test.cpp draws its tests, and what rows are made with.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/ops.h"
#include "tests/support/differences.h"
#include "tests/support/reference.h"

namespace saddle::testing_support {

using Inputs = std::vector<Values>;

// What an input is: an f32 or bf16 activation, or weights rounded to bf16, whose gradient is f32;
// of a library's convolution (filter) it is rounded to bf16 on its way.
enum class Kind { f32, bf16, rounded_weight, filter };

// A row of the table.
struct OpCase {
  std::string name;
  std::vector<Shape> inputs;
  std::vector<Kind> kinds = {};   // empty: all f32
  std::vector<float> sizes = {};  // inputs are drawn from [-size, size]; empty: 1 each

  Kind kind(std::size_t input) const { return kinds.empty() ? Kind::f32 : kinds[input]; }
  std::function<Var(Tape&, const std::vector<Var>&)> build;
  // The output's elements in double.
  std::function<Values(const Inputs&)> reference;
  // The terms that add to an output element, and to an element of each gradient.
  double terms;
  // Sums of the absolute values of those terms, for the rounding bounds.
  std::function<Values(const Inputs&)> magnitude;
  std::function<Values(const Inputs&, const Values& dy, std::size_t input)> gradient_magnitude;
  // Whether a library's kernel computes a part, which may order its sums as it likes.
  bool library;
  // How often a term of the result, and of a gradient, is rounded to bf16 on its way.
  int rounded_terms = 0, rounded_gradient_terms = 0;
  // Whether exp or log occur, which the libraries of the CPU and of a GPU round differently.
  bool transcendental = false;
  // Shapes that do not fit, and a part of what is then said. None for an op that takes any.
  std::vector<Shape> wrong_inputs;
  std::string message;
};

inline double dot(const Values& a, const Values& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// For an op that is linear in each input, the sum of absolute terms is the op of absolute values,
// and the same holds for its gradients.
inline OpCase multilinear(OpCase op) {
  const auto reference = op.reference;
  op.magnitude = [reference](const Inputs& inputs) {
    Inputs sizes;
    for (const Values& input : inputs) sizes.push_back(absolute(input));
    return reference(sizes);
  };
  const auto magnitude = op.magnitude;
  op.gradient_magnitude = [magnitude](const Inputs& inputs, const Values& dy, std::size_t input) {
    Inputs sizes;
    for (const Values& values : inputs) sizes.push_back(absolute(values));
    return central_differences(
        [&](const Values& x) {
          Inputs moved = sizes;
          moved[input] = x;
          // As it is linear, its slope is the same farther from 0, where |x - h| = x - h.
          for (double& value : moved[input]) value += 1;
          return dot(absolute(dy), magnitude(moved));
        },
        sizes[input]);
  };
  return op;
}

inline Shape nhwc(const ConvolutionSize& s) { return {s.batch, s.height, s.width, s.in}; }
inline Shape ohwi(const ConvolutionSize& s) { return {s.out, s.kernel, s.kernel, s.in}; }

// The same op on bf16 activations and weights.
inline OpCase in_bf16(OpCase op, const std::vector<Kind>& kinds) {
  op.name += "_bf16";
  op.kinds = kinds;
  return op;
}

inline Values ramp(std::size_t n, double from, double to) {
  Values values(n);
  for (std::size_t i = 0; i < n; ++i) {
    values[i] =
        static_cast<float>(from + (to - from) * static_cast<double>(i) / static_cast<double>(n));
  }
  return values;
}

inline double largest(const Values& values) {
  double found = 0;
  for (double value : values) found = std::max(found, std::abs(value));
  return found;
}

inline Tensor on_device(Device& device, const Values& values) {
  const std::vector<float> floats(values.begin(), values.end());
  return Tensor::from_host(device, {static_cast<std::int64_t>(values.size())}, floats);
}

inline std::vector<float> to_float(const Values& values) { return {values.begin(), values.end()}; }

// The rows of the files of these names.
std::vector<OpCase> depthwise_op_cases();
std::vector<OpCase> linear_op_cases();
std::vector<OpCase> segmentation_op_cases();
std::vector<OpCase> text_op_cases();

}  // namespace saddle::testing_support
