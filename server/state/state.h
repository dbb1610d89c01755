// The server's memory across restarts: virtual GPUs, tokens and usage in one SQLite file, which the command line
// writes beside a running server.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/state/database.h"
#include "server/state/facts.h"

namespace server {

// $OUTBOARD_STATE, else outboard in $XDG_STATE_HOME or ~/.local/state.
std::string state_folder();

class State {
 public:
  // Opens FOLDER/state.db; makes both, for this user alone.
  static base::Result<State> open(const std::string& folder = state_folder());

  base::Status add(const VirtualGpu& vgpu);
  base::Result<std::vector<VirtualGpu>> virtual_gpus();
  base::Result<std::optional<VirtualGpu>> find_virtual_gpu(const std::string& name);
  base::Status remove_virtual_gpu(const std::string& name);  // its tokens go with it

  base::Status add(const Token& token);
  base::Result<std::vector<Token>> tokens();
  base::Result<std::optional<Token>> find_token(const std::string& id);
  // By id, by the beginning of an id that no other has, or by name. Gives the ids that were revoked now or before.
  base::Result<std::vector<std::string>> revoke(const std::string& which);

  base::Status add(const Usage& more);
  base::Result<std::vector<Usage>> usage();

 private:
  explicit State(Database database) : database_(std::move(database)) {}
  base::Status set_up();
  base::Status finish(Statement& statement);
  template <class Row, class Read>
  base::Result<std::vector<Row>> all(Statement statement, Read read);

  Database database_;
};

}  // namespace server
