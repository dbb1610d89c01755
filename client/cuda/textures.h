// Texture and surface objects of this process.
#pragma once

namespace client {

struct Context;
void forget_textures(const Context& context);

}  // namespace client
