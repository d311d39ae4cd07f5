// Resume: what an interrupted saddle-attack leaves beside its --json file, NAME.state.
//
// The file holds every finished attack's result and where the attack under way stands, as
// safetensors. It is replaced whole and disappears once all is done. What the run was asked for
// stands in it word for word; a state of another command, checkpoint or data is refused.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "apps/attacking/state_file.h"
#include "attacks/attack_run.h"

namespace saddle {

struct RunState {
  std::vector<AttackResult> finished;  // of the first attacks, in order
  std::optional<AttackState> current;  // of the next one, where it has begun
  Command circumstances = {};
  std::string plans = {};  // of convolutions (apps/common/plan_options.h)
};

// Whether the adversarial images of the attack under way are part of the state.
enum class SavedImages { all, none };

// Writes the state, all or nothing. `current` may be null. Finished results are written with their
// images where they have some. `circumstances` are what the last bits of results may depend on
// ("threads", "6"): a state of others is taken, and it is for the caller to say so. So are `plans`
// to be gone on with.
void save_state(const std::filesystem::path& path, const Command& command,
                std::span<const AttackResult> finished, const AttackState* current,
                SavedImages images, const Command& circumstances = {},
                const std::string& plans = {});

// How large what a state holds must be.
struct StateExtent {
  std::size_t attacks = 0;    // of the whole run, begun or not
  std::int64_t examples = 0;  // N
  std::int64_t image = 0;     // values of an image, H W C
  SavedImages images = SavedImages::all;
};

// Throws Error where the file is not such a state, is of another command (names what differs) or
// another extent, or holds values that no run writes. Whether it fits model and data is for
// AttackRun::check and resume to say.
RunState load_state(const std::filesystem::path& path, const Command& command,
                    const StateExtent& extent);

}  // namespace saddle
