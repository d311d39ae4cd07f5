#include "apps/landscape/landscape.h"

#include <cmath>

#include "apps/common/evaluate.h"
#include "attacks/pgd.h"
#include "kernels/philox.h"
#include "kernels/weight_buffers.h"

namespace saddle::landscape {
namespace {

// Whether a tensor's rows are filters.
bool has_filters(const Slot& slot) {
  return slot.kind == SlotKind::weight && slot.shape.rank() >= 2;
}

void normalise_filters(const Slot& slot, const std::vector<float>& w, std::vector<float>& d) {
  const std::int64_t filters = slot.shape[0], size = slot.shape.count() / filters;
  for (std::int64_t filter = 0; filter < filters; ++filter) {
    const auto first = static_cast<std::size_t>(slot.offset + filter * size);
    double of_w = 0, of_d = 0;
    for (std::size_t i = first; i < first + static_cast<std::size_t>(size); ++i) {
      of_w += double{w[i]} * w[i];
      of_d += double{d[i]} * d[i];
    }
    const double scale = std::sqrt(of_w) / (std::sqrt(of_d) + 1e-10);  // as in the authors' code
    for (std::size_t i = first; i < first + static_cast<std::size_t>(size); ++i) {
      d[i] = static_cast<float>(d[i] * scale);
    }
  }
}

// A copy of the model at other weights; statistics are shared.
Model at_weights(const Model& model, const Tensor& weights) {
  Model moved = model;
  moved.weights = weights;
  return moved;
}

Tensor moved(const Tensor& w, const Tensor& direction, double by) {
  const Tensor there = w.clone();
  launch(w.device(), AddScaled{direction.array(), there.array(), static_cast<float>(by), 1.f},
         w.count());
  return there;
}

LandscapePoint point(const Model& model, double at, const DeviceDataset& data,
                     std::int64_t batch_size) {
  const Evaluation found = evaluate(model.evaluation(), data, batch_size);
  return {at, found.loss, found.accuracy};
}

// The sums over a batch of loss and right answers.
struct Sums {
  double loss = 0, correct = 0;
};
Sums sums_of(const Loss& loss, const LogitsFunction& f, const Tensor& x, const Batch& batch) {
  Tape tape;
  const LossValue found = loss(tape, f, tape.input(x, Gradient::none), batch, LossReduction::sum);
  Sums sums;
  for (const float loss : found.losses.to_host<float>()) sums.loss += loss;
  for (const float right : found.right.to_host<float>()) sums.correct += right;
  return sums;
}

}  // namespace

Tensor random_direction(const Model& model, std::uint64_t seed, std::uint32_t number) {
  const std::vector<float> w = model.weights.to_host<float>();
  std::vector<float> d(w.size(), 0.f);
  const Stream stream{seed, Purpose::landscape, number};
  const std::vector<Slot>& slots = model.network.layout.weights.slots();
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    if (!has_filters(slots[slot])) continue;
    for (std::int64_t i = 0; i < slots[slot].shape.count(); ++i) {
      const Random4 bits =
          stream.bits(static_cast<std::uint32_t>(slot), static_cast<std::uint32_t>(i));
      d[static_cast<std::size_t>(slots[slot].offset + i)] = normal(bits.v[0], bits.v[1]);
    }
    normalise_filters(slots[slot], w, d);
  }
  return Tensor::from_host(model.device(), model.weights.shape(), d);
}

Tensor sam_direction(const Model& model, const DeviceDataset& data, std::int64_t batch_size) {
  Device& device = model.device();
  const Tensor sum = Tensor::filled(device, model.weights.shape(), 0.f),
               g = Tensor::filled(device, model.weights.shape(), 0.f);
  const Parameters w = with_precision(model.weights, model.precision);
  for (std::int64_t first = 0; first < data.size(); first += batch_size) {
    const Batch batch = data.batch(first, std::min(batch_size, data.size() - first));
    const LogitsFunction f = [&](Tape& tape, const Var& x) {
      return model.logits({tape, w, g, model.statistics, BatchNormMode::frozen, model.precision},
                          x);
    };
    Tape tape;
    const Var x = tape.input(batch.inputs, Gradient::none);
    tape.backward(cross_entropy_loss()(tape, f, x, batch, LossReduction::sum).loss);
    launch(device, AddScaled{g.array(), sum.array(), 1.f, 1.f}, sum.count());
  }
  const double norm = std::sqrt(double{square_norm(sum).item()});
  require(norm > 0 && std::isfinite(norm), "landscape: the gradient's norm is ", norm,
          ", so there is no direction to climb in");
  const Tensor direction(device, sum.shape());
  launch(device, AddScaled{sum.array(), direction.array(), static_cast<float>(1 / norm), 0.f},
         sum.count());
  return direction;
}

std::vector<LandscapePoint> along_weights(const Model& model, const Tensor& direction,
                                          const std::vector<double>& places,
                                          const DeviceDataset& data, std::int64_t batch_size) {
  std::vector<LandscapePoint> points;
  for (const double place : places) {
    const Tensor w = moved(model.weights, direction, place);
    points.push_back(point(at_weights(model, w), place, data, batch_size));
  }
  return points;
}

std::vector<LandscapePoint> over_plane(const Model& model, const Tensor& first,
                                       const Tensor& second, const std::vector<double>& places,
                                       const DeviceDataset& data, std::int64_t batch_size) {
  std::vector<LandscapePoint> points;
  for (const double place : places) {
    const Model there = at_weights(model, moved(model.weights, first, place));
    for (const LandscapePoint& found : along_weights(there, second, places, data, batch_size)) {
      points.push_back(found);
    }
  }
  return points;
}

std::vector<LandscapePoint> along_inputs(const Model& model, InputStep step,
                                         const std::vector<double>& radii,
                                         const DeviceDataset& data, std::int64_t batch_size) {
  const LogitsFunction logits = model.evaluation();
  std::vector<LandscapePoint> points;
  for (const double radius : radii) {
    const auto eps = static_cast<float>(radius);
    PgdOptions options = fgsm(eps);
    if (step == InputStep::pgd) options = {Norm::linf, eps, eps / 4, 10, Start::zero};
    Sums total;
    for (std::int64_t first = 0; first < data.size(); first += batch_size) {
      const Batch batch = data.batch(first, std::min(batch_size, data.size() - first));
      const Tensor images = radius > 0 ? pgd(logits, batch, options, 0, 0) : batch.inputs;
      const Sums sums = sums_of(cross_entropy_loss(), logits, images, batch);
      total.loss += sums.loss;
      total.correct += sums.correct;
    }
    const auto n = static_cast<double>(data.size());
    points.push_back({radius, total.loss / n, 100 * total.correct / n});
  }
  return points;
}

}  // namespace saddle::landscape
