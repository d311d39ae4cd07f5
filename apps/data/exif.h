// Exif: the orientation that a camera notes beside the pixels of an image.
#pragma once

#include "core/file.h"

namespace saddle {

// TIFF tag 0x0112: 1 where the rows lie as stored, 2 to 8 where they should be turned or mirrored
// to be looked at. `bytes` is what follows a JPEG's APP1 length, the data of a PNG's eXIf chunk or
// of a WebP's EXIF chunk, with or without "Exif\0\0" in front. 1 where they name none or are not
// sound.
int exif_orientation(Bytes bytes);

}  // namespace saddle
