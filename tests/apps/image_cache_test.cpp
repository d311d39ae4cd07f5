// The cache of decoded images: what is found again, and that nothing unsound is believed.
#include "apps/data/image_cache.h"

#include <chrono>
#include <thread>

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

  // A sound file with other pixels than those of the images: what comes out is it or the images.
  void forge(const fs::path& file) const {
    const ImageList list = list_image_folder(data_.path(), Split::train);
    write_image_cache(file, cache_key(list, {}), {2, 2, 3, Blob8(3 * 12, 77), {}, {}});
  }
  using Blob8 = std::vector<std::uint8_t>;

  TemporaryDirectory data_, cache_;
};

TEST_F(ImageCacheTest, second_run_decodes_nothing) {
  const Dataset first = load_dataset(request());
  const Dataset second = load_dataset(request());

  EXPECT_EQ(cache_files().size(), 1u);
  EXPECT_EQ(second.pixels, first.pixels);
  EXPECT_EQ(second.labels, first.labels);
  EXPECT_EQ(second.mean, first.mean);
  EXPECT_EQ(second.height, 2);
  EXPECT_TRUE(second.warnings.empty());
  EXPECT_TRUE(second.notices.empty());
  forge(cache_files().at(0));
  EXPECT_EQ(load_dataset(request()).pixels, Blob8(3 * 12, 77)) << "from the cache alone";
}

// The same size and the same time of writing: only the file behind the path tells.
TEST_F(ImageCacheTest, swapped_images_are_seen) {
  const fs::path cat = data_.path() / "train/cat/1.png", dog = data_.path() / "train/dog/1.png";
  ASSERT_EQ(fs::file_size(cat), fs::file_size(dog));
  fs::last_write_time(cat, fs::last_write_time(dog));
  ASSERT_EQ(load_dataset(request()).pixels[0], 10);

  fs::rename(cat, data_.path() / "aside");
  fs::rename(dog, cat);
  fs::rename(data_.path() / "aside", dog);

  EXPECT_EQ(load_dataset(request()).pixels[0], 30);
}

TEST_F(ImageCacheTest, image_that_is_written_over_with_its_old_size_and_time_is_seen) {
  const fs::path cat = data_.path() / "train/cat/1.png";
  const auto time = fs::last_write_time(cat);
  const auto size = fs::file_size(cat);
  ASSERT_EQ(load_dataset(request()).pixels[0], 10);

  std::this_thread::sleep_for(std::chrono::milliseconds(30));  // the clock of files ticks slowly
  write_image("cat/1.png", 99);
  fs::last_write_time(cat, time);
  ASSERT_EQ(fs::file_size(cat), size);

  EXPECT_EQ(load_dataset(request()).pixels[0], 99);
}

TEST_F(ImageCacheTest, link_in_its_place_is_neither_read_nor_written_through) {
  load_dataset(request());
  const fs::path file = cache_files().at(0), elsewhere = cache_.path() / "elsewhere";
  forge(elsewhere);
  const Blob before = read_file(elsewhere, 1 << 20);
  fs::remove(file);
  fs::create_symlink(elsewhere, file);

  const Dataset data = load_dataset(request());

  EXPECT_EQ(data.pixels[0], 10);
  ASSERT_EQ(data.notices.size(), 1u);
  expect_part(file.string() + " is a symbolic link", data.notices[0]);
  EXPECT_EQ(read_file(elsewhere, 1 << 20), before);
  EXPECT_TRUE(fs::is_symlink(file));
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
  ImageOptions sized, skipping, grey;
  sized.side = 2;
  grey.channels = 1;
  skipping.broken = BrokenImages::skip;

  const std::uint64_t key = cache_key(list, {});

  EXPECT_EQ(key, cache_key(list, {}));
  EXPECT_NE(key, cache_key(shorter, {}));
  EXPECT_NE(key, cache_key(list, sized));
  EXPECT_NE(key, cache_key(list, skipping));
  EXPECT_NE(key, cache_key(list, grey));
}

TEST_F(ImageCacheTest, orientation_and_channels_are_remembered) {
  data_.write("train/cat/0.jpg", with_exif(jpeg_of(2, 2, plain(2, 2, 50, 50, 50)), exif_of(3)));
  DatasetRequest grey = request();
  grey.images.channels = 1;

  const Dataset first = load_dataset(grey), second = load_dataset(grey);

  EXPECT_EQ(second.channels, 1);
  EXPECT_EQ(second.pixels.size(), 4u * 2 * 2);
  EXPECT_EQ(second.pixels, first.pixels);
  ASSERT_EQ(second.warnings.size(), 1u);
  expect_part("1 of 4 images have an Exif orientation", second.warnings[0]);
  EXPECT_EQ(second.warnings, first.warnings);
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
    ASSERT_EQ(again.notices.size(), 1u) << what;
    expect_part(file.string() + " is damaged and is made anew", again.notices[0]);
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
  ASSERT_EQ(data.notices.size(), 1u);
  expect_part("the decoded images cannot be kept for the next run: ", data.notices[0]);
  expect_part("--no-cache", data.notices[0]);
}

TEST_F(ImageCacheTest, is_not_used_unless_asked_for) {
  DatasetRequest without = request();
  without.images.cache.clear();

  load_dataset(without);

  EXPECT_TRUE(cache_files().empty());
}

}  // namespace
}  // namespace saddle
