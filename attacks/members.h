// Members: every attack with its options as a member of the queue, ready to be aimed at a model.
#pragma once

#include <cstdint>

#include "attacks/apgd.h"
#include "attacks/carlini_wagner.h"
#include "attacks/deepfool.h"
#include "attacks/fab.h"
#include "attacks/member.h"
#include "attacks/mi_fgsm.h"
#include "attacks/pgd.h"
#include "attacks/pixle.h"
#include "attacks/square.h"
#include "attacks/stadv.h"

namespace saddle {

// How often a member tries an example, and with which random numbers.
struct Tries {
  std::uint64_t seed = 0;
  std::int64_t restarts = 1;
  std::int64_t targets = 9;  // classes, of attacks that aim at one after the other; as AutoAttack
};

// Each throws Error where the options are impossible, or restarts would repeat each other.
AttackMember member_of(const PgdOptions& options, const Tries& tries);
AttackMember member_of(const MiFgsmOptions& options, const Tries& tries);
AttackMember member_of(const ApgdOptions& options, const Tries& tries);
AttackMember member_of(const FabOptions& options, const Tries& tries);
AttackMember member_of(const SquareOptions& options, const Tries& tries);
AttackMember member_of(const StadvOptions& options, const Tries& tries);
AttackMember member_of(const PixleOptions& options, const Tries& tries);
AttackMember member_of(const CarliniWagnerOptions& options, const Tries& tries);
AttackMember member_of(const DeepFoolOptions& options, const Tries& tries);

}  // namespace saddle
