// Fastest: which of several ways to do the same work takes the least time on this machine.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace saddle {

using Work = std::function<void()>;
using Seconds = std::function<double()>;  // a clock: seconds since some moment

double steady_seconds();

// The place of the fastest candidate; the choice depends on what `now` says before and after each
// run, and on nothing else. All run once untimed; then in rounds, by turns, so that what disturbs
// the machine disturbs each, and a candidate's time is its least. One that took more than twice the
// least of a round's beginning is left out of the next. The first candidate is the favourite:
// another must be 10 % faster, so that the noise of a busy machine does not decide between equals.
std::size_t fastest(const std::vector<Work>& candidates, const Seconds& now = steady_seconds);

}  // namespace saddle
