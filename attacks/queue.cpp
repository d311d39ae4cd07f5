#include "attacks/queue.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

#include "attacks/answers.h"
#include "core/error.h"

namespace saddle {
namespace {

// [count]: 1 at these rows.
std::vector<std::uint8_t> flags_at(const std::vector<std::int32_t>& rows, std::size_t count) {
  std::vector<std::uint8_t> flags(count, 0);
  for (std::int32_t row : rows) flags[static_cast<std::size_t>(row)] = 1;
  return flags;
}

}  // namespace

AttackQueue::AttackQueue(const LogitsFunction& logits, Device& device, const QueueOptions& options,
                         const std::vector<std::uint8_t>& attacked, Verdict verdict)
    : logits_(logits),
      device_(device),
      members_(options.members),
      order_(options.order),
      classes_(options.classes),
      batch_size_(options.batch_size),
      verdict_(std::move(verdict)) {
  require(batch_size_ >= 1, "evaluate: a batch size of ", batch_size_, " is below 1");
  for (AttackMember& member : members_) {
    replace_by_stand_in(member);
    if (member.targets > classes_ - 1 && member.targets != kAllTargets) {
      warn(text(member.name, ": ", member.targets, " target classes were asked for, ", classes_ - 1,
                " is all that ", classes_, " classes have"));
    }
  }
  state_.outcomes.resize(attacked.size());
  for (std::size_t example = 0; example < attacked.size(); ++example) {
    if (attacked[example] == 0) continue;
    state_.outcomes[example].attacked = 1;
    attacked_.push_back(static_cast<std::int32_t>(example));
  }
  begin_member();
  skip_to_work();
}

void AttackQueue::replace_by_stand_in(AttackMember& member) {
  if (classes_ < member.least_classes && member.stand_in) {
    const AttackMember other = *member.stand_in;
    warn(text(member.name, ": needs a model of at least ", member.least_classes,
              " classes, this one has ", classes_, ": ", other.name, " takes its place"));
    member = other;
  }
  require(classes_ >= member.least_classes, member.name, ": needs a model of at least ",
          member.least_classes, " classes, this one has ", classes_,
          ". Attack it with pgd, apgd-ce or square");
}

std::int64_t AttackQueue::targets(const AttackMember& member) const {
  return std::min(member.targets, classes_ - 1);
}

std::int64_t AttackQueue::attempts(const AttackMember& member) const {
  return member.restarts * std::max<std::int64_t>(1, targets(member));
}

bool AttackQueue::finished() const {
  return state_.member == static_cast<std::int64_t>(members_.size());
}

void AttackQueue::begin_member() {
  if (finished()) return;
  state_.attempt = state_.position = 0;
  state_.standing.assign(state_.outcomes.size(), 0);
  for (std::int32_t example : attacked_) {
    const auto place = static_cast<std::size_t>(example);
    const bool left = order_ == Members::each_alone || !state_.outcomes[place].broken();
    state_.standing[place] = left ? 1 : 0;
  }
  state_.members.emplace_back().name = member().name;
  attempt_ = nullptr;
}

void AttackQueue::end_member() {
  MemberResult& member = state_.members.back();
  member.robust_accuracy = verdict_.robust_accuracy(
      std::accumulate(state_.standing.begin(), state_.standing.end(), std::int64_t{0}));
  if (member.zero_gradients > 0) {
    warn(text(member.name, ": ", member.zero_gradients,
              " attempts began with a gradient of exactly zero, and climbing got them nowhere. "
              "Trust fab-t and square more"));
  }
  ++state_.member;
  begin_member();
}

// Ends members that have nobody left to try.
void AttackQueue::skip_to_work() {
  QueueState after;
  while (!finished() && next_pairs(after).empty()) end_member();
}

void AttackQueue::check_members(const std::vector<MemberResult>& members) const {
  constexpr const char* kMend = ", so it is of another run. Begin anew with --restart";
  require(members.size() <= members_.size(), "evaluate: the state has ", members.size(),
          " members of the attack, which has ", members_.size(), kMend);
  for (std::size_t m = 0; m < members.size(); ++m) {
    require(members[m].name == members_[m].name, "evaluate: the state has '", members[m].name,
            "' in the place of ", members_[m].name, kMend);
  }
}

bool AttackQueue::fits(const Outcome& outcome, std::size_t example) const {
  if (outcome.attacked != state_.outcomes[example].attacked) return false;
  if (!outcome.broken()) return outcome.member == -1 && outcome.attempt == -1;
  if (outcome.member >= static_cast<std::int64_t>(members_.size())) return false;
  const AttackMember& member = members_[static_cast<std::size_t>(outcome.member)];
  return outcome.attacked != 0 && outcome.attempt >= 0 && outcome.attempt < attempts(member);
}

// Whether the place is one of this queue's, and whom it leaves to try are those not broken.
bool AttackQueue::agrees(const QueueState& state) const {
  const bool place = state.member >= 0 &&
                     state.member < static_cast<std::int64_t>(members_.size()) &&
                     state.attempt >= 0 &&
                     state.attempt < attempts(members_[static_cast<std::size_t>(state.member)]) &&
                     state.position >= 0 && state.position <= attacked() &&
                     static_cast<std::int64_t>(state.members.size()) == state.member + 1 &&
                     state.standing.size() == state_.outcomes.size() &&
                     state.outcomes.size() == state_.outcomes.size();
  for (std::size_t i = 0; place && i < state.standing.size(); ++i) {
    const Outcome& outcome = state.outcomes[i];
    const bool standing = state.standing[i] != 0;
    const bool same = order_ == Members::in_sequence
                          ? standing == (outcome.attacked != 0 && !outcome.broken())
                      : standing ? outcome.attacked != 0
                                 : outcome.attacked == 0 || outcome.broken();
    if (!same) return false;
  }
  return place;
}

void AttackQueue::resume(QueueState state) {
  require(agrees(state), "evaluate: the state is of another run. Begin anew with --restart");
  state_ = std::move(state);
  attempt_ = nullptr;
  skip_to_work();
}

void AttackQueue::inherit(const std::vector<Outcome>& smaller) {
  require(smaller.size() == state_.outcomes.size(),
          "evaluate: the smaller radius was of other examples");
  require(order_ == Members::in_sequence && state_.position == 0 && state_.attempt == 0,
          "evaluate: only a run of members in sequence can take over another, before it begins");
  for (std::size_t i = 0; i < smaller.size(); ++i) {
    if (!smaller[i].broken()) continue;
    state_.outcomes[i] = smaller[i];
    state_.outcomes[i].forward = state_.outcomes[i].backward = 0;
    state_.standing[i] = 0;
  }
  skip_to_work();
}

// A GPU wants batches as large as they can be. On the CPU, larger ones gain nothing and leave the
// caches (a network of 8 to 64 channels on images of 28x28 took 15 % longer with 200 of them).
std::int64_t AttackQueue::rows_at_once() const {
  constexpr std::int64_t kRowsOfThread = 48;
  return device_.captures() ? batch_size_ : std::min(batch_size_, kRowsOfThread * threads());
}

// Fills a batch from the queue; `after` gets the place behind it. A batch grows into the next
// attempt only while it is small: those pairs are wasted on examples that the batch breaks.
std::vector<AttackQueue::Pair> AttackQueue::next_pairs(QueueState& after) const {
  constexpr std::int64_t kEnoughOnHost = 16;  // fill the cores already
  const std::int64_t most = rows_at_once();
  const std::int64_t enough = device_.captures() ? most : std::min(most, kEnoughOnHost);
  std::vector<Pair> pairs;
  std::int64_t attempt = state_.attempt, position = state_.position;
  while (attempt < attempts(member()) && static_cast<std::int64_t>(pairs.size()) < most) {
    if (position == attacked()) {
      ++attempt;
      position = 0;
      if (static_cast<std::int64_t>(pairs.size()) >= enough) break;
      continue;
    }
    const std::int32_t example = attacked_[static_cast<std::size_t>(position++)];
    if (state_.standing[static_cast<std::size_t>(example)] == 0) continue;
    pairs.push_back({example, static_cast<std::int32_t>(attempt)});
  }
  after.attempt = attempt;
  after.position = position;
  return pairs;
}

void AttackQueue::step() {
  require(!finished(), "evaluate: the run is finished");
  const auto start = std::chrono::steady_clock::now();
  try {
    QueueState after;
    run(next_pairs(after));
    state_.attempt = after.attempt;
    state_.position = after.position;
  } catch (const std::exception& error) {
    if (!is_out_of_memory(error) || batch_size_ == 1) throw;
    attempt_ = nullptr;  // and with it what it keeps on the device
    device_.pool().trim();
    batch_size_ = std::max<std::int64_t>(1, rows_at_once() / 2);
    warn(text("out of memory: went on with batches of ", batch_size_));
    return;
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  state_.seconds += seconds;
  state_.members.back().seconds += seconds;
  skip_to_work();
}

void AttackQueue::run(const std::vector<Pair>& pairs) {
  if (!attempt_) attempt_ = member().against(logits_, targets(member()));
  std::vector<std::int32_t> examples, attempts;
  for (const Pair& pair : pairs) {
    examples.push_back(pair.example);
    attempts.push_back(pair.attempt);
  }
  Batch batch = verdict_.batch(examples);
  batch.attempts = Tensor::from_host(device_, {static_cast<std::int64_t>(pairs.size())}, attempts);
  PassCounts counts;
  const Tensor adversarial = attempt_(batch, counts);
  require(adversarial.shape() == batch.inputs.shape(), "attack: returned ", adversarial.shape(),
          " for images ", batch.inputs.shape());
  judge(pairs, verdict_.judge(examples, batch, adversarial), counts);
}

// Keeps for each example its first success, else the last attempt.
void AttackQueue::judge(const std::vector<Pair>& pairs, const RowVerdicts& verdicts,
                        const PassCounts& counts) {
  const auto zero_gradient = flags_at(counts.zero_gradients, pairs.size()),
             repeated = flags_at(counts.repeated, pairs.size());
  for (std::size_t row = 0; row < pairs.size(); ++row) {
    const auto place = static_cast<std::size_t>(pairs[row].example);
    if (state_.standing[place] == 0) continue;  // an attempt before it, in this batch, broke it
    Outcome& outcome = state_.outcomes[place];
    count(outcome, row < counts.rows.size() ? counts.rows[row] : Passes{});
    state_.members.back().zero_gradients += zero_gradient[row];
    state_.members.back().repeated += repeated[row];
    const bool success = verdicts.succeeds(row);
    if (success) state_.standing[place] = 0;
    if (outcome.broken()) continue;  // by a member before this one
    if (success) {
      outcome.member = static_cast<std::int32_t>(state_.member);
      outcome.attempt = pairs[row].attempt;
    }
    verdicts.keep(row);
  }
}

void AttackQueue::count(Outcome& outcome, Passes used) {
  used.forward += 1;  // the verdict
  for (Passes* sum : {&state_.passes, &state_.members.back().passes}) {
    sum->forward += used.forward;
    sum->backward += used.backward;
  }
  outcome.forward += static_cast<double>(used.forward);
  outcome.backward += static_cast<double>(used.backward);
}

std::int64_t AttackQueue::total() const {
  std::int64_t passes = 0;
  for (const AttackMember& member : members_) passes += attempts(member) * member.passes;
  return passes * attacked();
}

// Of the member under way; an example that it has broken is done with all attempts.
std::int64_t AttackQueue::pairs_done() const {
  std::int64_t pairs = state_.attempt * attacked() + state_.position;
  for (std::int64_t i = 0; i < attacked(); ++i) {
    const auto place = static_cast<std::size_t>(attacked_[static_cast<std::size_t>(i)]);
    if (state_.standing[place] != 0) continue;
    pairs += attempts(member()) - state_.attempt - (i < state_.position ? 1 : 0);
  }
  return pairs;
}

std::int64_t AttackQueue::done() const {
  const auto broken = std::ranges::count_if(state_.outcomes, &Outcome::broken);
  std::int64_t passes = 0;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    const std::int64_t pairs = static_cast<std::int64_t>(m) < state_.member
                                   ? attempts(members_[m]) * attacked()
                               : static_cast<std::int64_t>(m) == state_.member ? pairs_done()
                               : order_ == Members::in_sequence ? attempts(members_[m]) * broken
                                                                : 0;
    passes += pairs * members_[m].passes;
  }
  return passes;
}

}  // namespace saddle
