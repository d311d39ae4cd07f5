// saddle-demo: the paper's duality on real images, in minutes on a CPU.
#pragma once

namespace saddle {

// The whole programs, as main calls them; they return the exit code and throw nothing. The first,
// of classification, leaves "saddle-demo segmentation" to the second.
int demo_main(int argc, const char* const* argv);
int segmentation_demo_main(int argc, const char* const* argv);

}  // namespace saddle
