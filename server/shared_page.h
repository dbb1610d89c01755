// A T in memory that a worker and its listener both map, and no other worker: the mapping stays behind at fork().
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <new>
#include <utility>

#include "base/fd.h"

namespace server {

template <class T>
class SharedPage {
 public:
  SharedPage() = default;
  // False: no memory.
  bool create() {
    file_ = base::Fd(memfd_create("outboard-share", MFD_CLOEXEC));
    if (!file_.valid() || ftruncate(file_.get(), sizeof(T)) != 0) return false;
    at_ = map(file_.get());
    if (at_) new (at_) T;
    return at_ != nullptr && madvise(at_, sizeof(T), MADV_DONTFORK) == 0;
  }
  SharedPage(SharedPage&& other) noexcept : at_(std::exchange(other.at_, nullptr)), file_(std::move(other.file_)) {}
  SharedPage& operator=(SharedPage&& other) noexcept {
    std::swap(at_, other.at_);
    std::swap(file_, other.file_);
    return *this;
  }
  ~SharedPage() {
    if (at_) munmap(at_, sizeof(T));
  }

  T* operator->() const { return at_; }
  explicit operator bool() const { return at_ != nullptr; }
  int file() const { return file_.get(); }
  // The worker has it now; nobody else shall.
  void close_file() { file_.close(); }

  // The worker's half. nullptr: no memory.
  static T* map(int file) {
    void* at = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    return at == MAP_FAILED ? nullptr : static_cast<T*>(at);
  }

 private:
  T* at_ = nullptr;
  base::Fd file_;
};

}  // namespace server
