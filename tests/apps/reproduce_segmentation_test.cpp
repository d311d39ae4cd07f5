// saddle-reproduce on the tables of segmentation: whose programs work, and what is made of mIoU.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/reproduce/estimate.h"
#include "apps/reproduce/report.h"
#include "core/safetensors.h"
#include "tests/apps/reproduction.h"

namespace saddle::reproduce {
namespace {

using namespace testing_support;

using Counts = std::vector<std::int64_t>;  // [images, classes, classes]

void save_counts(const fs::path& path, const std::vector<std::int64_t>& shape,
                 const Counts& counts) {
  const std::vector<NamedTensor> tensors = {
      {"attacks", DType::i64, Shape(shape), std::as_bytes(std::span(counts))}};
  save_safetensors(path, tensors, {});
}

// The mIoU of images of two classes, those that `left_out` leaves, in the plainest way.
double miou(const Counts& counts, std::size_t left_out) {
  double c[4] = {};
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (i / 4 != left_out) c[i % 4] += static_cast<double>(counts[i]);
  }
  return (c[0] / (c[0] + c[1] + c[2]) + c[3] / (c[3] + c[1] + c[2])) / 2;
}

// Label 0 taken for 0 and 1, label 1 for 0 and 1, of four images.
const Counts kFour = {50, 10, 5, 35, 80, 0, 15, 5, 20, 30, 10, 40, 60, 5, 5, 30};

class PixelReproduction : public Reproduction {
 protected:
  PixelReproduction() {
    write_programs(kFour, "[]");
    options.preset = "tiny";
    options.only = "S";
    options.seeds = 1;
  }

  // A training that has gone through 8 iterations, a hundredth of mIoU more with each rho, and
  // attacks that leave those counts.
  void write_programs(const Counts& counts, const std::string& warnings) {
    const auto images = static_cast<std::int64_t>(counts.size()) / 4;
    save_counts(directory.path() / "counts", {1, images, 2, 2}, counts);
    std::ostringstream work;
    work.precision(17);
    work << "folder=" << directory.path().string() << "; robust=" << 100 * miou(counts, 999)
         << "; images=" << images << "; warnings='" << warnings << "'"
         << R"(
json=; outcomes=; pictures=; output=; epochs=1; iterations=
kind=$first
set -- "${given[@]}"
while [ $# -gt 0 ]; do case $1 in
  --output) output=$2;; --json) json=$2;; --counts) outcomes=$2;; --save-images) pictures=$2;;
  --iterations) iterations=$2;; --eps-curve) curve=1;;
  esac; shift; done
echo "$kind ${given[*]}" >> "$calls"
if [ $kind = train ]; then
  mkdir -p "$output"
  echo '{"iteration": 5, "seconds": 2}' > "$output/metrics.jsonl"
  echo '{"iteration": '${iterations:-8}', "seconds": 2, "test_miou": 61.5}' >> "$output/metrics.jsonl"
  echo '{"environment": {"version": "v", "device": "cpu", "threads": 1}}' > "$output/config.json"
else
  attack='{"eps": 0.5, "miou": '$robust', "seconds": 3, "warnings": '$warnings'}'
  echo '{"examples": '$images', "device": "cpu", "clean": {"miou": 70}, "attacks": ['"$attack"'],
    "warnings": []}' > "$json"
  if [ "$outcomes" ]; then cp "$folder/counts" "$outcomes"; fi
  if [ "$pictures" ]; then echo picture > "$pictures"; fi
fi
)";
    const fs::path path = options.programs / "saddle-segment";
    std::ofstream(path) << "#!/bin/bash\nset -e\ncalls=" << calls.string()
                        << "\nfirst=$1; shift; given=(\"$@\")\n"
                        << work.str();
    fs::permissions(path, fs::perms::owner_all);
  }
};

TEST(plan, of_tables_of_pixels_calls_the_program_of_pixels) {
  const TemporaryDirectory directory;
  for (const int table : {8, 9}) {
    const Plan plan = make_plan(options_in(directory.path(), "paper"), table);
    const std::string data = table == 8 ? "stanford-background" : "voc2012";
    for (const PlannedRun& run : plan.runs) {
      const auto& train = command_of(run, "train");
      EXPECT_EQ(fs::path(train[0]).filename(), "saddle-segment");
      EXPECT_EQ(train[1], "train");
      EXPECT_TRUE(has(train, {"--dataset", data}));
      EXPECT_TRUE(has(train, {"--preset", "official"}));
      const auto& attack = command_of(run, "pgd-norm-l2-eps-1-steps-10");
      EXPECT_EQ(attack[1], "attack");
      EXPECT_TRUE(
          has(attack,
              {"--counts", (run.directory / "pgd-norm-l2-eps-1-steps-10.safetensors").string()}));
      EXPECT_EQ(run.stages.size(), 1u + 2 + 1);
    }
    EXPECT_EQ(examples_of_training(plan.runs[0], 1'464), 30'000 * 16);
  }
}

// The paper's code attacks a network that is fed with other pixels than those it is tested on; only
// its own preset does so.
TEST(plan, of_small_presets_attacks_the_network_as_it_is_tested) {
  const TemporaryDirectory directory;
  for (const char* preset : {"paper", "short", "photos", "tiny"}) {
    const Plan plan = make_plan(options_in(directory.path(), preset), 9);
    for (const PlannedRun& run : plan.runs) {
      const bool sound = has(command_of(run, "train"), {"--seg-norm", "correct"});
      EXPECT_EQ(sound, preset != std::string("paper") && run.row.starts_with("AT")) << run.row;
    }
    const bool scenes = preset == std::string("short") || preset == std::string("tiny");
    EXPECT_EQ(plan.dataset, scenes ? "fashion-scenes" : "voc2012");
  }
}

TEST(plan, names_the_presets_that_there_are) {
  const TemporaryDirectory directory;
  const auto message = [&](const char* preset, std::int64_t table) {
    return error_of([&] { make_plan(options_in(directory.path(), preset), table); });
  };
  expect_part("preset 'long' is unknown. There are paper, photos, short, tiny", message("long", 9));
  expect_part("preset 'photos' is unknown. There are paper, short, tiny", message("photos", 2));
}

TEST_F(PixelReproduction, reports_miou_with_its_error_over_the_images) {
  do_runs(plan(9), 1, {[](const PlannedRun&, const std::string&) {}});
  const Plan made = plan(9);
  const Report report = make_report(made);

  ASSERT_EQ(report.rows.size(), 6u);
  EXPECT_EQ(report.rows[1].cells.at("natural").mean, 61.5);
  EXPECT_NEAR(report.rows[1].cells.at("pgd-l2").mean, 100 * miou(kFour, 999), 1e-3);
  EXPECT_EQ(report.runs[0].curve.eps, (std::vector<double>{0, 0.5}));
  EXPECT_EQ(report.runs[0].curve.robust.front(), 70);
  EXPECT_EQ(report.runs[0].training.scores,
            (std::vector<std::pair<std::int64_t, double>>{{2, 61.5}}));
  // The jackknife's standard error: the root of (n - 1) / n times the squares about their mean of
  // what each image's absence leaves.
  double mean = 0, squares = 0;
  for (std::size_t i = 0; i < 4; ++i) mean += miou(kFour, i) / 4;
  for (std::size_t i = 0; i < 4; ++i) squares += std::pow(miou(kFour, i) - mean, 2);
  const double error = 100 * std::sqrt(squares * 3 / 4);
  const std::string markdown = markdown_of(report);
  EXPECT_CONTAINS(markdown,
                  "Natural mIoU is of all test images, the attacks' of 4: a standard "
                  "error of up to " +
                      number_text(error) + " points. mIoU in percent");
  EXPECT_EQ(report.rows[1].differences.at("pgd-l2").error, 0) << "the same on every image";
  EXPECT_CONTAINS(html_of(report), "natural mIoU, %");
}

TEST_F(PixelReproduction, notes_the_programs_command_within_the_run) {
  do_runs(plan(9), 1, {[](const PlannedRun&, const std::string&) {}});
  const Plan made = plan(9);
  const auto commands = nlohmann::json::parse(written(made.runs[0].directory / "commands.json"));

  EXPECT_EQ(commands.at("train")[0], "saddle-segment");
  EXPECT_EQ(commands.at("train")[1], "train");
  EXPECT_EQ(commands.at("curve")[1], "attack");
}

// The counts go with their attack: where they are gone it is made anew.
TEST_F(PixelReproduction, makes_an_attack_anew_whose_counts_are_gone) {
  do_runs(plan(9), 1, {[](const PlannedRun&, const std::string&) {}});
  const PlannedRun run = plan(9).runs[0];
  fs::remove(run.stages[1].outcomes);

  EXPECT_TRUE(is_done(run, run.stages[0]));
  EXPECT_FALSE(is_done(run, run.stages[1]));
  EXPECT_TRUE(is_done(run, run.stages[2]));
}

TEST_F(PixelReproduction, counts_iterations_where_the_training_is_told_in_these) {
  options.preset = "paper";
  options.dataset = "fashion-scenes";
  const PlannedRun run = plan(9).runs[0];
  fs::create_directories(run.directory);
  begin_stage(run, run.stages[0]);
  const auto write = [&](std::int64_t iteration) {
    std::ofstream(run.directory / "config.json")
        << R"({"environment": {"version": "v", "device": "cpu", "threads": 1}})";
    std::ofstream(run.directory / "metrics.jsonl")
        << R"({"iteration": 10, "seconds": 2})"
        << "\n{\"iteration\": " << iteration << R"(, "seconds": 2, "test_miou": 50})" << '\n';
  };

  EXPECT_EQ(trained_part(run), 0);
  write(7'500);
  EXPECT_EQ(trained_part(run), 0.25);
  write(30'000);
  EXPECT_EQ(trained_part(run), 1);
}

// 64 images are four batches of 16, and SAM that begins late would not begin in four steps.
TEST_F(PixelReproduction, expects_the_time_of_a_few_iterations) {
  options.preset = "paper";
  options.dataset = "fashion-scenes";
  options.only = "SAM 0.01";
  const Plan made = plan(9);
  const PlannedRun& run = *std::ranges::find(made.runs, "SAM 0.01", &PlannedRun::row);
  Estimate estimate(made, 3'000, 500);

  EXPECT_DOUBLE_EQ(estimate.left_of(run).training, 4. / 64 * 30'000 * 16);
  EXPECT_CONTAINS(called(), "--iterations 4");
  EXPECT_CONTAINS(called(), "--sam-start-iteration 0");
}

TEST_F(PixelReproduction, says_once_what_is_warned_of_every_run) {
  write_programs(kFour, R"(["few steps"])");
  do_runs(plan(9), 1, {[](const PlannedRun&, const std::string&) {}});
  const Plan made = plan(9);
  const Report report = make_report(made);

  EXPECT_EQ(report.doubts, (std::vector<std::string>{"every run: pgd-l2: few steps",
                                                     "every run: pgd-linf: few steps",
                                                     "every run: curve: few steps"}));
  EXPECT_FALSE(report.rows[0].doubtful);
}

TEST(pixel_outcomes, have_the_miou_as_their_mean_and_the_jackknifes_error) {
  const TemporaryDirectory directory;
  const fs::path file = directory.path() / "counts";
  save_counts(file, {1, 4, 2, 2}, kFour);
  const std::vector<double> outcomes = read_outcomes(file, Task::segmentation);

  ASSERT_EQ(outcomes.size(), 4u);
  const double whole = miou(kFour, 999);
  EXPECT_NEAR(cell_of(outcomes).mean, whole, 1e-12);
  EXPECT_NEAR(outcomes[0] - outcomes[1], -3 * (miou(kFour, 0) - miou(kFour, 1)), 1e-12);
  EXPECT_NEAR(outcomes[2] - outcomes[3], -3 * (miou(kFour, 2) - miou(kFour, 3)), 1e-12);
}

TEST(pixel_outcomes, of_one_image_are_its_miou) {
  const TemporaryDirectory directory;
  const fs::path file = directory.path() / "counts";
  save_counts(file, {1, 1, 2, 2}, {50, 10, 5, 35});

  EXPECT_EQ(read_outcomes(file, Task::segmentation),
            (std::vector<double>{(50. / 65 + 35. / 50) / 2}));
}

TEST(pixel_outcomes, are_refused_where_no_run_wrote_them) {
  const TemporaryDirectory directory;
  const fs::path file = directory.path() / "counts";
  const auto refusal = [&](const std::vector<std::int64_t>& shape, const Counts& counts) {
    save_counts(file, shape, counts);
    return message_of<Error>([&] { read_outcomes(file, Task::segmentation); });
  };

  EXPECT_CONTAINS(refusal({4, 2, 2}, kFour), "attacks holds no counts");
  EXPECT_CONTAINS(refusal({1, 2, 2, 4}, kFour), "attacks holds no counts");
  EXPECT_CONTAINS(refusal({1, 0, 2, 2}, {}), "attacks holds no counts");
  EXPECT_CONTAINS(refusal({1, 1, 2, 2}, {1, -1, 0, 0}), "is not what a run writes");
  EXPECT_CONTAINS(refusal({1, 1, 2, 2}, {1, INT64_MAX, 0, 0}), "more pixels than there can be");
  EXPECT_CONTAINS(refusal({1, 1, 2, 2}, {0, 0, 0, 0}), "no pixel has a class");
  std::ofstream(file) << "counts";
  EXPECT_CONTAINS(message_of<Error>([&] { read_outcomes(file, Task::segmentation); }),
                  "is not what a run writes");
}

}  // namespace
}  // namespace saddle::reproduce
