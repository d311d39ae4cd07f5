// The rows of the ops of segmentation, with their plain loops in double, for ops_test.cpp.
#include <algorithm>
#include <cmath>

#include "kernels/philox.h"
#include "tests/core/op_case.h"
#include "tests/support/random_values.h"

namespace saddle::testing_support {
namespace {

// Images ------------------------------------------------------------------------------------------

std::size_t at(const Shape& s, std::int64_t n, std::int64_t y, std::int64_t x, std::int64_t c) {
  return static_cast<std::size_t>(((n * s[1] + y) * s[2] + x) * s[3] + c);
}

OpCase max_pool_case(const Shape& in, std::int64_t kernel, std::int64_t stride,
                     std::int64_t padding) {
  OpCase op;
  op.name = "max_pool_" + std::to_string(in[1]) + "x" + std::to_string(in[2]) + "_by_" +
            std::to_string(kernel) + "_stride_" + std::to_string(stride) + "_padding_" +
            std::to_string(padding);
  op.inputs = {in};
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    return max_pool(tape, v[0], kernel, stride, padding);
  };
  op.reference = [=](const Inputs& v) {
    const std::int64_t height = (in[1] + 2 * padding - kernel) / stride + 1,
                       width = (in[2] + 2 * padding - kernel) / stride + 1;
    Values y;
    for (std::int64_t n = 0; n < in[0]; ++n)
      for (std::int64_t oy = 0; oy < height; ++oy)
        for (std::int64_t ox = 0; ox < width; ++ox)
          for (std::int64_t c = 0; c < in[3]; ++c) {
            double best = -INFINITY;
            for (std::int64_t iy = oy * stride - padding; iy < oy * stride - padding + kernel; ++iy)
              for (std::int64_t ix = ox * stride - padding; ix < ox * stride - padding + kernel;
                   ++ix) {
                if (iy < 0 || iy >= in[1] || ix < 0 || ix >= in[2]) continue;
                best = std::max(best, v[0][at(in, n, iy, ix, c)]);
              }
            y.push_back(best);
          }
    return y;
  };
  op.terms = static_cast<double>(kernel * kernel);
  op.magnitude = [=](const Inputs& v) { return absolute(op.reference(v)); };
  // A pixel can be the maximum of this many windows.
  const double windows =
      std::pow(std::ceil(static_cast<double>(kernel) / static_cast<double>(stride)), 2);
  op.gradient_magnitude = [=](const Inputs& v, const Values& dy, std::size_t) {
    return Values(v[0].size(), windows * largest(dy));
  };
  op.library = false;
  op.wrong_inputs = {{in[0], in[1], in[2]}};
  op.message = "max_pool: input";
  return op;
}

OpCase pad_case() {
  const Shape in{2, 3, 4, 5};
  OpCase op;
  op.name = "pad";
  op.inputs = {in};
  op.build = [](Tape& tape, const std::vector<Var>& v) { return pad(tape, v[0], 2); };
  op.reference = [=](const Inputs& v) {
    const Shape out{2, 7, 8, 5};
    Values y(static_cast<std::size_t>(out.count()), 0.);
    for (std::int64_t n = 0; n < 2; ++n)
      for (std::int64_t i = 0; i < 3; ++i)
        for (std::int64_t j = 0; j < 4; ++j)
          for (std::int64_t c = 0; c < 5; ++c) {
            y[at(out, n, i + 2, j + 2, c)] = v[0][at(in, n, i, j, c)];
          }
    return y;
  };
  op.terms = 1;
  op.library = false;
  op.wrong_inputs = {{2, 3, 4}};
  op.message = "pad: input [2, 3, 4] must be [N, H, W, C]";
  return multilinear(op);
}

OpCase concatenate_case() {
  OpCase op;
  op.name = "concatenate";
  op.inputs = {{2, 3, 2, 5}, {2, 3, 2, 1}, {2, 3}};
  op.build = [](Tape& tape, const std::vector<Var>& v) {
    return concatenate(tape, {v[0], v[1]}, v[2]);
  };
  op.reference = [](const Inputs& v) {
    Values y;
    for (std::size_t pixel = 0; pixel < 12; ++pixel) {
      for (std::size_t c = 0; c < 5; ++c) y.push_back(v[0][pixel * 5 + c]);
      y.push_back(v[1][pixel]);
      for (std::size_t c = 0; c < 3; ++c) y.push_back(v[2][pixel / 6 * 3 + c]);
    }
    return y;
  };
  op.terms = 6;
  op.library = false;
  op.wrong_inputs = {{2, 3, 2, 5}, {2, 3, 1, 1}, {2, 3}};
  op.message = "differ in more than channels";
  return multilinear(op);
}

// Where output i reads, and how much of the second.
struct Place {
  std::int64_t first, second;
  double toward_second;
};
Place place_of(std::int64_t i, std::int64_t in, std::int64_t out) {
  const double ratio = static_cast<double>(in) / static_cast<double>(out);
  const double where = std::max(ratio * (static_cast<double>(i) + 0.5) - 0.5, 0.);
  const auto first = static_cast<std::int64_t>(where);
  return {first, std::min(first + 1, in - 1), where - static_cast<double>(first)};
}

OpCase resize_case(const Shape& in, std::int64_t height, std::int64_t width) {
  OpCase op;
  op.name = "resize_" + std::to_string(in[1]) + "x" + std::to_string(in[2]) + "_to_" +
            std::to_string(height) + "x" + std::to_string(width);
  op.inputs = {in};
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    return resize_bilinear(tape, v[0], height, width);
  };
  op.reference = [=](const Inputs& v) {
    Values y;
    for (std::int64_t n = 0; n < in[0]; ++n)
      for (std::int64_t oy = 0; oy < height; ++oy)
        for (std::int64_t ox = 0; ox < width; ++ox)
          for (std::int64_t c = 0; c < in[3]; ++c) {
            const Place row = place_of(oy, in[1], height), column = place_of(ox, in[2], width);
            const auto along = [&](std::int64_t iy) {
              return (1 - column.toward_second) * v[0][at(in, n, iy, column.first, c)] +
                     column.toward_second * v[0][at(in, n, iy, column.second, c)];
            };
            y.push_back((1 - row.toward_second) * along(row.first) +
                        row.toward_second * along(row.second));
          }
    return y;
  };
  // The places are floats, which err with the size of the image.
  op.terms = 4 + std::pow(static_cast<double>(std::max({in[1], in[2], height, width})), 2);
  op.library = false;
  op.wrong_inputs = {{in[0], in[1], in[2]}};
  op.message = "resize_bilinear: input";
  return multilinear(op);
}

OpCase dropout_case(float rate) {
  constexpr std::int64_t kExamples = 3, kElements = 30;
  const std::vector<std::int32_t> examples = {7, 0, 40'000}, step = {5};
  OpCase op;
  op.name = "dropout_" + std::to_string(static_cast<int>(100 * rate));
  op.inputs = {{kExamples, 3, 5, 2}};
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    Device& device = v[0].device();
    const PassRandom random{9, Tensor::from_host(device, {1}, step),
                            Tensor::from_host(device, {kExamples}, examples), 2, 0.f};
    return dropout(tape, v[0], random, {3, 8}, rate);
  };
  op.reference = [=](const Inputs& v) {
    Values y = v[0];
    for (std::size_t i = 0; i < y.size(); ++i) {
      const auto element = static_cast<std::uint32_t>(i % kElements);
      const Random4 bits =
          philox(9, {{((2u * 8 + 3) << 20) + element / 4,
                      static_cast<std::uint32_t>(examples[i / kElements]), 5, 32}});
      y[i] *= uniform(bits.v[element % 4]) < rate ? 0 : 1 / (1 - double{rate});
    }
    return y;
  };
  op.terms = 2;
  op.library = false;
  op.wrong_inputs = {{kExamples + 1, 3, 5, 2}};
  op.message = "dropout: input [4, 3, 5, 2] of 3 examples";
  return multilinear(op);
}

OpCase reshape_case() {
  OpCase op;
  op.name = "reshape";
  op.inputs = {{2, 3, 4}};
  op.build = [](Tape& tape, const std::vector<Var>& v) { return reshape(tape, v[0], {6, 4}); };
  op.reference = [](const Inputs& v) { return v[0]; };
  op.terms = 1;
  op.library = false;
  op.wrong_inputs = {{2, 3, 5}};
  op.message = "[2, 3, 5]";
  return multilinear(op);
}

OpCase to_f32_case() {
  OpCase op = reshape_case();
  op.name = "to_f32_of";
  op.build = [](Tape& tape, const std::vector<Var>& v) { return to_f32(tape, v[0]); };
  op.wrong_inputs = {};
  return multilinear(op);
}

// Losses ------------------------------------------------------------------------------------------

struct PixelLossCase {
  std::string name;
  LossReduction reduction;
  bool weighted, all_void;
};

OpCase pixel_cross_entropy_case(const PixelLossCase& kind) {
  constexpr std::int64_t kClasses = 5;
  const Shape shape{3, 5, 4, kClasses};
  const std::int64_t pixels = 60;
  std::vector<std::uint8_t> labels;
  for (const std::int32_t label : random_labels(pixels, 9, kClasses)) {
    labels.push_back(static_cast<std::uint8_t>(label));
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (kind.all_void || i % 7 == 2 || i >= 50) labels[i] = i % 2 == 0 ? 255 : kClasses;
  }
  const Values weights = kind.weighted ? Values{0.5, 2, 0, 1.25, 0.25} : Values(kClasses, 1.);
  double weight = 0;
  for (const std::uint8_t label : labels) weight += label < kClasses ? weights[label] : 0;
  const double scale = kind.reduction == LossReduction::sum ? 1 : weight > 0 ? 1 / weight : 0;

  OpCase op;
  op.name = "pixel_cross_entropy_" + kind.name;
  op.inputs = {shape};
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    Device& device = v[0].device();
    const Tensor there = Tensor::from_host(device, {3, 5, 4}, labels);
    return pixel_cross_entropy(tape, v[0], there, kind.reduction,
                               kind.weighted ? on_device(device, weights) : Tensor())
        .loss;
  };
  op.reference = [=](const Inputs& v) {
    double sum = 0;
    for (std::size_t p = 0; p < labels.size(); ++p) {
      if (labels[p] >= kClasses) continue;
      double exponentials = 0;
      for (std::size_t k = 0; k < kClasses; ++k) exponentials += std::exp(v[0][p * kClasses + k]);
      sum += weights[labels[p]] * (std::log(exponentials) - v[0][p * kClasses + labels[p]]);
    }
    return Values{scale * sum};
  };
  op.terms = static_cast<double>(pixels + kClasses);
  // As for cross_entropy: logits lie in [-1, 1].
  op.magnitude = [=](const Inputs&) {
    return Values{scale * 2 * static_cast<double>(pixels) *
                  (std::log(static_cast<double>(kClasses)) + 4)};
  };
  op.gradient_magnitude = [=](const Inputs& v, const Values& dy, std::size_t) {
    return Values(v[0].size(), 2 * std::abs(dy[0]) * scale * 4);
  };
  op.library = false;
  op.transcendental = true;
  op.wrong_inputs = {{3, 4, 5, kClasses}};
  op.message = "pixel_cross_entropy: logits [3, 4, 5, 5] and labels u8 [3, 5, 4]";
  return op;
}

OpCase pointwise_linear_case() {
  OpCase op;
  op.name = "linear_of_1x1_weight";
  op.inputs = {{2, 3, 2, 5}, {4, 1, 1, 5}, {4}};
  op.build = [](Tape& tape, const std::vector<Var>& v) { return linear(tape, v[0], v[1], v[2]); };
  op.reference = [](const Inputs& v) { return linear_reference(5, v[0], v[1], v[2]); };
  op.terms = 12;
  op.library = true;
  op.wrong_inputs = {{2, 3, 2, 5}, {4, 3, 3, 5}, {4}};
  op.message = "linear: input";
  return multilinear(op);
}

}  // namespace

std::vector<OpCase> segmentation_op_cases() {
  std::vector<OpCase> table = {
      max_pool_case({2, 7, 5, 3}, 3, 2, 1),
      max_pool_case({1, 6, 8, 2}, 3, 2, 1),
      max_pool_case({1, 5, 6, 3}, 2, 2, 0),
      max_pool_case({1, 4, 5, 2}, 5, 1, 2),
      max_pool_case({1, 4, 3, 36}, 3, 2, 1),  // more channels than a span
      in_bf16(max_pool_case({2, 7, 5, 3}, 3, 2, 1), {Kind::bf16}),
      pad_case(),
      in_bf16(pad_case(), {Kind::bf16}),
      concatenate_case(),
      in_bf16(concatenate_case(), {Kind::bf16, Kind::bf16, Kind::f32}),
      resize_case({2, 3, 4, 3}, 7, 5),
      resize_case({2, 1, 1, 4}, 5, 3),
      resize_case({1, 5, 4, 2}, 3, 2),
      resize_case({1, 2, 3, 5}, 2, 3),
      resize_case({1, 3, 2, 1}, 24, 17),
      dropout_case(0.f),
      dropout_case(0.3f),
      in_bf16(dropout_case(0.5f), {Kind::bf16}),
      reshape_case(),
      to_f32_case(),
      in_bf16(to_f32_case(), {Kind::bf16}),
      pointwise_linear_case(),
  };
  const PixelLossCase losses[] = {{"mean", LossReduction::mean, false, false},
                                  {"sum", LossReduction::sum, false, false},
                                  {"mean_weighted", LossReduction::mean, true, false},
                                  {"sum_weighted", LossReduction::sum, true, false},
                                  {"mean_all_void", LossReduction::mean, false, true},
                                  {"sum_all_void", LossReduction::sum, false, true}};
  for (const PixelLossCase& kind : losses) table.push_back(pixel_cross_entropy_case(kind));
  return table;
}

}  // namespace saddle::testing_support
