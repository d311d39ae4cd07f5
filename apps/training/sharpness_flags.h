// SharpnessFlags: what a command line says about the SAM family and AWP, method by method.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/common/command_line.h"
#include "optim/sharpness.h"

namespace saddle {

// Numbers that were not given are the method's own; those of other methods may not be given.
struct SharpnessFlags {
  std::optional<double> rho, asam_eta, fisher_eta, gsam_alpha, gsam_rho_min, looksam_alpha,
      esam_beta, esam_gamma, ssam_sparsity, ssam_drop_rate;
  std::optional<std::int64_t> looksam_k, ssam_update_epochs, ssam_samples;
  std::string ssam_mask;                   // fisher, dynamic
  std::optional<double> awp;               // gamma; with a base optimiser in adversarial training
  std::optional<std::int64_t> awp_warmup;  // epochs before it begins
};

// The names that --optimizer takes besides the base optimisers.
std::vector<std::string> sam_family();
bool is_sam_family(const std::string& optimizer);

// `sam_rho`: the program's radius of --optimizer sam, where it has one of its own.
void add_sharpness_flags(CLI::App& app, SharpnessFlags& flags, std::optional<double> sam_rho = {});

// The same with every number of `optimizer` filled in. Throws UsageError where a number of another
// method is given or one is out of range, naming the flag.
SharpnessFlags resolved(SharpnessFlags flags, const std::string& optimizer);

// Adds what `optimizer` uses to what a run's config.json records.
void record(const SharpnessFlags& flags, nlohmann::json& json);

// What of it the optimiser takes, from resolved flags; lr_max, ssam_epochs and seed are the run's.
SharpnessOptions sharpness_options(const SharpnessFlags& flags, const std::string& optimizer);

}  // namespace saddle
