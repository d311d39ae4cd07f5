// The losses that APGD climbs.
#pragma once

#include "core/loss.h"

namespace saddle {

// The targeted losses aim at a class t, and any misclassification is a success.
enum class ApgdLoss { ce, dlr, targeted_dlr, targeted_ce };

bool is_targeted(ApgdLoss loss);

// Of ce, dlr and their targeted forms, t being batch.aims; `right` says where the label is
// predicted. ce of a batch with aims is log softmax(z)_t, and `right` says where t is not predicted
// yet.
Loss apgd_loss(ApgdLoss name);

}  // namespace saddle
