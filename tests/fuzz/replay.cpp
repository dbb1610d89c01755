// Runs a fuzz target on every file of a folder, and on damaged forms of each: cut short at many places, and with single
// bytes changed. The same damage every time.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]), 2;
  int files = 0, runs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::vector<uint8_t> bytes((std::istreambuf_iterator<char>(file)), {});
    ++files;
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    std::mt19937 random(static_cast<uint32_t>(bytes.size()));
    for (int i = 0; i < 200 && !bytes.empty(); ++i, ++runs) {
      std::vector<uint8_t> damaged(bytes.begin(),
                                   bytes.end() - (i % 2 ? static_cast<long>(random() % bytes.size()) : 0));
      if (!damaged.empty()) damaged[random() % damaged.size()] = static_cast<uint8_t>(random());
      LLVMFuzzerTestOneInput(damaged.data(), damaged.size());
    }
  }
  std::printf("%d files, %d damaged forms\n", files, runs);
  return files ? 0 : 1;
}
