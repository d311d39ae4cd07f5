#include "apps/segment/worst_case.h"

#include <algorithm>
#include <cmath>

#include "apps/training/batches.h"
#include "core/error.h"

namespace saddle {
namespace {

using Attacks = std::span<const std::vector<Confusion>>;

constexpr int kMostRounds = 1000;    // as in the authors' code
constexpr double kLeastGain = 1e-6;  // of a round that another follows

void check(Attacks attacks) {
  require(!attacks.empty() && !attacks[0].empty(),
          "worst case: expected the counts of an attack on an image, or more");
  const std::vector<Confusion>& first = attacks[0];
  for (std::size_t a = 1; a < attacks.size(); ++a) {
    require(attacks[a].size() == first.size(), "worst case: attack ", a, " has ", attacks[a].size(),
            " images, attack 0 has ", first.size());
    for (std::size_t i = 0; i < first.size(); ++i) {
      const Confusion &one = first[i], &other = attacks[a][i];
      require(one.classes() == other.classes() && one.pixels() == other.pixels(),
              "worst case: image ", i, " has ", other.pixels(), " pixels of ", other.classes(),
              " classes under attack ", a, ", but ", one.pixels(), " of ", one.classes(),
              " under attack 0");
    }
  }
}

// What of an image's counts makes its IoUs, and of sums of them.
struct Overlaps {
  std::vector<std::int64_t> intersections, unions;  // of each class

  explicit Overlaps(const Confusion& confusion) {
    for (std::int64_t c = 0; c < confusion.classes(); ++c) {
      intersections.push_back(confusion.intersection(c));
      unions.push_back(confusion.union_of(c));
    }
  }
  void replace(const Overlaps& old, const Overlaps& by) {
    for (std::size_t c = 0; c < unions.size(); ++c) {
      intersections[c] += by.intersections[c] - old.intersections[c];
      unions[c] += by.unions[c] - old.unions[c];
    }
  }
};

// miou_of what `sum` would be with `by` for `old`: the same operations in the same order.
double miou_with(const Overlaps& sum, const Overlaps& old, const Overlaps& by) {
  double total = 0;
  std::int64_t classes = 0;
  for (std::size_t c = 0; c < sum.unions.size(); ++c) {
    const std::int64_t whole = sum.unions[c] + by.unions[c] - old.unions[c];
    if (whole == 0) continue;
    const std::int64_t part = sum.intersections[c] + by.intersections[c] - old.intersections[c];
    total += static_cast<double>(part) / static_cast<double>(whole);
    ++classes;
  }
  return total / static_cast<double>(classes);
}

// The search's state: s, and the counts of what it chooses.
class Search {
 public:
  // From the single attack of the lowest mIoU, which is a number.
  explicit Search(Attacks attacks) : attacks_(attacks), sum_(sum_of(attacks[0])) {
    std::size_t lowest = 0;
    miou_ = miou_of(sum_of(attacks[0]));
    for (std::size_t a = 1; a < attacks.size(); ++a) {
      const Confusion sum = sum_of(attacks[a]);
      if (!(miou_of(sum) < miou_)) continue;
      lowest = a;
      miou_ = miou_of(sum);
      sum_ = Overlaps(sum);
    }
    chosen_.assign(attacks[0].size(), static_cast<std::int32_t>(lowest));
    for (const std::vector<Confusion>& images : attacks) {
      overlaps_.emplace_back(images.begin(), images.end());
    }
  }

  void round(const std::vector<std::int32_t>& order) {
    for (std::int32_t image : order) improve(static_cast<std::size_t>(image));
  }

  double miou() const { return miou_; }
  const std::vector<std::int32_t>& chosen() const { return chosen_; }

 private:
  void improve(std::size_t image) {
    const std::size_t old = static_cast<std::size_t>(chosen_[image]);
    std::size_t best = old;
    for (std::size_t a = 0; a < overlaps_.size(); ++a) {
      if (a == old) continue;
      const double miou = miou_with(sum_, overlaps_[old][image], overlaps_[a][image]);
      if (!(miou < miou_)) continue;
      miou_ = miou;
      best = a;
    }
    sum_.replace(overlaps_[old][image], overlaps_[best][image]);
    chosen_[image] = static_cast<std::int32_t>(best);
  }

  Attacks attacks_;
  std::vector<std::vector<Overlaps>> overlaps_;  // as attacks
  Overlaps sum_;                                 // of what is chosen
  double miou_;                                  // of sum_
  std::vector<std::int32_t> chosen_;
};

void find_least_accurate(Attacks attacks, WorstSegmentation& worst) {
  double sum = 0;
  std::int64_t images = 0;
  for (std::size_t i = 0; i < attacks[0].size(); ++i) {
    std::size_t least = 0;
    for (std::size_t a = 1; a < attacks.size(); ++a) {
      if (attacks[a][i].right() < attacks[least][i].right()) least = a;
    }
    worst.least_accurate.push_back(static_cast<std::int32_t>(least));
    if (attacks[0][i].pixels() == 0) continue;
    sum += pixel_accuracy_of(attacks[least][i]);
    ++images;
  }
  worst.pixel_accuracy = sum / static_cast<double>(images);
}

// What the search promises, from the counts themselves.
void check_promise(Attacks attacks, const WorstSegmentation& worst) {
  Confusion sum(attacks[0][0].classes());
  for (std::size_t i = 0; i < worst.chosen.size(); ++i) {
    sum += attacks[static_cast<std::size_t>(worst.chosen[i])][i];
  }
  require(miou_of(sum) == worst.miou, "worst case: the chosen attacks' mIoU is ", miou_of(sum),
          ", the search found ", worst.miou, ". This is a mistake in the search");
  for (const std::vector<Confusion>& images : attacks) {
    require(worst.miou <= miou_of(sum_of(images)) &&
                worst.pixel_accuracy <= image_scores_of(images).pixel_accuracy,
            "worst case: a single attack is worse. This is a mistake in the search");
  }
}

}  // namespace

WorstSegmentation worst_case_of(Attacks attacks, std::uint64_t seed) {
  check(attacks);
  WorstSegmentation worst = {};
  find_least_accurate(attacks, worst);
  Search search(attacks);
  double before = search.miou(), gain = 1;
  while (worst.rounds < kMostRounds && gain > kLeastGain) {
    search.round(epoch_order(static_cast<std::int64_t>(attacks[0].size()), seed,
                             static_cast<std::uint32_t>(worst.rounds++)));
    gain = before - search.miou();
    before = search.miou();
  }
  worst.miou = search.miou();
  worst.chosen = search.chosen();
  if (!std::isnan(worst.miou)) check_promise(attacks, worst);
  return worst;
}

}  // namespace saddle
