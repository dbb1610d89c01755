// cuGetProcAddress against the table read off the real driver (tests/drift/procaddr.tsv): every row,
// at the version that brings it and at the version just before.
#include "client/cuda/symbols.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "client/cuda/functions.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

// Stand-ins for the exports, so that each has an address of its own; symbols.cpp brings the two real ones.
#define ROW(since, name, params) \
  extern "C" __attribute__((weak)) CUresult name params { return CUDA_ERROR_UNKNOWN; }
#include "api/cuda/cuda.def"
#define PER_THREAD(name, suffix, params, arguments) \
  extern "C" __attribute__((weak)) CUresult name##suffix params { return CUDA_ERROR_UNKNOWN; }
#include "api/cuda/per_thread.def"

namespace {

struct Row {
  std::string base, flag, symbol;
  int from;
};

std::vector<Row> read_rows() {
  std::vector<Row> rows;
  std::ifstream file(OUTBOARD_PROCADDR_TABLE);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream fields(line);
    Row row;
    fields >> row.base >> row.flag >> row.from >> row.symbol;
    rows.push_back(row);
  }
  return rows;
}

const std::map<std::string, void*>& exports() {
  static const std::map<std::string, void*> all = {
#define ROW(since, name, params) {#name, reinterpret_cast<void*>(&name)},
#include "api/cuda/cuda.def"
#define PER_THREAD(name, suffix, params, arguments) {#name #suffix, reinterpret_cast<void*>(&name##suffix)},
#include "api/cuda/per_thread.def"
  };
  return all;
}

TEST(Symbols, TheTableIsRead) { EXPECT_EQ(read_rows().size(), 671u); }

TEST(Symbols, EveryRowIsAnsweredFromItsVersionOn) {
  for (const Row& row : read_rows()) {
    auto expected = exports().find(row.symbol);
    ASSERT_NE(expected, exports().end()) << row.symbol << " is not exported";
    auto found = client::find_symbol(row.base, row.from, row.flag == "per_thread");
    EXPECT_EQ(found.found, client::Found::yes) << row.symbol;
    EXPECT_EQ(found.address, expected->second) << row.symbol << " at " << row.from;
  }
}

TEST(Symbols, NothingIsOlderThanItsFirstRow) {
  std::map<std::pair<std::string, bool>, int> first;
  for (const Row& row : read_rows()) {
    auto [entry, added] = first.try_emplace({row.base, row.flag == "per_thread"}, row.from);
    entry->second = std::min(entry->second, row.from);
  }
  for (const auto& [key, from] : first)
    EXPECT_EQ(client::find_symbol(key.first, from - 1, key.second).found, client::Found::version_too_old) << key.first;
}

TEST(Symbols, OnlyBaseNamesAreKnown) {
  for (const char* name : {"", "cuMemAlloc_v2", "cuLaunchKernel_ptsz", "cuEventCreateFromEGLSync", "cuNoSuchFunction"})
    EXPECT_EQ(client::find_symbol(name, 13000, false).found, client::Found::unknown_name) << name;
}

TEST(Symbols, PlainFunctionsServePerThreadCallersToo) {
  EXPECT_EQ(client::find_symbol("cuMemAlloc", 13000, true).address, reinterpret_cast<void*>(&cuMemAlloc_v2));
}

TEST(ProcAddress, AMissIsNoErrorButBadFlagsAre) {
  void* function = reinterpret_cast<void*>(1);
  CUdriverProcAddressQueryResult status{};
  EXPECT_EQ(cuGetProcAddress_v2("cuNoSuchFunction", &function, 12000, 0, &status), CUDA_SUCCESS);
  EXPECT_EQ(function, nullptr);
  EXPECT_EQ(status, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
  function = reinterpret_cast<void*>(1);
  EXPECT_EQ(cuGetProcAddress_v2("cuNoSuchFunction", &function, 12000, 0, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(function, reinterpret_cast<void*>(1));
  EXPECT_EQ(cuGetProcAddress_v2("cuInit", &function, 12000, 4, &status), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuGetProcAddress("cuNoSuchFunction", &function, 12000, 0), CUDA_ERROR_NOT_FOUND);
}

}  // namespace
