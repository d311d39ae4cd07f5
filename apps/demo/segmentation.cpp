// Trains one small DeepLabv3 three times on scenes of garments: with SGD, with SAM and
// adversarially. Attacks each with PGD at several radii and with SegPGD, and prints one table.
#include "apps/segment/segmentation.h"

#include <algorithm>
#include <array>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/common/png.h"
#include "apps/common/settings.h"
#include "apps/demo/comparison.h"
#include "apps/demo/demo.h"
#include "apps/segment/attack_picture.h"
#include "apps/segment/load_segmenter.h"
#include "apps/segment/pixel_results.h"
#include "core/file.h"
#include "core/format.h"
#include "core/json_text.h"
#include "core/printable.h"

namespace saddle {
namespace {

constexpr std::int64_t kEvaluationBatch = 10;
constexpr std::int64_t kPictureRows = 4;

struct DemoAttack {
  const char *heading, *spec;
};
constexpr std::array<DemoAttack, 5> kAttacks = {{
    {"PGD-10 0.5", "pgd:norm=linf,eps=0.5/255,steps=10"},
    {"PGD-10 1", "pgd:norm=linf,eps=1/255,steps=10"},
    {"PGD-10 2", "pgd:norm=linf,eps=2/255,steps=10"},
    {"SegPGD-20 1", "segpgd:norm=linf,eps=1/255,steps=20"},
    {"PGD-10 l2 1", "pgd:norm=l2,eps=1,steps=10"},
}};
constexpr const char* kUpperBounds =
    "No attack here takes more than 20 steps: these mIoUs are upper bounds, and stronger attacks "
    "are known (saddle-segment attack --suite sea).";
constexpr std::size_t kShown = 1;  // of kAttacks, for the sentence and the picture

struct DemoOptions {
  DemoSettings settings{.epochs = 6, .rho = 0.02, .output = "runs/demo-segmentation"};
  SegmentationDataOptions data;
  std::int64_t attacked = 100;
};

// What a network takes an image for.
struct Labelled {
  std::vector<float> picture;  // [H, W, 3]
  double miou = 0;             // of this image, percent
};

// What was measured of one network; the two lists are of the images shown.
struct Measured {
  Compared scores;
  std::vector<Labelled> clean, attacked;
};

std::vector<Contestant<SegmentTrainOptions>> contestants(const DemoOptions& demo) {
  SegmentTrainOptions base;
  base.data = demo.data;
  base.batch_size = 8;
  base.crop = 64;
  SegmentTrainOptions adversarial = base;
  adversarial.adversarial = "official";
  adversarial.at_eps = 1. / 255;
  adversarial.seg_norm = "correct";
  return contestants(demo.settings, base, adversarial);
}

double miou_percent(std::span<const Confusion> images) { return 100 * miou_of(sum_of(images)); }

// The first images of `set`; `x` holds theirs, [H, W, C] each.
std::vector<Labelled> labelled(const LogitsFunction& logits, Device& device,
                               const SegmentationSet& set, const std::vector<std::vector<float>>& x,
                               std::span<const Confusion> images) {
  std::vector<Labelled> result;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto index = static_cast<std::int32_t>(i);
    const Batch batch = whole_images(device, set, std::span(&index, 1), PixelRange::plain);
    const Tensor image = Tensor::from_host(device, batch.inputs.shape(), x[i]);
    const JudgedPixels judged = judge_pixels(logits, image, batch.targets, set.classes);
    result.push_back({coloured(judged.predictions, set.palette),
                      100 * image_scores_of(images.subspan(i, 1)).miou});
  }
  return result;
}

std::vector<std::vector<float>> first_images(const SegmentationSet& set, std::int64_t count) {
  std::vector<std::vector<float>> images;
  for (std::int64_t i = 0; i < count; ++i) {
    std::vector<float>& image = images.emplace_back();
    for (const std::uint8_t byte : set.pixels_of(i))
      image.push_back(static_cast<float>(byte) / 255.f);
  }
  return images;
}

// `attacked` is what is attacked; `all` gives the mIoU of clean images.
Measured measure(const Contestant<SegmentTrainOptions>& contestant, Device& device,
                 const SegmentationSet& attacked, const SegmentationSet& all) {
  const Model model = load_segmenter(contestant.options.run.output + "/last.safetensors", {},
                                     device, attacked, Precision::fp32);
  const LogitsFunction logits = model.evaluation();
  const auto seed = static_cast<std::uint64_t>(contestant.options.common.seed);
  const PixelEvaluation clean =
      evaluate_pixels(logits, device, all, PixelRange::plain, kEvaluationBatch);
  PixelRunOptions options;
  options.batch_size = kEvaluationBatch;
  options.images_kept = std::min(kPictureRows, attacked.size());
  const auto shown = static_cast<std::size_t>(options.images_kept);
  Measured measured;
  measured.scores = {contestant.name, contestant.title, miou_percent(clean.images)};
  measured.clean =
      labelled(logits, device, attacked, first_images(attacked, options.images_kept), clean.images);
  for (std::size_t a = 0; a < kAttacks.size(); ++a) {
    const PixelJob job{make_pixel_attack(parse_attack_spec(kAttacks[a].spec), seed)};
    std::vector<PixelResult> results = new_results(job, attacked.size(), attacked.classes);
    run_pixel_job(logits, device, attacked, job, options, results, [](std::int64_t) {});
    PixelResult& result = results.back();
    measured.scores.attacked.push_back(miou_percent(result.images));
    if (a != kShown) continue;
    result.adversarial.resize(shown);
    measured.attacked = labelled(logits, device, attacked, result.adversarial, result.images);
  }
  return measured;
}

// A few test scenes, their labels, and what each network takes them for, clean and attacked.
void draw(const std::string& path, const SegmentationSet& set, const std::vector<Measured>& rows) {
  const std::vector<std::vector<float>> images = first_images(set, std::ssize(rows.front().clean));
  const SegmentationImage& first = set.images.front();
  ImageGrid grid(std::ssize(images), 2 + 2 * std::ssize(rows), first.height, first.width,
                 set.channels, 1);
  grid.heading(0, "scene");
  grid.heading(1, "label");
  for (std::size_t m = 0; m < rows.size(); ++m) {
    const auto column = static_cast<std::int64_t>(2 + 2 * m);
    grid.heading(column, rows[m].scores.name + ": clean");
    grid.heading(column + 1, "attacked");
  }
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    grid.place(row, 0, images[i], "");
    grid.place(row, 1, coloured(set.labels_of(row), set.palette), "");
    for (std::size_t m = 0; m < rows.size(); ++m) {
      const auto column = static_cast<std::int64_t>(2 + 2 * m);
      const Labelled &clean = rows[m].clean[i], &attacked = rows[m].attacked[i];
      grid.place(row, column, clean.picture, formatted("mIoU %.1f", clean.miou));
      grid.place(row, column + 1, attacked.picture, formatted("mIoU %.1f", attacked.miou));
    }
  }
  grid.write(path);
}

void write_report(const std::string& path, const SegmentationSet& attacked,
                  const SegmentationSet& all, const std::vector<Measured>& rows) {
  nlohmann::json json = {{"images_attacked", attacked.size()},
                         {"images", all.size()},
                         {"warnings", all.warnings},
                         {"rows", nlohmann::json::array()}};
  json["warnings"].push_back(kUpperBounds);
  for (const Measured& row : rows) {
    nlohmann::json& entry = json["rows"].emplace_back(to_json(row.scores));
    for (std::size_t a = 0; a < kAttacks.size(); ++a) {
      entry["attacks"][kAttacks[a].spec] = row.scores.attacked[a];
    }
  }
  write_file_atomically(path, std::string_view(json_text(json, 2) + "\n"));
}

void print(const std::vector<Measured>& measured, std::int64_t attacked) {
  std::vector<std::string> attacks;
  for (const DemoAttack& attack : kAttacks) attacks.emplace_back(attack.heading);
  std::vector<Compared> rows;
  for (const Measured& row : measured) rows.push_back(row.scores);
  std::cout << "\nmIoU in percent, under attack on " << attacked
            << " scenes (radius in 1/255, l-inf; l2 over all values of a scene)\n\n"
            << table_of(rows, "clean", attacks) << "\n"
            << printable_lines(
                   reading(rows, {"clean mIoU", "where every pixel may move by 1/255", kShown}))
            << "\nOne training each: two trainings of one kind differ by some three points, so a "
               "smaller difference says nothing. "
            << kUpperBounds << "\n";
}

void demo(const DemoOptions& options) {
  const std::string& output = options.settings.output;
  if (output.empty()) throw UsageError("--output is empty: name a directory");
  const auto list = contestants(options);
  const SegmentationSet data = load(options.data, SegmentationPart::train);
  const SegmentationSet all = load(options.data, SegmentationPart::test);
  SegmentationDataOptions some = options.data;
  some.test_limit = std::min(options.attacked, all.size());
  const SegmentationSet attacked = load(some, SegmentationPart::test);
  std::vector<Measured> rows;
  for (const auto& contestant : list) {
    std::cerr << "\n" << contestant.title << ": training" << std::endl;
    train(contestant.options, data, all);
    std::cerr << contestant.title << ": attacking " << attacked.size() << " scenes" << std::endl;
    rows.push_back(measure(contestant, open_device(contestant.options.common), attacked, all));
    rows.back().scores.seconds = training_seconds(contestant.options.run.output);
  }
  print(rows, attacked.size());
  draw(output + "/attacked.png", attacked, rows);
  write_report(output + "/table.json", attacked, all, rows);
  std::cout << "\n" << places_of(output, "attacked.png") << std::endl;
}

}  // namespace

int segmentation_demo_main(int argc, const char* const* argv) {
  DemoOptions options;
  return run_program(
      "saddle-demo segmentation",
      "Trains with SGD, SAM and adversarially on fashion-scenes, whose every pixel has a label, "
      "and compares their robustness.",
      argc, argv,
      [&](CLI::App& app) {
        add_flags(app, options.settings, "scenes");
        add_text(app, "--data-dir", options.data.directory, "DIR", "where Fashion-MNIST lies");
        add_integer(app, "--train-limit", options.data.train_limit, 1, "training scenes", "3000");
        add_integer(app, "--test-limit", options.data.test_limit, 1,
                    "test scenes that clean mIoU is of", "500");
        add_integer(app, "--attacked", options.attacked, 1,
                    "of how many, from the first, attacked");
      },
      [&] { demo(options); });
}

}  // namespace saddle
