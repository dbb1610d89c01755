// Sound that comes through a pipe: what PulseAudio's pipe sink or its recorder writes.
#pragma once
#include <memory>
#include <string>

#include "base/fd.h"
#include "desktop/audio.h"

namespace desktop {

// Its thread begins with the first subscriber; what came before is dropped.
std::unique_ptr<AudioSource> read_audio(base::Fd pipe, std::string name);

}  // namespace desktop
