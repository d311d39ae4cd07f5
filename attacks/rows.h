// Rows: going on with some examples of a batch, and asking the model what it thinks of them.
//
// A row is one try of one example. Attacks drop the rows that are done, and put many tries of an
// example into one batch; both are gathers by row number.
#pragma once

#include <cstdint>
#include <vector>

#include "attacks/attack.h"

namespace saddle {

// Row numbers on a device, i32 [N].
Tensor row_numbers(Device& device, const std::vector<std::int32_t>& rows);

// Rows of a tensor [any, ...], f32, i32 or u8: [N, ...] with row i = tensor[rows[i]]. `rows` is
// i32 [N]; a row may be taken more than once. Numbers are not checked against the tensor.
Tensor select_rows(const Tensor& tensor, const Tensor& rows);

// to[rows[i]] <- from[i]; the rows differ from each other. Throws Error where shapes do not fit.
void put_rows(const Tensor& to, const Tensor& rows, const Tensor& from);

// The batch of these rows; an empty `attempts` stays empty.
Batch select(const Batch& batch, const Tensor& rows);
Batch select(const Batch& batch, const std::vector<std::int32_t>& rows);

// Throws Error, beginning with the attack's name, where labels, indices or attempts do not match
// the images.
void check_batch(const Batch& batch, const char* attack);

// Logits [N, K] of images, without a gradient.
Tensor logits_of(const LogitsFunction& logits, const Tensor& images);

// z_y - max over j != y of z_j for each row, f32 [N]; NaN where a logit is NaN.
Tensor margins(const Tensor& logits, const Tensor& labels);

// For each row the class of rank attempts[row] mod `targets`, from 0, among the classes other than
// the label, by falling logit: i32 [N]. Attempts 0, 1, ... thus aim at the nearest competitors
// first. Throws Error where there are fewer than `targets` other classes.
Tensor other_classes_at_rank(const Tensor& logits, const Tensor& labels, const Tensor& attempts,
                             int targets);

// The largest |entry| of each row of a tensor [N, ...], f32 [N]: 0 where a gradient is exactly
// zero.
Tensor largest_entries(const Tensor& tensor);

// batch.attempts, or zeros [N] where it is empty.
Tensor attempts_of(const Batch& batch);

// The rows, in order, on which an attack has yet to succeed: those predicted right, of a batch with
// aims those that are not taken for theirs. Waits for the device.
std::vector<std::int32_t> rows_to_attack(const Tensor& logits, const Batch& batch);

// The rows, in order, whose prediction is their label: a host list, so this waits for the device. A
// row with a NaN logit counts as predicted right: a failure of the model is no success of an
// attack.
std::vector<std::int32_t> rows_predicted_right(const Tensor& logits, const Tensor& labels);

}  // namespace saddle
