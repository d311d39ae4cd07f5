#include "attacks/text/text_outcome.h"

namespace saddle {

std::string_view name_of(TextStatus status) {
  switch (status) {
    case TextStatus::skipped: return "skipped";
    case TextStatus::succeeded: return "succeeded";
    case TextStatus::failed: break;
  }
  return "failed";
}

}  // namespace saddle
