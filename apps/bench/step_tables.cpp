#include "apps/bench/step_tables.h"

#include <iostream>
#include <vector>

#include "apps/bench/breakdown.h"
#include "apps/bench/convolutions.h"
#include "apps/common/program_options.h"
#include "apps/common/table.h"
#include "core/format.h"

namespace saddle::bench {

std::string shown_model(const BenchModel& model) {
  return model.of_pixels() ? text(model.name, ' ', model.height, 'x', model.input_width)
                           : text(model.name, " --width ", model.width);
}

namespace {

using Json = nlohmann::json;

// "bf16, sgd, preact_resnet18 --width 64, batch 128: ", and a table's head.
void print_row_heading(const Row& row, const std::string& sum,
                       const std::vector<std::string>& titles) {
  std::cout << "\n"
            << row.precision << ", " << row.mode << ", " << shown_model(row.model) << ", batch "
            << row.batch << ": " << sum << "\n\n"
            << markdown_heading(titles) << std::flush;
}

}  // namespace

nlohmann::json table_of_parts(Device& device, const Row& row, double seconds) {
  const Breakdown found =
      break_down(device, row.model, row.mode, row.batch, precision_named(row.precision), seconds);
  device.pool().trim();
  print_row_heading(row, formatted("%.2f ms a step", 1e3 * found.seconds),
                    {"part", "calls a step", "ms a step", "share, %"});
  Json parts = Json::array();
  for (const StepPart& part : found.parts) {
    std::cout << markdown_line({part.name, formatted("%.0f", part.calls),
                                formatted("%.3f", 1e3 * part.seconds),
                                formatted("%.1f", 100 * part.seconds / found.seconds)});
    parts.push_back({{"part", part.name}, {"calls", part.calls}, {"seconds", part.seconds}});
  }
  std::cout << std::flush;
  return {{"precision", row.precision},    {"mode", row.mode},
          {"model", row.model.name},       {"batch", row.batch},
          {"step_seconds", found.seconds}, {"parts", parts}};
}

nlohmann::json table_of_convolutions(Device& device, const Row& row, double seconds) {
  print_row_heading(row, "its convolutions",
                    {"convolution", "calls a step", "microseconds", "GFLOP/s"});
  Json found = Json::array();
  for (const ConvolutionSpeed& speed : convolution_speeds(
           device, row.model, row.mode, row.batch, precision_named(row.precision), seconds)) {
    std::cout << markdown_line({speed.name, text(speed.calls),
                                formatted("%.1f", 1e6 * speed.seconds),
                                formatted("%.0f", speed.operations_per_second / 1e9)});
    found.push_back({{"convolution", speed.name},
                     {"calls", speed.calls},
                     {"seconds", speed.seconds},
                     {"operations_per_second", speed.operations_per_second}});
  }
  return {{"precision", row.precision},
          {"mode", row.mode},
          {"model", row.model.name},
          {"batch", row.batch},
          {"convolutions", found}};
}

nlohmann::json table_of_nodes(const Row& row) {
  const std::vector<CountedPart> parts =
      count_nodes(row.model, row.mode, row.batch, precision_named(row.precision));
  std::int64_t nodes = 0;
  double bytes = 0;
  Json found = Json::array();
  for (const CountedPart& part : parts) {
    nodes += part.nodes;
    bytes += part.bytes;
    found.push_back({{"part", part.name}, {"nodes", part.nodes}, {"bytes", part.bytes}});
  }
  print_row_heading(row, text(nodes, " nodes, ", formatted("%.2f", bytes / 1e9), " GB a step"),
                    {"part", "nodes", "MB", "share, %"});
  for (const CountedPart& part : parts) {
    std::cout << markdown_line({part.name, text(part.nodes), formatted("%.2f", part.bytes / 1e6),
                                formatted("%.1f", 100 * part.bytes / bytes)});
  }
  std::cout << std::flush;
  return {{"precision", row.precision},
          {"mode", row.mode},
          {"model", row.model.name},
          {"batch", row.batch},
          {"nodes", nodes},
          {"bytes", bytes},
          {"parts", found}};
}

}  // namespace saddle::bench
