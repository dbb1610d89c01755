// What a module holds, as obModuleLoad describes it to the client: plain bytes, little-endian.
//
// Layout: Header, then `functions` FunctionRecords each followed by its ParameterRecords and its name,
// then `variables` VariableRecords each followed by its name. Names are padded with zeros to 8 bytes.
#pragma once
#include <cstdint>

namespace api::description {

struct Header {
  uint32_t functions, variables;
};
struct FunctionRecord {
  uint32_t name_length;  // bytes, without padding
  uint32_t parameters;
  uint32_t parameter_bytes;    // size of the whole parameter buffer
  int32_t attributes[16];      // CUfunction_attribute 0..15
  uint32_t required_block[3];  // .reqntid or 0
};
struct ParameterRecord {
  uint32_t offset, size;
};
struct VariableRecord {
  uint64_t address;  // device address
  uint64_t size;
  uint32_t name_length;
  uint32_t managed;  // 1: lives in the host area
};

}  // namespace api::description
