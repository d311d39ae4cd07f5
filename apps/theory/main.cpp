// saddle-theory: Section 4 of the paper, checked number by number.
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/common/chart.h"
#include "apps/common/parse.h"
#include "apps/common/program_options.h"
#include "apps/theory/statements.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json_text.h"

namespace saddle::theory {
namespace {

struct Options {
  CommonOptions common;
  std::vector<std::string> models = {"0.95,0.1,100", "0.95,0.1,1000", "0.7,0.05,100", "0.9,0.5,10",
                                     "0.6,0.01,10",  "0.8,0.2,2",     "0.95,0.3,1"};
  std::vector<double> radii = {0.01, 0.1, 0.5, 1, 2, 5}, at_shares = {0.01, 0.1, 0.3, 0.5};
  std::string training_model = "0.8,0.5,10";
  double training_at_share = 0.4, training_rho = 0.5;
  std::int64_t training_seeds = 5;
  std::string output;
};

ToyModel model_of(const std::string& flag, const std::string& given) {
  try {
    const std::vector<double> three = parse_numbers(given);
    require(three.size() == 3, "it is not P,ETA,N");
    const ToyModel model{three[0], three[1], three[2]};
    check(model);
    return model;
  } catch (const Error& error) {
    throw UsageError(text(flag, " '", given, "': ", error.what()));
  }
}

TheoryOptions resolved(const Options& options) {
  TheoryOptions theory;
  for (const std::string& given : options.models) {
    theory.models.push_back(model_of("--model", given));
  }
  theory.radii = options.radii;
  theory.at_shares = options.at_shares;
  theory.at_shares.push_back(options.training_at_share);
  for (const double share : theory.at_shares) {
    if (!(share > 0 && share < 1)) {
      throw UsageError(text("AT's eps over eta, ", share,
                            ", must lie in (0, 1): a larger "
                            "perturbation turns the non-robust features round"));
    }
  }
  theory.at_shares.pop_back();
  for (const double eps : theory.radii) {
    if (!(eps > 0)) throw UsageError(text("--eps ", eps, " must be positive"));
  }
  if (!(options.training_rho >= 0)) throw UsageError("--training-rho must not be negative");
  theory.training_model = model_of("--training-model", options.training_model);
  theory.training_at_share = options.training_at_share;
  theory.training_rho = options.training_rho;
  theory.training_seeds = options.training_seeds;
  theory.seed = static_cast<std::uint64_t>(options.common.seed);
  return theory;
}

// Curves of the first model, as far as w is a few times w*.
constexpr double kMostShown = 6;
void save_pictures(const std::filesystem::path& directory, const TheoryOptions& options) {
  const ToyModel& model = options.models.front();
  const double w = standard_optimum(model);
  const std::string name = text("p ", model.p, ", eta ", model.eta, ", n ", model.n);
  Series of_w{"u(w)", {}, {}}, at{"AT, x_1 left alone", {}, {}}, all{"AT, all features", {}, {}},
      sam{"SAM", {}, {}}, printed{"s / ((2/3) w* eps eps), as printed", {}, {}},
      corrected{"s / (w* eps eps / (3 n))", {}, {}};
  for (int i = 0; i <= 200; ++i) {
    of_w.x.push_back(4 * w * i / 200);
    of_w.y.push_back(100 * accuracy(model, of_w.x.back()));
  }
  for (int i = 1; i <= 30; ++i) {
    const double share = i / 31., eps = share * model.eta;
    const double small = share * std::sqrt(model.n), large = 5 * small;
    const auto s = [&](double radius) { return sam_shift(model, radius, density_factor(model)); };
    const auto add = [&](Series& curve, double x, double y) {
      curve.x.push_back(x);
      curve.y.push_back(y);
    };
    const double alone = adversarial_optimum_without_robust(model, eps) / w;
    if (alone < kMostShown) add(at, share, alone);
    const auto optimum = adversarial_optimum(model, eps);
    if (optimum && *optimum / w < kMostShown) add(all, share, *optimum / w);
    add(sam, share, 1 + s(large) / w);
    add(printed, small, s(small) / (2. / 3 * w * small * small));
    add(corrected, small, s(small) / (w * small * small / (3 * model.n)));
  }
  const auto save = [&](const char* file, const std::string& title, const std::string& x,
                        const std::string& y, std::vector<Series> curves) {
    std::erase_if(curves, [](const Series& curve) { return curve.x.empty(); });
    if (curves.empty()) return;
    const std::string svg = svg_of({title + ", " + name, round_axis(x, curves, &Series::x),
                                    round_axis(y, curves, &Series::y), curves},
                                   SvgPlace::file);
    write_file_atomically(directory / file, std::string_view(svg));
  };
  save("accuracy.svg", text("accuracy, best at w* ", w), "w", "accuracy, %", {of_w});
  save("weights.svg", "w over w*", "AT: eps / eta, SAM: eps / (5 sqrt(n))", "w / w*",
       {at, all, sam});
  save("coefficient.svg", "theorem 4.4", "eps", "ratio", {printed, corrected});
}

void save(const std::filesystem::path& directory, const std::vector<Statement>& found,
          const TheoryOptions& options, const nlohmann::json& how) {
  std::filesystem::create_directories(directory);
  nlohmann::json json = how;
  std::string markdown;
  for (const Statement& statement : found) {
    json["statements"].push_back(to_json(statement));
    markdown += to_markdown(statement) + "\n";
  }
  write_file_atomically(directory / "theory.json", std::string_view(json_text(json, 1) + "\n"));
  write_file_atomically(directory / "theory.md", std::string_view(markdown));
  save_pictures(directory, options);
}

void run(const Options& options, const std::string& command) {
  const TheoryOptions theory = resolved(options);
  Device& device = open_device(options.common);
  const std::vector<Statement> found = check_statements(device, theory);
  for (const Statement& statement : found) {
    std::cout << (options.common.quiet ? statement.name + ": " + statement.verdict
                                       : to_markdown(statement))
              << '\n';
  }
  if (options.output.empty()) return;
  save(options.output, found, theory,
       {{"command", command},
        {"version", SADDLE_VERSION},
        {"device", device.name()},
        {"seed", options.common.seed},
        {"training_seeds", options.training_seeds}});
}

}  // namespace
}  // namespace saddle::theory

int main(int argc, char** argv) {
  using namespace saddle;
  using namespace saddle::theory;
  Options options;
  std::string command;
  for (int i = 0; i < argc; ++i) command += (i > 0 ? " " : "") + std::string(argv[i]);
  return run_program(
      "saddle-theory", "Checks the theorems of the paper's Section 4 in its toy model.", argc, argv,
      [&](CLI::App& app) {
        add_common_options(app, options.common);
        add_texts(app, "--model", options.models, "P,ETA,N",
                  "a toy model, repeatable; p: how often the robust feature is right, eta: mean "
                  "of the n others");
        add_numbers(app, "--eps", options.radii, "SAM's radii, non-robust weights being 1",
                    "0.01,0.1,0.5,1,2,5");
        add_numbers(app, "--at-eps-over-eta", options.at_shares,
                    "AT's radii as parts of eta, in (0, 1)", "0.01,0.1,0.3,0.5");
        add_text(app, "--training-model", options.training_model, "P,ETA,N",
                 "the toy model that is trained");
        add_number(app, "--training-at-eps-over-eta", options.training_at_share,
                   "radius of its adversarial training, part of eta");
        add_number(app, "--training-rho", options.training_rho, "radius of its SAM");
        add_integer(app, "--training-seeds", options.training_seeds, 0,
                    "trainings of each kind, whose spread is shown; 0: none");
        add_text(app, "--output", options.output, "DIR",
                 "directory that receives theory.json, theory.md and pictures");
      },
      [&] { run(options, command); });
}
