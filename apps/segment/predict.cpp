#include "apps/segment/predict.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>
#include <sstream>

#include "apps/common/class_names.h"
#include "apps/common/parse.h"
#include "apps/common/png.h"
#include "apps/common/progress.h"
#include "apps/common/settings.h"
#include "apps/data/image_file.h"
#include "apps/segment/image_batches.h"
#include "apps/segment/tiles.h"
#include "core/format.h"
#include "core/printable.h"
#include "core/threads.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;
constexpr std::int64_t kMaxPaletteBytes = 1 << 16;

// Where files of that folder come to lie, however it is written.
fs::path folder_of(const std::string& folder) {
  std::error_code ignored;
  return fs::weakly_canonical(fs::path(folder) / "", ignored);
}

// Masks and overlays are named after the images: each needs a folder of its own.
void check_folders(const PredictOptions& o) {
  const fs::path images = fs::is_directory(o.images)
                              ? folder_of(o.images)
                              : folder_of(fs::absolute(o.images).parent_path().string());
  for (const auto& [flag, folder] : {std::pair{"--masks ", o.masks}, {"--overlays ", o.overlays}}) {
    usage(folder.empty() || folder_of(folder) != images,
          text(flag, folder,
               ": the images lie there and would be written over. Name another "
               "folder"));
  }
  usage(o.masks.empty() || o.overlays.empty() || folder_of(o.masks) != folder_of(o.overlays),
        "--masks and --overlays would write the same files. Name two folders");
}

void check_options(const PredictOptions& o) {
  usage(!o.checkpoint.empty(), "--checkpoint is missing: name the model");
  usage(!o.images.empty(), "--images is missing: name an image or a folder of images");
  usage(!o.masks.empty() || !o.overlays.empty(),
        "nothing is asked for: give --masks DIR, --overlays DIR, or both");
  usage(o.opacity >= 0 && o.opacity <= 1, text("--opacity ", o.opacity, " must lie in [0, 1]"));
  usage(o.overlap >= 0 && o.overlap < 1, text("--overlap ", o.overlap, " must lie in [0, 1)"));
  const PredictOptions defaults;
  usage(o.tile || o.overlap == defaults.overlap, "--overlap does nothing without --tile");
  usage(!o.overlays.empty() || o.opacity == defaults.opacity,
        "--opacity does nothing without --overlays");
  check_folders(o);
}

// The image files, sorted; two of one stem would write the same mask.
std::vector<fs::path> files_of(const std::string& images) {
  std::vector<fs::path> files;
  if (fs::is_directory(images)) {
    for (const auto& entry : fs::directory_iterator(images)) {
      std::string ending = entry.path().extension().string();
      std::ranges::transform(ending, ending.begin(),
                             [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      if (entry.is_regular_file() && std::ranges::count(image_endings(), ending) > 0) {
        files.push_back(entry.path());
      }
    }
  } else {
    files.push_back(images);
  }
  require(!files.empty(), images, ": holds no image (", joined(image_endings()), ")");
  std::ranges::sort(files);
  std::set<std::string> stems;
  for (const fs::path& file : files) {
    require(stems.insert(file.stem().string()).second, file.string(),
            ": another image has the same name but for its ending, and both would be written to ",
            file.stem().string(), ".png. Rename one");
  }
  return files;
}

void make_folder(const std::string& folder) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  require(!failure, folder, ": cannot be made: ", failure.message(), ". Name another folder");
}

// A line `red green blue` a class.
Palette read_palette(const std::string& path, std::int64_t classes) {
  const std::vector<std::byte> bytes = read_file(path, kMaxPaletteBytes);
  std::istringstream lines(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  Palette palette;
  std::string line, rest;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    std::istringstream words(line);
    int red = 0, green = 0, blue = 0;
    require(words >> red >> green >> blue && !(words >> rest), path, ": line ", number,
            " is not `red green blue`, three numbers from 0 to 255");
    for (const int part : {red, green, blue})
      require(part >= 0 && part <= 255, path, ": line ", number, " has ", part,
              ", expected 0 to 255");
    palette.push_back({static_cast<std::uint8_t>(red), static_cast<std::uint8_t>(green),
                       static_cast<std::uint8_t>(blue)});
  }
  require(static_cast<std::int64_t>(palette.size()) == classes, path, ": has ", palette.size(),
          " lines of `red green blue`, the model ", classes, " classes");
  return palette;
}

// Pixels as the model sees them, [H, W, 3].
std::vector<float> pixel_values(const Image& image, const Model& model) {
  const bool stretched = model.network.options.deeplab.stretched_pixels;
  const PixelUnits units = units_of(image.pixels, model.mean, model.std,
                                    stretched ? PixelRange::stretched : PixelRange::plain);
  std::vector<float> values(image.pixels.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float value = static_cast<float>(image.pixels[i]) / 255.f;
    values[i] = std::clamp(value * units.scale[i % 3] + units.shift[i % 3], 0.f, 1.f);
  }
  return values;
}

// The image with its classes laid over it, and below it a line for each class that it shows.
void write_overlay(const fs::path& path, const Image& image,
                   const std::vector<std::uint8_t>& labels, const Palette& palette,
                   const Model& model, double opacity) {
  constexpr std::int64_t kLine = Canvas::kLetterHeight + 4, kSwatch = 16;
  const std::set<std::uint8_t> shown(labels.begin(), labels.end());
  Canvas canvas(std::max<std::int64_t>(image.width, 160),
                image.height + kLine * static_cast<std::int64_t>(shown.size()) + 4);
  for (std::size_t pixel = 0; pixel < labels.size(); ++pixel) {
    Colour colour;
    for (std::size_t k = 0; k < 3; ++k) {
      colour[k] = static_cast<std::uint8_t>((1 - opacity) * image.pixels[3 * pixel + k] +
                                            opacity * palette[labels[pixel]][k] + 0.5);
    }
    const auto at = static_cast<std::int64_t>(pixel);
    canvas.set(at / image.width, at % image.width, colour);
  }
  std::int64_t top = image.height + 4;
  for (const std::uint8_t label : shown) {
    for (std::int64_t y = 0; y < Canvas::kLetterHeight; ++y) {
      for (std::int64_t x = 2; x < kSwatch; ++x) canvas.set(top + y, x, palette[label]);
    }
    canvas.text(top, kSwatch + 4, class_name(model.class_names, label));
    top += kLine;
  }
  canvas.write(path);
}

std::string shares_of(const std::vector<std::uint8_t>& labels, const Model& model) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(model.classes()));
  for (const std::uint8_t label : labels) ++counts[label];
  std::string line;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] == 0) continue;
    line += (line.empty() ? "" : ", ") +
            class_name(model.class_names, static_cast<std::int64_t>(c)) +
            formatted(" %.1f %%",
                      100. * static_cast<double>(counts[c]) / static_cast<double>(labels.size()));
  }
  return line;
}

}  // namespace

void add_flags(CLI::App& app, PredictOptions& o) {
  add_text(app, "--checkpoint", o.checkpoint, "FILE", "The model: a safetensors file");
  add_text(app, "--images", o.images, "PATH", "An image, or a folder of images (not of folders)");
  add_text(app, "--masks", o.masks, "DIR",
           "Write NAME.png for each image: a palette PNG whose index is the class");
  add_text(app, "--overlays", o.overlays, "DIR",
           "Write NAME.png for each image: its classes laid over it, with their names");
  add_number(app, "--opacity", o.opacity, "Of the classes in overlays, 0 to 1");
  add_text(app, "--palette", o.palette, "FILE", "Colours, a line `red green blue` a class",
           "PASCAL VOC's");
  add_integer(app, "--tile", o.tile, 1,
              "Pixels a side of overlapping windows, for images too large for the memory",
              "the whole image");
  add_number(app, "--overlap", o.overlap, "Share of a tile that the next one covers again", "1/3");
  add_switch(app, "--flip-test", o.flip_test,
             "Add the probabilities that the mirrored image is given");
  add_settings(app, settings_of(o.segmenter));
  add_common_options(app, o.common);
}

void predict(const PredictOptions& o) {
  check_options(o);
  const std::vector<fs::path> files = files_of(o.images);
  Device& device = open_device(o.common);
  ModelDescription fallback;
  fallback.network.in_channels = 3;
  const Model model =
      load_segmenter(o.checkpoint, o.segmenter, device, fallback, precision_of(o.common));
  require(model.network.options.in_channels == 3, o.checkpoint, ": sees images of ",
          model.network.options.in_channels, " channels, expected 3");
  const Palette palette =
      o.palette.empty() ? voc_palette(model.classes()) : read_palette(o.palette, model.classes());
  for (const std::string& folder : {o.masks, o.overlays})
    if (!folder.empty()) make_folder(folder);
  const LogitsFunction f = model.evaluation({}, Batching::invariant);
  Progress progress("images", std::ssize(files), "images",
                    o.common.quiet ? Progress::Show::nothing : Progress::Show::line);
  for (const fs::path& file : files) {
    const Image image = decode_image(read_file(file, kMaxImageBytes), file.string());
    if (image.orientation != 1) {
      print_warning("saddle-segment predict",
                    text(file.string(),
                         ": its Exif orientation is not applied. The mask lies as "
                         "the pixels are stored"));
    }
    const std::vector<std::uint8_t> labels =
        label_pixels(f, device, pixel_values(image, model), image.height, image.width, model.mean,
                     {o.tile, o.overlap, o.flip_test});
    const std::string name = file.stem().string() + ".png";
    if (!o.masks.empty())
      write_index_png(fs::path(o.masks) / name, image.width, image.height, labels, palette);
    if (!o.overlays.empty())
      write_overlay(fs::path(o.overlays) / name, image, labels, palette, model, o.opacity);
    progress.advance(1);
    std::cout << printable(file.filename().string()) << ": " << shares_of(labels, model) << '\n';
  }
}

}  // namespace saddle
