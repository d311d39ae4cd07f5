// DescentOptions: what a command line says of the optimiser, for any task.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/training/batch_step.h"
#include "apps/training/sharpness_flags.h"

namespace saddle {

struct Setting;  // apps/common/settings.h

struct DescentOptions {
  std::string optimizer = "sgd";  // sgd, adam, adamw, or one of the SAM family
  std::string base_optimizer;     // what it wraps; sgd unless given
  SharpnessFlags sharpness;
  std::string sam_statistics;  // auto, both, first, none; auto unless given
  std::optional<double> lr, weight_decay;
  std::optional<double> momentum;  // of SGD
  bool nesterov = false;
  std::optional<double> clip_norm;  // of the gradient the base optimiser steps with
  std::optional<double> ema;        // decay of the averaged weights
};

// What a program takes where nothing is said; of Adam and AdamW alike.
struct DescentDefaults {
  double sgd_lr, adam_lr;
  double sgd_weight_decay, adam_weight_decay;
  std::optional<double> sam_rho = {};  // of sam, esam and ssam; empty: Foret et al. 2021
};

// What descends: the optimiser, or what an optimiser of the SAM family wraps.
std::string descent_of(const DescentOptions& options);
bool uses_sam(const DescentOptions& options);

// The rows of --help, bounds and config.json but for the sharpness flags; they point into
// `options`. `no_batch_norm`: why --sam-bn does nothing with the network that is chosen, or "".
std::vector<Setting> settings_of(DescentOptions& options, const DescentDefaults& defaults,
                                 const std::function<std::string()>& no_batch_norm);

// The same with every default filled in; where `has_batch_norm`, also how its statistics move.
// Throws UsageError for combinations that make no sense.
DescentOptions resolved(DescentOptions options, const DescentDefaults& defaults,
                        bool has_batch_norm);

// The parts the trainer works with, from resolved options.
SamStatistics sam_statistics_of(const DescentOptions& options);
// `epochs`, `seed`: the run's, of which SSAM's masks depend.
Minimiser minimiser_of(const DescentOptions& options, Device& device, const WeightLayout& layout,
                       std::int64_t epochs, std::uint64_t seed);
// What to do where the loss stops being finite, "Lower --lr".
std::string against_divergence(const DescentOptions& options);

}  // namespace saddle
