// The model of a checkpoint, checked against the data set it is to see.
#pragma once

#include <string>

#include "apps/common/checkpoint.h"
#include "apps/data/dataset.h"

namespace saddle {

// As load_checkpoint, what the file does not say being the data set's; that folders' names were not
// compared is among the model's assumptions. Throws Error where the images' shape, the classes'
// names or the labels are not the model's.
Model load_model(const std::string& checkpoint, const CheckpointOverrides& overrides,
                 Device& device, const Dataset& data, Precision precision = Precision::fp32);

// Renumbers the data set's labels where the checkpoint has the same class names in another order.
// Returns the sentence that says so, or nothing. What does not match is left for load_model.
std::string match_labels(Dataset& data, const std::string& checkpoint);

}  // namespace saddle
