// What the driver says on standard error while something is done.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <string>

template <class Do>
std::string said_during(Do something) {
  int before = dup(2), heard = memfd_create("said", 0);
  std::fflush(stderr);
  dup2(heard, 2);
  something();
  std::fflush(stderr);
  dup2(before, 2);
  std::string text(static_cast<size_t>(lseek(heard, 0, SEEK_END)), 0);
  if (pread(heard, text.data(), text.size(), 0) < 0) text.clear();
  close(heard), close(before);
  return text;
}
