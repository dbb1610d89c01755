// What the log says about kernels that fail: the thread, the line of the PTX and of the program.
#include <gtest/gtest.h>

#include "device/software/codegen/kernel_harness.h"

namespace {

using test::at;
using test::Kernel;
using test::one;

std::string log_of(const std::string& ptx, uint64_t parameter, CUresult expected) {
  Kernel kernel(ptx);
  testing::internal::CaptureStderr();
  EXPECT_EQ(kernel.run(1, 32, {parameter}), expected);
  return testing::internal::GetCapturedStderr();
}

// How many lines of the text the kernel is written in come before `mark`.
std::string line_of(const std::string& ptx, const std::string& mark) {
  std::string whole = test::text(ptx);
  return std::to_string(1 + std::count(whole.begin(), whole.begin() + static_cast<long>(whole.find(mark)), '\n'));
}

// Lane 5 goes astray; all others have places of their own.
const std::string scattered = one(R"(
  mul.lo.s32 %r4, %r3, 7; and.b32 %r4, %r4, 31; mul.wide.s32 %d4, %r4, 4; add.s64 %d4, %d1, %d4;
  setp.eq.s32 %p1, %r3, 5;
  @%p1 mov.u64 %d4, 0x7e8000001000;
  st.global.u32 [%d4], %r3; // here)");

TEST(faults, name_the_thread_and_the_line) {
  uint32_t data[32] = {};
  std::string log = log_of(scattered, at(data), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_NE(log.find("address=0x7e8000001000"), std::string::npos) << log;
  EXPECT_NE(log.find("ptx-line=" + line_of(scattered, "// here") + "\n"), std::string::npos) << log;
  // A processor with a scatter instruction does not tell which of the lanes it was.
  bool one_thread = log.find("thread=[5,0,0] ") != std::string::npos;
  bool all_threads = log.find("thread=[0,0,0]-[31,0,0] ") != std::string::npos;
  EXPECT_TRUE(one_thread || all_threads) << log;
}

TEST(faults, of_neighbours_name_the_line) {
  std::string ptx = one("add.s32 %r5, %r3, 1;\nld.global.u32 %r4, [%d2];\nst.global.u32 [%d2], %r4;");
  std::string log = log_of(ptx, 0x7e8000001000, CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_NE(log.find("ptx-line=" + line_of(ptx, "ld.global.u32") + "\n"), std::string::npos) << log;
  EXPECT_NE(log.find("thread=[0,0,0]-[31,0,0]"), std::string::npos) << log;
}

TEST(faults, name_the_line_of_the_program) {
  std::string ptx = ".file 1 \"/src/first.cu\"\n.file 2 \"/src/second.cu\"\n" +
                    one(".loc 1 10 1\nadd.s32 %r5, %r3, 1;\n.loc 2 20 3\nst.global.u32 [%d2], %r5;\n.loc 1 30 1");
  std::string log = log_of(ptx, 0x7e8000001000, CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_NE(log.find(line_of(ptx, "st.global.u32") + " (/src/second.cu:20)"), std::string::npos) << log;
}

TEST(faults, misaligned_addresses_name_thread_and_line) {
  uint64_t data[32] = {};
  std::string ptx = one("setp.eq.s32 %p1, %r3, 9;\n@%p1 add.s64 %d2, %d2, 2;\nst.global.u32 [%d2], %r3;");
  std::string log = log_of(ptx, at(data), CUDA_ERROR_MISALIGNED_ADDRESS);
  EXPECT_NE(log.find("thread=[9,0,0] ptx-line=" + line_of(ptx, "st.global.u32")), std::string::npos) << log;
}

TEST(faults, in_called_functions_name_the_function_s_line) {
  std::string ptx =
      ".func f(.param .u64 a)\n{\n.reg .b64 %d<2>;\nld.param.u64 %d1, [a];\nst.global.u32 [%d1], 1;\nret;\n}\n" +
      one("{ .param .u64 q; st.param.u64 [q], %d2; call f, (q); }");
  std::string log = log_of(ptx, 0x7e8000001000, CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_NE(log.find("ptx-line=" + line_of(ptx, "st.global.u32")), std::string::npos) << log;
}

// Nothing in the loop is a place where the runtime looks in.
TEST(faults, an_endless_kernel_can_be_cancelled) {
  Kernel kernel(
      one("again:\nadd.s32 %r5, %r5, 2;\nsetp.ne.s32 %p1, %r5, 1;\n@%p1 bra again;\nst.global.u32 [%d2], %r5;"));
  uint32_t data[32] = {};
  auto cancel = [](software::Job& job) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    for (bool runs = true; runs;) {
      job.cancel();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      std::lock_guard hold(job.lock);
      runs = !job.runners.empty();
    }
  };
  EXPECT_EQ(kernel.run(4, 64, {at(data)}, 1, cancel), CUDA_ERROR_LAUNCH_FAILED);
}

}  // namespace
