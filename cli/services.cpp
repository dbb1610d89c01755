#include "cli/services.h"

#include <utility>
#include <vector>

#include "cli/doctor_there.h"
#include "desktop/open/far_side.h"
#include "exec/far/service.h"

namespace cli {

std::span<const server::Service> services() {
  static const std::vector<server::Service> all = {
      {"doctor", true, serve_doctor},
      {"desktop", true,
       [](links::Link stream, const server::ServiceRequest&) { return desktop::offer_session(std::move(stream)); }},
      {"exec", true, exec::serve, exec::tend}};
  return all;
}

}  // namespace cli
