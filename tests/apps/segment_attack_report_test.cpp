// What `saddle-segment attack` writes: worst cases, doubts, and numbers that anybody can compute
// again from its files.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "core/safetensors.h"
#include "tests/apps/pixel_scenes.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;
using Json = nlohmann::json;

// A report of real attacks on four scenes of two sizes, one of them all void.
struct Attacked {
  explicit Attacked(const std::vector<std::string>& specs, std::int64_t images_kept = 0)
      : set(without_labels_of(noise_scenes(4, {{16, 16}, {12, 17}}), 2)),
        f(linear_segmenter(kSceneClasses)) {
    report.checkpoint = "model.safetensors";
    report.device = "cpu";
    report.precision = "fp32";
    report.model.network.model = "deeplabv3_mobilenetv2";
    report.model.network.classes = kSceneClasses;
    report.model.mean = set.mean;
    report.model.std = set.std;
    report.model.class_names = set.class_names;
    report.clean = evaluate_pixels(f, cpu_device(), set, PixelRange::plain, 4);
    for (const std::string& spec : specs)
      report.attacks.push_back(result_of(spec, set, f, pixel_run(3, images_kept)));
    report.worst_cases = worst_cases_of(report, true, 1);
  }

  SegmentationSet set;
  LogitsFunction f;
  SegmentationReport report;
};

// ---- worst cases ----

std::vector<std::vector<std::size_t>> attacks_of(const std::vector<WorstInBall>& cases) {
  std::vector<std::vector<std::size_t>> attacks;
  for (const WorstInBall& one : cases) attacks.push_back(one.attacks);
  return attacks;
}

TEST(WorstCasesOf, are_of_attacks_that_share_a_ball) {
  const Attacked attacked({"pgd:eps=4/255", "pgd:norm=l2,eps=0.5", "segpgd:eps=4/255",
                           "pgd:eps=2/255", "noise:norm=l2,eps=0.5"});

  using Groups = std::vector<std::vector<std::size_t>>;
  EXPECT_EQ(attacks_of(attacked.report.worst_cases), (Groups{{0, 2}, {1, 4}}));
}

TEST(WorstCasesOf, are_no_better_than_any_attack_or_the_clean_images) {
  const Attacked attacked({"pgd:eps=4/255", "noise:eps=4/255", "pgd:eps=4/255,loss=jsd"});

  ASSERT_EQ(attacked.report.worst_cases.size(), 1u);
  const WorstSegmentation& worst = attacked.report.worst_cases[0].worst;
  EXPECT_LE(worst.miou, miou_of(sum_of(attacked.report.clean.images)));
  for (const PixelResult& attack : attacked.report.attacks) {
    EXPECT_LE(worst.miou, miou_of(sum_of(attack.images)));
    EXPECT_LE(worst.pixel_accuracy, image_scores_of(attack.images).pixel_accuracy);
  }
}

TEST(WorstCasesOf, count_the_clean_image_unless_told) {
  Attacked attacked({"noise:eps=4/255,seed=1", "noise:eps=4/255,seed=2"});
  for (PixelResult& attack : attacked.report.attacks) {  // attacks that put everything right
    for (std::size_t i = 0; i < attack.images.size(); ++i) {
      std::vector<std::int64_t> right(9, 0);
      for (std::int64_t c = 0; c < 3; ++c)
        right[static_cast<std::size_t>(4 * c)] = attack.images[i].labelled(c);
      attack.images[i] = Confusion(kSceneClasses, right);
    }
  }

  const auto with = worst_cases_of(attacked.report, true, 1);
  const auto without = worst_cases_of(attacked.report, false, 1);

  EXPECT_EQ(with[0].worst.chosen[0], 2);  // the clean one, behind the attacks
  EXPECT_LT(with[0].worst.pixel_accuracy, 0.95);
  EXPECT_EQ(without[0].worst.pixel_accuracy, 1.);
  EXPECT_EQ(without[0].worst.miou, 1.);
}

TEST(WorstCasesOf, leave_out_points_of_a_curve_and_attacks_that_are_not_finished) {
  Attacked attacked({"pgd:eps=4/255,steps=2"});
  const auto curve = results_of(pixel_job("pgd:eps=4/255,steps=3", {1}), attacked.set, attacked.f);
  attacked.report.attacks.push_back(curve[0]);
  EXPECT_TRUE(worst_cases_of(attacked.report, true, 1).empty());

  attacked.report.attacks.push_back(curve[1]);
  EXPECT_EQ(worst_cases_of(attacked.report, true, 1).size(), 1u);

  attacked.report.attacks.back().done[1] = 0;
  EXPECT_TRUE(worst_cases_of(attacked.report, true, 1).empty());
}

// ---- doubts ----

// Two images of two classes, ten pixels each. Of a clean image 9 are right and the loss is 1.
PixelResult doubtful(const std::string& spec, std::int64_t right, double cross_entropy) {
  PixelResult result = new_results(pixel_job(spec), 2, 2).back();
  result.images.assign(2, Confusion(2, {right, 10 - right, 0, 0}));
  result.cross_entropy.assign(2, cross_entropy);
  result.done.assign(2, 1);
  return result;
}

std::vector<std::string> doubts_of(const std::vector<PixelResult>& attacks,
                                   const std::function<void(SegmentationReport&)>& change = {}) {
  SegmentationReport report;
  report.clean.images.assign(2, Confusion(2, {9, 1, 0, 0}));
  report.clean.cross_entropy.assign(2, 1.);
  report.attacks = attacks;
  if (change) change(report);
  return doubts_about(report);
}

void expect_one_doubt(const std::vector<std::string>& doubts, const std::string& part) {
  ASSERT_EQ(doubts.size(), 1u);
  EXPECT_CONTAINS(doubts[0], part);
  EXPECT_EQ(doubts[0].find('\n'), std::string::npos);
}

TEST(DoubtsAbout, none_where_an_attack_is_long_and_works) {
  EXPECT_TRUE(doubts_of({doubtful("pgd:steps=21", 2, 3)}).empty());
  EXPECT_TRUE(doubts_of({}).empty());
  EXPECT_TRUE(doubts_of({doubtful("noise", 9, 1)}).empty());
}

TEST(DoubtsAbout, few_steps_of_all_attacks) {
  const std::string part = "no attack took more than 20 steps";
  expect_one_doubt(doubts_of({doubtful("pgd:steps=20", 2, 3)}), part);
  expect_one_doubt(doubts_of({doubtful("pgd:steps=20", 2, 3), doubtful("noise", 9, 1)}), part);
  EXPECT_TRUE(doubts_of({doubtful("pgd", 2, 3), doubtful("apgd", 2, 3)}).empty());
}

TEST(DoubtsAbout, noise_that_breaks_as_much_in_the_same_ball) {
  const PixelResult pgd = doubtful("pgd:steps=30", 5, 3);
  const std::string part = "pgd:steps=30: breaks no more pixels than noise";
  expect_one_doubt(doubts_of({pgd, doubtful("noise", 5, 1)}), part);
  expect_one_doubt(doubts_of({doubtful("noise", 4, 1), pgd}), part);
  EXPECT_TRUE(doubts_of({pgd, doubtful("noise", 6, 1)}).empty());
  EXPECT_TRUE(doubts_of({pgd, doubtful("noise:eps=8/255", 4, 1)}).empty());
  EXPECT_TRUE(doubts_of({pgd, doubtful("noise:norm=l2", 4, 1)}).empty());
}

TEST(DoubtsAbout, a_loss_that_was_not_raised) {
  const std::string part = "left the cross-entropy of 2 of 2 images no higher than it was";
  expect_one_doubt(doubts_of({doubtful("pgd:steps=30", 5, 1)}), part);
  expect_one_doubt(doubts_of({doubtful("pgd:steps=30", 5, 0.5)}), part);
  EXPECT_TRUE(doubts_of({doubtful("pgd:steps=30", 5, 1.001)}).empty());
  // These do not look at the cross-entropy.
  EXPECT_TRUE(doubts_of({doubtful("pgd:steps=30,loss=cos", 5, 0.5)}).empty());
  EXPECT_TRUE(doubts_of({doubtful("pgd:steps=30,loss=msl", 5, 0.5)}).empty());
}

TEST(DoubtsAbout, not_of_images_without_labels) {
  const auto without_labels = [](SegmentationReport& report) {
    report.clean.images.assign(2, Confusion(2));
  };
  EXPECT_TRUE(doubts_of({doubtful("pgd:steps=30", 5, 0)}, without_labels).empty());
}

TEST(DoubtsAbout, gradients_at_other_pixels_and_stretched_radii) {
  const PixelResult pgd = doubtful("pgd:steps=30", 5, 3);
  expect_one_doubt(doubts_of({pgd}, [](auto& report) { report.unnormalised = true; }),
                   "--seg-norm official");
  expect_one_doubt(doubts_of({pgd}, [](auto& report) { report.range = PixelRange::stretched; }),
                   "stretched to [0, 1]");
}

TEST(DoubtsAbout, a_constant_network_whose_gradients_are_none) {
  Attacked attacked({});
  const LogitsFunction constant = constant_segmenter(kSceneClasses);
  attacked.report.clean =
      evaluate_pixels(constant, cpu_device(), attacked.set, PixelRange::plain, 4);
  attacked.report.attacks = {result_of("pgd:steps=21", attacked.set, constant)};

  // The fourth image has no labels.
  expect_one_doubt(doubts_about(attacked.report), "cross-entropy of 3 of 4 images");
}

// ---- files ----

TEST(ReportJson, has_the_documented_keys) {
  const Attacked attacked({"pgd", "segpgd:steps=3"});

  const Json json = Json::parse(report_json(attacked.report, attacked.set));

  for (const char* key : {"checkpoint", "model", "dataset", "split", "examples", "device",
                          "precision", "plan", "clean_accuracy", "clean", "attacks", "worst_cases",
                          "warnings", "assumptions", "pixels", "seg_norm", "classes"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  for (const char* key : {"name",
                          "spec",
                          "loss",
                          "norm",
                          "eps",
                          "steps",
                          "robust_accuracy",
                          "pixel_accuracy",
                          "mean_class_accuracy",
                          "miou",
                          "miou_present",
                          "image_miou",
                          "class_iou",
                          "confusion",
                          "max_linf",
                          "max_l2",
                          "forward_passes",
                          "backward_passes",
                          "seconds",
                          "images_per_second",
                          "warnings"}) {
    EXPECT_TRUE(json.at("attacks").at(1).contains(key)) << key;
  }
  for (const char* key : {"pixel_accuracy", "miou", "chosen", "attacks", "norm", "eps"})
    EXPECT_TRUE(json.at("worst_cases").at(0).contains(key)) << key;
  EXPECT_EQ(json.at("examples"), 4);
  EXPECT_EQ(json.at("attacks").at(0).at("class_iou").size(), 3u);
  EXPECT_TRUE(json.at("attacks").at(0).at("class_iou").contains("kind 2"));
  EXPECT_EQ(json.at("worst_cases").at(0).at("chosen").size(), 4u);
  EXPECT_EQ(json.at("worst_cases").at(0).at("attacks"), (Json{"pgd", "segpgd:steps=3", "clean"}));
}

TEST(ReportJson, says_null_of_a_class_that_nobody_has) {
  Attacked attacked({});
  attacked.report.clean.images.assign(4, Confusion(kSceneClasses));

  const Json json = Json::parse(report_json(attacked.report, attacked.set));

  EXPECT_TRUE(json.at("clean").at("class_iou").at("kind 1").is_null());
  EXPECT_TRUE(json.at("clean_accuracy").is_null());
}

template <class T>
std::vector<T> values_of(const SafetensorsFile& file, const std::string& name) {
  const FileTensor& tensor = file.tensor(name);
  EXPECT_EQ(tensor.dtype, dtype_of<T>) << name;
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

// Worked out here from counts [images, K, K], in percent.
struct Recomputed {
  double accuracy = 0, miou = 0;
};

Recomputed recomputed(const std::vector<std::int64_t>& counts, std::size_t first) {
  std::array<std::array<double, 3>, 3> sum{};
  for (std::size_t image = 0; image < 4; ++image)
    for (std::size_t label = 0; label < 3; ++label)
      for (std::size_t seen = 0; seen < 3; ++seen)
        sum[label][seen] += static_cast<double>(counts[first + 9 * image + 3 * label + seen]);
  Recomputed scores;
  double all = 0, right = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    double row = 0, column = 0;
    for (std::size_t k = 0; k < 3; ++k) row += sum[c][k], column += sum[k][c];
    all += row;
    right += sum[c][c];
    scores.miou += 100 * sum[c][c] / (row + column - sum[c][c]) / 3;
  }
  scores.accuracy = 100 * right / all;
  return scores;
}

TEST(SaveCounts, hold_what_all_scores_follow_from) {
  const TemporaryDirectory directory;
  const Attacked attacked({"pgd:eps=4/255", "noise:norm=l2"});
  const Json json = Json::parse(report_json(attacked.report, attacked.set));

  save_counts(directory.path() / "counts", attacked.report, attacked.set);

  const SafetensorsFile file = SafetensorsFile::load(directory.path() / "counts");
  EXPECT_EQ(file.tensor("clean").shape, (Shape{4, 3, 3}));
  EXPECT_EQ(file.tensor("attacks").shape, (Shape{2, 4, 3, 3}));
  const auto expect_scores = [](const Recomputed& got, const Json& want) {
    EXPECT_NEAR(got.miou, want.at("miou").get<double>(), 1e-10);
    EXPECT_NEAR(got.accuracy, want.at("pixel_accuracy").get<double>(), 1e-10);
  };
  const auto counts = values_of<std::int64_t>(file, "attacks");
  expect_scores(recomputed(values_of<std::int64_t>(file, "clean"), 0), json.at("clean"));
  expect_scores(recomputed(counts, 0), json.at("attacks").at(0));
  expect_scores(recomputed(counts, 36), json.at("attacks").at(1));
  EXPECT_EQ(Json::parse(file.metadata().at("attacks")), (Json{"pgd:eps=4/255", "noise:norm=l2"}));
  EXPECT_EQ(Json::parse(file.metadata().at("images")).at(3), "scene-3");
  EXPECT_EQ(Json::parse(file.metadata().at("classes")).size(), 3u);
}

// [C, H, W] as [H, W, C].
std::vector<float> channels_last(const std::vector<float>& image) {
  const std::size_t area = image.size() / 3;
  std::vector<float> result(image.size());
  for (std::size_t i = 0; i < image.size(); ++i) result[i % area * 3 + i / area] = image[i];
  return result;
}

TEST(SaveAdversarial, holds_images_whose_norms_and_predictions_are_those_reported) {
  const TemporaryDirectory directory;
  const Attacked attacked({"pgd:eps=4/255", "pgd:norm=l2,eps=0.5"}, 4);

  save_adversarial(directory.path() / "images", attacked.report, attacked.set);

  const SafetensorsFile file = SafetensorsFile::load(directory.path() / "images");
  EXPECT_EQ(file.tensors().size(), 16u);
  EXPECT_EQ(file.tensor("images.1").shape, (Shape{3, 12, 17}));
  EXPECT_EQ(file.metadata().at("adversarial.1-pgd"), "pgd:norm=l2,eps=0.5");
  for (std::size_t a = 0; a < 2; ++a) {
    for (std::size_t i = 0; i < 4; ++i) {
      const SegmentationImage& size = attacked.set.images[i];
      const auto clean = channels_last(values_of<float>(file, text("images.", i)));
      const auto x = channels_last(values_of<float>(file, text("adversarial.", a, "-pgd.", i)));
      const auto labels = values_of<std::uint8_t>(file, text("labels.", i));
      double linf = 0, square = 0;
      for (std::size_t k = 0; k < x.size(); ++k) {
        const double change = std::fabs(double{x[k]} - clean[k]);
        linf = std::max(linf, change);
        square += change * change;
      }
      const PixelResult& result = attacked.report.attacks[a];
      EXPECT_EQ(linf, result.linf[i]);
      EXPECT_NEAR(std::sqrt(square), result.l2[i], 1e-12);
      const JudgedPixels judged = judge_pixels(
          attacked.f, Tensor::from_host(cpu_device(), {1, size.height, size.width, 3}, x),
          Tensor::from_host(cpu_device(), {1, size.height, size.width}, labels), kSceneClasses);
      Confusion confusion(kSceneClasses);
      confusion.add(labels, judged.predictions);
      EXPECT_EQ(confusion.counts(), result.images[i].counts());
    }
  }
}

TEST(SaveAdversarial, leaves_out_what_was_not_kept) {
  const TemporaryDirectory directory;
  const Attacked attacked({"noise"}, 1);

  save_adversarial(directory.path() / "images", attacked.report, attacked.set);

  const SafetensorsFile file = SafetensorsFile::load(directory.path() / "images");
  EXPECT_TRUE(file.tensors().contains("adversarial.0-noise.0"));
  EXPECT_FALSE(file.tensors().contains("adversarial.0-noise.1"));
}

TEST(ReportTable, has_a_row_for_each_attack_and_worst_case_and_one_for_each_class) {
  const Attacked attacked({"pgd:eps=4/255", "noise:eps=4/255"});

  const std::string table = report_table(attacked.report);

  for (const char* part : {"\nclean ", "\npgd:eps=4/255 ", "\nnoise:eps=4/255 ",
                           "\nworst case linf 0.0156863", "; the clean image\n", "\nkind 0 "}) {
    EXPECT_CONTAINS(table, part);
  }
}

}  // namespace
}  // namespace saddle
