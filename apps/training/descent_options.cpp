#include "apps/training/descent_options.h"

#include <nlohmann/json.hpp>

#include "apps/common/settings.h"
#include "core/format.h"

namespace saddle {
namespace {

constexpr double kMomentum = 0.9;

std::vector<std::string> optimizer_names() {
  std::vector<std::string> names = {"sgd", "adam", "adamw"};
  for (const std::string& name : sam_family()) names.push_back(name);
  return names;
}

// A number as --help shows it, 5e-4.
std::string shown(double number) { return formatted("%g", number); }

std::string shown_decay(const DescentDefaults& defaults) {
  if (defaults.sgd_weight_decay == defaults.adam_weight_decay) {
    return shown(defaults.sgd_weight_decay);
  }
  return text(shown(defaults.sgd_weight_decay), " (SGD), ", shown(defaults.adam_weight_decay),
              " (Adam)");
}

}  // namespace

bool uses_sam(const DescentOptions& options) { return is_sam_family(options.optimizer); }

std::string descent_of(const DescentOptions& options) {
  if (!uses_sam(options)) return options.optimizer;
  return options.base_optimizer.empty() ? "sgd" : options.base_optimizer;
}

std::vector<Setting> settings_of(DescentOptions& o, const DescentDefaults& defaults,
                                 const std::function<std::string()>& no_batch_norm) {
  const auto of_sam = [&o](const std::string& flag) {
    return unless(uses_sam(o),
                  text(flag, " needs an optimiser of the SAM family, not ", o.optimizer));
  };
  return {
      {"--optimizer",
       "optimizer",
       &o.optimizer,
       "the optimiser",
       {.choices = optimizer_names(), .recorded = Recorded::always}},
      {"--base-optimizer",
       "base_optimizer",
       &o.base_optimizer,
       "what an optimiser of the SAM family wraps; sgd unless given",
       {.choices = {"sgd", "adam", "adamw"},
        .idle = [of_sam] { return of_sam("--base-optimizer"); }}},
      {"--sam-bn",
       "sam_statistics",
       &o.sam_statistics,
       "SAM family: in which pass batch-norm's running statistics move; auto (unless given): first "
       "with gsam, else both",
       {.choices = {"auto", "both", "first", "none"},
        .idle =
            [of_sam, no_batch_norm] {
              const std::string why = of_sam("--sam-bn");
              if (!why.empty()) return why;
              return no_batch_norm();
            }}},
      {"--lr",
       "lr",
       &o.lr,
       "learning rate",
       {.shown_default =
            text(shown(defaults.sgd_lr), " (SGD), ", shown(defaults.adam_lr), " (Adam)"),
        .bounds = kNotNegative,
        .recorded = Recorded::always}},
      {"--momentum",
       "momentum",
       &o.momentum,
       "SGD's momentum",
       {.shown_default = "0.9",
        .bounds = kShare,
        .idle =
            [&o] {
              const std::string descent = descent_of(o);
              return unless(descent == "sgd",
                            text("--momentum is SGD's, ", descent, " has none. Leave it out"));
            }}},
      {"--nesterov",
       "nesterov",
       &o.nesterov,
       "SGD with Nesterov's momentum",
       {.recorded = Recorded::always,
        .idle = [&o] { return unless(descent_of(o) == "sgd", "--nesterov needs SGD"); }}},
      {"--weight-decay",
       "weight_decay",
       &o.weight_decay,
       "decay of all weights",
       {.shown_default = shown_decay(defaults),
        .bounds = kNotNegative,
        .recorded = Recorded::always}},
      {"--clip-norm",
       "clip_norm",
       &o.clip_norm,
       "largest norm of the gradient that the base optimiser steps with",
       {.shown_default = "none", .bounds = kPositive}},
      {"--ema",
       "ema",
       &o.ema,
       "decay of a moving average of the model, tested and saved in its place",
       {.shown_default = "none", .bounds = {.low = 0, .high = 1}}}};
}

DescentOptions resolved(DescentOptions options, const DescentDefaults& defaults,
                        bool has_batch_norm) {
  const bool as_sam = options.optimizer == "sam" || options.optimizer == "esam" ||
                      options.optimizer == "ssam";  // whose radii are SAM's
  if (as_sam && !options.sharpness.rho) options.sharpness.rho = defaults.sam_rho;
  options.sharpness = resolved(options.sharpness, options.optimizer);
  if (uses_sam(options)) {
    if (options.base_optimizer.empty()) options.base_optimizer = "sgd";
    // GSAM's code keeps its second pass out of the running statistics.
    if (has_batch_norm && (options.sam_statistics.empty() || options.sam_statistics == "auto")) {
      options.sam_statistics = options.optimizer == "gsam" ? "first" : "both";
    }
  }
  const bool sgd = descent_of(options) == "sgd";
  if (sgd && !options.momentum) options.momentum = kMomentum;
  if (options.nesterov && *options.momentum == 0) {
    throw UsageError("--nesterov does nothing with --momentum 0");
  }
  if (!options.lr) options.lr = sgd ? defaults.sgd_lr : defaults.adam_lr;
  if (!options.weight_decay) {
    options.weight_decay = sgd ? defaults.sgd_weight_decay : defaults.adam_weight_decay;
  }
  return options;
}

SamStatistics sam_statistics_of(const DescentOptions& options) {
  if (options.sharpness.awp) return SamStatistics::second;
  if (options.sam_statistics == "none") return SamStatistics::none;
  return options.sam_statistics == "first" ? SamStatistics::first : SamStatistics::both;
}

Minimiser minimiser_of(const DescentOptions& options, Device& device, const WeightLayout& layout,
                       std::int64_t epochs, std::uint64_t seed) {
  const std::string descent = descent_of(options);
  const std::int64_t size = layout.size();
  SharpnessOptions sharpness = sharpness_options(options.sharpness, options.optimizer);
  sharpness.lr_max = *options.lr;
  sharpness.ssam_epochs = epochs;
  sharpness.seed = seed;
  const auto base = [&]() -> BaseOptimizer {
    if (descent == "sgd") {
      return Sgd(device, size, {*options.momentum, *options.weight_decay, options.nesterov});
    }
    AdamOptions adam;
    adam.weight_decay = *options.weight_decay;
    adam.decay = descent == "adam" ? WeightDecay::coupled : WeightDecay::decoupled;
    return Adam(device, size, adam);
  };
  Minimiser minimiser(base(), device, layout, sharpness);
  if (options.clip_norm) minimiser.clip_gradient(*options.clip_norm);
  return minimiser;
}

std::string against_divergence(const DescentOptions& options) {
  return text("Lower --lr", options.sharpness.rho ? " or --rho" : "");
}

}  // namespace saddle
