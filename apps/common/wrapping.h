// Wrapping: what PyTorch puts around a network before it is saved.
//
// DataParallel, torch.compile, AveragedModel and one's own modules write a prefix before every name
// ("module.", "_orig_mod.", "network.", "1.", in any nesting) and bring tensors of their own along:
// a counter "n_averaged", a normaliser's mean and deviation. The prefix is found by the network's
// names, not by a list of wrappers.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/safetensors.h"
#include "layers/layers.h"

namespace saddle {

// The mean and deviation that a module in the file subtracts and divides by.
struct Normaliser {
  std::string mean_name, std_name;  // of the tensors
  std::vector<float> mean, std;     // [channels]
};

// Whether elements of the type can be read as f32.
bool holds_floats(DType dtype);

struct Wrapping {
  std::string prefix;               // in front of the network's names
  std::vector<std::string> copies;  // other prefixes under which as many of its names stand
};

// The prefix under which most of the network's names stand (the shortest of several); "" where none
// of them is found.
Wrapping wrapping_of(const SafetensorsFile& file, const NetworkLayout& layout);

// Takes out of `surplus` (names of the file that the network does not have) what belongs to the
// wrapping: n_averaged, exact copies of the network's tensors, and a normaliser of as many
// channels, which is returned. Two normalisers that differ stay.
std::optional<Normaliser> take_wrapping(const SafetensorsFile& file, const Wrapping& wrapping,
                                        std::int64_t channels, std::set<std::string>& surplus);

}  // namespace saddle
