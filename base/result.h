// A value or a sentence that says why there is none. For set-up code; never for the vendor's ABI.
#pragma once
#include <string>
#include <utility>
#include <variant>

namespace base {

struct Error {
  std::string text;  // one sentence: what was tried, what happened, the next step
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(Error error) : state_(std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() { return std::get<0>(state_); }
  const T& value() const { return std::get<0>(state_); }
  const std::string& error() const { return std::get<1>(state_).text; }

 private:
  std::variant<T, Error> state_;
};

struct Done {};
using Status = Result<Done>;

}  // namespace base

// Unwraps a Result, or returns its error from the enclosing function.
#define TRY(expression)                                           \
  __extension__({                                                 \
    auto try_result = (expression);                               \
    if (!try_result.ok()) return base::Error{try_result.error()}; \
    std::move(try_result.value());                                \
  })
