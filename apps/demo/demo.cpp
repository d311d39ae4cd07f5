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
#include <sstream>

#include "apps/common/evaluate.h"
#include "apps/common/load_model.h"
#include "apps/common/png.h"
#include "apps/common/table.h"
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
  CommonOptions common;
  DatasetOptions dataset;
  std::int64_t width = 8, epochs = 8, at_steps = 2;
  double rho = 0.1;
  std::string output = "runs/demo";
  bool overwrite = false;
};

struct Contestant {
  std::string name, title;
  TrainOptions options;
};

// What was measured of one network.
struct Measured {
  std::string name, title;
  double clean = 0, seconds = 0;
  std::array<double, kRadii.size()> fgsm{}, pgd{};
  std::vector<float> shown;  // adversarial images at the shown radius
  std::vector<std::int32_t> clean_predictions, shown_predictions;
};

std::vector<Contestant> contestants(const DemoOptions& demo) {
  TrainOptions base;
  base.common = demo.common;
  base.dataset = demo.dataset;
  base.model = "preact_resnet10";
  base.width = demo.width;
  base.epochs = demo.epochs;
  std::vector<Contestant> list = {
      {"sgd", "SGD", base}, {"sam", "SAM", base}, {"at", "adversarial training", base}};
  list[1].options.descent.optimizer = "sam";
  list[1].options.descent.sharpness.rho = demo.rho;
  list[2].options.adversarial = "pgd";
  list[2].options.at_eps = 8. / 255;
  list[2].options.at_steps = demo.at_steps;
  list[2].options.at_alpha = 8. / 255 / static_cast<double>(demo.at_steps) * 1.25;
  for (Contestant& contestant : list) {
    contestant.options.run.output = demo.output + "/" + contestant.name;
    contestant.options.run.overwrite = demo.overwrite;
    contestant.options.run.resume = !demo.overwrite;
    contestant.options = resolved(contestant.options);
  }
  return list;
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
Measured measure(const Contestant& contestant, Device& device, const Dataset& test,
                 const Dataset& all) {
  const Model model =
      load_model(contestant.options.run.output + "/last.safetensors", {}, device, test);
  const DeviceDataset data(device, test);
  const LogitsFunction logits = model.evaluation();
  const Evaluation clean = evaluate(logits, data, kAttackBatch);
  const auto seed = static_cast<std::uint64_t>(contestant.options.common.seed);
  Measured measured;
  measured.name = contestant.name;
  measured.title = contestant.title;
  measured.clean = evaluate(logits, DeviceDataset(device, all), kAttackBatch).accuracy;
  measured.clean_predictions = clean.predictions;
  for (std::size_t i = 0; i < kRadii.size(); ++i) {
    const float eps = static_cast<float>(kRadii[i]) / 255;
    measured.fgsm[i] = robust_accuracy(logits, data, clean, fgsm(eps), seed);
    AttackResult result;
    measured.pgd[i] = robust_accuracy(logits, data, clean,
                                      {Norm::linf, eps, eps / 4, 10, Start::random}, seed, &result);
    if (i == kShownRadius) {
      measured.shown = std::move(result.adversarial);
      measured.shown_predictions = result.predictions();
    }
  }
  return measured;
}

std::string percent(double value) { return formatted("%.1f", value); }

void print_table(const std::vector<Measured>& rows) {
  std::vector<std::string> heading{"trained with", "clean"};
  for (const char* attack : {"FGSM", "PGD-10"}) {
    for (int radius : kRadii) heading.push_back(text(attack, ' ', radius));
  }
  heading.push_back("training");
  Table table(heading);
  for (const Measured& row : rows) {
    std::vector<std::string> line{row.title, percent(row.clean)};
    for (double value : row.fgsm) line.push_back(percent(value));
    for (double value : row.pgd) line.push_back(percent(value));
    line.push_back(formatted("%.0f s", row.seconds));
    table.add(line);
  }
  std::cout << "\nAccuracy on attacked test images, percent (radius in 1/255, l-inf)\n\n"
            << table.markdown();
}

// One sentence that says what the table shows, whatever it shows.
std::string reading(const std::vector<Measured>& rows) {
  const Measured &sgd = rows[0], &sam = rows[1], &at = rows[2];
  const int radius = kRadii[kShownRadius];
  const double gain = sam.pgd[kShownRadius] - sgd.pgd[kShownRadius], kept = sam.clean - sgd.clean;
  const double at_gain = at.pgd[kShownRadius] - sgd.pgd[kShownRadius], paid = sgd.clean - at.clean;
  const std::string first = kept > -0.5
                                ? "SAM keeps the clean accuracy of SGD"
                                : "SAM loses " + percent(-kept) + " points of clean accuracy";
  const std::string second =
      gain > 0 ? (kept > -0.5 ? " and gains " : " but gains ") + percent(gain) + " points"
               : " and does not gain";
  return text(first, " (", percent(sam.clean), " against ", percent(sgd.clean), " %)", second,
              " where every pixel may move by ", radius, "/255 (", percent(sam.pgd[kShownRadius]),
              " against ", percent(sgd.pgd[kShownRadius]),
              " %), though it never saw an attacked image; adversarial training ",
              at_gain > gain ? "gains more" : "gains less", " (", percent(at.pgd[kShownRadius]),
              " %) and ",
              paid > 0.5 ? "pays " + percent(paid) + " points of clean accuracy for it"
                         : "keeps the clean accuracy",
              ".");
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
    grid.heading(column, rows[m].name + ": step");
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
    json["rows"].push_back({{"trained_with", row.title},
                            {"clean", row.clean},
                            {"fgsm", row.fgsm},
                            {"pgd10", row.pgd},
                            {"training_seconds", row.seconds}});
  }
  write_file_atomically(path, std::string_view(json_text(json, 2) + "\n"));
}

// Seconds of training over all epochs, from the run's own records (a finished run is not trained
// again).
double training_seconds(const std::string& run) {
  const std::vector<std::byte> bytes = read_file(run + "/metrics.jsonl", 1 << 26);
  std::istringstream lines(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  double seconds = 0;
  for (std::string line; std::getline(lines, line);)
    seconds += parse_json(line).at("seconds").get<double>();
  return seconds;
}

void demo(const DemoOptions& options) {
  if (options.output.empty()) throw UsageError("--output is empty: name a directory");
  const Dataset test = load_dataset(options.dataset, Split::test);
  DatasetOptions whole = options.dataset;
  whole.test_limit = kAllExamples;
  const Dataset all = load_dataset(whole, Split::test);
  std::vector<Measured> rows;
  for (const Contestant& contestant : contestants(options)) {
    std::cerr << "\n" << contestant.title << ": training" << std::endl;
    train(contestant.options);
    std::cerr << contestant.title << ": attacking " << test.size() << " test images" << std::endl;
    rows.push_back(measure(contestant, open_device(contestant.options.common), test, all));
    rows.back().seconds = training_seconds(contestant.options.run.output);
  }
  print_table(rows);
  std::cout << "\n" << printable_lines(reading(rows)) << "\n";
  draw(options.output + "/adversarial.png", test, rows);
  write_report(options.output + "/table.json", test, all, rows);
  const std::string place = printable(options.output);
  std::cout << "\nPicture: " << place << "/adversarial.png   Numbers: " << place
            << "/table.json   Networks: " << place << "/{sgd,sam,at}/last.safetensors" << std::endl;
}

}  // namespace

int demo_main(int argc, const char* const* argv) {
  DemoOptions options;
  options.dataset.train_limit = 15000;
  options.dataset.test_limit = 1000;
  return run_program(
      "saddle-demo",
      "Trains with SGD, SAM and adversarially on Fashion-MNIST and compares their robustness.",
      argc, argv,
      [&](CLI::App& app) {
        add_common_options(app, options.common);
        add_dataset_options(app, options.dataset, DatasetSplits::train_and_test);
        add_integer(app, "--width", options.width, 1, "channels of the network's first stage");
        add_integer(app, "--epochs", options.epochs, 1, "passes over the training images");
        add_integer(app, "--at-steps", options.at_steps, 1, "PGD steps of adversarial training");
        add_number(app, "--rho", options.rho, "SAM's radius, l2 norm over all weights");
        add_text(app, "--output", options.output, "DIR",
                 "directory for networks, table and picture", options.output);
        add_switch(app, "--overwrite", options.overwrite,
                   "train again what is already trained in --output");
      },
      [&] { demo(options); });
}

}  // namespace saddle
