#include "apps/train/validation.h"

#include <algorithm>

#include "apps/common/evaluate.h"
#include "apps/training/batches.h"
#include "attacks/confirmed.h"

namespace saddle {
namespace {

constexpr std::int64_t kBatch = 500;
// The order that decides who is held out is no epoch's.
constexpr std::uint32_t kNoEpoch = 0xffffffff;

Dataset chosen(const Dataset& data, const std::vector<std::int32_t>& examples) {
  Dataset part = data;
  part.pixels.clear();
  part.labels.clear();
  const auto row = data.height * data.width * data.channels;
  for (std::int32_t example : examples) {
    const auto begin = data.pixels.begin() + example * row;
    part.pixels.insert(part.pixels.end(), begin, begin + row);
    part.labels.push_back(data.labels[static_cast<std::size_t>(example)]);
  }
  return part;
}

}  // namespace

HeldOut hold_out(const Dataset& data, std::int64_t count, std::uint64_t seed) {
  if (count < 1 || count >= data.size()) {
    throw UsageError(
        text("--validation ", count, " must leave some of the ", data.size(), " training images"));
  }
  std::vector<std::int32_t> order = epoch_order(data.size(), seed, kNoEpoch);
  const auto middle = order.end() - count;
  std::sort(order.begin(), middle);
  std::sort(middle, order.end());
  return {chosen(data, {order.begin(), middle}), chosen(data, {middle, order.end()})};
}

ValidationAccuracy validate(const Model& model, const DeviceDataset& data,
                            const std::optional<PgdOptions>& attack, std::uint64_t seed) {
  const LogitsFunction judge = model.judge();
  const Evaluation clean = evaluate(judge, data, kBatch);
  ValidationAccuracy accuracy{clean.accuracy, {}};
  if (attack) {
    Attack pgd = pgd_attack(*attack, seed);
    if (model.precision != Precision::fp32) pgd = confirmed(pgd, model.evaluation());
    accuracy.robust =
        evaluate_attack(judge, data, clean, pgd, AttackedExamples::correct_only, kBatch)
            .robust_accuracy;
  }
  return accuracy;
}

}  // namespace saddle
