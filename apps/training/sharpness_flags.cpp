#include "apps/training/sharpness_flags.h"

#include <array>
#include <nlohmann/json.hpp>

namespace saddle {
namespace {

// Radii as the methods' code or papers choose them (optim/README.md); SSAM's and ESAM's are SAM's.
struct Method {
  const char* name;
  Sharpness sharpness;
  double rho;
};
constexpr std::array kMethods = {Method{"sam", Sharpness::sam, 0.05},
                                 Method{"asam", Sharpness::asam, 0.5},
                                 Method{"asam_elementwise", Sharpness::asam_elementwise, 2},
                                 Method{"esam", Sharpness::esam, 0.05},
                                 Method{"looksam", Sharpness::looksam, 0.1},
                                 Method{"fisher_sam", Sharpness::fisher_sam, 0.1},
                                 Method{"ssam", Sharpness::ssam, 0.05},
                                 Method{"sam_on", Sharpness::sam_on, 0.5},
                                 Method{"gsam", Sharpness::gsam, 0.04}};

// Null for what is not of the family.
const Method* find_method(const std::string& optimizer) {
  for (const Method& method : kMethods) {
    if (method.name == optimizer) return &method;
  }
  return nullptr;
}

template <class T>
struct Parameter {
  const char* flag;
  const char* key;  // in config.json
  const char* method;
  std::optional<T> SharpnessFlags::*value;
  T fallback;
  const char* help;
};

const SharpnessOptions kDefaults;

using F = SharpnessFlags;
const std::vector<Parameter<double>> kNumbers = {
    {"--asam-eta", "asam_eta", "asam", &F::asam_eta, kDefaults.asam_eta, "added to |w|"},
    {"--fisher-eta", "fisher_eta", "fisher_sam", &F::fisher_eta, kDefaults.fisher_eta,
     "weight of g^2 in the Fisher diagonal 1 + eta g^2"},
    {"--gsam-alpha", "gsam_alpha", "gsam", &F::gsam_alpha, kDefaults.gsam_alpha,
     "how much of the orthogonal gradient is taken off"},
    {"--looksam-alpha", "looksam_alpha", "looksam", &F::looksam_alpha, kDefaults.looksam_alpha,
     "weight of the kept gradient between looks"},
    {"--esam-beta", "esam_beta", "esam", &F::esam_beta, kDefaults.esam_beta,
     "share of tensors perturbed"},
    {"--esam-gamma", "esam_gamma", "esam", &F::esam_gamma, kDefaults.esam_gamma,
     "share of examples in the second pass"},
    {"--ssam-sparsity", "ssam_sparsity", "ssam", &F::ssam_sparsity, kDefaults.ssam_sparsity,
     "share of weights not perturbed"},
    {"--ssam-drop-rate", "ssam_drop_rate", "ssam", &F::ssam_drop_rate, kDefaults.ssam_drop_rate,
     "share of live weights the dynamic mask exchanges at first"}};
const std::vector<Parameter<std::int64_t>> kIntegers = {
    {"--looksam-k", "looksam_k", "looksam", &F::looksam_k, kDefaults.looksam_k,
     "every k-th step takes both gradients"},
    {"--ssam-update-epochs", "ssam_update_epochs", "ssam", &F::ssam_update_epochs,
     kDefaults.ssam_update_epochs, "epochs a mask lasts"},
    {"--ssam-samples", "ssam_samples", "ssam", &F::ssam_samples, kDefaults.ssam_samples,
     "examples the Fisher mask looks at"}};

template <class T>
void resolve(const Parameter<T>& parameter, SharpnessFlags& flags, const std::string& optimizer) {
  std::optional<T>& value = flags.*parameter.value;
  if (parameter.method == optimizer) {
    if (!value) value = parameter.fallback;
  } else if (value) {
    throw UsageError(text(parameter.flag, " needs --optimizer ", parameter.method));
  }
}

template <class T>
void record_one(const Parameter<T>& parameter, const SharpnessFlags& flags, nlohmann::json& json) {
  if (const std::optional<T>& value = flags.*parameter.value) json[parameter.key] = *value;
}

// GSAM's smallest radius is half the largest, as in its paper's recipes.
void resolve_gsam(SharpnessFlags& flags, const std::string& optimizer) {
  if (optimizer == "gsam") {
    if (!flags.gsam_rho_min) flags.gsam_rho_min = *flags.rho / 2;
  } else if (flags.gsam_rho_min) {
    throw UsageError("--gsam-rho-min needs --optimizer gsam");
  }
}

void resolve_ssam_mask(SharpnessFlags& flags, const std::string& optimizer) {
  if (optimizer == "ssam") {
    if (flags.ssam_mask.empty()) flags.ssam_mask = "fisher";
    if (flags.ssam_mask == "fisher") flags.ssam_drop_rate.reset();
    if (flags.ssam_mask == "dynamic") flags.ssam_samples.reset();
  } else if (!flags.ssam_mask.empty()) {
    throw UsageError("--ssam-mask needs --optimizer ssam");
  }
}

// The Fisher mask looks at examples, the dynamic one exchanges weights; neither knows the other's.
void refuse_other_masks_flags(const SharpnessFlags& flags, const std::string& optimizer) {
  if (optimizer != "ssam") return;
  const bool dynamic = flags.ssam_mask == "dynamic";
  if (dynamic && flags.ssam_samples) throw UsageError("--ssam-samples needs --ssam-mask fisher");
  if (!dynamic && flags.ssam_drop_rate)
    throw UsageError("--ssam-drop-rate needs --ssam-mask dynamic");
}

void resolve_radius(SharpnessFlags& flags, const std::string& optimizer) {
  if (const Method* method = find_method(optimizer)) {
    if (flags.awp) {
      throw UsageError(
          text("--awp and --optimizer ", optimizer,
               " would both perturb the weights. Choose a base optimiser, or no --awp"));
    }
    if (!flags.rho) flags.rho = method->rho;
    if (*flags.rho < 0) throw UsageError(text("--rho ", *flags.rho, " is negative"));
  } else if (flags.rho) {
    throw UsageError(text("--rho needs an optimiser of the SAM family, not ", optimizer));
  }
}

}  // namespace

std::vector<std::string> sam_family() {
  std::vector<std::string> names;
  for (const Method& method : kMethods) names.push_back(method.name);
  return names;
}

bool is_sam_family(const std::string& optimizer) { return find_method(optimizer) != nullptr; }

void add_sharpness_flags(CLI::App& app, SharpnessFlags& flags, std::optional<double> sam_rho) {
  add_number(app, "--rho", flags.rho,
             "SAM family: radius of the weight perturbation, l2 norm over all weights",
             text(sam_rho.value_or(kMethods.front().rho),
                  " (sam, esam, ssam), 0.5 (asam, sam_on), 2 (asam_elementwise), 0.1 (looksam, "
                  "fisher_sam), 0.04 "
                  "(gsam)"));
  for (const auto& p : kNumbers) {
    add_number(app, p.flag, flags.*p.value, text(p.method, ": ", p.help), text(p.fallback));
  }
  for (const auto& p : kIntegers) {
    add_integer(app, p.flag, flags.*p.value, 1, text(p.method, ": ", p.help), text(p.fallback));
  }
  add_number(app, "--gsam-rho-min", flags.gsam_rho_min, "gsam: radius at learning rate 0",
             "half of --rho");
  add_choice(app, "--ssam-mask", flags.ssam_mask, {"fisher", "dynamic"},
             "ssam: how masks are made; fisher unless given");
  add_number(app, "--awp", flags.awp,
             "adversarial training: weights move by this share of each tensor's norm", "off");
  add_integer(app, "--awp-warmup", flags.awp_warmup, 0, "epochs before --awp begins",
              "0, 10 with --adversarial trades");
}

SharpnessFlags resolved(SharpnessFlags flags, const std::string& optimizer) {
  resolve_radius(flags, optimizer);
  if (flags.awp_warmup && !flags.awp) throw UsageError("--awp-warmup needs --awp");
  refuse_other_masks_flags(flags, optimizer);
  for (const auto& parameter : kNumbers) resolve(parameter, flags, optimizer);
  for (const auto& parameter : kIntegers) resolve(parameter, flags, optimizer);
  resolve_gsam(flags, optimizer);
  resolve_ssam_mask(flags, optimizer);
  try {
    check(sharpness_options(flags, optimizer));
  } catch (const Error& error) {
    throw UsageError(flags.awp ? text("--awp: ", error.what())
                               : text("--optimizer ", optimizer, ": ", error.what()));
  }
  return flags;
}

void record(const SharpnessFlags& flags, nlohmann::json& json) {
  if (flags.rho) json["rho"] = *flags.rho;
  for (const auto& parameter : kNumbers) record_one(parameter, flags, json);
  for (const auto& parameter : kIntegers) record_one(parameter, flags, json);
  if (flags.gsam_rho_min) json["gsam_rho_min"] = *flags.gsam_rho_min;
  if (!flags.ssam_mask.empty()) json["ssam_mask"] = flags.ssam_mask;
  if (flags.awp) json["awp"] = *flags.awp;
  if (flags.awp_warmup.value_or(0) > 0) json["awp_warmup"] = *flags.awp_warmup;
}

SharpnessOptions sharpness_options(const SharpnessFlags& flags, const std::string& optimizer) {
  SharpnessOptions o;
  if (flags.awp) {
    o.method = Sharpness::awp;
    o.rho = *flags.awp;
    o.awp_warmup = flags.awp_warmup.value_or(0);
    return o;
  }
  const Method* method = find_method(optimizer);
  if (method == nullptr) return o;
  o.method = method->sharpness;
  o.rho = *flags.rho;
  o.asam_eta = flags.asam_eta.value_or(o.asam_eta);
  o.fisher_eta = flags.fisher_eta.value_or(o.fisher_eta);
  o.gsam_alpha = flags.gsam_alpha.value_or(o.gsam_alpha);
  o.gsam_rho_min = flags.gsam_rho_min.value_or(o.gsam_rho_min);
  o.looksam_k = flags.looksam_k.value_or(o.looksam_k);
  o.looksam_alpha = flags.looksam_alpha.value_or(o.looksam_alpha);
  o.esam_beta = flags.esam_beta.value_or(o.esam_beta);
  o.esam_gamma = flags.esam_gamma.value_or(o.esam_gamma);
  o.ssam_mask = flags.ssam_mask == "dynamic" ? SparseMask::dynamic : SparseMask::fisher;
  o.ssam_sparsity = flags.ssam_sparsity.value_or(o.ssam_sparsity);
  o.ssam_update_epochs = flags.ssam_update_epochs.value_or(o.ssam_update_epochs);
  o.ssam_samples = flags.ssam_samples.value_or(o.ssam_samples);
  o.ssam_drop_rate = flags.ssam_drop_rate.value_or(o.ssam_drop_rate);
  return o;
}

}  // namespace saddle
