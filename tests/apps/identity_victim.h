// A linear classifier whose answers are known, z = x of two pixels and two classes, and attacks on
// it that do what a test says.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/common/evaluate.h"
#include "core/ops.h"

namespace saddle::testing_support {

// Images of 1 x 1 pixel and two channels. The margin of an example is the difference of its
// channels, and an l-inf attack of radius eps takes 2 eps off it.
inline Dataset four_examples() {
  Dataset data;
  data.name = "four";
  data.height = data.width = 1;
  data.channels = data.classes = 2;
  data.pixels = {110, 100,  // margin 10 / 255
                 100, 130,  // margin 30 / 255
                 200, 100,  // wrong
                 255, 0};   // margin 1
  data.labels = {0, 1, 1, 0};
  return data;
}

// z = W x with W [2, 2], row-major.
inline LogitsFunction linear_logits(const std::vector<float>& w) {
  const Tensor weights = Tensor::from_host(cpu_device(), {2, 1, 1, 2}, w);
  return [weights](Tape& tape, const Var& x) {
    return global_average_pool(tape, convolution(tape, x, Var(weights, Gradient::none), {1, 0}));
  };
}

inline LogitsFunction identity_logits() { return linear_logits({1, 0, 0, 1}); }

using AttackFunction = std::function<Tensor(const Batch& batch, PassCounts& counts)>;

inline AttackMember member_of(const AttackFunction& function, std::int64_t restarts = 1) {
  AttackMember member;
  member.name = "fake";
  member.against = [=](const LogitsFunction&, std::int64_t) -> Attempt { return function; };
  member.restarts = restarts;
  return member;
}

inline Attack attack_of(const std::vector<AttackMember>& members) {
  return {members, std::nullopt};
}

inline Attack pgd_of(const PgdOptions& options, std::int64_t restarts = 1) {
  AttackMember member;
  member.name = "pgd";
  member.against = [options](const LogitsFunction& logits, std::int64_t) -> Attempt {
    return [=](const Batch& batch, PassCounts& counts) {
      return pgd(logits, batch, options, 5, 0, &counts);
    };
  };
  member.restarts = restarts;
  member.on_failure = OnFailure::last_iterate;
  return {{member}, Ball{options.norm, options.eps}};
}

// Every adversarial image is these two channels.
inline Attack always(float first, float second) {
  return attack_of({member_of([=](const Batch& batch, PassCounts&) {
    std::vector<float> values;
    for (std::int64_t i = 0; i < batch.inputs.shape()[0]; ++i)
      values.insert(values.end(), {first, second});
    return Tensor::from_host(cpu_device(), batch.inputs.shape(), values);
  })});
}

// Turns over the prediction of the rows that `breaks` says, and leaves the others alone.
inline AttackFunction breaking(
    const std::function<bool(std::int32_t example, std::int32_t attempt)>& breaks) {
  return [=](const Batch& batch, PassCounts& counts) {
    std::vector<float> x = batch.inputs.to_host<float>();
    const std::vector<std::int32_t> labels = batch.targets.to_host<std::int32_t>(),
                                    examples = batch.indices.to_host<std::int32_t>(),
                                    attempts = batch.attempts.to_host<std::int32_t>();
    for (std::size_t i = 0; i < labels.size(); ++i) {
      counts.add(static_cast<std::int32_t>(i), {10, 0});
      if (!breaks(examples[i], attempts[i])) continue;
      x[2 * i] = labels[i] == 0 ? 0.25f : 0.75f;  // against the label's channel
      x[2 * i + 1] = 0.5f + static_cast<float>(attempts[i]) / 256;
    }
    return Tensor::from_host(batch.inputs.device(), batch.inputs.shape(), x);
  };
}

struct IdentityVictim {
  LogitsFunction logits = identity_logits();
  DeviceDataset data{cpu_device(), four_examples()};
  Evaluation clean = evaluate(logits, data, 3);

  AttackResult attack(const Attack& by, AttackedExamples which = AttackedExamples::correct_only,
                      std::int64_t batch_size = 3) const {
    return evaluate_attack(logits, data, clean, by, which, batch_size);
  }
};

// The same classifier before `count` examples, all of them taken for what they are.
struct Crowd {
  LogitsFunction logits = identity_logits();
  DeviceDataset data;
  Evaluation clean;

  explicit Crowd(std::int64_t count)
      : data(cpu_device(), repeated(count)), clean(evaluate(logits, data, count)) {}

  AttackResult attack(const Attack& by, std::int64_t batch_size) const {
    return evaluate_attack(logits, data, clean, by, AttackedExamples::correct_only, batch_size);
  }

 private:
  static Dataset repeated(std::int64_t count) {
    Dataset data = four_examples();
    data.pixels.clear();
    data.labels.assign(static_cast<std::size_t>(count), 0);
    for (std::int64_t i = 0; i < count; ++i) data.pixels.insert(data.pixels.end(), {255, 0});
    return data;
  }
};

}  // namespace saddle::testing_support
