// --bootstrap for via:COMMAND. A command that ends with the words that start a server there can start a shell instead,
// which takes the copy in.
#pragma once
#include "base/result.h"
#include "link/address.h"

namespace reach {

// The same way to a server of the copy, which is made where there is none. Refused: a command that ends otherwise,
// whose last words we cannot replace.
base::Result<links::Address> bootstrap_via(const links::Address& address);

}  // namespace reach
