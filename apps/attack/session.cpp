#include "apps/attack/session.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include "apps/attack/checks.h"
#include "apps/attack/eight_bit.h"
#include "apps/common/command_line.h"
#include "apps/common/plan_options.h"
#include "attacks/confirmed.h"
#include "core/printable.h"

namespace saddle {
namespace {

constexpr const char* kName = "saddle-attack";

class Session {
 public:
  Session(const SessionOptions& options, const DeviceDataset& data)
      : options_(options), data_(data), batch_size_(options.batch_size) {
    if (!options.state || options.restart || !std::filesystem::exists(*options.state)) return;
    RunState state = load_state(*options.state, options.command,
                                {options.jobs.size() * options.checkpoints.size(), data.size(),
                                 data.image_shape().count(), saved_images()});
    for (const auto& [name, value] : options.circumstances) {
      for (const auto& [of, was] : state.circumstances) {
        if (of != name || was == value) continue;
        warn(resumed_warnings_,
             text("goes on from the state of a run with ", name, " ", was, ", this one has ", value,
                  ": the last bits of results may depend on it"));
      }
    }
    const std::string other_machine =
        readable(*options.state, [&] { return go_on_with_plans_of_state(state.plans); });
    if (!other_machine.empty()) warn(resumed_warnings_, other_machine);
    finished_ = std::move(state.finished);
    current_ = std::move(state.current);
    resumed_ = finished_.size();
    if (!options.quiet) {
      print(text("resuming: ", finished_.size(), " of ",
                 options.jobs.size() * options.checkpoints.size(), " attacks are done"));
    }
  }

  AttackReport attack(const std::string& checkpoint, const Victim& victim) {
    AttackReport report{checkpoint,         victim.model, data_.device().name(),
                        options_.precision, {},           {}};
    report.description = victim.description;
    report.assumptions = victim.assumptions;
    report.plan = options_.plan;
    report.warnings = options_.warnings;
    report.warnings.insert(report.warnings.end(), resumed_warnings_.begin(),
                           resumed_warnings_.end());
    evaluate_clean(victim.logits, report);
    check_model_of(victim.logits, report);
    for (const Job& job : options_.jobs) {
      if (out_of_time() && finished_.size() <= next_) {
        report.unfinished.push_back(job.spec.text);
        continue;
      }
      NamedResult named{job.spec.name, job.spec.text, {}, true, job.attack.ball};
      named.targeted = job.attack.aim.has_value();
      run_job(job, victim, report, named);
      if (options_.eight_bit && named.finished) judge_eight_bit(victim.logits, report, named);
      if (!named.finished) report.unfinished.push_back(job.spec.text);
      report.attacks.push_back(std::move(named));
    }
    conclude(report);
    return report;
  }

  // What another model makes of the images found; clean errors of the model attacked are clean.
  void transfer(AttackReport& report, const std::string& checkpoint, const Victim& other) {
    TransferResult result{checkpoint, other.model, 0, {}};
    in_memory(report, [&] {
      result.clean_accuracy = evaluate(other.logits, data_, batch_size_).accuracy;
      result.accuracy.clear();
      for (const NamedResult& attack : report.attacks) {
        result.accuracy.push_back(
            accuracy_of(predictions_on(other.logits, stored_images(attack)), attack.result));
      }
    });
    report.transfers.push_back(std::move(result));
  }

  void say_what_is_left(const std::vector<AttackReport>& reports) const {
    std::string left;
    for (const AttackReport& report : reports) {
      for (const std::string& spec : report.unfinished) left += (left.empty() ? "" : "; ") + spec;
    }
    if (left.empty()) return;
    print_warning(kName, text("the time budget of ", *options_.time_budget,
                              " s is used up. Unfinished: ", left,
                              options_.state ? ". The same command goes on from here"
                                             : ". With --json the same command would go on"));
  }

 private:
  using Clock = std::chrono::steady_clock;

  static void print(const std::string& line) {
    std::fprintf(stderr, "%s\n", printable(line).c_str());
  }

  // Not before one batch: a budget too small for the clean images would never come to an end.
  bool out_of_time() const {
    const std::chrono::duration<double> used = Clock::now() - start_;
    return stepped_ && options_.time_budget && used.count() >= *options_.time_budget;
  }

  // Runs `work`, with smaller and smaller batches where memory runs out.
  template <class Work>
  void in_memory(AttackReport& report, const Work& work) {
    while (true) {
      try {
        return work();
      } catch (const std::exception& error) {
        if (!is_out_of_memory(error) || batch_size_ == 1) throw;
        data_.device().pool().trim();
        batch_size_ = std::max<std::int64_t>(1, batch_size_ / 2);
        warn(report.warnings, text("out of memory: went on with batches of ", batch_size_));
      }
    }
  }

  void evaluate_clean(const LogitsFunction& logits, AttackReport& report) {
    in_memory(report, [&] {
      Progress progress("clean", data_.size(), "images", show());
      report.clean = evaluate(logits, data_, batch_size_, &progress);
    });
  }

  void check_model_of(const LogitsFunction& logits, AttackReport& report) {
    if (options_.jobs.empty()) return;
    const bool random = std::ranges::any_of(options_.jobs, [](const Job& job) {
      const auto version = job.spec.values.find("version");
      return version != job.spec.values.end() && version->second == "rand";
    });
    std::vector<std::string> warnings;
    in_memory(report, [&] {
      warnings = check_model(logits, data_.batch(0, std::min(batch_size_, data_.size())),
                             random ? RandomModels::expected : RandomModels::unexpected);
    });
    const auto also = [&](const std::vector<std::string>& more) {
      warnings.insert(warnings.end(), more.begin(), more.end());
    };
    also(check_answers(report.clean));
    in_memory(report, [&] {
      also(check_gradients(logits, data_, report.clean, options_.which, batch_size_));
    });
    for (const std::string& warning : warnings) warn(report.warnings, warning);
  }

  // The next job: from the state where it is finished there, else run.
  void run_job(const Job& job, const Victim& victim, const AttackReport& report,
               NamedResult& named) {
    const std::size_t place = next_++;
    AttackRun run(victim.logits, data_.examples(), report.clean,
                  victim.climbed ? confirmed(job.attack, victim.climbed) : job.attack,
                  options_.which, batch_size_);
    if (place < resumed_) {
      run.check(finished_[place]);
      named.result = finished_[place];
      return;
    }
    if (current_) {
      run.resume(*std::exchange(current_, std::nullopt));
    } else if (job.continues) {
      run.inherit(finished_.back());
    }
    advance(job, place, run);
    batch_size_ = run.batch_size();
    named.finished = run.finished();
    named.result = run.result();
    if (!named.finished) {
      save(&run);
      return;
    }
    for (std::string& warning : check_members(job.attack, named.result, report.clean.accuracy)) {
      named.result.warnings.push_back(std::move(warning));
    }
    for (const std::string& warning : named.result.warnings) {
      print_warning(kName, text(job.spec.text, ": ", warning));
    }
    if (!options_.keep_images) named.result.adversarial = {};
    finished_.push_back(named.result);
    save(nullptr);
  }

  std::vector<std::int32_t> predictions_on(const LogitsFunction& logits,
                                           const std::vector<float>& images) const {
    return predict_images(logits, data_.device(), images, data_.image_shape(), batch_size_);
  }

  // Percent of all examples.
  static double accuracy_of(const std::vector<std::int32_t>& predictions,
                            const AttackResult& result) {
    std::int64_t right = 0;
    for (std::size_t i = 0; i < predictions.size(); ++i) {
      right += predictions[i] == result.examples[i].label ? 1 : 0;
    }
    return 100. * static_cast<double>(right) / static_cast<double>(predictions.size());
  }

  void judge_eight_bit(const LogitsFunction& logits, AttackReport& report, NamedResult& named) {
    const AttackResult& result = named.result;
    EightBitResult rounded;
    rounded.adversarial =
        rounded_to_eight_bit(clean_images(), result.adversarial,
                             static_cast<std::size_t>(data_.image_shape().count()), named.ball);
    in_memory(report, [&] { rounded.predictions = predictions_on(logits, rounded.adversarial); });
    rounded.robust_accuracy = accuracy_of(rounded.predictions, result);
    named.eight_bit = std::move(rounded);
  }

  std::vector<float> clean_images() const {
    std::vector<float> images;
    for (std::int64_t first = 0; first < data_.size(); first += batch_size_) {
      const std::int64_t count = std::min(batch_size_, data_.size() - first);
      const std::vector<float> values = data_.batch(first, count).inputs.to_host<float>();
      images.insert(images.end(), values.begin(), values.end());
    }
    return images;
  }

  // Batches until the job is done or time is up.
  void advance(const Job& job, std::size_t place, AttackRun& run) {
    const std::size_t jobs = options_.jobs.size() * options_.checkpoints.size();
    const std::string label =
        jobs > 1 ? text(place + 1, "/", jobs, " ", job.spec.text) : job.spec.text;
    Progress progress(label, run.total(), "passes", show(), run.done());
    std::int64_t done = run.done();
    while (!run.finished() && !out_of_time()) {
      run.step();
      stepped_ = true;
      progress.advance(run.done() - done, {std::nullopt, run.robust_accuracy()});
      done = run.done();
      if (clock_.due() && !run.finished()) save(&run);
    }
  }

  void conclude(AttackReport& report) {
    std::vector<const Attack*> attacks;
    std::vector<const AttackResult*> results;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < report.attacks.size(); ++i) {
      // That a targeted attack leaves more standing is no sign of masked gradients.
      if (!report.attacks[i].finished || report.attacks[i].targeted) continue;
      attacks.push_back(&options_.jobs[i].attack);
      results.push_back(&report.attacks[i].result);
      names.push_back(report.attacks[i].spec);
    }
    for (const std::string& warning : check_attacks(attacks, results, names)) {
      warn(report.warnings, warning);
    }
    for (std::size_t i = 0; i < report.attacks.size(); ++i) {
      const Job& job = options_.jobs[i];
      if (!job.eps || !report.attacks[i].finished) continue;
      if (!job.continues) report.curves.push_back({job.curve, {}, {}});
      report.curves.back().eps.push_back(*job.eps);
      report.curves.back().robust_accuracy.push_back(report.attacks[i].result.robust_accuracy);
    }
    report.worst_cases = worst_cases(report.attacks);
    if (options_.has_average && report.unfinished.empty() && !report.attacks.empty()) {
      report.average_robustness = average_robustness(report.attacks);
    }
  }

  // `current` is under way; null: none is.
  void save(const AttackRun* current) {
    if (!options_.state) return;
    clock_.run([&] {
      std::optional<AttackState> state;
      if (current) state = current->state();
      save_state(*options_.state, options_.command, finished_, state ? &*state : nullptr,
                 saved_images(), options_.circumstances, text_of_plans_in_use());
    });
  }

  SavedImages saved_images() const {
    return options_.keep_images ? SavedImages::all : SavedImages::none;
  }

  void warn(std::vector<std::string>& warnings, const std::string& warning) {
    print_warning(kName, warning);
    warnings.push_back(warning);
  }

  Progress::Show show() const {
    return options_.quiet ? Progress::Show::nothing : Progress::Show::line;
  }

  const SessionOptions& options_;
  const DeviceDataset& data_;
  std::int64_t batch_size_;
  std::vector<AttackResult> finished_;  // of all checkpoints, in order
  std::optional<AttackState> current_;  // of the job behind them, from the state file
  std::vector<std::string> resumed_warnings_;
  std::size_t resumed_ = 0, next_ = 0;  // jobs the state file had finished; the next job
  bool stepped_ = false;                // whether this run has tried any batch
  SaveClock clock_;
  const Clock::time_point start_ = Clock::now();
};

}  // namespace

std::vector<AttackReport> run_session(const SessionOptions& options, const DeviceDataset& data,
                                      const LoadVictim& load) {
  Session session(options, data);
  std::vector<AttackReport> reports;
  for (const std::string& checkpoint : options.checkpoints) {
    reports.push_back(session.attack(checkpoint, load(checkpoint)));
    for (const std::string& other : options.transfer_to) {
      session.transfer(reports.back(), other, load(other));
    }
  }
  session.say_what_is_left(reports);
  return reports;
}

}  // namespace saddle
