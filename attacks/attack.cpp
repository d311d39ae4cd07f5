#include "attacks/attack.h"

#include <algorithm>

namespace saddle {

void PassCounts::add(std::int32_t row, Passes used) {
  const auto place = static_cast<std::size_t>(row);
  if (rows.size() <= place) rows.resize(place + 1);
  for (Passes* sum : {static_cast<Passes*>(this), &rows[place]}) {
    sum->forward += used.forward;
    sum->backward += used.backward;
  }
}

void PassCounts::add(const std::vector<std::int32_t>& of_rows, Passes used_by_each) {
  for (std::int32_t row : of_rows) add(row, used_by_each);
}

void PassCounts::add_to_all(std::int64_t count, Passes used_by_each) {
  for (std::int64_t row = 0; row < count; ++row) {
    add(static_cast<std::int32_t>(row), used_by_each);
  }
}

void PassCounts::add(const std::vector<std::int32_t>& of_rows, const PassCounts& part) {
  for (std::size_t i = 0; i < part.rows.size(); ++i) add(of_rows[i], part.rows[i]);
  for (std::int32_t row : part.zero_gradients) {
    zero_gradients.push_back(of_rows[static_cast<std::size_t>(row)]);
  }
  for (std::int32_t row : part.repeated) {
    repeated.push_back(of_rows[static_cast<std::size_t>(row)]);
  }
}

}  // namespace saddle
