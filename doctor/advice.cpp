// Ranks the ways: what the cause allows, in its order, and what is at hand.
#include "doctor/advice.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

#include "doctor/cause.h"

namespace outboard::doctor {

bool better(const Server& one, const Server& other) {
  auto rank = [](const Server& server) {
    return std::tuple(server.device.empty(), server.software, !server.on_this_machine, server.milliseconds);
  };
  return rank(one) < rank(other);
}

namespace {

const Server* first_server(const Means& means, bool here) {
  const Server* best = nullptr;
  for (const Server& server : means.servers) {
    bool usable = !server.device.empty() && !server.software && server.on_this_machine == here;
    if (usable && (!best || better(server, *best))) best = &server;
  }
  return best;
}

std::string answered(const Server& server) {
  char figures[64];
  std::snprintf(figures, sizeof figures,
                server.gb_per_s > 0 ? " answers in %.0f ms at %.2f GB/s with " : " answers in %.0f ms with ",
                server.milliseconds, server.gb_per_s);
  return server.target + figures + server.device;
}

Way mend(const Diagnosis& diagnosis) {
  const Finding* root = diagnosis.root();
  std::string command = root ? "outboard doctor --explain " + std::string(root->check->id) : "";
  return {"FIX", "mend it", command, "then programs use the GPU directly, at full speed", root != nullptr};
}

Way served(const Means& means, bool here) {
  const Server* server = first_server(means, here);
  Way way{here ? "HOST" : "LAN", here ? "a GPU of the host of this machine" : "a GPU of another machine", "", "",
          server != nullptr};
  way.command = server ? "outboard run --on " + server->target + " -- <program>"
                : here ? "outboard serve (where the GPU works), then: outboard run --on <target> -- <program>"
                       : "outboard run --on via:'ssh HOST outboard serve --stdio' -- <program>";
  way.reason = server ? answered(*server)
               : here ? "the same GPU, over a short way; a server must be started where it works"
                      : "needs a machine with a GPU that you may log in to";
  return way;
}

Way software(const Means& means) {
  std::string where =
      means.processors > 0 ? ", here on " + std::to_string(means.processors) + " processor threads" : "";
  return {"CPU", "the software GPU", "outboard run --on cpu -- <program>",
          "works everywhere" + where + ", far slower than a GPU", true};
}

Way way_for(const std::string& code, const Diagnosis& diagnosis, const Means& means) {
  if (code == "FIX") return mend(diagnosis);
  if (code == "HOST") return served(means, true);
  if (code == "LAN") return served(means, false);
  if (code == "RUN")
    return {"RUN", "run the whole program where a GPU is", "ssh HOST <program>",
            "best for programs that talk to the GPU all the time", false};
  if (code == "DESK")
    return {"DESK", "a remote desktop of a machine with a GPU", "outboard desktop open <target>",
            "for programs with a window", false};
  if (code == "XLAT")
    return {"XLAT", "a layer that translates to what works here", "",
            "PoCL over CUDA, OpenCLOn12, Dozen or zink: not conformant, but here", false};
  return software(means);
}

void put_first(std::vector<std::string>& codes, const std::string& code) {
  auto found = std::find(codes.begin(), codes.end(), code);
  if (found == codes.end()) return;
  codes.erase(found);
  codes.insert(codes.begin() + (codes.empty() || codes[0] != "FIX" ? 0 : 1), code);
}

}  // namespace

std::vector<Way> advise(const Diagnosis& diagnosis, const Means& means, const Needs& needs) {
  const Finding* root = diagnosis.root();
  if (diagnosis.verdict == Verdict::works) return {};
  std::vector<std::string> codes =
      root ? cause(root->check->id).remedies : std::vector<std::string>{"HOST", "LAN", "CPU"};
  bool cuda = diagnosis.want == "cuda";
  if (needs.window) put_first(codes, "DESK");
  if (needs.static_program) put_first(codes, "RUN");
  if (cuda && std::find(codes.begin(), codes.end(), "CPU") == codes.end()) codes.push_back("CPU");
  std::vector<Way> ways;
  for (const std::string& code : codes) {
    bool ours = code == "HOST" || code == "LAN" || code == "CPU";
    // Outboard carries CUDA; it offers nothing for the other interfaces that it cannot do.
    if (ours && !cuda) continue;
    if (code == "CPU" && needs.static_program) continue;
    ways.push_back(way_for(code, diagnosis, means));
  }
  return ways;
}

Needs needs_in(const Facts& facts) {
  Needs needs;
  std::string uses = facts.text("p:app.uses");
  needs.window = contains(uses, "opengl") || facts.text("p:want") == "opengl";
  needs.static_program = facts.text("p:app.kind") == "static";
  return needs;
}

}  // namespace outboard::doctor
