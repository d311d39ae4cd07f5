#include "attacks/pixel_losses.h"

#include <algorithm>

#include "core/attack_ops.h"
#include "core/ops.h"

namespace saddle {
namespace {

struct NamedLoss {
  std::string name;
  PixelLossKind kind;
};

const std::vector<NamedLoss>& named_losses() {
  static const std::vector<NamedLoss> losses = {
      {"ce", PixelLossKind::cross_entropy},     {"segpgd", PixelLossKind::segpgd},
      {"cospgd", PixelLossKind::cospgd},        {"mce", PixelLossKind::masked},
      {"mce-bal", PixelLossKind::masked},       {"jsd", PixelLossKind::jensen_shannon},
      {"msl", PixelLossKind::masked_spherical}, {"cos", PixelLossKind::cosine}};
  return losses;
}

PixelLossKind kind_of(const std::string& name) {
  std::string known;
  for (const NamedLoss& loss : named_losses()) {
    if (loss.name == name) return loss.kind;
    known += (known.empty() ? "" : ", ") + loss.name;
  }
  fail("pixel loss '", name, "' is unknown. Choose one of ", known);
}

// Of what each image's loss is told.
enum class Told { climbed, tracked };

StepLoss named(const std::string& name, const Tensor& balance, Told told) {
  const PixelLossKind kind = kind_of(name);
  const bool balanced = name == "mce-bal";
  require(!balanced || balance, "pixel loss 'mce-bal' needs the weights of classes");
  const Tensor weights = balanced ? balance : Tensor();
  const bool own = told == Told::climbed || kind == PixelLossKind::cross_entropy ||
                   kind == PixelLossKind::masked_spherical;
  return [=](int step, int steps) -> Loss {
    PixelLoss of_pixel;
    of_pixel.kind = kind;
    if (kind == PixelLossKind::segpgd) of_pixel = segpgd_loss(step, steps);
    return [=](Tape& tape, const LogitsFunction& f, const Var& x, const Batch& batch,
               LossReduction reduction) {
      require(reduction == LossReduction::sum, "pixel loss: only its sum over images is climbed");
      const Var z = f(tape, x);
      LossValue value = pixel_attack_loss(tape, z, batch.targets, of_pixel, weights);
      if (own) return value;
      const Var fixed(z.value(), Gradient::none);
      value.losses = pixel_cross_entropy(tape, fixed, batch.targets, LossReduction::sum).losses;
      return value;
    };
  };
}

}  // namespace

const std::vector<std::string>& pixel_loss_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const NamedLoss& loss : named_losses()) all.push_back(loss.name);
    return all;
  }();
  return names;
}

StepLoss pixel_loss(const std::string& name, const Tensor& balance) {
  return named(name, balance, Told::climbed);
}

StepLoss tracked_pixel_loss(const std::string& name, const Tensor& balance) {
  return named(name, balance, Told::tracked);
}

std::vector<float> balance_of(std::span<const std::int64_t> pixels) {
  double sum = 0;
  for (std::int64_t count : pixels) sum += count > 0 ? 1. / static_cast<double>(count) : 0;
  require(sum > 0, "pixel loss: no class has a pixel, so they have no balance");
  std::vector<float> weights;
  for (std::int64_t count : pixels) {
    weights.push_back(count > 0 ? static_cast<float>(1. / static_cast<double>(count) / sum) : 0.f);
  }
  return weights;
}

PgdOptions pixel_pgd(PixelPreset preset, Norm norm, std::optional<double> eps) {
  require(norm != Norm::l1, "pixel pgd: its presets are for l-inf and l2");
  const bool linf = norm == Norm::linf, literature = preset == PixelPreset::literature;
  require(linf || !literature || eps, "pixel pgd: the literature's preset has no radius in l2, ",
          "give eps");
  const double own = literature                     ? .03
                     : preset == PixelPreset::paper ? (linf ? 1. / 255 : 1)
                                                    : (linf ? 2. / 255 : .5);
  const double radius = eps.value_or(own);
  PgdOptions options;
  options.norm = norm;
  options.eps = static_cast<float>(radius);
  options.alpha = static_cast<float>(radius / (literature ? 3 : 4));
  options.start = literature && !linf ? Start::sphere : Start::random;
  return options;
}

}  // namespace saddle
