#include "optim/sharpness.h"

#include <cmath>

#include "core/error.h"

namespace saddle {
namespace {

void in_range(const char* name, double value, double low, double high) {
  require(std::isfinite(value) && value >= low && value <= high, name, " is ", value,
          ", it must lie in [", low, ", ", high, "]");
}

void not_negative(const char* name, double value) {
  require(std::isfinite(value) && value >= 0, name, " is ", value,
          ", it must be finite and not negative");
}

}  // namespace

void check(const SharpnessOptions& o) {
  not_negative(o.method == Sharpness::awp ? "awp: gamma" : "sam: rho", o.rho);
  not_negative("asam: eta", o.asam_eta);
  not_negative("fisher_sam: eta", o.fisher_eta);
  not_negative("gsam: alpha", o.gsam_alpha);
  if (o.method == Sharpness::gsam) in_range("gsam: rho_min", o.gsam_rho_min, 0, o.rho);
  require(o.looksam_k >= 1, "looksam: k is ", o.looksam_k, ", it must be at least 1");
  not_negative("looksam: alpha", o.looksam_alpha);
  require(o.esam_beta > 0, "esam: beta is ", o.esam_beta, ", it must be above 0");
  in_range("esam: beta", o.esam_beta, 0, 1);
  in_range("esam: gamma", o.esam_gamma, 0, 1);
  in_range("ssam: sparsity", o.ssam_sparsity, 0, 1);
  in_range("ssam: drop rate", o.ssam_drop_rate, 0, 1);
  require(o.ssam_update_epochs >= 1 && o.ssam_samples >= 1,
          "ssam: masks need at least one epoch and one example between them");
}

}  // namespace saddle
