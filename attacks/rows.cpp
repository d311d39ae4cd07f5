#include "attacks/rows.h"

#include <algorithm>

#include "attacks/row_lists.h"

#include <cmath>
#include <numeric>

#include "core/ops.h"
#include "kernels/apgd.h"
#include "kernels/rows.h"

namespace saddle {
namespace {

std::int64_t row_count(const Tensor& tensor) {
  require(tensor.shape().rank() >= 1, "rows: a scalar has no rows");
  return tensor.shape()[0];
}

// Elements of a row; also where there is no row.
std::int64_t columns_of(const Shape& shape) {
  std::int64_t columns = 1;
  for (std::int64_t axis = 1; axis < shape.rank(); ++axis) columns *= shape[axis];
  return columns;
}

Shape with_rows(const Shape& shape, std::int64_t rows) {
  std::vector<std::int64_t> extents(shape.begin(), shape.end());
  extents[0] = rows;
  return Shape(extents);
}

template <class T>
Tensor gathered(const Tensor& tensor, const Tensor& rows) {
  const Tensor selected(tensor.device(), with_rows(tensor.shape(), rows.count()), tensor.dtype());
  const std::int64_t columns = columns_of(tensor.shape());
  launch(tensor.device(),
         GatherRows<T>{tensor.array<T>(), rows.array<std::int32_t>(), selected.array<T>(), columns},
         rows.count(), columns);
  return selected;
}

}  // namespace

Tensor row_numbers(Device& device, const std::vector<std::int32_t>& rows) {
  return Tensor::from_host(device, {static_cast<std::int64_t>(rows.size())}, rows);
}

Tensor select_rows(const Tensor& tensor, const Tensor& rows) {
  row_count(tensor);
  switch (tensor.dtype()) {
    case DType::i32: return gathered<std::int32_t>(tensor, rows);
    case DType::u8: return gathered<std::uint8_t>(tensor, rows);
    default: return gathered<float>(tensor, rows);
  }
}

void put_rows(const Tensor& to, const Tensor& rows, const Tensor& from) {
  row_count(to);
  require(to.dtype() == from.dtype() && from.shape() == with_rows(to.shape(), rows.count()),
          "rows: ", rows.count(), " rows of ", to.shape(), " cannot be replaced by ", from.shape());
  const std::int64_t columns = columns_of(to.shape());
  if (to.dtype() == DType::i32) {
    launch(to.device(),
           ScatterRows<std::int32_t>{from.array<std::int32_t>(), rows.array<std::int32_t>(),
                                     to.array<std::int32_t>(), columns},
           rows.count(), columns);
  } else {
    launch(to.device(),
           ScatterRows<float>{from.array(), rows.array<std::int32_t>(), to.array(), columns},
           rows.count(), columns);
  }
}

Batch select(const Batch& batch, const Tensor& rows) {
  return {select_rows(batch.inputs, rows), select_rows(batch.targets, rows),
          select_rows(batch.indices, rows),
          batch.attempts ? select_rows(batch.attempts, rows) : Tensor(),
          batch.aims ? select_rows(batch.aims, rows) : Tensor()};
}

Batch select(const Batch& batch, const std::vector<std::int32_t>& rows) {
  return select(batch, row_numbers(batch.inputs.device(), rows));
}

void check_batch(const Batch& batch, const char* attack) {
  require(batch.inputs && batch.targets && batch.indices && batch.inputs.shape().rank() >= 1 &&
              batch.targets.count() == batch.inputs.shape()[0] &&
              batch.indices.count() == batch.inputs.shape()[0] &&
              (!batch.attempts || batch.attempts.count() == batch.inputs.shape()[0]),
          attack, ": ", batch.inputs.shape(), " images, ", batch.targets.count(), " labels, ",
          batch.indices.count(), " indices and ", batch.attempts.count(),
          " attempt numbers do not match");
  require(!batch.aims || batch.aims.count() == batch.inputs.shape()[0], attack, ": ",
          batch.inputs.shape(), " images and ", batch.aims.count(), " targets do not match");
}

Tensor logits_of(const LogitsFunction& logits, const Tensor& images) {
  Tape tape;
  return logits(tape, tape.input(images, Gradient::none)).value();
}

Tensor margins(const Tensor& logits, const Tensor& labels) {
  require(
      logits.shape().rank() == 2 && logits.shape()[1] > 0 && logits.shape()[0] == labels.count(),
      "margins: logits ", logits.shape(), " and ", labels.count(), " labels do not match");
  const Tensor margin(logits.device(), {labels.count()});
  launch(logits.device(),
         Margin{logits.array(), labels.array<std::int32_t>(), margin.array(), logits.shape()[1]},
         labels.count());
  return margin;
}

Tensor other_classes_at_rank(const Tensor& logits, const Tensor& labels, const Tensor& attempts,
                             int targets) {
  const std::int64_t classes = logits.shape()[1];
  require(targets >= 1 && targets < classes, "targets: ", targets,
          " target classes asked for, the model has ", classes - 1, " besides the label's");
  const Tensor target(logits.device(), {labels.count()}, DType::i32);
  launch(
      logits.device(),
      OtherClassAtRank{logits.array(), labels.array<std::int32_t>(), attempts.array<std::int32_t>(),
                       target.array<std::int32_t>(), classes, targets},
      labels.count());
  return target;
}

Tensor largest_entries(const Tensor& tensor) {
  const std::int64_t rows = tensor.shape()[0];
  const Tensor largest(tensor.device(), {rows});
  launch(tensor.device(),
         RowMaxAbs{tensor.array(), largest.array(), rows > 0 ? tensor.count() / rows : 0}, rows);
  return largest;
}

Tensor attempts_of(const Batch& batch) {
  if (batch.attempts) return batch.attempts;
  const std::vector<std::int32_t> zeros(static_cast<std::size_t>(batch.inputs.shape()[0]), 0);
  return row_numbers(batch.inputs.device(), zeros);
}

std::vector<std::int32_t> rows_predicted_right(const Tensor& logits, const Tensor& labels) {
  const std::vector<std::int32_t> prediction = predict(logits).to_host<std::int32_t>(),
                                  label = labels.to_host<std::int32_t>();
  const std::vector<float> margin = margins(logits, labels).to_host<float>();
  std::vector<std::int32_t> rows;
  for (std::size_t i = 0; i < label.size(); ++i) {
    if (prediction[i] == label[i] || std::isnan(margin[i])) {
      rows.push_back(static_cast<std::int32_t>(i));
    }
  }
  return rows;
}

std::vector<std::int32_t> rows_to_attack(const Tensor& logits, const Batch& batch) {
  if (!batch.aims) return rows_predicted_right(logits, batch.targets);
  const std::vector<std::int32_t> there = rows_predicted_right(logits, batch.aims);
  std::vector<std::int32_t> rows = all_rows(logits.shape()[0]);
  std::erase_if(rows, [&](std::int32_t row) { return std::ranges::binary_search(there, row); });
  return rows;
}

}  // namespace saddle
