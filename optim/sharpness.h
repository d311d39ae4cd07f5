// SharpnessOptions: which member of the SAM family, with the numbers of its paper or code.
// optim/README.md has every formula.
#pragma once

#include <cstdint>

#include "core/weights.h"

namespace saddle {

enum class Sharpness {
  none,              // the base optimiser alone
  sam,               // Foret et al. 2021
  asam,              // Kwon et al. 2021: |w| + eta, biases as in SAM
  asam_elementwise,  // davda54/sam with `adaptive`: |w| everywhere
  fisher_sam,        // Kim et al. 2022
  sam_on,            // Mueller et al. 2023: normalisation parameters alone
  gsam,              // Zhuang et al. 2022
  looksam,           // Liu et al. 2022
  esam,              // Du et al. 2022
  ssam,              // Mi et al. 2022
  awp,               // Wu, Xia and Wang 2020
};

enum class SparseMask { fisher, dynamic };

struct SharpnessOptions {
  Sharpness method = Sharpness::none;
  double rho = 0.05;            // the radius; AWP: gamma
  std::int64_t awp_warmup = 0;  // epochs in which gamma is 0
  double asam_eta = 0.01;
  double fisher_eta = 1;
  // GSAM: alpha; rho falls with the learning rate, from rho at lr_max to rho_min at 0.
  double gsam_alpha = 0.4, gsam_rho_min = 0.02, lr_max = 0.1;
  std::int64_t looksam_k = 5;
  double looksam_alpha = 0.7;
  // ESAM: the share of tensors perturbed and of examples kept; as for PreActResNet-18.
  double esam_beta = 0.6, esam_gamma = 0.5;
  // SSAM: the share of weights that stay; epochs between masks; examples of the Fisher matrix; the
  // share of live weights that the dynamic mask drops at first, over `ssam_epochs` less and less.
  SparseMask ssam_mask = SparseMask::fisher;
  double ssam_sparsity = 0.2;
  std::int64_t ssam_update_epochs = 5, ssam_samples = 1024;
  double ssam_drop_rate = 0.5;
  std::int64_t ssam_epochs = 100;
  std::uint64_t seed = 0;  // of what is drawn: ESAM's frozen tensors, SSAM's dynamic masks
};

// From this gamma on ESAM keeps every example and does not select, as in the authors' code.
inline constexpr double kEsamKeepsAll = 0.99;

// Throws Error for numbers outside their range, naming method, number and range.
void check(const SharpnessOptions& options);

}  // namespace saddle
