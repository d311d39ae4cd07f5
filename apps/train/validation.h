// Validation: training images held out, on which the best epoch is chosen.
//
// Choosing by the test split makes its accuracy a little too good, and adversarial training
// overfits (Rice et al. 2020, "Overfitting in adversarially robust deep learning"): the epoch with
// the best clean accuracy is rarely the most robust one.
#pragma once

#include <cstdint>
#include <optional>

#include "layers/model.h"
#include "apps/common/device_dataset.h"
#include "attacks/pgd.h"

namespace saddle {

struct HeldOut {
  Dataset train, validation;  // both in the order of the whole
};

// Takes `count` examples out of `data`, drawn by `seed`. Throws UsageError where that leaves none.
HeldOut hold_out(const Dataset& data, std::int64_t count, std::uint64_t seed);

// Percent of all examples.
struct ValidationAccuracy {
  double clean = 0;
  std::optional<double> robust;  // after `attack`, where there is one
};

ValidationAccuracy validate(const Model& model, const DeviceDataset& data,
                            const std::optional<PgdOptions>& attack, std::uint64_t seed);

}  // namespace saddle
