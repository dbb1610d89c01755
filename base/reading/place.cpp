// The machine and the process as they are.
#include "base/reading/place.h"

#include <unistd.h>

namespace base::reading {

Place Place::here() {
  Place place;
  for (char** entry = environ; entry && *entry; ++entry) {
    std::string_view text = *entry;
    size_t equals = text.find('=');
    if (equals != std::string_view::npos) place.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  place.path = place.variable("PATH");
  if (place.path.empty()) place.path = "/usr/local/bin:/usr/bin:/bin";
  place.process = getpid();
  return place;
}

std::string Place::variable(std::string_view name) const {
  auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

}  // namespace base::reading
