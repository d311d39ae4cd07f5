// Peer: PyTorch's side of saddle-bench, measured by torch_peer.py in processes of its own.
//
// Eager PyTorch is asked for one mode at a time and takes turns with Saddle. Compiling takes a
// minute or more, and for all modes little longer than for one: so one process answers for all
// modes of a (model, precision, batch size), once. It knows no second batch size, for PyTorch would
// then compile for batches of any size, which run slower.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/bench/workload.h"
#include "apps/common/source_path.h"

namespace saddle::bench {

// What is measured together with its peers.
struct Row {
  BenchModel model;
  std::string mode, precision;
  std::int64_t batch;
};

struct PeerOptions {
  std::string python;  // one that has torch; empty: there are no peers
  std::vector<std::string> executions = {"eager"};
  std::string script = source_path("apps/bench/torch_peer.py");
};

// Runs the script; see its --help for what a line of its answer holds.
class PeerScript {
 public:
  PeerScript(const PeerOptions& options, std::string device, double seconds)
      : options_(options), device_(std::move(device)), seconds_(seconds) {}

  bool on_cpu() const { return !device_.starts_with("cuda"); }
  // The script's line for each of the modes that it came to measure, of the row but for its mode.
  std::map<std::string, nlohmann::json> ask(const Row& row, const std::vector<std::string>& modes,
                                            const std::string& execution,
                                            const std::string& memory_format) const;

 private:
  PeerOptions options_;
  std::string device_;
  double seconds_;
};

// What one way of running PyTorch gave for a row.
class Opponent {
 public:
  // An eager one, measured in turns.
  Opponent(const PeerScript& script, const Row& row) : script_(&script), row_(row) {}
  // A compiled one, measured before; null: it failed.
  Opponent(const Row& row, const nlohmann::json& line);

  // Measures once more, unless that was done before.
  void take_turn();

  const std::string& execution() const { return execution_; }
  bool failed() const { return failed_; }
  // The script's lines, of a compiled opponent one for all rounds.
  const std::vector<nlohmann::json>& lines() const { return lines_; }
  double rate(std::size_t round) const;  // images a second
  double median_rate() const;
  std::size_t peak_bytes() const { return lines_.front().at("peak_bytes"); }

 private:
  nlohmann::json line_in(const std::string& memory_format) const;

  const PeerScript* script_ = nullptr;
  Row row_;
  std::string execution_ = "eager", memory_format_ = "channels_last";
  std::vector<nlohmann::json> lines_;
  bool failed_ = false;
};

// All opponents of all rows.
class Peers {
 public:
  Peers(const PeerOptions& options, const std::string& device, double seconds,
        std::vector<std::string> modes)
      : options_(options), script_(options, device, seconds), modes_(std::move(modes)) {}

  // Those of a row, in the order of the executions. Measures compiled ones where the row differs
  // from the last in more than its mode.
  std::vector<Opponent> of(const Row& row);

 private:
  const nlohmann::json& compiled(const Row& row);

  PeerOptions options_;
  PeerScript script_;
  std::vector<std::string> modes_;
  std::string compiled_for_;                        // the row but for its mode
  std::map<std::string, nlohmann::json> compiled_;  // by mode
};

}  // namespace saddle::bench
