// AttackRun: the attacks of a run upon a network for text, one after the other, so that an
// interrupted run can go on.
#pragma once

#include <vector>

#include "apps/text/attack_program.h"
#include "apps/text/attack_report.h"
#include "apps/text/load_text_model.h"

namespace saddle {

// Texts that the network is given at a time, by the options or the device.
std::int64_t batch_size_of(const TextAttackProgramOptions& options, const TextModel& model);

// Runs the searches of the report's attacks, or what is left of them, and puts what becomes of the
// texts into the report. With --json it saves where they stand every few seconds, and when
// --time-budget is over. Throws Error where the state that lies there is of another command.
void run_attacks(const TextAttackProgramOptions& options, const TextModel& model,
                 const TextSet& set, const std::vector<TextSearch>& searches,
                 TextAttackReport& report);

}  // namespace saddle
