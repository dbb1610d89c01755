#include "client/service.h"

#include "client/target.h"
#include "wire/message.h"

namespace client {

base::Result<links::Link> open_service(const std::string& target, const std::string& purpose, int timeout_ms) {
  Greeted greeted = TRY(greet(target, "outboard " + purpose, timeout_ms, {}, wire::resumable | wire::service, purpose));
  if (!(greeted.welcome.granted & wire::service))
    return base::Error{target + " runs " + greeted.welcome.build + ", which cannot do that; update Outboard there"};
  return std::move(greeted.link);
}

}  // namespace client
