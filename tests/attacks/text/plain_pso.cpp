#include <cmath>

#include "tests/attacks/text/plain_search.h"

namespace saddle {
namespace {

class PlainPso {
 public:
  PlainPso(const PlainProblem& problem, const Quirks& quirks, TextDraws draws)
      : problem_(problem),
        quirks_(quirks),
        draws_(draws),
        queries_(problem),
        n_(problem.original.size()) {}

  PlainEnd run() {
    const PlainMember original{problem_.original, queries_.evaluate({problem_.original})[0]};
    std::vector<PlainMember> neighbours;
    std::vector<double> p;
    best_neighbours(original, neighbours, p);
    std::vector<double> u;
    for (int k = 0; k < 60; ++k) particles_.push_back(add(neighbours[draws_.choose(p)]));
    for (int k = 0; k < 60; ++k) u.push_back(-3 + 6 * draws_.uniform());
    for (int k = 0; k < 60; ++k) v_.emplace_back(n_, u[static_cast<std::size_t>(k)]);
    global_ = quirks_.shared_elites ? top() : add(members_[top()]);
    for (std::size_t k : particles_)
      locals_.push_back(quirks_.shared_elites ? k : add(members_[k]));
    if (is_end(global_)) return end(global_);
    for (int i = 0; i < 20; ++i) {
      turn(i);
      std::vector<PlainWords> list;
      for (std::size_t k : particles_) list.push_back(members_[k].words);
      const std::vector<Answer> answers = queries_.evaluate(list);
      particles_.resize(answers.size());
      for (std::size_t k = 0; k < answers.size(); ++k) members_[particles_[k]].answer = answers[k];
      if (is_end(top())) return end(top());
      mutate();
      if (is_end(top())) return end(top());
      update();
    }
    return end(global_);
  }

 private:
  // Members live in one list; particles and elites are places in it, so that two may share one.
  std::size_t add(const PlainMember& member) {
    members_.push_back(member);
    return members_.size() - 1;
  }

  void best_neighbours(const PlainMember& x, std::vector<PlainMember>& neighbours,
                       std::vector<double>& p) {
    neighbours.assign(n_, x);
    p.assign(n_, 0);
    for (std::size_t i = 0; i < n_; ++i) {
      if (x.words[i] != problem_.original[i]) continue;
      const std::vector<PlainWords> group = plain_swaps(problem_, x.words, i);
      const std::vector<Answer> answers = queries_.evaluate(group);
      for (std::size_t j = 0; j < answers.size(); ++j) {
        if (j == 0 || answers[j].score > neighbours[i].answer.score)
          neighbours[i] = {group[j], answers[j]};
      }
      const float gain = neighbours[i].answer.score - x.answer.score;
      p[i] = std::max(0.f, gain);
    }
    double sum = 0;
    for (double value : p) sum += value;
    for (double& value : p) value = sum > 0 ? value / sum : 1. / static_cast<double>(n_);
  }

  void turn(int i) {
    const double w = (0.8 - 0.2) * (20 - i) / 20. + 0.2;
    const double p1 = 0.8 - i / 20. * (0.8 - 0.2), p2 = 0.2 + i / 20. * (0.8 - 0.2);
    const auto e = [](const std::string& a, const std::string& b) { return a == b ? -3. : 3.; };
    for (std::size_t k = 0; k < particles_.size(); ++k) {
      const PlainWords x = members_[particles_[k]].words, local = members_[locals_[k]].words,
                       global = members_[global_].words;
      std::vector<double> t(n_);
      for (std::size_t d = 0; d < n_; ++d) {
        v_[k][d] = w * v_[k][d] + (1 - w) * (e(x[d], local[d]) + e(x[d], global[d]));
        t[d] = 1 / (1 + std::exp(-v_[k][d]));
      }
      if (draws_.uniform() < p1) particles_[k] = turned_to(locals_[k], particles_[k], t);
      if (draws_.uniform() < p2) particles_[k] = turned_to(global_, particles_[k], t);
    }
  }

  std::size_t turned_to(std::size_t from, std::size_t to, const std::vector<double>& t) {
    PlainMember result{members_[from].words};
    for (std::size_t d = 0; d < n_; ++d) {
      if (draws_.uniform() < t[d]) result.words[d] = members_[to].words[d];
    }
    if (result.words != members_[from].words) return add(result);
    return quirks_.shared_elites ? from : add(members_[from]);
  }

  void mutate() {
    for (std::size_t k : particles_) {
      std::size_t changed = count_changed(members_[k].words, problem_.original);
      if (quirks_.ratio_of_one_word && changed > 1) changed = 1;
      if (draws_.uniform() < 1 - 2 * (static_cast<double>(changed) / static_cast<double>(n_))) {
        std::vector<PlainMember> neighbours;
        std::vector<double> p;
        best_neighbours(members_[k], neighbours, p);
        members_[k] = neighbours[draws_.choose(p)];
      }
      if (queries_.over()) break;
    }
  }

  void update() {
    const PlainMember best = members_[top()];
    for (std::size_t k = 0; k < particles_.size(); ++k) {
      const PlainMember particle = members_[particles_[k]];
      if (particle.answer.score > members_[locals_[k]].answer.score) locals_[k] = add(particle);
    }
    if (best.answer.score > members_[global_].answer.score) global_ = add(best);
  }

  std::size_t top() const {
    std::size_t best = particles_[0];
    for (std::size_t k : particles_) {
      if (members_[k].answer.score > members_[best].answer.score) best = k;
    }
    return best;
  }

  bool is_end(std::size_t k) const { return members_[k].answer.success || queries_.over(); }

  PlainEnd end(std::size_t k) const {
    return {joined_words(members_[k].words), queries_.count(), members_[k].answer.success};
  }

  const PlainProblem& problem_;
  Quirks quirks_;
  TextDraws draws_;
  PlainQueries queries_;
  std::size_t n_, global_ = 0;
  std::vector<PlainMember> members_;
  std::vector<std::size_t> particles_, locals_;
  std::vector<std::vector<double>> v_;
};

}  // namespace

PlainEnd plain_pso(const PlainProblem& problem, const Quirks& quirks, TextDraws draws) {
  return PlainPso(problem, quirks, draws).run();
}

}  // namespace saddle
