// Session: the attacks of one saddle-attack, in order, over one or several checkpoints.
//
// A job is one attack on one checkpoint at one radius. Jobs along a curve of radii follow each
// other, smallest first, and hand on what they broke. After any batch the session can be left: by a
// time budget (it then says what is unfinished) or by a kill (its state file, written every few
// seconds, takes the next run to where this one was).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/attack/report.h"
#include "apps/attack/resume.h"
#include "apps/attack/attack_table.h"

namespace saddle {

// One column of the report: an attack, and where a curve is asked for, one of its radii.
struct Job {
  AttackSpec spec;
  Attack attack;
  std::optional<double> eps;  // of a curve
  std::string curve;          // the spec without its radius; empty: no curve
  bool continues = false;     // takes over what the job before it broke
};

struct SessionOptions {
  std::vector<std::string> checkpoints;
  std::vector<Job> jobs;  // of each checkpoint
  AttackedExamples which = AttackedExamples::correct_only;
  std::int64_t batch_size = 128;
  bool keep_images = false;  // adversarial images, in results and in the state
  bool has_average = false;
  std::vector<std::string> warnings;  // known before the work, for every report
  std::string precision = "fp32";
  std::string plan = "default";                // what convolutions go by
  std::optional<std::filesystem::path> state;  // the state file; empty: none is kept
  bool restart = false;                        // an older state file is not looked at
  Command command;                             // what a state must be of
  Command circumstances;                       // another state's are warned of
  bool eight_bit = false;                      // judge the images rounded to k / 255, too
  std::vector<std::string> transfer_to;        // checkpoints that judge the images, too
  std::optional<double> time_budget;           // seconds
  bool quiet = false;
};

// A model under attack: its name and what it says of images, in fp32.
struct Victim {
  std::string model;
  LogitsFunction logits;
  ModelDescription description = {};
  std::vector<std::string> assumptions = {};  // what its file does not say, a sentence each
  LogitsFunction climbed = {};  // the same in less precision, for attacks to climb; empty: `logits`
};

// Loads a checkpoint.
using LoadVictim = std::function<Victim(const std::string& checkpoint)>;

// Runs the jobs, or what is left of them, and reports. Warnings go to stderr as they arise.
std::vector<AttackReport> run_session(const SessionOptions& options, const DeviceDataset& data,
                                      const LoadVictim& load);

}  // namespace saddle
