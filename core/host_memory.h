// Memory of the host for the devices that compute there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace saddle {

// Large pieces sit on huge pages, which saves most of the page faults and address look-ups. To be
// given back by std::free. Throws Error ("out of memory: ...").
void* allocate_host(std::size_t bytes);

// So many floats that keep their address until the next call, contents not defined. They stay
// allocated: convolutions that follow one another use them anew. One host thread drives the device.
// Throws Error ("out of memory: ..."), and so is called before threads begin.
float* working_memory(std::int64_t floats);

}  // namespace saddle
