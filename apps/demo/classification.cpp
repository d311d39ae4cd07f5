// Trains one small network three times on Fashion-MNIST: with SGD, with SAM (which climbs in the
// weights) and adversarially (which climbs in the pixels). Attacks each with FGSM and PGD at four
// radii and prints one table.
#include "apps/demo/demo.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/common/evaluate.h"
#include "apps/common/load_model.h"
#include "apps/common/png.h"
#include "apps/demo/comparison.h"
#include "apps/train/classification.h"
#include "core/file.h"
#include "core/format.h"
#include "core/json_text.h"
#include "core/printable.h"

namespace saddle {
namespace {

constexpr std::array<int, 4> kRadii = {1, 2, 4, 8};  // of 255
constexpr int kShownRadius = 2;  // index into kRadii, for the sentence and the picture
constexpr std::int64_t kAttackBatch = 250;
constexpr std::size_t kPictureRows = 6;
constexpr float kPerturbationScale = 0.5f * 255 / kRadii[kShownRadius];  // fills [0, 1] around grey

struct DemoOptions {
  DemoSettings settings{.epochs = 8, .rho = 0.1, .output = "runs/demo"};
  DatasetOptions dataset;
  std::int64_t width = 8, at_steps = 2;
};

// What was measured of one network: `scores.attacked` is that of FGSM at every radius, then of PGD.
struct Measured {
  Compared scores;
  std::vector<float> shown;  // adversarial images at the shown radius
  std::vector<std::int32_t> clean_predictions, shown_predictions;
};

std::vector<Contestant<TrainOptions>> contestants(const DemoOptions& demo) {
  TrainOptions base;
  base.dataset = demo.dataset;
  base.model = "preact_resnet10";
  base.width = demo.width;
  TrainOptions adversarial = base;
  adversarial.adversarial = "pgd";
  adversarial.at_eps = 8. / 255;
  adversarial.at_steps = demo.at_steps;
  adversarial.at_alpha = 8. / 255 / static_cast<double>(demo.at_steps) * 1.25;
  return contestants(demo.settings, base, adversarial);
}

double robust_accuracy(const LogitsFunction& logits, const DeviceDataset& data,
                       const Evaluation& clean, const PgdOptions& options, std::uint64_t seed,
                       AttackResult* result = nullptr) {
  AttackResult found = evaluate_attack(logits, data, clean, pgd_attack(options, seed),
                                       AttackedExamples::correct_only, kAttackBatch);
  const double accuracy = found.robust_accuracy;
  if (result) *result = std::move(found);
  return accuracy;
}

// `test` is attacked; `all` (the whole test split) gives the clean accuracy, whose differences are
// small.
Measured measure(const Contestant<TrainOptions>& contestant, Device& device, const Dataset& test,
                 const Dataset& all) {
  const Model model =
      load_model(contestant.options.run.output + "/last.safetensors", {}, device, test);
  const DeviceDataset data(device, test);
  const LogitsFunction logits = model.evaluation();
  const Evaluation clean = evaluate(logits, data, kAttackBatch);
  const auto seed = static_cast<std::uint64_t>(contestant.options.common.seed);
  Measured measured;
  measured.scores = {contestant.name, contestant.title};
  measured.scores.clean = evaluate(logits, DeviceDataset(device, all), kAttackBatch).accuracy;
  measured.clean_predictions = clean.predictions;
  const auto attacked = [&](const PgdOptions& options, AttackResult* result = nullptr) {
    measured.scores.attacked.push_back(robust_accuracy(logits, data, clean, options, seed, result));
  };
  for (const int radius : kRadii) attacked(fgsm(static_cast<float>(radius) / 255));
  for (const int radius : kRadii) {
    const float eps = static_cast<float>(radius) / 255;
    AttackResult result;
    attacked({Norm::linf, eps, eps / 4, 10, Start::random}, &result);
    if (radius == kRadii[kShownRadius]) {
      measured.shown = std::move(result.adversarial);
      measured.shown_predictions = result.predictions();
    }
  }
  return measured;
}

void print(const std::vector<Measured>& measured) {
  std::vector<std::string> attacks;
  for (const char* attack : {"FGSM", "PGD-10"}) {
    for (int radius : kRadii) attacks.push_back(text(attack, ' ', radius));
  }
  std::vector<Compared> rows;
  for (const Measured& row : measured) rows.push_back(row.scores);
  const std::string shown = text("where every pixel may move by ", kRadii[kShownRadius], "/255");
  std::cout << "\nAccuracy on attacked test images, percent (radius in 1/255, l-inf)\n\n"
            << table_of(rows, "clean", attacks) << "\n"
            << printable_lines(
                   reading(rows, {"clean accuracy", shown, kRadii.size() + kShownRadius}))
            << "\n";
}

// The first test image of each class that every network gets right before the attack.
std::vector<std::size_t> shown_examples(const Dataset& test, const std::vector<Measured>& rows) {
  std::vector<std::size_t> examples;
  std::set<std::int32_t> classes;
  for (std::size_t i = 0; i < test.labels.size() && examples.size() < kPictureRows; ++i) {
    const bool all_right = std::ranges::all_of(
        rows, [&](const Measured& row) { return row.clean_predictions[i] == test.labels[i]; });
    if (all_right && classes.insert(test.labels[i]).second) examples.push_back(i);
  }
  return examples;
}

// What PGD makes of a few test images for each network: its step, magnified around grey, and the
// result.
void draw(const std::string& path, const Dataset& test, const std::vector<Measured>& rows) {
  const std::vector<std::size_t> examples = shown_examples(test, rows);
  const auto columns = static_cast<std::int64_t>(1 + 2 * rows.size());
  const auto values = static_cast<std::size_t>(test.height * test.width * test.channels);
  ImageGrid grid(static_cast<std::int64_t>(std::max<std::size_t>(examples.size(), 1)), columns,
                 test.height, test.width, test.channels, 3);
  const auto name = [&](std::int32_t label) {
    return test.class_names.at(static_cast<std::size_t>(label));
  };
  grid.heading(0, "clean");
  for (std::size_t m = 0; m < rows.size(); ++m) {
    const auto column = static_cast<std::int64_t>(1 + 2 * m);
    grid.heading(column, rows[m].scores.name + ": step");
    grid.heading(column + 1, "attacked");
  }
  for (std::size_t r = 0; r < examples.size(); ++r) {
    const std::size_t example = examples[r];
    const auto row = static_cast<std::int64_t>(r);
    std::vector<float> clean(values), step(values);
    for (std::size_t i = 0; i < values; ++i) {
      clean[i] = static_cast<float>(test.pixels[example * values + i]) / 255;
    }
    grid.place(row, 0, clean, name(test.labels[example]));
    for (std::size_t m = 0; m < rows.size(); ++m) {
      const std::span<const float> attacked(rows[m].shown.data() + example * values, values);
      for (std::size_t i = 0; i < values; ++i)
        step[i] = 0.5f + kPerturbationScale * (attacked[i] - clean[i]);
      const auto column = static_cast<std::int64_t>(1 + 2 * m);
      const std::int32_t prediction = rows[m].shown_predictions[example];
      grid.place(row, column, step, "");
      grid.place(row, column + 1, attacked,
                 (prediction == test.labels[example] ? "" : "-> ") + name(prediction));
    }
  }
  grid.write(path);
}

void write_report(const std::string& path, const Dataset& test, const Dataset& all,
                  const std::vector<Measured>& rows) {
  nlohmann::json json = {{"examples", test.size()},
                         {"clean_examples", all.size()},
                         {"warnings", all.warnings},
                         {"radii", kRadii},
                         {"rows", nlohmann::json::array()}};
  for (const Measured& row : rows) {
    const std::span<const double> attacked(row.scores.attacked);
    json["rows"].push_back(to_json(row.scores));
    json["rows"].back().update(
        {{"fgsm", attacked.first(kRadii.size())}, {"pgd10", attacked.last(kRadii.size())}});
  }
  write_file_atomically(path, std::string_view(json_text(json, 2) + "\n"));
}

void demo(const DemoOptions& options) {
  const std::string& output = options.settings.output;
  if (output.empty()) throw UsageError("--output is empty: name a directory");
  const Dataset test = load_dataset(options.dataset, Split::test);
  DatasetOptions whole = options.dataset;
  whole.test_limit = kAllExamples;
  const Dataset all = load_dataset(whole, Split::test);
  std::vector<Measured> rows;
  for (const auto& contestant : contestants(options)) {
    std::cerr << "\n" << contestant.title << ": training" << std::endl;
    train(contestant.options);
    std::cerr << contestant.title << ": attacking " << test.size() << " test images" << std::endl;
    rows.push_back(measure(contestant, open_device(contestant.options.common), test, all));
    rows.back().scores.seconds = training_seconds(contestant.options.run.output);
  }
  print(rows);
  draw(output + "/adversarial.png", test, rows);
  write_report(output + "/table.json", test, all, rows);
  std::cout << "\n" << places_of(output, "adversarial.png") << std::endl;
}

}  // namespace

int demo_main(int argc, const char* const* argv) {
  if (argc > 1 && std::string_view(argv[1]) == "segmentation") {
    return segmentation_demo_main(argc - 1, argv + 1);
  }
  DemoOptions options;
  options.dataset.train_limit = 15000;
  options.dataset.test_limit = 1000;
  return run_program(
      "saddle-demo",
      "Trains with SGD, SAM and adversarially on Fashion-MNIST and compares their robustness.\n"
      "\"saddle-demo segmentation\" does the same with networks that label every pixel.",
      argc, argv,
      [&](CLI::App& app) {
        add_flags(app, options.settings, "images");
        add_dataset_options(app, options.dataset, DatasetSplits::train_and_test);
        add_integer(app, "--width", options.width, 1, "channels of the network's first stage");
        add_integer(app, "--at-steps", options.at_steps, 1, "PGD steps of adversarial training");
      },
      [&] { demo(options); });
}

}  // namespace saddle
