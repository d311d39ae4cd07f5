// Memory of the host for the devices that compute there.
#pragma once

#include <cstddef>

namespace saddle {

// Large pieces sit on huge pages, which saves most of the page faults and address look-ups. To be
// given back by std::free. Throws Error ("out of memory: ...").
void* allocate_host(std::size_t bytes);

}  // namespace saddle
