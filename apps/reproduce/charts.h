// Charts of a report, as SVG: within its page, and as files for a README.
#pragma once

#include <string>

#include "apps/common/chart.h"
#include "apps/reproduce/report.h"

namespace saddle::reproduce {

// Test accuracy over the epochs, of each row's first seed.
std::string training_chart(const Report& report, SvgPlace place);
// Robust accuracy over the radius of the plan's curve, of each row's first seed; of a task that has
// a curve.
std::string robustness_chart(const Report& report, SvgPlace place);
// The score under attack (the average, else AutoAttack or the last column) over natural accuracy:
// means of the rows. Rows of one name but for a number at its end ("SAM 0.1", "SAM 0.2") are one
// line, with the numbers at its points.
std::string trade_off_chart(const Report& report, SvgPlace place);

}  // namespace saddle::reproduce
