// Operands of PTX's instructions: registers, numbers, addresses, vectors and labels.
#include <string>

#include "device/software/ptx/parsing.h"

namespace ptx {
namespace {

const std::unordered_map<std::string_view, Special>& specials() {
  static const std::unordered_map<std::string_view, Special> table = {
      {"%tid.x", Special::tid_x},
      {"%tid.y", Special::tid_y},
      {"%tid.z", Special::tid_z},
      {"%ntid.x", Special::ntid_x},
      {"%ntid.y", Special::ntid_y},
      {"%ntid.z", Special::ntid_z},
      {"%ctaid.x", Special::ctaid_x},
      {"%ctaid.y", Special::ctaid_y},
      {"%ctaid.z", Special::ctaid_z},
      {"%nctaid.x", Special::nctaid_x},
      {"%nctaid.y", Special::nctaid_y},
      {"%nctaid.z", Special::nctaid_z},
      {"%laneid", Special::laneid},
      {"%warpid", Special::warpid},
      {"%nwarpid", Special::nwarpid},
      {"%smid", Special::smid},
      {"%nsmid", Special::nsmid},
      {"%gridid", Special::gridid},
      {"%lanemask_eq", Special::lanemask_eq},
      {"%lanemask_le", Special::lanemask_le},
      {"%lanemask_lt", Special::lanemask_lt},
      {"%lanemask_ge", Special::lanemask_ge},
      {"%lanemask_gt", Special::lanemask_gt},
      {"%clock", Special::clock},
      {"%clock_hi", Special::clock_hi},
      {"%clock64", Special::clock64},
      {"%globaltimer", Special::globaltimer},
      {"%globaltimer_lo", Special::globaltimer_lo},
      {"%globaltimer_hi", Special::globaltimer_hi},
      {"%dynamic_smem_size", Special::dynamic_smem_size},
      {"%total_smem_size", Special::total_smem_size},
      {"%aggr_smem_size", Special::aggr_smem_size},
      {"%is_explicit_cluster", Special::is_explicit_cluster},
      {"%clusterid.x", Special::clusterid_x},
      {"%clusterid.y", Special::clusterid_y},
      {"%clusterid.z", Special::clusterid_z},
      {"%nclusterid.x", Special::nclusterid_x},
      {"%nclusterid.y", Special::nclusterid_y},
      {"%nclusterid.z", Special::nclusterid_z},
      {"%cluster_ctaid.x", Special::cluster_ctaid_x},
      {"%cluster_ctaid.y", Special::cluster_ctaid_y},
      {"%cluster_ctaid.z", Special::cluster_ctaid_z},
      {"%cluster_nctaid.x", Special::cluster_nctaid_x},
      {"%cluster_nctaid.y", Special::cluster_nctaid_y},
      {"%cluster_nctaid.z", Special::cluster_nctaid_z},
      {"%cluster_ctarank", Special::cluster_ctarank},
      {"%cluster_nctarank", Special::cluster_nctarank},
      {"%envreg1", Special::envreg1},
      {"%envreg2", Special::envreg2},
      {"WARP_SZ", Special::warp_size},
  };
  return table;
}

}  // namespace

Operand Parsing::operand() {
  Operand result;
  if (token_.is('[')) return address();
  if (token_.is('{')) return vector();
  if (token_.kind == Token::word) return word_operand();
  bool negation = token_.is('!'), minus = token_.is('-');
  if (!negation && !minus) return constant();
  advance();
  if (token_.kind != Token::word) return constant(negation ? '!' : '-');
  if (minus && !minus_) fail("a minus before a register");
  result = word_operand();  // !p, and -a of vmad
  result.negated = true;
  return result;
}

Operand Parsing::word_operand() {
  Operand result;
  std::string text = name();
  if (text == "_") {
    result.kind = Operand::sink;
    return result;
  }
  if (const Symbol* found = look_up(text)) {
    if (found->kind == Operand::vector) return vector_register(*found);
    result.kind = found->kind;
    result.local = true;
    result.index = found->index;
    if (found->kind == Operand::reg && token_.kind == Token::dot) selector(result);
    if (found->kind == Operand::symbol && accept('+')) result.value = static_cast<int64_t>(integer());
    return result;
  }
  if (text[0] == '%' || text == "WARP_SZ") return special(text);
  if (auto found = module_names_.find(text); found != module_names_.end()) {
    result.kind = found->second.kind;
    result.index = found->second.index;
    if (accept('+')) result.value = static_cast<int64_t>(integer());
    return result;
  }
  return label(text);
}

Operand Parsing::special(const std::string& text) {
  Operand result;
  result.kind = Operand::special_register;
  std::string full = text;
  static constexpr std::string_view axes[] = {".x", ".y", ".z"};
  if (token_.kind != Token::dot && specials().count(text + ".x")) {  // all of %tid: x, y, z and 0
    result.kind = Operand::vector;
    for (std::string_view axis : axes) {
      Operand element;
      element.kind = Operand::special_register;
      element.special = specials().at(text + std::string(axis));
      result.elements.push_back(element);
    }
    Operand nothing;
    nothing.kind = Operand::integer;
    result.elements.push_back(nothing);
    return result;
  }
  if (token_.kind == Token::dot) {
    full += "." + std::string(token_.text);
    advance();
  }
  auto found = specials().find(full);
  if (found != specials().end())
    result.special = found->second;
  else if (is_always_zero(full))
    result.special = Special::zero;
  else
    fail("unknown register '" + full + "'");
  return result;
}

Operand Parsing::address() {
  Operand result;
  expect('[');
  Operand base = operand();
  result.kind = Operand::address;
  result.base_kind = base.kind == Operand::integer ? Operand::none : base.kind;
  result.local = base.local;
  result.index = base.index;
  result.value = base.value;
  bool known = base.kind == Operand::reg || base.kind == Operand::symbol || base.kind == Operand::integer;
  if (!known) fail("an address must be a register, a variable or a number");
  while (accept('+')) result.value += static_cast<int64_t>(integer());
  while (!failed_ && accept(',')) result.elements.push_back(operand());  // a texture's sampler and coordinates
  expect(']');
  return result;
}

Operand Parsing::vector() {
  Operand result;
  result.kind = Operand::vector;
  expect('{');
  while (!failed_ && !token_.is('}')) {
    if (token_.is('{')) fail("a vector inside a vector");
    result.elements.push_back(operand());
    if (!accept(',')) break;
  }
  expect('}');
  return result;
}

// The label of this name in the innermost scope, which may not have its place yet.
uint32_t Parsing::label_of_scope(const std::string& text) {
  auto [entry, added] = scopes_.back().labels.try_emplace(text, static_cast<uint32_t>(function_->labels.size()));
  if (added) {
    function_->labels.push_back(nowhere);
    function_->label_names.push_back(text);
    label_lines_.push_back(token_.line);
  }
  return entry->second;
}

Operand Parsing::label(const std::string& text) {
  Operand result;
  result.kind = Operand::label;
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
    if (auto found = scope->labels.find(text);
        found != scope->labels.end() && function_->labels[found->second] != nowhere) {
      result.index = found->second;
      return result;
    }
  result.index = label_of_scope(text);
  return result;
}

void Parsing::define_label(const std::string& text) {
  uint32_t& place = function_->labels[label_of_scope(text)];
  if (place != nowhere) return fail("label '" + text + "' stands twice");
  place = static_cast<uint32_t>(function_->body.size());
}

}  // namespace ptx
