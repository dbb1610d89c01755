#include "cli/services.h"

#include <vector>

#include "exec/far/service.h"

namespace cli {

std::span<const server::Service> services() {
  static const std::vector<server::Service> all = {{"exec", true, exec::serve}};
  return all;
}

}  // namespace cli
