// saddle-attack: how robust a checkpoint is, against one attack or many.
#pragma once

namespace saddle {

// The whole program, as main calls it; returns the exit code and throws nothing.
int attack_main(int argc, const char* const* argv);

}  // namespace saddle
