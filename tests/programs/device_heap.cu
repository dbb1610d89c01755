// malloc and free in kernels: lists that one kernel makes and another follows; and what a full heap answers.
#include <vector>

#include "check.h"

struct Node {
  int value;
  Node* next;
};

__global__ void make(Node** heads, int length) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  Node* head = nullptr;
  for (int k = 0; k < length + i % 3; ++k) {
    auto* node = static_cast<Node*>(malloc(sizeof(Node)));
    if (!node) break;
    node->value = i * 100 + k;
    node->next = head;
    head = node;
  }
  heads[i] = head;
}
__global__ void follow(Node** heads, long long* sums) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  long long sum = 0;
  for (Node* node = heads[i]; node;) {
    sum = sum * 3 + node->value;
    Node* next = node->next;
    free(node);
    node = next;
  }
  sums[i] = sum;
}
__global__ void too_much(int* refused) {
  void* all = malloc(size_t{1} << 40);
  *refused = all == nullptr;
  free(all);
  int* scratch = new int[1000];
  for (int i = 0; i < 1000; ++i) scratch[i] = i;
  *refused += scratch[999];
  delete[] scratch;
}

int main() {
  const int n = 256, length = 20;
  Node** heads;
  long long *sums, total = 0;
  int *refused, answer = 0;
  std::vector<long long> got(n);
  size_t limit = 0;
  CHECK(cudaDeviceSetLimit(cudaLimitMallocHeapSize, 16 << 20));
  CHECK(cudaDeviceGetLimit(&limit, cudaLimitMallocHeapSize));
  EXPECT(limit >= 16 << 20);
  CHECK(cudaMalloc(&heads, n * sizeof(Node*)));
  CHECK(cudaMalloc(&sums, n * sizeof(long long)));
  CHECK(cudaMalloc(&refused, sizeof(int)));
  for (int round = 0; round < 3; ++round) {
    make<<<n / 64, 64>>>(heads, length);
    follow<<<n / 32, 32>>>(heads, sums);
  }
  CHECK(cudaMemcpy(got.data(), sums, n * sizeof(long long), cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i) {
    long long sum = 0;
    for (int k = length + i % 3 - 1; k >= 0; --k) sum = sum * 3 + i * 100 + k;
    EXPECT(got[i] == sum);
    total += sum % 1000;
  }
  too_much<<<1, 1>>>(refused);
  CHECK(cudaMemcpy(&answer, refused, sizeof answer, cudaMemcpyDeviceToHost));
  EXPECT(answer == 1000);
  std::printf("device_heap: %lld\n", total);
}
