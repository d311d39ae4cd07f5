#include "apps/attack/checks.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>

#include "attacks/boundary.h"
#include "attacks/rows.h"
#include "core/format.h"

namespace saddle {
namespace {

constexpr double kMaskedPercent = 0.2;  // as AutoAttack: 0.002 of all examples

std::string percent_text(double percent) { return formatted("%.2f %%", percent); }

std::int64_t count_correct(const std::vector<float>& z, const std::vector<std::int32_t>& labels) {
  const std::size_t classes = z.size() / labels.size();
  std::int64_t correct = 0;
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const auto first = z.begin() + static_cast<std::ptrdiff_t>(row * classes);
    const auto best = std::max_element(first, first + static_cast<std::ptrdiff_t>(classes));
    correct += best - first == labels[row] ? 1 : 0;
  }
  return correct;
}

// The largest distance between rows of two answers, each row scaled to length 1.
double largest_distance(const std::vector<float>& a, const std::vector<float>& b,
                        std::size_t rows) {
  const std::size_t classes = a.size() / rows;
  double largest = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    double norm_a = 0, norm_b = 0, square = 0;
    for (std::size_t i = row * classes; i < (row + 1) * classes; ++i) {
      norm_a += double{a[i]} * a[i];
      norm_b += double{b[i]} * b[i];
    }
    for (std::size_t i = row * classes; i < (row + 1) * classes; ++i) {
      // 1e-10 as in AutoAttack: protects against logits that are all 0.
      const double difference =
          a[i] / (std::sqrt(norm_a) + 1e-10) - b[i] / (std::sqrt(norm_b) + 1e-10);
      square += difference * difference;
    }
    largest = std::max(largest, std::sqrt(square));
  }
  return largest;
}

std::optional<std::string> check_random(const LogitsFunction& logits, const Batch& batch,
                                        const std::vector<float>& first) {
  constexpr int kPasses = 5;
  constexpr double kLargest = 1e-4;  // as AutoAttack
  const std::vector<std::int32_t> labels = batch.targets.to_host<std::int32_t>();
  const std::int64_t correct = count_correct(first, labels);
  for (int pass = 1; pass < kPasses; ++pass) {
    const std::vector<float> again = logits_of(logits, batch.inputs).to_host<float>();
    if (count_correct(again, labels) == correct &&
        largest_distance(first, again, labels.size()) <= kLargest) {
      continue;
    }
    return "the model's answers to the same images differ from pass to pass. Attacks that trust "
           "one pass overrate it: use autoattack:version=rand";
  }
  return std::nullopt;
}

std::optional<std::string> check_softmax(const std::vector<float>& z, std::size_t rows) {
  constexpr double kSlack = 1e-5;  // as AutoAttack
  const std::size_t classes = z.size() / rows;
  const auto [least, most] = std::minmax_element(z.begin(), z.end());
  if (*least < -kSlack || *most > 1 + kSlack) return std::nullopt;
  for (std::size_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (std::size_t i = row * classes; i < (row + 1) * classes; ++i) sum += z[i];
    if (std::fabs(sum - 1) > kSlack) return std::nullopt;
  }
  return "the model answers with probabilities, not logits: their gradients vanish where it is "
         "sure of itself. Leave its softmax out";
}

// The sum of the other classes' exponentials over the label's: 1 - p of the label, where small.
double share_of_others(std::span<const float> z, std::int32_t label) {
  double sum = 0;
  for (std::size_t k = 0; k < z.size(); ++k) {
    if (static_cast<std::int32_t>(k) == label) continue;
    sum += std::exp(double{z[k]} - z[static_cast<std::size_t>(label)]);
  }
  return sum;
}

// Attacked images by what their gradients are worth.
struct GradientCounts {
  std::int64_t zero = 0, small = 0, flat = 0;
};

void count_gradients(const LogitsFunction& logits, const Batch& batch, const Evaluation& clean,
                     GradientCounts& counts) {
  constexpr double kLost = 0x1p-24;  // 1 + this is 1 in float32
  const std::vector<std::int32_t> labels = batch.targets.to_host<std::int32_t>(),
                                  examples = batch.indices.to_host<std::int32_t>();
  const auto classes = static_cast<std::size_t>(clean.classes);
  const std::vector<float> largest =
      largest_entries(input_gradient(cross_entropy_loss(), logits, batch.inputs, batch))
          .to_host<float>();
  std::vector<std::int32_t> suspects;
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const std::span<const float> z(
        clean.logits.data() + static_cast<std::size_t>(examples[row]) * classes, classes);
    const bool zero = largest[row] == 0, lost = share_of_others(z, labels[row]) < kLost;
    if (!zero && !lost && largest[row] >= std::numeric_limits<float>::min()) continue;
    (zero ? counts.zero : counts.small) += 1;
    suspects.push_back(static_cast<std::int32_t>(row));
  }
  if (suspects.empty() || classes < 2) return;
  const Batch part = select(batch, suspects);
  const Rival strongest = rival(logits_of(logits, part.inputs), part.targets);
  const Tensor slope = linearise(logits, part.inputs, part.targets, strongest.other).w;
  const std::vector<float> steepest = largest_entries(slope).to_host<float>();
  counts.flat += std::count(steepest.begin(), steepest.end(), 0.f);
}

std::string masked(const std::string& black, double of_black, const std::string& white,
                   double of_white) {
  return text(black, " knows no gradients and leaves ", percent_text(of_black), " standing, ",
              white, " leaves ", percent_text(of_white),
              ": the model seems to mask its gradients, and white-box numbers overrate it");
}

}  // namespace

std::vector<std::string> check_model(const LogitsFunction& logits, const Batch& batch,
                                     RandomModels random) {
  std::vector<std::string> warnings;
  if (batch.inputs.count() == 0) return warnings;
  const auto add = [&](const std::optional<std::string>& warning) {
    if (warning) warnings.push_back(*warning);
  };
  const std::vector<float> z = logits_of(logits, batch.inputs).to_host<float>();
  if (random == RandomModels::unexpected) add(check_random(logits, batch, z));
  add(check_softmax(z, static_cast<std::size_t>(batch.targets.count())));
  return warnings;
}

std::vector<std::string> check_answers(const Evaluation& clean) {
  const std::size_t examples = clean.predictions.size();
  if (examples < 2) return {};
  const auto classes = static_cast<std::ptrdiff_t>(clean.classes);
  bool same_logits = true;
  for (auto row = clean.logits.begin(); row != clean.logits.end(); row += classes) {
    same_logits = same_logits && std::equal(row, row + classes, clean.logits.begin());
  }
  if (same_logits) {
    return {text("the model answers all ", examples,
                 " images with the same logits: its robustness ",
                 "is that of a constant. Check the weights, and mean and std")};
  }
  const bool same_class = std::ranges::all_of(
      clean.predictions, [&](std::int32_t k) { return k == clean.predictions.front(); });
  if (!same_class || clean.accuracy == 100) return {};
  return {text("the model takes all ", examples, " images for class ", clean.predictions.front(),
               ": its robustness is that of a constant. Check the weights, and mean and std")};
}

std::vector<std::string> check_gradients(const LogitsFunction& logits, const DeviceDataset& data,
                                         const Evaluation& clean, AttackedExamples which,
                                         std::int64_t batch_size) {
  GradientCounts counts;
  std::vector<std::int32_t> attacked;
  std::int64_t all = 0;
  const auto count = [&] {
    all += static_cast<std::int64_t>(attacked.size());
    count_gradients(logits, data.batch(attacked, {}, 0, 0), clean, counts);
    attacked.clear();
  };
  for (std::int64_t first = 0; first < data.size(); first += batch_size) {
    const std::int64_t size = std::min(batch_size, data.size() - first);
    const std::vector<std::int32_t> labels =
        data.batch(first, size).targets.to_host<std::int32_t>();
    for (std::int64_t i = 0; i < size; ++i) {
      const std::int64_t example = first + i;
      const bool right = clean.predictions[static_cast<std::size_t>(example)] ==
                         labels[static_cast<std::size_t>(i)];
      if (which == AttackedExamples::correct_only && !right) continue;
      attacked.push_back(static_cast<std::int32_t>(example));
      if (static_cast<std::int64_t>(attacked.size()) == batch_size) count();
    }
  }
  if (!attacked.empty()) count();

  std::vector<std::string> warnings;
  if (counts.zero > 0) {
    warnings.push_back(
        text("the gradient of the cross-entropy is exactly zero on ", counts.zero, " of ", all,
             " attacked images: attacks that climb it cannot move them. Add fab-t, apgd-t and ",
             "square"));
  }
  if (counts.small > 0) {
    warnings.push_back(
        text("the gradient of the cross-entropy is too small to be meant on ", counts.small, " of ",
             all, " attacked images: in float32 the label's probability is 1, and its part of the ",
             "gradient is lost. Attacks that climb it overrate the model there. Add fab-t, apgd-t ",
             "and square"));
  }
  if (counts.flat > 0) {
    warnings.push_back(
        text("the logits do not change with the pixels on ", counts.flat, " of ", all,
             " attacked images: no attack by gradients, fab and deepfool neither, finds a way ",
             "there, and that they stand is no sign of robustness. Add square"));
  }
  return warnings;
}

std::vector<std::string> check_members(const Attack& attack, const AttackResult& result,
                                       double clean_accuracy) {
  std::vector<std::string> warnings;
  const std::size_t count = std::min(attack.members.size(), result.members.size());
  for (std::size_t m = 0; m < count; ++m) {
    if (attack.members[m].knowledge != Knowledge::black_box) continue;
    double white = std::numeric_limits<double>::infinity();
    if (attack.order == Members::in_sequence) {
      if (m > 0) white = std::min(clean_accuracy, result.members[m - 1].robust_accuracy);
    } else {
      for (std::size_t other = 0; other < count; ++other) {
        if (attack.members[other].knowledge == Knowledge::black_box) continue;
        white = std::min(white, result.members[other].robust_accuracy);
      }
    }
    const double black = result.members[m].robust_accuracy;
    if (std::isfinite(white) && black < white - kMaskedPercent) {
      warnings.push_back(masked(attack.members[m].name, black, "what came before it", white));
    }
  }
  return warnings;
}

std::vector<std::string> check_attacks(const std::vector<const Attack*>& attacks,
                                       const std::vector<const AttackResult*>& results,
                                       const std::vector<std::string>& names) {
  const auto is_black = [](const Attack& attack) {
    return std::ranges::all_of(attack.members, [](const AttackMember& member) {
      return member.knowledge == Knowledge::black_box;
    });
  };
  std::vector<std::string> warnings;
  for (std::size_t black = 0; black < attacks.size(); ++black) {
    const std::optional<Ball>& ball = attacks[black]->ball;
    if (!ball || !is_black(*attacks[black])) continue;
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < attacks.size(); ++i) {
      const std::optional<Ball>& other = attacks[i]->ball;
      if (!other || other->norm != ball->norm || other->eps != ball->eps || is_black(*attacks[i]))
        continue;
      if (!best || results[i]->robust_accuracy < results[*best]->robust_accuracy) best = i;
    }
    if (!best) continue;
    const double of_black = results[black]->robust_accuracy;
    const double of_white = results[*best]->robust_accuracy;
    if (of_black < of_white - kMaskedPercent) {
      warnings.push_back(masked(names[black], of_black, names[*best], of_white));
    }
  }
  return warnings;
}

}  // namespace saddle
