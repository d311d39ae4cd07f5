// Queue: whose turn it is. Attempts at examples, one after another, whatever the examples are.
//
// A member of the attack makes attempts at an example (restarts, target classes) until one
// succeeds; then the next member comes. Attempts form a queue, attempt by attempt and in each
// example by example; broken examples leave it. Where few examples are left, several attempts of
// one ride in a batch. What breaks an example is always its first success in the order of the
// queue, and what rides behind it in vain is not counted, so neither the outcome nor the passes
// depend on the batch size or on an interruption.
//
// The queue knows neither images nor norms. What a batch is, and which of its rows succeeded, a
// Verdict says (verdict.h has that on images in a ball).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "attacks/member.h"

namespace saddle {

// Whether a member sees only what those before it left standing, or all examples.
enum class Members { in_sequence, each_alone };

// What became of one example.
struct Outcome {
  std::int32_t attacked = 0;  // 1: the attack saw it
  // What broke it (targeted: led it to its target), from 0; -1: nothing.
  std::int32_t member = -1, attempt = -1;
  double forward = 0, backward = 0;  // passes until it was done, verdicts included; whole

  bool broken() const { return member >= 0; }
};

struct MemberResult {
  std::string name;
  double robust_accuracy = 0;  // percent of all: after this member, or by it alone
  Passes passes;
  double seconds = 0;
  std::int64_t zero_gradients = 0;  // attempts that began with a gradient of zero
  std::int64_t repeated = 0;        // attempts that were made again in fp32 (confirmed.h)
};

// The verdict on the rows of one batch.
struct RowVerdicts {
  // Whether the row is a success. Asked once, in the order of the rows, and only where no row
  // before it broke its example.
  std::function<bool(std::size_t row)> succeeds;
  // From now on the row stands for its example. Told of rows that were asked about, until the
  // example is broken: what stays is the first success, else the last attempt.
  std::function<void(std::size_t row)> keep;
};

// What the queue asks of whoever knows what the examples are. Examples are numbers from 0.
struct Verdict {
  // A row an example, without attempts.
  std::function<Batch(const std::vector<std::int32_t>& examples)> batch;
  // Of what an attempt made of these examples.
  std::function<RowVerdicts(const std::vector<std::int32_t>& examples, const Batch& batch,
                            const Tensor& adversarial)>
      judge;
  // Percent of all examples, `standing` of which withstood the member that has just ended.
  std::function<double(std::int64_t standing)> robust_accuracy;
};

// A queue under way: the next pair, and what came of those before it.
struct QueueState {
  std::int64_t member = 0, attempt = 0, position = 0;  // position: among the attacked examples
  std::vector<std::uint8_t> standing;  // [N]: 1 where the member still has to try the example
  std::vector<Outcome> outcomes;       // [N]
  std::vector<MemberResult> members;   // the last: of the member under way
  Passes passes;                       // the sums of those of the examples
  double seconds = 0;
  std::vector<std::string> warnings;
};

struct QueueOptions {
  std::vector<AttackMember> members;
  Members order = Members::in_sequence;
  std::int64_t classes = 0;       // K of the model
  std::int64_t batch_size = 128;  // at the most; on the CPU fewer are taken
};

class AttackQueue {
 public:
  // Examples where `attacked` is not 0 are queued. Throws Error where the model has too few classes
  // for a member and none stands in.
  AttackQueue(const LogitsFunction& logits, Device& device, const QueueOptions& options,
              const std::vector<std::uint8_t>& attacked, Verdict verdict);

  bool finished() const;
  // One batch of attempts. Not to be called once finished. Where the device has no memory for a
  // batch, batches are halved from then on.
  void step();

  // Goes on where `state` was left. Throws Error where it is another queue's or contradicts itself.
  // This and what follows are for a queue that has not begun.
  void resume(QueueState state);
  // Throws Error where the members are not the first of this queue.
  void check_members(const std::vector<MemberResult>& members) const;
  // Whether the outcome can be one of this queue's.
  bool fits(const Outcome& outcome, std::size_t example) const;
  // Takes over what the same attack broke within a smaller radius: no more attempts at that.
  void inherit(const std::vector<Outcome>& smaller);

  const QueueState& state() const { return state_; }
  const std::vector<AttackMember>& members() const { return members_; }
  std::int64_t batch_size() const { return batch_size_; }  // halved where memory ran out
  std::int64_t attacked() const { return static_cast<std::int64_t>(attacked_.size()); }
  // Estimated passes, of the whole queue and behind it.
  std::int64_t total() const;
  std::int64_t done() const;

 private:
  struct Pair {
    std::int32_t example, attempt;
  };

  const AttackMember& member() const { return members_[static_cast<std::size_t>(state_.member)]; }
  std::int64_t targets(const AttackMember& member) const;
  std::int64_t attempts(const AttackMember& member) const;
  bool agrees(const QueueState& state) const;
  void replace_by_stand_in(AttackMember& member);
  std::int64_t rows_at_once() const;
  std::vector<Pair> next_pairs(QueueState& after) const;
  void run(const std::vector<Pair>& pairs);
  void judge(const std::vector<Pair>& pairs, const RowVerdicts& verdicts, const PassCounts& counts);
  void count(Outcome& outcome, Passes used);
  std::int64_t pairs_done() const;
  void begin_member();
  void end_member();
  void skip_to_work();
  void warn(const std::string& warning) { state_.warnings.push_back(warning); }

  const LogitsFunction& logits_;
  Device& device_;
  std::vector<AttackMember> members_;
  Members order_;
  std::int64_t classes_, batch_size_;
  Verdict verdict_;
  std::vector<std::int32_t> attacked_;  // examples, ascending
  Attempt attempt_;                     // of the current member
  QueueState state_;
};

}  // namespace saddle
