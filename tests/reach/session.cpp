// A program with a device, as the tests of servers that are started want one: session ROUNDS [cut] [FILE]
//
// It copies numbers to the device and back, ROUNDS times or, with FILE, until that exists; then says "good ROUNDS".
// With `cut` it shuts its own connections down now and then, as a network that breaks would. Exit code: 0 good, 1
// wrong, 2 the device answers with an error, 3 there is none.
#include <dirent.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

void* library = dlopen("libcuda.so.1", RTLD_NOW);

template <class... A>
int call(const char* name, A... arguments) {
  auto function = reinterpret_cast<int (*)(A...)>(library ? dlsym(library, name) : nullptr);
  return function ? function(arguments...) : 500;
}

// Every TCP connection that this process has.
int cut_connections() {
  int cuts = 0;
  DIR* folder = opendir("/proc/self/fd");
  while (dirent* entry = folder ? readdir(folder) : nullptr) {
    int descriptor = std::atoi(entry->d_name), domain = 0;
    socklen_t size = sizeof domain;
    if (getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) continue;
    if ((domain == AF_INET || domain == AF_INET6) && shutdown(descriptor, SHUT_RDWR) == 0) ++cuts;
  }
  if (folder) closedir(folder);
  return cuts;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 1;
  const bool cuts = argc > 2 && !std::strcmp(argv[2], "cut");
  const char* file = argc > (cuts ? 3 : 2) ? argv[cuts ? 3 : 2] : nullptr;
  void* context = nullptr;
  uint64_t device = 0;
  constexpr size_t count = 4096;
  std::vector<uint32_t> sent(count), got(count);
  if (call("cuInit", 0u) || call("cuDevicePrimaryCtxRetain", &context, 0) || call("cuCtxSetCurrent", context) ||
      call("cuMemAlloc_v2", &device, count * 4)) {
    std::printf("no device\n");
    return 3;
  }
  int cut = 0, round = 0;
  for (; file ? access(file, F_OK) != 0 : round < rounds; ++round) {
    for (size_t i = 0; i < count; ++i) sent[i] = static_cast<uint32_t>(i * 2654435761u + static_cast<unsigned>(round));
    if (cuts && round % 10 == 5) cut += cut_connections();
    if (call("cuMemcpyHtoD_v2", device, static_cast<const void*>(sent.data()), count * 4) ||
        call("cuMemcpyDtoH_v2", static_cast<void*>(got.data()), device, count * 4)) {
      std::printf("lost in round %d\n", round);
      return 2;
    }
    if (sent != got) return std::printf("wrong in round %d\n", round), 1;
    if (round == 0) std::printf("started\n"), std::fflush(stdout);
    if (file) usleep(20000);
  }
  if (cuts && !cut) return std::printf("there was nothing to cut\n"), 1;
  std::printf("good %d\n", round);
  return 0;
}
