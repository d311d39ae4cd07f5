// AttackState of texts: where an interrupted attack goes on.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "apps/attacking/state_file.h"
#include "apps/text/attack_report.h"

namespace saddle {

// Writes the examples that are done of every attack.
void save_text_state(const std::filesystem::path& path, const Command& command,
                     const std::vector<WordAttackResult>& results);

// Reads them into `results`, which are of the same attacks and empty. Throws Error where the file
// is of another command, or is not what save_text_state wrote.
void load_text_state(const std::filesystem::path& path, const Command& command,
                     std::span<const TextExample> examples, Compat compat, std::int64_t classes,
                     std::vector<WordAttackResult>& results);

}  // namespace saddle
