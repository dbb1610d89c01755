#include "reach/slurm/slurm.h"

#include <poll.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "reach/slurm/place.h"
#include "reach/slurm/shared.h"

namespace reach {
namespace {

base::Result<std::unique_ptr<Allocation>> find_allocation(const links::Address& address, Program& program) {
  const char* shared = std::getenv(place_variable);
  if (shared && *shared) return visit(shared);
  return std::unique_ptr<Allocation>(TRY(Place::take(address, program)));
}

// Until the server has ended, or its allocation.
void watch(Server& server, Allocation& allocation, Program& program) {
  bool listens = true;  // a program that needs nothing more from us closes its end
  while (!server.child().ended()) {
    pollfd watched[] = {{server.error_descriptor(), POLLIN, 0},
                        {server.child().descriptor(), POLLIN, 0},
                        {allocation.descriptor(), POLLIN, 0},
                        {listens ? program.descriptor() : -1, POLLIN, 0}};
    poll(watched, 4, allocation.due_ms());
    if (watched[0].revents) server.pass_error_on();
    if (watched[3].revents) listens = program.hear();
    if (allocation.tick()) continue;
    if (!allocation.reason().empty()) std::fprintf(stderr, "outboard: %s\n", allocation.reason().c_str());
    program.end();
    kill(server.child().pid(), SIGKILL);  // srun would first ask a node that does not answer
    return;
  }
}

}  // namespace

int reach_slurm(Program& program, const links::Address& address, bool only_asks) {
  if (only_asks) {
    auto seen = look_at_partition(address.where);
    return program.fail(seen ? seen.value() : seen.error()), 1;
  }
  auto allocation = find_allocation(address, program);
  if (!allocation) return program.fail(allocation.error()), 1;
  auto server = Server::start(allocation.value()->server_words(), true);
  if (!server) return program.fail(server.error()), 1;
  Mark mark;
  if (!server.value().await(mark, program)) return 1;
  if (!mark.is("ready")) {
    const int code = server.value().finish();
    return program.fail(address.text() + ": no server started on the node (exit code " + std::to_string(code) +
                        "); srun says: " + server.value().last_words()),
           1;
  }
  if (!program.hand_over(server.value().take_socket(), allocation.value()->generation())) return 1;
  watch(server.value(), *allocation.value(), program);
  return 0;
}

}  // namespace reach
