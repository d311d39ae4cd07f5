// Fuzzes the state of an attack: any JSON beside sound tensors gives an Error, or a state whose
// sizes are those of the run.
#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "apps/attack/resume.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "tests/fuzz/memory_file.h"

namespace {

using namespace saddle;

const Command kCommand{{"attacks", "fgsm"}};
constexpr StateExtent kExtent{2, 2, 3, SavedImages::all};  // two images of three values

AttackResult result() {
  AttackResult made;
  made.members.resize(1);
  made.examples.resize(2);
  made.adversarial.resize(6);
  return made;
}

// What a run writes: one finished attack, one under way.
SafetensorsFile sound_state() {
  std::string name = "/dev/shm/saddle-fuzz-XXXXXX";
  const int descriptor = ::mkstemp(name.data());
  AttackState current;
  current.standing = {0, 1};
  current.result = result();
  save_state(name, kCommand, std::vector{result()}, &current, SavedImages::all);
  SafetensorsFile file = SafetensorsFile::load(name);
  load_state(name, kCommand, kExtent);  // else the fuzzer would see nothing behind the first check
  ::close(descriptor);
  ::unlink(name.c_str());
  return file;
}

std::vector<std::byte> state_with(const std::string& json) {
  static const SafetensorsFile sound = sound_state();
  std::vector<NamedTensor> tensors;
  for (const auto& [name, tensor] : sound.tensors()) {
    tensors.push_back({name, tensor.dtype, tensor.shape, tensor.bytes});
  }
  return serialize_safetensors(tensors, {{"saddle_attack", json}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemoryFile file;
  try {
    file.replace(state_with({reinterpret_cast<const char*>(data), size}));
    const RunState state = load_state(file.path(), kCommand, kExtent);
    for (const AttackResult& finished : state.finished) expect(finished.examples.size() == 2);
    if (state.current) expect(state.current->standing.size() == 2);
  } catch (const Error&) {
    // refused
  }
  return 0;
}
