// Fuzzes the state of an attack on texts: anything gives an Error of one line, or outcomes that an
// attack on these texts can have come to.
#include <algorithm>
#include <cmath>
#include <vector>

#include "apps/text/attack_state.h"
#include "core/error.h"
#include "tests/fuzz/memory_file.h"

namespace {

using namespace saddle;

constexpr std::int64_t kClasses = 2;

const std::vector<TextExample>& texts() {
  static const std::vector<TextExample> all = {
      {0, "a good film", 1}, {1, "caf\xc3\xa9 - bad", 0}, {2, "", 1}};
  return all;
}

void expect_possible(const WordAttackResult& result) {
  expect(std::isfinite(result.seconds) && result.seconds >= 0);
  std::int64_t before = -1;
  for (const TextOutcome& o : result.outcomes) {
    expect(o.index > before && o.index < std::ssize(texts()));
    before = o.index;
    expect(o.original == texts()[static_cast<std::size_t>(o.index)].text);
    expect(o.changed.size() <= o.words && o.queries >= 0 && o.asked >= 0);
    for (const std::size_t i : o.changed) expect(i < o.words);
    for (const Answer& answer : {o.before, o.after}) {
      expect(answer.score >= 0 && answer.score <= 1 && answer.predicted < kClasses);
      expect(answer.success == (answer.predicted != o.label));
    }
    expect((o.status == TextStatus::skipped) == o.before.success);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemoryFile file;
  try {
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    file.replace({bytes, bytes + size});
    std::vector<WordAttackResult> results(2);
    load_text_state(file.path(), {{"attacks", "pso; iga"}}, texts(), Compat::of_2024, kClasses,
                    results);
    for (const WordAttackResult& result : results) expect_possible(result);
  } catch (const Error& error) {
    expect(std::string(error.what()).find('\n') == std::string::npos);
  }
  return 0;
}
