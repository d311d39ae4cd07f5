#include "core/pool.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "core/error.h"

namespace saddle {

Pool::Pool(Allocate allocate, Release release)
    : allocate_(std::move(allocate)), release_(std::move(release)) {}

Pool::~Pool() { trim(); }

std::size_t Pool::size_class(std::size_t bytes) {
  constexpr std::size_t kSmallest = 256;
  if (bytes <= kSmallest) return kSmallest;
  const std::size_t step = std::bit_floor(bytes - 1) / 4;
  return (bytes + step - 1) / step * step;
}

void* Pool::take(std::size_t bytes) {
  const std::size_t size = size_class(bytes);
  ++counters_.requests;
  void* memory = nullptr;
  std::vector<void*>& cached = free_[size];
  if (!cached.empty()) {
    memory = cached.back();
    cached.pop_back();
  } else {
    try {
      memory = allocate_(size);
    } catch (const Error&) {
      trim();
      memory = allocate_(size);
    }
    ++counters_.device_allocations;
    counters_.bytes_held += size;
  }
  counters_.bytes_in_use += size;
  counters_.peak_bytes_in_use = std::max(counters_.peak_bytes_in_use, counters_.bytes_in_use);
  return memory;
}

void Pool::give(void* memory, std::size_t bytes) noexcept {
  const std::size_t size = size_class(bytes);
  counters_.bytes_in_use -= size;
  try {
    free_[size].push_back(memory);
  } catch (const std::bad_alloc&) {  // no memory to note it in
    release_(memory, size);
    counters_.bytes_held -= size;
  }
}

void Pool::trim() noexcept {
  for (auto& [size, cached] : free_) {
    for (void* memory : cached) {
      release_(memory, size);
      counters_.bytes_held -= size;
    }
    cached.clear();
  }
}

namespace {

struct Borrowed {
  struct Piece {
    void* memory;
    std::size_t bytes;
  };

  std::shared_ptr<Pool> from;
  std::vector<Piece> pieces = {};

  explicit Borrowed(std::shared_ptr<Pool> pool) : from(std::move(pool)) {}
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed() {
    for (const Piece& piece : pieces) {
      if (piece.memory) from->give(piece.memory, piece.bytes);
    }
  }

  void* take(std::size_t bytes) {
    pieces.push_back({nullptr, bytes});  // first: it may throw
    return pieces.back().memory = from->take(bytes);
  }
};

}  // namespace

std::shared_ptr<Pool> pool_within(std::shared_ptr<Pool> outer) {
  const auto borrowed = std::make_shared<Borrowed>(std::move(outer));
  return std::make_shared<Pool>([borrowed](std::size_t bytes) { return borrowed->take(bytes); },
                                [](void*, std::size_t) {});  // with Borrowed
}

}  // namespace saddle
