#include "apps/segment/pixel_attack.h"

#include <algorithm>

#include "apps/attacking/attack_register.h"
#include "attacks/pixel_losses.h"
#include "attacks/shrinking_apgd.h"
#include "core/error.h"
#include "core/format.h"
#include "core/ops.h"

namespace saddle {
namespace {

using PixelAttackRow = RegisterRow<PixelAttack>;

const AttackKey kNorm{"norm", "linf", "linf or l2, over all values of an image"},
    kEps{"eps", "1/255 (linf), 1 (l2)", "radius, pixel range [0, 1]"},
    kAlpha{"alpha", "eps/4", "step size, pixel range [0, 1]"},
    kSteps{"steps", "10", "gradient steps"},
    kStart{"start", "random", "random, zero, or sphere (l2: at distance eps)"},
    kKeep{"keep", "last",
          "the answer: the last iterate, or best: the one that leaves the fewest pixels right"},
    kRestarts{"restarts", "1", "attempts; of each image the one that leaves the fewest right"},
    kSeed{"seed", "--seed", "of the random start"};

AttackKey loss_key(const std::string& shown) {
  return {"loss", shown, "what is climbed: " + joined(pixel_loss_names())};
}

Norm norm_of(const SpecValues& values) {
  return values.choice("norm", {"linf", "l2"}) == "l2" ? Norm::l2 : Norm::linf;
}

PgdOptions pgd_options(const SpecValues& values) {
  const Norm norm = norm_of(values);
  const PgdOptions paper = pixel_pgd(PixelPreset::paper, norm);
  const double eps = values.number("eps", static_cast<double>(paper.eps));
  PgdOptions options = pixel_pgd(PixelPreset::paper, norm, eps);
  options.alpha = static_cast<float>(values.number("alpha", static_cast<double>(options.alpha)));
  options.steps = static_cast<int>(values.integer("steps", 1, options.steps));
  const std::string start = values.choice("start", {"random", "zero", "sphere"});
  options.start = start == "zero" ? Start::zero : start == "sphere" ? Start::sphere : Start::random;
  check(options);
  return options;
}

bool weighs_classes(const std::string& loss) { return loss == "mce-bal"; }

PixelAttack pgd_attack(const SpecValues& values, const PgdOptions& options,
                       const std::string& loss) {
  PixelAttack attack;
  attack.loss = loss;
  attack.ball = {options.norm, static_cast<double>(options.eps)};
  attack.steps = options.steps;
  attack.restarts = values.integer("restarts", 1, 1);
  attack.weighs_classes = weighs_classes(loss);
  attack.observes = true;
  const PgdAnswer answer = values.is("keep", "best") ? PgdAnswer::fewest_right : PgdAnswer::last;
  attack.run = [options, loss, answer, seed = values.seed()](const PixelAttackInput& input) {
    const PgdClimb climb{pixel_loss(loss, input.balance), answer, input.observe};
    return pgd(input.logits, climb, input.batch, options, seed, input.attempt, input.counts);
  };
  return attack;
}

PixelAttackRow pgd_row(const std::string& name, const std::string& source,
                       const std::string& loss) {
  const bool free_loss = name == "pgd";
  std::vector<AttackKey> keys = {kNorm, kEps, kAlpha, kSteps, kStart, kKeep, kRestarts, kSeed};
  if (free_loss) keys.push_back(loss_key(loss));
  return {name, source, keys, [loss, free_loss](const SpecValues& values) {
            values.choice("keep", {"last", "best"});
            std::vector<std::string> losses = pixel_loss_names();
            const std::string chosen = free_loss ? values.choice("loss", losses) : loss;
            return pgd_attack(values, pgd_options(values), chosen);
          }};
}

PixelAttackRow fgsm_row() {
  return {"fgsm",
          "Goodfellow et al. 2015, one step of eps along the sign of the gradient",
          {{"eps", "1/255", kEps.meaning}},
          [](const SpecValues& values) {
            const PgdOptions options = fgsm(static_cast<float>(values.number("eps", 1. / 255)));
            check(options);
            PixelAttack attack = pgd_attack(values, options, "ce");
            attack.observes = false;
            return attack;
          }};
}

// A row to compare attacks with: what noise of the same size does.
PixelAttackRow noise_row() {
  return {"noise",
          "no attack: the random start of PGD, a control",
          {kNorm, kEps, kRestarts, kSeed},
          [](const SpecValues& values) {
            PgdOptions options = pgd_options(values);
            options.steps = 0;
            PixelAttack attack = pgd_attack(values, options, "ce");
            attack.loss.clear();
            attack.observes = false;
            return attack;
          }};
}

PixelAttackRow apgd_row() {
  const ShrinkingApgdOptions defaults;
  return {"apgd",
          "Croce, Singh and Hein 2024, APGD in balls of 2, 1.5 and 1 times the radius",
          {kNorm,
           {"eps", "1/255 (linf), 1 (l2)", "radius of the last ball, pixel range [0, 1]"},
           {"steps", text(defaults.steps), "gradient steps of all three balls together"},
           {"rho", exact_text(defaults.rho), "share of steps that must raise the loss"},
           kSeed,
           loss_key("ce")},
          [](const SpecValues& values) {
            ShrinkingApgdOptions options;
            options.norm = norm_of(values);
            options.eps = static_cast<float>(values.number(
                "eps", static_cast<double>(pixel_pgd(PixelPreset::paper, options.norm).eps)));
            options.steps = static_cast<int>(values.integer("steps", 1, options.steps));
            options.rho =
                static_cast<float>(values.number("rho", static_cast<double>(options.rho)));
            check(options);
            PixelAttack attack;
            attack.loss = values.choice("loss", pixel_loss_names());
            attack.ball = {options.norm, static_cast<double>(options.eps)};
            attack.steps = options.steps;
            attack.weighs_classes = weighs_classes(attack.loss);
            attack.run = [options, loss = attack.loss,
                          seed = values.seed()](const PixelAttackInput& input) {
              const ShrinkingClimb climb{tracked_pixel_loss(loss, input.balance)};
              return shrinking_apgd(input.logits, climb, input.batch, options, seed, input.attempt,
                                    input.counts);
            };
            return attack;
          }};
}

const std::vector<PixelAttackRow>& pixel_attack_table() {
  static const std::vector<PixelAttackRow> table = {
      fgsm_row(),
      pgd_row("pgd", "Madry et al. 2018, as the paper attacks", "ce"),
      pgd_row("segpgd", "Gu et al. 2022, PGD that turns to the pixels still right first", "segpgd"),
      pgd_row("cospgd", "Agnihotri et al. 2024, PGD with pixels weighted by their alignment",
              "cospgd"),
      apgd_row(),
      noise_row()};
  return table;
}

}  // namespace

LogitsFunction unnormalised(const LogitsFunction& f, const Tensor& mean, const Tensor& std) {
  return [f, mean, std](Tape& tape, const Var& x) {
    return f(tape, affine(tape, x, std, mean, Activation::none));
  };
}

PixelAttack make_pixel_attack(const AttackSpec& spec, std::uint64_t seed) {
  PixelAttack attack = made_of(pixel_attack_table(), spec, seed);
  attack.name = spec.name;
  attack.spec = spec.text;
  return attack;
}

std::string describe_pixel_attacks() { return described(pixel_attack_table()); }

std::vector<std::string> pixel_suite_specs(const std::string& name,
                                           const std::optional<double>& eps) {
  std::vector<std::string> specs;
  if (name == "paper" || name == "paper-more") {
    if (eps) throw UsageError(text("--eps: the radii of --suite ", name, " are fixed"));
    specs = {"pgd:norm=linf,eps=1/255,alpha=0.25/255,steps=10",
             "pgd:norm=l2,eps=1,alpha=0.25,steps=10"};
    if (name == "paper-more") {
      specs.push_back("pgd:norm=linf,eps=2/255,alpha=0.5/255,steps=10");
      specs.push_back("pgd:norm=l2,eps=0.5,alpha=0.125,steps=10");
    }
    return specs;
  }
  const std::vector<std::string> ensembles = {"sea", "sea-cheap", "sea-v1"};
  if (std::ranges::count(ensembles, name) == 0) {
    throw UsageError(
        text("--suite: '", name, "' is not one of paper, paper-more, ", joined(ensembles)));
  }
  const std::string radius = eps ? exact_text(*eps) : "4/255";
  for (const PixelSuiteMember& member : pixel_suite(name)) {
    specs.push_back(text("apgd:loss=", member.loss, ",eps=", radius, ",steps=", member.steps));
  }
  return specs;
}

}  // namespace saddle
