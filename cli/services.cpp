#include "cli/services.h"

#include <vector>

#include "cli/doctor_there.h"

namespace cli {

std::span<const server::Service> services() {
  static const std::vector<server::Service> all = {{"doctor", true, serve_doctor}};
  return all;
}

}  // namespace cli
