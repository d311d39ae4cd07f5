// OutcomeJson: what became of a text, as an object of JSON and back.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "attacks/text/attacked_text.h"
#include "attacks/text/example_search.h"
#include "attacks/text/text_outcome.h"

namespace saddle {

nlohmann::ordered_json outcome_json(const TextOutcome& outcome);

// The outcome of an attack on `example` by a model of so many classes. Its words, changes and
// status are found anew; what else the object says is checked: it may have been damaged or edited.
// Throws Error, or what the JSON library throws, where it is not of this example.
TextOutcome outcome_of(const nlohmann::json& json, const TextExample& example, Compat compat,
                       std::int64_t classes);

}  // namespace saddle
