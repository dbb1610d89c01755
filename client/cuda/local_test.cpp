// What the stand-in answers by itself, on a session made for the test: two devices, a worker that counts.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <thread>

#include "client/cuda/context_storage.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/management.h"
#include "client/session.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

// Exports that other files bring in the library; here they only need to be there.
#define ROW(since, name, params) \
  extern "C" __attribute__((weak)) CUresult name params { return CUDA_ERROR_UNKNOWN; }
#include "api/cuda/cuda.def"

namespace {

int contexts_at_worker = 0;
int objects_forgotten = 0;
int last_ordinal = -1;

client::Inventory make_inventory() {
  client::Inventory inventory;
  inventory.driver_version = 13000;
  inventory.devices.resize(2);
  for (int i = 0; i < 2; ++i) {
    client::DeviceFacts& facts = inventory.devices[i];
    facts = {};
    std::strcpy(facts.name, i ? "Second" : "First");
    std::memset(facts.uuid.bytes, 0x10 + i, sizeof facts.uuid.bytes);
    facts.total_memory = uint64_t{6} << 30;
    facts.attributes[CU_DEVICE_ATTRIBUTE_WARP_SIZE] = 32;
    facts.attributes[CU_DEVICE_ATTRIBUTE_PCI_BUS_ID] = 0x41 + i;
  }
  return inventory;
}

}  // namespace

namespace client {
CUresult connect() { return CUDA_SUCCESS; }
const Inventory& inventory() {
  static const Inventory the = make_inventory();
  return the;
}
bool usable() { return true; }
uint64_t& current_context() {
  static thread_local uint64_t number = 0;
  return number;
}
void forget_objects(Context&) { ++objects_forgotten; }
}  // namespace client

namespace remote {
CUresult cuDevicePrimaryCtxRetain(CUcontext* pctx, CUdevice dev) {
  last_ordinal = dev;
  *pctx = reinterpret_cast<CUcontext>(uint64_t{1000} + ++contexts_at_worker);
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice dev) { return --contexts_at_worker, CUDA_SUCCESS; }
CUresult cuDevicePrimaryCtxReset_v2(CUdevice dev) { return --contexts_at_worker, CUDA_SUCCESS; }
CUresult cuCtxCreate_v2(CUcontext* pctx, unsigned int, CUdevice) {
  *pctx = reinterpret_cast<CUcontext>(uint64_t{2000} + ++contexts_at_worker);
  return CUDA_SUCCESS;
}
CUresult cuCtxDestroy_v2(CUcontext) { return --contexts_at_worker, CUDA_SUCCESS; }
CUresult cuMemGetInfo_v2(size_t* free, size_t* total) { return *free = 5, *total = 7, CUDA_SUCCESS; }
CUresult cuCtxSetLimit(CUlimit, size_t) { return CUDA_SUCCESS; }
CUresult cuCtxGetLimit(size_t* value, CUlimit) { return *value = 0, CUDA_SUCCESS; }
}  // namespace remote

namespace {

// CUDA_VISIBLE_DEVICES is read once, by the first cuInit: the second device alone is shown to these tests.
class Local : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    int count = 0;
    EXPECT_EQ(cuDeviceGetCount(&count), CUDA_ERROR_NOT_INITIALIZED);
    setenv("CUDA_VISIBLE_DEVICES", "GPU-11111111, 7, 0", 1);  // 7 does not exist and ends the list
    ASSERT_EQ(cuInit(0), CUDA_SUCCESS);
  }
  void TearDown() override {
    while (cuCtxPopCurrent_v2(nullptr) == CUDA_SUCCESS) {
    }
    cuDevicePrimaryCtxReset_v2(0);
    EXPECT_EQ(contexts_at_worker, 0);
  }
};

TEST_F(Local, OnlyVisibleDevicesAreThere) {
  int count = 0;
  char name[16];
  ASSERT_EQ(cuDeviceGetCount(&count), CUDA_SUCCESS);
  EXPECT_EQ(count, 1);
  ASSERT_EQ(cuDeviceGetName(name, sizeof name, 0), CUDA_SUCCESS);
  EXPECT_STREQ(name, "Second");
  EXPECT_EQ(cuDeviceGetName(name, sizeof name, 1), CUDA_ERROR_INVALID_DEVICE);
  ASSERT_EQ(cuDeviceGetName(name, 4, 0), CUDA_SUCCESS);
  EXPECT_STREQ(name, "Sec") << "a short buffer cuts the name";
  EXPECT_EQ(cuInit(1), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(Local, ADeviceIsFoundByItsPciBusId) {
  char id[16];
  CUdevice device = -1;
  ASSERT_EQ(cuDeviceGetPCIBusId(id, sizeof id, 0), CUDA_SUCCESS);
  EXPECT_STREQ(id, "0000:42:00.0");
  EXPECT_EQ(cuDeviceGetByPCIBusId(&device, id), CUDA_SUCCESS);
  EXPECT_EQ(device, 0);
  EXPECT_EQ(cuDeviceGetByPCIBusId(&device, "0000:41:00.0"), CUDA_ERROR_INVALID_DEVICE) << "it is hidden";
}

TEST_F(Local, ThePrimaryContextIsOneObjectAndCounted) {
  CUcontext first = nullptr, second = nullptr;
  unsigned flags = 0;
  int active = -1;
  ASSERT_EQ(cuDevicePrimaryCtxGetState(0, &flags, &active), CUDA_SUCCESS);
  EXPECT_EQ(active, 0);
  ASSERT_EQ(cuDevicePrimaryCtxRetain(&first, 0), CUDA_SUCCESS);
  EXPECT_EQ(last_ordinal, 1) << "the worker is told its own ordinal";
  ASSERT_EQ(cuDevicePrimaryCtxRetain(&second, 0), CUDA_SUCCESS);
  EXPECT_EQ(first, second);
  EXPECT_EQ(contexts_at_worker, 1);
  EXPECT_EQ(cuDevicePrimaryCtxRelease_v2(0), CUDA_SUCCESS);
  EXPECT_EQ(contexts_at_worker, 1);
  EXPECT_EQ(cuDevicePrimaryCtxRelease_v2(0), CUDA_SUCCESS);
  EXPECT_EQ(contexts_at_worker, 0);
  EXPECT_EQ(cuDevicePrimaryCtxRelease_v2(0), CUDA_ERROR_INVALID_CONTEXT);
}

// cudart's order: the handle from the table, made current, and only then retained.
TEST_F(Local, AHandleIsGoodBeforeItIsRetained) {
  CUcontext handle = client::handle_of(client::primary_context(0)), current = nullptr;
  ASSERT_EQ(cuCtxSetCurrent(handle), CUDA_SUCCESS);
  EXPECT_EQ(client::require_context(), CUDA_ERROR_CONTEXT_IS_DESTROYED);
  ASSERT_EQ(cuDevicePrimaryCtxRetain(&current, 0), CUDA_SUCCESS);
  EXPECT_EQ(current, handle);
  EXPECT_EQ(client::require_context(), CUDA_SUCCESS);
  EXPECT_EQ(client::current_context(), 1001u);
}

TEST_F(Local, TheStackIsTheThreads) {
  CUcontext mine = nullptr, current = nullptr;
  ASSERT_EQ(cuCtxCreate_v2(&mine, 0, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuCtxGetCurrent(&current), CUDA_SUCCESS);
  EXPECT_EQ(current, mine);
  std::thread([] {
    CUcontext other = reinterpret_cast<CUcontext>(1);
    EXPECT_EQ(cuCtxGetCurrent(&other), CUDA_SUCCESS);
    EXPECT_EQ(other, nullptr);
  }).join();
  EXPECT_EQ(cuCtxPushCurrent_v2(reinterpret_cast<CUcontext>(&current)), CUDA_ERROR_INVALID_CONTEXT)
      << "a made-up handle";
  int before = objects_forgotten;
  EXPECT_EQ(cuCtxDestroy_v2(mine), CUDA_SUCCESS);
  EXPECT_EQ(objects_forgotten, before + 1);
  EXPECT_EQ(cuCtxPopCurrent_v2(nullptr), CUDA_ERROR_INVALID_CONTEXT) << "destroying the current context pops it";
  EXPECT_EQ(cuCtxDestroy_v2(mine), CUDA_ERROR_INVALID_CONTEXT);
}

TEST_F(Local, ContextIdsAreNeverUsedTwice) {
  CUcontext context = nullptr;
  unsigned long long first = 0, second = 0;
  cuDevicePrimaryCtxRetain(&context, 0);
  ASSERT_EQ(cuCtxGetId(context, &first), CUDA_SUCCESS);
  cuDevicePrimaryCtxReset_v2(0);
  cuDevicePrimaryCtxRetain(&context, 0);
  ASSERT_EQ(cuCtxGetId(context, &second), CUDA_SUCCESS);
  EXPECT_NE(first, second);
}

void* destroyed_value = nullptr;

TEST_F(Local, StorageIsRunDownWithItsContext) {
  CUcontext context = nullptr;
  int key = 0, value = 0;
  void* found = nullptr;
  EXPECT_EQ(client::get_storage(&found, nullptr, &key), CUDA_ERROR_INVALID_CONTEXT) << "no current context";
  cuDevicePrimaryCtxRetain(&context, 0);
  cuCtxSetCurrent(context);
  EXPECT_EQ(client::get_storage(&found, nullptr, &key), CUDA_ERROR_INVALID_HANDLE);
  ASSERT_EQ(client::put_storage(nullptr, &key, &value, [](CUcontext, void*, void* v) { destroyed_value = v; }),
            CUDA_SUCCESS);
  ASSERT_EQ(client::get_storage(&found, context, &key), CUDA_SUCCESS);
  EXPECT_EQ(found, &value);
  cuDevicePrimaryCtxReset_v2(0);
  EXPECT_EQ(destroyed_value, &value);
  EXPECT_EQ(client::get_storage(&found, context, &key), CUDA_ERROR_INVALID_HANDLE);
}

const void* const* table_of(std::initializer_list<unsigned char> id, CUresult expected) {
  CUuuid uuid;
  std::copy(id.begin(), id.end(), reinterpret_cast<unsigned char*>(uuid.bytes));
  const void* table = &uuid;
  EXPECT_EQ(cuGetExportTable(&table, &uuid), expected);
  return static_cast<const void* const*>(table);
}

TEST_F(Local, ExportTablesSayTheirSizeAndFillEverySlot) {
  auto* table = table_of(
      {0x6b, 0xd5, 0xfb, 0x6c, 0x5b, 0xf4, 0xe7, 0x4a, 0x89, 0x87, 0xd9, 0x39, 0x12, 0xfd, 0x9d, 0xf9}, CUDA_SUCCESS);
  ASSERT_NE(table, nullptr);
  EXPECT_GE(reinterpret_cast<size_t>(table[0]), 13 * sizeof(void*));
  for (size_t i = 1; i < reinterpret_cast<size_t>(table[0]) / sizeof(void*); ++i) EXPECT_NE(table[i], nullptr);
  CUcontext handle = nullptr;
  auto primary = reinterpret_cast<CUresult (*)(CUcontext*, CUdevice)>(const_cast<void*>(table[2]));
  EXPECT_EQ(primary(&handle, 0), CUDA_SUCCESS);
  EXPECT_EQ(handle, client::handle_of(client::primary_context(0)));
}

TEST_F(Local, AnUnknownTableIsRefused) {
  EXPECT_EQ(table_of({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, CUDA_ERROR_INVALID_VALUE), nullptr);
}

TEST_F(Local, CallbackFlagsAreZeroAndLongEnough) {
  auto* table = table_of(
      {0xa0, 0x94, 0x79, 0x8c, 0x2e, 0x74, 0x2e, 0x74, 0x93, 0xf2, 0x08, 0x00, 0x20, 0x0c, 0x0a, 0x66}, CUDA_SUCCESS);
  for (auto [slot, least] : {std::pair<size_t, size_t>{2, 1024}, {6, 14}}) {
    uint32_t* flags = nullptr;
    size_t count = 0;
    reinterpret_cast<void (*)(uint32_t**, size_t*)>(const_cast<void*>(table[slot]))(&flags, &count);
    ASSERT_GE(count, least);
    for (size_t i = 0; i < count; ++i) EXPECT_EQ(flags[i], 0u);
  }
}

// NVML tells every device, and of memory only where CUDA may look.
TEST_F(Local, TheTableOfTheManagementLibraryShowsHiddenDevices) {
  const void* found = nullptr;
  ASSERT_EQ(cuGetExportTable(&found, &client::management_id), CUDA_SUCCESS);
  const auto& table = *static_cast<const client::ManagementTable*>(found);
  ASSERT_EQ(table.size, sizeof table);
  EXPECT_EQ(table.count(), 2);
  EXPECT_STREQ(table.facts(0)->name, "First");
  size_t free = 0, total = 0;
  EXPECT_EQ(table.memory(0, &free, &total), CUDA_ERROR_INVALID_DEVICE);
  EXPECT_EQ(table.memory(1, &free, &total), CUDA_SUCCESS);
  EXPECT_EQ(free, 5u);
  EXPECT_EQ(total, 7u);
  EXPECT_EQ(contexts_at_worker, 0) << "the context in which it asked is given back";
  EXPECT_EQ(client::current(), nullptr);
  CUcontext context = nullptr;
  EXPECT_FALSE(table.in_use(1));
  ASSERT_EQ(cuDevicePrimaryCtxRetain(&context, 0), CUDA_SUCCESS);
  EXPECT_TRUE(table.in_use(1));
  EXPECT_FALSE(table.in_use(0));
}

TEST_F(Local, ErrorsHaveNamesAndSentences) {
  const char* text = nullptr;
  EXPECT_EQ(cuGetErrorName(CUDA_ERROR_NO_DEVICE, &text), CUDA_SUCCESS);
  EXPECT_STREQ(text, "CUDA_ERROR_NO_DEVICE");
  EXPECT_EQ(cuGetErrorString(CUDA_ERROR_NO_DEVICE, &text), CUDA_SUCCESS);
  EXPECT_STREQ(text, "no CUDA-capable device is detected");
  EXPECT_EQ(cuGetErrorName(static_cast<CUresult>(12345), &text), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(text, nullptr);
}

}  // namespace
