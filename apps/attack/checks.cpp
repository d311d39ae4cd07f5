#include "apps/attack/checks.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>

#include "attacks/rows.h"

namespace saddle {
namespace {

constexpr double kMaskedPercent = 0.2;  // as AutoAttack: 0.002 of all examples

std::string percent_text(double percent) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.2f %%", percent);
  return digits;
}

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

std::optional<std::string> check_random(const LogitsFunction& logits, const AttackBatch& batch,
                                        const std::vector<float>& first) {
  constexpr int kPasses = 5;
  constexpr double kLargest = 1e-4;  // as AutoAttack
  const std::vector<std::int32_t> labels = batch.labels.to_host<std::int32_t>();
  const std::int64_t correct = count_correct(first, labels);
  for (int pass = 1; pass < kPasses; ++pass) {
    const std::vector<float> again = logits_of(logits, batch.images).to_host<float>();
    if (count_correct(again, labels) == correct &&
        largest_distance(first, again, labels.size()) <= kLargest) {
      continue;
    }
    return "the model's answers to the same images differ from pass to pass. Attacks that trust one "
           "pass overrate it: use autoattack:version=rand";
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
  return "the model answers with probabilities, not logits: their gradients vanish where it is sure "
         "of itself. Leave its softmax out";
}

std::optional<std::string> check_gradients(const LogitsFunction& logits, const AttackBatch& batch) {
  const std::vector<float> g =
      input_gradient(logits, batch.images, batch.labels).to_host<float>();
  const auto rows = static_cast<std::size_t>(batch.labels.count());
  const std::size_t size = g.size() / rows;
  std::int64_t zero = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto first = g.begin() + static_cast<std::ptrdiff_t>(row * size);
    zero += std::all_of(first, first + static_cast<std::ptrdiff_t>(size),
                        [](float value) { return value == 0; });
  }
  if (zero == 0) return std::nullopt;
  return text("the gradient of the cross-entropy is exactly zero on ", zero, " of the first ", rows,
              " images: attacks that climb it cannot move them. Add fab-t, apgd-t and square");
}

std::string masked(const std::string& black, double of_black, const std::string& white,
                   double of_white) {
  return text(black, " knows no gradients and leaves ", percent_text(of_black), " standing, ", white,
              " leaves ", percent_text(of_white),
              ": the model seems to mask its gradients, and white-box numbers overrate it");
}

}  // namespace

std::vector<std::string> check_model(const LogitsFunction& logits, const AttackBatch& batch,
                                     RandomModels random) {
  std::vector<std::string> warnings;
  if (batch.images.count() == 0) return warnings;
  const auto add = [&](const std::optional<std::string>& warning) {
    if (warning) warnings.push_back(*warning);
  };
  const std::vector<float> z = logits_of(logits, batch.images).to_host<float>();
  if (random == RandomModels::unexpected) add(check_random(logits, batch, z));
  add(check_softmax(z, static_cast<std::size_t>(batch.labels.count())));
  add(check_gradients(logits, batch));
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
