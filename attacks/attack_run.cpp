#include "attacks/attack_run.h"

#include <algorithm>

#include "attacks/members.h"
#include "core/error.h"

namespace saddle {
namespace {

// Two logits that are closer may change places with the order in which sums are rounded.
constexpr double kRoundingOfLogits = 1e-5;
// A pixel that moved by less was not meant to move: a warp by nothing rounds its weights, too.
constexpr double kRoundingOfPixels = 1e-6;

// How the queue asks the verdict.
Verdict questions_to(ImageVerdict& verdict) {
  return {[&](const std::vector<std::int32_t>& examples) { return verdict.batch(examples); },
          [&](const std::vector<std::int32_t>& examples, const Batch& batch,
              const Tensor& adversarial) { return verdict.judge(examples, batch, adversarial); },
          [&](std::int64_t standing) { return verdict.robust_accuracy(standing); }};
}

void add_largest(AttackResult& result) {
  for (const ExampleRecord& record : result.examples) {
    result.max_linf = std::max(result.max_linf, record.linf);
    result.max_l2 = std::max(result.max_l2, record.l2);
    result.max_l1 = std::max(result.max_l1, record.l1);
  }
}

std::vector<Outcome> outcomes_of(const AttackResult& result) {
  return {result.examples.begin(), result.examples.end()};
}

// The values of image `example`.
std::span<const float> image_of(const AttackResult& result, std::size_t example) {
  const std::size_t size = result.adversarial.size() / result.examples.size();
  return {result.adversarial.data() + example * size, size};
}

}  // namespace

Attack pgd_attack(const PgdOptions& options, std::uint64_t seed) {
  return {{member_of(options, {seed})}, Ball{options.norm, options.eps}};
}

std::vector<std::int32_t> AttackResult::predictions() const {
  std::vector<std::int32_t> list;
  for (const ExampleRecord& record : examples) list.push_back(record.prediction);
  return list;
}

AttackRun::AttackRun(const LogitsFunction& logits, const Examples& examples,
                     const Evaluation& clean, const Attack& attack, AttackedExamples which,
                     std::int64_t batch_size)
    : ball_(attack.ball),
      verdict_(logits, examples, clean, {attack.ball, attack.aim, batch_size}),
      queue_(logits, *examples.device, {attack.members, attack.order, clean.classes, batch_size},
             verdict_.attacked(which), questions_to(verdict_)) {}

// Throws where examples, images or members are not those of this run, which has tried nothing yet:
// its images are the clean ones.
void AttackRun::check_examples(const AttackResult& result) const {
  constexpr const char* kMend = ", so it is of another run. Begin anew with --restart";
  require(result.examples.size() == verdict_.records().size(), "evaluate: the state has ",
          result.examples.size(), " examples, the data ", verdict_.records().size(), kMend);
  const std::vector<float>& images = result.adversarial;
  require(images.empty() || images.size() == verdict_.images().size(), "evaluate: the state has ",
          images.size(), " values of images, the data ", verdict_.images().size(), kMend);
  queue_.check_members(result.members);
  for (std::size_t i = 0; i < result.examples.size(); ++i) {
    const ExampleRecord& record = result.examples[i];
    require(queue_.fits(record, i) && verdict_.fits(record, record, i),
            "evaluate: the state's example ", i, " contradicts data and model", kMend);
    if (!images.empty()) verdict_.check_image(record, image_of(result, i), i);
  }
}

void AttackRun::check(const AttackResult& finished) const {
  check_examples(finished);
  AttackResult own;
  own.examples = finished.examples;
  add_largest(own);
  std::int64_t right = 0, attacked = 0;
  for (const ExampleRecord& record : finished.examples) {
    right += record.prediction == record.label ? 1 : 0;
    attacked += record.attacked;
  }
  const auto all = static_cast<std::int64_t>(finished.examples.size());
  require(finished.members.size() == queue_.members().size() &&
              finished.robust_accuracy == percent(right, all) && finished.attacked == attacked &&
              finished.max_linf == own.max_linf && finished.max_l2 == own.max_l2 &&
              finished.max_l1 == own.max_l1,
          "evaluate: the state's summary is not of its examples. Begin anew with --restart");
}

void AttackRun::resume(const AttackState& state) {
  const AttackResult& result = state.result;
  check_examples(result);
  queue_.resume({state.member, state.attempt, state.position, state.standing, outcomes_of(result),
                 result.members, result.passes, result.seconds, result.warnings});
  for (std::size_t i = 0; i < result.examples.size(); ++i) {
    verdict_.keep(result.examples[i], i);
    if (!result.adversarial.empty()) verdict_.keep(image_of(result, i), i);
  }
}

void AttackRun::inherit(const AttackResult& smaller) {
  const bool images = !smaller.adversarial.empty();
  require(smaller.examples.size() == verdict_.records().size() &&
              (!images || smaller.adversarial.size() == verdict_.images().size()),
          "evaluate: the smaller radius was of other examples");
  for (std::size_t i = 0; i < smaller.examples.size(); ++i) {
    if (!smaller.examples[i].broken()) continue;
    verdict_.keep(smaller.examples[i], i);
    if (images) verdict_.keep(image_of(smaller, i), i);
  }
  queue_.inherit(outcomes_of(smaller));
}

AttackResult AttackRun::without_summary() const {
  const QueueState& queue = queue_.state();
  AttackResult result;
  result.passes = queue.passes;
  result.seconds = queue.seconds;
  result.attacked = queue_.attacked();
  result.warnings = queue.warnings;
  result.members = queue.members;
  for (std::size_t i = 0; i < queue.outcomes.size(); ++i) {
    result.examples.push_back({queue.outcomes[i], verdict_.records()[i]});
  }
  result.adversarial = verdict_.images();
  return result;
}

AttackState AttackRun::state() const {
  const QueueState& queue = queue_.state();
  return {queue.member, queue.attempt, queue.position, queue.standing, without_summary()};
}

AttackResult AttackRun::result() const {
  AttackResult result = without_summary();
  result.robust_accuracy = robust_accuracy();
  add_largest(result);
  if (finished()) warn_of_what_moved(result);
  return result;
}

void AttackRun::warn_of_what_moved(AttackResult& result) const {
  std::int64_t unmoved = 0, still = 0, undecided = 0;
  for (const ExampleRecord& record : result.examples) {
    unmoved += record.attacked != 0 && record.linf == 0 ? 1 : 0;
    still += record.attacked != 0 && record.linf <= kRoundingOfPixels ? 1 : 0;
    undecided += record.broken() && record.margin > -kRoundingOfLogits ? 1 : 0;
  }
  if (undecided > 0) {
    result.warnings.push_back(text(
        undecided, " adversarial examples lie on the decision boundary to within rounding ",
        "(margin above -", kRoundingOfLogits, "): another implementation may call them right"));
  }
  const bool moves = std::ranges::any_of(queue_.members(), [](const AttackMember& member) {
    return member.on_failure == OnFailure::last_iterate;
  });
  const bool may_move = !ball_ || ball_->eps > kRoundingOfPixels;
  if (may_move && still > 0 && still == result.attacked) {
    result.warnings.push_back(
        text("the attack did nothing: all ", still, " adversarial images are the clean ones (no ",
             "pixel moved by more than ", kRoundingOfPixels, "). Before this is taken for ",
             "robustness, check its settings (a step too small for a pixel?) and the model's ",
             "gradients"));
  } else if (moves && unmoved > 0 && (!ball_ || ball_->eps > 0)) {
    result.warnings.push_back(
        text(unmoved, " of ", result.attacked, " attacked examples were not moved at all: ",
             "a gradient of exactly zero, as a saturated softmax has, stops this attack"));
  }
}

}  // namespace saddle
