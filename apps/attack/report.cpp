#include "apps/attack/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/attack/spec.h"
#include "apps/common/plot.h"
#include "apps/common/png.h"
#include "core/json_text.h"
#include "core/printable.h"
#include "core/safetensors.h"

namespace saddle {
namespace {

template <class... Values>
std::string formatted(const char* format, Values... values) {
  char buffer[256];
  std::snprintf(buffer, sizeof buffer, format, values...);
  return buffer;
}

double images_per_second(const AttackResult& result) {
  return result.seconds > 0 ? static_cast<double>(result.attacked) / result.seconds : 0.;
}

// The pixels as the engine sees them: [N, H, W, C] in [0, 1].
std::vector<float> unit_pixels(const Dataset& data) {
  std::vector<float> values(data.pixels.size());
  std::transform(data.pixels.begin(), data.pixels.end(), values.begin(),
                 [](std::uint8_t byte) { return static_cast<float>(byte) / 255.f; });
  return values;
}

// [N, H, W, C] -> [N, C, H, W]
std::vector<float> channels_first(const std::vector<float>& images, const Dataset& data) {
  std::vector<float> moved(images.size());
  const std::int64_t area = data.height * data.width, channels = data.channels;
  std::size_t to = 0;
  for (std::int64_t n = 0; n < data.size(); ++n) {
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t i = 0; i < area; ++i) {
        moved[to++] = images[static_cast<std::size_t>((n * area + i) * channels + c)];
      }
    }
  }
  return moved;
}

std::span<const float> image_of(const std::vector<float>& images, const Dataset& data,
                                std::int64_t example) {
  const auto size = static_cast<std::size_t>(data.height * data.width * data.channels);
  return {images.data() + static_cast<std::size_t>(example) * size, size};
}

std::string class_name(const Dataset& data, std::int32_t label) {
  const auto place = static_cast<std::size_t>(label);
  return place < data.class_names.size() ? data.class_names[place] : text("class ", label);
}

// Grey where nothing changed; the largest change is black or white.
std::vector<float> stretched(std::span<const float> clean, std::span<const float> adversarial,
                             float largest) {
  std::vector<float> picture;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    picture.push_back(largest > 0 ? 0.5f + (adversarial[i] - clean[i]) / (2 * largest) : 0.5f);
  }
  return picture;
}

float largest_change(std::span<const float> clean, std::span<const float> adversarial) {
  float largest = 0;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    largest = std::max(largest, std::fabs(adversarial[i] - clean[i]));
  }
  return largest;
}

// The first examples that any attack moved, at most `most`; the first of the set where none moved.
std::vector<std::int64_t> examples_to_show(const AttackReport& report, const Dataset& data,
                                           const std::vector<float>& clean, std::size_t most) {
  std::vector<std::int64_t> moved;
  for (std::int64_t n = 0; n < data.size() && moved.size() < most; ++n) {
    const auto moves = [&](const NamedResult& attack) {
      return largest_change(image_of(clean, data, n), image_of(stored_images(attack), data, n)) > 0;
    };
    if (std::any_of(report.attacks.begin(), report.attacks.end(), moves)) moved.push_back(n);
  }
  if (moved.empty()) moved.push_back(0);
  return moved;
}

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostOfWord = 200;  // bytes of a path or an attack in a table

// Lines whose columns are as wide as their widest word: the first two to the left, numbers to the
// right.
class Columns {
 public:
  explicit Columns(std::vector<std::string> heading) : lines_{std::move(heading)} {}

  void add(std::vector<std::string> line) {
    for (std::string& word : line) word = printable(word, kMostOfWord);
    lines_.push_back(std::move(line));
  }

  // Without the first `hidden` columns; nothing where there is only the heading.
  std::string text(std::size_t hidden) const {
    if (lines_.size() == 1) return "";
    std::string all;
    for (const std::vector<std::string>& line : lines_) {
      for (std::size_t column = hidden; column < line.size(); ++column) {
        std::size_t width = 0;
        for (const auto& other : lines_) width = std::max(width, other[column].size());
        const std::string space(width - line[column].size(), ' ');
        all += (column > hidden ? "  " : "") +
               (column < 2 ? line[column] + space : space + line[column]);
      }
      all += "\n";
    }
    return all;
  }

 private:
  std::vector<std::vector<std::string>> lines_;
};

// A row for the attack, and below it what each of several members left standing.
void add_rows(Columns& rows, const AttackReport& report, const NamedResult& attack) {
  const AttackResult& r = attack.result;
  rows.add({report.checkpoint, attack.spec,
            (attack.finished ? "" : "at most ") + formatted("%.2f %%", r.robust_accuracy),
            formatted("%.6f", r.max_linf), formatted("%.6f", r.max_l2), text(r.passes.forward),
            text(r.passes.backward), formatted("%.4g", images_per_second(r)),
            formatted("%.2f", r.seconds)});
  const auto add_accuracy = [&](const std::string& what, double accuracy) {
    rows.add(
        {report.checkpoint, "  " + what, formatted("%.2f %%", accuracy), "", "", "", "", "", ""});
  };
  if (r.members.size() >= 2) {
    for (const MemberResult& member : r.members) {
      rows.add({report.checkpoint, "  " + member.name, formatted("%.2f %%", member.robust_accuracy),
                "", "", text(member.passes.forward), text(member.passes.backward), "",
                formatted("%.2f", member.seconds)});
    }
  }
  if (attack.targeted) add_accuracy("taken for the target", target_success(r));
  if (attack.eight_bit) add_accuracy("rounded to 8 bits", attack.eight_bit->robust_accuracy);
}

// "linf 0.0156863"
std::string ball_text(const Ball& ball) {
  return norm_name(ball.norm) + formatted(" %.6g", ball.eps);
}

// `of` names the checkpoint where there are several.
void add_worst_cases(Columns& rows, const AttackReport& report, const std::string& of,
                     std::string& notes) {
  for (const WorstCase& worst : report.worst_cases) {
    const std::string name = "worst case " + ball_text(worst.ball);
    rows.add({report.checkpoint, name, formatted("%.2f %%", worst.robust_accuracy), "", "", "", "",
              "", ""});
    notes += name + of + ":";
    for (std::size_t i = 0; i < worst.attacks.size(); ++i) {
      notes += (i > 0 ? "; " : " ") + report.attacks[worst.attacks[i]].spec;
    }
    notes += "\n";
  }
}

void add_transfers(Columns& rows, const AttackReport& report) {
  for (const TransferResult& other : report.transfers) {
    rows.add(
        {report.checkpoint, other.checkpoint, "clean", formatted("%.2f %%", other.clean_accuracy)});
    for (std::size_t i = 0; i < other.accuracy.size(); ++i) {
      rows.add({report.checkpoint, other.checkpoint, report.attacks[i].spec,
                formatted("%.2f %%", other.accuracy[i])});
    }
  }
}

Json members_json(const AttackResult& result) {
  Json members = Json::array();
  for (const MemberResult& member : result.members) {
    members.push_back({{"name", member.name},
                       {"robust_accuracy", member.robust_accuracy},
                       {"forward_passes", member.passes.forward},
                       {"backward_passes", member.passes.backward},
                       {"seconds", member.seconds}});
  }
  return members;
}

// The shortest decimal number that is the same float.
double decimal(float value) { return std::strtod(exact_text(value).c_str(), nullptr); }

Json decimals(const std::vector<float>& values) {
  Json list = Json::array();
  for (float value : values) list.push_back(decimal(value));
  return list;
}

Json worst_cases_json(const AttackReport& report) {
  Json list = Json::array();
  for (const WorstCase& worst : report.worst_cases) {
    Json specs = Json::array();
    for (std::size_t i : worst.attacks) specs.push_back(report.attacks[i].spec);
    list.push_back({{"norm", norm_name(worst.ball.norm)},
                    {"eps", decimal(static_cast<float>(worst.ball.eps))},
                    {"attacks", specs},
                    {"robust_accuracy", worst.robust_accuracy}});
  }
  return list;
}

Json transfers_json(const AttackReport& report) {
  Json list = Json::array();
  for (const TransferResult& other : report.transfers) {
    Json attacks = Json::array();
    for (std::size_t i = 0; i < other.accuracy.size(); ++i) {
      attacks.push_back({{"spec", report.attacks[i].spec}, {"accuracy", other.accuracy[i]}});
    }
    list.push_back({{"checkpoint", other.checkpoint},
                    {"model", other.model},
                    {"clean_accuracy", other.clean_accuracy},
                    {"attacks", attacks}});
  }
  return list;
}

Json attack_json(const NamedResult& attack) {
  const AttackResult& r = attack.result;
  Json json{{"name", attack.name},
            {"spec", attack.spec},
            {"robust_accuracy", r.robust_accuracy},
            {"max_linf", r.max_linf},
            {"max_l2", r.max_l2},
            {"forward_passes", r.passes.forward},
            {"backward_passes", r.passes.backward},
            {"seconds", r.seconds},
            {"images_per_second", images_per_second(r)},
            {"warnings", r.warnings},
            {"max_l1", r.max_l1},
            {"attacked", r.attacked},
            {"finished", attack.finished},
            {"members", members_json(r)}};
  if (attack.targeted) json["target_success"] = target_success(r);
  if (attack.eight_bit)
    json["eight_bit"] = {{"robust_accuracy", attack.eight_bit->robust_accuracy}};
  return json;
}

Json report_object(const AttackReport& report, const Dataset& data) {
  Json attacks = Json::array(), curves = Json::array();
  for (const NamedResult& attack : report.attacks) attacks.push_back(attack_json(attack));
  for (const RadiusCurve& curve : report.curves) {
    curves.push_back(
        {{"spec", curve.spec}, {"eps", curve.eps}, {"robust_accuracy", curve.robust_accuracy}});
  }
  Json json{{"checkpoint", report.checkpoint},
            {"model", report.model},
            {"dataset", data.name},
            {"examples", data.size()},
            {"device", report.device},
            {"precision", report.precision},
            {"clean_accuracy", report.clean.accuracy},
            {"attacks", attacks}};
  json["average_robustness"] =
      report.average_robustness ? Json(*report.average_robustness) : Json(nullptr);
  json["clean_loss"] = report.clean.loss;
  json["eps_curves"] = curves;
  json["warnings"] = report.warnings;
  json["finished"] = report.unfinished.empty();
  json["unfinished"] = report.unfinished;
  const NetworkOptions& network = report.description.network;
  json["classes"] = network.classes;
  json["input_shape"] = {network.in_channels, network.height, network.width_pixels};
  json["mean"] = decimals(report.description.mean);
  json["std"] = decimals(report.description.std);
  json["assumptions"] = report.assumptions;
  json["worst_cases"] = worst_cases_json(report);
  json["transfer"] = transfers_json(report);
  return json;
}

// A field of a CSV file (RFC 4180).
std::string quoted(const std::string& field) {
  std::string doubled;
  for (char letter : field) doubled += letter == '"' ? std::string("\"\"") : std::string(1, letter);
  return '"' + doubled + '"';
}

}  // namespace

double average_robustness(const std::vector<NamedResult>& attacks) {
  require(!attacks.empty(), "average robustness: no attack was run");
  double sum = 0;
  for (const NamedResult& attack : attacks) sum += attack.result.robust_accuracy;
  return sum / static_cast<double>(attacks.size());
}

double target_success(const AttackResult& result) {
  const auto hits = std::ranges::count_if(result.examples, &ExampleRecord::broken);
  if (result.attacked == 0) return 0;
  return 100. * static_cast<double>(hits) / static_cast<double>(result.attacked);
}

std::vector<WorstCase> worst_cases(const std::vector<NamedResult>& attacks) {
  std::vector<WorstCase> all;
  for (std::size_t i = 0; i < attacks.size(); ++i) {
    const std::optional<Ball>& ball = attacks[i].ball;
    if (!ball || !attacks[i].finished) continue;
    const auto same = [&](const WorstCase& other) {
      return other.ball.norm == ball->norm && other.ball.eps == ball->eps;
    };
    auto found = std::ranges::find_if(all, same);
    if (found == all.end()) found = all.insert(all.end(), {*ball, {}, 0, {}});
    found->attacks.push_back(i);
  }
  std::erase_if(all, [](const WorstCase& worst) { return worst.attacks.size() < 2; });
  for (WorstCase& worst : all) {
    const std::size_t examples = attacks[worst.attacks.front()].result.examples.size();
    std::size_t robust = 0;
    for (std::size_t n = 0; n < examples; ++n) {
      const auto is_broken = [&](std::size_t i) {
        const ExampleRecord& record = attacks[i].result.examples[n];
        return record.attacked != 0 && record.prediction != record.label;
      };
      const auto is_right = [&](std::size_t i) {
        const ExampleRecord& record = attacks[i].result.examples[n];
        return record.prediction == record.label;
      };
      const auto breaker = std::ranges::find_if(worst.attacks, is_broken);
      worst.broken_by.push_back(breaker == worst.attacks.end() ? WorstCase::npos : *breaker);
      robust += std::ranges::all_of(worst.attacks, is_right) ? 1 : 0;
    }
    worst.robust_accuracy =
        examples > 0 ? 100. * static_cast<double>(robust) / static_cast<double>(examples) : 0.;
  }
  return all;
}

const std::vector<float>& stored_images(const NamedResult& attack) {
  return attack.eight_bit ? attack.eight_bit->adversarial : attack.result.adversarial;
}

std::string report_table(const std::vector<AttackReport>& reports, const Dataset& data) {
  Columns rows({"checkpoint", "attack", "robust accuracy", "max linf", "max l2", "forward",
                "backward", "images/s", "seconds"});
  Columns curves({"checkpoint", "attack", "eps", "robust accuracy"});
  Columns transfers({"checkpoint", "transfer to", "images of", "accuracy"});
  std::string table, notes;
  for (const AttackReport& report : reports) {
    table +=
        formatted("clean accuracy %.2f %%, loss %.4f (", report.clean.accuracy, report.clean.loss) +
        printable(text(data.size(), " examples of ", data.name, ", ", report.model,
                       reports.size() > 1 ? ", " + report.checkpoint : "")) +
        ")\n";
    const std::string of =
        reports.size() > 1 ? " (" + printable(report.checkpoint, kMostOfWord) + ")" : "";
    for (const NamedResult& attack : report.attacks) add_rows(rows, report, attack);
    add_worst_cases(rows, report, of, notes);
    add_transfers(transfers, report);
    for (const RadiusCurve& curve : report.curves) {
      for (std::size_t i = 0; i < curve.eps.size(); ++i) {
        curves.add({report.checkpoint, curve.spec, formatted("%.6g", curve.eps[i]),
                    formatted("%.2f %%", curve.robust_accuracy[i])});
      }
    }
    if (report.average_robustness) {
      notes += formatted("average robustness %.2f %%", *report.average_robustness) + of + "\n";
    }
    for (const std::string& spec : report.unfinished) {
      notes += "unfinished: " + printable(spec, kMostOfWord) + of + "\n";
    }
  }
  const std::size_t hidden = reports.size() > 1 ? 0 : 1;  // the checkpoint is one: no column for it
  return table + rows.text(hidden) + curves.text(hidden) + transfers.text(hidden) + notes;
}

std::string report_json(const std::vector<AttackReport>& reports, const Dataset& data) {
  Json json;
  if (reports.size() == 1) {
    json = report_object(reports.front(), data);
  } else {
    json["reports"] = Json::array();
    for (const AttackReport& report : reports)
      json["reports"].push_back(report_object(report, data));
  }
  // A path need not be UTF-8; JSON must be.
  return json_text(json, 2) + "\n";
}

namespace {

// From the label on; `broken_by` is empty where nothing broke the example.
std::string csv_fields(const ExampleRecord& r, bool broken, const std::string& broken_by) {
  return text(r.label, ",", r.clean_prediction, ",", r.prediction, ",", r.attacked, ",",
              broken ? 1 : 0, ",", broken_by, ",", r.broken() ? text(r.attempt) : std::string(),
              ",") +
         formatted("%.15g,%.15g,%.9g,%.9g,%.9g,%d,%.9g,%.9g\n", r.forward, r.backward, r.linf, r.l2,
                   r.l1, r.changed_pixels, r.cross_entropy, r.margin);
}

}  // namespace

std::string report_csv(const std::vector<AttackReport>& reports) {
  std::string csv =
      "checkpoint,attack,example,label,clean_prediction,prediction,attacked,broken,broken_by,"
      "attempt,forward_passes,backward_passes,linf,l2,l1,changed_pixels,cross_entropy,margin\n";
  for (const AttackReport& report : reports) {
    for (const NamedResult& attack : report.attacks) {
      const std::string begin = quoted(report.checkpoint) + "," + quoted(attack.spec) + ",";
      for (std::size_t i = 0; i < attack.result.examples.size(); ++i) {
        const ExampleRecord& r = attack.result.examples[i];
        const auto member = static_cast<std::size_t>(std::max(r.member, 0));
        const bool named = r.broken() && member < attack.result.members.size();
        csv +=
            begin + text(i, ",") +
            csv_fields(r, r.broken(), named ? attack.result.members[member].name : std::string());
      }
    }
    for (const WorstCase& worst : report.worst_cases) {
      const std::string begin =
          quoted(report.checkpoint) + "," + quoted("worst case " + ball_text(worst.ball)) + ",";
      for (std::size_t i = 0; i < worst.broken_by.size(); ++i) {
        const bool broken = worst.broken_by[i] != WorstCase::npos;
        const NamedResult& by = report.attacks[broken ? worst.broken_by[i] : worst.attacks.front()];
        csv += begin + text(i, ",") +
               csv_fields(by.result.examples[i], broken, broken ? quoted(by.spec) : std::string());
      }
    }
  }
  return csv;
}

void save_plot(const std::filesystem::path& path, const std::vector<AttackReport>& reports,
               const Dataset& data) {
  std::vector<Curve> curves;
  for (const AttackReport& report : reports) {
    for (const RadiusCurve& radius : report.curves) {
      Curve curve{reports.size() > 1 ? radius.spec + "  " + report.checkpoint : radius.spec,
                  {0},
                  {report.clean.accuracy}};
      curve.x.insert(curve.x.end(), radius.eps.begin(), radius.eps.end());
      curve.y.insert(curve.y.end(), radius.robust_accuracy.begin(), radius.robust_accuracy.end());
      curves.push_back(std::move(curve));
    }
  }
  plot_curves(text("robust accuracy, ", data.size(), " examples of ", data.name),
              "eps (pixel range 0 to 1)", "robust accuracy (%)", curves)
      .write(path);
}

void save_adversarial(const std::filesystem::path& path, const AttackReport& report,
                      const Dataset& data) {
  const Shape shape{data.size(), data.channels, data.height, data.width};
  const std::vector<float> images = channels_first(unit_pixels(data), data);
  const std::vector<std::int64_t> labels(data.labels.begin(), data.labels.end());
  std::vector<NamedTensor> tensors{
      {"images", DType::f32, shape, std::as_bytes(std::span(images))},
      {"labels", DType::i64, {data.size()}, std::as_bytes(std::span(labels))},
  };
  std::vector<std::vector<float>> adversarial;
  adversarial.reserve(report.attacks.size());  // the tensors point into it
  Metadata metadata;
  for (std::size_t i = 0; i < report.attacks.size(); ++i) {
    const NamedResult& attack = report.attacks[i];
    adversarial.push_back(channels_first(stored_images(attack), data));
    const std::string name = text("adversarial.", i, "-", attack.name);
    tensors.push_back({name, DType::f32, shape, std::as_bytes(std::span(adversarial.back()))});
    metadata[name] = attack.spec + (attack.eight_bit ? ", rounded to k/255" : "");
  }
  save_safetensors(path, tensors, metadata);
}

void save_logits(const std::filesystem::path& path, const AttackReport& report) {
  const std::vector<float>& logits = report.clean.logits;
  const std::int64_t classes = report.clean.classes;
  const NamedTensor tensor{"logits",
                           DType::f32,
                           {static_cast<std::int64_t>(logits.size()) / classes, classes},
                           std::as_bytes(std::span(logits))};
  save_safetensors(path, std::span(&tensor, 1), {});
}

void save_images(const std::filesystem::path& path, const AttackReport& report,
                 const Dataset& data) {
  constexpr std::size_t kMostRows = 10;
  constexpr std::int64_t kCellPixels = 96;  // wide enough for a caption of 16 letters
  const std::vector<float> clean = unit_pixels(data);
  const std::vector<std::int64_t> examples = examples_to_show(report, data, clean, kMostRows);
  ImageGrid grid(static_cast<std::int64_t>(examples.size()),
                 1 + 2 * static_cast<std::int64_t>(report.attacks.size()), data.height, data.width,
                 data.channels,
                 std::max<std::int64_t>(1, (kCellPixels + data.width - 1) / data.width));
  grid.heading(0, "clean");
  for (std::size_t i = 0; i < report.attacks.size(); ++i) {
    const auto column = 1 + 2 * static_cast<std::int64_t>(i);
    grid.heading(column, "perturbation");
    grid.heading(column + 1, report.attacks[i].spec);
  }
  for (std::size_t row = 0; row < examples.size(); ++row) {
    const std::int64_t n = examples[row];
    const auto place = static_cast<std::size_t>(n);
    const auto line = static_cast<std::int64_t>(row);
    const std::span<const float> x = image_of(clean, data, n);
    grid.place(line, 0, x, class_name(data, report.clean.predictions[place]));
    for (std::size_t i = 0; i < report.attacks.size(); ++i) {
      const NamedResult& attack = report.attacks[i];
      const std::span<const float> x_hat = image_of(stored_images(attack), data, n);
      const float largest = largest_change(x, x_hat);
      const auto column = 1 + 2 * static_cast<std::int64_t>(i);
      grid.place(line, column, stretched(x, x_hat, largest),
                 formatted("linf %.5f", static_cast<double>(largest)));
      const ExampleRecord& record = attack.result.examples[place];
      const std::int32_t prediction =
          attack.eight_bit ? attack.eight_bit->predictions[place] : record.prediction;
      grid.place(line, column + 1, x_hat,
                 (prediction == record.label ? "" : "-> ") + class_name(data, prediction));
    }
  }
  grid.write(path);
}

}  // namespace saddle
