// AttackRun: an attack on a set of images, from the first batch to the result.
//
// It joins the queue, which says whose turn it is, with the verdict on images, and can be left
// after any batch and gone on with. All accuracies are percentages of all examples.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attacks/queue.h"
#include "attacks/verdict.h"

namespace saddle {

struct Attack {
  std::vector<AttackMember> members;
  std::optional<Ball> ball;  // empty: the attack has no radius, only the pixel range is checked
  Members order = Members::in_sequence;
  std::optional<Aim> aim = std::nullopt;  // empty: at any class but the label
};

// PGD alone, judged in its own ball.
Attack pgd_attack(const PgdOptions& options, std::uint64_t seed);

// What became of one image: what the queue says and what the verdict says, side by side.
struct ExampleRecord : Outcome, ImageRecord {};

struct AttackResult {
  double robust_accuracy = 0;                   // percent of all examples
  double max_linf = 0, max_l2 = 0, max_l1 = 0;  // largest perturbation found, pixel range [0, 1]
  Passes passes;                                // the sums of those of the examples
  double seconds = 0;
  std::int64_t attacked = 0;  // examples the attack saw
  std::vector<std::string> warnings;
  std::vector<MemberResult> members;
  std::vector<ExampleRecord> examples;  // [N]
  std::vector<float> adversarial;       // [N, H, W, C]: first success, else the last try

  std::vector<std::int32_t> predictions() const;  // [N]
};

// A run under way: `result` so far, without its summary, and the next pair of the queue.
struct AttackState {
  std::int64_t member = 0, attempt = 0, position = 0;  // position: among the attacked examples
  std::vector<std::uint8_t> standing;  // [N]: 1 where the member still has to try the example
  AttackResult result;
};

// Runs an attack on the examples, batch by batch; `clean` is what the model says of them as they
// are. Throws Error, naming the example, where the attack leaves [0, 1] or its ball (by more than
// rounding), or a logit is not finite: that is never a success. Also where the model has too few
// classes for a member. Where the device has no memory for a batch, the batch is halved for the
// rest of the run.
class AttackRun {
 public:
  AttackRun(const LogitsFunction& logits, const Examples& examples, const Evaluation& clean,
            const Attack& attack, AttackedExamples which, std::int64_t batch_size);
  AttackRun(const AttackRun&) = delete;  // the queue asks this run's verdict
  AttackRun& operator=(const AttackRun&) = delete;

  // Goes on where `state`, of the same run with whatever batch size, was left. A state without
  // adversarial images leaves those of what it had tried clean. Throws Error for another run's, or
  // one that contradicts itself.
  void resume(const AttackState& state);
  // Throws the same for what is said to be the result of this run. Both are for a run that has not
  // begun.
  void check(const AttackResult& finished) const;
  // Takes over what the same attack broke within a smaller radius (its images too, where it has
  // them); those examples need no more attempts. To be called before the first step.
  void inherit(const AttackResult& smaller);

  bool finished() const { return queue_.finished(); }
  // One batch of attempts. Not to be called once finished.
  void step() { queue_.step(); }

  AttackState state() const;
  std::int64_t batch_size() const { return queue_.batch_size(); }  // halved where memory ran out
  // Estimated passes, of the whole run and behind it.
  std::int64_t total() const { return queue_.total(); }
  std::int64_t done() const { return queue_.done(); }
  // Percent, of what is left standing so far.
  double robust_accuracy() const { return verdict_.robust_accuracy(); }
  // The result, with its summary; also of an unfinished run.
  AttackResult result() const;

 private:
  AttackResult without_summary() const;
  void check_examples(const AttackResult& result) const;
  void warn_of_what_moved(AttackResult& result) const;

  std::optional<Ball> ball_;
  ImageVerdict verdict_;
  AttackQueue queue_;
};

}  // namespace saddle
