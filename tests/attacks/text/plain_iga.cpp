#include <cmath>

#include "tests/attacks/text/plain_search.h"

namespace saddle {
namespace {

class PlainIga {
 public:
  PlainIga(const PlainProblem& problem, const NearWords& near_words, const Quirks& quirks,
           TextDraws draws)
      : problem_(problem),
        near_(near_words),
        quirks_(quirks),
        draws_(draws),
        queries_(problem),
        n_(problem.original.size()),
        limit_(static_cast<std::size_t>(std::ceil(0.2 * static_cast<double>(n_)))) {}

  PlainEnd run() {
    const PlainMember original{problem_.original, queries_.evaluate({problem_.original})[0],
                               std::vector<int>(n_, 5)};
    std::vector<PlainMember> population;
    for (std::size_t i = 0; i < n_; ++i) {
      const bool fixed = i != 0 || !quirks_.first_word_at_random;
      population.push_back(perturb(original, fixed ? static_cast<int>(i) : -1));
    }
    if (population.size() > 60) population.resize(60);
    for (int i = 0; i < 20; ++i) {
      std::ranges::stable_sort(population, [](const PlainMember& a, const PlainMember& b) {
        return a.answer.score > b.answer.score;
      });
      if (queries_.over() || population[0].answer.success) return end(population[0]);
      population = children(population);
    }
    if (quirks_.last_generation_unseen) return end(population[0]);
    std::size_t best = 0;
    for (std::size_t k = 1; k < population.size(); ++k) {
      if (population[k].answer.score > population[best].answer.score) best = k;
    }
    return end(population[best]);
  }

 private:
  PlainMember perturb(const PlainMember& member, int index) {
    std::vector<double> w(member.left.begin(), member.left.end());
    int tries = 0;
    for (double value : w) tries += value != 0;
    for (int t = 0; t < tries; ++t) {
      const std::size_t i = index >= 0 ? static_cast<std::size_t>(index) : draws_.choose(w);
      std::vector<PlainWords> swaps = plain_swaps(problem_, member.words, i);
      std::erase_if(swaps, [&](const PlainWords& words) {
        return count_changed(words, problem_.original) > limit_ ||
               !near_(member.words[i], words[i]);
      });
      if (swaps.empty()) continue;
      const std::vector<Answer> answers = queries_.evaluate(swaps);
      std::size_t best = 0;
      for (std::size_t j = 1; j < answers.size(); ++j) {
        if (answers[j].score > answers[best].score) best = j;
      }
      if (!answers.empty() && answers[best].score > member.answer.score) {
        PlainMember result{swaps[best], answers[best], member.left, true};
        --result.left[i];
        return result;
      }
      w[i] = 0;
      if (queries_.over()) break;
    }
    return member;
  }

  std::vector<PlainMember> children(const std::vector<PlainMember>& population) {
    std::vector<double> q;
    for (const PlainMember& member : population) {
      const double score = member.answer.score;
      q.push_back(std::exp((quirks_.weak_parents ? -score : score) / 0.3));
    }
    double sum = 0;
    for (double value : q) sum += value;
    for (double& value : q) value /= sum;
    std::vector<std::size_t> first, second;
    for (std::size_t j = 1; j < population.size(); ++j) first.push_back(draws_.choose(q));
    for (std::size_t j = 1; j < population.size(); ++j) second.push_back(draws_.choose(q));
    std::vector<PlainMember> next{population[0]};
    for (std::size_t j = 0; j < first.size(); ++j) {
      const PlainMember child = cross(population[first[j]], population[second[j]]);
      if (queries_.over()) break;
      next.push_back(perturb(child, -1));
      if (queries_.over()) break;
    }
    return next;
  }

  PlainMember cross(const PlainMember& a, const PlainMember& b) {
    for (int t = 0; t < 21; ++t) {
      const std::size_t c = draws_.below(n_);
      PlainMember child{a.words, {}, a.left, a.transformed || b.transformed};
      for (std::size_t i = c; i < n_; ++i) {
        child.words[i] = b.words[i];
        child.left[i] = b.left[i];
      }
      if (!quirks_.unchecked_children && child.transformed && !passes(child, a, b)) continue;
      child.answer = queries_.evaluate({child.words})[0];
      return child;
    }
    return draws_.uniform() < 0.5 ? a : b;
  }

  bool passes(const PlainMember& child, const PlainMember& a, const PlainMember& b) const {
    const PlainWords& previous = a.transformed ? a.words : b.words;
    if (child.words == previous || count_changed(child.words, problem_.original) > limit_)
      return false;
    for (std::size_t i = 0; i < n_; ++i) {
      if (child.words[i] != a.words[i] && !near_(previous[i], child.words[i])) return false;
    }
    return true;
  }

  PlainEnd end(const PlainMember& member) const {
    return {joined_words(member.words), queries_.count(), member.answer.success};
  }

  const PlainProblem& problem_;
  const NearWords& near_;
  Quirks quirks_;
  TextDraws draws_;
  PlainQueries queries_;
  std::size_t n_, limit_;
};

}  // namespace

PlainEnd plain_iga(const PlainProblem& problem, const NearWords& near_words, const Quirks& quirks,
                   TextDraws draws) {
  return PlainIga(problem, near_words, quirks, draws).run();
}

}  // namespace saddle
