// What is said of a library's file.
#include "doctor/probes/library.h"

#include "doctor/probes/made_root.h"

namespace outboard::doctor::probes {
namespace {

TEST(Library, IsDescribed) {
  MadeRoot root;
  MadeElf elf;
  elf.needed = {"libc.so.6"};
  std::string text = elf.elf64();
  root.write("/usr/lib/libcuda.so.555.42.06", text);
  root.link("/usr/lib/libcuda.so.1", "libcuda.so.555.42.06");
  root.write("/usr/lib/wsl/lib/libcuda.so.1", text);
  root.write("/usr/local/cuda/lib64/stubs/libcuda.so", text);
  root.write("/image/libcuda.so.1", text);
  root.write("/usr/lib/libGLX_nvidia.so.0", text + "nvidia id: NVIDIA GLX Driver API 545.29.06 Release Build");
  root.write("/usr/lib/libnvidia-ml.so.1", "");
  root.write("/usr/lib/libEGL_nvidia.so.0", text.substr(0, text.size() - 40));
  root.write("/lib/ld-musl-x86_64.so.1", elf.elf64());
  root.write("/opt/libcuda.so.1", "GROUP ( libcuda.so )");
  root.link("/usr/lib/libnvidia-opencl.so.1", "libnvidia-opencl.so.470.1.1");
  Facts facts = root.probe([](const Place& place, Sink& sink) {
    for (const char* path :
         {"/usr/lib/libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1", "/usr/local/cuda/lib64/stubs/libcuda.so",
          "/image/libcuda.so.1", "/usr/lib/libGLX_nvidia.so.0", "/usr/lib/libnvidia-ml.so.1",
          "/usr/lib/libEGL_nvidia.so.0", "/lib/ld-musl-x86_64.so.1", "/opt/libcuda.so.1", "/none.so",
          "/usr/lib/libnvidia-opencl.so.1"})
      say_library(place, path, sink);
  });
  EXPECT_EQ(facts.text("f:/usr/lib/libcuda.so.1"), "ELF64 x86_64 glibc 555.42.06");
  EXPECT_EQ(facts.text("f:/usr/lib/wsl/lib/libcuda.so.1"), "ELF64 x86_64 glibc wsl-loader");
  EXPECT_EQ(facts.text("f:/usr/local/cuda/lib64/stubs/libcuda.so"), "ELF64 x86_64 glibc stub");
  EXPECT_EQ(facts.text("f:/image/libcuda.so.1"), "ELF64 x86_64 glibc stub");  // far too small for a driver
  EXPECT_EQ(facts.text("f:/usr/lib/libGLX_nvidia.so.0"), "ELF64 x86_64 glibc 545.29.06");
  EXPECT_EQ(facts.text("f:/usr/lib/libnvidia-ml.so.1", "?"), "");
  EXPECT_EQ(facts.text("f:/usr/lib/libEGL_nvidia.so.0").substr(0, 9), "truncated");
  EXPECT_EQ(facts.text("f:/lib/ld-musl-x86_64.so.1"), "ELF64 x86_64 musl ld");
  EXPECT_EQ(facts.text("f:/opt/libcuda.so.1"), "not ELF, 20 bytes");
  EXPECT_EQ(facts.text("f:/usr/lib/libnvidia-opencl.so.1"), "broken link");
  EXPECT_TRUE(facts.absent("f:/none.so"));
}

}  // namespace
}  // namespace outboard::doctor::probes
