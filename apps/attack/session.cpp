#include "apps/attack/session.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include "apps/attack/checks.h"
#include "apps/common/command_line.h"

namespace saddle {
namespace {

constexpr const char* kName = "saddle-attack";

class Session {
 public:
  Session(const SessionOptions& options, const DeviceDataset& data)
      : options_(options), data_(data), batch_size_(options.batch_size) {
    if (!options.state || options.restart || !std::filesystem::exists(*options.state)) return;
    RunState state =
        load_state(*options.state, options.command,
                   {options.jobs.size() * options.checkpoints.size(), data.size(),
                    data.image_shape().count(), saved_images()});
    finished_ = std::move(state.finished);
    current_ = std::move(state.current);
    resumed_ = finished_.size();
    if (!options.quiet) {
      print(text("resuming: ", finished_.size(), " of ",
                 options.jobs.size() * options.checkpoints.size(), " attacks are done"));
    }
  }

  AttackReport attack(const std::string& checkpoint, const Victim& victim) {
    AttackReport report{checkpoint, victim.model, data_.device().name(), options_.precision, {}, {}};
    report.warnings = options_.warnings;
    evaluate_clean(victim.logits, report);
    check_model_of(victim.logits, report);
    for (const Job& job : options_.jobs) {
      if (out_of_time() && finished_.size() <= next_) {
        report.unfinished.push_back(job.spec.text);
        continue;
      }
      NamedResult named{job.spec.name, job.spec.text, {}, true};
      run_job(job, victim.logits, report, named);
      if (!named.finished) report.unfinished.push_back(job.spec.text);
      report.attacks.push_back(std::move(named));
    }
    conclude(report);
    return report;
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

  static void print(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

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
    for (const std::string& warning : warnings) warn(report.warnings, warning);
  }

  // The next job: from the state where it is finished there, else run.
  void run_job(const Job& job, const LogitsFunction& logits, const AttackReport& report,
               NamedResult& named) {
    const std::size_t place = next_++;
    if (place < resumed_) {
      AttackRun(logits, data_, report.clean, job.attack, options_.which, batch_size_)
          .check(finished_[place]);
      named.result = finished_[place];
      return;
    }
    AttackRun run(logits, data_, report.clean, job.attack, options_.which, batch_size_);
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
      save(&run.state());
      return;
    }
    for (std::string& warning :
         check_members(job.attack, named.result, report.clean.accuracy)) {
      named.result.warnings.push_back(std::move(warning));
    }
    for (const std::string& warning : named.result.warnings) {
      print_warning(kName, text(job.spec.text, ": ", warning));
    }
    if (!options_.keep_images) named.result.adversarial = {};
    finished_.push_back(named.result);
    save(nullptr);
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
      if (clock_.due() && !run.finished()) save(&run.state());
    }
  }

  void conclude(AttackReport& report) {
    std::vector<const Attack*> attacks;
    std::vector<const AttackResult*> results;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < report.attacks.size(); ++i) {
      if (!report.attacks[i].finished) continue;
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
    if (options_.has_average && report.unfinished.empty() && !report.attacks.empty()) {
      report.average_robustness = average_robustness(report.attacks);
    }
  }

  void save(const AttackState* current) {
    if (!options_.state) return;
    clock_.run([&] {
      save_state(*options_.state, options_.command, finished_, current, saved_images());
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
  std::vector<AttackResult> finished_;   // of all checkpoints, in order
  std::optional<AttackState> current_;   // of the job behind them, from the state file
  std::size_t resumed_ = 0, next_ = 0;   // jobs the state file had finished; the next job
  bool stepped_ = false;                 // whether this run has tried any batch
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
  }
  session.say_what_is_left(reports);
  return reports;
}

}  // namespace saddle
