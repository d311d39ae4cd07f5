// Evaluate: how often a model is right, on clean images and on what an attack made of them.
//
// All accuracies are percentages of all examples. The verdict on an adversarial image is a forward
// pass of the very tensor that is stored, never a value from inside the attack.
//
// An attack is one member or several (AutoAttack). A member makes attempts on an example (restarts,
// target classes) until one succeeds. Attempts form a queue, attempt by attempt and in each example
// by example; broken examples leave it. Where few examples are left, several attempts of one ride
// in a batch. What breaks an example is always its first success in the order of the queue, and
// what rides behind it in vain is not counted, so neither the outcome nor the passes depend on the
// batch size or on an interruption.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/common/device_dataset.h"
#include "apps/common/progress.h"
#include "attacks/attack.h"
#include "attacks/pgd.h"

namespace saddle {

struct Evaluation {
  double accuracy = 0;                    // percent
  double loss = 0;                        // mean cross-entropy, nats
  std::int64_t classes = 0;               // K
  std::vector<float> logits;              // [N, K]
  std::vector<std::int32_t> predictions;  // [N], ties to the lowest class
};

// The whole data set, in batches. Throws Error where a logit is not finite or a label is not a
// class of the model, naming the example.
Evaluation evaluate(const LogitsFunction& logits, const DeviceDataset& data,
                    std::int64_t batch_size, Progress* progress = nullptr);

// What the model takes each of the images [N, H, W, C] for, in batches; `image` is [H, W, C].
// Throws Error where a logit is not finite.
std::vector<std::int32_t> predict_images(const LogitsFunction& logits, Device& device,
                                         std::span<const float> images, const Shape& image,
                                         std::int64_t batch_size);

// The bound an attack promises to keep.
struct Ball {
  Norm norm = Norm::linf;
  double eps = 0;  // pixel range [0, 1]
};

// What an attempt used, row by row. Where a row's first gradient was exactly zero, that it
// withstands says little.
using AttemptCounts = PassCounts;

// Tries every row of a batch once, as batch.attempts says, and returns images of its shape; what
// each row used is added to `counts`.
using Attempt = std::function<Tensor(const Batch& batch, AttemptCounts& counts)>;

// What an attack knows of the model: gradients, or answers alone.
enum class Knowledge { white_box, black_box };
// What a member returns where it fails.
enum class OnFailure { clean_image, last_iterate };

inline constexpr std::int64_t kAllTargets = std::int64_t{1} << 31;

struct AttackMember {
  std::string name;
  // The attack, aimed at a model; `targets` as below, clipped to what the model has.
  std::function<Attempt(const LogitsFunction& logits, std::int64_t targets)> against;
  std::int64_t restarts = 1;
  // Target classes tried one after another; 0: untargeted. A model of K classes has K - 1;
  // kAllTargets asks for as many.
  std::int64_t targets = 0;
  std::int64_t least_classes = 2;
  // Takes the member's place where the model has fewer classes, with a warning; null: an Error.
  std::shared_ptr<const AttackMember> stand_in = nullptr;
  std::int64_t passes = 1;  // about how many passes an attempt takes, for the time left
  Knowledge knowledge = Knowledge::white_box;
  OnFailure on_failure = OnFailure::clean_image;
};

// Whether a member sees only what those before it left standing, or all examples.
enum class Members { in_sequence, each_alone };

// Which class a targeted attack wants an example to be taken for; that, and nothing less, is its
// success. What is of that class already is not attacked.
struct Aim {
  // least: the class of the smallest logit on the clean image, but not the label. random: any but
  // the label, drawn from seed and example.
  enum class At { one_class, least, random };
  At at = At::least;
  std::int32_t to = 0;     // one_class
  std::uint64_t seed = 0;  // random
};

struct Attack {
  std::vector<AttackMember> members;
  std::optional<Ball> ball;  // empty: the attack has no radius, only the pixel range is checked
  Members order = Members::in_sequence;
  std::optional<Aim> aim = std::nullopt;  // empty: at any class but the label
};

// PGD alone, judged in its own ball.
Attack pgd_attack(const PgdOptions& options, std::uint64_t seed);

// Whom an attack sees. Of `correct_only` the rest is returned unchanged and counts as not robust;
// under `all` a clean error may be turned into a right answer and then counts as robust.
enum class AttackedExamples { correct_only, all };

// What became of one example. Norms are of the stored image minus the clean one.
struct ExampleRecord {
  std::int32_t label = 0, clean_prediction = 0, prediction = 0;
  std::int32_t attacked = 0;  // 1: the attack saw it
  // What broke it (targeted: led it to its target), from 0; -1: nothing.
  std::int32_t member = -1, attempt = -1;
  std::int32_t changed_pixels = 0;   // in any channel
  double forward = 0, backward = 0;  // passes until it was done, verdicts included; whole
  double linf = 0, l2 = 0, l1 = 0;
  double cross_entropy = 0, margin = 0;  // of the stored image; margin z_y - max of the others

  bool broken() const { return member >= 0; }
};

struct MemberResult {
  std::string name;
  double robust_accuracy = 0;  // percent of all: after this member, or by it alone
  Passes passes;
  double seconds = 0;
  std::int64_t zero_gradients = 0;  // attempts that began with a gradient of zero
};

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

// An evaluation that is under way: `result` so far, and the next pair of the queue.
struct AttackState {
  std::int64_t member = 0, attempt = 0, position = 0;  // position: among the attacked examples
  std::vector<std::uint8_t> standing;  // [N]: 1 where the member still has to try the example
  AttackResult result;
};

// Runs an attack on the examples of `data`, batch by batch; `clean` is evaluate() of the same.
// Throws Error, naming the example, where the attack leaves [0, 1] or its ball (by more than
// rounding), or a logit is not finite: that is never a success. Also where the model
// has too few classes for a member. Where the device has no memory for a batch, the batch is halved
// for the rest of the run.
class AttackRun {
 public:
  AttackRun(const LogitsFunction& logits, const DeviceDataset& data, const Evaluation& clean,
            const Attack& attack, AttackedExamples which, std::int64_t batch_size);

  // Goes on where `state`, of the same run with whatever batch size, was left. A state without
  // adversarial images leaves those of what it had tried clean. Throws Error for another run's, or
  // one that contradicts itself.
  void resume(AttackState state);
  // Throws the same for what is said to be the result of this run. Both are for a run that has not
  // begun.
  void check(const AttackResult& finished) const;
  // Takes over what the same attack broke within a smaller radius (its images too, where it has
  // them); those examples need no more attempts. To be called before the first step.
  void inherit(const AttackResult& smaller);

  bool finished() const;
  // One batch of attempts. Not to be called once finished.
  void step();

  const AttackState& state() const { return state_; }
  std::int64_t batch_size() const { return batch_size_; }  // halved where memory ran out
  // Estimated passes, of the whole run and behind it.
  std::int64_t total() const;
  std::int64_t done() const;
  double robust_accuracy() const;  // percent, of what is left standing so far
  // The result, with its summary; also of an unfinished run.
  AttackResult result() const;

 private:
  struct Pair {
    std::int32_t example, attempt;
  };

  std::int64_t targets(const AttackMember& member) const;
  std::int64_t attempts(const AttackMember& member) const;
  std::vector<Pair> next_pairs(AttackState& after) const;
  void run(const std::vector<Pair>& pairs);
  void judge(const std::vector<Pair>& pairs, const Batch& batch, const Tensor& adversarial,
             const AttemptCounts& counts);
  bool fits(const ExampleRecord& record, std::size_t example) const;
  bool is_success(std::int32_t prediction, std::int32_t label, std::size_t example) const;
  void check_examples(const AttackResult& result) const;
  void begin_member();
  void end_member();
  void skip_to_work();
  void warn(const std::string& warning);

  const LogitsFunction& logits_;
  const DeviceDataset& data_;
  Attack attack_;
  std::int64_t batch_size_, classes_;
  std::vector<std::int32_t> attacked_;  // examples, ascending
  std::vector<std::int32_t> targets_;   // [N]; empty: not targeted
  Attempt attempt_;                     // of the current member
  AttackState state_;
};

// A whole AttackRun.
AttackResult evaluate_attack(const LogitsFunction& logits, const DeviceDataset& data,
                             const Evaluation& clean, const Attack& attack, AttackedExamples which,
                             std::int64_t batch_size, Progress* progress = nullptr);

// "linf", "l2", "l1"
std::string norm_name(Norm norm);

}  // namespace saddle
