// Wording: how a report speaks of a task: of its scores, of what is attacked, of plain training.
#pragma once

#include "apps/reproduce/results.h"

namespace saddle::reproduce {

struct Wording {
  const char* score = "";              // without attack: "accuracy"
  const char* scores_in_percent = "";  // what a table counts: "Accuracies in percent"
  const char* examples = "";           // "images"
  const char* attacked = "";           // what of the attacks is that of N examples
  const char* robustness = "";         // what a table says of an attack
  const char* plain = "";              // the optimiser of plain training, "SGD"
  const char* plain_flag = "";         // as --optimizer names it
};

const Wording& wording_of(Task task);

}  // namespace saddle::reproduce
