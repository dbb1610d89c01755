// A place that many sessions share: `outboard run` holds it and says so over a socket; the helpers of the program's
// processes ask there instead of submitting jobs of their own.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "reach/slurm/place.h"

namespace reach {

// Names the socket, for helpers (environment).
inline constexpr const char* place_variable = "OUTBOARD_PLACE";

class SharedPlace {
 public:
  static base::Result<SharedPlace> open(const Place& place);
  SharedPlace(SharedPlace&&) = default;
  ~SharedPlace();

  const std::string& path() const { return path_; }
  int descriptor() const { return socket_.get(); }
  void accept();
  // Ends every session that goes on here.
  void end() { visitors_.clear(); }

 private:
  explicit SharedPlace(const Place& place) : place_(&place) {}
  const Place* place_;
  std::string path_;
  base::Fd socket_;
  std::vector<base::Fd> visitors_;
};

// The visitor's side.
base::Result<std::unique_ptr<Allocation>> visit(const std::string& path);

}  // namespace reach
