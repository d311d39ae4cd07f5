#include "core/cpu_isa.h"

#include <cpuid.h>

#include <array>
#include <ios>

#include "core/error.h"
#include "core/onednn.h"

namespace saddle {

std::string cpu_isa() { return onednn::uses_avx512() ? "avx512" : "avx2"; }

std::string processor() {
  constexpr unsigned kName = 0x80000002u;  // and the next two: 16 characters each
  std::array<unsigned, 4> word{};
  const auto ask = [&](unsigned leaf) {
    return __get_cpuid(leaf, &word[0], &word[1], &word[2], &word[3]) != 0;
  };
  std::string name;
  for (unsigned part = 0; part < 3 && ask(kName + part); ++part) {
    for (unsigned letters : word) {
      for (int i = 0; i < 4 && (letters & 0xff) != 0; ++i, letters >>= 8)
        name += static_cast<char>(letters & 0xff);
    }
  }
  while (name.ends_with(' ')) name.pop_back();
  ask(1);
  return text(name, " (0x", std::hex, word[0], ")");
}

void hold_to_avx2() { onednn::hold_to_avx2(); }

}  // namespace saddle
