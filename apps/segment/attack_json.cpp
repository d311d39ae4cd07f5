// A report of attacks on segmentation as JSON and as tensors.
#include <cmath>
#include <deque>
#include <nlohmann/json.hpp>

#include "apps/attacking/report_text.h"
#include "apps/common/class_names.h"
#include "apps/segment/attack_report.h"
#include "core/json_text.h"
#include "core/safetensors.h"

namespace saddle {
namespace {

using Json = nlohmann::ordered_json;

// A share in percent; null where there is none.
Json percent_of(double share) { return std::isnan(share) ? Json() : Json(100 * share); }

Json scores_json(const std::vector<Confusion>& images, const SegmentationReport& report) {
  const Confusion sum = sum_of(images);
  const SegmentationScores scores = scores_of(sum);
  const ImageScores of_images = image_scores_of(images);
  Json classes = Json::object(), confusion = Json::array();
  for (std::int64_t c = 0; c < sum.classes(); ++c) {
    const double iou = scores.class_iou[static_cast<std::size_t>(c)];
    classes[class_name(report.model.class_names, c)] = percent_of(iou);
    Json row = Json::array();
    for (std::int64_t k = 0; k < sum.classes(); ++k) row.push_back(sum.at(c, k));
    confusion.push_back(std::move(row));
  }
  Json json{{"pixel_accuracy", percent_of(scores.pixel_accuracy)},
            {"mean_class_accuracy", percent_of(scores.mean_class_accuracy)},
            {"miou", percent_of(scores.miou)},
            {"miou_present", percent_of(scores.miou_present)},
            {"frequency_weighted_iou", percent_of(scores.frequency_weighted_iou)},
            {"image_miou", percent_of(of_images.miou)},
            {"image_pixel_accuracy", percent_of(of_images.pixel_accuracy)},
            {"class_iou", classes},
            {"confusion", confusion}};
  if (!report.left_out.empty())
    json["miou_without"] = percent_of(miou_without(sum, report.left_out));
  return json;
}

double largest(const std::vector<double>& norms) {
  return norms.empty() ? 0. : std::ranges::max(norms);
}

Json attack_json(const PixelResult& attack, const SegmentationReport& report) {
  Json json{{"name", attack.name},
            {"spec", attack.spec},
            {"loss", attack.loss},
            {"norm", norm_name(attack.ball.norm)},
            {"eps", decimal(static_cast<float>(attack.ball.eps))},
            {"steps", attack.steps}};
  const Json scores = scores_json(attack.images, report);
  json["robust_accuracy"] = scores.at("pixel_accuracy");
  json.update(scores);
  json["max_linf"] = largest(attack.linf);
  json["max_l2"] = largest(attack.l2);
  json["forward_passes"] = attack.passes.forward;
  json["backward_passes"] = attack.passes.backward;
  json["seconds"] = attack.seconds;
  json["images_per_second"] =
      attack.seconds > 0 ? static_cast<double>(attack.images.size()) / attack.seconds : 0.;
  json["warnings"] = attack.warnings;
  return json;
}

Json worst_json(const WorstInBall& ball, const SegmentationReport& report) {
  Json specs = Json::array();
  for (const std::size_t i : ball.attacks) specs.push_back(report.attacks[i].spec);
  if (ball.with_clean) specs.push_back("clean");
  return {{"norm", norm_name(ball.ball.norm)},
          {"eps", decimal(static_cast<float>(ball.ball.eps))},
          {"attacks", specs},
          {"pixel_accuracy", percent_of(ball.worst.pixel_accuracy)},
          {"miou", percent_of(ball.worst.miou)},
          {"least_accurate", ball.worst.least_accurate},
          {"chosen", ball.worst.chosen},
          {"rounds", ball.worst.rounds}};
}

}  // namespace

std::string report_json(const SegmentationReport& report, const SegmentationSet& set) {
  const ModelDescription& model = report.model;
  Json attacks = Json::array(), worst = Json::array();
  for (const PixelResult& attack : report.attacks) attacks.push_back(attack_json(attack, report));
  for (const WorstInBall& ball : report.worst_cases) worst.push_back(worst_json(ball, report));
  const Json clean = scores_json(report.clean.images, report);
  Json left_out = Json::array();
  for (const std::int64_t c : report.left_out) left_out.push_back(class_name(model.class_names, c));
  Json json{{"checkpoint", report.checkpoint},
            {"model", model.network.model},
            {"dataset", set.name},
            {"split", set.split},
            {"examples", set.size()},
            {"device", report.device},
            {"precision", report.precision},
            {"judged_in", kJudgedIn},
            {"plan", report.plan},
            {"pixels", report.range == PixelRange::plain ? "plain" : "stretched"},
            {"seg_norm", report.unnormalised ? "official" : "correct"},
            {"clean_accuracy", clean.at("pixel_accuracy")},
            {"clean_loss", report.clean.loss},
            {"clean", clean},
            {"attacks", attacks},
            {"worst_cases", worst},
            {"classes", model.network.classes},
            {"left_out_classes", left_out},
            {"mean", model.mean},
            {"std", model.std},
            {"assumptions", report.assumptions},
            {"warnings", report.warnings}};
  return json_text(json, 2) + "\n";
}

namespace {

// The counts of all images behind each other.
void append(const std::vector<Confusion>& images, std::vector<std::int64_t>& counts) {
  for (const Confusion& image : images) {
    counts.insert(counts.end(), image.counts().begin(), image.counts().end());
  }
}

}  // namespace

void save_counts(const std::filesystem::path& path, const SegmentationReport& report,
                 const SegmentationSet& set) {
  std::vector<std::int64_t> clean, attacked;
  append(report.clean.images, clean);
  Json specs = Json::array(), ids = Json::array();
  for (const PixelResult& attack : report.attacks) {
    append(attack.images, attacked);
    specs.push_back(attack.spec);
  }
  for (const SegmentationImage& image : set.images) ids.push_back(image.id);
  const auto count = static_cast<std::int64_t>(report.attacks.size());
  const std::vector<NamedTensor> tensors = {{"clean",
                                             DType::i64,
                                             {set.size(), set.classes, set.classes},
                                             std::as_bytes(std::span(clean))},
                                            {"attacks",
                                             DType::i64,
                                             {count, set.size(), set.classes, set.classes},
                                             std::as_bytes(std::span(attacked))}};
  save_safetensors(path, tensors,
                   {{"attacks", json_text(specs)},
                    {"images", json_text(ids)},
                    {"classes", json_text(Json(report.model.class_names))}});
}

namespace {

// [H, W, C] as [C, H, W].
std::vector<float> channels_first(std::span<const float> image, std::int64_t channels) {
  const auto c = static_cast<std::size_t>(channels), area = image.size() / c;
  std::vector<float> result(image.size());
  for (std::size_t pixel = 0; pixel < area; ++pixel) {
    for (std::size_t k = 0; k < c; ++k) result[k * area + pixel] = image[pixel * c + k];
  }
  return result;
}

}  // namespace

void save_adversarial(const std::filesystem::path& path, const SegmentationReport& report,
                      const SegmentationSet& set) {
  std::deque<std::vector<float>> images;  // the tensors point into it
  std::vector<NamedTensor> tensors;
  Metadata metadata;
  const auto add = [&](const std::string& name, const SegmentationImage& size,
                       std::span<const float> image) {
    images.push_back(channels_first(image, set.channels));
    tensors.push_back({name,
                       DType::f32,
                       {set.channels, size.height, size.width},
                       std::as_bytes(std::span(images.back()))});
  };
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const SegmentationImage& size = set.images[static_cast<std::size_t>(i)];
    const std::vector<std::int32_t> index = {static_cast<std::int32_t>(i)};
    const Batch clean = whole_images(cpu_device(), set, index, report.range);
    add(text("images.", i), size, clean.inputs.to_host<float>());
    tensors.push_back({text("labels.", i),
                       DType::u8,
                       {size.height, size.width},
                       std::as_bytes(set.labels_of(i))});
    for (std::size_t a = 0; a < report.attacks.size(); ++a) {
      const std::vector<float>& kept = report.attacks[a].adversarial[static_cast<std::size_t>(i)];
      const std::string name = text("adversarial.", a, "-", report.attacks[a].name);
      if (!kept.empty()) add(text(name, ".", i), size, kept);
      metadata[name] = report.attacks[a].spec;
    }
  }
  save_safetensors(path, tensors, metadata);
}

}  // namespace saddle
