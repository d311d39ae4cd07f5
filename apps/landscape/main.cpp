// saddle-landscape: the loss of checkpoints around their weights and around the images.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/common/program_options.h"
#include "apps/common/chart.h"
#include "apps/common/load_model.h"
#include "apps/common/progress.h"
#include "apps/common/table.h"
#include "apps/landscape/landscape.h"
#include "core/error.h"
#include "core/file.h"
#include "core/format.h"
#include "core/json_text.h"
#include "core/printable.h"

namespace saddle::landscape {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

struct Options {
  CommonOptions common;
  DatasetOptions dataset;
  CheckpointOverrides overrides;
  std::vector<std::string> checkpoints, labels;
  std::vector<double> rho = {0, 0.02, 0.05, 0.1, 0.2, 0.5, 1},
                      eps = {0, 0.5 / 255, 1. / 255, 2. / 255, 4. / 255, 8. / 255, 16. / 255};
  double range = 1;  // of the random lines
  std::int64_t points = 11, plane = 0, batch_size = 500;
  std::string output;
};

// A way of looking at a model, and what each model shows.
struct Sweep {
  std::string name, title, x_label;
  double unit;  // what x is divided by in the picture
  std::function<std::vector<LandscapePoint>(const Model& model)> look;
};

void check_ascending(const std::string& flag, const std::vector<double>& numbers, double most) {
  for (const double number : numbers) {
    if (number < 0 || number > most) {
      throw UsageError(text(flag, ": ", number, " must lie in 0 to ", most));
    }
  }
  if (!std::ranges::is_sorted(numbers)) {
    throw UsageError(text(flag, ": the numbers must be in ascending order"));
  }
}

// -range ... range; an odd number of places, so that 0 is among them.
std::vector<double> places(double range, std::int64_t count) {
  std::vector<double> all;
  for (std::int64_t i = 0; i < count; ++i) {
    all.push_back(range * static_cast<double>(2 * i - (count - 1)) /
                  static_cast<double>(count - 1));
  }
  return all;
}

void check(const Options& o) {
  if (o.checkpoints.empty()) throw UsageError("--checkpoint is missing: name a model to look at");
  if (o.output.empty()) throw UsageError("--output DIR is required");
  if (!o.labels.empty() && o.labels.size() != o.checkpoints.size()) {
    throw UsageError(text("there are ", o.labels.size(), " --label and ", o.checkpoints.size(),
                          " --checkpoint. Give one for each, or none"));
  }
  if (!(o.range > 0)) throw UsageError("--range must be positive");
  if (o.points % 2 == 0) throw UsageError("--points must be odd, so that the middle is among them");
  if (o.plane != 0 && (o.plane < 3 || o.plane % 2 == 0)) {
    throw UsageError("--plane must be 0 or an odd number from 3 on");
  }
  check_ascending("--rho", o.rho, 1e6);
  check_ascending("--eps", o.eps, 1);
}

// "runs/sam/last.safetensors" -> "sam"
std::string label_of(const Options& options, std::size_t i) {
  if (!options.labels.empty()) return options.labels[i];
  const fs::path path = options.checkpoints[i];
  const std::string folder = path.parent_path().filename().string();
  return folder.empty() ? path.stem().string() : folder;
}

std::vector<Sweep> sweeps_of(const Options& o, const DeviceDataset& data) {
  const auto rho = o.rho, eps = o.eps;
  const auto line = places(o.range, o.points);
  const auto seed = static_cast<std::uint64_t>(o.common.seed);
  const std::int64_t batch = o.batch_size;
  return {{"weights-sam", "loss at w + rho g / norm(g)", "rho", 1,
           [=, &data](const Model& model) {
             return along_weights(model, sam_direction(model, data, batch), rho, data, batch);
           }},
          {"weights-random", "loss along a filter-normalised random direction", "distance", 1,
           [=, &data](const Model& model) {
             return along_weights(model, random_direction(model, seed, 0), line, data, batch);
           }},
          {"inputs-pgd", "loss at x + delta, PGD-10, l-infinity", "eps in 255ths", 1. / 255,
           [=, &data](const Model& model) {
             return along_inputs(model, InputStep::pgd, eps, data, batch);
           }},
          {"inputs-fgsm", "loss at x + eps sign(g)", "eps in 255ths", 1. / 255,
           [=, &data](const Model& model) {
             return along_inputs(model, InputStep::fgsm, eps, data, batch);
           }}};
}

void save_chart(const fs::path& directory, const Sweep& sweep,
                const std::vector<std::string>& labels,
                const std::vector<std::vector<LandscapePoint>>& found) {
  std::vector<Series> curves;
  double largest = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    Series curve{printable(labels[i]), {}, {}};
    for (const LandscapePoint& point : found[i]) {
      curve.x.push_back(point.at / sweep.unit);
      curve.y.push_back(point.loss);
      largest = std::max(largest, point.loss);
    }
    curves.push_back(curve);
  }
  const Axis x = round_axis(sweep.x_label, curves, &Series::x);
  const std::string svg =
      svg_of({sweep.title, x, round_axis("loss", 0, largest), curves}, SvgPlace::file);
  write_file_atomically(directory / (sweep.name + ".svg"), std::string_view(svg));
}

// The largest loss shown is ten times the middle's, or the largest.
void save_plane(const fs::path& path, const std::string& label, std::int64_t side,
                const std::vector<LandscapePoint>& points) {
  const double middle = points[points.size() / 2].loss;
  std::vector<double> losses;
  for (const LandscapePoint& point : points) losses.push_back(point.loss);
  const double largest = std::min(std::ranges::max(losses), 10 * middle);
  const std::string title = text(printable(label), ": loss ", static_cast<float>(middle), " to ",
                                 static_cast<float>(largest));
  const std::string svg = svg_of_plane(title, static_cast<std::size_t>(side), losses, largest);
  write_file_atomically(path, std::string_view(svg));
}

Json to_json(const std::vector<LandscapePoint>& points) {
  Json json = Json::array();
  for (const LandscapePoint& p : points) {
    json.push_back({{"at", p.at}, {"loss", p.loss}, {"accuracy", p.accuracy}});
  }
  return json;
}

std::string to_markdown(const Sweep& sweep, const std::vector<std::string>& labels,
                        const std::vector<std::vector<LandscapePoint>>& found) {
  std::vector<std::string> heading{sweep.x_label};
  heading.insert(heading.end(), labels.begin(), labels.end());
  Table table(heading);
  for (std::size_t row = 0; row < found.front().size(); ++row) {
    std::vector<std::string> line{formatted("%.4g", found.front()[row].at / sweep.unit)};
    for (const auto& points : found) {
      line.push_back(formatted("%.4f (%.1f %%)", points[row].loss, points[row].accuracy));
    }
    table.add(line);
  }
  return "### " + sweep.title + "\n\n" + table.markdown();
}

void run(const Options& options, const std::string& command) {
  check(options);
  Device& device = open_device(options.common);
  Dataset images = load_dataset(options.dataset, Split::test);
  const std::string matched = match_labels(images, options.checkpoints.front());
  if (!matched.empty()) print_warning("saddle-landscape", matched);
  const DeviceDataset data(device, images);
  const std::vector<Sweep> sweeps = sweeps_of(options, data);
  std::vector<Model> models;
  std::vector<std::string> labels;
  Json json = {{"command", command},          {"version", SADDLE_VERSION},
               {"device", device.name()},     {"seed", options.common.seed},
               {"dataset", images.name},      {"examples", images.size()},
               {"checkpoints", Json::array()}};
  for (std::size_t i = 0; i < options.checkpoints.size(); ++i) {
    models.push_back(load_model(options.checkpoints[i], options.overrides, device, images,
                                precision_of(options.common)));
    for (const std::string& assumption : models.back().assumptions)
      print_warning("saddle-landscape", text(options.checkpoints[i], ": ", assumption));
    labels.push_back(label_of(options, i));
    json["checkpoints"].push_back({{"file", options.checkpoints[i]}, {"label", labels.back()}});
  }
  const fs::path directory = options.output;
  fs::create_directories(directory);
  Progress progress("landscape", static_cast<std::int64_t>(sweeps.size() * models.size()), "curves",
                    options.common.quiet ? Progress::Show::nothing : Progress::Show::line);
  std::string markdown;
  for (const Sweep& sweep : sweeps) {
    std::vector<std::vector<LandscapePoint>> found;
    for (const Model& model : models) {
      found.push_back(sweep.look(model));
      progress.advance(1);
    }
    save_chart(directory, sweep, labels, found);
    markdown += to_markdown(sweep, labels, found) + "\n";
    for (std::size_t i = 0; i < found.size(); ++i) json[sweep.name][labels[i]] = to_json(found[i]);
  }
  for (std::size_t i = 0; options.plane > 0 && i < models.size(); ++i) {
    const auto seed = static_cast<std::uint64_t>(options.common.seed);
    const auto points = over_plane(models[i], random_direction(models[i], seed, 0),
                                   random_direction(models[i], seed, 1),
                                   places(options.range, options.plane), data, options.batch_size);
    save_plane(directory / ("plane-" + labels[i] + ".svg"), labels[i], options.plane, points);
    json["plane"][labels[i]] = to_json(points);
  }
  write_file_atomically(directory / "landscape.json", std::string_view(json_text(json, 1) + "\n"));
  write_file_atomically(directory / "landscape.md", std::string_view(markdown));
  std::cout << printable_lines(markdown) << std::flush;
}

}  // namespace
}  // namespace saddle::landscape

int main(int argc, char** argv) {
  using namespace saddle;
  using namespace saddle::landscape;
  Options options;
  std::string command;
  for (int i = 0; i < argc; ++i) command += (i > 0 ? " " : "") + std::string(argv[i]);
  return run_program(
      "saddle-landscape",
      "Shows the loss of checkpoints along their weights (SAM's and random directions) and along "
      "the images (FGSM, PGD), in evaluation mode.",
      argc, argv,
      [&](CLI::App& app) {
        add_texts(app, "--checkpoint", options.checkpoints, "FILE",
                  "a model, repeatable: a curve each");
        add_texts(app, "--label", options.labels, "TEXT",
                  "its name in the pictures; default: its folder's");
        add_numbers(app, "--rho", options.rho,
                    "steps along SAM's direction, l2 norm over all weights",
                    "0,0.02,0.05,0.1,0.2,0.5,1");
        add_numbers(app, "--eps", options.eps, "radii of the attacks, pixel range [0, 1]",
                    "0,0.5/255,1/255,2/255,4/255,8/255,16/255");
        add_number(app, "--range", options.range,
                   "how far the random directions are followed, in norms of the filters");
        add_integer(app, "--points", options.points, 3, "points along a random direction, odd");
        add_integer(app, "--plane", options.plane, 0,
                    "points a side of a plane of two random directions, odd; 0: no plane");
        add_integer(app, "--batch-size", options.batch_size, 1, "images a pass");
        add_text(app, "--output", options.output, "DIR",
                 "directory that receives numbers and pictures");
        add_dataset_options(app, options.dataset, DatasetSplits::test_only);
        add_checkpoint_overrides(app, options.overrides);
        add_common_options(app, options.common);
      },
      [&] { run(options, command); });
}
