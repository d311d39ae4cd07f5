// Hashes, which are kept in files, and the texts of numbers.
#include "core/hash.h"

#include <gtest/gtest.h>

#include "core/format.h"

namespace saddle {
namespace {

// Fingerprints of data stand in the directories of runs: another value, and none could be resumed.
TEST(hash, stays_what_it_is) {
  EXPECT_EQ(hexadecimal(hash_of("")), "af63bd4c8601b7df");
  EXPECT_EQ(hexadecimal(hash_of("saddle point")), "c67340759566767f");
}

TEST(hash, tells_parts_apart) {
  EXPECT_NE(hash_of("c", hash_of("ab")), hash_of("bc", hash_of("a")));
}

TEST(formatted, is_as_printf_writes_it_at_any_length) {
  EXPECT_EQ(formatted("%.2f %%", 12.5), "12.50 %");
  EXPECT_EQ(formatted("%300d", 7), std::string(299, ' ') + "7");
}

}  // namespace
}  // namespace saddle
