#include "attacks/confirmed.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "attacks/open_rows.h"
#include "attacks/rows.h"

namespace saddle {
namespace {

constexpr std::int64_t kPassesToConfirm = 2;

// One member's tries, in both precisions.
class ConfirmedAttempt {
 public:
  ConfirmedAttempt(AttackMember member, std::int64_t targets, LogitsFunction rough,
                   LogitsFunction exact)
      : member_(std::move(member)),
        targets_(targets),
        rough_(std::move(rough)),
        exact_(std::move(exact)),
        rough_attempt_(member_.against(rough_, targets)) {}

  Tensor operator()(const Batch& batch, PassCounts& counts) {
    const Tensor found = rough_attempt_(batch, counts);
    const Rows again = unconfirmed(batch, found, counts);
    if (again.empty()) return found;
    if (!exact_attempt_) exact_attempt_ = member_.against(exact_, targets_);
    PassCounts used;
    const Tensor found_again = exact_attempt_(select(batch, again), used);
    counts.add(again, used);
    counts.repeated.insert(counts.repeated.end(), again.begin(), again.end());
    const Tensor result = found.clone();
    put_rows(result, row_numbers(batch.inputs.device(), again), found_again);
    return result;
  }

 private:
  // The rows that are successes for `rough_` alone.
  Rows unconfirmed(const Batch& batch, const Tensor& found, PassCounts& counts) const {
    const Rows standing = rows_to_attack(logits_of(exact_, found), batch);
    counts.add_to_all(batch.inputs.shape()[0], {1, 0});
    if (standing.empty()) return {};
    Device& device = batch.inputs.device();
    const Tensor asked = row_numbers(
        device, padded_list(standing, padded(device, static_cast<std::int64_t>(standing.size()))));
    const Rows failed =
        rows_to_attack(logits_of(rough_, select_rows(found, asked)), select(batch, asked));
    counts.add(standing, Passes{1, 0});
    Rows rows;
    for (std::size_t i = 0; i < standing.size(); ++i) {
      if (!std::ranges::binary_search(failed, static_cast<std::int32_t>(i))) {
        rows.push_back(standing[i]);
      }
    }
    return rows;
  }

  AttackMember member_;
  std::int64_t targets_;
  LogitsFunction rough_, exact_;  // attempts may keep references to them
  Attempt rough_attempt_, exact_attempt_;
};

AttackMember confirmed_member(const AttackMember& member, const LogitsFunction& rough) {
  AttackMember made = member;
  made.against = [member, rough](const LogitsFunction& exact, std::int64_t targets) -> Attempt {
    return [attempt = std::make_shared<ConfirmedAttempt>(member, targets, rough, exact)](
               const Batch& batch, PassCounts& counts) { return (*attempt)(batch, counts); };
  };
  made.passes += kPassesToConfirm;
  if (member.stand_in) {
    made.stand_in = std::make_shared<const AttackMember>(confirmed_member(*member.stand_in, rough));
  }
  return made;
}

}  // namespace

Attack confirmed(Attack attack, const LogitsFunction& rough) {
  for (AttackMember& member : attack.members) member = confirmed_member(member, rough);
  return attack;
}

}  // namespace saddle
