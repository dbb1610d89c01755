// The way around a command's pipes (wire/offer.h), as the client tries it.
#pragma once
#include <optional>

#include "base/fd.h"
#include "link/address.h"
#include "link/resumable.h"
#include "wire/hello.h"

namespace client {

// Is it worth asking for? OUTBOARD_DIRECT=off: no.
bool wishes_direct(const links::Address& address);

struct Direct {
  links::Address address;  // where the server was met
  links::Resumable::Return met;
};
// Tries what the welcome offers, for a second or so. Nothing: the session stays on the pipes.
std::optional<Direct> go_direct(const links::Address& target, const wire::Welcome& welcome);

// One attempt to find the session again. `helper`: its hang-up says that there is nothing to come back to
// (link/helper.h); it may be empty.
links::Resumable::Meet come_back_directly(const Direct& direct, const std::string& session, base::Fd helper);

}  // namespace client
