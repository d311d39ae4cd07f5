// saddle-demo: the paper's duality on real images in minutes on a CPU.
#pragma once

namespace saddle {

// The whole program, as main calls it; returns the exit code and throws nothing.
int demo_main(int argc, const char* const* argv);

}  // namespace saddle
