// One request under way: binds a row's parameters to untrusted bytes, runs the function, encodes the answer.
#pragma once
#include <array>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "api/cuda/abi.h"
#include "api/roles.h"
#include "server/objects.h"
#include "wire/message.h"
#include "wire/reader.h"

namespace server {

class Call {
 public:
  // `shared`: the peer can still change the request's bytes, so everything that is looked at is copied first.
  Call(Objects& objects, std::span<std::byte> request, bool shared = false);

  const wire::CallHead& head() const { return head_; }
  // The bytes were a request of this row. False ends the session: the peer does not speak the protocol.
  bool well_formed() const { return reader_.at_end() && !malformed_; }
  std::span<std::byte> reply() { return reply_; }

  void bind_fixed(std::span<const api::Role> roles);  // values, and pointees of known size
  void bind_sized(std::span<const api::Role> roles);  // the rest, and room for the answer
  bool ready();                                       // false: malformed, or refused with the answer already written
  void finish(CUresult result, std::span<const api::Role> roles);

 private:
  void bind_value(const api::Role& role);
  void bind_input(const api::Role& role);
  void bind_room(std::span<const api::Role> roles);
  void* own_copy(void* bytes, size_t size);
  bool null(const api::Role* first, const api::Role& role) const { return head_.nulls >> (&role - first) & 1; }

  struct NewHandle {
    uint64_t number;
    void* handle;
    const void* type;
  };
  Objects& objects_;
  wire::Reader reader_;
  wire::CallHead head_;
  std::span<std::byte> reply_;
  std::array<std::byte, 128> small_reply_;
  std::vector<std::byte> large_reply_;
  std::vector<uint64_t> gone_;
  NewHandle new_handle_{};
  CUresult refusal_ = CUDA_SUCCESS;
  bool malformed_ = false;
  const bool shared_;
  std::vector<std::unique_ptr<std::byte[]>> copies_;  // of what lay in shared memory
};

template <class... P, size_t... i>
CUresult invoke(CUresult (*run)(P...), const api::Role* roles, std::index_sequence<i...>) {
  return run(*static_cast<P*>(roles[i].parameter)...);
}

// Binds, runs and answers one row. `roles` is evaluated twice: the sizes in it depend on values that the first
// pass decodes.
template <class... P, class Roles>
void serve(Call& call, CUresult (*run)(P...), Roles roles) {
  call.bind_fixed(roles());
  auto known = roles();
  call.bind_sized(known);
  if (call.ready()) call.finish(invoke(run, known.data(), std::index_sequence_for<P...>{}), known);
}

template <class... P, class Body>
void with_parameters(CUresult (*)(P...), Body body) {
  body(P{}...);
}

}  // namespace server
