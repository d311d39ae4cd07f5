// The rows of the table of ops (ops_test.cpp) of linear layers with a residual, and of two in a
// row.
#include <cmath>

#include "tests/core/op_case.h"

namespace saddle::testing_support {
namespace {

Values sum_of(Values a, const Values& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

OpCase linear_with_residual_case() {
  OpCase op;
  op.name = "linear_with_residual";
  op.inputs = {{2, 29, 6}, {5, 6}, {5}, {2, 29, 5}};
  op.build = [](Tape& tape, const std::vector<Var>& v) {
    return linear(tape, v[0], v[1], v[2], Precision::fp32, Batching::fastest, v[3]);
  };
  op.reference = [](const Inputs& v) {
    return sum_of(linear_reference(6, v[0], v[1], v[2]), v[3]);
  };
  op.terms = 58;
  op.library = true;
  op.wrong_inputs = {{2, 29, 6}, {5, 6}, {5}, {2, 29, 6}};
  op.message = "linear: residual [2, 29, 6] must have the result's shape [2, 29, 5]";
  return multilinear(op);
}

double gelu_of(GeluForm form, double x) {
  if (form == GeluForm::exact) return x * 0.5 * std::erfc(-x / std::sqrt(2.));
  return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.)) * (x + 0.044715 * x * x * x)));
}

// 205 rows: more than a thread takes at a time, and some left over.
constexpr std::int64_t kRows = 205, kIn = 3, kHidden = 6, kOut = 2;

// In order x, the weights and biases of both layers and, where wanted, a residual.
template <class Activate>
Values perceptron_reference(const Inputs& v, const Activate& activate) {
  Values hidden = linear_reference(kIn, v[0], v[1], v[2]);
  for (double& h : hidden) h = activate(h);
  const Values y = linear_reference(kHidden, hidden, v[3], v[4]);
  return v.size() > 5 ? sum_of(y, v[5]) : y;
}

OpCase perceptron_case(GeluForm form, bool with_residual) {
  OpCase op;
  op.name = std::string("perceptron") + (form == GeluForm::tanh ? "_by_tanh" : "") +
            (with_residual ? "_with_residual" : "");
  op.inputs = {{5, kRows / 5, kIn}, {kHidden, kIn}, {kHidden}, {kOut, kHidden}, {kOut}};
  if (with_residual) op.inputs.push_back({5, kRows / 5, kOut});
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    return perceptron(tape, v[0], {v[1], v[2]}, {v[3], v[4]}, form, Precision::fp32,
                      Batching::fastest, with_residual ? v[5] : Var());
  };
  op.reference = [=](const Inputs& v) {
    return perceptron_reference(v, [=](double h) { return gelu_of(form, h); });
  };
  // Without GELU it is linear in each input. With it a result is no larger, GELU's slope is within
  // 1.13, and moves by the error of h, of which |h| is no more than 1 + kIn.
  OpCase straight = op;
  straight.reference = [](const Inputs& v) {
    return perceptron_reference(v, [](double h) { return h; });
  };
  straight = multilinear(straight);
  op.magnitude = straight.magnitude;
  op.gradient_magnitude = [of = straight.gradient_magnitude](const Inputs& v, const Values& dy,
                                                             std::size_t input) {
    Values magnitude = of(v, dy, input);
    for (double& m : magnitude) m *= 2 + kIn;
    return magnitude;
  };
  op.terms = static_cast<double>(kRows);
  op.library = true;
  op.wrong_inputs = op.inputs;
  op.wrong_inputs[3] = {kOut, kHidden + 1};
  op.message = "and weight [2, 7] must be [..., in] and [out, in]";
  return op;
}

}  // namespace

std::vector<OpCase> linear_op_cases() {
  return {linear_with_residual_case(), perceptron_case(GeluForm::exact, false),
          perceptron_case(GeluForm::exact, true), perceptron_case(GeluForm::tanh, true)};
}

}  // namespace saddle::testing_support
