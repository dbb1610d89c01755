// CUDA C++ Programming Guide, "Formatted Output": the host's printf formats, arguments packed by the compiler at
// their natural alignment, float as double, char and short as int; long is 8 bytes.
#include "device/software/run/printf.h"

#include <cstdio>
#include <cstring>

namespace software {
namespace {

// The packed arguments, taken one after another.
class Arguments {
 public:
  explicit Arguments(const uint8_t* at) : start_(at) {}
  template <class T>
  T take() {
    at_ = (at_ + sizeof(T) - 1) & ~(sizeof(T) - 1);
    T value;
    std::memcpy(&value, start_ + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

 private:
  const uint8_t* start_;
  size_t at_ = 0;  // alignment counts from the start of the buffer
};

template <class T>
void print(std::string& out, const char* specification, T value) {
  int length = std::snprintf(nullptr, 0, specification, value);
  if (length <= 0) return;
  size_t before = out.size();
  out.resize(before + static_cast<size_t>(length) + 1);
  std::snprintf(out.data() + before, static_cast<size_t>(length) + 1, specification, value);
  out.pop_back();
}

// One conversion without its length modifiers: flags, width and precision, with each `*` replaced.
struct Specification {
  std::string text = "%";
  bool wide = false;  // l ll z t j
  char conversion = 0;
};

const char* parse(const char* at, Arguments& arguments, int& taken, Specification& into) {
  for (; *at; ++at) {
    if (*at == '*') {
      into.text += std::to_string(arguments.take<int32_t>());
      ++taken;
    } else if (std::strchr("-+ #0123456789.", *at)) {
      into.text += *at;
    } else if (std::strchr("lzjt", *at)) {
      into.wide = true;
    } else if (!std::strchr("hLq", *at)) {
      into.conversion = *at;
      return at + 1;
    }
  }
  return at;
}

// False: not a conversion that CUDA knows; nothing was taken.
bool convert(std::string& out, Specification specification, Arguments& arguments) {
  char conversion = specification.conversion;
  std::string& text = specification.text;
  if (conversion && std::strchr("diouxX", conversion)) {
    text += specification.wide ? "ll" : "";
    text += conversion;
    if (specification.wide)
      print(out, text.c_str(), arguments.take<long long>());
    else
      print(out, text.c_str(), arguments.take<int32_t>());
  } else if (conversion && std::strchr("aAeEfFgG", conversion)) {
    text += conversion;
    print(out, text.c_str(), arguments.take<double>());
  } else if (conversion == 'c') {
    int32_t character = arguments.take<int32_t>();
    text += 'c';
    print(out, text.c_str(), character);
  } else if (conversion == 's') {
    const char* string = arguments.take<const char*>();
    text += 's';
    print(out, text.c_str(), string ? string : "(null)");
  } else if (conversion == 'p') {
    text += 'p';
    print(out, text.c_str(), arguments.take<const void*>());
  } else {
    return false;
  }
  return true;
}

}  // namespace

int format_printf(std::string& out, const char* format, const uint8_t* argument_bytes) {
  if (!format) return -1;
  Arguments arguments(argument_bytes);
  int taken = 0;
  while (*format) {
    const char* percent = std::strchr(format, '%');
    if (!percent) {
      out += format;
      break;
    }
    out.append(format, percent);
    if (percent[1] == '%') {
      out += '%';
      format = percent + 2;
      continue;
    }
    Specification specification;
    const char* after = parse(percent + 1, arguments, taken, specification);
    if (convert(out, specification, arguments))
      ++taken;
    else
      out.append(percent, after);
    format = after;
  }
  return taken;
}

}  // namespace software
