// From an error text to its causes: by the words of known messages, and by the numbers of known codes.
#include "doctor/explain.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "doctor/cause.h"
#include "doctor/report/report.h"

namespace outboard::doctor {

namespace {

constexpr size_t most_of_a_text = 1 << 16;

// What a code means, in the words in which it is printed, and the causes to look at, in order (CUDA Driver API,
// CUresult; NVML, nvmlReturn_t; cl.h; VkResult; EGL).
struct Code {
  std::vector<std::string> messages;
  std::vector<std::string> causes;
};

const std::vector<Code>& codes() {
  static const std::vector<Code> table = {
      {{"GPU access blocked by the operating system", "NVML_ERROR_OPERATING_SYSTEM"},
       {"WSL-02", "WSL-03", "WSL-04", "WSL-16", "WSL-10", "WSL-11", "WSL-13", "WSL-14", "WSL-27", "WSL-15", "WSL-28",
        "WSL-23", "WSL-43", "DOCK-09", "VM-05", "VM-04", "DOCK-18", "SLURM-01"}},
      {{"couldn't communicate with the NVIDIA driver", "Driver Not Loaded", "NVML_ERROR_DRIVER_NOT_LOADED"},
       {"WSL-17", "WSL-22", "NV-02", "NV-03", "NV-04", "NV-05", "NV-06", "NV-07", "NV-20", "DOCK-27", "WSL-01"}},
      {{"Driver/library version mismatch", "cudaErrorSystemDriverMismatch", "unsupported display driver / cuda driver",
        "error 803"},
       {"NV-08", "DOCK-28", "LIB-08", "LIB-04"}},
      {{"Insufficient Permissions", "NVML_ERROR_NO_PERMISSION"}, {"NV-22", "DOCK-22", "DOCK-45"}},
      {{"Failed to initialize NVML: Unknown Error"}, {"DOCK-18"}},
      {{"No devices were found"},
       {"NV-13", "NV-12", "NV-09", "NV-10", "NV-11", "NV-14", "NV-17", "NV-26", "NV-34", "SLURM-01", "LXC-01"}},
      {{"no CUDA-capable device", "cudaErrorNoDevice", "CUDA_ERROR_NO_DEVICE", "cuInit*100", "returned 100",
        "error 100"},
       {"APP-01", "APP-02", "WSL-02", "WSL-10", "WSL-17", "NV-01", "NV-03", "NV-22", "NV-26", "DOCK-01", "DOCK-27",
        "VM-01", "SLURM-01"}},
      {{"invalid device ordinal", "cudaErrorInvalidDevice", "error 101"}, {"APP-02", "APP-01"}},
      {{"CUDA driver version is insufficient", "cudaErrorInsufficientDriver", "error 35"},
       {"APP-04", "DOCK-01", "LIB-01", "WSL-19"}},
      {{"driver is a stub", "cudaErrorStubLibrary", "CUDA_ERROR_STUB_LIBRARY", "error 34"}, {"LIB-02"}},
      {{"busy or unavailable", "cudaErrorDevicesUnavailable", "error 46"}, {"NV-27", "NV-28"}},
      {{"cudaErrorDeviceNotLicensed", "CUDA_ERROR_DEVICE_NOT_LICENSED", "error 102"}, {"NV-33"}},
      {{"no kernel image", "cudaErrorNoKernelImageForDevice", "CUDA_ERROR_NO_BINARY_FOR_GPU", "error 209"},
       {"APP-06", "AMD-03", "WSL-29"}},
      {{"unsupported toolchain", "UNSUPPORTED_PTX_VERSION", "error 222"}, {"APP-05"}},
      {{"uncorrectable ECC", "cudaErrorECCUncorrectable", "error 214"}, {"NV-15", "NV-30"}},
      {{"OS call failed", "operating system call failed", "cudaErrorOperatingSystem", "CUDA_ERROR_OPERATING_SYSTEM",
        "error 304"},
       {"LXC-01", "NV-21", "APP-09"}},
      {{"named symbol not found", "CUDA_ERROR_NOT_FOUND", "error 500"}, {"DOCK-10"}},
      {{"operation not supported", "cudaErrorNotSupported", "CUDA_ERROR_NOT_SUPPORTED", "error 801"}, {"WSL-40"}},
      {{"system not yet initialized", "cudaErrorSystemNotReady", "CUDA_ERROR_SYSTEM_NOT_READY", "error 802"},
       {"NV-24", "NV-25", "NV-35"}},
      {{"forward compatibility", "CompatNotSupportedOnDevice", "error 804"}, {"LIB-03"}},
      {{"MpsConnectionFailed", "CUDA_ERROR_MPS", "cudaErrorMps", "error 805"}, {"NV-37"}},
      {{"initialization error", "cudaErrorInitializationError", "CUDA_ERROR_NOT_INITIALIZED", "cuda error 3"},
       {"APP-10", "NV-21"}},
      {{"cudaErrorUnknown", "CUDA_ERROR_UNKNOWN", "unknown error", "error 999"}, {"NV-21", "NV-23", "NV-15", "LXC-01"}},
      {{"out of memory", "cudaErrorMemoryAllocation"}, {"NV-29", "APP-09", "WSL-40"}},
      {{"GPU is lost", "NVML_ERROR_GPU_IS_LOST"}, {"NV-14"}},
      {{"requires a reset", "RESET_REQUIRED"}, {"NV-15", "NV-30"}},
      {{"insufficient power", "INSUFFICIENT_POWER"}, {"NV-16"}},
      {{"CL_PLATFORM_NOT_FOUND_KHR", "clGetPlatformIDs*-1001", "Number of platforms 0", "-1001"},
       {"WSL-34", "WSL-33", "LIB-09", "LIB-10", "LIB-11", "LIB-12", "INT-01"}},
      {{"ERROR_INCOMPATIBLE_DRIVER", "vkCreateInstance*-9", "Found no drivers"},
       {"LIB-13", "LIB-14", "LIB-15", "WSL-35"}},
      {{"eglInitialize*3001", "EGL_NOT_INITIALIZED"}, {"LIB-17", "LIB-18"}},
      {{"libcuda.so.1: cannot open shared object", "libcuda.so.1*not found", "Could not load*libcuda.so.1"},
       {"WSL-19", "WSL-06", "WSL-08", "WSL-09", "DOCK-01", "K8S-01", "APPT-01", "LIB-01", "NV-02", "DOCK-29"}},
      {{"llvmpipe", "softpipe"}, {"LIB-21", "WSL-36", "WSL-37", "DRI-01", "LIB-20", "LIB-13"}},
      {{"could not select device driver"}, {"DOCK-02", "DOCK-05", "DOCK-06", "DOCK-13", "DOCK-12"}},
      {{"failed to process request"}, {"WSL-02", "DOCK-08"}},
      {{"load library failed: libnvidia-ml"}, {"DOCK-13", "DOCK-08", "LIB-01"}},
      {{"no adapters were found"}, {"WSL-10", "WSL-31", "WSL-12", "WSL-13", "WSL-02", "DOCK-07"}},
      {{"hipErrorNoDevice"}, {"APP-03", "AMD-01", "AMD-02"}},
  };
  return table;
}

// Whether a message stands in a text; a number at the message's end is not the start of a longer one.
bool stands_in(const std::string& flat, const std::string& message) {
  if (!holds(flat, message)) return false;
  if (message.empty() || message.back() < '0' || message.back() > '9') return true;
  std::string tail = lower(message.substr(message.rfind('*') + 1));
  std::string text = lower(flat);
  for (size_t at = text.find(tail); at != std::string::npos; at = text.find(tail, at + 1)) {
    char next = at + tail.size() < text.size() ? text[at + tail.size()] : ' ';
    if (next < '0' || next > '9') return true;
  }
  return false;
}

std::string without_marks(std::string text) {
  std::erase(text, '`');
  return text;
}

std::string bullets(const std::vector<std::string>& list, size_t width) {
  std::string text;
  for (const std::string& item : list) text += wrapped("- " + without_marks(item), 2, width);
  return text;
}

}  // namespace

std::vector<Suspect> suspects(std::string_view text) {
  std::string flat = flat_log(text.substr(0, most_of_a_text));
  struct Match {
    size_t length;
    int rank;
    Suspect suspect;
  };
  std::vector<Match> own;
  for (const Check& check : all_checks())
    for (const std::string& message : messages_of(check.id))
      if (stands_in(flat, message)) {
        own.push_back({message.size(), check.rank, {std::string(check.id), message}});
        break;
      }
  // A longer message says more; of equal ones the outer layer comes first.
  std::stable_sort(own.begin(), own.end(), [](const Match& a, const Match& b) {
    return a.length != b.length ? a.length > b.length : a.rank < b.rank;
  });
  std::vector<Suspect> list;
  std::set<std::string> known;
  // Where a code's own list orders the causes of its message, that order holds.
  std::set<std::string> ordered;
  std::vector<Suspect> by_code;
  for (const Code& code : codes())
    for (const std::string& message : code.messages)
      if (stands_in(flat, message)) {
        for (const std::string& id : code.causes)
          if (ordered.insert(id).second) by_code.push_back({id, message});
        break;
      }
  for (const Match& match : own)
    if (!ordered.contains(match.suspect.id) && known.insert(match.suspect.id).second) list.push_back(match.suspect);
  for (const Suspect& suspect : by_code)
    if (known.insert(suspect.id).second) list.push_back(suspect);
  return list;
}

std::string explain(std::string_view id, size_t width) {
  const Cause& text = cause(id);
  if (text.id.empty()) return {};
  std::string out = wrapped(text.id + ": " + text.title, 0, width) + "\n" + wrapped(text.explanation, 2, width);
  out += "\nWhere: " + text.where + ". Interfaces: " + text.apis + ".\n";
  out += "\nHow it shows\n" + bullets(text.symptoms, width) + "\nWhat decides\n" + bullets(text.evidence, width);
  out += "\nWhat to do\n";
  for (const Step& step : text.fix) {
    std::string who = step.side == "admin" ? "an administrator" : step.side;
    for (const std::string& need : step.needs) who += ", " + need;
    out += wrapped("- " + step.say + " (" + who + ")", 2, width);
    if (!step.run.empty()) out += "      " + step.run + "\n";
  }
  if (!text.neighbours.empty()) out += "\nNot to be taken for\n";
  for (const auto& [other, why] : text.neighbours) out += wrapped("- " + other + ": " + without_marks(why), 2, width);
  if (!text.sources.empty()) out += "\nSources\n" + bullets(text.sources, width);
  return out;
}

std::string explain_text(std::string_view text, size_t width) {
  auto list = suspects(text);
  if (list.empty())
    return "No known message was found in this text. outboard doctor, on the machine that printed it, looks at the "
           "machine itself.\n";
  std::string out = "Causes of this text, the first to look at first:\n";
  for (const Suspect& suspect : list) {
    const Cause& found = cause(suspect.id);
    out += "\n" + wrapped(suspect.id + "  " + found.title, 0, width);
    out += wrapped("where: " + found.where + "; by: \"" + suspect.because + "\"", 2, width);
    if (!found.evidence.empty()) out += wrapped("what decides: " + without_marks(found.evidence[0]), 2, width);
  }
  return out + "\noutboard doctor decides between them; outboard doctor --explain ID says what to do.\n";
}

std::string list_checks() {
  std::string out;
  for (const Check& check : all_checks()) {
    char line[80];
    std::snprintf(line, sizeof line, "%-9s %3d  %-8s %-11s ", std::string(check.id).c_str(), check.rank,
                  std::string(name_of(check.severity)).c_str(), std::string(name_of(check.layer)).c_str());
    out += line + cause(check.id).title + "\n";
  }
  return out;
}

}  // namespace outboard::doctor
