#include "apps/training/run_options.h"

#include "apps/common/command_line.h"
#include "apps/common/settings.h"

namespace saddle {

std::vector<Setting> settings_of(RunOptions& o) {
  return {{"--resume",
           "",
           &o.resume,
           "go on from --output as if never interrupted, bit for bit",
           {.recorded = Recorded::never}},
          {"--overwrite",
           "",
           &o.overwrite,
           "remove an earlier run in --output first",
           {.recorded = Recorded::never}},
          {"--output",
           "",
           &o.output,
           "directory that receives the run",
           {.recorded = Recorded::never, .type = "DIR", .required = true}}};
}

void check(const RunOptions& options) {
  if (options.output.empty()) throw UsageError("--output is required");
  if (options.resume && options.overwrite) {
    throw UsageError("--resume and --overwrite contradict each other");
  }
}

RunDirectory::Open mode_of(const RunOptions& options) {
  if (options.resume) return RunDirectory::Open::resume;
  return options.overwrite ? RunDirectory::Open::overwrite : RunDirectory::Open::fresh;
}

bool goes_on(const RunOptions& options) {
  return options.resume && RunDirectory::holds_state(options.output);
}

}  // namespace saddle
