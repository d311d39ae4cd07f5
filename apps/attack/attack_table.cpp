// The register of attacks: for each its keys with defaults, and how it is made from a spec.
#include <limits>
#include <utility>

#include "apps/attack/auto_attack.h"
#include "apps/attack/spec.h"
#include "attacks/apgd.h"
#include "attacks/carlini_wagner.h"
#include "attacks/deepfool.h"
#include "attacks/fab.h"
#include "attacks/mi_fgsm.h"
#include "attacks/pixle.h"
#include "attacks/square.h"
#include "attacks/stadv.h"

namespace saddle {
namespace {

// The attack of one member.
Attack attack_of(AttackMember member, std::optional<Ball> ball) {
  Attack attack;
  attack.members.push_back(std::move(member));
  attack.ball = ball;
  return attack;
}

// A member that calls an attack class, made anew for each model; the seed is the spec's.
template <class Class, class Options>
AttackMember member_of(const std::string& name, const Options& options, std::uint64_t seed) {
  check(options);
  AttackMember member;
  member.name = name;
  member.against = [options, seed](const LogitsFunction& logits, std::int64_t) -> Attempt {
    return [run = std::make_shared<Class>(logits, options), seed](
               const Batch& batch, PassCounts& counts) { return (*run)(batch, seed, &counts); };
  };
  return member;
}

Norm norm_named(const std::string& name) {
  if (name == "l1") return Norm::l1;
  return name == "l2" ? Norm::l2 : Norm::linf;
}

Norm norm_value(const SpecValues& values, const std::vector<std::string>& choices) {
  return norm_named(values.choice("norm", choices));
}

double eps_value(const SpecValues& values, Norm norm) {
  return values.number("eps", default_eps(norm_name(norm)));
}

int integer_value(const SpecValues& values, const std::string& key, std::int64_t least,
                  std::int64_t fallback) {
  return static_cast<int>(values.integer(key, least, fallback));
}

float number_value(const SpecValues& values, const std::string& key, double fallback) {
  return static_cast<float>(values.number(key, fallback));
}

bool is_on(const SpecValues& values, const std::string& key) {
  return values.choice(key, {"off", "on"}) == "on";
}

// The number of target classes, or "all".
std::int64_t targets_value(const SpecValues& values) {
  return values.is("classes", "all") ? kAllTargets : values.integer("classes", 1, 9);
}

void check_restarts(std::int64_t restarts, bool random) {
  require(restarts == 1 || random, restarts,
          " restarts from the image itself do the same over again. Take start=random, or one");
}

Attack pgd_attack(const std::string& name, const PgdOptions& options, std::uint64_t seed,
                  std::int64_t restarts) {
  check(options);
  AttackMember member;
  member.name = name;
  member.against = [options, seed](const LogitsFunction& logits, std::int64_t) -> Attempt {
    return [run = std::make_shared<Pgd>(logits, options), seed](
               const Batch& batch, PassCounts& counts) { return (*run)(batch, seed, 0, &counts); };
  };
  member.restarts = restarts;
  member.passes = 2 * options.steps + 1;
  member.on_failure = OnFailure::last_iterate;
  return attack_of(std::move(member), Ball{options.norm, options.eps});
}

// Of the key "target"; empty without it.
std::optional<Aim> aim_value(const SpecValues& values) {
  if (!values.has("target")) return std::nullopt;
  if (values.is("target", "least")) return Aim{Aim::At::least, 0, 0};
  if (values.is("target", "random")) return Aim{Aim::At::random, 0, values.seed()};
  return Aim{Aim::At::one_class, static_cast<std::int32_t>(values.integer("target", 0, 0)), 0};
}

Attack make_fgsm(const SpecValues& values) {
  Attack attack = pgd_attack("fgsm", fgsm(number_value(values, "eps", 1. / 255)), values.seed(), 1);
  attack.aim = aim_value(values);
  return attack;
}

// Defaults of the paper: eps 1/255 and alpha eps/4 (linf), eps 32/255 and alpha eps/8 (l2), 10
// steps; l1: alpha eps/4, 50 steps.
Attack make_pgd(const SpecValues& values) {
  PgdOptions options;
  options.norm = norm_value(values, {"linf", "l2", "l1"});
  const double eps = eps_value(values, options.norm);
  options.eps = static_cast<float>(eps);
  options.alpha = number_value(values, "alpha", eps / (options.norm == Norm::l2 ? 8 : 4));
  options.steps = integer_value(values, "steps", 1, options.norm == Norm::l1 ? 50 : 10);
  options.start =
      values.choice("start", {"random", "zero"}) == "random" ? Start::random : Start::zero;
  const std::int64_t restarts = values.integer("restarts", 1, 1);
  check_restarts(restarts, options.start == Start::random);
  Attack attack = pgd_attack("pgd", options, values.seed(), restarts);
  attack.aim = aim_value(values);
  return attack;
}

Attack make_mi_fgsm(const SpecValues& values) {
  const double eps = values.number("eps", 1. / 255);
  MiFgsmOptions options;
  options.eps = static_cast<float>(eps);
  options.alpha = number_value(values, "alpha", eps / 4);
  options.steps = integer_value(values, "steps", 1, 10);
  options.decay = number_value(values, "decay", 1);
  AttackMember member = member_of<MiFgsm>("mifgsm", options, values.seed());
  member.passes = 2 * options.steps + 1;
  member.on_failure = OnFailure::last_iterate;
  Attack attack = attack_of(std::move(member), Ball{Norm::linf, options.eps});
  attack.aim = aim_value(values);
  return attack;
}

Attack make_apgd(const SpecValues& values, const std::string& name, ApgdLoss loss) {
  ApgdOptions options;
  options.norm = norm_value(values, {"linf", "l2", "l1"});
  options.eps = static_cast<float>(eps_value(values, options.norm));
  options.loss = loss;
  options.steps = integer_value(values, "steps", 1, 100);
  options.rho = number_value(values, "rho", 0.75);
  options.eot = integer_value(values, "eot", 1, 1);
  options.radius = is_on(values, "largereps") ? ApgdRadius::shrinking : ApgdRadius::fixed;
  options.reference_wrap = is_on(values, "reference_wrap");
  const bool targeted = loss == ApgdLoss::targeted_dlr || loss == ApgdLoss::targeted_ce;
  AttackMember member = member_of<Apgd>(name, options, values.seed());
  member.restarts = values.integer("restarts", 1, 1);
  if (targeted) member.targets = targets_value(values);
  member.against = [options, seed = values.seed()](const LogitsFunction& logits,
                                                   std::int64_t targets) -> Attempt {
    ApgdOptions aimed = options;
    if (targets > 0) aimed.targets = static_cast<int>(targets);
    return [run = std::make_shared<Apgd>(logits, aimed), seed](
               const Batch& batch, PassCounts& counts) { return (*run)(batch, seed, &counts); };
  };
  member.least_classes = loss == ApgdLoss::dlr ? 3 : loss == ApgdLoss::targeted_dlr ? 4 : 2;
  member.passes = 2 * options.eot * options.steps + 3;
  return attack_of(std::move(member), Ball{options.norm, options.eps});
}

Attack make_apgd_ce(const SpecValues& values) { return make_apgd(values, "apgd-ce", ApgdLoss::ce); }
Attack make_apgd_dlr(const SpecValues& values) {
  return make_apgd(values, "apgd-dlr", ApgdLoss::dlr);
}
Attack make_apgd_t(const SpecValues& values) {
  const bool dlr = values.choice("loss", {"dlr", "ce"}) == "dlr";
  return make_apgd(values, "apgd-t", dlr ? ApgdLoss::targeted_dlr : ApgdLoss::targeted_ce);
}

FabOptions fab_options(const SpecValues& values) {
  FabOptions options;
  options.norm = norm_value(values, {"linf", "l2", "l1"});
  options.eps = static_cast<float>(eps_value(values, options.norm));
  options.steps = integer_value(values, "steps", 1, 100);
  options.alpha_max = number_value(values, "alpha_max", 0.1);
  options.eta = number_value(values, "eta", 1.05);
  options.beta = number_value(values, "beta", 0.9);
  return options;
}

Attack make_fab(const SpecValues& values) {
  const FabOptions options = fab_options(values);
  AttackMember member = member_of<Fab>("fab", options, values.seed());
  member.restarts = values.integer("restarts", 1, 1);
  member.passes = 11 * options.steps + 3;  // ten classes
  return attack_of(std::move(member), Ball{options.norm, options.eps});
}

Attack make_fab_t(const SpecValues& values) {
  FabOptions options = fab_options(values);
  options.boundary = Boundary::ranked;
  AttackMember member = member_of<Fab>("fab-t", options, values.seed());
  member.against = [options, seed = values.seed()](const LogitsFunction& logits,
                                                   std::int64_t targets) -> Attempt {
    FabOptions aimed = options;
    aimed.targets = static_cast<int>(targets);
    return [run = std::make_shared<Fab>(logits, aimed), seed](
               const Batch& batch, PassCounts& counts) { return (*run)(batch, seed, &counts); };
  };
  member.restarts = values.integer("restarts", 1, 1);
  member.targets = targets_value(values);
  member.passes = 3 * options.steps + 3;
  return attack_of(std::move(member), Ball{options.norm, options.eps});
}

Attack make_square(const SpecValues& values) {
  SquareOptions options;
  options.norm = norm_value(values, {"linf", "l2", "l1"});
  options.eps = static_cast<float>(eps_value(values, options.norm));
  options.queries = integer_value(values, "queries", 1, 5000);
  options.p_init = number_value(values, "p_init", 0.8);
  options.loss = values.choice("loss", {"margin", "ce"}) == "margin" ? SquareLoss::margin
                                                                     : SquareLoss::cross_entropy;
  options.rescale_schedule = values.choice("schedule", {"fixed", "rescaled"}) == "rescaled";
  options.reference_windows = is_on(values, "reference_windows");
  AttackMember member = member_of<Square>("square", options, values.seed());
  member.restarts = values.integer("restarts", 1, 1);
  member.passes = options.queries + 3;
  member.knowledge = Knowledge::black_box;
  return attack_of(std::move(member), Ball{options.norm, options.eps});
}

Attack make_stadv(const SpecValues& values) {
  StadvOptions options;
  options.bound = number_value(values, "bound", 0.05);
  options.iterations = integer_value(values, "iterations", 1, 100);
  options.lr = number_value(values, "lr", 0.01);
  if (values.has("lambda")) options.lambda = number_value(values, "lambda", 0);
  if (values.has("kappa")) options.kappa = number_value(values, "kappa", 0);
  options.start =
      values.choice("start", {"zero", "random"}) == "zero" ? StadvStart::zero : StadvStart::random;
  AttackMember member = member_of<Stadv>("stadv", options, values.seed());
  member.restarts = values.integer("restarts", 1, 1);
  check_restarts(member.restarts, options.start == StadvStart::random);
  member.passes = 2 * options.iterations + 2;
  return attack_of(std::move(member), std::nullopt);
}

Attack make_pixle(const SpecValues& values) {
  const std::string reading =
      values.choice("reading", {"five-iterations", "five-restarts", "five-proposals"});
  PixleOptions options =
      pixle_paper(reading == "five-iterations" ? PixlePaperReading::five_iterations
                  : reading == "five-restarts" ? PixlePaperReading::five_restarts
                                               : PixlePaperReading::five_proposals_in_all);
  options.restarts = integer_value(values, "restarts", 1, options.restarts);
  options.max_iterations = integer_value(values, "iterations", 1, options.max_iterations);
  AttackMember member = member_of<Pixle>("pixle", options, values.seed());
  member.passes = options.restarts * options.max_iterations + 2;
  member.knowledge = Knowledge::black_box;
  return attack_of(std::move(member), std::nullopt);
}

// The attacks that look for the nearest adversarial image; eps, where given, discards what is
// farther.
template <class Options>
std::optional<Ball> set_acceptance(const SpecValues& values, Norm norm, Options& options) {
  if (!values.has("eps")) return std::nullopt;
  options.eps = number_value(values, "eps", 0);
  return Ball{norm, options.eps};
}

Attack make_carlini_wagner(const SpecValues& values) {
  CarliniWagnerOptions options;
  options.searches = integer_value(values, "searches", 1, options.searches);
  options.iterations = integer_value(values, "iterations", 1, options.iterations);
  options.c = number_value(values, "c", 1e-3);
  options.lr = number_value(values, "lr", 0.01);
  options.kappa = number_value(values, "kappa", 0);
  options.abort_early = is_on(values, "abort_early");
  const std::optional<Ball> ball = set_acceptance(values, Norm::l2, options);
  AttackMember member = member_of<CarliniWagner>("cw", options, values.seed());
  member.passes = 2 * options.searches * options.iterations + 2;
  return attack_of(std::move(member), ball);
}

Attack make_deepfool(const SpecValues& values) {
  DeepFoolOptions options;
  options.norm = norm_value(values, {"l2", "linf"});
  options.steps = integer_value(values, "steps", 1, options.steps);
  options.overshoot = number_value(values, "overshoot", 0.02);
  const std::optional<Ball> ball = set_acceptance(values, options.norm, options);
  AttackMember member = member_of<DeepFool>("deepfool", options, values.seed());
  member.passes = 10 * options.steps + 2;
  return attack_of(std::move(member), ball);
}

// What stands in for an attack on the difference of logits ratio, which needs 3 classes (aimed at a
// class: 4), on a model of fewer: the cross-entropy towards a class. Unlike the cross-entropy away
// from the label, it has a gradient however sure the model is.
std::shared_ptr<const AttackMember> without_ratio(AttackSpec spec, std::uint64_t seed) {
  spec.name = "apgd-t";
  spec.values["loss"] = "ce";
  spec.values["classes"] = "all";
  AttackMember member = make_attack(spec, seed).members.front();
  member.name = "apgd-t:loss=ce";
  return std::make_shared<const AttackMember>(std::move(member));
}

Attack make_autoattack(const SpecValues& values) {
  AutoAttackOptions options;
  options.norm = values.choice("norm", {"linf", "l2", "l1"});
  options.eps = values.number("eps", default_eps(options.norm));
  options.version = values.choice("version", {"standard", "plus", "rand"});
  options.preset = values.choice("preset", {"official", "torchattacks"});
  if (values.has("steps")) options.steps = values.integer("steps", 1, 1);
  if (values.has("queries")) options.queries = values.integer("queries", 1, 1);
  if (values.has("classes")) options.classes = values.integer("classes", 1, 1);
  require(options.version != "rand" || (!options.queries && !options.classes),
          "version=rand has neither square nor target classes. Leave queries and classes out");
  Attack attack;
  for (const std::string& text : auto_attack_specs(options)) {
    const AttackSpec spec = parse_attack_spec(text);
    Attack part = make_attack(spec, values.seed());
    if (part.members.front().least_classes > 2) {
      part.members.front().stand_in = without_ratio(spec, values.seed());
    }
    attack.members.push_back(std::move(part.members.front()));
    attack.ball = part.ball;
  }
  attack.order = values.choice("mode", {"sequential", "individual"}) == "sequential"
                     ? Members::in_sequence
                     : Members::each_alone;
  return attack;
}

const AttackKey kSeedKey{"seed", "--seed", "of the random numbers"};
const AttackKey kNormKey{"norm", "linf", "linf, l2 or l1"};
const AttackKey kEpsKey{"eps", "1/255 (linf), 32/255 (l2), 12 (l1)", "radius, pixel range [0, 1]"};
const AttackKey kRestartsKey{"restarts", "1", "attempts; an example is robust where all fail"};
const AttackKey kTargetKey{"target", "none",
                           "a class (0, 1, ...), least (the least likely) or random; success is "
                           "to be taken for it"};
const AttackKey kClassesKey{"classes", "9", "target classes, nearest first, or all"};
const AttackKey kAcceptKey{"eps", "any", "discard what is farther, pixel range [0, 1]"};

const std::vector<AttackKey> kApgdKeys{
    kNormKey,
    kEpsKey,
    {"steps", "100", "iterations"},
    kRestartsKey,
    {"rho", "0.75", "share of steps that must raise the loss for the step size to stay"},
    {"eot", "1", "gradients averaged at each iterate, for random models"},
    {"largereps", "off", "on: radii 3 eps, 2 eps, eps (l1 only)"},
    {"reference_wrap", "off", "on: the first checkpoint as in the authors' code"},
    kSeedKey};

const std::vector<AttackKey> kFabKeys{
    kNormKey,
    {"eps", "1/255 (linf), 32/255 (l2), 12 (l1)", "what is farther is discarded"},
    {"steps", "100", "iterations"},
    kRestartsKey,
    {"alpha_max", "0.1", "largest share of the image's own projection"},
    {"eta", "1.05", "overshoot"},
    {"beta", "0.9", "backward step: share of the perturbation that is kept"},
    kSeedKey};

std::vector<AttackKey> with(std::vector<AttackKey> keys, const std::vector<AttackKey>& more) {
  keys.insert(keys.begin() + 3, more.begin(), more.end());
  return keys;
}

}  // namespace

const std::vector<AttackRow>& attack_table() {
  static const std::vector<AttackRow> table{
      {"fgsm",
       "Goodfellow et al. 2015, one step of eps along the sign of the gradient (linf)",
       {{"eps", "1/255", "radius, pixel range [0, 1]"},
        kTargetKey,
        {"seed", kSeedKey.shown_default, "of target=random; nothing else is random"}},
       make_fgsm},
      {"pgd",
       "Madry et al. 2018, the last iterate; defaults as in the paper's tables",
       {kNormKey,
        kEpsKey,
        {"alpha", "eps/4 (linf, l1), eps/8 (l2)", "step size"},
        {"steps", "10 (l1: 50)", "gradient steps"},
        {"start", "random", "random (in the ball) or zero (the image itself)"},
        kTargetKey,
        kRestartsKey,
        kSeedKey},
       make_pgd},
      {"mifgsm",
       "Dong et al. 2018, momentum on the gradient (linf), the last iterate",
       {{"eps", "1/255", "radius, pixel range [0, 1]"},
        {"alpha", "eps/4", "step size"},
        {"steps", "10", "gradient steps"},
        {"decay", "1", "of the momentum"},
        kTargetKey,
        {"seed", kSeedKey.shown_default, "of target=random; nothing else is random"}},
       make_mi_fgsm},
      {"apgd-ce", "Croce and Hein 2020, step size found by itself, cross-entropy", kApgdKeys,
       make_apgd_ce},
      {"apgd-dlr", "Croce and Hein 2020, difference of logits ratio (3 classes or more)", kApgdKeys,
       make_apgd_dlr},
      {"apgd-t", "Croce and Hein 2020, targeted difference of logits ratio (4 classes or more)",
       with(kApgdKeys, {kClassesKey, {"loss", "dlr", "dlr or ce"}}), make_apgd_t},
      {"fab", "Croce and Hein 2020, the nearest boundary; accepted within eps", kFabKeys, make_fab},
      {"fab-t", "the same towards one class after the other", with(kFabKeys, {kClassesKey}),
       make_fab_t},
      {"square",
       "Andriushchenko et al. 2020, random search in squares, a black box",
       {kNormKey,
        kEpsKey,
        {"queries", "5000", "proposals"},
        {"p_init", "0.8", "share of the image that the first squares cover"},
        {"loss", "margin", "margin or ce"},
        {"schedule", "fixed", "fixed, or rescaled to the number of queries"},
        {"reference_windows", "off", "on: the last row and column stay out of reach"},
        kRestartsKey,
        kSeedKey},
       make_square},
      {"stadv",
       "Xiao et al. 2018, a smooth flow of pixels; the form of Laidlaw et al. 2021",
       {{"bound", "0.05", "on the flow; 2 is the image's width"},
        {"iterations", "100", "of Adam"},
        {"lr", "0.01", "of Adam"},
        {"lambda", "0.0025/bound", "weight of the flow's roughness"},
        {"kappa", "none", "the margin is not lowered further below 0 than this"},
        {"start", "zero", "zero or random"},
        kRestartsKey,
        kSeedKey},
       make_stadv},
      {"pixle",
       "Pomponi et al. 2022, pixels copied within the image, a black box",
       {{"reading", "five-iterations",
         "of the paper's 'five iterations': five-iterations, five-restarts, five-proposals"},
        {"restarts", "20", "accepted patches at most"},
        {"iterations", "5", "proposals for each"},
        kSeedKey},
       make_pixle},
      {"cw",
       "Carlini and Wagner 2017, the nearest image in l2",
       {kAcceptKey,
        {"searches", "9", "values of c tried"},
        {"iterations", "1000", "of Adam for each"},
        {"c", "1e-3", "first weight of the margin"},
        {"lr", "0.01", "of Adam"},
        {"kappa", "0", "margin of the misclassification, logits"},
        {"abort_early", "off", "on: stop an example whose objective has ceased to fall"},
        {"seed", kSeedKey.shown_default, "accepted, but nothing is random"}},
       make_carlini_wagner},
      {"deepfool",
       "Moosavi-Dezfooli et al. 2016, the nearest linearised boundary",
       {{"norm", "l2", "l2 or linf"},
        kAcceptKey,
        {"steps", "50", "steps"},
        {"overshoot", "0.02", "beyond the boundary"},
        {"seed", kSeedKey.shown_default, "accepted, but nothing is random"}},
       make_deepfool},
      {"autoattack",
       "Croce and Hein 2020, an ensemble: each attack sees what those before it left standing",
       {kNormKey,
        kEpsKey,
        {"version", "standard", "standard, plus or rand (for models with random outputs)"},
        {"preset", "official", "official (100 steps) or torchattacks (10 steps, all classes)"},
        {"mode", "sequential", "sequential, or individual: every attack on every example"},
        {"steps", "the preset's", "iterations of APGD and FAB"},
        {"queries", "5000", "of the Square attack"},
        {"classes", "the preset's", "target classes of apgd-t and fab-t"},
        kSeedKey},
       make_autoattack},
  };
  return table;
}

}  // namespace saddle
