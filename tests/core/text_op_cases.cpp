// The rows of the table of ops (ops_test.cpp) that networks for text add.
#include "core/text_ops.h"

#include <cmath>

#include "tests/core/op_case.h"

namespace saddle::testing_support {
namespace {

constexpr std::int32_t kPad = kNoToken;

// Three sentences of 3, 5 and 1 tokens; 2 occurs four times, 6 not at all.
const std::vector<std::int32_t> kTokens = {2, 0, 2, kPad, kPad, 5,    2,   3,
                                           1, 2, 4, kPad, kPad, kPad, kPad};
constexpr std::int64_t kVocabulary = 7, kRows = 9, kLongest = 5;
const std::vector<std::int64_t> kLengths = {3, 5, 1}, kFirst = {0, 3, 8};

Sequences sequences_on(Device& device) {
  return packed_sequences(Tensor::from_host(device, {3, kLongest}, kTokens));
}

enum class With { words_and_places, kinds, kinds_and_shift };

OpCase embed_words_case(const std::string& name, With with, DType dtype = DType::f32) {
  constexpr std::size_t kWidth = 8;
  const bool kinds = with != With::words_and_places, shift = with == With::kinds_and_shift;
  OpCase op;
  op.name = "embed_words" + name;
  op.inputs = {{kVocabulary, kWidth}, {6, kWidth}};
  if (kinds) op.inputs.push_back({2, kWidth});
  if (shift) op.inputs.push_back({3, kLongest, kWidth});
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    return embed_words(tape, sequences_on(v[0].device()),
                       {v[0], v[1], kinds ? v[2] : Var(), kNoToken}, shift ? v[3] : Var(), dtype);
  };
  op.reference = [=](const Inputs& v) {
    Values y;
    for (std::size_t n = 0; n < 3; ++n)
      for (std::size_t t = 0; t < static_cast<std::size_t>(kLengths[n]); ++t)
        for (std::size_t c = 0; c < kWidth; ++c) {
          const auto token = static_cast<std::size_t>(kTokens[n * kLongest + t]);
          double sum = v[0][token * kWidth + c] + v[1][t * kWidth + c];
          if (kinds) sum += v[2][c];
          if (shift) sum += v[3][(n * kLongest + t) * kWidth + c];
          y.push_back(sum);
        }
    return y;
  };
  op.terms = kRows;
  op.library = false;
  op.wrong_inputs = op.inputs;
  op.wrong_inputs[1] = {kLongest - 1, kWidth};
  op.message = "embed_words: a sequence of 5 tokens, there are 4 positions";
  return multilinear(op);
}

// One head and sentence at a time.
Values attention_reference(std::size_t heads, std::size_t size, const Inputs& v) {
  const std::size_t width = heads * size;
  Values y(kRows * width, 0.);
  for (std::size_t n = 0; n < 3; ++n) {
    const auto first = static_cast<std::size_t>(kFirst[n]);
    const std::size_t end = first + static_cast<std::size_t>(kLengths[n]);
    for (std::size_t h = 0; h < heads; ++h)
      for (std::size_t t = first; t < end; ++t) {
        Values weight;
        double sum = 0;
        for (std::size_t u = first; u < end; ++u) {
          double score = 0;
          for (std::size_t i = h * size; i < (h + 1) * size; ++i) {
            score += v[0][t * width + i] * v[1][u * width + i];
          }
          weight.push_back(std::exp(score / std::sqrt(static_cast<double>(size))));
          sum += weight.back();
        }
        for (std::size_t u = first; u < end; ++u)
          for (std::size_t i = h * size; i < (h + 1) * size; ++i) {
            y[t * width + i] += weight[u - first] / sum * v[2][u * width + i];
          }
      }
  }
  return y;
}

OpCase attention_of_sequences_case(std::int64_t heads, std::int64_t size,
                                   Precision precision = Precision::fp32) {
  OpCase op;
  op.name = "attention_of_sequences_" + std::to_string(heads) + "_heads_of_" + std::to_string(size);
  const Shape shape{kRows, heads * size};
  op.inputs = {shape, shape, shape};
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    return attention(tape, v[0], v[1], v[2], heads, sequences_on(v[0].device()), precision);
  };
  op.reference = [=](const Inputs& v) {
    return attention_reference(static_cast<std::size_t>(heads), static_cast<std::size_t>(size), v);
  };
  op.terms = static_cast<double>(kLongest + size);
  // As that of attention_case in ops_test.cpp.
  const double score = std::sqrt(static_cast<double>(size));
  op.magnitude = [=](const Inputs& v) {
    return Values(v[0].size(), (2 + 2 * score) * largest(v[2]));
  };
  op.gradient_magnitude = [=](const Inputs& v, const Values& dy, std::size_t) {
    return Values(v[0].size(), (2 + 2 * score) * score * kLongest * largest(dy));
  };
  op.library = true;
  op.transcendental = true;
  op.wrong_inputs = {shape, {kRows, heads * size + 1}, shape};
  op.message = "must be [rows, D] of 9 tokens";
  return op;
}

OpCase attention_of_sequences_in_bf16_case(std::int64_t heads, std::int64_t size) {
  OpCase op = in_bf16(attention_of_sequences_case(heads, size, Precision::bf16),
                      {Kind::bf16, Kind::bf16, Kind::bf16});
  op.rounded_terms = op.rounded_gradient_terms = 1;  // the softmax; the scores' gradient
  return op;
}

OpCase first_token_of_sequences_case() {
  OpCase op;
  op.name = "first_token_of_sequences";
  op.inputs = {{kRows, 7}};
  op.build = [](Tape& tape, const std::vector<Var>& v) {
    return first_token(tape, v[0], sequences_on(v[0].device()));
  };
  op.reference = [](const Inputs& v) {
    Values y;
    for (std::int64_t first : kFirst)
      for (std::int64_t c = 0; c < 7; ++c) {
        y.push_back(v[0][static_cast<std::size_t>(first * 7 + c)]);
      }
    return y;
  };
  op.terms = 1;
  op.library = false;
  op.wrong_inputs = {{kRows + 1, 7}};
  op.message = "first_token: [10, 7] must be [rows, D] of 9 tokens";
  return multilinear(op);
}

OpCase mean_of_tokens_case() {
  OpCase op;
  op.name = "mean_of_tokens";
  op.inputs = {{kRows, 7}};
  op.build = [](Tape& tape, const std::vector<Var>& v) {
    return mean_of_tokens(tape, v[0], sequences_on(v[0].device()));
  };
  op.reference = [](const Inputs& v) {
    Values y(21, 0.);
    for (std::size_t n = 0; n < 3; ++n)
      for (std::int64_t t = 0; t < kLengths[n]; ++t)
        for (std::size_t c = 0; c < 7; ++c) {
          y[n * 7 + c] += v[0][static_cast<std::size_t>(kFirst[n] + t) * 7 + c] /
                          static_cast<double>(kLengths[n]);
        }
    return y;
  };
  op.terms = kLongest + 1;
  op.library = false;
  op.wrong_inputs = {{kRows - 1, 7}};
  op.message = "mean_of_tokens: [8, 7] must be [rows, D] of 9 tokens";
  return multilinear(op);
}

// Of a smooth function of one number that is at most as large as its argument.
OpCase smooth_case(const std::string& name, float size,
                   const std::function<Var(Tape&, const Var&)>& build, double (*f)(double)) {
  OpCase op;
  op.name = name;
  op.inputs = {{33, 7}};
  op.sizes = {size};
  op.build = [=](Tape& tape, const std::vector<Var>& v) { return build(tape, v[0]); };
  op.reference = [=](const Inputs& v) {
    Values y = v[0];
    for (double& x : y) x = f(x);
    return y;
  };
  op.terms = 8;  // exp errs by 3e-7, and a quotient of two sums of it by twice that
  op.magnitude = [](const Inputs& v) { return absolute(v[0]); };
  op.gradient_magnitude = [](const Inputs& v, const Values& dy, std::size_t) {
    Values dx = absolute(dy);
    for (std::size_t i = 0; i < dx.size(); ++i) dx[i] *= 1 + std::abs(v[0][i]);
    return dx;
  };
  op.library = false;
  return op;
}

double gelu_by_tanh(double x) {
  return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.)) * (x + 0.044715 * x * x * x)));
}

}  // namespace

std::vector<OpCase> text_op_cases() {
  return {smooth_case(
              "gelu_by_tanh", 5.f,
              [](Tape& tape, const Var& x) { return gelu(tape, x, GeluForm::tanh); }, gelu_by_tanh),
          in_bf16(smooth_case(
                      "gelu_by_tanh", 5.f,
                      [](Tape& tape, const Var& x) { return gelu(tape, x, GeluForm::tanh); },
                      gelu_by_tanh),
                  {Kind::bf16}),
          smooth_case(
              "tanh", 1.f, [](Tape& tape, const Var& x) { return tanh(tape, x); },
              [](double x) { return std::tanh(x); }),
          embed_words_case("", With::words_and_places),
          embed_words_case("_with_kinds", With::kinds),
          embed_words_case("_with_kinds_and_shift", With::kinds_and_shift),
          embed_words_case("_with_kinds_and_shift_in_bf16", With::kinds_and_shift, DType::bf16),
          attention_of_sequences_case(1, 7),
          attention_of_sequences_case(3, 4),
          attention_of_sequences_in_bf16_case(3, 4),
          first_token_of_sequences_case(),
          in_bf16(first_token_of_sequences_case(), {Kind::bf16}),
          mean_of_tokens_case(),
          in_bf16(mean_of_tokens_case(), {Kind::bf16})};
}

}  // namespace saddle::testing_support
