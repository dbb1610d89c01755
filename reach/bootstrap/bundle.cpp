#include "reach/bootstrap/bundle.h"

#include <set>

#include "base/reading/files.h"
#include "exec/hash.h"
#include "exec/near/needs.h"
#include "link/helper.h"

namespace reach {
namespace {

namespace fs = std::filesystem;
namespace reading = base::reading;

std::string sha256(std::string_view bytes) { return exec::hex(exec::hash_of(std::as_bytes(std::span(bytes)))); }

// What the dynamic loader would take for a file, and the newest C library that all of it wants. `own`: where a copy
// that --bootstrap made has brought its libraries.
base::Status add_needed(const fs::path& file, const fs::path& own, Bundle& bundle, std::set<std::string>& have) {
  for (const exec::Part& part : exec::inspect(file).parts) {
    if (!part.name.empty() && !have.insert(part.name).second) continue;
    if (exec::version_less(bundle.glibc, part.glibc)) bundle.glibc = part.glibc;
    if (part.name.empty()) continue;
    const fs::path path = part.path.empty() ? own / part.name : fs::path(part.path);
    std::error_code error;
    if (!fs::exists(path, error))
      return base::Error{file.string() + " needs " + part.name + ", which is not on this machine"};
    bundle.pieces.push_back({"lib/outboard/deps/" + part.name, path});
  }
  return base::Done{};
}

void add_folder(const fs::path& from, const std::string& to, std::vector<Piece>& pieces) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(from, error))
    if (entry.is_regular_file(error) && !entry.is_symlink(error))
      pieces.push_back({to + "/" + entry.path().filename().string(), entry.path()});
}

}  // namespace

base::Result<Bundle> make_bundle() {
  const fs::path program = links::outboard_program(), lib = program.parent_path().parent_path() / "lib";
  Bundle bundle;
  bundle.pieces.push_back({"bin/outboard", program});
  add_folder(lib / "outboard", "lib/outboard", bundle.pieces);
  std::error_code error;
  for (std::string name : {"software", "compilers"}) {
    fs::path installed = lib / "outboard" / name;
    add_folder(fs::exists(installed, error) ? installed : lib / name, "lib/outboard/" + name, bundle.pieces);
  }
  std::set<std::string> have;
  for (size_t i = 0, own = bundle.pieces.size(); i < own; ++i)
    if (const fs::path file = bundle.pieces[i].from; file == program || file.string().find(".so") != std::string::npos)
      TRY(add_needed(file, lib / "outboard/deps", bundle, have));
  for (Piece& piece : bundle.pieces) {
    const reading::Mapped file(reading::Place::here(), piece.from.string());
    if (file.bytes().empty()) return base::Error{"cannot read " + piece.from.string()};
    piece.size = file.bytes().size();
    piece.hash = sha256(file.bytes());
    bundle.size += piece.size;
    bundle.manifest += piece.hash + "  " + piece.name + "\n";
  }
  bundle.hash = sha256(bundle.manifest);
  return bundle;
}

}  // namespace reach
