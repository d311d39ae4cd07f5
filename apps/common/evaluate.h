// Evaluate: how often a model is right, on clean images and on what an attack made of them.
//
// All accuracies are percentages of all examples. The verdict on an adversarial image is a forward
// pass of the very tensor that is stored, never a value from inside the attack.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
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

// The bound an attack promises to keep.
struct Ball {
  Norm norm = Norm::linf;
  double eps = 0;  // pixel range [0, 1]
};

// One attempt on every example of a batch: adversarial images of its shape. `restart` numbers the
// attempts and keys their random numbers; passes are added to `counts`.
using Attempt =
    std::function<Tensor(const AttackBatch& batch, std::uint32_t restart, PassCounts& counts)>;

struct Attack {
  std::function<Attempt(const LogitsFunction& logits)> against;  // the attack, aimed at a model
  std::int64_t restarts = 1;  // attempts on an example, until one succeeds
  std::optional<Ball> ball;   // empty: the attack has no radius, only the pixel range is checked
};

// Whom an attack sees. Of `correct_only` the rest is returned unchanged and counts as not robust;
// under `all` a clean error may be turned into a right answer and then counts as robust.
enum class AttackedExamples { correct_only, all };

struct AttackResult {
  double robust_accuracy = 0;             // percent of all examples
  double max_linf = 0, max_l2 = 0;        // largest perturbation found, pixel range [0, 1]
  PassCounts passes;                      // in examples, the verdicts included
  double seconds = 0;
  std::int64_t attacked = 0;              // examples the attack saw
  std::vector<std::string> warnings;
  std::vector<float> adversarial;         // [N, H, W, C]: first success, else the last attempt
  std::vector<std::int32_t> predictions;  // [N], of `adversarial`
};

// Runs `attack` on the examples of `data`; `clean` is evaluate() of the same. An attempt is
// repeated only on examples that withstood all before it. What is found for an example does not
// depend on batch_size, but for the rounding of library convolutions. Throws Error, naming the
// example, where the attack leaves [0, 1] or its ball (by more than 1e-6, relative over radius 1),
// or a logit is not finite: that is never a success.
AttackResult evaluate_attack(const LogitsFunction& logits, const DeviceDataset& data,
                             const Evaluation& clean, const Attack& attack, AttackedExamples which,
                             std::int64_t batch_size, Progress* progress = nullptr);

}  // namespace saddle
