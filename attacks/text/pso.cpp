#include "attacks/text/pso.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "attacks/text/swarm.h"
#include "core/error.h"

namespace saddle {
namespace {

struct Settings {
  PsoOptions options;
  SwapRules rules;
};

// What can be gained by one swap: at every word the best one, and the probability of taking it.
// Where there is none its word is empty.
struct Surroundings {
  std::vector<Swap> best;             // [words]
  std::vector<Answer> answers;        // [words]
  std::vector<double> probabilities;  // [words]
};

// A particle, or a best text so far. With the quirk of shared elites one object may be several of
// them, which then move together.
using Particle = std::shared_ptr<Judged>;

class Swarm {
 public:
  Swarm(const Settings& settings, ExampleSearch& example)
      : options_(settings.options),
        example_(example),
        swaps_(settings.rules, example.original(), example.index()),
        draws_(example.draws(Purpose::text_pso)),
        words_(example.original().word_count()) {}

  Coroutine<Judged> run() {
    const Judged original{example_.original(), example_.first_answer()};
    begin(original, co_await surroundings(original));
    if (is_end(*global_)) co_return *global_;
    for (int i = 0; i < options_.iterations; ++i) {
      turn_all(swarm_rates(i, options_.iterations));
      take(co_await example_.evaluate(texts()));
      if (is_end(*top())) co_return *top();
      for (std::size_t k = 0; k < particles_.size() && !example_.over(); ++k) {
        if (draws_.uniform() >= mutation_of(*particles_[k])) continue;
        const Surroundings around = co_await surroundings(*particles_[k]);
        *particles_[k] = moved(*particles_[k], around);
      }
      if (is_end(*top())) co_return *top();
      update_elites();
    }
    co_return *global_;
  }

  std::int64_t rejected() const { return swaps_.rejected(); }

 private:
  Coroutine<Surroundings> surroundings(Judged x) {
    std::vector<Swap> swaps = swaps_.find(x.text);
    const std::vector<Answer> answers = co_await example_.evaluate(texts_out_of(swaps));
    Surroundings around{std::vector<Swap>(words_), std::vector<Answer>(words_), {}};
    std::vector<double> gains(words_);
    for (std::size_t j = 0; j < answers.size(); ++j) {
      const std::size_t i = swaps[j].index;
      if (!around.best[i].word.empty() && answers[j].score <= around.answers[i].score) continue;
      around.best[i] = std::move(swaps[j]);
      around.answers[i] = answers[j];
      gains[i] = answers[j].score - x.answer.score;
    }
    around.probabilities = move_probabilities(gains);
    co_return around;
  }

  // One of the surroundings of x, or x itself.
  Judged moved(const Judged& x, const Surroundings& around) {
    const std::size_t i = draws_.choose(around.probabilities);
    if (around.best[i].word.empty()) return x;
    return {swapped(x.text, around.best[i]), around.answers[i]};
  }

  void begin(const Judged& original, const Surroundings& around) {
    for (int k = 0; k < options_.population; ++k) {
      particles_.push_back(std::make_shared<Judged>(moved(original, around)));
    }
    for (int k = 0; k < options_.population; ++k) {
      velocities_.emplace_back(words_, 6 * draws_.uniform() - 3);
    }
    global_ = as_elite(top());
    for (const Particle& particle : particles_) locals_.push_back(as_elite(particle));
  }

  // An elite that is a particle, and the other way round.
  Particle as_elite(const Particle& particle) const {
    return options_.quirks.shared_elites ? particle : std::make_shared<Judged>(*particle);
  }

  void turn_all(const SwarmRates& rates) {
    std::vector<double> keep(words_);
    for (std::size_t k = 0; k < particles_.size(); ++k) {
      const AttackedText &x = particles_[k]->text, &local = locals_[k]->text;
      for (std::size_t d = 0; d < words_; ++d) {
        const int same = (x.word(d) == local.word(d)) + (x.word(d) == global_->text.word(d));
        velocities_[k][d] = next_velocity(velocities_[k][d], rates.inertia, same);
        keep[d] = keep_probability(velocities_[k][d]);
      }
      if (draws_.uniform() < rates.to_local) turn(particles_[k], locals_[k], keep);
      if (draws_.uniform() < rates.to_global) turn(particles_[k], global_, keep);
    }
  }

  void turn(Particle& particle, const Particle& elite, const std::vector<double>& keep) {
    const AttackedText next = turned(particle->text, elite->text, keep, draws_);
    const bool is_elite = next.newly_modified().empty();
    particle = is_elite ? as_elite(elite) : std::make_shared<Judged>(Judged{next, {}});
  }

  std::vector<std::string> texts() const {
    std::vector<std::string> texts;
    for (const Particle& particle : particles_) texts.push_back(particle->text.text());
    return texts;
  }

  // Where the budget ends, particles without an answer go.
  void take(const std::vector<Answer>& answers) {
    particles_.resize(answers.size());
    for (std::size_t k = 0; k < answers.size(); ++k) particles_[k]->answer = answers[k];
  }

  double mutation_of(const Judged& x) const {
    return mutation_probability(changed_share(x.text, example_.original(), options_.quirks));
  }

  void update_elites() {
    const Particle best = top();
    for (std::size_t k = 0; k < particles_.size(); ++k) {
      if (particles_[k]->answer.score <= locals_[k]->answer.score) continue;
      locals_[k] = std::make_shared<Judged>(*particles_[k]);
    }
    if (best->answer.score > global_->answer.score) global_ = std::make_shared<Judged>(*best);
  }

  Particle top() const {
    return *std::ranges::max_element(particles_, {},
                                     [](const Particle& p) { return p->answer.score; });
  }

  bool is_end(const Judged& x) const { return x.answer.success || example_.over(); }

  PsoOptions options_;
  ExampleSearch& example_;
  SwapFinder swaps_;
  TextDraws draws_;
  std::size_t words_;
  std::vector<Particle> particles_, locals_;
  Particle global_;
  std::vector<std::vector<double>> velocities_;  // [particles][words]
};

Coroutine<Judged> search(std::shared_ptr<const Settings> settings, ExampleSearch& example) {
  Swarm swarm(*settings, example);
  const Judged end = co_await swarm.run();
  example.rejected = swarm.rejected();
  co_return end;
}

}  // namespace

TextSearch pso(const PsoOptions& options, CandidatesInText candidates, IsStopWord is_stop_word) {
  require(options.population >= 1 && options.iterations >= 1, "pso: a population of ",
          options.population, " and ", options.iterations,
          " iterations, expected 1 or more of both");
  const auto settings =
      std::make_shared<const Settings>(Settings{options,
                                                {.in_text = std::move(candidates),
                                                 .is_stop_word = std::move(is_stop_word),
                                                 .repeats = Repeats::forbidden}});
  return [settings](ExampleSearch& example) { return search(settings, example); };
}

double changed_share(const AttackedText& text, const AttackedText& original, const Quirks& quirks) {
  std::size_t changed = count_differences(text, original);
  if (quirks.ratio_of_one_word) changed = std::min<std::size_t>(changed, 1);
  return static_cast<double>(changed) / static_cast<double>(original.word_count());
}

}  // namespace saddle
