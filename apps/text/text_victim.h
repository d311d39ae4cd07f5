// TextVictim of a network: how an attack on words asks it about texts.
#pragma once

#include <cstdint>
#include <string_view>

#include "apps/text/load_text_model.h"
#include "attacks/text/text_attack.h"

namespace saddle {

// Logits of each text, computed `batch_size` texts at a time. On a CPU what is said of a text has
// the same bits whatever else is asked, in whatever batches, on any number of threads. Refers to
// the model. Throws Error where a logit is not finite.
TextVictim text_victim(const TextModel& model, std::int64_t batch_size);

// How many tokens the network sees of a text.
std::size_t token_count(const TextModel& model, std::string_view text);

}  // namespace saddle
