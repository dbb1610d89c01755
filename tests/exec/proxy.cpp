// The faulty connection of tests/links as a program: proxy SERVER_PORT SEED prints its port, passes bytes on until its
// standard input ends, and prints how often it has cut.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tests/links/proxy.h"

int main(int count, char** arguments) {
  if (count < 3) return 2;
  faults::Proxy proxy(std::atoi(arguments[1]), static_cast<unsigned>(std::atoi(arguments[2])));
  std::printf("%d\n", proxy.port());
  std::fflush(stdout);
  char byte = 0;
  while (read(0, &byte, 1) > 0) {
  }
  std::printf("%d\n", proxy.cuts());
  return 0;
}
