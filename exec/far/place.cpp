#include "exec/far/place.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "server/state/state.h"

namespace exec {

namespace {

Place usual_place() { return {server::state_folder() + "/exec"}; }

}  // namespace

bool Place::is_there() {
  std::error_code error;
  return std::filesystem::exists(usual_place().database(), error);
}

base::Result<Place> Place::open() {
  Place place = usual_place();
  std::error_code error;
  std::filesystem::create_directories(server::state_folder(), error);
  for (const std::string& path : {place.folder, place.store(), place.jobs(), place.kernels(), place.environments()}) {
    if (mkdir(path.c_str(), 0700) < 0 && errno != EEXIST)
      return base::Error{"the server cannot keep programs in " + path + ": " + std::strerror(errno) +
                         "; choose another folder there with OUTBOARD_STATE=FOLDER"};
  }
  return place;
}

}  // namespace exec
