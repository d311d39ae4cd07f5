// Tensor: sharing, slices, copies, and what it refuses. Devices by name.
#include "core/tensor.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

Tensor ramp(const Shape& shape) {
  Floats values;
  for (std::int64_t i = 0; i < shape.count(); ++i) values.push_back(static_cast<float>(i));
  return Tensor::from_host(cpu_device(), shape, values);
}

TEST(tensor, holds_what_came_from_the_host) {
  const Tensor tensor = ramp({2, 3});

  EXPECT_EQ(tensor.to_host<float>(), (Floats{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(tensor.count(), 6);
  EXPECT_EQ(tensor.bytes(), 24u);
}

TEST(tensor, of_no_elements_holds_none) {
  EXPECT_TRUE(ramp({0, 3}).to_host<float>().empty());
  EXPECT_TRUE(static_cast<bool>(ramp({0, 3})));
}

TEST(tensor, copies_share_memory_and_clones_do_not) {
  const Tensor tensor = ramp({3}), copy = tensor, clone = tensor.clone();
  tensor.data<float>()[1] = 9;

  EXPECT_TRUE(copy.same_memory(tensor));
  EXPECT_FALSE(clone.same_memory(tensor));
  EXPECT_EQ(copy.to_host<float>(), (Floats{0, 9, 2}));
  EXPECT_EQ(clone.to_host<float>(), (Floats{0, 1, 2}));
}

TEST(tensor, slices_and_views_share_the_memory) {
  const Tensor tensor = ramp({4, 3});

  EXPECT_EQ(tensor.slice(3, {2, 3}).to_host<float>(), (Floats{3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(tensor.slice(12, {0}).count(), 0);
  EXPECT_EQ(tensor.reshaped({2, 6}).shape(), (Shape{2, 6}));
  EXPECT_TRUE(tensor.reshaped({12}).same_memory(tensor));
}

TEST(tensor, keeps_its_memory_for_as_long_as_a_slice_lives) {
  Tensor slice;
  {
    const Tensor tensor = ramp({1000});
    slice = tensor.slice(999, {1});
  }
  const Tensor other = Tensor::filled(cpu_device(), {1000}, -1.f);

  EXPECT_EQ(slice.item(), 999.f);
}

TEST(tensor, copies_between_devices) {
  Tensor there = Tensor::filled(emulated_device(), {2, 3}, 0.f);
  there.copy_from(ramp({2, 3}));

  EXPECT_EQ(there.to_host<float>(), (Floats{0, 1, 2, 3, 4, 5}));
}

TEST(tensor, refuses_values_that_do_not_fill_its_shape) {
  EXPECT_CONTAINS(message_of<Error>([] {
                    Tensor::from_host(cpu_device(), {2, 3}, Floats{1, 2});
                  }),
                  "tensor: 2 values for shape [2, 3]");
}

TEST(tensor, refuses_a_view_of_another_count) {
  EXPECT_CONTAINS(message_of<Error>([] {
                    ramp({2, 3}).reshaped({5});
                  }),
                  "tensor: cannot view shape [2, 3] as [5]");
}

TEST(tensor, refuses_a_slice_that_leaves_it) {
  EXPECT_CONTAINS(message_of<Error>([] { ramp({6}).slice(4, {3}); }),
                  "tensor: a slice of 3 elements from 4 leaves the 6 elements there are");
  EXPECT_CONTAINS(message_of<Error>([] { ramp({6}).slice(-1, {3}); }), "from -1");
}

TEST(tensor, refuses_to_be_read_as_another_type) {
  EXPECT_CONTAINS(message_of<Error>([] { ramp({3}).to_host<std::int32_t>(); }),
                  "tensor: is f32, was read as i32");
}

TEST(tensor, refuses_to_be_used_empty) {
  EXPECT_CONTAINS(message_of<Error>([] { Tensor().to_host<float>(); }),
                  "tensor: empty tensor used");
}

TEST(tensor, refuses_item_of_more_than_one_element) {
  EXPECT_CONTAINS(message_of<Error>([] { ramp({3}).item(); }),
                  "tensor: item() needs one element, shape is [3]");
}

TEST(tensor, refuses_to_copy_another_count) {
  EXPECT_CONTAINS(message_of<Error>([] { ramp({3}).copy_from(ramp({2})); }),
                  "tensor: cannot copy f32[2] into f32[3]");
}

TEST(shape, refuses_negative_extents_and_too_many_elements) {
  EXPECT_CONTAINS(message_of<Error>([] { Shape({2, -1}); }), "shape: extent -1 is negative");
  EXPECT_CONTAINS(message_of<Error>([] {
                    (void)Shape({std::int64_t{1} << 40, std::int64_t{1} << 40}).count();
                  }),
                  "shape: too many elements");
}

// Devices -----------------------------------------------------------------------------------------

TEST(device_named, finds_the_host_devices) {
  EXPECT_EQ(&device_named("cpu"), &cpu_device());
  EXPECT_EQ(&device_named("emulated"), &emulated_device());
  EXPECT_EQ(cpu_device().name(), "cpu");
  EXPECT_EQ(emulated_device().name(), "emulated");
}

TEST(device_named, auto_follows_the_environment) {
  setenv("SADDLE_DEVICE", "emulated", 1);
  EXPECT_EQ(&device_named("auto"), &emulated_device());
  setenv("SADDLE_DEVICE", "nonsense", 1);
  EXPECT_CONTAINS(message_of<Error>([] { device_named("auto"); }), "device 'nonsense' is unknown");
  unsetenv("SADDLE_DEVICE");
}

TEST(device_named, refuses_other_names_and_lists_those_there_are) {
  for (const char* name : {"gpu", "", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:99999", "cpu "}) {
    EXPECT_CONTAINS(message_of<Error>([&] { device_named(name); }),
                    "is unknown. Use auto, cpu, emulated, cuda or cuda:N")
        << name;
  }
}

TEST(device_named, names_a_gpu_that_is_not_there_whatever_the_build) {
  EXPECT_CONTAINS(message_of<Error>([] { device_named("cuda:999"); }),
                  "device cuda:999 is not available");
}

TEST(backends, names_the_cpu_and_its_library) { EXPECT_CONTAINS(backends(), "cpu (oneDNN 3."); }

}  // namespace
}  // namespace saddle
