// The register of attacks: for each its keys, and how it is made from what they say.
#include "apps/attack/attack_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "apps/attack/spec_keys.h"
#include "attacks/auto_attack.h"
#include "attacks/members.h"

namespace saddle {

std::string shown_radius(Norm norm) {
  const double eps = default_eps(norm), shades = std::round(255 * eps);
  return eps < 1 && shades / 255 == eps ? exact_text(shades) + "/255" : exact_text(eps);
}

std::string shown_radii() {
  std::string line;
  for (const auto& [name, norm] : kNorms) {
    line += (line.empty() ? "" : ", ") + shown_radius(norm) + " (" + name + ")";
  }
  return line;
}

std::optional<Aim> aim_value(const SpecValues& values) {
  if (!values.has("target")) return std::nullopt;
  if (values.is("target", "least")) return Aim{Aim::At::least, 0, 0};
  if (values.is("target", "random")) return Aim{Aim::At::random, 0, values.seed()};
  return Aim{Aim::At::one_class, static_cast<std::int32_t>(values.integer("target", 0, 0)), 0};
}

namespace {

template <class Options>
Attack without_ball(const Settings<Options>& settings) {
  return {
      {member_of(settings.options, settings.tries)}, std::nullopt, settings.order, settings.aim};
}

template <class Options>
Attack in_ball(const Settings<Options>& settings) {
  Attack attack = without_ball(settings);
  attack.ball = Ball{settings.options.norm, settings.options.eps};
  return attack;
}

// Of an attack that looks for the nearest adversarial image: a ball where a radius is given.
template <class Options>
Attack within(const Settings<Options>& settings, Norm norm) {
  Attack attack = without_ball(settings);
  if (settings.options.eps < std::numeric_limits<float>::infinity()) {
    attack.ball = Ball{norm, settings.options.eps};
  }
  return attack;
}

// Nothing is random but the class that target=random draws.
const char* const kSeedOfTarget = "of target=random; nothing else is random";
const char* const kSeedOfNothing = "accepted, but nothing is random";

AttackRow fgsm_row() {
  Key<PgdOptions> eps = radius_key<PgdOptions>();
  eps.shown.shown_default = shown_radius(Norm::linf);
  return attack_row<PgdOptions>(
      "fgsm", "Goodfellow et al. 2015, one step of eps along the sign of the gradient (linf)",
      {eps, target_key<PgdOptions>(), seed_key<PgdOptions>(kSeedOfTarget)},
      [](Settings<PgdOptions> settings) {
        settings.options = fgsm(settings.options.eps);
        Attack attack = in_ball(settings);
        attack.members.front().name = "fgsm";
        return attack;
      });
}

AttackRow pgd_row() {
  using Options = PgdOptions;
  Key<Options> eps = radius_key<Options>(),
               alpha = number_key("alpha", &Options::alpha, "step size"),
               steps = integer_key("steps", &Options::steps, "gradient steps");
  eps.read = [](const SpecValues& values, Settings<Options>& settings) {
    const Norm norm = settings.options.norm;
    settings.options = default_pgd(norm, values.number("eps", default_eps(norm)));
  };
  alpha.shown.shown_default = "eps/4 (linf, l1), eps/8 (l2)";
  steps.shown.shown_default += text(" (l1: ", default_pgd(Norm::l1, 1).steps, ")");
  return attack_row<Options>(
      "pgd", "Madry et al. 2018, the last iterate; defaults as in the paper's tables",
      {choice_key("norm", &Options::norm, kNorms, "linf, l2 or l1"), eps, alpha, steps,
       choice_key("start", &Options::start, {{"random", Start::random}, {"zero", Start::zero}},
                  "random (in the ball) or zero (the image itself)"),
       target_key<Options>(), restarts_key<Options>(), seed_key<Options>()},
      in_ball<Options>);
}

AttackRow mi_fgsm_row() {
  using Options = MiFgsmOptions;
  Key<Options> eps = number_key("eps", &Options::eps, "radius, pixel range [0, 1]"),
               alpha = number_key("alpha", &Options::alpha, "step size");
  eps.read = [](const SpecValues& values, Settings<Options>& settings) {
    settings.options = default_mi_fgsm(values.number("eps", default_eps(Norm::linf)));
  };
  eps.shown.shown_default = shown_radius(Norm::linf);
  alpha.shown.shown_default = "eps/4";
  return attack_row<Options>(
      "mifgsm", "Dong et al. 2018, momentum on the gradient (linf), the last iterate",
      {eps, alpha, integer_key("steps", &Options::steps, "gradient steps"),
       number_key("decay", &Options::decay, "of the momentum"), target_key<Options>(),
       seed_key<Options>(kSeedOfTarget)},
      [](const Settings<Options>& settings) { return within(settings, Norm::linf); });
}

// `more` stands behind the steps.
AttackRow apgd_row(const std::string& name, const std::string& source, ApgdLoss loss,
                   const std::vector<Key<ApgdOptions>>& more = {}) {
  using Options = ApgdOptions;
  std::vector<Key<Options>> keys{
      choice_key("norm", &Options::norm, kNorms, "linf, l2 or l1"),
      radius_key<Options>(),
      integer_key("steps", &Options::steps, "iterations"),
      restarts_key<Options>(),
      number_key("rho", &Options::rho,
                 "share of steps that must raise the loss for the step size to stay"),
      integer_key("eot", &Options::eot, "gradients averaged at each iterate, for random models"),
      choice_key("largereps", &Options::radius,
                 {{"off", ApgdRadius::fixed}, {"on", ApgdRadius::shrinking}},
                 "on: radii 3 eps, 2 eps, eps (l1 only)"),
      choice_key("reference_wrap", &Options::reference_wrap, kOffOn,
                 "on: the first checkpoint as in the authors' code"),
      seed_key<Options>()};
  keys.insert(keys.begin() + 3, more.begin(), more.end());
  Options start;
  start.loss = loss;
  return attack_row<Options>(name, source, keys, in_ball<Options>, start);
}

AttackRow apgd_targeted_row() {
  return apgd_row(
      "apgd-t", "Croce and Hein 2020, targeted difference of logits ratio (4 classes or more)",
      ApgdLoss::targeted_dlr,
      {classes_key<ApgdOptions>(),
       choice_key("loss", &ApgdOptions::loss,
                  {{"dlr", ApgdLoss::targeted_dlr}, {"ce", ApgdLoss::targeted_ce}}, "dlr or ce")});
}

AttackRow fab_row(const std::string& name, const std::string& source, Boundary boundary,
                  const std::vector<Key<FabOptions>>& more = {}) {
  using Options = FabOptions;
  std::vector<Key<Options>> keys{
      choice_key("norm", &Options::norm, kNorms, "linf, l2 or l1"),
      radius_key<Options>("what is farther is discarded"),
      integer_key("steps", &Options::steps, "iterations"),
      restarts_key<Options>(),
      number_key("alpha_max", &Options::alpha_max, "largest share of the image's own projection"),
      number_key("eta", &Options::eta, "overshoot"),
      number_key("beta", &Options::beta, "backward step: share of the perturbation that is kept"),
      seed_key<Options>()};
  keys.insert(keys.begin() + 3, more.begin(), more.end());
  Options start;
  start.boundary = boundary;
  return attack_row<Options>(name, source, keys, in_ball<Options>, start);
}

AttackRow square_row() {
  using Options = SquareOptions;
  return attack_row<Options>(
      "square", "Andriushchenko et al. 2020, random search in squares, a black box",
      {choice_key("norm", &Options::norm, kNorms, "linf, l2 or l1"), radius_key<Options>(),
       integer_key("queries", &Options::queries, "proposals"),
       number_key("p_init", &Options::p_init, "share of the image that the first squares cover"),
       choice_key("loss", &Options::loss,
                  {{"margin", SquareLoss::margin}, {"ce", SquareLoss::cross_entropy}},
                  "margin or ce"),
       choice_key("schedule", &Options::rescale_schedule, {{"fixed", false}, {"rescaled", true}},
                  "fixed, or rescaled to the number of queries"),
       choice_key("reference_windows", &Options::reference_windows, kOffOn,
                  "on: the last row and column stay out of reach"),
       restarts_key<Options>(), seed_key<Options>()},
      in_ball<Options>);
}

AttackRow stadv_row() {
  using Options = StadvOptions;
  Key<Options> kappa =
      number_key("kappa", &Options::kappa, "the margin is not lowered further below 0 than this");
  kappa.shown.shown_default = "none";
  const Key<Options> lambda{{"lambda", "0.0025/bound", "weight of the flow's roughness"},
                            [](const SpecValues& values, Settings<Options>& settings) {
                              if (!values.has("lambda")) return;
                              settings.options.lambda =
                                  static_cast<float>(values.number("lambda", 0));
                            }};
  return attack_row<Options>(
      "stadv", "Xiao et al. 2018, a smooth flow of pixels; the form of Laidlaw et al. 2021",
      {number_key("bound", &Options::bound, "on the flow; 2 is the image's width"),
       integer_key("iterations", &Options::iterations, "of Adam"),
       number_key("lr", &Options::lr, "of Adam"), lambda, kappa,
       choice_key("start", &Options::start,
                  {{"zero", StadvStart::zero}, {"random", StadvStart::random}}, "zero or random"),
       restarts_key<Options>(), seed_key<Options>()},
      without_ball<Options>);
}

AttackRow pixle_row() {
  using Options = PixleOptions;
  using Reading = PixlePaperReading;
  const Key<Options> reading{
      {"reading", "five-iterations",
       "of the paper's 'five iterations': five-iterations, five-restarts, five-proposals"},
      [](const SpecValues& values, Settings<Options>& settings) {
        const auto named =
            named_value<Reading>(values, "reading",
                                 {{"five-iterations", Reading::five_iterations},
                                  {"five-restarts", Reading::five_restarts},
                                  {"five-proposals", Reading::five_proposals_in_all}});
        if (named) settings.options = pixle_paper(*named);
      }};
  const Options start = pixle_paper(Reading::five_iterations);
  return attack_row<Options>(
      "pixle", "Pomponi et al. 2022, pixels copied within the image, a black box",
      {reading, integer_key("restarts", &Options::restarts, "accepted patches at most", start),
       integer_key("iterations", &Options::max_iterations, "proposals for each", start),
       seed_key<Options>()},
      without_ball<Options>, start);
}

AttackRow carlini_wagner_row() {
  using Options = CarliniWagnerOptions;
  return attack_row<Options>(
      "cw", "Carlini and Wagner 2017, the nearest image in l2",
      {acceptance_key<Options>(), integer_key("searches", &Options::searches, "values of c tried"),
       integer_key("iterations", &Options::iterations, "of Adam for each"),
       number_key("c", &Options::c, "first weight of the margin"),
       number_key("lr", &Options::lr, "of Adam"),
       number_key("kappa", &Options::kappa, "margin of the misclassification, logits"),
       choice_key("abort_early", &Options::abort_early, kOffOn,
                  "on: stop an example whose objective has ceased to fall"),
       target_key<Options>(), seed_key<Options>(kSeedOfTarget)},
      [](const Settings<Options>& settings) { return within(settings, Norm::l2); });
}

AttackRow deepfool_row() {
  using Options = DeepFoolOptions;
  return attack_row<Options>(
      "deepfool", "Moosavi-Dezfooli et al. 2016, the nearest linearised boundary",
      {choice_key("norm", &Options::norm, {{"l2", Norm::l2}, {"linf", Norm::linf}}, "l2 or linf"),
       acceptance_key<Options>(), integer_key("steps", &Options::steps, "steps"),
       number_key("overshoot", &Options::overshoot, "beyond the boundary"),
       seed_key<Options>(kSeedOfNothing)},
      [](const Settings<Options>& settings) { return within(settings, settings.options.norm); });
}

// A number that takes the place of the preset's.
template <class Value>
Key<AutoAttackOptions> over_preset_key(const std::string& name,
                                       std::optional<Value> AutoAttackOptions::*field,
                                       const std::string& shown, const std::string& meaning) {
  return {{name, shown, meaning},
          [=](const SpecValues& values, Settings<AutoAttackOptions>& settings) {
            if (!values.has(name)) return;
            settings.options.*field = static_cast<Value>(values.integer(name, 1, 1));
          }};
}

AttackRow auto_attack_row() {
  using Options = AutoAttackOptions;
  using Version = AutoAttackVersion;
  const Key<Options> mode{
      {"mode", "sequential", "sequential, or individual: every attack on every example"},
      [](const SpecValues& values, Settings<Options>& settings) {
        settings.order = named_value<Members>(values, "mode",
                                              {{"sequential", Members::in_sequence},
                                               {"individual", Members::each_alone}})
                             .value_or(settings.order);
      }};
  return attack_row<Options>(
      "autoattack",
      "Croce and Hein 2020, an ensemble: each attack sees what those before it left standing",
      {choice_key("norm", &Options::norm, kNorms, "linf, l2 or l1"), radius_key<Options>(),
       choice_key(
           "version", &Options::version,
           {{"standard", Version::standard}, {"plus", Version::plus}, {"rand", Version::rand}},
           "standard, plus or rand (for models with random outputs)"),
       choice_key("preset", &Options::preset,
                  {{"official", AutoAttackPreset::official},
                   {"torchattacks", AutoAttackPreset::torchattacks}},
                  "official (100 steps) or torchattacks (10 steps, all classes)"),
       mode,
       over_preset_key("steps", &Options::steps, "the preset's", "iterations of APGD and FAB"),
       over_preset_key("queries", &Options::queries, text(SquareOptions{}.queries),
                       "of the Square attack"),
       over_preset_key("classes", &Options::targets, "the preset's",
                       "target classes of apgd-t and fab-t"),
       seed_key<Options>()},
      [](const Settings<Options>& settings) {
        const Options& options = settings.options;
        return Attack{auto_attack(options, settings.tries.seed), Ball{options.norm, options.eps},
                      settings.order};
      });
}

}  // namespace

const std::vector<AttackRow>& attack_table() {
  static const std::vector<AttackRow> table{
      fgsm_row(),
      pgd_row(),
      mi_fgsm_row(),
      apgd_row("apgd-ce", "Croce and Hein 2020, step size found by itself, cross-entropy",
               ApgdLoss::ce, {target_key<ApgdOptions>()}),
      apgd_row("apgd-dlr", "Croce and Hein 2020, difference of logits ratio (3 classes or more)",
               ApgdLoss::dlr),
      apgd_targeted_row(),
      fab_row("fab", "Croce and Hein 2020, the nearest boundary; accepted within eps",
              Boundary::nearest),
      fab_row("fab-t", "the same towards one class after the other", Boundary::ranked,
              {classes_key<FabOptions>()}),
      square_row(),
      stadv_row(),
      pixle_row(),
      carlini_wagner_row(),
      deepfool_row(),
      auto_attack_row(),
  };
  return table;
}

Attack make_attack(const AttackSpec& spec, std::uint64_t seed) {
  return made_of(attack_table(), spec, seed);
}

AttackSpec at_radius(const AttackSpec& spec, const std::string& eps) {
  const auto row = std::ranges::find(attack_table(), spec.name, &AttackRow::name);
  if (row != attack_table().end() &&
      std::ranges::find(row->keys, "eps", &AttackKey::name) == row->keys.end()) {
    throw UsageError(text("attack ", spec.text, ": ", spec.name, " has no radius for --eps-curve"));
  }
  return with_eps(spec, eps);
}

Suite find_suite(const std::string& name, const std::optional<double>& eps) {
  Suite suite;
  if (name == "paper") {  // the columns of Table 2
    if (eps) throw UsageError("--eps: the radii of --suite paper are fixed. Leave the flag out");
    suite = {name,
             {"fgsm:eps=1/255", "pgd:norm=linf,eps=1/255,alpha=0.25/255,steps=10",
              "pgd:norm=l2,eps=32/255,alpha=4/255,steps=10", "autoattack:norm=l2,eps=32/255",
              "stadv", "fab:norm=l2,eps=32/255,steps=10", "pixle"},
             true};
  } else if (name == "autoattack-linf" || name == "autoattack-l2" || name == "autoattack-l1") {
    const std::string norm = name.substr(std::string("autoattack-").size());
    const std::map<std::string, std::string> published{
        {"linf", "8/255"}, {"l2", "0.5"}, {"l1", "12"}};
    suite = {name,
             {"autoattack:norm=" + norm + ",eps=" + (eps ? exact_text(*eps) : published.at(norm))},
             false};
  } else {
    throw UsageError(text("--suite: '", name,
                          "' is not one of paper, autoattack-linf, autoattack-l2, autoattack-l1"));
  }
  return suite;
}

}  // namespace saddle
