#include "apps/data/image_limits.h"

#include "core/error.h"

namespace saddle {

void check_image_size(std::int64_t width, std::int64_t height, std::int64_t max_pixels,
                      const std::string& name, const std::string& mend) {
  require(width > 0 && height > 0 && width <= kMaxImageSide && height <= kMaxImageSide &&
              width * height <= max_pixels,
          name, " has ", width, " x ", height, " pixels, more than ", kMaxImageSide, " a side or ",
          max_pixels, " in all", mend);
}

}  // namespace saddle
