// Confirmed: attacks that climb a model in less precision than the one it is judged in.
//
// Gradients need few digits, claims need all. So an attack may climb the network in bf16 or tf32,
// where a GPU is several times as fast, while its images are judged in fp32. Near the decision
// boundary the two differ: an attack leaves an example as broken that in fp32 still stands. Such a
// try is made again in fp32, so that an example stands only where the attack itself gave it up.
//
// What rounding may still cost: an attack that fails in bf16 might have succeeded in fp32.
#pragma once

#include "attacks/attack_run.h"

namespace saddle {

// The attack, whose members first climb `rough` and make again, on the model they are aimed at,
// what succeeds on `rough` alone (MemberResult::repeated counts those tries). Both are functions of
// one network, in two precisions.
Attack confirmed(Attack attack, const LogitsFunction& rough);

}  // namespace saddle
