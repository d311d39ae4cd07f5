// saddle-reproduce: a table of the paper from one command.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <iostream>

#include "apps/common/plan_options.h"
#include "apps/common/program_options.h"
#include "apps/common/progress.h"
#include "apps/common/source_path.h"
#include "apps/data/segmentation_set.h"
#include "apps/data/text_set.h"
#include "apps/reproduce/estimate.h"
#include "apps/reproduce/report.h"
#include "apps/reproduce/runner.h"
#include "core/error.h"
#include "core/printable.h"

namespace saddle::reproduce {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Options {
  CommonOptions common;
  PlanOptions plan;
  std::int64_t table = 0, jobs = 1;
  std::string output = "runs/reproduce", programs;
  std::string tables = source_path("apps/reproduce/tables");
  bool dry_run = false;
};

fs::path own_directory() { return fs::read_symlink("/proc/self/exe").parent_path(); }

PlanOptions plan_options(const Options& options) {
  PlanOptions plan = options.plan;
  plan.device = options.common.device;
  plan.precision = options.common.precision;
  plan.cpu_isa = options.common.cpu_isa;
  plan.plan = options.common.plan;
  plan.deterministic = options.common.deterministic;
  plan.threads = options.common.threads > 0 ? options.common.threads : 1;
  plan.tables = options.tables;
  plan.programs = options.programs.empty() ? own_directory() : fs::path(options.programs);
  plan.output = options.output;
  return plan;
}

struct DatasetSizes {
  std::int64_t training, test;
};

// Missing data is told before any work.
DatasetSizes dataset_sizes(const Plan& plan, const PlanOptions& options) {
  if (plan.table.task == Task::segmentation) {
    SegmentationRequest scenes{.name = plan.dataset, .directory = options.data_directory};
    const std::int64_t training = count_images(scenes);
    scenes.split = evaluation_split(plan.dataset);
    return {training, count_images(scenes)};
  }
  if (plan.table.task == Task::text) {
    TextRequest texts{.name = plan.dataset, .directory = options.data_directory, .split = "test"};
    const std::int64_t test = load_text_set(texts).size();
    texts.split = "train";
    return {load_text_set(texts).size(), test};
  }
  DatasetOptions data;
  data.name = plan.dataset;
  data.directory = options.data_directory;
  const std::int64_t test = load_dataset(data, Split::test).size();
  return {load_dataset(data, Split::train).size(), test};
}

// What is to do and how long it is expected to take.
void print_plan(const Plan& plan, const DatasetSizes& sizes, std::int64_t jobs) {
  std::cout << printable_lines(text("table ", plan.table.number, ": ", plan.table.title,
                                    "\npreset ", plan.preset, ": ", plan.about, "\ndata set ",
                                    plan.dataset))
            << ", " << plan.runs.size() << " runs, " << jobs << " at a time" << std::endl;
  Estimate estimate(plan, sizes.training, sizes.test);
  double total = 0;
  for (const PlannedRun& run : plan.runs) {
    std::cout << "  " << printable(run.row) << ", seed " << run.seed << ": ";
    if (is_finished(run)) {
      std::cout << "done" << std::endl;
    } else if (!run.chosen) {
      std::cout << "left out by --only" << std::endl;
    } else {
      const Estimate::Left left = estimate.left_of(run);
      std::cout << "training " << duration_text(left.training) << ", attacks about "
                << duration_text(left.attacks) << std::endl;
      total += left.training + left.attacks;
    }
  }
  const auto at_once = static_cast<double>(std::min<std::int64_t>(jobs, std::ssize(plan.runs)));
  std::cout << "expected: about " << duration_text(total / at_once) << std::endl;
}

void run(const Options& options) {
  if (options.table < 1) throw UsageError("--table N is required");
  const PlanOptions plan_of = plan_options(options);
  const Plan plan = make_plan(plan_of, options.table);
  const DatasetSizes sizes = dataset_sizes(plan, plan_of);
  const OutputLock lock(plan.directory);
  print_plan(plan, sizes, options.jobs);
  if (options.dry_run) return;
  // What every training would refuse is told at once.
  chosen_device(options.common);
  plan_name(options.common);

  const auto start = Clock::now();
  do_runs(plan, options.jobs, {[&](const PlannedRun& run, const std::string& stage) {
            if (options.common.quiet) return;
            const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
            std::cerr << duration_text(seconds) << "  " << printable(run.row) << ", seed "
                      << run.seed << ": " << printable(stage) << std::endl;
          }});
  const Report report = make_report(plan);
  save_report(report);
  const fs::path page = plan.directory / ("table" + std::to_string(plan.table.number) + ".html");
  std::cout << '\n'
            << printable_lines(markdown_of(report)) << "\nreport: " << printable(page.string())
            << std::endl;
}

}  // namespace
}  // namespace saddle::reproduce

int main(int argc, char** argv) {
  using namespace saddle;
  using namespace saddle::reproduce;
  Options options;
  std::signal(SIGCHLD,
              SIG_DFL);  // whoever started us may ignore it: then no program's end is known
  return run_program(
      "saddle-reproduce", "Reproduces a table of the paper: trains, attacks, compares.", argc, argv,
      [&](CLI::App& app) {
        add_common_options(app, options.common);
        refuse_flag(app, "--seed",
                    "a table's runs have the seeds 0 to N - 1. Give --seeds N for their number");
        add_integer(app, "--table", options.table, 1, "the paper's table", "required");
        add_text(app, "--preset", options.plan.preset, "NAME",
                 "how large everything is: paper, short, tiny; of pixels also photos",
                 options.plan.preset);
        add_text(app, "--dataset", options.plan.dataset, "NAME", "data set",
                 "the table's; with short and tiny fashion-mnist, fashion-scenes of pixels, "
                 "rotten-tomatoes-rated of texts");
        add_text(app, "--data-dir", options.plan.data_directory, "DIR", "where the data set lies");
        add_text(app, "--only", options.plan.only, "TEXT",
                 "work at rows whose name begins with this; the report has all that is done");
        add_integer(app, "--seeds", options.plan.seeds, 1, "runs of each row", "the preset's");
        add_integer(app, "--jobs", options.jobs, 1, "runs at the same time, --threads each");
        add_switch(app, "--dry-run", options.dry_run, "print the plan and stop");
        add_text(app, "--output", options.output, "DIR",
                 "directory of the runs, which tables share, and the reports", options.output);
        add_text(app, "--programs", options.programs, "DIR",
                 "where saddle-train and the others are", "beside this program");
        add_text(app, "--tables", options.tables, "DIR", "directory of the tables' files");
      },
      [&] { run(options); });
}
