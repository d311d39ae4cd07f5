// RecentlyUsed: what was made for the keys asked for of late; what was not asked for longest goes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

namespace saddle {

template <class Key, class Value>
class RecentlyUsed {
 public:
  // `capacity`: the most values there are, at least 1.
  explicit RecentlyUsed(std::size_t capacity) : capacity_(capacity) {}

  // The value of the key, from make() where there is none. It stays where it is until it goes.
  template <class Make>
  Value& get(const Key& key, const Make& make) {
    auto found = values_.find(key);
    if (found == values_.end()) {
      Value made = make();  // before anything goes: it may throw
      if (values_.size() >= capacity_) values_.erase(longest_unused());
      found = values_.emplace(key, Entry{std::move(made), 0}).first;
    }
    found->second.used = ++uses_;
    return found->second.value;
  }
  std::size_t size() const { return values_.size(); }
  void clear() { values_.clear(); }

 private:
  struct Entry {
    Value value;
    std::uint64_t used;
  };
  auto longest_unused() {
    return std::min_element(values_.begin(), values_.end(), [](const auto& a, const auto& b) {
      return a.second.used < b.second.used;
    });
  }

  std::size_t capacity_;
  std::uint64_t uses_ = 0;
  std::map<Key, Entry> values_;
};

}  // namespace saddle
