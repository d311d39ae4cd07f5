#include "attacks/auto_attack.h"

#include <memory>

#include "core/error.h"

namespace saddle {
namespace {

using Part = AutoAttackPart;

// What the parts have in common.
class Parts {
 public:
  Parts(const AutoAttackOptions& options, std::uint64_t seed)
      : options_(options),
        seed_(seed),
        official_(options.preset == AutoAttackPreset::official),
        l1_(options.norm == Norm::l1),
        steps_(options.steps.value_or(official_ ? 100 : 10)) {}

  Part apgd(ApgdLoss loss, std::int64_t restarts) const {
    ApgdOptions apgd;
    apgd.norm = options_.norm;
    apgd.eps = options_.eps;
    apgd.loss = loss;
    apgd.steps = steps_;
    if (l1_) apgd.radius = ApgdRadius::shrinking;
    return {apgd, {seed_, restarts, targets(l1_ ? 5 : 9)}};
  }
  // For a model that draws random numbers.
  Part apgd_over_draws(ApgdLoss loss) const {
    Part part = apgd(loss, 1);
    std::get<ApgdOptions>(part.options).eot = 20;
    std::get<ApgdOptions>(part.options).radius = ApgdRadius::fixed;
    return part;
  }
  Part fab(Boundary boundary, std::int64_t restarts) const {
    FabOptions fab;
    fab.norm = options_.norm;
    fab.eps = options_.eps;
    fab.steps = steps_;
    fab.boundary = boundary;
    return {fab, {seed_, restarts, targets(9)}};
  }
  Part square() const {
    SquareOptions square;
    square.norm = options_.norm;
    square.eps = options_.eps;
    square.queries = options_.queries.value_or(5000);
    square.rescale_schedule = !official_;
    return {square, {seed_}};
  }
  // Of the attacks that are tried once in l-inf and l2.
  std::int64_t restarts() const { return l1_ ? 5 : 1; }

 private:
  std::int64_t targets(std::int64_t of_official) const {
    return options_.targets.value_or(official_ ? of_official : kAllTargets);
  }

  const AutoAttackOptions& options_;
  std::uint64_t seed_;
  bool official_, l1_;
  int steps_;
};

// What stands in for an attack on the difference of logits ratio, which needs 3 classes (aimed at a
// class: 4), on a model of fewer: the cross-entropy towards a class. Unlike the cross-entropy away
// from the label, it has a gradient however sure the model is.
std::shared_ptr<const AttackMember> without_ratio(ApgdOptions options, Tries tries) {
  options.loss = ApgdLoss::targeted_ce;
  tries.targets = kAllTargets;
  AttackMember member = member_of(options, tries);
  member.name = "apgd-t:loss=ce";
  return std::make_shared<const AttackMember>(std::move(member));
}

}  // namespace

std::vector<AutoAttackPart> auto_attack_parts(const AutoAttackOptions& options,
                                              std::uint64_t seed) {
  require(options.norm != Norm::l1 || options.preset == AutoAttackPreset::official,
          "the preset torchattacks has no l1. Leave preset out, or take norm=l2");
  require(options.version != AutoAttackVersion::rand || (!options.queries && !options.targets),
          "version=rand has neither square nor target classes. Leave queries and classes out");
  const Parts parts(options, seed);
  switch (options.version) {
    case AutoAttackVersion::rand:
      return {parts.apgd_over_draws(ApgdLoss::ce), parts.apgd_over_draws(ApgdLoss::dlr)};
    case AutoAttackVersion::plus:
      return {parts.apgd(ApgdLoss::ce, 5),           parts.apgd(ApgdLoss::dlr, 5),
              parts.fab(Boundary::nearest, 5),       parts.square(),
              parts.apgd(ApgdLoss::targeted_dlr, 1), parts.fab(Boundary::ranked, 1)};
    case AutoAttackVersion::standard: break;
  }
  return {parts.apgd(ApgdLoss::ce, parts.restarts()), parts.apgd(ApgdLoss::targeted_dlr, 1),
          parts.fab(Boundary::ranked, 1), parts.square()};
}

std::vector<AttackMember> auto_attack(const AutoAttackOptions& options, std::uint64_t seed) {
  std::vector<AttackMember> members;
  for (const Part& part : auto_attack_parts(options, seed)) {
    members.push_back(
        std::visit([&](const auto& of) { return member_of(of, part.tries); }, part.options));
    if (members.back().least_classes > 2) {
      members.back().stand_in = without_ratio(std::get<ApgdOptions>(part.options), part.tries);
    }
  }
  return members;
}

}  // namespace saddle
