#include "apps/segment/attack_report.h"

#include <algorithm>
#include <cmath>

#include "apps/attacking/report_text.h"
#include "apps/common/class_names.h"
#include "apps/common/table.h"
#include "core/printable.h"

namespace saddle {
namespace {

constexpr std::size_t kMostOfWord = 200;  // bytes of an attack or a class in a table

bool same_ball(const Ball& a, const Ball& b) { return a.norm == b.norm && a.eps == b.eps; }

std::string percent_text(double share) {
  return std::isnan(share) ? "-" : formatted("%.2f", 100 * share);
}

// On how many of the images an attack left the loss no higher than it was.
std::int64_t unmoved(const PixelResult& result, const PixelEvaluation& clean) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < result.images.size(); ++i) {
    const bool counts = result.done[i] != 0 && clean.images[i].pixels() > 0;
    count += counts && result.cross_entropy[i] <= clean.cross_entropy[i];
  }
  return count;
}

void add_doubt_about_loss(const PixelResult& result, const PixelEvaluation& clean,
                          std::vector<std::string>& doubts) {
  if (result.loss.empty() || result.loss == "cos" || result.loss == "msl") return;
  const std::int64_t count = unmoved(result, clean);
  if (10 * count <= std::ssize(result.images)) return;
  doubts.push_back(text(result.spec, ": left the cross-entropy of ", count, " of ",
                        result.images.size(),
                        " images no higher than it was. Gradients may be masked, or the step is "
                        "too large"));
}

double pixel_accuracy(const PixelResult& result) {
  return pixel_accuracy_of(sum_of(result.images));
}

// Noise in the same ball that breaks as much as an attack.
void add_doubt_of_noise(const SegmentationReport& report, const PixelResult& attack,
                        std::vector<std::string>& doubts) {
  for (const PixelResult& noise : report.attacks) {
    if (noise.name != "noise" || !same_ball(noise.ball, attack.ball)) continue;
    if (pixel_accuracy(noise) > pixel_accuracy(attack)) continue;
    doubts.push_back(text(attack.spec, ": breaks no more pixels than ", noise.spec,
                          ". It does not find what it looks for"));
  }
}

}  // namespace

std::vector<WorstInBall> worst_cases_of(const SegmentationReport& report, bool with_clean,
                                        std::uint64_t seed) {
  std::vector<WorstInBall> all;
  for (std::size_t i = 0; i < report.attacks.size(); ++i) {
    const PixelResult& attack = report.attacks[i];
    if (!attack.at_end || !attack.finished()) continue;
    const auto in_ball = [&](const WorstInBall& known) {
      return same_ball(known.ball, attack.ball);
    };
    const auto found = std::ranges::find_if(all, in_ball);
    if (found == all.end()) {
      all.push_back({attack.ball, {i}, with_clean, {}});
    } else {
      found->attacks.push_back(i);
    }
  }
  std::erase_if(all, [](const WorstInBall& ball) { return ball.attacks.size() < 2; });
  for (WorstInBall& ball : all) {
    std::vector<std::vector<Confusion>> candidates;
    for (const std::size_t i : ball.attacks) candidates.push_back(report.attacks[i].images);
    if (with_clean) candidates.push_back(report.clean.images);
    ball.worst = worst_case_of(candidates, seed);
  }
  return all;
}

std::vector<std::string> doubts_about(const SegmentationReport& report) {
  constexpr int kFewSteps = 20;
  std::vector<std::string> doubts;
  bool strong = false, any = false;
  for (const PixelResult& attack : report.attacks) {
    if (!attack.at_end || attack.name == "noise") continue;
    any = true;
    strong = strong || attack.steps > kFewSteps;
    add_doubt_about_loss(attack, report.clean, doubts);
    add_doubt_of_noise(report, attack, doubts);
  }
  if (any && !strong) {
    doubts.push_back(text("no attack took more than ", kFewSteps,
                          " steps: these mIoUs are upper bounds, and stronger attacks are known. "
                          "Add --suite sea, or --attack segpgd:steps=100"));
  }
  if (report.unnormalised) {
    doubts.push_back(
        "--seg-norm official: gradients were taken at pixels that the network is not meant for, as "
        "the paper's code does; its robust mIoUs are too high");
  }
  if (report.range == PixelRange::stretched) {
    doubts.push_back(
        "images are stretched to [0, 1] one by one: a radius means another change of each");
  }
  return doubts;
}

namespace {

// "mIoU without background, sky"
std::string name_of_miou_without(const SegmentationReport& report) {
  std::string names;
  for (const std::int64_t c : report.left_out)
    names += (names.empty() ? "mIoU without " : ", ") + class_name(report.model.class_names, c);
  return names;
}

void add_row(Table& rows, const SegmentationReport& report, const std::string& name,
             const std::vector<Confusion>& images, std::vector<std::string> rest) {
  const Confusion sum = sum_of(images);
  const SegmentationScores scores = scores_of(sum);
  const ImageScores of_images = image_scores_of(images);
  std::vector<std::string> line = {printable(name, kMostOfWord)};
  for (const double share : {scores.pixel_accuracy, scores.mean_class_accuracy, scores.miou,
                             scores.miou_present, of_images.miou}) {
    line.push_back(percent_text(share));
  }
  if (!report.left_out.empty()) line.push_back(percent_text(miou_without(sum, report.left_out)));
  line.insert(line.end(), rest.begin(), rest.end());
  rows.add(std::move(line));
}

std::string largest(const std::vector<double>& norms) {
  return formatted("%.6f", norms.empty() ? 0. : std::ranges::max(norms));
}

double rate_of(const PixelResult& attack) {
  return attack.seconds > 0 ? static_cast<double>(attack.images.size()) / attack.seconds : 0.;
}

std::string table_of_classes(const SegmentationReport& report) {
  std::vector<std::string> heading = {"IoU, %", "clean"};
  for (const PixelResult& attack : report.attacks)
    heading.push_back(printable(attack.spec, kMostOfWord));
  Table table(heading);
  std::vector<SegmentationScores> scores = {scores_of(sum_of(report.clean.images))};
  for (const PixelResult& attack : report.attacks)
    scores.push_back(scores_of(sum_of(attack.images)));
  for (std::int64_t c = 0; c < std::ssize(scores.front().class_iou); ++c) {
    std::vector<std::string> line = {
        printable(class_name(report.model.class_names, c), kMostOfWord)};
    for (const SegmentationScores& of : scores)
      line.push_back(percent_text(of.class_iou[static_cast<std::size_t>(c)]));
    table.add(std::move(line));
  }
  return table.aligned();
}

}  // namespace

std::string report_table(const SegmentationReport& report) {
  std::vector<std::string> heading = {"attack", "aAcc", "mAcc", "mIoU", "present", "image mIoU"};
  if (!report.left_out.empty())
    heading.push_back(printable(name_of_miou_without(report), kMostOfWord));
  for (const char* word : {"max linf", "max l2", "forward", "backward", "images/s", "s"})
    heading.push_back(word);
  Table rows(heading);
  add_row(rows, report, "clean", report.clean.images, std::vector<std::string>(6));
  for (const PixelResult& attack : report.attacks) {
    add_row(rows, report, attack.spec, attack.images,
            {largest(attack.linf), largest(attack.l2), text(attack.passes.forward),
             text(attack.passes.backward), formatted("%.4g", rate_of(attack)),
             formatted("%.2f", attack.seconds)});
  }
  std::string notes;
  for (const WorstInBall& ball : report.worst_cases) {
    const std::string name = "worst case " + ball_text(ball.ball);
    std::vector<std::string> line = {name, percent_text(ball.worst.pixel_accuracy), "",
                                     percent_text(ball.worst.miou)};
    line.resize(heading.size());
    rows.add(std::move(line));
    notes += name + ":";
    for (std::size_t i = 0; i < ball.attacks.size(); ++i) {
      notes += (i > 0 ? "; " : " ") + report.attacks[ball.attacks[i]].spec;
    }
    notes += ball.with_clean ? "; the clean image\n" : "\n";
  }
  return rows.aligned() + notes + "\n" + table_of_classes(report);
}

}  // namespace saddle
