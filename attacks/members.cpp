#include "attacks/members.h"

#include <memory>

#include "core/error.h"

namespace saddle {
namespace {

// A member that calls an attack class, made anew for each model.
template <class Class, class Options>
AttackMember member(const char* name, const Options& options, const Tries& tries) {
  check(options);
  AttackMember member;
  member.name = name;
  member.against = [options, seed = tries.seed](const LogitsFunction& logits,
                                                std::int64_t) -> Attempt {
    return [run = std::make_shared<Class>(logits, options), seed](
               const Batch& batch, PassCounts& counts) { return (*run)(batch, seed, &counts); };
  };
  member.restarts = tries.restarts;
  return member;
}

// The same of an attack that aims at one class after the other.
template <class Class, class Options>
AttackMember targeted_member(const char* name, const Options& options, const Tries& tries) {
  AttackMember member = saddle::member<Class>(name, options, tries);
  member.against = [options, tries](const LogitsFunction& logits, std::int64_t targets) {
    Options aimed = options;
    aimed.targets = static_cast<int>(targets);
    return saddle::member<Class>("", aimed, tries).against(logits, targets);
  };
  member.targets = tries.targets;
  return member;
}

void check_restarts(std::int64_t restarts, bool random) {
  require(restarts == 1 || random, restarts,
          " restarts from the image itself do the same over again. Take start=random, or one");
}

const char* name_of(ApgdLoss loss) {
  if (loss == ApgdLoss::ce) return "apgd-ce";
  return loss == ApgdLoss::dlr ? "apgd-dlr" : "apgd-t";
}

// Logits that a loss compares: the ratio divides by the first minus the third, or the fourth.
std::int64_t least_classes(ApgdLoss loss) {
  if (loss == ApgdLoss::dlr) return 3;
  return loss == ApgdLoss::targeted_dlr ? 4 : 2;
}

}  // namespace

AttackMember member_of(const PgdOptions& options, const Tries& tries) {
  check(options);
  check_restarts(tries.restarts, options.start != Start::zero);
  AttackMember member;
  member.name = "pgd";
  member.against = [options, seed = tries.seed](const LogitsFunction& logits,
                                                std::int64_t) -> Attempt {
    return [run = std::make_shared<Pgd>(logits, options), seed](
               const Batch& batch, PassCounts& counts) { return (*run)(batch, seed, 0, &counts); };
  };
  member.restarts = tries.restarts;
  member.passes = 2 * options.steps + 1;
  member.on_failure = OnFailure::last_iterate;
  return member;
}

AttackMember member_of(const MiFgsmOptions& options, const Tries& tries) {
  check_restarts(tries.restarts, false);
  AttackMember made = member<MiFgsm>("mifgsm", options, tries);
  made.passes = 2 * options.steps + 1;
  made.on_failure = OnFailure::last_iterate;
  return made;
}

AttackMember member_of(const ApgdOptions& options, const Tries& tries) {
  const char* name = name_of(options.loss);
  AttackMember made = is_targeted(options.loss) ? targeted_member<Apgd>(name, options, tries)
                                                : member<Apgd>(name, options, tries);
  made.least_classes = least_classes(options.loss);
  made.passes = 2 * options.eot * options.steps + 3;
  return made;
}

AttackMember member_of(const FabOptions& options, const Tries& tries) {
  const bool ranked = options.boundary == Boundary::ranked;
  AttackMember made =
      ranked ? targeted_member<Fab>("fab-t", options, tries) : member<Fab>("fab", options, tries);
  made.passes = (ranked ? 3 : 11) * options.steps + 3;  // of ten classes
  return made;
}

AttackMember member_of(const SquareOptions& options, const Tries& tries) {
  AttackMember made = member<Square>("square", options, tries);
  made.passes = options.queries + 3;
  made.knowledge = Knowledge::black_box;
  return made;
}

AttackMember member_of(const StadvOptions& options, const Tries& tries) {
  check_restarts(tries.restarts, options.start == StadvStart::random);
  AttackMember made = member<Stadv>("stadv", options, tries);
  made.passes = 2 * options.iterations + 2;
  return made;
}

AttackMember member_of(const PixleOptions& options, const Tries& tries) {
  AttackMember made = member<Pixle>("pixle", options, tries);
  made.passes = options.restarts * options.max_iterations + 2;
  made.knowledge = Knowledge::black_box;
  return made;
}

AttackMember member_of(const CarliniWagnerOptions& options, const Tries& tries) {
  AttackMember made = member<CarliniWagner>("cw", options, tries);
  made.passes = 2 * options.searches * options.iterations + 2;
  return made;
}

AttackMember member_of(const DeepFoolOptions& options, const Tries& tries) {
  AttackMember made = member<DeepFool>("deepfool", options, tries);
  made.passes = 10 * options.steps + 2;
  return made;
}

}  // namespace saddle
