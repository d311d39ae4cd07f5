// The model of a checkpoint, checked against the data set it is to see.
#pragma once

#include <string>

#include "apps/common/checkpoint.h"
#include "apps/data/dataset.h"

namespace saddle {

// As load_checkpoint, what the file does not say being the data set's. Throws Error where the
// images' shape or the labels are not the model's.
Classifier load_model(const std::string& checkpoint, const CheckpointOverrides& overrides,
                      Device& device, const Dataset& data, Precision precision = Precision::fp32);

}  // namespace saddle
