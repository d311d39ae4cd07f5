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

std::vector<Setting> settings_of_weights(std::string& init_from, bool& new_head) {
  return {{"--init-from",
           "init_from",
           &init_from,
           "starting weights, a safetensors file, by name",
           {.recorded = Recorded::always, .type = "FILE"}},
          {"--new-head",
           "new_head",
           &new_head,
           "take all of --init-from but the last layer, which knows the classes",
           {.idle = [&init_from] {
             return init_from.empty()
                        ? "--new-head needs --init-from: without it, the head is new anyway"
                        : "";
           }}}};
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
