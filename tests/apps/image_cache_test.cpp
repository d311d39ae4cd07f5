// The cache of decoded images: what is found again, and that nothing unsound is believed.
#include "apps/data/image_cache.h"

#include <chrono>

#include "core/file.h"
#include "tests/apps/image_files.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

class ImageCacheTest : public testing::Test {
 protected:
  ImageCacheTest() {
    write_image("cat/1.png", 10);
    write_image("cat/2.png", 20);
    write_image("dog/1.png", 30);
  }

  void write_image(const std::string& name, std::uint8_t value) const {
    data_.write("train/" + name, png_of(2, 2, 3, plain(2, 2, value, value, value)));
  }

  DatasetRequest request() const {
    DatasetRequest request{"image-folder", data_.path().string()};
    request.images.cache = (cache_.path() / "made/here").string();
    return request;
  }

  std::vector<fs::path> cache_files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(cache_.path())) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    return files;
  }

  // Breaks an image without anything that the key is made of.
  void spoil(const std::string& name) const {
    const fs::path file = data_.path() / "train" / name;
    const auto time = fs::last_write_time(file);
    data_.write("train/" + name, Blob(fs::file_size(file)));
    fs::last_write_time(file, time);
  }

  TemporaryDirectory data_, cache_;
};

TEST_F(ImageCacheTest, second_run_decodes_nothing) {
  const Dataset first = load_dataset(request());
  for (const char* name : {"cat/1.png", "cat/2.png", "dog/1.png"}) spoil(name);

  const Dataset second = load_dataset(request());

  EXPECT_EQ(cache_files().size(), 1u);
  EXPECT_EQ(second.pixels, first.pixels);
  EXPECT_EQ(second.labels, first.labels);
  EXPECT_EQ(second.mean, first.mean);
  EXPECT_EQ(second.height, 2);
  EXPECT_TRUE(second.warnings.empty());
}

TEST_F(ImageCacheTest, changed_image_is_decoded_again) {
  load_dataset(request());
  write_image("cat/1.png", 99);
  fs::last_write_time(data_.path() / "train/cat/1.png",
                      fs::file_time_type::clock::now() + std::chrono::hours(1));

  EXPECT_EQ(load_dataset(request()).pixels[0], 99);
}

TEST_F(ImageCacheTest, key_depends_on_all_that_decides_about_the_pixels) {
  const ImageList list = list_image_folder(data_.path(), Split::train);
  ImageList shorter = list;
  shorter.files.pop_back();
  ImageOptions sized, skipping;
  sized.side = 2;
  skipping.broken = BrokenImages::skip;

  const std::uint64_t key = cache_key(list, {});

  EXPECT_EQ(key, cache_key(list, {}));
  EXPECT_NE(key, cache_key(shorter, {}));
  EXPECT_NE(key, cache_key(list, sized));
  EXPECT_NE(key, cache_key(list, skipping));
}

TEST_F(ImageCacheTest, broken_images_are_remembered) {
  data_.write("train/cat/0.png", bytes_of("no image"));
  DatasetRequest skipping = request();
  skipping.images.broken = BrokenImages::skip;

  const Dataset first = load_dataset(skipping), second = load_dataset(skipping);

  EXPECT_EQ(second.labels, (std::vector<std::int32_t>{1, 0, 0}));
  EXPECT_EQ(second.pixels, first.pixels);
  ASSERT_EQ(second.warnings.size(), 1u);
  EXPECT_EQ(second.warnings, first.warnings);
}

TEST_F(ImageCacheTest, damaged_cache_is_made_anew_with_a_warning) {
  const Dataset first = load_dataset(request());
  const fs::path file = cache_files().at(0);
  const Blob sound = read_file(file, 1 << 20);
  const auto expect_rebuilt = [&](const Blob& damaged, const std::string& what) {
    cache_.write(fs::relative(file, cache_.path()).string(), damaged);
    const Dataset again = load_dataset(request());
    EXPECT_EQ(again.pixels, first.pixels) << what;
    ASSERT_EQ(again.warnings.size(), 1u) << what;
    expect_part(file.string() + " is damaged and is made anew", again.warnings[0]);
    EXPECT_EQ(read_file(file, 1 << 20), sound) << what;
  };

  for (std::size_t i = 0; i < sound.size(); i += 5) {
    Blob damaged = sound;
    damaged[i] ^= std::byte{0x10};
    expect_rebuilt(damaged, text("byte ", i));
  }
  expect_rebuilt(without_last(1, sound), "one byte short");
  expect_rebuilt(sound + Blob(1), "one byte over");
  expect_rebuilt({}, "empty");
}

TEST_F(ImageCacheTest, place_that_cannot_be_written_is_a_warning) {
  cache_.write("made", bytes_of("a file where the folder should be"));

  const Dataset data = load_dataset(request());

  EXPECT_EQ(data.size(), 3);
  ASSERT_EQ(data.warnings.size(), 1u);
  expect_part("the decoded images cannot be kept for the next run: ", data.warnings[0]);
  expect_part("--no-cache", data.warnings[0]);
}

TEST_F(ImageCacheTest, is_not_used_unless_asked_for) {
  DatasetRequest without = request();
  without.images.cache.clear();

  load_dataset(without);

  EXPECT_TRUE(cache_files().empty());
}

}  // namespace
}  // namespace saddle
