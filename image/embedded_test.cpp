// Which release of CUDA's runtime a program was built with.
#include "image/embedded.h"

#include <gtest/gtest.h>

#include "base/reading/made_root.h"

namespace image {
namespace {

TEST(Embedded, ReleaseByTheNameOfTheLibrary) {
  EXPECT_EQ(release_of_library("/usr/local/cuda/lib64/libcudart.so.12.4.127"), 12040);
  EXPECT_EQ(release_of_library("libcudart.so.12"), 12000);
  for (const char* none :
       {"", "libcudart.so", "libcudart.so.", "libcudart.so.x", "libcudart.so.12.x", "a.so.123456789"})
    EXPECT_EQ(release_of_library(none), 0) << none;
}

TEST(Embedded, ReleaseByThePtx) {
  EXPECT_EQ(release_of_isa(84), 12040);
  EXPECT_EQ(release_of_isa(90), 13000);
  EXPECT_EQ(release_of_isa(0), 0);
}

TEST(Embedded, TheRuntimeIsToldByWhatItSays) {
  base::reading::MadeElf elf = base::reading::own_library();
  elf.section = ".rodata";
  elf.content = "some constants";
  EXPECT_FALSE(holds_runtime(elf.elf64()));
  elf.content += "CUDA driver version is insufficient for CUDA runtime version";
  EXPECT_TRUE(holds_runtime(elf.elf64()));
  EXPECT_FALSE(holds_runtime(""));
  EXPECT_EQ(embedded_code(elf.elf64()).newest_isa, 0);
}

}  // namespace
}  // namespace image
