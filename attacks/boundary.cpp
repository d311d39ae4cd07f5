#include "attacks/boundary.h"

#include <limits>

#include "attacks/rows.h"
#include "core/attack_ops.h"
#include "kernels/fab.h"
#include "kernels/logit_difference.h"

namespace saddle {

std::int64_t columns_of(const Tensor& images) { return images.count() / images.shape()[0]; }

void check_classes(const Tensor& logits, const char* attack) {
  require(logits.shape().rank() == 2 && logits.shape()[1] >= 2, attack, ": logits ", logits.shape(),
          " must be [N, classes] of two classes or more");
}

Rival rival(const Tensor& logits, const Tensor& labels) {
  Device& device = logits.device();
  const std::int64_t rows = logits.shape()[0];
  const Rival found{Tensor(device, {rows}, DType::i32), Tensor(device, {rows})};
  launch(device,
         RunnerUp{logits.array(), labels.array<std::int32_t>(), found.other.array<std::int32_t>(),
                  found.margin.array(), logits.shape()[1]},
         rows);
  return found;
}

Linearised linearise(const LogitsFunction& logits, const Tensor& images, const Tensor& labels,
                     const Tensor& other) {
  Tape tape;
  const Var x = tape.input(images, Gradient::wanted);
  const LogitDifferences f = logit_difference(tape, logits(tape, x), other, labels);
  tape.backward(f.sum);
  return {f.differences, x.gradient()};
}

namespace {

// Its gradient, on a copy of the tape: what was recorded once is walked as often as it is copied.
Linearised linearise_on(Tape tape, const Var& pixels, const Var& z, const Tensor& labels,
                        const Tensor& other) {
  const LogitDifferences f = logit_difference(tape, z, other, labels);
  tape.backward(f.sum);
  return {f.differences, pixels.take_gradient()};
}

}  // namespace

Linearised linearise_nearest(Tape& tape, const Var& pixels, const Var& z, const Tensor& labels,
                             Norm norm) {
  Device& device = z.device();
  const std::int64_t rows = z.shape()[0], columns = columns_of(pixels.value());
  const auto classes = static_cast<std::int32_t>(z.shape()[1]);
  const Linearised nearest{Tensor(device, {rows}), Tensor(device, pixels.shape())};
  const Tensor distance(device, {rows}), kept(device, {rows}, DType::i32),
      other(device, {rows}, DType::i32);
  for (std::int32_t ahead = 1; ahead < classes; ++ahead) {
    launch(device,
           OtherClass{labels.array<std::int32_t>(), other.array<std::int32_t>(), ahead, classes},
           rows);
    const bool last = ahead + 1 == classes;
    const Linearised here = linearise_on(last ? std::move(tape) : tape, pixels, z, labels, other);
    if (classes == 2) return here;
    with_distance_norm(norm, [&](auto p) {
      launch(device,
             KeepNearest<p()>{here.f.array(), here.w.array(), other.array<std::int32_t>(),
                              distance.array(), nearest.f.array(), kept.array<std::int32_t>(),
                              nearest.w.array(), columns, ahead == 1 ? 1.f : 0.f},
             rows);
    });
  }
  tape = {};
  return nearest;
}

Findings::Findings(const Batch& batch)
    : clean_(batch.inputs),
      images_(batch.inputs.clone()),
      distances_(static_cast<std::size_t>(batch.inputs.shape()[0]),
                 std::numeric_limits<float>::infinity()) {}

void Findings::put(const std::vector<std::int32_t>& rows, const Tensor& adversarial,
                   const Tensor& best, float radius) {
  if (rows.empty()) return;
  Device& device = images_.device();
  const Tensor numbers = row_numbers(device, rows), clean = select_rows(clean_, numbers);
  const Tensor accepted(device, clean.shape());
  const float within = radius < kFarthest ? radius : 0.5f * kFarthest;
  launch(device,
         AcceptWithin{clean.array(), adversarial.array(), best.array(), accepted.array(),
                      columns_of(clean), within},
         clean.shape()[0], columns_of(clean));
  put_rows(images_, numbers, accepted);
  const std::vector<float> distances = best.to_host<float>();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (distances[i] <= within) distances_[static_cast<std::size_t>(rows[i])] = distances[i];
  }
}

void Findings::put_clean_errors(const std::vector<std::int32_t>& attacked) {
  std::vector<float> errors(distances_.size(), 0.f);
  for (std::int32_t row : attacked) {
    errors[static_cast<std::size_t>(row)] = distances_[static_cast<std::size_t>(row)];
  }
  distances_ = std::move(errors);
}

MinimalNorm Findings::result() const {
  return {images_, Tensor::from_host(images_.device(),
                                     {static_cast<std::int64_t>(distances_.size())}, distances_)};
}

}  // namespace saddle
